package jobs;

import java.io.File;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import org.apache.flink.api.connector.source.SourceSplit;
import org.apache.flink.api.connector.source.util.ratelimit.RateLimiter;
import org.apache.flink.api.connector.source.util.ratelimit.RateLimiterStrategy;

/**
 * Keeps a source in the middle of its records for as long as a test needs, however slow the machine is: after every start
 * some records come at a steady rate, then only a few a second; once a file exists, all come as fast as they can.
 */
final class Throttle implements RateLimiterStrategy<SourceSplit> {
    private static final long serialVersionUID = 1L;
    private static final double RATE = 300;
    private static final double TRICKLE = 2;
    private final long records;
    private final String release;

    /**
     * @param records that come at the steady rate
     * @param release the file's name
     */
    Throttle(final long records, final String release) {
        this.records = records;
        this.release = release;
    }

    @Override
    @SuppressWarnings("unchecked")
    public RateLimiter<SourceSplit> createRateLimiter(final int parallelism) {
        final RateLimiter<SourceSplit> first = RateLimiterStrategy.perSecond(RATE).createRateLimiter(parallelism);
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
        };
    }
}
