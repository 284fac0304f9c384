package org.apache.flink.agents.runtime.host;

import java.util.ArrayDeque;
import java.util.HashMap;
import java.util.Map;
import org.apache.flink.agents.core.AgentsCore;
import org.apache.flink.agents.core.CoreJournal;
import org.apache.flink.agents.core.PythonWorker;

/**
 * The durable calls of one worker's actions, with a journal: takes to the core what the worker says of them, and back what is
 * to be done. Results and exceptions pass as the bytes that Python has made of them.
 *
 * <p>The code of an action gets a replayed answer later than the core gives it out. Until it has arrived, the core holds the
 * rest of the run back, which may change what that code reads.
 *
 * <p>Used on the host's thread.
 */
final class PythonCalls {
    private static final byte[] NO_BYTES = {};

    private final AgentsCore core;
    private final HostJournal journal;
    private final PythonWorker worker;
    /** Actions whose own code waits in a call that has to wait for the store: answer and turn come together. */
    private final Map<Long, InPlace> inPlace = new HashMap<>();
    /** Replayed answers that have not arrived, in the order in which they were sent. */
    private final ArrayDeque<Sent> sent = new ArrayDeque<>();

    PythonCalls(final AgentsCore core, final HostJournal journal, final PythonWorker worker) {
        this.core = core;
        this.journal = journal;
        this.worker = worker;
    }

    private static final class InPlace {
        private int number;
        private int step = CoreJournal.WAIT;
        private byte[] payload;
    }

    private static final class Sent {
        private final PythonHost.Running to;
        private final int batch;

        Sent(final PythonHost.Running to, final int batch) {
            this.to = to;
            this.batch = batch;
        }
    }

    // ---- what the worker says

    /** Carries out what it says of a call. */
    void carryOut(final PythonHost.Running running) {
        final long task = running.task();
        switch (worker.kind()) {
            case PythonWorker.CALL:
                begin(running);
                break;
            case PythonWorker.CALL_END:
                final int outcome = worker.outcome();
                journal.core().callEnded(task, worker.call(), outcome, outcome == CoreJournal.NO_OUTCOME ? null : worker.bytes());
                break;
            case PythonWorker.SCOPE:
                checkNumber(core.callScope(task, worker.parent(), worker.group()), worker.scope());
                break;
            case PythonWorker.BUSY:
                journal.core().busy(task, worker.busy());
                break;
            default:
                throw new IllegalStateException("The Python worker said " + worker.kind() + ", which is unknown");
        }
    }

    private void begin(final PythonHost.Running running) {
        final long task = running.task();
        final long begun =
                journal.core().call(task, worker.scope(), worker.name(), worker.digest(), worker.reconcilable());
        final int number = CoreJournal.number(begun);
        final int step = CoreJournal.step(begun);
        checkNumber(number, worker.call());
        if (step != CoreJournal.WAIT) {
            // In place, the action runs: nothing else of its run does.
            answer(running, number, step, payloadOf(step), !worker.inPlace());
        } else if (worker.inPlace()) {
            core.suspend(task);
            inPlace.put(task, new InPlace());
        }
    }

    private static void checkNumber(final int here, final int there) {
        if (here != there) {
            throw new IllegalStateException(
                    "The Python worker counts calls differently: " + there + " there is " + here + " in the core");
        }
    }

    // ---- what the core says

    /** What is to be done with a call that had to wait. */
    void decided(final PythonHost.Running running, final int number, final int step) {
        final InPlace waiting = inPlace.get(running.task());
        if (waiting == null) {
            answer(running, number, step, payloadOf(step), true);
            return;
        }
        waiting.number = number;
        waiting.step = step;
        waiting.payload = payloadOf(step);
        core.wake(running.task());
    }

    /** The task may go on; false if it does not wait in a call. */
    boolean resume(final PythonHost.Running running) {
        final InPlace waiting = inPlace.remove(running.task());
        if (waiting == null) {
            return false;
        }
        answer(running, waiting.number, waiting.step, waiting.payload, false);
        return true;
    }

    private byte[] payloadOf(final int step) {
        return isMade(step) ? journal.core().payload() : NO_BYTES;
    }

    private static boolean isMade(final int step) {
        return step == CoreJournal.REPLAY_RESULT || step == CoreJournal.REPLAY_FAILURE;
    }

    private void answer(
            final PythonHost.Running running, final int number, final int step, final byte[] payload, final boolean othersMayGoOn) {
        final long task = running.task();
        if (!isMade(step)) {
            worker.callReady(task, number, step, journal.core().callKey(task, running.slot(), number), payload);
            return;
        }
        worker.callReady(task, number, step, "", payload);
        journal.replayed();
        if (othersMayGoOn) {
            if (running.answersOnTheirWay++ == 0) {
                journal.core().hold(task, true);
            }
            sent.add(new Sent(running, worker.nextBatch()));
        }
    }

    /** Everything that the worker has said was gone through: answers of batches that it has begun have arrived. */
    void arrived(final PythonHost host) {
        while (!sent.isEmpty() && worker.hasBegun(sent.peek().batch)) {
            final PythonHost.Running to = sent.poll().to;
            if (--to.answersOnTheirWay == 0 && host.isRunning(to)) {
                journal.core().hold(to.task(), false);
            }
        }
    }
}
