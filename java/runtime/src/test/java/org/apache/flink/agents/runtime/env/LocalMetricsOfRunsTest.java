package org.apache.flink.agents.runtime.env;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.apache.flink.agents.api.Event;
import org.apache.flink.agents.api.EventType;
import org.apache.flink.agents.api.InputEvent;
import org.apache.flink.agents.api.OutputEvent;
import org.apache.flink.agents.api.agents.Agent;
import org.apache.flink.agents.api.annotation.Action;
import org.apache.flink.agents.api.context.DurableCallable;
import org.apache.flink.agents.api.context.RunnerContext;
import org.apache.flink.agents.core.AgentsCoreException;
import org.apache.flink.agents.runtime.ActionTaskExecutionException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What the metrics of runs without Flink show: as a snapshot, and as a page. */
class LocalMetricsOfRunsTest {
    private final LocalExecutionEnvironment env = new LocalExecutionEnvironment();

    @TempDir private Path directory;

    /** Calls, sends on, and fails at what is negative. */
    public static final class Counting extends Agent {
        @Action(EventType.InputEvent)
        public static void first(final Event event, final RunnerContext context) throws Exception {
            final int input = (Integer) InputEvent.fromEvent(event).getInput();
            if (input < 0) {
                throw new IllegalArgumentException("negative");
            }
            final int doubled =
                    context.durableExecute(
                            new DurableCallable<Integer>() {
                                @Override
                                public String getId() {
                                    return "double";
                                }

                                @Override
                                public Class<Integer> getResultClass() {
                                    return Integer.class;
                                }

                                @Override
                                public Integer call() {
                                    return input * 2;
                                }
                            });
            context.getActionMetricGroup().getSubGroup("kind", "a").getCounter("mine").inc(2);
            context.sendEvent(new Event("second", Map.of("doubled", doubled)));
        }

        @Action("second")
        public static void second(final Event event, final RunnerContext context) {
            context.sendEvent(new OutputEvent(event.getAttr("doubled")));
        }
    }

    private List<?> build(final Agent agent, final Integer... inputs) {
        return env.fromList(
                        java.util.Arrays.stream(inputs)
                                .<Object>map(input -> Map.of("k", "a", "v", input))
                                .collect(java.util.stream.Collectors.toList()))
                .apply(agent)
                .toList();
    }

    @Test
    void aSnapshotHasWhatWasCounted() throws Exception {
        build(new Counting(), 1, 2, 3);
        env.execute();
        final Map<String, Object> values = env.metrics().values();
        assertThat(values)
                .containsEntry("numOfEventProcessed", 9L)
                .containsEntry("numOfActionsExecuted", 6L)
                .containsEntry("action.first.numOfActionsExecuted", 3L)
                .containsEntry("action.second.numOfActionsExecuted", 3L)
                .containsEntry("action.first.kind.a.mine", 6L)
                .containsEntry("numOfRunsInFlight", 0L)
                .containsEntry("numOfPendingInputs", 0L)
                .containsEntry("numOfSuspendedTasks", 0L)
                .containsEntry("numOfLateCallResults", 0L)
                .containsKeys("action.first.actionLatencyUs", "action.first.callLatencyUs", "action.second.actionLatencyUs")
                .doesNotContainKey("numOfDivergences");
        assertThat((Double) values.get("numOfEventProcessedPerSec")).isPositive();
    }

    @Test
    void aPageSaysWhatEachMetricMeans() throws Exception {
        build(new Counting(), 1, 2, 3);
        env.execute();
        assertThat(env.metrics().toPrometheus().lines())
                .contains(
                        "flink_agents_numOfActionsExecuted{agent=\"Counting\"} 6",
                        "flink_agents_action_numOfActionsExecuted{agent=\"Counting\",action=\"first\"} 3",
                        "flink_agents_action_kind_mine{agent=\"Counting\",action=\"first\",kind=\"a\"} 6",
                        "flink_agents_action_callLatencyUs_count{agent=\"Counting\",action=\"first\"} 3",
                        "# TYPE flink_agents_action_callLatencyUs summary")
                .anyMatch(line -> line.startsWith("# HELP flink_agents_numOfEventProcessed Events processed: "));
    }

    @Test
    void whatIsReplayedCountsAsExecutedAndAsReplayed() throws Exception {
        env.getConfig().setStr("actionStateStoreBackend", "sqlite");
        env.getConfig().setStr("sqlite.path", directory.resolve("journal").toString());
        build(new Counting(), 1, 2);
        env.execute("run");
        final Map<String, Object> before = env.metrics().values();
        assertThat(before)
                .containsEntry("numOfActionsReplayed", 0L)
                .containsEntry("numOfCallsReplayed", 0L)
                .containsEntry("numOfHeldOutputs", 0L)
                .containsEntry("numOfDivergences", 0L)
                .containsKeys("numOfUnacknowledgedRecords", "journalKilobytes", "storeLatencyMs", "action.first.callLatencyUs");
        build(new Counting(), 1, 2);
        env.execute("run");
        assertThat(env.metrics().values())
                .containsEntry("numOfActionsReplayed", 4L)
                .containsEntry("numOfActionsExecuted", before.get("numOfActionsExecuted"))
                .containsEntry("action.second.numOfActionsExecuted", 2L)
                .containsEntry("numOfEventProcessed", before.get("numOfEventProcessed"))
                .doesNotContainKey("action.first.callLatencyUs");
    }

    @Test
    void aRunThatFailedShowsWhatItDid() {
        assertThatThrownBy(env::metrics).isInstanceOf(IllegalStateException.class).hasMessageContaining("no metrics yet");
        build(new Counting(), 1, -1);
        assertThatThrownBy(env::execute).isInstanceOf(ActionTaskExecutionException.class);
        assertThat(env.metrics().values()).containsEntry("numOfActionsExecuted", 2L);
    }

    /** Reads the page at the port that is its second input. */
    public static final class Reading extends Agent {
        @Action(EventType.InputEvent)
        public static void read(final Event event, final RunnerContext context) throws Exception {
            final int port = (Integer) InputEvent.fromEvent(event).getInput();
            if (port == 0) {
                return;
            }
            final HttpRequest request = HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + port + "/metrics")).build();
            final HttpResponse<String> page = HttpClient.newHttpClient().send(request, HttpResponse.BodyHandlers.ofString());
            context.sendEvent(new OutputEvent(page.body()));
        }
    }

    @Test
    void thePageIsServedWhileTheRunGoesOnIfItIsAskedFor() throws Exception {
        final int port;
        try (ServerSocket free = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            port = free.getLocalPort();
        }
        env.getConfig().setStr("prometheus.port", Integer.toString(port));
        final List<?> outputs = build(new Reading(), 0, port);
        env.execute();
        assertThat(outputs).singleElement().asString().contains("flink_agents_action_numOfActionsExecuted{agent=\"Reading\",action=\"read\"} 1");
        assertThatThrownBy(() -> new Socket(InetAddress.getLoopbackAddress(), port).close()).isInstanceOf(IOException.class);
    }

    @Test
    void aPortThatIsTakenIsAnErrorThatNamesTheOption() throws Exception {
        try (ServerSocket taken = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            env.getConfig().setStr("prometheus.port", Integer.toString(taken.getLocalPort()));
            build(new Counting(), 1);
            assertThatThrownBy(env::execute)
                    .isInstanceOf(AgentsCoreException.class)
                    .hasMessageContaining("127.0.0.1:" + taken.getLocalPort())
                    .hasMessageContaining("prometheus.port");
        }
    }
}
