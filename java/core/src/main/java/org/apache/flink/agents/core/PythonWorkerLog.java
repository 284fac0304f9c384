package org.apache.flink.agents.core;

import java.nio.charset.StandardCharsets;
import java.util.Map;
import org.apache.flink.agents.core.value.ForeignValues;
import org.apache.flink.agents.core.value.ValueReader;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.slf4j.MDC;

/** Writes what a Python worker prints and logs into the log of this JVM, on a thread of its own, until the worker has ended. */
final class PythonWorkerLog implements Runnable {
    /** Where lines without a logger go, and above those that have one. */
    private static final String ROOT = "flink_agents.python";
    /** How often a thread with nothing to log looks whether the worker is still there. */
    private static final int LOOK_MILLIS = 60_000;

    private final long handle;
    private final String task;
    private final Map<String, String> context;

    private PythonWorkerLog(final long handle, final String task, final Map<String, String> context) {
        this.handle = handle;
        this.task = task;
        this.context = context;
    }

    static Thread start(final long handle, final String task) {
        final Thread thread =
                new Thread(
                        new PythonWorkerLog(handle, task, MDC.getCopyOfContextMap()), "log of the Python worker of " + task);
        thread.setDaemon(true);
        thread.setContextClassLoader(null);
        thread.start();
        return thread;
    }

    static void join(final Thread thread) {
        boolean interrupted = false;
        while (thread.isAlive()) {
            try {
                thread.join();
            } catch (final InterruptedException e) {
                // Its lines have an end: the worker has.
                interrupted = true;
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }

    @Override
    public void run() {
        if (context != null) {
            MDC.setContextMap(context);
        }
        final ValueReader in = new ValueReader(ForeignValues.REFUSE);
        for (byte[] lines = Natives.workerLog(handle, LOOK_MILLIS);
                lines != null;
                lines = Natives.workerLog(handle, LOOK_MILLIS)) {
            in.reset(lines, 0, lines.length);
            while (in.remaining() > 0) {
                final int level = in.readByte();
                final String logger = text(in);
                write(level, logger, text(in));
            }
        }
    }

    private static String text(final ValueReader in) {
        return new String(in.readRaw(in.readInt()), StandardCharsets.UTF_8);
    }

    private void write(final int level, final String logger, final String text) {
        final Logger log = LoggerFactory.getLogger(logger.isEmpty() ? ROOT : ROOT + '.' + logger);
        switch (level) {
            case 0:
                log.debug("[{}] {}", task, text);
                break;
            case 2:
                log.warn("[{}] {}", task, text);
                break;
            case 3:
                log.error("[{}] {}", task, text);
                break;
            default:
                log.info("[{}] {}", task, text);
        }
    }
}
