package org.apache.flink.agents.core;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.flink.agents.core.loader.NativeLibrary;
import org.apache.flink.agents.core.value.ForeignValues;
import org.apache.flink.agents.core.value.ValueReader;
import org.apache.flink.agents.core.value.ValueWriter;

/**
 * A process that runs an agent's Python actions for a host. What is told to it piles up until {@link #flush}; what it says is
 * taken by {@link #receive} and gone through by {@link #next}. Nothing here waits for the worker, except {@link #start}, {@link
 * #awaitReady} and {@link #close}.
 *
 * <pre>{@code
 * try (PythonWorker worker = PythonWorker.start(settings, planJson, () -> mailbox.execute(this::drain, "worker"))) {
 *     worker.run(task, action, slot, true, key, type, idHigh, idLow, attributes);
 *     worker.endRun();
 *     worker.flush();
 *     // later, when woken:
 *     worker.receive();
 *     while (worker.next()) {
 *         switch (worker.kind()) {
 *             case PythonWorker.SEND: // ...
 *         }
 *     }
 * }
 * }</pre>
 *
 * <p>For use by one thread, the one that uses the {@link AgentsCore}. A worker that has ended, for whatever reason, shows as an
 * {@link AgentsCoreException} of {@link #receive} with how it ended and its last lines; {@code wake} is called then too.
 */
public final class PythonWorker implements AutoCloseable {
    /** A task sent an event: {@link #task}, {@link #idHigh}, {@link #idLow}, {@link #name} (its type), {@link #bytes} (its attributes). */
    public static final int SEND = 1;
    /** A task that is about to finish wrote: {@link #task}, {@link #memory}, {@link #name} (the path), {@link #node}, {@link #bytes}. */
    public static final int WRITE = 2;
    /** {@link #task} is done, after {@link #micros}. */
    public static final int FINISH = 3;
    /** {@link #task} failed: {@link #text}. */
    public static final int FAIL = 4;
    /** {@link #task} waits. */
    public static final int SUSPEND = 5;
    /** What {@link #task} waited for has come. */
    public static final int WAKE = 6;
    /** {@link #task} wants to know what stands at path {@link #name} of {@link #memory}: answer by {@link #answerNode}. */
    public static final int GET = 7;
    /** {@link #task} wants to know the children of path {@link #name} of {@link #memory}: answer by {@link #answerNames}. */
    public static final int LIST = 8;
    /** A metric changed: {@link #change}, {@link #name} (its groups), {@link #secondName}, {@link #bits}. */
    public static final int METRIC = 10;
    /**
     * With a journal: {@link #task} comes to durable call {@link #call} in {@link #scope}, of function {@link #name} and with
     * {@link #digest}, {@link #reconcilable} or not; answer by {@link #callReady}. One that is {@link #inPlace} has the action's own
     * code wait: if the answer has to wait the task is suspended, and the answer is given instead of {@link #resume}.
     */
    public static final int CALL = 12;
    /** Call {@link #call} of {@link #task} has ended with {@link #outcome} and {@link #bytes}. */
    public static final int CALL_END = 13;
    /** {@link #task} has opened {@link #scope} in {@link #parent}, of calls side by side or not ({@link #group}). */
    public static final int SCOPE = 14;
    /** Whether code of {@link #task} goes on beside what waits for calls: {@link #busy}. */
    public static final int BUSY = 15;
    /**
     * Where the plan asks for an execution trace: something begins or ends inside {@link #task}: {@link #status}, and {@link
     * #bytes}, both as {@link CoreEventLog#execution} takes them.
     */
    public static final int REPORT = 16;
    /**
     * The action of {@link #task} threw, and has a failure policy: {@link #exceptionType}, {@link #exceptionMessage}, {@link #text}
     * and {@link #exceptionTrace}. The task has ended there.
     */
    public static final int THREW = 17;

