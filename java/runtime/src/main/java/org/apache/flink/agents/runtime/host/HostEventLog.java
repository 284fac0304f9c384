package org.apache.flink.agents.runtime.host;

import java.util.Arrays;
import java.util.List;
import java.util.Map;
import javax.annotation.Nullable;
import org.apache.flink.agents.api.Event;
import org.apache.flink.agents.api.EventAccess;
import org.apache.flink.agents.api.EventContext;
import org.apache.flink.agents.api.InputEvent;
import org.apache.flink.agents.api.logger.EventLogger;
import org.apache.flink.agents.core.AgentsCore;
import org.apache.flink.agents.core.CoreEventLog;
import org.apache.flink.agents.core.value.ValueWriter;
import org.apache.flink.agents.runtime.eventlog.LineSink;
import org.apache.flink.agents.runtime.metrics.HostMetricGroup;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The event log of a host: encodes the attributes of processed events and hands them over, many at a time; or has the user's own
 * {@link EventLogger} write them. What goes wrong is counted and said once: it never fails the task.
 *
 * <p><i>Owned state</i>: attributes not handed over yet, the thread that writes lines by SLF4J. <i>Lifecycle</i>: from the opening
 * of the host, which fails if a user's logger cannot be opened, to its end, when what is left is written. <i>Constraint</i>: used by the
 * host's thread; {@link #hurry} by any.
 */
