package org.apache.flink.agents.core;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;

/**
 * The event log of a core: lines are made, and files written, by threads of the library. The host hands over the attributes of
 * each event of which the core says {@link AgentsCore#logged()}, in that order; all else that a line says is known here.
 *
 * <p>A log without a {@link #path()} has lines for a thread of the host, by {@link #nextBlock} or {@link #lines}. Appending is for the thread of the
 * core, everything else for any. A log that cannot be written neither blocks nor fails anybody: events that it loses are counted.
 */
public final class CoreEventLog implements AutoCloseable {
    /** An execution begins. */
    public static final int STARTED = 0;
    /** It has ended well. */
    public static final int SUCCESS = 1;
    /** It has failed. */
    public static final int FAILED = 2;
    /** In place of a status: a durable call is over, for live spans. */
    public static final int CALL = 3;

    private static final byte[] NONE = new byte[32];
    /** In place of a length: no lines follow. Less than it says how much room is missing. */
    private static final int END = -1;
    /** Room for lines that is kept: more than the library makes at a time, unless one line alone is longer. */
    private static final int MOST_KEPT = 256 << 10;
    private static final byte[] NO_SPANS = new byte[16];

    private final AgentsCore core;
    private final long handle;
    private boolean ended;
    private boolean closed;
    private byte[] lastFigures = NONE;
    /** 0 if none are sent. */
    private final long spans;
    private byte[] lastSpans = NO_SPANS;
    /** For the thread that takes lines. */
    private byte[] room = new byte[0];

    private CoreEventLog(final AgentsCore core, final long handle) {
        this.core = core;
        this.handle = handle;
        spans = Natives.eventLogSpans(core.handle());
    }

    /**
     * Opens the log of a core, before its first input. Where a file cannot be written there is a {@link #report} at once.
     *
     * @param core whose events are logged
     * @param planJson its plan, which says what is logged and where
     * @param agent name of the agent, for the execution trace
     * @param job id of the job, in lines and names of files
     * @param task name of the task, in the same
     * @param subtask number of the subtask, in the same
     * @param custom whether code of the host's writes the events that are {@link AgentsCore#logged()}: nothing is opened then
     * @param silent whether nobody would see lines: none are made then
     * @return null if the plan logs nothing and names no {@code otlp.endpoint}
     * @throws IllegalArgumentException if an option is wrong
     * @throws AgentsCoreException if there is no thread for it
     */
    public static CoreEventLog open(
            final AgentsCore core,
            final byte[] planJson,
            final String agent,
            final String job,
            final String task,
            final int subtask,
            final boolean custom,
            final boolean silent) {
        final ObjectNode request = JsonNodeFactory.instance.objectNode();
        request.put("agent", agent);
        request.put("job", job);
        request.put("task", task);
        request.put("subtask", subtask);
        request.put("temporary", System.getProperty("java.io.tmpdir"));
        request.put("custom", custom);
        request.put("silent", silent);
        final long handle =
                Natives.eventLogOpen(core.handle(), planJson, request.toString().getBytes(StandardCharsets.UTF_8));
        return handle == 0 ? null : new CoreEventLog(core, handle);
    }

    /** Whether lines are made here; else the host writes events itself, or there are live spans only. */
    public boolean hasLines() {
        return handle > 0;
    }

    /** The file; null if lines are to be taken by {@link #lines}, or there are none. */
    public String path() {
        final byte[] path = !hasLines() ? null : Natives.eventLogPath(handle);
        return path == null ? null : new String(path, StandardCharsets.UTF_8);
    }

    /**
     * Hands over the attributes of the next events. Waits while the writer is behind, if option {@code event-log.on-full} says so.
     *
     * @param attributes encoded maps, one after another
     * @param length bytes of them
     * @param events how many events
     * @return whether there is a {@link #report()}
     */
    public boolean append(final byte[] attributes, final int length, final int events) {
        return Natives.eventLogAppend(core.handle(), attributes, length, events) != 0;
    }

    /**
     * The text by which the execution trace shows the key of a slot from now on, until the key is idle.
     *
     * @param text null if keys are not shown
     */
    public void key(final int slot, final String text) {
        Natives.eventLogKey(core.handle(), slot, text == null ? null : text.getBytes(StandardCharsets.UTF_8));
    }

    /**
     * Something begins or ends inside an action, or an action has failed: for the execution trace. Begins and ends of actions are
     * known without.
     *
     * @param task of the action
     * @param status {@link #STARTED}, {@link #SUCCESS}, {@link #FAILED} or {@link #CALL}
     * @param what an encoded list: type and name of what is executed, both null for the action itself; a map of metadata, or
     *     null; category, type and message of what went wrong, each or null; a map of what live spans show besides, or nothing. Without
     *     a type the message is taken for one of Python, with a traceback. Of a call: id of the function; its number among those of
     *     the action; when it began and ended, in microseconds since 1970; whether it is replayed; type and message of what it threw,
     *     both null if it returned
     */
    public void execution(final long task, final int status, final byte[] what) {
        Natives.eventLogExecution(core.handle(), task, status, what);
    }

