package org.apache.flink.agents.core;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.apache.flink.agents.core.loader.NativeLibrary;

/**
 * One core: it decides which action of which key runs next, what becomes of the events an action sends, what memory
 * shows, and when a watermark may pass. It never runs user code and never calls back: a host feeds it with inputs and
 * carries out the effects it polls. Embed it in an operator of your own to give that operator the semantics of agents; the
 * guide is {@code docs/host-integration.md}.
 *
 * <h2>Protocol</h2>
 *
 * <pre>{@code
 * try (AgentsCore core = AgentsCore.open(planJson)) {
 *     core.input(slot, event, idHigh, idLow, false, 0, null, 0);
 *     while (core.poll(true)) {
 *         switch (core.kind()) {
 *             case AgentsCore.RUN_ACTION:
 *                 // run action core.action() on core.event(); for each event it sends:
 *                 core.send(task, core.symbol(type), sent, high, low, null, 0);
 *                 core.finish(task);
 *                 break;
 *             case AgentsCore.EMIT: downstream(core.event()); break;
 *             // ...
 *         }
 *     }
 * }
 * }</pre>
 *
 * <p>Poll until there is nothing left after every input; {@code poll(false)} leaves out running actions, for a host that
 * has worked long enough and comes back later. The accessors ({@link #kind()} and those after it) describe the effect
 * polled last, and are valid until the next poll, input or finish, whichever comes first: read what is needed before.
 *
 * <h2>Threads, errors, memory</h2>
 *
 * <p>One caller at a time; a second thread inside the core at the same moment gets an {@link IllegalStateException}. Wrong
 * data is an {@link IllegalArgumentException}, a call at the wrong time (closed core, ended action) an {@link
 * IllegalStateException}, a defect of the core an {@link AgentsCoreException}, after which this core refuses everything but
 * {@link #close()}. Events and memory values stay Java objects: the core knows them by number, and this class keeps each
 * until the core no longer refers to it.
 */
public final class AgentsCore implements AutoCloseable {
    /** Run {@link #action()} of {@link #key()} on {@link #event()} as {@link #task()}. */
    public static final int RUN_ACTION = 1;
    /** The scope of durable calls that an action makes one after another. */
    public static final int ACTION_SCOPE = 0;

    /** Continue the suspended {@link #task()}. */
    public static final int RESUME = 2;
    /** Send the payload of output {@link #event()} downstream, with {@link #timestamp()} if {@link #hasTimestamp()}. */
    public static final int EMIT = 3;
    /** Write {@link #node()} (and {@link #value()}) at {@link #path()} to the stored short-term memory of {@link #key()}. */
    public static final int WRITE_MEMORY = 4;
    /** Pass on the marker of kind {@link #markerKind()} and {@link #markerValue()}. */
    public static final int FORWARD = 5;
    /** A run of {@link #key()} has ended; if {@link #idle()}, the slot is free, and if {@link #persisted()}, its stored state is to be deleted. */
    public static final int RUN_ENDED = 7;
    /** {@link #text()} is for the log. */
    public static final int WARN = 8;
    /** The run of {@link #key()} cannot go on: fail the task with {@link #text()}. */
    public static final int FAIL = 9;

    /**
     * {@link #event()} is processed now: for the event log if {@link #logged()}, then for listeners if {@link #listened()}. Only
     * for plans whose configuration has such.
     */
    public static final int PROCESSED = 10;

    /**
     * {@link #action()} of {@link #key()} completed before a crash: instead of running it read {@link CoreJournal#record}, and
     * say {@link CoreJournal#replayed}. Only with a journal, as those below.
     */
    public static final int REPLAY = 11;
    /** {@link #call()} of {@link #task()} waits no longer: {@link #step()} says what is to be done with it. */
    public static final int CALL_READY = 12;
    /** Inputs of {@link #key()} wait for that of run {@link #sequence()}: say {@link CoreJournal#awaitOver} when it does not come in time. */
    public static final int AWAIT_INPUT = 13;
    /** A run of {@link #key()} does not match its journal and goes on without it: {@link #text()} is for the log. */
    public static final int DIVERGED = 14;

    /** Send dead letter {@link #event()} to where such go, with {@link #timestamp()} if {@link #hasTimestamp()}. */
    public static final int DEAD_LETTER = 15;
    /** {@link #task()} has failed and is tried again: say {@link #backoffOver} after {@link #backoffMs}. */
    public static final int BACKOFF = 16;
    /** A run of {@link #key()} is about to begin: say {@link #begin}, by what its short-term memory holds now (option agent-run.begin-event). */
    public static final int BEGIN = 17;

