package org.apache.flink.agents.embedded;

import static org.assertj.core.api.Assertions.assertThat;

import com.sun.net.httpserver.HttpServer;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.Paths;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.apache.flink.agents.api.AgentsExecutionEnvironment;
import org.apache.flink.agents.api.Event;
import org.apache.flink.agents.api.EventType;
import org.apache.flink.agents.api.InputEvent;
import org.apache.flink.agents.api.OutputEvent;
import org.apache.flink.agents.api.agents.Agent;
import org.apache.flink.agents.api.annotation.Action;
import org.apache.flink.agents.api.context.DurableCallable;
import org.apache.flink.agents.api.context.RunnerContext;
import org.apache.flink.agents.api.metrics.FlinkAgentsMetricGroup;
import org.apache.flink.api.common.JobID;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.core.execution.JobClient;
import org.apache.flink.metrics.Counter;
import org.apache.flink.metrics.Gauge;
import org.apache.flink.metrics.Histogram;
import org.apache.flink.metrics.Meter;
import org.apache.flink.metrics.Metric;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** What Flink's registry, its reporters and its Prometheus page show of agents; and that docs/operations/metrics.md says so. */
@Timeout(value = 3, unit = TimeUnit.MINUTES)
class MetricsTest {
    private static final Pattern SCOPE =
            Pattern.compile(".*[.]?taskmanager[.].+[.]action-execute-operator[.][0-9]+[.](.+)");
    private static final List<String> INPUTS = List.of("a/1", "a/2", "a/3", "b/1");

    private static CountDownLatch released;

    @TempDir private Path directory;

    @BeforeEach
    void holdCalls() {
        released = new CountDownLatch(1);
    }

    /** Sends each input on; a call made for it waits until the test releases it. */
    public static final class Waiting extends Agent {
        @Action(EventType.InputEvent)
        public static void first(final Event event, final RunnerContext context) throws Exception {
            final String answer =
                    context.durableExecuteAsync(
                            new DurableCallable<String>() {
                                @Override
                                public String getId() {
                                    return "wait";
                                }

                                @Override
                                public Class<String> getResultClass() {
                                    return String.class;
                                }

                                @Override
                                public String call() throws Exception {
                                    released.await();
                                    return "answer";
                                }
                            });
            final FlinkAgentsMetricGroup own = context.getActionMetricGroup().getSubGroup("tea").getSubGroup("kind", "green");
            own.getCounter("cups").inc(2);
            own.getMeter("pours").markEvent();
            own.getHistogram("sizes", 3).update(7);
            own.getGauge("state").update(answer);
            context.getAgentMetricGroup().getGauge("level").update(1.5);
            // All of these clash: with a counter of Flink's operator, with one of ours, and with one of the user's.
            context.getAgentMetricGroup().getCounter("numRecordsIn").inc(1_000);
            context.getAgentMetricGroup().getGauge("numOfActionsExecuted").update(1_000);
            own.getGauge("cups").update(1_000);
            context.sendEvent(new Event("second", Map.of("input", InputEvent.fromEvent(event).getInput())));
        }

        @Action("second")
        public static void second(final Event event, final RunnerContext context) {
            context.sendEvent(new OutputEvent(event.getAttr("input")));
        }
    }

    private JobClient start(final Map<String, String> options) throws Exception {
        final StreamExecutionEnvironment flink = Cluster.env(1, new Configuration());
        final AgentsExecutionEnvironment env = AgentsExecutionEnvironment.getExecutionEnvironment(flink);
        options.forEach(env.getConfig()::setStr);
        Cluster.emitted(
                env.fromDataStream(flink.fromData(INPUTS), TestAgents::keyOf).apply(new Waiting()).toDataStream());
        return flink.executeAsync("measured");
    }

    private Map<String, String> journal() {
        return Map.of("actionStateStoreBackend", "sqlite", "sqlite.path", directory.resolve("journal.sqlite").toString());
    }

    /** The metrics of the agent's operator, by their names below it. */
    static Map<String, Metric> metrics(final JobID job) {
        return Cluster.metrics().findMetrics(job, "action-execute-operator").entrySet().stream()
                .filter(entry -> SCOPE.matcher(entry.getKey()).matches())
                .collect(Collectors.toMap(entry -> below(entry.getKey()), Map.Entry::getValue));
    }

    private static String below(final String identifier) {
        final Matcher scope = SCOPE.matcher(identifier);
        assertThat(scope.matches()).isTrue();
        return scope.group(1);
    }

    private static Object gauge(final JobID job, final String name) {
        final Metric metric = metrics(job).get(name);
        return metric == null ? null : ((Gauge<?>) metric).getValue();
    }

