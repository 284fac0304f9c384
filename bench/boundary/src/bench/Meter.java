package bench;

import com.sun.management.ThreadMXBean;
import java.lang.management.ManagementFactory;
import java.util.Arrays;
import java.util.Locale;

/**
 * Measures the CPU time and the allocations of the calling thread, over many rounds. CPU time rather than the clock: a busy
 * machine then disturbs little. The best round is what the code costs, the median what it costs here and now.
 */
final class Meter {
    private static final ThreadMXBean THREADS = (ThreadMXBean) ManagementFactory.getThreadMXBean();

    private final int rounds;

    Meter(final int rounds) {
        this.rounds = rounds;
    }

    /** Work that is done {@code count} times in one go. */
    interface Work {
        void run(int count) throws Exception;
    }

    /**
     * Prints one line.
     *
     * @param name what is measured
     * @param count how often in a round
     * @param parts what one of {@code count} consists of
     * @param part name of a part, or null if there is one
     */
    void measure(final String name, final int count, final double parts, final String part, final Work work)
            throws Exception {
        // Two thirds as long again: the compilers are done before the first round counts.
        for (int round = 0; round < rounds * 2 / 3 + 1; round++) {
            work.run(count);
        }
        final double[] nanos = new double[rounds];
        final long id = Thread.currentThread().getId();
        final long allocated = THREADS.getThreadAllocatedBytes(id);
        for (int round = 0; round < rounds; round++) {
            final long start = THREADS.getCurrentThreadCpuTime();
            work.run(count);
            nanos[round] = (THREADS.getCurrentThreadCpuTime() - start) / (double) count;
        }
        final double bytes = (THREADS.getThreadAllocatedBytes(id) - allocated) / ((double) rounds * count);
        Arrays.sort(nanos);
        final StringBuilder line = new StringBuilder();
        line.append(
                String.format(
                        Locale.ROOT,
                        "MICRO %-16s best=%.1f median=%.1f ns bytes=%.0f",
                        name,
                        nanos[0],
                        nanos[rounds / 2],
                        bytes));
        if (part != null) {
            line.append(String.format(Locale.ROOT, " per_%s=%.1f ns (%.1f of them)", part, nanos[0] / parts, parts));
        }
        System.out.println(line);
    }
}