    /** {@link #failed}: the host fails its task. */
    public static final int VERDICT_FAIL = 0;
    /** {@link #failed}: the action is tried again, as another task. */
    public static final int VERDICT_RETRY = 1;
    /** {@link #failed}: the host sends the action's dead letter, of type {@link #DEAD_LETTER_TYPE}, and finishes it. */
    public static final int VERDICT_DEAD_LETTER = 2;

    /** Part of a dead letter: the input of the run. */
    public static final int LETTER_INPUT = 0;
    /** Part of a dead letter: the event that the action handled. */
    public static final int LETTER_EVENT = 1;
    /** Part of a dead letter: the stack trace. */
    public static final int LETTER_TRACE = 2;
    /** Part of a dead letter: what the exception says, or the key. */
    public static final int LETTER_TEXT = 3;

    /** Type of the event by which a dead letter leaves the agent. */
    public static final String DEAD_LETTER_TYPE = "_dead_letter_event";

    private static final int RELEASE = 6;

    /** Marker kind: a watermark, in milliseconds of event time. */
    public static final int WATERMARK = 0;
    /** Marker kind: the input became idle (1) or active (0). */
    public static final int IDLE = 1;
    /** Marker kind: record attributes, numbered by the host. */
    public static final int ATTRIBUTES = 2;

    /** Nothing stands at a memory path. */
    public static final int NODE_ABSENT = 0;
    /** An object stands at a memory path. */
    public static final int NODE_OBJECT = 1;
    /** A value stands at a memory path. */
    public static final int NODE_VALUE = 2;

    /** Memory that is cleared when the run ends. */
    public static final int SENSORY = 0;
    /** Memory that survives runs. */
    public static final int SHORT_TERM = 1;

    private static final int LOAD = 3;
    private static final int MORE = 1 << 31;
    private static final int COLLECT = 1 << 30;
    private static final int RECORD = 32;
    private static final int CAPACITY = 128;
    /** Where an action waits that was fetched before the host wanted to run one. */
    private static final int HELD = CAPACITY * RECORD;
    private static final ObjectMapper JSON = new ObjectMapper();

    private long handle;
    private final Symbols symbols;
    private final ValueTable values = new ValueTable();
    private final ByteBuffer effects =
            ByteBuffer.allocateDirect((CAPACITY + 1) * RECORD).order(ByteOrder.LITTLE_ENDIAN);
    private final long address;
    private ByteBuffer attributesBuffer;
    private long attributesAddress;
    private final List<ActionDescriptor> actions;
    private final List<String> conditionAttributes;
    private final boolean hasConditions;
    private final int memoryEvents;
    /** Effects in the buffer, and the one to be given out next. */
    private int count;
    private int next;
    private int at;
    /**
     * The core may have effects beside those in the buffer, or none any more: set before each call that changes it, so that a
     * poll after a call that broke the core asks it and is refused.
     */
    private boolean more;
    /** The core has many texts: those that are not used should be given back. */
    private boolean collect;
    private boolean held;
    private boolean frozen;
    private int inFlight;
    private Object effectValue;

    private final CoreFigures figures = new CoreFigures();

    /** Null without. */
    private final CoreJournal journal;

    private AgentsCore(final long handle, final boolean journalled) {
        this.handle = handle;
        this.journal = journalled ? new CoreJournal(this) : null;
        this.symbols = new Symbols(handle);
        this.address = Natives.addressOf(effects);
        Natives.figures(handle, Natives.addressOf(figures.memory()));
        final JsonNode description = read(Natives.describe(handle));
        this.actions = readActions(description.get("actions"));
        this.conditionAttributes = new ArrayList<>();
        description.get("attributes").forEach(name -> conditionAttributes.add(name.asText()));
        this.hasConditions = description.path("has_conditions").asBoolean();
        this.memoryEvents = description.path("memory_events").asInt();
    }

    /**
     * Compiles a plan.
     *
     * @param planJson the plan, JSON in UTF-8, of this or an earlier release; of any size
     * @return a core without keys
     * @throws IllegalArgumentException if the plan or one of its conditions is wrong, or its configuration asks for a journal
     *     ({@code actionStateStoreBackend}); the message names the place in it
     * @throws UnsatisfiedLinkError if the library cannot be loaded
     */
    public static AgentsCore open(final byte[] planJson) {
        NativeLibrary.load();
        return of(Natives.open(planJson), false);
    }

