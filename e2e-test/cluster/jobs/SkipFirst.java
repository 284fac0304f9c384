package jobs;

import org.apache.flink.api.common.functions.FilterFunction;

/** Leaves out the first line, at parallelism 1 and in bounded jobs that do not restart. */
final class SkipFirst implements FilterFunction<String> {
    private static final long serialVersionUID = 1L;
    private boolean first = true;

    @Override
    public boolean filter(final String line) {
        final boolean keep = !first;
        first = false;
        return keep;
    }
}
