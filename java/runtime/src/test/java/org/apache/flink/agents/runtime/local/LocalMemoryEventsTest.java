package org.apache.flink.agents.runtime.local;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import org.apache.flink.agents.api.AgentsExecutionEnvironment;
import org.apache.flink.agents.api.Event;
import org.apache.flink.agents.api.EventType;
import org.apache.flink.agents.api.InputEvent;
import org.apache.flink.agents.api.OutputEvent;
import org.apache.flink.agents.api.agents.Agent;
import org.apache.flink.agents.api.agents.AgentExecutionOptions;
import org.apache.flink.agents.api.annotation.Action;
import org.apache.flink.agents.api.context.MemoryObject;
import org.apache.flink.agents.api.context.RunnerContext;
import org.apache.flink.agents.api.event.AgentRunBeginEvent;
import org.apache.flink.agents.api.event.MemoryEvent;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Events about what actions did with memory, and of what it holds: options memory.generate-event.* and agent-run.begin-event. */
@Timeout(60)
class LocalMemoryEventsTest {
    private static int attempts;

    /** Each memory event becomes an output. */
    public static class Watching extends Agent {
        @Action(EventType.InputEvent)
        public static void work(final Event event, final RunnerContext context) throws Exception {
            final MemoryObject memory = context.getShortTermMemory();
            memory.set("user.name", "Ann");
            memory.set("user.name", "Ann of Ulm");
            memory.set("self", Thread.State.NEW);
            final List<Object> list = new ArrayList<>(List.of(1));
            memory.set("list", list);
            assertThat(memory.isExist("list")).isTrue();
            assertThat(memory.get("missing")).isNull();
            assertThat(memory.get("user").getFields()).containsEntry("name", "Ann of Ulm");
            context.getSensoryMemory().set("step", 1);
            memory.newObject("empty", false);
            if (InputEvent.fromEvent(event).getInput().equals("fails") && attempts++ == 0) {
                throw new IllegalStateException("not yet");
            }
            context.sendEvent(new OutputEvent("done"));
        }

        @Action({
            EventType.ShortTermWriteEvent,
            EventType.ShortTermReadEvent,
            EventType.SensoryWriteEvent,
            EventType.SensoryReadEvent
        })
        public static void watch(final Event event, final RunnerContext context) throws Exception {
            // Its own use is none of them: there would be no end.
            context.getShortTermMemory().set("seen", event.getType());
            final MemoryEvent seen = MemoryEvent.fromEvent(event);
            context.sendEvent(new OutputEvent(seen.getType() + " " + seen.getKey() + " " + seen.getValue()));
        }
    }

    private static List<Object> run(final Object input, final String... options) throws Exception {
        final AgentsExecutionEnvironment env = AgentsExecutionEnvironment.getExecutionEnvironment();
        for (int i = 0; i < options.length; i += 2) {
            env.getConfig().setStr(options[i], options[i + 1]);
        }
        final List<Map<String, Object>> outputs =
                env.fromList(List.of(Map.of("key", "k", "value", input))).apply(new Watching()).toList();
        env.execute();
        return outputs.stream().flatMap(output -> output.values().stream()).collect(Collectors.toList());
    }

    @Test
    void writesAreEventsForThoseWhoListenAndComeAfterTheActionsOwn() throws Exception {
        assertThat(run("x"))
                .containsExactly(
                        "done",
                        "_sensory_write_event k {step=1}",
                        "_short_term_write_event k {user.name=Ann of Ulm, self=NEW, list=[1]}");
    }

    @Test
    void readsAreEventsWhereTheOptionSaysSo() throws Exception {
        assertThat(run("x", "memory.generate-event.short-term-read", "true", "memory.generate-event", "false"))
                .containsExactly("done", "_short_term_read_event k {user.name=Ann of Ulm}");
    }

    @Test
    void anAttemptThatFailedSendsNone() throws Exception {
        attempts = 0;
        final List<Object> outputs = run("fails", "retry.max-attempts", "1", "retry.backoff", "1 ms");
        assertThat(attempts).isEqualTo(2);
        assertThat(outputs).hasSize(3);
    }

    /** What a run begins with becomes an output, and so does each input. */
    public static class Begun extends Agent {
        @Action(EventType.InputEvent)
        public static void work(final Event event, final RunnerContext context) throws Exception {
            final MemoryObject memory = context.getShortTermMemory();
            final MemoryObject before = memory.get("user.inputs");
            memory.set("user.inputs", before == null ? 1 : (Integer) before.getValue() + 1);
            memory.set("state", Thread.State.NEW);
            memory.newObject("empty", true);
            context.sendEvent(new OutputEvent(InputEvent.fromEvent(event).getInput()));
        }

        @Action(EventType.AgentRunBeginEvent)
        public static void greet(final Event event, final RunnerContext context) {
            final AgentRunBeginEvent begun = AgentRunBeginEvent.fromEvent(event);
            context.sendEvent(new OutputEvent(begun.getKey() + " " + begun.getValue()));
        }

        @Action("type == '_agent_run_begin_event' && has(attributes.value.state)")
        public static void known(final Event event, final RunnerContext context) {
            context.sendEvent(new OutputEvent("known"));
        }
    }

    @Test
    void eachRunBeginsWithWhatShortTermMemoryHoldsWhereTheOptionSaysSo() throws Exception {
        final AgentsExecutionEnvironment env = AgentsExecutionEnvironment.getExecutionEnvironment();
        env.getConfig().set(AgentExecutionOptions.AGENT_RUN_BEGIN_EVENT, true);
        final List<Map<String, Object>> outputs =
                env.fromList(List.of(Map.of("key", 7, "value", "a"), Map.of("key", 7, "value", "b"))).apply(new Begun()).toList();
        env.execute();
        assertThat(outputs.stream().flatMap(output -> output.values().stream()))
                .containsExactly("7 {}", "a", "7 {state=NEW, user.inputs=1}", "known", "b");
    }

    @Test
    void nothingIsSentWhereItIsSwitchedOff() throws Exception {
        assertThat(run("x", "memory.generate-event", "false")).isEqualTo(Arrays.asList("done"));
    }
}