    /**
     * Compiles a plan whose configuration names a store ({@code actionStateStoreBackend}) for a core with a journal. Its store
     * is read in the background.
     *
     * @param planJson as for {@link #open}
     * @param subtask whose records are to be written and read
     * @param wake run by any thread when there is something for {@link CoreJournal#poll}, once until that is called; must not
     *     block or throw
     * @return a core with a {@link #journal()}
     * @throws IllegalArgumentException as for {@link #open}; also if the store is none that is here
     * @throws AgentsCoreException if the store does not start, or the restored state cannot be read
     */
    public static AgentsCore openJournalled(final byte[] planJson, final JournalSubtask subtask, final Runnable wake) {
        NativeLibrary.load();
        return of(Natives.openJournalled(planJson, subtask.toJson(), wake), true);
    }

    private static AgentsCore of(final long handle, final boolean journalled) {
        try {
            return new AgentsCore(handle, journalled);
        } catch (final RuntimeException | Error e) {
            Natives.close(handle);
            throw e;
        }
    }

    /**
     * Checks a plan as far as the client can.
     *
     * @param planJson the plan, JSON in UTF-8
     * @return the plan in the form of the current release
     * @throws IllegalArgumentException if it is wrong; the message names the place in it
     */
    public static byte[] validatePlan(final byte[] planJson) {
        NativeLibrary.load();
        return Natives.validatePlan(planJson);
    }

    /**
     * Merges the sources of configuration; see {@code docs/operations/configuration.md} for their order.
     *
     * @param request JSON object with {@code file_text}, {@code file_name}, {@code dynamic} and {@code environment}
     * @return JSON object with {@code conf_data} and {@code warnings}
     * @throws IllegalArgumentException if a file cannot be read or a value is wrong; the message names the key
     */
    public static byte[] loadConfig(final byte[] request) {
        NativeLibrary.load();
        return Natives.loadConfig(request);
    }

    /**
     * Returns what a value of a configuration refers to: <code>${env:NAME}</code> a variable of this process, <code>${file:PATH}
     * </code> the content of a file, without the end of its last line; any other value as it is. To be called where the value
     * is used, so that secrets travel in no plan. By any thread.
     *
     * @throws IllegalStateException if the variable or file is not there; the message names it and the remedy
     */
    public static String resolveSecret(final String value) {
        NativeLibrary.load();
        return new String(Natives.resolveSecret(value.getBytes(StandardCharsets.UTF_8)), StandardCharsets.UTF_8);
    }

    // ---- getters

    /** The journal; null if the core was opened without. */
    public CoreJournal journal() {
        return journal;
    }

    /** Actions of the plan, by id. */
    public List<ActionDescriptor> actions() {
        return actions;
    }

    /** Whether the plan has conditions: then events are to be handed over with the attributes they read. */
    public boolean hasConditions() {
        return hasConditions;
    }

    /**
     * Which uses of memory the host sends as events when an action ends: a bit each for values set in sensory and in short-term memory,
     * and for values read of them, from the lowest one, which is also the order of the events.
     */
    public int memoryEvents() {
        return memoryEvents;
    }

    /** Names of the top-level attributes that conditions read; other attributes need not be handed over. */
    public List<String> conditionAttributes() {
        return conditionAttributes;
    }

    /** Inputs not finished, as of the last poll or input: those waiting behind a busy key included. */
    public int inFlight() {
        return inFlight;
    }

    /** Events and memory values kept for the core. */
    public int heldValues() {
        return values.size();
    }

    /** How it is doing, as of the last poll or input; may be read by any thread. */
    public CoreFigures figures() {
        return figures;
    }

    /** Unfinished inputs, waiting inputs, suspended tasks, held markers, interned texts, 1 if a task is ready to run. */
    public int[] counts() {
        more = true;
        return Natives.counts(handle);
    }

    /**
     * The number of an event type or memory path. Use it at once: when nothing refers to a text any more, a later {@link
     * #poll} may give its number back.
     *
     * @throws IllegalArgumentException if it has more than 65,536 bytes in UTF-8 or is no valid Unicode text
     */
    public int symbol(final String text) {
        more = true;
        return symbols.of(text);
    }

    // ---- inputs