final class HostEventLog implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(HostEventLog.class);

    /** Attributes that are handed over together at most, but for one event that has more. */
    private static final int MOST_BYTES = 32 << 10;
    private static final int MOST_EVENTS = 1024;
    /** How long the end of a task waits for a writer. */
    private static final int PATIENCE_MILLIS = 10_000;
    /** How long it waits for a receiver of spans. */
    private static final int SPANS_PATIENCE_MILLIS = 3_000;
    private static final long LOOK_NANOS = 1_000_000_000;

    /** The metric of events that could not be written. */
    static final String FAILURES = "eventLogWriteFailures";

    private static final String LOGGER = "Event logger";

    /** Tag of a map with text keys, and the heads of maps with one entry. */
    private static final int MAP = 12;
    private static final byte[] INPUT = {MAP, 1, 5, 'i', 'n', 'p', 'u', 't'};
    private static final byte[] OUTPUT = {MAP, 1, 6, 'o', 'u', 't', 'p', 'u', 't'};

    private final CoreEventLog log;
    /** Null if the library writes the lines. */
    private final EventLogger custom;
    /** Null unless lines go to SLF4J. */
    private final Thread lines;
    private final ValueWriter attributes = PlainData.newWriter();
    private int events;
    /** Whether there are records of executions, too. */
    private final boolean traces;
    /** Whether executions are sent as live spans. */
    private final boolean exports;
    private long looked = System.nanoTime();
    /** Events that the host could not show, or the user's logger not write. */
    private volatile long failures;
    private boolean warned;
    private final UserCodeWatch watch;

    private HostEventLog(
            final CoreEventLog log,
            final boolean traces,
            final boolean exports,
            @Nullable final EventLogger custom,
            @Nullable final Thread lines,
            final UserCodeWatch watch) {
        this.log = log;
        this.watch = watch;
        this.traces = traces;
        this.exports = exports;
        this.custom = custom;
        this.lines = lines;
    }

    /**
     * Opens the log that a plan asks for.
     *
     * @return null if nothing is to be logged
     * @throws Exception if it cannot be opened
     */
    @Nullable
    static HostEventLog open(final AgentsCore core, final PlanServices services) throws Exception {
        final EventLogger custom = services.newEventLogger();
        final boolean silent = custom == null && services.logsBySlf4j() && !LineSink.isWanted();
        final CoreEventLog log =
                CoreEventLog.open(
                        core, services.planJson(), services.agentName(), services.jobId(), services.taskName(), services.subtask(),
                        custom != null, silent);
        if (log == null) {
            return null;
        }
        try {
            return open(log, custom, services);
        } catch (final Throwable e) {
            // What sends spans has a thread.
            log.close();
            throw e;
        }
    }

    private static HostEventLog open(final CoreEventLog log, @Nullable final EventLogger custom, final PlanServices services)
            throws Exception {
        final String endpoint = services.config().getStr("otlp.endpoint", null);
        final boolean exports = endpoint != null && !endpoint.isBlank();
        if (exports) {
            LOG.info("Agent '{}' sends spans to {}", services.agentName(), endpoint);
        }
        if (custom != null) {
            services.watch().begins(LOGGER, custom, "its opening");
            try {
                custom.open(services.eventLoggerParams());
            } finally {
                services.watch().ends();
            }
        } else if (log.path() != null) {
            LOG.info("Agent '{}' writes its event log to {}", services.agentName(), log.path());
        }
        final boolean bySlf4j = log.hasLines() && log.path() == null;
        final HostEventLog opened =
                new HostEventLog(
                        log,
                        services.config().getBool("event-log.trace.enabled", false),
                        exports,
                        custom,
                        bySlf4j ? LineSink.start(log, services.taskName()) : null,
                        services.watch());
        final HostMetricGroup metrics = services.metrics();
        metrics.counter("eventLogTruncatedEvents", log::truncated);
        metrics.counter(FAILURES, () -> opened.failures + log.failures());
        metrics.counter("eventLogDroppedEvents", log::dropped);
        if (exports) {
            metrics.counter("otlpSpansSent", log::spansSent);
            metrics.counter("otlpSpansDropped", log::spansDropped);
        }
        // Where its file cannot be written from the start.
        opened.report();
        return opened;
    }

    /** Says where a logger of Python is. */
    void attach(final PythonHosts python) {
        if (custom instanceof PythonEventLogger) {
            ((PythonEventLogger) custom).attach(python.logger());
        }
    }

    /** So many events did not reach where a logger of Python writes them; it has said why. */
    @SuppressWarnings("NonAtomicOperationOnVolatileField") // as in failed
    void failed(final long count) {
        failures += count;
    }

    /** Tells a logger of Python what it was not told yet: its worker ends. */
    void endOfPython() {
        if (custom instanceof PythonEventLogger) {
            flush();
        }
    }

    /** The event of the core's present effect is to be logged. */
    void processed(final Object event) {
        if (custom != null) {
            final Event opened = JavaHost.open(event);
            final List<TracedEvent> traced = traces ? TracedEvent.taken(log, opened) : List.of(new TracedEvent(opened, null));
            for (final TracedEvent one : traced) {
                custom(one);
            }
            events++;
            return;
        }
        if (event instanceof EncodedEvent) {
            final byte[] encoded = ((EncodedEvent) event).attributes();
            attributes.writeRaw(encoded, 0, encoded.length);
        } else {
            write((Event) event);
        }
        events++;
        if (events >= MOST_EVENTS || attributes.size() >= MOST_BYTES) {
            flush();
        }
    }

    private void custom(final TracedEvent traced) {
        final Event event = traced.event();
        watch.begins(LOGGER, custom, event.getType());
        try {
            if (traced.context() == null) {
                custom.append(new EventContext(event), event);
            } else {
                custom.append(new EventContext(event), event, traced.context());
            }
        } catch (final VirtualMachineError e) {
            throw e;
        } catch (final Throwable e) {
            failed("the event logger " + custom.getClass().getName() + " did not take an event", event.getType(), e);
        } finally {
            watch.ends();
        }
    }

    private void write(final Event event) {
        if (EventAccess.isLazy(event)) {
            final byte[] head = event instanceof InputEvent ? INPUT : OUTPUT;
            attributes.writeRaw(head, 0, head.length);
            writeValue(event, EventAccess.singleValue(event));
            return;
        }
        final Object[] pairs = EventAccess.pairs(event);
        attributes.writeByte(MAP);
        if (pairs != null) {
            attributes.writeLength(pairs.length / 2);
            for (int i = 0; i < pairs.length; i += 2) {
                writeName((String) pairs[i]);
                writeValue(event, pairs[i + 1]);
            }
            return;
        }
        final Map<String, Object> map = event.getAttributes();
        attributes.writeLength(map.size());
        for (final Map.Entry<String, Object> entry : map.entrySet()) {
            writeName(entry.getKey());
            writeValue(event, entry.getValue());
        }
    }

    private void writeName(final String name) {
        if (name == null) {
            attributes.writeText("null");
        } else if (!attributes.writeText(name)) {
            // Half a character, for which there is no UTF-8.
            attributes.writeText(name.replaceAll("[\\ud800-\\udfff]", "\ufffd"));
        }
    }

    private void writeValue(final Event event, final Object value) {
        final int start = attributes.size();
        try {
            attributes.writeValue(value);
        } catch (final RuntimeException | StackOverflowError e) {
            attributes.cut(start);
            attributes.writeValue("(cannot be shown: " + value.getClass().getName() + ")");
            failed("a value of " + value.getClass() + " cannot be shown as JSON", event.getType(), e);
        }
    }

    @SuppressWarnings("NonAtomicOperationOnVolatileField") // written by the host's thread only, read by those that report metrics
    private void failed(final String what, final String type, final Throwable thrown) {
        failures++;
        if (!warned) {
            LOG.warn("Event log, event {}: {}; further failures are counted by eventLogWriteFailures", type, what, thrown);
            warned = true;
        }
    }

    /** Whether live spans are sent. */
    boolean exports() {
        return exports;
    }

    /** Whether executions are to be told. */
    boolean traces() {
        return traces || exports;
    }

    /** An input comes, of an event with this id. */
    void input(final Object event, final long high, final long low) {
        final String traceparent = exports ? Traceparents.of(event) : null;
        if (traceparent != null) {
            log.origin(high, low, traceparent);
        }
    }

    /** How records show the key of a slot from now on. */
    void key(final int slot, @Nullable final String text) {
        log.key(slot, text);
    }

    /**
     * Something begins or ends inside an action, or an action has failed.
     *
     * @param what type and name of what is executed, null for the action itself; metadata; category, type and message of what
     *     went wrong
     */
    void execution(final long task, final int status, final Object... what) {
        final ValueWriter writer = PlainData.newWriter();
        writer.writeValue(Arrays.asList(what));
        execution(task, status, writer.toByteArray());
    }

    /** The same, encoded. */
    void execution(final long task, final int status, final byte[] what) {
        log.execution(task, status, what);
    }

    /** Hands over what there is: the host has nothing to do now. */
    void flush() {
        if (exports && System.nanoTime() - looked > LOOK_NANOS) {
            looked = System.nanoTime();
            reportSpans();
        }
        if (customRest() + events == 0) {
            return;
        }
        if (custom == null) {
            final boolean reports;
            watch.begins("The writer behind", this, "events while its queue is full (event-log.on-full)");
            try {
                reports = log.append(attributes.buffer(), attributes.size(), events);
            } finally {
                watch.ends();
            }
            attributes.reset();
            if (reports) {
                report();
            }
        } else {
            watch.begins(LOGGER, custom, "a flush");
            try {
                custom.flush();
            } catch (final VirtualMachineError e) {
                throw e;
            } catch (final Throwable e) {
                failed("the event logger " + custom.getClass().getName() + " did not flush", "(several)", e);
            } finally {
                watch.ends();
            }
        }
        events = 0;
    }

    /** Records of executions that have no event behind them. */
    private int customRest() {
        if (custom == null || !traces) {
            return 0;
        }
        final List<TracedEvent> rest = TracedEvent.taken(log, null);
        rest.forEach(this::custom);
        return rest.size();
    }

    /** Nothing waits for a writer any more: the subtask is cancelled. */
    void hurry() {
        log.hurry();
    }

    /** Hands over what is left, and waits until it is written. */
    @Override
    public void close() {
        try (CoreEventLog closing = log) {
            flush();
            if (exports) {
                log.endSpans(SPANS_PATIENCE_MILLIS);
                reportSpans();
            }
            if (!log.hasLines() && custom == null) {
                return;
            }
            if (custom == null) {
                // Records of executions that have no event behind them.
                log.append(new byte[0], 0, 0);
                end();
            } else {
                watch.begins(LOGGER, custom, "its end");
                custom.close();
            }
        } catch (final VirtualMachineError e) {
            throw e;
        } catch (final InterruptedException e) {
            Thread.currentThread().interrupt();
        } catch (final Throwable e) {
            failed("it did not close", "(none)", e);
        } finally {
            watch.idles();
        }
    }

    private void report() {
        warn(log.report());
    }

    private void reportSpans() {
        for (String report = log.spansReport(); report != null; report = log.spansReport()) {
            warn(report);
        }
    }

    private static void warn(@Nullable final String report) {
        if (report != null) {
            LOG.warn("{}", report);
        }
    }

    private void end() throws InterruptedException {
        if (!log.end(PATIENCE_MILLIS)) {
            LOG.warn("The event log {} was not written to its end within {} ms", log.path(), PATIENCE_MILLIS);
        }
        if (lines != null) {
            lines.join(PATIENCE_MILLIS);
            if (lines.isAlive()) {
                LOG.warn("The event log was not written to its end within {} ms: an appender of logger {} hangs", PATIENCE_MILLIS, LineSink.LOGGER);
            }
        }
        report();
    }
}
