package org.apache.flink.agents.runtime.local;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.util.concurrent.atomic.AtomicLong;
import org.apache.flink.agents.api.metrics.UpdatableGauge;
import org.apache.flink.metrics.Counter;
import org.apache.flink.metrics.HistogramStatistics;
import org.apache.flink.metrics.Meter;
import org.apache.flink.metrics.SimpleCounter;
import org.junit.jupiter.api.Test;

class LocalMetricsTest {

    private final LocalMetrics metrics = new LocalMetrics();

    @Test
    void theSameNameIsTheSameMetric() {
        metrics.getSubGroup("action", "a").getCounter("n").inc(3);
        assertThat(metrics.getSubGroup("action", "a").getCounter("n").getCount()).isEqualTo(3);
        assertThat(metrics.getSubGroup("action", "b").getCounter("n").getCount()).isZero();
        assertThat(metrics.getSubGroup("x")).isSameAs(metrics.getSubGroup("x"));
        assertThat(metrics.getCounter("n").getCount()).isZero();
    }

    @Test
    @SuppressWarnings("unchecked")
    void aGaugeShowsTheLatestValue() {
        final UpdatableGauge<Object> gauge = (UpdatableGauge<Object>) metrics.getGauge("g");
        assertThat(gauge.getValue()).isNull();
        gauge.update(1);
        gauge.update(2);
        assertThat(metrics.getGauge("g").getValue()).isEqualTo(2);
    }

    @Test
    void whatUsersAddToACounterThatIsKeptElsewhereIsInTheCount() {
        final AtomicLong elsewhere = new AtomicLong(5);
        metrics.counter("c", elsewhere::get);
        metrics.getCounter("c").inc(2);
        elsewhere.set(7);
        assertThat(metrics.getCounter("c").getCount()).isEqualTo(9);
        assertThat(metrics.snapshot("a").values()).containsEntry("c", 9L);
    }

    @Test
    void aMeterCountsWithItsCounter() {
        final Counter counter = new SimpleCounter();
        final Meter meter = metrics.getMeter("m", counter);
        meter.markEvent();
        meter.markEvent(4);
        assertThat(counter.getCount()).isEqualTo(5);
        assertThat(metrics.getMeter("m").getCount()).isEqualTo(5);
        assertThat(meter.getRate()).isPositive();
    }

    @Test
    void aHistogramKnowsTheLastValues() {
        final HistogramStatistics none = metrics.getHistogram("h", 4).getStatistics();
        assertThat(none.size()).isZero();
        assertThat(none.getMean() + none.getStdDev() + none.getMax() + none.getMin() + none.getQuantile(0.5)).isZero();
        for (final long value : new long[] {100, 4, 1, 3, 2}) {
            metrics.getHistogram("h").update(value);
        }
        assertThat(metrics.getHistogram("h").getCount()).isEqualTo(5);
        final HistogramStatistics last = metrics.getHistogram("h").getStatistics();
        assertThat(last.getValues()).containsExactly(1, 2, 3, 4);
        assertThat(last.getMin()).isEqualTo(1);
        assertThat(last.getMax()).isEqualTo(4);
        assertThat(last.getMean()).isEqualTo(2.5);
        assertThat(last.getStdDev()).isEqualTo(1.291, within(0.001));
        assertThat(last.getQuantile(0.5)).isEqualTo(2.5);
        assertThat(last.getQuantile(1)).isEqualTo(4);
        assertThatThrownBy(() -> metrics.getHistogram("none", 0)).isInstanceOf(IllegalArgumentException.class);
    }
}