    /**
     * A record of a key. Runs of a key start in arrival order.
     *
     * @param key slot of the key, see {@link KeySlots}
     * @param event the input event; kept until the core releases it
     * @param idHigh upper half of the event's id
     * @param idLow lower half
     * @param hasTimestamp whether the record has a timestamp
     * @param timestamp in milliseconds
     * @param attributes direct buffer with the encoded attributes that conditions read, from its byte 0 on; not changed
     *     during the call, and free to be used again after it; null without
     * @param attributesLength their length in bytes; 0 without
     * @throws IllegalArgumentException if the buffer is not direct, or shorter than the length
     */
    public void input(
            final int key,
            final Object event,
            final long idHigh,
            final long idLow,
            final boolean hasTimestamp,
            final long timestamp,
            final ByteBuffer attributes,
            final int attributesLength) {
        final long at = addressOf(attributes, attributesLength);
        final int value = values.add(event);
        more = true;
        try {
            polled(
                    Natives.input(
                            handle, key, value, idHigh, idLow, hasTimestamp ? 1 : 0, timestamp, at, attributesLength,
                            address, room(), held ? 0 : 1));
        } catch (final RuntimeException e) {
            values.remove(value);
            throw e;
        }
    }

    /**
     * The event before the input of the run that is about to begin, see {@link #BEGIN}; the arguments as for {@link #input}.
     *
     * @param type symbol of the event's type
     */
    public void begin(
            final int key,
            final int type,
            final Object event,
            final long idHigh,
            final long idLow,
            final ByteBuffer attributes,
            final int attributesLength) {
        final long at = addressOf(attributes, attributesLength);
        final int value = values.add(event);
        more = true;
        try {
            Natives.begin(handle, key, type, value, idHigh, idLow, at, attributesLength);
        } catch (final RuntimeException e) {
            values.remove(value);
            throw e;
        }
    }

    /**
     * Asked of the JVM once for a buffer, as hosts use one again and again. The field also keeps the buffer from the
     * collector while the core reads it: an address alone would not.
     */
    private long addressOf(final ByteBuffer attributes, final int length) {
        if (attributes == null) {
            if (length != 0) {
                throw new IllegalArgumentException("attributes have a length but no buffer: pass both or neither");
            }
            return 0;
        }
        if (length < 0 || length > attributes.capacity()) {
            throw new IllegalArgumentException(
                    "attributes of " + length + " bytes in a buffer of " + attributes.capacity());
        }
        if (attributes != attributesBuffer) {
            attributesAddress = Natives.addressOf(attributes);
            attributesBuffer = attributes;
        }
        return attributesAddress;
    }

    /** Effects come back with the call that caused them where the buffer is free: one crossing less. */
    private int room() {
        return next == count ? CAPACITY : 0;
    }

    private void polled(final long result) {
        inFlight = (int) (result >>> 32);
        more = ((int) result & MORE) != 0;
        collect = ((int) result & COLLECT) != 0;
        if (next == count) {
            next = 0;
            count = (int) result & ~(MORE | COLLECT);
        }
    }

    // ---- for the journal

    long handle() {
        return handle;
    }

    /** The core is about to change: it may have effects again. */
    void changes() {
        more = true;
    }

    void input(
            final int key,
            final Object event,
            final long idHigh,
            final long idLow,
            final boolean hasTimestamp,
            final long timestamp,
            final ByteBuffer attributes,
            final int attributesLength,
            final byte[] digest) {
        final long at = addressOf(attributes, attributesLength);
        final int value = values.add(event);
        more = true;
        try {
            polled(
                    Natives.journalInput(
                            handle, key, value, idHigh, idLow, hasTimestamp ? 1 : 0, timestamp, at, attributesLength, digest,
                            address, room(), held ? 0 : 1));
        } catch (final RuntimeException e) {
            values.remove(value);
            throw e;
        }
    }

    void finish(final long task, final byte[] recorded) {
        more = true;
        polled(Natives.journalFinish(handle, task, recorded, address, room(), held ? 0 : 1));
    }

    Object[] valuesOf(final int[] numbers) {
        final Object[] found = new Object[numbers.length];
        for (int i = 0; i < found.length; i++) {
            found[i] = values.get(numbers[i]);
        }
        return found;
    }

    void replayed(final long task, final Object[] read, final byte[] attributes) {
        final int[] numbers = new int[read.length];
        for (int i = 0; i < numbers.length; i++) {
            numbers[i] = values.add(read[i]);
        }
        more = true;
        try {
            Natives.journalReplayed(handle, task, numbers, attributes);
        } catch (final RuntimeException e) {
            for (final int number : numbers) {
                values.remove(number);
            }
            throw e;
        }
    }