    /** Change of a metric: a counter goes up or down by {@link #bits}. */
    public static final int CHANGE_COUNT = 0;
    /** Change of a metric: {@link #bits} events of a meter. */
    public static final int CHANGE_MARK = 1;
    /** Change of a metric: a gauge has the value whose bits are {@link #bits}. */
    public static final int CHANGE_GAUGE = 2;
    /** Change of a metric: a histogram gets {@link #bits}. */
    public static final int CHANGE_SAMPLE = 3;

    private static final int NAME = 9;
    private static final int MARK = 11;
    /** Names that may be numbered; the worker's side knows the same limit. */
    private static final int NAMES = 4096;
    private static final int TO_RUN = 1;
    private static final int TO_RESUME = 2;
    private static final int TO_NODE = 4;
    private static final int TO_NAMES = 5;
    private static final int TO_RUN_ENDED = 6;
    private static final int TO_FORGET = 7;
    private static final int TO_NAME = 8;
    private static final int TO_CALL_READY = 9;
    private static final int TO_OBSERVED = 10;
    private static final int RECONCILABLE = 1;
    private static final int IN_PLACE = 2;
    private static final int HAS_DIGEST = 4;
    /** How long an interruption goes unseen. */
    private static final int LOOK_MILLIS = 50;

    private static final ObjectMapper JSON = new ObjectMapper();

    private final long handle;
    private final Thread log;
    /** Null where nothing is asked about resources. */
    private final PythonExchange exchange;
    private boolean closed;

    private final ValueWriter out = new ValueWriter(ForeignValues.REFUSE);
    private final Map<String, Integer> ours = new HashMap<>();
    // Of a run that is being told: it is written when it is complete, since names must be told before it.
    private final ValueWriter run = new ValueWriter(ForeignValues.REFUSE);
    private final ValueWriter known = new ValueWriter(ForeignValues.REFUSE);
    private int knownCount;
    private int pendingRuns;
    private int sentRuns;
    private int begunRuns;
    private boolean urgent;
    private int sentBatch;
    private int begunBatch;
    // Runs of the batches that are not begun: batch number modulo the length gives how many had been sent up to it.
    private int[] runsUpTo = new int[64];

    private final ValueReader in = new ValueReader(ForeignValues.REFUSE);
    private String[] theirs = new String[64];
    private int kind;
    private long number;
    private long micros;
    private long idHigh;
    private long idLow;
    private int memory;
    private int node;
    private String name;
    private String secondName;
    private String exceptionType;
    private String exceptionMessage;
    private String exceptionTrace;
    private byte[] bytes;
    private int scope;
    private int call;
    /** Flags of a call; else what the byte of its kind says. */
    private int flags;

    private PythonWorker(final long handle, final PythonWorkerSettings settings) {
        this.handle = handle;
        this.log = PythonWorkerLog.start(handle, settings.taskName());
        this.exchange =
                settings.exchange() ? new PythonExchange(handle, settings.taskName(), settings.resources()) : null;
        in.reset(new byte[0], 0, 0);
    }

    /**
     * Starts a worker and waits until it is ready: {@link #begin} and {@link #awaitReady}.
     *
     * @throws AgentsCoreException if it cannot be started, ends, refuses, or is not ready in time; the message has what it printed
     * @throws InterruptedException if the thread is interrupted; nothing of the worker is left then
     */
    public static PythonWorker start(final PythonWorkerSettings settings, final byte[] plan, final Runnable wake)
            throws InterruptedException {
        final PythonWorker worker = begin(settings, plan, wake);
        boolean ready = false;
        try {
            worker.awaitReady();
            ready = true;
        } finally {
            if (!ready) {
                worker.close();
            }
        }
        return worker;
    }

    /**
     * Starts a worker's process. It ends with the thread that calls this, at the latest: so does Linux keep it from outliving its
     * host.
     *
     * @param settings how
     * @param plan the plan, JSON in UTF-8
     * @param wake called when there is something to {@link #receive}, once until that is done; by a thread of the worker's, so
     *     it must only hand the news over
     * @return the worker, which is of no use before {@link #awaitReady}, and to be closed also when it never gets there
     * @throws AgentsCoreException if it cannot be started
     */
    public static PythonWorker begin(final PythonWorkerSettings settings, final byte[] plan, final Runnable wake) {
        NativeLibrary.load();
        final byte[] request;
        settings.logLevel(PythonWorkerLog.level());
        try {
            request = JSON.writeValueAsBytes(settings);
        } catch (final JsonProcessingException e) {
            throw new IllegalStateException("Settings of texts and numbers could not be written", e);
        }
        return new PythonWorker(Natives.workerStart(request, plan, wake), settings);
    }

