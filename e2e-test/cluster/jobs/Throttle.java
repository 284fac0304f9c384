package jobs;

import java.io.File;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import org.apache.flink.api.connector.source.SourceSplit;
import org.apache.flink.api.connector.source.util.ratelimit.RateLimiter;
import org.apache.flink.api.connector.source.util.ratelimit.RateLimiterStrategy;

/**
 * Keeps a source in the middle of its records for as long as a test needs, however slow the machine is: after every start
 * some records come in bursts, one after each checkpoint, so that there is work at every checkpoint; then only a few a
 * second; once a file exists, all come as fast as they can.
 */
final class Throttle implements RateLimiterStrategy<SourceSplit> {
    private static final long serialVersionUID = 1L;
    private static final int BURST = 100;
    private static final double RATE = 400;
    private static final double TRICKLE = 2;
    private final boolean bursts;
    private final long records;
    private final String release;

    /**
     * @param bursts whether the first records come in bursts, which needs checkpoints, or at a steady rate
     * @param records that come so
     * @param release the file's name
     */
    Throttle(final boolean bursts, final long records, final String release) {
        this.bursts = bursts;
        this.records = records;
        this.release = release;
    }

    @Override
    @SuppressWarnings("unchecked")
    public RateLimiter<SourceSplit> createRateLimiter(final int parallelism) {
        final RateLimiterStrategy<SourceSplit> strategy =
                bursts ? RateLimiterStrategy.perCheckpoint(BURST) : RateLimiterStrategy.perSecond(RATE);
        final RateLimiter<SourceSplit> first = strategy.createRateLimiter(parallelism);
        final RateLimiter<SourceSplit> later = RateLimiterStrategy.perSecond(TRICKLE).createRateLimiter(parallelism);
        final File file = new File(release);
        return new RateLimiter<>() {
            private long count;
            private boolean released;

            @Override
            public CompletionStage<Void> acquire(final int number) {
                released = released || file.exists();
                if (released) {
                    return CompletableFuture.completedFuture(null);
                }
                count += number;
                return (count <= records ? first : later).acquire(number);
            }

            @Override
            public void notifyCheckpointComplete(final long checkpoint) {
                // Flink's limiter fails if it was never asked.
                if (count > 0) {
                    first.notifyCheckpointComplete(checkpoint);
                }
            }
        };
    }
}