    /** A marker of the stream ({@link #WATERMARK}, {@link #IDLE}, {@link #ATTRIBUTES}): passes after all inputs before it. */
    public void marker(final int kind, final long value) {
        more = true;
        Natives.marker(handle, kind, value);
    }

    /**
     * The running action sent an event; it is routed when the action finishes.
     *
     * @param task the task, from its {@link #RUN_ACTION} effect
     * @param type symbol of the event's type
     * @param event the event; kept until the core releases it
     * @param idHigh upper half of the event's id
     * @param idLow lower half
     * @param attributes as for {@link #input}
     * @param attributesLength as for {@link #input}
     * @throws IllegalArgumentException if the event has the id of the one that triggered the action
     * @throws IllegalStateException if the action has ended
     */
    public void send(
            final long task,
            final int type,
            final Object event,
            final long idHigh,
            final long idLow,
            final ByteBuffer attributes,
            final int attributesLength) {
        final long at = addressOf(attributes, attributesLength);
        final int value = values.add(event);
        more = true;
        try {
            Natives.send(handle, task, type, value, idHigh, idLow, at, attributesLength);
        } catch (final RuntimeException e) {
            values.remove(value);
            throw e;
        }
    }

    /** The running action returned: its memory writes are committed and its events routed. */
    public void finish(final long task) {
        more = true;
        polled(Natives.finish(handle, task, address, room(), held ? 0 : 1));
    }

    /**
     * The running action threw an exception. What it sent and wrote is dropped, unless the verdict is to fail. After a retry's
     * verdict the task has ended, and comes back under another number in a {@link #BACKOFF} effect.
     *
     * @param now milliseconds since 1970
     * @return the verdict in the upper 32 bits, {@link #VERDICT_FAIL}, {@link #VERDICT_RETRY} or {@link #VERDICT_DEAD_LETTER};
     *     in the lower, how often the action was tried
     */
    public long failed(final long task, final long now) {
        more = true;
        return Natives.failed(handle, task, now);
    }

    /** The wait of a task that failed is over; nothing if it has ended. */
    public void backoffOver(final long task) {
        more = true;
        Natives.backoffOver(handle, task);
    }

    /**
     * A text of a dead letter, cut where the store has no room for the whole of it.
     *
     * @param part {@link #LETTER_INPUT}, {@link #LETTER_EVENT}, {@link #LETTER_TRACE} or {@link #LETTER_TEXT}
     */
    public String letterText(final int part, final String text) {
        return letterText(part, 0, text);
    }

    /** The same of JSON, which is cut to a text in JSON. */
    public String letterJson(final int part, final String json) {
        return letterText(part, 1, json);
    }

    private String letterText(final int part, final int json, final String text) {
        final byte[] cut = Natives.letterText(handle, part, json, text.getBytes(StandardCharsets.UTF_8));
        return cut == null ? text : new String(cut, StandardCharsets.UTF_8);
    }

    /** The event of the input whose run a task belongs to; null for plans without dead letters. */
    public Object inputOf(final long task) {
        final int value = Natives.inputOf(handle, task);
        return value < 0 ? null : values.get(value);
    }

    /** The running action waits: others go on. */
    public void suspend(final long task) {
        more = true;
        Natives.suspend(handle, task);
    }

    /** What a suspended action waited for has come: a {@link #RESUME} effect follows when it is its turn. */
    public void wake(final long task) {
        more = true;
        Natives.wake(handle, task);
    }

    /**
     * An action begins a durable call.
     *
     * @param scope where it stands, {@link #ACTION_SCOPE} or one of {@link #callScope}
     * @return its place there, from 0: with the scope, where a result of it is found again
     */
    public int callBegin(final long task, final int scope) {
        return Natives.callBegin(handle, task, scope);
    }

    /**
     * An action opens a scope of durable calls, which takes a place in another scope as a call does.
     *
     * @param sideBySide whether calls in it do not depend on each other; else each comes after those before it
     * @return its number
     */
    public int callScope(final long task, final int parent, final boolean sideBySide) {
        return Natives.callScope(handle, task, parent, sideBySide ? 1 : 0);
    }

    /** A durable call of an action has ended, or was given up. */
    public void callEnd(final long task) {
        Natives.callEnd(handle, task);
    }

    /** How long a durable call may take that sets no limit itself, as the plan says; null if as long as it likes. */
    public Duration callTimeout() {
        final long nanos = Natives.callTimeout(handle);
        return nanos < 0 ? null : Duration.ofNanos(nanos);
    }