    /**
     * Waits until the worker is ready.
     *
     * @throws AgentsCoreException if it ends, refuses, or is not ready in time; the message has what it printed
     * @throws InterruptedException if the thread is interrupted, which is seen within a moment
     */
    public void awaitReady() throws InterruptedException {
        do {
            if (Thread.interrupted()) {
                throw new InterruptedException("Interrupted while a Python worker was starting");
            }
        } while (Natives.workerReady(handle, LOOK_MILLIS) == 0);
        if (exchange != null) {
            exchange.start();
        }
    }

    /** Where questions about resources are asked, when the worker is ready; null unless the settings say who answers its own. */
    public PythonExchange exchange() {
        return exchange;
    }

    /** Number of the process. */
    public long process() {
        return Natives.workerProcess(handle);
    }

    // ---- to the worker

    /**
     * Tells it to run an action. {@link #knownNode} may follow, then {@link #endRun}.
     *
     * @param task the task
     * @param action its action
     * @param slot slot of the key
     * @param fresh whether nothing has been written yet in this run of the key, by anyone
     * @param key the key's text
     * @param type type of the event
     * @param high upper half of the event's id
     * @param low lower half
     * @param attributes its attributes as plain data
     * @param hasUpstream whether the event knows the one whose action sent it
     * @param upstreamHigh upper half of that one's id
     * @param upstreamLow lower half
     * @param upstreamAction name of that action, or null
     */
    public void run(
            final long task,
            final int action,
            final int slot,
            final boolean fresh,
            final String key,
            final String type,
            final long high,
            final long low,
            final byte[] attributes,
            final boolean hasUpstream,
            final long upstreamHigh,
            final long upstreamLow,
            final String upstreamAction) {
        run.reset();
        known.reset();
        knownCount = 0;
        run.writeByte(TO_RUN);
        run.writeLong(task);
        run.writeInt(action);
        run.writeInt(slot);
        run.writeByte((fresh ? 1 : 0) | (hasUpstream ? 2 : 0));
        run.writeLong(high);
        run.writeLong(low);
        if (hasUpstream) {
            run.writeLong(upstreamHigh);
            run.writeLong(upstreamLow);
            name(upstreamAction == null ? "" : upstreamAction, run);
        }
        blob(key.getBytes(StandardCharsets.UTF_8), run);
        name(type, run);
        blob(attributes, run);
    }

    /** Tells what stands at a path of short-term memory that the action will probably read; at most 255 of them. */
    public void knownNode(final String path, final int what, final byte[] value) {
        knownCount++;
        known.writeByte(what);
        name(path, known);
        blob(value, known);
    }

    /** Ends what {@link #run} began. */
    public void endRun() {
        run.writeByte(knownCount);
        out.writeRaw(run.buffer(), 0, run.size());
        out.writeRaw(known.buffer(), 0, known.size());
        pendingRuns++;
    }

    /** Tells it that a suspended task may go on. */
    public void resume(final long task) {
        head(TO_RESUME, task);
        urgent = true;
    }

    /**
     * Answers {@link #GET}.
     *
     * @param what {@link AgentsCore#NODE_ABSENT}, {@link AgentsCore#NODE_OBJECT} or {@link AgentsCore#NODE_VALUE}
     * @param value plain data; of no bytes if there is no value
     */
    public void answerNode(final long task, final int space, final String path, final int what, final byte[] value) {
        run.reset();
        run.writeByte(TO_NODE);
        run.writeLong(task);
        run.writeByte(space);
        run.writeByte(what);
        name(path, run);
        blob(value, run);
        out.writeRaw(run.buffer(), 0, run.size());
        urgent = true;
    }

