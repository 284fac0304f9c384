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
        boolean open = true;
        while (open) {
            final OwnFile file = Log4jSetup.ownFile();
            open = file == null ? writeLines() : writeBlock(file);
        }
    }

    /** By the logger, to whatever appenders it has: line by line. Whether there may be more. */
    private boolean writeLines() {
        final List<String> lines = log.lines(LOOK_MILLIS);
        if (lines == null) {
            return false;
        }
        for (final String line : lines) {
            try {
                LINES.info(line);
            } catch (final RuntimeException | LinkageError e) {
                lost(1, e);
            }
        }
        return true;
    }

    /** Past the logger, whose only appender is our own: many lines in one go, as the bytes that they are. Whether there may be more. */
    private boolean writeBlock(final OwnFile file) {
        final int length = log.nextBlock(LOOK_MILLIS);
        if (length > 0 && LINES.isInfoEnabled()) {
            try {
                file.write(log.block(), length);
            } catch (final RuntimeException | LinkageError e) {
                lost(Integer.MAX_VALUE, e);
            }
        }
        return length >= 0;
    }

    /** So many of the lines that came last. The job goes on, and the next ones may be written again. */
    private void lost(final int lines, final Throwable why) {
        log.lost(lines);
        if (!failed) {
            LOG.warn(
                    "The event log cannot be written by logger {}; events that are missing in it are counted by"
                            + " eventLogWriteFailures, further failures are not shown",
                    LOGGER,
                    why);
        }
        failed = true;
    }

    /** Where the logger of lines writes to a file of its own and nothing else. */
    interface OwnFile {
        /**
         * Writes the first bytes, whole lines with their ends. For any thread.
         *
         * @throws RuntimeException if they cannot be written
         */
        void write(byte[] lines, int length);
    }
}