    static long count(final Map<String, Metric> metrics, final String name) {
        assertThat(metrics).containsKey(name);
        return ((Counter) metrics.get(name)).getCount();
    }

    @Test
    void gaugesShowWhatWaitsWhileItWaits() throws Exception {
        final JobClient client = start(Map.of());
        final JobID job = client.getJobID();
        try {
            Asker.until("both keys wait for their calls", () -> Long.valueOf(2).equals(gauge(job, "numOfSuspendedTasks")));
            Asker.until("the rest waits behind them", () -> Long.valueOf(2).equals(gauge(job, "numOfPendingInputs")));
            assertThat(gauge(job, "numOfRunsInFlight")).isEqualTo(2L);
            Asker.until("the last watermark is held", () -> Long.valueOf(1).equals(gauge(job, "numOfHeldWatermarks")));
        } finally {
            released.countDown();
        }
        client.getJobExecutionResult().get();
        for (final String name : List.of("numOfSuspendedTasks", "numOfPendingInputs", "numOfRunsInFlight", "numOfHeldWatermarks")) {
            assertThat(gauge(job, name)).as(name).isEqualTo(0L);
        }
    }

    @Test
    void everythingIsCountedOnceAndClashesHarmNobody() throws Exception {
        released.countDown();
        final JobClient client = start(Map.of());
        client.getJobExecutionResult().get();
        final Map<String, Metric> metrics = metrics(client.getJobID());
        // An input, an event and an output each.
        assertThat(count(metrics, "numOfEventProcessed")).isEqualTo(3L * INPUTS.size());
        assertThat(count(metrics, "numOfActionsExecuted")).isEqualTo(2L * INPUTS.size());
        for (final String action : List.of("first", "second")) {
            assertThat(count(metrics, "action." + action + ".numOfActionsExecuted")).isEqualTo(INPUTS.size());
            assertThat(metrics.get("action." + action + ".numOfActionsExecutedPerSec")).isInstanceOf(Meter.class);
        }
        assertThat(((Histogram) metrics.get("action.first.actionLatencyUs")).getCount()).isEqualTo(INPUTS.size());
        assertThat(((Histogram) metrics.get("action.first.callLatencyUs")).getCount()).isEqualTo(INPUTS.size());
        // It is short: not all need be measured.
        assertThat(((Histogram) metrics.get("action.second.actionLatencyUs")).getCount()).isBetween(1L, (long) INPUTS.size());

        assertThat(count(metrics, "action.first.tea.kind.green.cups")).isEqualTo(2L * INPUTS.size());
        assertThat(((Meter) metrics.get("action.first.tea.kind.green.pours")).getCount()).isEqualTo(INPUTS.size());
        assertThat(((Histogram) metrics.get("action.first.tea.kind.green.sizes")).getStatistics().size()).isEqualTo(3);
        assertThat(gauge(client.getJobID(), "action.first.tea.kind.green.state")).isEqualTo("answer");
        assertThat(gauge(client.getJobID(), "level")).isEqualTo(1.5);
        assertThat(count(metrics, "numRecordsIn")).as("Flink's own").isEqualTo(INPUTS.size());
    }

    @Test
    void withAJournalEverythingIsCountedOnceToo() throws Exception {
        released.countDown();
        final JobClient client = start(journal());
        client.getJobExecutionResult().get();
        final Map<String, Metric> metrics = metrics(client.getJobID());
        assertThat(count(metrics, "numOfActionsReplayed")).isZero();
        assertThat(count(metrics, "numOfEventProcessed")).isEqualTo(3L * INPUTS.size());
        assertThat(gauge(client.getJobID(), "numOfHeldOutputs")).isEqualTo(0L);
    }

    @Test
    void restartsOfWorkersAreShown() throws Exception {
        final StreamExecutionEnvironment flink = Cluster.env(1, PythonJobsTest.config());
        final Queue<Object> seen = Cluster.emitted(PythonJobsTest.job(flink, "Walker", Map.of(), true));
        final JobClient client = flink.executeAsync("restarted");
        Asker.until("an output has come", () -> !seen.isEmpty());
        assertThat(restarts(client.getJobID())).singleElement().asString().endsWith(" 0.0");
        PythonTools.workers().forEach(ProcessHandle::destroyForcibly);
        Asker.until("it goes on with another", () -> restarts(client.getJobID()).stream().anyMatch(line -> line.endsWith(" 1.0")));
        client.getJobExecutionResult().get();
    }

    private static List<String> restarts(final JobID job) {
        try {
            return samples(Cluster.prometheus(), "flink_taskmanager_job_task_operator_numOfWorkerRestarts", job.toHexString());
        } catch (final Exception e) {
            throw new IllegalStateException(e);
        }
    }