    /** Answers {@link #LIST}. */
    public void answerNames(final long task, final List<String> names) {
        head(TO_NAMES, task);
        out.writeInt(names.size());
        for (final String child : names) {
            blob(child.getBytes(StandardCharsets.UTF_8), out);
        }
        urgent = true;
    }

    /**
     * Answers {@link #CALL}.
     *
     * @param step one of those of {@link CoreJournal}, but for waiting
     * @param key of a call that is to be made or reconciled; else empty
     * @param payload of a call that was made; else of no bytes
     */
    public void callReady(final long task, final int number, final int step, final String key, final byte[] payload) {
        head(TO_CALL_READY, task);
        out.writeInt(number);
        out.writeByte(step);
        blob(key.getBytes(StandardCharsets.US_ASCII), out);
        blob(payload, out);
        urgent = true;
    }

    /**
     * Tells its listeners, or its event logger, of an event that was processed. It answers nothing.
     *
     * @param logger whether the logger is told
     * @param micros when, in microseconds since 1970
     * @param type type of the event
     * @param high upper half of the event's id
     * @param low lower half
     * @param attributes its attributes as plain data
     * @param hasUpstream whether the event knows the one whose action sent it
     * @param upstreamHigh upper half of that one's id
     * @param upstreamLow lower half
     * @param upstreamAction name of that action, or null
     * @param trace its place in the execution trace, a map as plain data; of no bytes without a trace
     */
    public void observed(
            final boolean logger,
            final long micros,
            final String type,
            final long high,
            final long low,
            final byte[] attributes,
            final boolean hasUpstream,
            final long upstreamHigh,
            final long upstreamLow,
            final String upstreamAction,
            final byte[] trace) {
        run.reset();
        run.writeByte(TO_OBSERVED);
        run.writeLong(micros);
        run.writeByte((logger ? 1 : 0) | (hasUpstream ? 2 : 0));
        run.writeLong(high);
        run.writeLong(low);
        if (hasUpstream) {
            run.writeLong(upstreamHigh);
            run.writeLong(upstreamLow);
            name(upstreamAction == null ? "" : upstreamAction, run);
        }
        name(type, run);
        blob(attributes, run);
        blob(trace, run);
        out.writeRaw(run.buffer(), 0, run.size());
        // It takes its time there, too: who is behind with many takes no more records.
        pendingRuns++;
    }

    /** Tells it that the run of a slot has ended. */
    public void runEnded(final int slot) {
        head(TO_RUN_ENDED, slot);
    }

    /** Tells it that somebody else has written to the memory of a slot's key. */
    public void forget(final int slot) {
        head(TO_FORGET, slot);
    }

    private void head(final int what, final long about) {
        out.writeByte(what);
        out.writeLong(about);
    }

    private static void blob(final byte[] value, final ValueWriter to) {
        to.writeInt(value.length);
        to.writeRaw(value, 0, value.length);
    }

    private void name(final String text, final ValueWriter to) {
        final Integer told = ours.get(text);
        if (told != null) {
            to.writeInt(told);
            return;
        }
        final byte[] utf8 = text.getBytes(StandardCharsets.UTF_8);
        if (ours.size() == NAMES) {
            to.writeInt(-1 - utf8.length);
            to.writeRaw(utf8, 0, utf8.length);
            return;
        }
        final int given = ours.size();
        ours.put(text, given);
        head(TO_NAME, given);
        blob(utf8, out);
        to.writeInt(given);
    }

    /** Whether something waits for {@link #flush} that is worth sending: a run, an event that was processed, or an answer. */
    public boolean hasPending() {
        return pendingRuns > 0 || urgent;
    }

    /** Runs, and events that were processed, that wait for {@link #flush}. */
    public int pendingRuns() {
        return pendingRuns;
    }

    /** Whether it has begun everything that was sent, or waits for an answer. */
    public boolean isHungry() {
        return sentBatch == begunBatch || urgent;
    }

