package org.apache.flink.agents.runtime.local;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.apache.flink.agents.api.AgentsExecutionEnvironment;
import org.apache.flink.agents.api.Event;
import org.apache.flink.agents.api.InputEvent;
import org.apache.flink.agents.api.OutputEvent;
import org.apache.flink.agents.api.agents.Agent;
import org.apache.flink.agents.api.annotation.Action;
import org.apache.flink.agents.api.context.RunnerContext;
import org.apache.flink.agents.runtime.ActionTaskExecutionException;
import org.junit.jupiter.api.Test;

/** A run without Flink notices what a cluster would notice in a checkpoint only, or after a recovery only. */
class LocalChecksTest {
    private static List<Map<String, Object>> run(final Agent agent, final Object input, final Map<String, String> options)
            throws Exception {
        final AgentsExecutionEnvironment env = AgentsExecutionEnvironment.getExecutionEnvironment();
        options.forEach((key, value) -> env.getConfig().setStr(key, value));
        final List<Map<String, Object>> outputs =
                env.fromList(List.of(Map.of("key", "k", "value", input))).apply(agent).toList();
        env.execute();
        return outputs;
    }

    private static void fails(final Agent agent, final Object input, final String... fragments) throws Exception {
        assertThatThrownBy(() -> run(agent, input, Map.of()))
                .isInstanceOf(ActionTaskExecutionException.class)
                .hasMessageContainingAll(fragments);
        // Not on a cluster, as long as no checkpoint comes in between; so it can be switched off.
        assertThat(run(agent, input, Map.of("values.verify", "false"))).isNotEmpty();
    }

    /** Has no equals(). */
    public static class Box {
        public Object content = new ArrayList<>(List.of(1));
    }

    public static class Sends extends Agent {
        @Action("_input_event")
        public static void first(final Event event, final RunnerContext ctx) {
            ctx.sendEvent(new Event("next", Map.of("things", new ArrayList<>(List.of(InputEvent.fromEvent(event).getInput())))));
        }

        @Action("next")
        public static void second(final Event event, final RunnerContext ctx) {
            ctx.sendEvent(new OutputEvent(event.getAttr("things")));
        }
    }

    @Test
    void anEventThatNoCheckpointCouldHoldIsRefusedWhereItIsSent() throws Exception {
        fails(new Sends(), new Thread(), "'first'", "'Sends'", "event next", "things[0]", "java.lang.Thread");
    }

    @Test
    void anObjectWithoutEqualsIsNoReasonToRefuseItsEvent() throws Exception {
        assertThat(run(new Sends(), new Box(), Map.of())).hasSize(1);
    }

    public static class Remembers extends Agent {
        @Action("_input_event")
        public static void remember(final Event event, final RunnerContext ctx) throws Exception {
            ctx.getSensoryMemory().set("of.this", new ArrayList<>(List.of(InputEvent.fromEvent(event).getInput())));
            ctx.sendEvent(new OutputEvent("done"));
        }
    }

    @Test
    void sensoryMemoryThatNoCheckpointCouldHoldIsRefusedWhereItIsSet() throws Exception {
        fails(new Remembers(), new Thread(), "'remember'", "'Remembers'", "\"of.this\"", "[0]", "java.lang.Thread");
        assertThat(run(new Remembers(), new Box(), Map.of())).containsExactly(Map.of("k", "done"));
    }

    public static class ChangesWhatItSent extends Agent {
        @Action("_input_event")
        public static void first(final Event event, final RunnerContext ctx) {
            final Event next = new Event("next", Map.of("count", 1));
            ctx.sendEvent(next);
            next.setAttr("count", 2);
        }

        @Action("next")
        public static void second(final Event event, final RunnerContext ctx) {
            ctx.sendEvent(new OutputEvent(event.getAttr("count")));
        }
    }

    @Test
    void anEventThatIsChangedAfterItWasSentIsNoticed() throws Exception {
        fails(new ChangesWhatItSent(), 1, "'first'", "event next", "\"count\"", "after it was sent", "'second'");
    }

    public static class SendsTheSameAgain extends Agent {
        @Action("_input_event")
        public static void first(final Event event, final RunnerContext ctx) {
            final Event next = new Event("next");
            for (int i = 0; i < 2; i++) {
                next.setAttr("count", i);
                ctx.sendEvent(next);
            }
        }

        @Action("next")
        public static void second(final Event event, final RunnerContext ctx) {
            ctx.sendEvent(new OutputEvent(event.getAttr("count")));
        }
    }

    @Test
    void anEventThatIsChangedAndSentAgainIsNoticed() throws Exception {
        fails(new SendsTheSameAgain(), 1, "'first'", "Event next was sent before", "\"count\"", "new event");
    }

    public static class ChangesWhatItGot extends Agent {
        @Action("_input_event")
        public static void first(final Event event, final RunnerContext ctx) {
            ctx.sendEvent(new Event("next", Map.of("box", new Box(), "other", 1)));
        }

        @Action("next")
        @SuppressWarnings("unchecked")
        public static void second(final Event event, final RunnerContext ctx) {
            ((List<Object>) ((Box) event.getAttr("box")).content).add(2);
        }

        @Action("next")
        public static void third(final Event event, final RunnerContext ctx) {
            ctx.sendEvent(new OutputEvent("third"));
        }
    }

    @Test
    void aChangeThatTheNextActionWouldSeeIsNoticed() throws Exception {
        fails(new ChangesWhatItGot(), 1, "event next", "\"box\"", "after it was sent", "'first'", "'third'");
    }
}
