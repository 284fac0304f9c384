package org.apache.flink.agents.runtime.host;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.PrintWriter;
import java.io.StringWriter;
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
    private static final ObjectMapper MAPPER = new ObjectMapper();

    /** Characters kept of texts that can be of any length, so that a letter can be recorded. */
    private static final int MOST_CHARACTERS = 64 << 10;

    private final JavaHost host;
    private final AgentsCore core;

    Failures(final JavaHost host) {
        this.host = host;
        this.core = host.core();
    }

    /** What an action threw. */
    static final class Problem {
        private final String type;
        private final String message;
        private final String trace;

        Problem(final String type, final String message, final String trace) {
            this.type = type;
            this.message = message;
            this.trace = trace;
        }

        static Problem of(final Throwable thrown) {
            final StringWriter trace = new StringWriter();
            thrown.printStackTrace(new PrintWriter(trace));
            return new Problem(thrown.getClass().getName(), String.valueOf(thrown.getMessage()), trace.toString());
        }

        /** Of an action of Python, whose text ends with the line that names the exception. */
        static Problem ofPython(final String text) {
            final String[] lines = text.strip().split("\n");
            final String last = lines[lines.length - 1];
            final int colon = last.indexOf(':');
            final String type = colon > 0 && !last.substring(0, colon).contains(" ") ? last.substring(0, colon) : null;
            return new Problem(type, type == null ? last : last.substring(colon + 1).strip(), text);
        }
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
                        action.name(), host.agent(), host.describeKey(slot), attempts, problem.type, problem.message);
                return 0;
            case AgentsCore.VERDICT_DEAD_LETTER:
                LOG.warn(
                        "Action '{}' of agent '{}', key {}, failed for the {}. time and ends as a dead letter: {}: {}",
                        action.name(), host.agent(), host.describeKey(slot), attempts, problem.type, problem.message);
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
        letter.key = host.keyText(slot);
        letter.errorType = problem.type;
        letter.errorMessage = cut(problem.message);
        letter.stackTrace = cut(problem.trace);
        letter.failedAt = now;
        final Event event = JavaHost.open(handled);
        letter.eventId = event.getId().toString();
        letter.eventType = event.getType();
        letter.event = json(event.getAttributes());
        final UUID upstream = event.getUpstreamEventId();
        letter.upstreamEventId = upstream == null ? null : upstream.toString();
        letter.upstreamAction = event.getUpstreamActionName();
        final Object input = core.inputOf(task);
        if (input != null) {
            final Event of = JavaHost.open(input);
            letter.timestamp = of.getSourceTimestamp();
            letter.input = json(EventAccess.isLazy(of) ? EventAccess.singleValue(of) : InputEvent.fromEvent(of).getInput());
        }
        host.finishedByLetter(task, action, slot, letter.toEvent());
    }

    private static String cut(final String text) {
        return text.length() <= MOST_CHARACTERS ? text : text.substring(0, MOST_CHARACTERS) + "… (" + text.length() + " characters)";
    }

    /** As JSON; where a value has no such form, what it says of itself. */
    private static String json(final Object value) {
        try {
            return MAPPER.writeValueAsString(value);
        } catch (final JsonProcessingException | RuntimeException e) {
            return MAPPER.getNodeFactory().textNode(String.valueOf(value)).toString();
        }
    }
}