    /** The number of the batch that the next {@link #flush} will send. */
    public int nextBatch() {
        return sentBatch + 1;
    }

    /** Whether it has begun everything of a batch, and what it had to say of that has been gone through. */
    public boolean hasBegun(final int batch) {
        return begunBatch - batch >= 0;
    }

    /** Runs, and events that were processed, that were sent and not begun. */
    public int unbegunRuns() {
        return sentRuns - begunRuns;
    }

    /**
     * Sends what has piled up, as one batch.
     *
     * @throws IllegalArgumentException if a message is too large
     */
    public void flush() {
        if (out.size() == 0) {
            return;
        }
        sentBatch = Natives.workerSend(handle, out.buffer(), out.size());
        sentRuns += pendingRuns;
        if (sentBatch - begunBatch >= runsUpTo.length) {
            final int[] longer = new int[runsUpTo.length * 2];
            for (int batch = begunBatch; batch != sentBatch; batch++) {
                longer[batch & longer.length - 1] = runsUpTo[batch & runsUpTo.length - 1];
            }
            runsUpTo = longer;
        }
        runsUpTo[sentBatch & runsUpTo.length - 1] = sentRuns;
        pendingRuns = 0;
        urgent = false;
        out.reset();
    }

    // ---- from the worker

    /**
     * Takes what has come since the last time, to be gone through by {@link #next}. What was taken before and not gone through
     * is lost.
     *
     * @return false when there is nothing
     * @throws AgentsCoreException if the worker has ended, after everything that came before was taken
     */
    public boolean receive() {
        final byte[] records = Natives.workerReceive(handle);
        if (records == null) {
            return false;
        }
        in.reset(records, 0, records.length);
        return true;
    }

    /** Goes to the next thing the worker said; false when there is none. The accessors tell of it until the next call. */
    public boolean next() {
        while (in.remaining() > 0) {
            kind = in.readByte();
            number = in.readLong();
            switch (kind) {
                case SEND:
                    idHigh = in.readLong();
                    idLow = in.readLong();
                    name = readName();
                    bytes = in.readRaw(in.readInt());
                    return true;
                case WRITE:
                    memory = in.readByte();
                    node = in.readByte();
                    name = readName();
                    bytes = in.readRaw(in.readInt());
                    return true;
                case FINISH:
                    micros = in.readLong();
                    return true;
                case FAIL:
                    bytes = in.readRaw(in.readInt());
                    return true;
                case THREW:
                    exceptionType = readText();
                    exceptionMessage = readText();
                    bytes = in.readRaw(in.readInt());
                    exceptionTrace = readText();
                    return true;
                case GET:
                case LIST:
                    memory = in.readByte();
                    name = readName();
                    return true;
                case METRIC:
                    node = in.readByte();
                    name = readName();
                    secondName = readName();
                    return true;
                case CALL:
                    scope = in.readInt();
                    call = in.readInt();
                    flags = in.readByte();
                    bytes = (flags & HAS_DIGEST) != 0 ? in.readRaw(CoreJournal.digestBytes()) : null;
                    name = readName();
                    return true;
                case CALL_END:
                    call = in.readInt();
                    flags = in.readByte();
                    bytes = in.readRaw(in.readInt());
                    return true;
                case SCOPE:
                    scope = in.readInt();
                    call = in.readInt();
                    flags = in.readByte();
                    return true;
                case BUSY:
                    flags = in.readByte();
                    return true;
                case REPORT:
                    flags = in.readByte();
                    bytes = in.readRaw(in.readInt());
                    return true;
                case NAME:
                    learn((int) number, readText());
                    break;
                case MARK:
                    begunBatch = (int) number;
                    begunRuns = runsUpTo[begunBatch & runsUpTo.length - 1];
                    break;
                default:
                    return true;
            }
        }
        return false;
    }

    private void learn(final int given, final String text) {
        if (given < 0 || given >= NAMES) {
            throw new AgentsCoreException("The Python worker numbered a name " + given + ", where " + NAMES + " are allowed");
        }
        if (given >= theirs.length) {
            theirs = Arrays.copyOf(theirs, Math.max(given + 1, theirs.length * 2));
        }
        theirs[given] = text;
    }

