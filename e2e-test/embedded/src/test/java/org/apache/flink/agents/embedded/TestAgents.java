package org.apache.flink.agents.embedded;

import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.flink.agents.api.Event;
import org.apache.flink.agents.api.EventType;
import org.apache.flink.agents.api.InputEvent;
import org.apache.flink.agents.api.OutputEvent;
import org.apache.flink.agents.api.agents.Agent;
import org.apache.flink.agents.api.annotation.Action;
import org.apache.flink.agents.api.context.MemoryObject;
import org.apache.flink.agents.api.context.RunnerContext;

/** Agents that several tests use. */
final class TestAgents {
    private TestAgents() {}

    /** Sends back what comes. */
    public static final class Echo extends Agent {
        @Action(EventType.InputEvent)
        public static void echo(final Event event, final RunnerContext context) {
            context.sendEvent(new OutputEvent(InputEvent.fromEvent(event).getInput()));
        }
    }

    /** Counts the inputs of each key: output is {@code <input>#<count>}. */
    public static final class Counter extends Agent {
        @Action(EventType.InputEvent)
        public static void count(final Event event, final RunnerContext context) throws Exception {
            context.sendEvent(new OutputEvent(InputEvent.fromEvent(event).getInput() + "#" + next(context)));
        }
    }

    /**
     * Takes {@code key/steps/tag}: a run of that many tasks and one more, one after another. Output is {@code key/tag#count},
     * where the short-term memory counted the runs of the key, and the sensory memory made sure that no step was lost.
     */
    public static final class Walker extends Agent {
        /** Throws when it reaches zero; below zero it does nothing. */
        static final AtomicInteger STEPS_TO_FAILURE = new AtomicInteger(-1);

        @Action(EventType.InputEvent)
        public static void start(final Event event, final RunnerContext context) throws Exception {
            final String[] input = ((String) InputEvent.fromEvent(event).getInput()).split("/");
            context.getSensoryMemory().set("walked", 0);
            context.sendEvent(step(input[0], input[2], Integer.parseInt(input[1])));
        }

        @Action("step")
        public static void walk(final Event event, final RunnerContext context) throws Exception {
            if (STEPS_TO_FAILURE.get() >= 0 && STEPS_TO_FAILURE.decrementAndGet() == 0) {
                throw new IllegalStateException("stumbled on purpose");
            }
            final String key = (String) event.getAttr("key");
            final String tag = (String) event.getAttr("tag");
            final int left = (Integer) event.getAttr("left");
            final int walked = (Integer) context.getSensoryMemory().get("walked").getValue();
            if (left > 0) {
                context.getSensoryMemory().set("walked", walked + 1);
                context.getShortTermMemory().set("steps", number(context.getShortTermMemory(), "steps") + 1);
                context.sendEvent(step(key, tag, left - 1));
                return;
            }
            context.sendEvent(new OutputEvent(key + "/" + tag + "#" + next(context) + " after " + walked));
        }

        private static Event step(final String key, final String tag, final int left) {
            return new Event("step", Map.of("key", key, "tag", tag, "left", left));
        }
    }

    /** Sends its input as a list of as many outputs as the input says: {@code 3} gives 1, 2, 3. */
    public static final class Range extends Agent {
        @Action(EventType.InputEvent)
        public static void range(final Event event, final RunnerContext context) {
            final int end = ((Number) InputEvent.fromEvent(event).getInput()).intValue();
            for (int i = 1; i <= end; i++) {
                context.sendEvent(new OutputEvent(i));
            }
        }
    }

    static int next(final RunnerContext context) throws Exception {
        final MemoryObject memory = context.getShortTermMemory();
        final int count = number(memory, "count") + 1;
        memory.set("count", count);
        return count;
    }

    static int number(final MemoryObject memory, final String name) throws Exception {
        return memory.isExist(name) ? (Integer) memory.get(name).getValue() : 0;
    }

    static String keyOf(final String input) {
        return input.substring(0, input.indexOf('/'));
    }

    /** What {@link Walker} gives for inputs that arrive in this order. */
    static List<String> walked(final List<String> inputs) {
        final Map<String, Integer> counts = new java.util.HashMap<>();
        return inputs.stream()
                .map(input -> input.split("/"))
                .map(in -> in[0] + "/" + in[2] + "#" + counts.merge(in[0], 1, Integer::sum) + " after " + in[1])
                .collect(java.util.stream.Collectors.toList());
    }
}