    /** No input follows. */
    public void endOfInput() {
        more = true;
        Natives.endOfInput(handle);
    }

    /** Gives out no effects until {@link #thaw()}: between the snapshot of a synchronous savepoint and its end. */
    public void freeze() {
        more = true;
        Natives.freeze(handle, 1);
        frozen = true;
    }

    /** Ends {@link #freeze()}. */
    public void thaw() {
        more = true;
        Natives.freeze(handle, 0);
        frozen = false;
    }

    // ---- effects

    /**
     * Goes to the next effect.
     *
     * @param mayRun false to leave out running and resuming actions
     * @return false when there is none now
     */
    public boolean poll(final boolean mayRun) {
        while (!frozen) {
            if (next == count) {
                if (held && mayRun) {
                    held = false;
                    at = HELD;
                    effectValue = kind() == RUN_ACTION ? values.get(effects.getInt(at + 16 + 4)) : null;
                    return true;
                }
                if (collect) {
                    // Here and not only with the next call: that may never come when each brings all its effects.
                    collect = false;
                    symbols.collect();
                }
                if (!more) {
                    break;
                }
                polled(Natives.poll(handle, address, CAPACITY, mayRun ? 1 : 0));
                if (count == 0) {
                    break;
                }
            }
            at = next * RECORD;
            next++;
            final int kind = effects.getInt(at);
            if (!mayRun && (kind == RUN_ACTION || kind == RESUME || kind == REPLAY)) {
                // Fetched with the call that caused it; what comes after it must not wait for it.
                for (int offset = 0; offset < RECORD; offset += Long.BYTES) {
                    effects.putLong(HELD + offset, effects.getLong(at + offset));
                }
                held = true;
                continue;
            }
            switch (kind) {
                case RELEASE:
                    values.remove(effects.getInt(at + 16));
                    continue;
                case RUN_ACTION:
                    effectValue = values.get(effects.getInt(at + 16 + 4));
                    return true;
                case PROCESSED:
                    effectValue = values.get(effects.getInt(at + 16));
                    return true;
                case EMIT:
                case DEAD_LETTER:
                    effectValue = values.remove(effects.getInt(at + 16));
                    return true;
                case WRITE_MEMORY:
                    effectValue = node() == NODE_VALUE ? values.get((int) effects.getLong(at + 24)) : null;
                    return true;
                default:
                    effectValue = null;
                    return true;
            }
        }
        effectValue = null;
        return false;
    }

    /** Kind of the effect: one of the constants of this class. */
    public int kind() {
        return effects.getInt(at);
    }

    /** Slot of the key of the effect. */
    public int key() {
        return effects.getInt(at + 4);
    }

    /** The task to run or resume; to be named in everything the action does. */
    public long task() {
        return effects.getLong(at + 8);
    }

    /** Id of the action to run. */
    public int action() {
        return effects.getInt(at + 16);
    }

    /** The event to run an action on, or whose payload to emit. */
    public Object event() {
        return effectValue;
    }

    /** Whether a processed event is to be logged: its attributes are the next for {@link CoreEventLog#append}. */
    public boolean logged() {
        return (effects.getInt(at + 20) & 1) != 0;
    }

    /** Whether a processed event is for listeners. */
    public boolean listened() {
        return (effects.getInt(at + 20) & 2) != 0;
    }

    /** Whether an emitted event has a timestamp. */
    public boolean hasTimestamp() {
        return effects.getInt(at + 20) != 0;
    }

    /** Timestamp of an emitted event, in milliseconds. */
    public long timestamp() {
        return effects.getLong(at + 24);
    }

    /** Milliseconds from {@code now} (since 1970) until a task that failed is to be tried again; never more than was decided. */
    public long backoffMs(final long now) {
        final long whole = effects.getLong(at + 16);
        return Math.max(0, Math.min(whole, effects.getLong(at + 24) - now));
    }

    /** Path of a memory write. */
    public String path() {
        return symbols.name(effects.getInt(at + 16));
    }

    /** What a memory write puts at its path: {@link #NODE_OBJECT}, {@link #NODE_VALUE}, or {@link #NODE_ABSENT} when what stood there is gone. */
    public int node() {
        return effects.getInt(at + 20);
    }

    /** Value of a memory write, null for an object. */
    public Object value() {
        return effectValue;
    }

    /** Kind of a marker. */
    public int markerKind() {
        return effects.getInt(at + 16);
    }

    /** Value of a marker. */
    public long markerValue() {
        return effects.getLong(at + 24);
    }