    /**
     * An input, still to be handed to the core, names the span that it comes from.
     *
     * @param high upper half of the id of its event
     * @param low lower half
     * @param traceparent as in W3C Trace Context; what is none says nothing
     */
    public void origin(final long high, final long low, final String traceparent) {
        Natives.eventLogOrigin(core.handle(), high, low, traceparent.getBytes(StandardCharsets.UTF_8));
    }

    /** Something that users should know of the sending of live spans, once; null if there is nothing more. For the thread of the core. */
    public String spansReport() {
        final byte[] report = Natives.eventLogSpansReport(core.handle());
        return report == null ? null : new String(report, StandardCharsets.UTF_8);
    }

    /** No span follows: what is left is sent, for so many milliseconds at most. For the thread of the core. */
    public void endSpans(final int millis) {
        Natives.eventLogSpansEnd(core.handle(), millis);
    }

    /**
     * With a trace, where code of the host's writes the events: what is known of records of executions, and of events that are
     * {@link AgentsCore#logged()}, since the last time. An encoded list of maps with the fields of a line; those of executions have
     * {@code attributes}, too.
     */
    public byte[] takeEntries() {
        return Natives.eventLogEntries(core.handle());
    }

    /**
     * Waits for lines, as many as there are. For one thread.
     *
     * @param millis how long at most; the list is empty then
     * @return null when the log is closed and there will be none any more
     */
    public List<String> lines(final int millis) {
        final int length = takeLines(millis, true);
        return length < 0 ? null : Texts.decode(room, 0, length);
    }

    /**
     * Waits for lines, each with an end of line, as many as there are: the first bytes of {@link #block()}. For one thread.
     *
     * @param millis how long at most
     * @return how many bytes: 0 if there were none in time, negative when the log is closed and there will be none any more
     */
    public int nextBlock(final int millis) {
        return takeLines(millis, false);
    }

    /** Where {@link #nextBlock} puts lines: until its next call. */
    public byte[] block() {
        return room;
    }

    private int takeLines(final int millis, final boolean framed) {
        int length = Natives.eventLogLines(handle, millis, framed ? 1 : 0, room);
        if (length < END) {
            room = new byte[END - 1 - length];
            length = Natives.eventLogLines(handle, millis, framed ? 1 : 0, room);
        } else if (room.length > MOST_KEPT && length <= MOST_KEPT) {
            room = Arrays.copyOf(room, MOST_KEPT);
        }
        return length;
    }

    /** So many of the lines that were taken last could not be written: they are counted as {@link #failures()}. */
    public void lost(final int lines) {
        Natives.eventLogLost(handle, lines);
    }

    /** Something that users should know, once; null if there is nothing. */
    public synchronized String report() {
        final byte[] report = closed || !hasLines() ? null : Natives.eventLogReport(handle);
        return report == null ? null : new String(report, StandardCharsets.UTF_8);
    }

    /** Events written. */
    public long written() {
        return figure(0);
    }

    /** Of those written, events with something cut. */
    public long truncated() {
        return figure(1);
    }

    /** Events that could not be written. */
    public long failures() {
        return figure(2);
    }

    /** Events dropped because too many waited. */
    public long dropped() {
        return figure(3);
    }

    /** Live spans that the receiver has taken. For any thread. */
    public long spansSent() {
        return spansFigure(0);
    }

    /** Live spans that are lost. For any thread. */
    public long spansDropped() {
        return spansFigure(1);
    }

    private synchronized long spansFigure(final int index) {
        if (!closed && spans != 0) {
            lastSpans = Natives.eventLogSpansFigures(spans);
        }
        return numberOf(lastSpans, index);
    }

    private static long numberOf(final byte[] figures, final int index) {
        return ByteBuffer.wrap(figures).order(ByteOrder.LITTLE_ENDIAN).getLong(index * Long.BYTES);
    }

    private synchronized long figure(final int index) {
        if (!closed && hasLines()) {
            lastFigures = Natives.eventLogFigures(handle);
        }
        return numberOf(lastFigures, index);
    }

    /** Nobody waits for room any more: the host is being cancelled. */
    public synchronized void hurry() {
        if (!closed && hasLines()) {
            Natives.eventLogHurry(handle);
        }
    }

    /**
     * No event follows. A file has all lines afterwards; {@link #lines} gives what is left, then null.
     *
     * @param millis how long to wait for a file at most
     * @return whether a file has all lines
     */
    public boolean end(final int millis) {
        ended = !hasLines() || Natives.eventLogClose(handle, millis) != 0;
        return ended;
    }

    /** Frees the log. Its figures stay as they are. One whose writer has not {@link #end}ed is left to it. */
    @Override
    public synchronized void close() {
        if (!closed && hasLines()) {
            lastFigures = Natives.eventLogFigures(handle);
            if (ended) {
                Natives.eventLogFree(handle);
            }
        }
        if (!closed && spans != 0) {
            lastSpans = Natives.eventLogSpansFigures(spans);
            Natives.eventLogSpansFree(spans);
        }
        closed = true;
    }
}
