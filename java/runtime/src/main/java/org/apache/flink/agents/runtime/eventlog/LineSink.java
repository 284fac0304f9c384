package org.apache.flink.agents.runtime.eventlog;

import java.util.List;
import org.apache.flink.agents.core.CoreEventLog;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Writes the lines of an event log by SLF4J, on a thread of its own, until the log has ended. Where log4j2 has no logger for
 * them, and the process has a log file, they get a file beside it, see {@link Log4jSetup}.
 */
public final class LineSink implements Runnable {
    /** Name of the logger. */
    public static final String LOGGER = "org.apache.flink.agents.EventLog";

    private static final Logger LOG = LoggerFactory.getLogger(LineSink.class);
    private static final Logger LINES = LoggerFactory.getLogger(LOGGER);
    /** How often a thread with nothing to write looks whether the log is still there. */
    private static final int LOOK_MILLIS = 60_000;

    private final CoreEventLog log;
    private boolean failed;

    private LineSink(final CoreEventLog log) {
        this.log = log;
    }

    /** Sets the logger up, if nobody has; whether lines would be written at all. */
    public static boolean isWanted() {
        Log4jSetup.ensure();
        return LINES.isInfoEnabled();
    }

    /** Begins to write the lines of a log. */
    public static Thread start(final CoreEventLog log, final String task) {
        final Thread thread = new Thread(new LineSink(log), "event log of " + task);
        thread.setDaemon(true);
        thread.setContextClassLoader(null);
        thread.start();
        return thread;
    }

    @Override
    public void run() {
        List<String> lines = List.of();
        while (lines != null) {
            // Between lines that go to our own appender only an end of line is to be seen: one call does for many.
            lines = log.lines(LOOK_MILLIS, Log4jSetup.ensure());
            if (lines != null) {
                write(lines);
            }
        }
    }

    private void write(final List<String> lines) {
        for (final String line : lines) {
            try {
                LINES.info(line);
            } catch (final RuntimeException | LinkageError e) {
                // An appender may be set to throw. The job goes on, and the next line may be written again.
                if (!failed) {
                    LOG.warn("The event log cannot be written by logger {}; further failures are not shown", LOGGER, e);
                }
                failed = true;
            }
        }
    }
}