    /** Whether no input of the key is left. */
    public boolean idle() {
        return effects.getInt(at + 16) != 0;
    }

    /** Whether a snapshot of the key was stored. */
    public boolean persisted() {
        return effects.getInt(at + 20) != 0;
    }

    /** Number of the run that ended, from 0. */
    public long sequence() {
        return effects.getLong(at + 24);
    }

    /** Number of a durable call. */
    public int call() {
        return effects.getInt(at + 16);
    }

    /** What is to be done with a durable call: one of the constants of {@link CoreJournal}, never {@link CoreJournal#WAIT}. */
    public int step() {
        return effects.getInt(at + 20);
    }

    /** Text of a warning, divergence or failure. */
    public String text() {
        return new String(Natives.text(handle, effects.getInt(at + 16)), StandardCharsets.UTF_8);
    }

    // ---- memory, for the running action

    /**
     * What stands at a path: {@link StoredMemory#ABSENT}, {@link StoredMemory#OBJECT} or the value. The task's own writes
     * are seen; those of others once their action has finished.
     *
     * @param task the running task
     * @param memory {@link #SENSORY} or {@link #SHORT_TERM}
     * @param path dotted path of up to 4,096 bytes (UTF-8) and 256 names; the empty text is the root
     * @param stored the host's store, asked when the path is not known yet
     * @throws IllegalArgumentException if the path is not one
     * @throws IllegalStateException if the action has ended
     * @throws Exception if the store fails
     */
    public Object memoryGet(final long task, final int memory, final String path, final StoredMemory stored)
            throws Exception {
        final int symbol = symbol(path);
        final long found = Natives.memoryGet(handle, task, memory, symbol);
        switch ((int) (found >> 32)) {
            case NODE_ABSENT:
                return StoredMemory.ABSENT;
            case NODE_OBJECT:
                return StoredMemory.OBJECT;
            case NODE_VALUE:
                return values.get((int) found);
            default:
                // A read asks for the very path it is about, and nothing hides what is stored there.
                return load(task, symbol, stored);
        }
    }

    /**
     * Writes a value, creating missing parents; visible to other actions when this one finishes.
     *
     * @throws IllegalArgumentException if the path is not one, an object stands there, or a value above it
     * @throws IllegalStateException if the action has ended
     * @throws Exception if the store fails
     */
    public void memorySet(
            final long task, final int memory, final String path, final Object value, final StoredMemory stored)
            throws Exception {
        final int symbol = symbol(path);
        final int added = values.add(value);
        try {
            while (true) {
                final long outcome = Natives.memorySet(handle, task, memory, symbol, added);
                if (written(task, outcome, stored)) {
                    return;
                }
            }
        } catch (final Exception e) {
            values.remove(added);
            throw e;
        }
    }

    /**
     * Makes an object, creating missing parents. One that exists is kept with its children.
     *
     * @param overwrite whether a value that stands there is replaced
     * @throws IllegalArgumentException if the path is not one, or a value stands there or above it
     * @throws IllegalStateException if the action has ended
     * @throws Exception if the store fails
     */
    public void memoryNewObject(
            final long task, final int memory, final String path, final boolean overwrite, final StoredMemory stored)
            throws Exception {
        final int symbol = symbol(path);
        while (!written(task, Natives.memoryNewObject(handle, task, memory, symbol, overwrite ? 1 : 0), stored)) {
            // A path was loaded: ask again.
        }
    }

    /**
     * Names of the direct children of an object, sorted.
     *
     * @throws IllegalArgumentException if the path is not one, or no object stands there
     * @throws IllegalStateException if the action has ended
     * @throws Exception if the store fails
     */
    public List<String> memoryChildren(
            final long task, final int memory, final String path, final StoredMemory stored) throws Exception {
        final int symbol = symbol(path);
        final byte[] paths = memory == SHORT_TERM ? Texts.encode(stored.paths(path)) : new byte[0];
        while (true) {
            final byte[] outcome = Natives.memoryChildren(handle, task, memory, symbol, paths);
            if (outcome[0] == 0) {
                return Texts.decode(outcome, 1);
            }
            load(task, ByteBuffer.wrap(outcome).order(ByteOrder.LITTLE_ENDIAN).getInt(1), stored);
        }
    }

    private boolean written(final long task, final long outcome, final StoredMemory stored) throws Exception {
        switch ((int) (outcome >> 32)) {
            case LOAD:
                load(task, (int) outcome, stored);
                return false;
            case NODE_VALUE:
                values.remove((int) outcome);
                return true;
            default:
                return true;
        }
    }

