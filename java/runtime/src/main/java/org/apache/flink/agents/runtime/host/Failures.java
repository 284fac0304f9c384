package org.apache.flink.agents.runtime.host;

import java.util.UUID;
import org.apache.flink.agents.api.DeadLetter;
import org.apache.flink.agents.api.Event;
import org.apache.flink.agents.api.EventAccess;
import org.apache.flink.agents.api.InputEvent;
import org.apache.flink.agents.core.ActionDescriptor;
import org.apache.flink.agents.core.AgentsCore;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What becomes of actions that fail: the core decides by their policy, and what it wants is done here. Used on the host's thread.
 */
final class Failures {
    private static final Logger LOG = LoggerFactory.getLogger(Failures.class);

    private final JavaHost host;
    private final AgentsCore core;
    private final LetterValues values = new LetterValues();

    Failures(final JavaHost host) {
        this.host = host;
        this.core = host.core();
    }

    /**
     * The running action of a task has failed.
     *
     * @param event what it handled
     * @return how often it was tried if the host has to fail; 0 if what was to be done is done
     */
    int failed(
            final long task, final ActionDescriptor action, final int slot, final Object event, final Problem problem) {
        final long now = System.currentTimeMillis();
        final long outcome = core.failed(task, now);
        final int attempts = (int) outcome;
        switch ((int) (outcome >> 32)) {
            case AgentsCore.VERDICT_RETRY:
                LOG.warn(
                        "Action '{}' of agent '{}', key {}, failed for the {}. time and is tried again: {}: {}",
                        action.name(), host.agent(), host.describeKey(slot), attempts, problem.type(), problem.message());
                return 0;
            case AgentsCore.VERDICT_DEAD_LETTER:
                LOG.warn(
                        "Action '{}' of agent '{}', key {}, failed for the {}. time and ends as a dead letter: {}: {}",
                        action.name(), host.agent(), host.describeKey(slot), attempts, problem.type(), problem.message());
                send(task, action, slot, event, problem, attempts, now);
                return 0;
            default:
                return attempts;
        }
    }

    private void send(
            final long task,
            final ActionDescriptor action,
            final int slot,
            final Object handled,
            final Problem problem,
            final int attempts,
            final long now) {
        final DeadLetter letter = new DeadLetter();
        letter.agent = host.agent();
        letter.action = action.name();
        letter.attempts = attempts;
        letter.key = core.letterText(AgentsCore.LETTER_TEXT, host.keyText(slot));
        letter.errorType = problem.type();
        letter.errorMessage = core.letterText(AgentsCore.LETTER_TEXT, problem.message());
        letter.stackTrace = core.letterText(AgentsCore.LETTER_TRACE, problem.trace());
        letter.failedAt = now;
        final Event event = JavaHost.open(handled);
        letter.eventId = event.getId().toString();
        letter.eventType = event.getType();
        final UUID upstream = event.getUpstreamEventId();
        letter.upstreamEventId = upstream == null ? null : upstream.toString();
        letter.upstreamAction = event.getUpstreamActionName();
        final Object input = core.inputOf(task);
        final Event of = input == null ? null : JavaHost.open(input);
        if (of != null) {
            letter.inputEventId = of.getId().toString();
            letter.timestamp = of.getSourceTimestamp();
            final Object record = EventAccess.isLazy(of) ? EventAccess.singleValue(of) : InputEvent.fromEvent(of).getInput();
            letter.input = core.letterJson(AgentsCore.LETTER_INPUT, values.json(record));
        }
        // The input is not said twice.
        letter.event =
                of != null && of.getId().equals(event.getId())
                        ? null
                        : core.letterJson(AgentsCore.LETTER_EVENT, values.json(event.getAttributes()));
        host.finishedByLetter(task, action, slot, letter.toEvent());
    }
}
