package org.apache.flink.agents.runtime.local;

import java.util.Arrays;
import org.apache.flink.metrics.Histogram;
import org.apache.flink.metrics.HistogramStatistics;

/** Statistics of the last values, as many as the window holds. */
final class WindowHistogram implements Histogram {
    private final long[] window;
    private long count;

    WindowHistogram(final int size) {
        if (size < 1) {
            throw new IllegalArgumentException("A histogram's window holds at least one value, not " + size);
        }
        window = new long[size];
    }

    @Override
    public void update(final long value) {
        window[(int) (count++ % window.length)] = value;
    }

    @Override
    public long getCount() {
        return count;
    }

    @Override
    public HistogramStatistics getStatistics() {
        final long[] values = Arrays.copyOf(window, (int) Math.min(count, window.length));
        Arrays.sort(values);
        return new Sorted(values);
    }

    private static final class Sorted extends HistogramStatistics {
        private final long[] values;

        Sorted(final long[] values) {
            this.values = values;
        }

        /** Linear between the two nearest values. */
        @Override
        public double getQuantile(final double quantile) {
            if (values.length == 0) {
                return 0;
            }
            final double at = Math.min(Math.max(quantile, 0), 1) * (values.length - 1);
            final int below = (int) at;
            final int above = Math.min(below + 1, values.length - 1);
            return values[below] + (at - below) * (values[above] - values[below]);
        }

        @Override
        public long[] getValues() {
            return values.clone();
        }

        @Override
        public int size() {
            return values.length;
        }

        @Override
        public double getMean() {
            return Arrays.stream(values).average().orElse(0);
        }

        @Override
        public double getStdDev() {
            if (values.length < 2) {
                return 0;
            }
            final double mean = getMean();
            final double squares = Arrays.stream(values).mapToDouble(v -> (v - mean) * (v - mean)).sum();
            return Math.sqrt(squares / (values.length - 1));
        }

        @Override
        public long getMax() {
            return values.length == 0 ? 0 : values[values.length - 1];
        }

        @Override
        public long getMin() {
            return values.length == 0 ? 0 : values[0];
        }
    }
}
