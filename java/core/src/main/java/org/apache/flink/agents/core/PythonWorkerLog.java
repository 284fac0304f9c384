package org.apache.flink.agents.core;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
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
    /** Stands in front of each thing that a line belongs to, behind the logger: {@code rust/runtime/src/worker/output.rs}. */
    private static final String CONTEXT = "\u001c";
    /** Of names in the context of lines, as in {@code LogContext} of the runtime. */
    private static final String PREFIX = "flink-agents-";
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

    /** The level of the logger above those of Python, as Python calls it. */
    static String level() {
        final Logger log = LoggerFactory.getLogger(ROOT);
        if (log.isDebugEnabled()) {
            return "DEBUG";
        }
        if (log.isInfoEnabled()) {
            return "INFO";
        }
        return log.isWarnEnabled() ? "WARNING" : "ERROR";
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
                final String[] head = text(in).split(CONTEXT);
                final String message = text(in);
                final List<String> names = new ArrayList<>();
                for (int i = 1; i < head.length; i++) {
                    final int end = head[i].indexOf('=');
                    // What is printed may look like a line of the log.
                    if (end > 0) {
                        names.add(PREFIX + head[i].substring(0, end));
                        MDC.put(PREFIX + head[i].substring(0, end), head[i].substring(end + 1));
                    }
                }
                write(level, head.length == 0 ? "" : head[0], message);
                names.forEach(MDC::remove);
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
