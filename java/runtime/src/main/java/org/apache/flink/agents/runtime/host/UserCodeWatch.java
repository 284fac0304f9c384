package org.apache.flink.agents.runtime.host;

import java.util.Arrays;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Consumer;
import java.util.stream.Collectors;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Names, in the log, the listener or event logger that does not come back. It runs on the thread of the task, so that nothing
 * else of the subtask goes on meanwhile; nobody can end it from outside, but whoever looks into the log finds it.
 *
 * <p><i>Threads</i>: {@link #begins} and {@link #ends} by the thread of the task; a daemon of its own looks, from the first call
 * to {@link #close}.
 */
final class UserCodeWatch implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(UserCodeWatch.class);
    private static final long LIMIT_NANOS = TimeUnit.SECONDS.toNanos(10);
    private static final int SHOWN_FRAMES = 30;

    private final long limit;
    private final Consumer<String> warnings;
    private final Thread watcher = new Thread(this::watch, "flink-agents-user-code-watch");
    /** Odd while something is called. Written by one thread; what it wrote before can be seen by whoever sees the number. */
    private final AtomicLong turns = new AtomicLong();

    private long turn;
    private String what;
    private Object who;
    private String about;
    private Thread caller;
    private volatile boolean closed;

    UserCodeWatch() {
        this(LIMIT_NANOS, LOG::warn);
    }

    /**
     * @param limit nanoseconds that a call may take
     * @param warnings gets what the log is to say, on a thread of its own
     */
    UserCodeWatch(final long limit, final Consumer<String> warnings) {
        this.limit = limit;
        this.warnings = warnings;
        watcher.setDaemon(true);
        watcher.setContextClassLoader(null);
    }

    /**
     * Something is called now that may hang.
     *
     * @param what it is, for the message
     * @param who of which class
     * @param about what it is told of
     */
    void begins(final String what, final Object who, final String about) {
        this.what = what;
        this.who = who;
        this.about = about;
        if (turn == 0) {
            caller = Thread.currentThread();
            watcher.start();
        }
        turns.lazySet(++turn);
    }

    /** It has come back. */
    void ends() {
        turns.lazySet(++turn);
    }

    /** Whatever was called has come back, if anything was. */
    void idles() {
        if (turn % 2 == 1) {
            ends();
        }
    }

    private void watch() {
        long seen = 0;
        long since = 0;
        String named = null;
        boolean last;
        do {
            // Once more at the end: what has been named may have come back.
            last = closed;
            final long now = System.nanoTime();
            final long current = turns.get();
            if (current != seen) {
                if (named != null) {
                    warnings.accept(named + " has come back, after at most " + millis(now - since));
                }
                seen = current;
                since = now;
                named = null;
            } else if (named == null && current % 2 == 1 && now - since >= limit) {
                named = name(current, now - since);
            }
            if (!last) {
                LockSupport.parkNanos(this, limit / 4);
            }
        } while (!last);
    }

    /** Null if it has come back meanwhile. */
    private String name(final long current, final long nanos) {
        final String name = what + " " + who.getClass().getName() + ", told of " + about + ",";
        final String stack =
                Arrays.stream(caller.getStackTrace()).limit(SHOWN_FRAMES).map(frame -> "\n\tat " + frame).collect(Collectors.joining());
        if (turns.get() != current) {
            return null;
        }
        warnings.accept(
                name
                        + " has not come back for "
                        + millis(nanos)
                        + ". The subtask waits for it: make it quick, or have it hand its work to a thread of its own. It is"
                        + stack);
        return name;
    }

    private static String millis(final long nanos) {
        return TimeUnit.NANOSECONDS.toMillis(nanos) + " ms";
    }

    @Override
    public void close() {
        closed = true;
        LockSupport.unpark(watcher);
    }
}
