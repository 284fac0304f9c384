package org.apache.flink.agents.core;

import java.nio.ByteBuffer;
import java.util.concurrent.Executor;

/**
 * The natives of the library, one to one. Only {@link AgentsCore}, {@link BuiltInDecisions}, {@link CoreEventLog}, {@link CoreJournal}, {@link CommandLine}, {@link MetricsPage}, {@link ModelClient}, {@link PythonWorker} and {@link VirtualThreads} call them; what they mean, and who owns what, stands at
 * the head of {@code rust/jni/src/lib.rs}.
 */
public final class Natives {
    private Natives() {}

    /**
     * What the numbers mean that cross: raised, together with that of {@code rust/jni/src/version.rs}, whenever an effect, a
     * result or a flag changes its meaning while the types below stay.
     */
    public static final int LAYOUT = 4;

    /** The build that the library comes from, as {@link org.apache.flink.agents.core.loader.NativeLibrary#jarBuild} has it. */
    public static native String version();

    static native long addressOf(ByteBuffer direct);

    static native byte[] validatePlan(byte[] plan);

    static native byte[] loadConfig(byte[] request);

    static native byte[] resolveSecret(byte[] value);

    static native byte[] command(byte[] words);

    // ---- life of a core

    static native long open(byte[] plan);

    static native void close(long handle);

    static native byte[] describe(long handle);

    static native void panicForTest(long handle);

    // ---- hot path

    static native long input(
            long handle, int key, int value, long idHigh, long idLow, int hasTimestamp, long timestamp,
            long attributes, int attributesLength, long address, int capacity, int mayRun);

    static native void begin(
            long handle, int key, int type, int value, long idHigh, long idLow, long attributes, int attributesLength);

    static native void marker(long handle, int kind, long value);

    static native void send(
            long handle, long task, int type, int value, long idHigh, long idLow, long attributes, int attributesLength);

    static native long finish(long handle, long task, long address, int capacity, int mayRun);

    static native void suspend(long handle, long task);

    static native void wake(long handle, long task);

    static native int callBegin(long handle, long task, int scope);

    static native int callScope(long handle, long task, int parent, int group);

    static native void callEnd(long handle, long task);

    static native long poll(long handle, long address, int capacity, int mayRun);

    static native long memoryGet(long handle, long task, int memory, int path);

    static native int memoryLoaded(long handle, long task, int path, int node, int value);

    static native long memorySet(long handle, long task, int memory, int path, int value);

    static native long memoryNewObject(long handle, long task, int memory, int path, int overwrite);

    // ---- now and then

    static native byte[] memoryChildren(long handle, long task, int memory, int path, byte[] stored);

    static native int intern(long handle, byte[] text);

    static native byte[] symbolName(long handle, int symbol);

    static native int[] collectSymbols(long handle);

    static native byte[] text(long handle, int index);

    static native void endOfInput(long handle);

    static native void freeze(long handle, int on);

    static native int[] counts(long handle);

    static native void figures(long handle, long address);

    static native int[] takeDirty(long handle);

    static native byte[] snapshotKey(long handle, int key);

    static native void restoreKey(long handle, int key, byte[] bytes, int[] values, byte[] attributes);

    static native void openKey(long handle, int key, long sequence);

    static native long callTimeout(long handle);

    // ---- failures

    static native long failed(long handle, long task, long now);

    static native byte[] letterText(long handle, int part, int json, byte[] text);

    static native void backoffOver(long handle, long task);

    static native int inputOf(long handle, long task);

    // ---- journal

    static native long openJournalled(byte[] plan, byte[] request, Runnable wake);

    static native int journalPoll(long handle);

    static native int[] journalFigures(long handle);

    static native void journalKey(long handle, int slot, int keyGroup, byte[] key, long sequence);

    static native long journalInput(
            long handle, int key, int value, long idHigh, long idLow, int hasTimestamp, long timestamp,
            long attributes, int attributesLength, byte[] digest, long address, int capacity, int mayRun);

    static native int[] journalValues(long handle, long task);

    static native long journalFinish(long handle, long task, byte[] values, long address, int capacity, int mayRun);

    static native byte[] journalRecord(long handle);

    static native void journalReplayed(long handle, long task, int[] values, byte[] attributes);

    static native long journalCall(long handle, long task, int scope, byte[] function, byte[] arguments, int reconcilable);

    static native byte[] journalPayload(long handle);

    static native void journalCallEnd(long handle, long task, int call, int outcome, byte[] payload);

    static native byte[] journalCallKey(long handle, long task, int slot, int call);

    static native void journalHold(long handle, long task, int held);

    static native void journalBusy(long handle, long task, int busy);

    static native void journalAwaitOver(long handle, int slot, long run);

    static native long journalPatience(long handle);

    static native byte[] journalState(long handle);

    static native void journalPrune(long handle, byte[] state);

    // ---- metrics without Flink

    static native byte[] metricsPage(byte[] snapshots);

    static native long metricsServe(int port);

    static native void metricsPublish(long server, byte[] snapshots);

    static native void metricsStop(long server);

    // ---- built-in actions

    static native byte[] builtInBegin(byte[] start);

    static native byte[] builtInAnswer(long handle, byte[] answer);

    static native void builtInEnd(long handle);

    // ---- models

    static native long modelOpen(byte[] opening);

    static native byte[] modelParameters(byte[] setting);

    static native int modelStructures(long handle, byte[] model);

    static native int modelClients();

    static native void modelCall(long handle, long call, byte[] request, int told);

    static native void modelCancel(long call);

    static native byte[] modelAnswers(int millis);

    static native void modelClose(long handle);

    // ---- event log

    static native long eventLogOpen(long handle, byte[] plan, byte[] request);

    static native int eventLogAppend(long handle, byte[] attributes, int length, int events);

    static native void eventLogKey(long handle, int key, byte[] text);

    static native void eventLogExecution(long handle, long task, int status, byte[] what);

    static native void eventLogOrigin(long handle, long high, long low, byte[] traceparent);

    static native byte[] eventLogSpansReport(long handle);

    static native void eventLogSpansEnd(long handle, int millis);

    static native long eventLogSpans(long handle);

    static native byte[] eventLogSpansFigures(long spans);

    static native void eventLogSpansFree(long spans);

    static native byte[] eventLogEntries(long handle);

    static native byte[] eventLogPath(long log);

    static native int eventLogLines(long log, int millis, int framed, byte[] into);

    static native void eventLogLost(long log, int lines);

    static native byte[] eventLogFigures(long log);

    static native byte[] eventLogReport(long log);

    static native void eventLogHurry(long log);

    static native int eventLogClose(long log, int millis);

    static native void eventLogFree(long log);

    // ---- threads

    static native Executor virtualThreadScheduler();

    static native Thread newVirtualThread(Executor scheduler, String name, Runnable body);

    static native int threadId();

    static native int moveHere(int thread);

    static native void moveAnywhere();

    // ---- Python workers

    static native long workerStart(byte[] request, byte[] plan, Runnable wake);

    static native int workerReady(long handle, int millis);

    static native int workerProcess(long handle);

    static native int workerSend(long handle, byte[] records, int length);

    static native byte[] workerReceive(long handle);

    static native byte[] workerLog(long handle, int millis);

    static native void workerAsk(long handle, long number, byte[] question);

    static native void workerAnswer(long handle, long number, int failed, byte[] value);

    static native byte[] workerSaid(long handle);

    static native void workerAskToStop(long handle);

    static native void workerStop(long handle);

    static native void workerFree(long handle);
}