    @Test
    void flinksPrometheusReporterShowsThem() throws Exception {
        final JobClient client = start(Map.of());
        try {
            Asker.until("both keys wait", () -> Long.valueOf(2).equals(gauge(client.getJobID(), "numOfSuspendedTasks")));
            final String page = Cluster.prometheus();
            final String job = client.getJobID().toHexString();
            final Map<String, String> expected =
                    Map.of(
                            "flink_taskmanager_job_task_operator_numOfSuspendedTasks", "2.0",
                            "flink_taskmanager_job_task_operator_numOfRunsInFlight", "2.0",
                            // Both inputs whose runs have begun.
                            "flink_taskmanager_job_task_operator_numOfEventProcessed", "2.0",
                            "flink_taskmanager_job_task_operator_numOfActionsExecuted", "0.0");
            for (final Map.Entry<String, String> sample : expected.entrySet()) {
                assertThat(samples(page, sample.getKey(), job)).as(sample.getKey()).hasSize(1);
                assertThat(samples(page, sample.getKey(), job).get(0)).endsWith(" " + sample.getValue());
            }
            // The group's value is a label, not a part of the name.
            assertThat(samples(page, "flink_taskmanager_job_task_operator_action_numOfActionsExecuted", job))
                    .hasSize(2)
                    .anySatisfy(line -> assertThat(line).contains("action=\"first\""))
                    .anySatisfy(line -> assertThat(line).contains("action=\"second\""));
            assertThat(page).contains("flink_taskmanager_job_task_operator_action_actionLatencyUs{");
        } finally {
            released.countDown();
        }
        client.getJobExecutionResult().get();
    }

    private static List<String> samples(final String page, final String name, final String job) {
        return page.lines().filter(line -> line.startsWith(name + "{") && line.contains(job)).collect(Collectors.toList());
    }

    @Test
    void everyMetricIsDescribedAndEveryDescribedOneIsThere() throws Exception {
        released.countDown();
        // The event log in files, and live spans, have some of their own.
        final HttpServer receiver = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
        receiver.createContext(
                "/",
                exchange -> {
                    exchange.sendResponseHeaders(200, -1);
                    exchange.close();
                });
        receiver.start();
        final Map<String, String> options = new HashMap<>(journal());
        options.put("baseLogDir", directory.resolve("logs").toString());
        options.put("otlp.endpoint", "http://127.0.0.1:" + receiver.getAddress().getPort());
        final JobClient java;
        try {
            java = start(options);
            java.getJobExecutionResult().get();
        } finally {
            receiver.stop(0);
        }
        final StreamExecutionEnvironment flink = Cluster.env(1, new Configuration());
        Cluster.emitted(PythonJobsTest.job(flink, "CallWalker", Map.of(), false));
        final JobID python = flink.execute("python").getJobID();

        final Set<String> shown = new TreeSet<>();
        final Set<String> flinks = flinksOwn(java.getJobID());
        for (final JobID job : List.of(java.getJobID(), python)) {
            for (final String name : metrics(job).keySet()) {
                // The test's own.
                if (!flinks.contains(name) && !name.contains(".tea.") && !name.equals("level")) {
                    shown.add(name.startsWith("action.") ? "action " + name.substring(name.lastIndexOf('.') + 1) : "agent " + name);
                }
            }
        }
        assertThat(shown).containsExactlyElementsOf(described());
    }

    /** Names that Flink gives to the metrics of every operator. */
    private static Set<String> flinksOwn(final JobID job) {
        final Pattern other = Pattern.compile(".*[.]?taskmanager[.].+[.]Map[.][0-9]+[.](.+)");
        final Set<String> names = new TreeSet<>();
        for (final String identifier : Cluster.metrics().findMetrics(job, "Map").keySet()) {
            final Matcher matcher = other.matcher(identifier);
            if (matcher.matches()) {
                names.add(matcher.group(1));
            }
        }
        assertThat(names).contains("numRecordsIn");
        return names;
    }

    /** Scope and name of each line of the table; a counter with its meter. */
    private static Set<String> described() throws Exception {
        final Path page = Paths.get("../../docs/operations/metrics.md");
        final Set<String> names = new TreeSet<>();
        final List<String> rows = new ArrayList<>(Files.readAllLines(page));
        rows.removeIf(line -> !line.matches("[|] `.+` [|] (agent|action) [|].*"));
        for (final String row : rows) {
            final String[] cells = row.split(" [|] ");
            final String name = cells[1] + " " + cells[0].replaceAll("[|` ]", "");
            names.add(name);
            if (cells[2].contains("PerSec")) {
                names.add(name + "PerSec");
            }
        }
        return names;
    }
}