    private String readText() {
        return new String(in.readRaw(in.readInt()), StandardCharsets.UTF_8);
    }

    private String readName() {
        final int given = in.readInt();
        if (given < 0) {
            return new String(in.readRaw(-1 - given), StandardCharsets.UTF_8);
        }
        if (given >= theirs.length || theirs[given] == null) {
            throw new AgentsCoreException("The Python worker used name " + given + ", which it never told");
        }
        return theirs[given];
    }

    /** What the worker said: one of the constants of this class. */
    public int kind() {
        return kind;
    }

    /** The task. */
    public long task() {
        return number;
    }

    /** Upper half of the id of a sent event. */
    public long idHigh() {
        return idHigh;
    }

    /** Lower half of the id of a sent event. */
    public long idLow() {
        return idLow;
    }

    /** {@link AgentsCore#SENSORY} or {@link AgentsCore#SHORT_TERM}. */
    public int memory() {
        return memory;
    }

    /** What is written: {@link AgentsCore#NODE_OBJECT} or {@link AgentsCore#NODE_VALUE}. */
    public int node() {
        return node;
    }

    /** Type of an event, path of memory, or the groups of a metric, each with a line feed behind it. */
    public String name() {
        return name;
    }

    /** Name of a metric; of a histogram with a line feed and the size of its window behind it. */
    public String secondName() {
        return secondName;
    }

    /** Encoded attributes or value, in an array of its own. */
    public byte[] bytes() {
        return bytes;
    }

    /** How long a task took that is done, from its first line to its last, its waits included, in microseconds. */
    public long micros() {
        return micros;
    }

    /** Class of an exception, with its module. */
    public String exceptionType() {
        return exceptionType;
    }

    /** What an exception says. */
    public String exceptionMessage() {
        return exceptionMessage;
    }

    /** The traceback of an exception. */
    public String exceptionTrace() {
        return exceptionTrace;
    }

    /** How a task failed. */
    public String text() {
        return new String(bytes, StandardCharsets.UTF_8);
    }

    /** Number of a call among those of its task. */
    public int call() {
        return call;
    }

    /** The scope in which a call stands, or that was opened; 0 is the action's own code. */
    public int scope() {
        return scope;
    }

    /** The scope in which another was opened. */
    public int parent() {
        return call;
    }

    /** Whether the calls of a scope are made side by side. */
    public boolean group() {
        return flags != 0;
    }

    /** Whether somebody can say, after a crash, what became of a call. */
    public boolean reconcilable() {
        return (flags & RECONCILABLE) != 0;
    }

    /** Whether the action's own code waits for a call. */
    public boolean inPlace() {
        return (flags & IN_PLACE) != 0;
    }

    /** Digest of a call's arguments; null if they have none. */
    public byte[] digest() {
        return bytes;
    }

    /** How a call ended: {@link CoreJournal#NO_OUTCOME}, {@link CoreJournal#RESULT} or {@link CoreJournal#FAILURE}. */
    public int outcome() {
        return flags;
    }

    /** What became of what an action reports. */
    public int status() {
        return flags;
    }

    /** Whether code of a task goes on. */
    public boolean busy() {
        return flags != 0;
    }

    /** What happened to a metric. */
    public int change() {
        return node;
    }

    /** By how much, or the bits of a gauge's value. */
    public long bits() {
        return number;
    }

    /** Asks the process to end and does not wait for that; {@link #close} does. For hosts that end several. */
    public void askToStop() {
        if (!closed) {
            Natives.workerAskToStop(handle);
        }
    }

    /** Ends the process and returns when nothing of it is left. Closing again does nothing. */
    @Override
    public void close() {
        if (closed) {
            return;
        }
        closed = true;
        Natives.workerStop(handle);
        PythonWorkerLog.join(log);
        if (exchange != null) {
            exchange.join();
        }
        Natives.workerFree(handle);
    }
}