    private Object load(final long task, final int path, final StoredMemory stored) throws Exception {
        final Object loaded = stored.load(symbols.name(path));
        final int unused;
        if (loaded == StoredMemory.ABSENT) {
            unused = Natives.memoryLoaded(handle, task, path, NODE_ABSENT, 0);
        } else if (loaded == StoredMemory.OBJECT) {
            unused = Natives.memoryLoaded(handle, task, path, NODE_OBJECT, 0);
        } else {
            final int value = values.add(loaded);
            unused = Natives.memoryLoaded(handle, task, path, NODE_VALUE, value);
        }
        if (unused >= 0) {
            values.remove(unused);
        }
        return loaded;
    }

    // ---- snapshots

    /**
     * Keys changed since the last call, idle ones among them.
     *
     * @throws IllegalStateException if a run has failed ({@link #FAIL}): what it left must not be stored
     */
    public int[] takeDirty() {
        more = true;
        return Natives.takeDirty(handle);
    }

    /**
     * What has to be stored for a key, or null when it is idle. The key counts as {@link #persisted()} from then on.
     *
     * @throws IllegalStateException if a run has failed ({@link #FAIL}): what it left must not be stored
     */
    public KeySnapshot snapshotKey(final int key) {
        more = true;
        final byte[] stored = Natives.snapshotKey(handle, key);
        if (stored == null) {
            return null;
        }
        final ByteBuffer in = ByteBuffer.wrap(stored).order(ByteOrder.LITTLE_ENDIAN);
        final Object[] held = new Object[in.getInt()];
        for (int i = 0; i < held.length; i++) {
            held[i] = values.get(in.getInt());
        }
        return new KeySnapshot(Arrays.copyOfRange(stored, in.position(), stored.length), held);
    }

    /**
     * Takes back the unfinished runs of a key: tasks run again from their first line, in the order they had.
     *
     * @param key a free slot
     * @param snapshot what {@link #snapshotKey} returned
     * @param attributes for plans with conditions: for each event among the values an int (little-endian) and that many
     *     bytes of encoded attributes; null otherwise
     * @throws AgentsCoreException if the bytes are foreign, newer or damaged, or the plan lacks an action they name
     */
    public void restoreKey(final int key, final KeySnapshot snapshot, final byte[] attributes) {
        final int[] numbers = new int[snapshot.values().length];
        for (int i = 0; i < numbers.length; i++) {
            numbers[i] = values.add(snapshot.values()[i]);
        }
        more = true;
        try {
            Natives.restoreKey(handle, key, snapshot.bytes(), numbers, attributes);
        } catch (final RuntimeException e) {
            for (final int number : numbers) {
                values.remove(number);
            }
            throw e;
        }
        inFlight = counts()[0];
    }

    /** Frees the core. Calling anything afterwards is an {@link IllegalStateException}; closing again does nothing. */
    @Override
    public void close() {
        Natives.close(handle);
        // Effects not carried out yet are void, and the next poll has to ask the library, which refuses.
        next = count;
        more = true;
        held = false;
        frozen = false;
    }

    /** Panics inside the core: for tests that show what a defect looks like. */
    void panicForTest() {
        more = true;
        Natives.panicForTest(handle);
    }

    private static JsonNode read(final byte[] json) {
        try {
            return JSON.readTree(json);
        } catch (final IOException e) {
            throw new AgentsCoreException("The core's description of the plan cannot be read: " + e.getMessage());
        }
    }

    private static List<ActionDescriptor> readActions(final JsonNode nodes) {
        final List<ActionDescriptor> actions = new ArrayList<>();
        for (final JsonNode node : nodes) {
            final JsonNode exec = node.get("exec");
            final boolean java = "JavaFunction".equals(exec.path("func_type").asText());
            final List<String> types = new ArrayList<>();
            exec.path("parameter_types").forEach(type -> types.add(type.asText()));
            actions.add(
                    new ActionDescriptor(
                            actions.size(),
                            node.get("name").asText(),
                            java ? ActionDescriptor.Language.JAVA : ActionDescriptor.Language.PYTHON,
                            exec.path(java ? "qualname" : "module").asText(),
                            exec.path(java ? "method_name" : "qualname").asText(),
                            types,
                            node.path("built_in").asBoolean(),
                            node.path("has_policy").asBoolean()));
        }
        return List.copyOf(actions);
    }
}
