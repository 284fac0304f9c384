package org.apache.flink.agents.embedded;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.apache.flink.agents.api.AgentsExecutionEnvironment;
import org.apache.flink.agents.api.Event;
import org.apache.flink.agents.api.EventContext;
import org.apache.flink.agents.api.EventType;
import org.apache.flink.agents.api.InputEvent;
import org.apache.flink.agents.api.OutputEvent;
import org.apache.flink.agents.api.agents.Agent;
import org.apache.flink.agents.api.annotation.Action;
import org.apache.flink.agents.api.configuration.AgentConfigOptions;
import org.apache.flink.agents.api.context.RunnerContext;
import org.apache.flink.agents.api.listener.EventListener;
import org.apache.flink.agents.api.prompt.Prompt;
import org.apache.flink.agents.api.resource.ResourceType;
import org.apache.flink.agents.runtime.ActionTaskExecutionException;
import org.apache.flink.api.common.JobID;
import org.apache.flink.api.common.RuntimeExecutionMode;
import org.apache.flink.api.common.eventtime.WatermarkStrategy;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.configuration.ExecutionOptions;
import org.apache.flink.configuration.PipelineOptions;
import org.apache.flink.metrics.Counter;
import org.apache.flink.metrics.Metric;
import org.apache.flink.streaming.api.datastream.DataStream;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.table.api.DataTypes;
import org.apache.flink.table.api.Schema;
import org.apache.flink.table.api.Table;
import org.apache.flink.table.api.bridge.java.StreamTableEnvironment;
import org.apache.flink.types.Row;
import org.apache.flink.util.CloseableIterator;
import org.apache.flink.util.ExceptionUtils;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/** Whole jobs on a small Flink, built through the environment. */
class JobsTest {
    private static final List<String> INPUTS =
            IntStream.range(0, 60).mapToObj(i -> "k" + i % 7 + "/" + i * 13 % 400 + "/" + i).collect(Collectors.toList());

    private static List<String> expected() {
        return Cluster.byKey(TestAgents.walked(INPUTS));
    }

    private static DataStream<String> inputs(final StreamExecutionEnvironment flink) {
        return Cluster.spread(flink.fromData(INPUTS).returns(Types.STRING), TestAgents::keyOf);
    }

    @ParameterizedTest
    @EnumSource(value = RuntimeExecutionMode.class, names = {"STREAMING", "BATCH"})
    void aBoundedJobGivesAllOutputsInTheOrderOfEachKey(final RuntimeExecutionMode mode) throws Exception {
        final Configuration config = new Configuration();
        config.set(ExecutionOptions.RUNTIME_MODE, mode);
        final StreamExecutionEnvironment flink = Cluster.env(3, config);
        // In BATCH mode Flink sorts the records of a key by their timestamps.
        final DataStream<String> timed =
                inputs(flink)
                        .assignTimestampsAndWatermarks(
                                WatermarkStrategy.<String>forMonotonousTimestamps()
                                        .withTimestampAssigner((input, none) -> INPUTS.indexOf(input)));
        final DataStream<Object> outputs =
                AgentsExecutionEnvironment.getExecutionEnvironment(flink)
                        .fromDataStream(timed, TestAgents::keyOf)
                        .apply(new TestAgents.Walker())
                        .toDataStream();
        assertThat(Cluster.byKey(Cluster.run(outputs))).isEqualTo(expected());
    }

    @Test
    void aKeyedStreamKeepsItsKey() throws Exception {
        final StreamExecutionEnvironment flink = Cluster.env();
        final DataStream<Object> outputs =
                AgentsExecutionEnvironment.getExecutionEnvironment(flink)
                        .fromDataStream(inputs(flink).keyBy(TestAgents::keyOf))
                        .apply(new TestAgents.Walker())
                        .toDataStream();
        assertThat(Cluster.byKey(Cluster.run(outputs))).isEqualTo(expected());
    }

    @Test
    void withoutASelectorARecordIsItsOwnKey() throws Exception {
        final StreamExecutionEnvironment flink = Cluster.env();
        final DataStream<Object> outputs =
                AgentsExecutionEnvironment.getExecutionEnvironment(flink)
                        .fromDataStream(flink.fromData("a", "b", "a", "a"))
                        .apply(new TestAgents.Counter())
                        .toDataStream();
        assertThat(Cluster.run(outputs)).containsExactlyInAnyOrder("a#1", "b#1", "a#2", "a#3");
    }

    @ParameterizedTest
    @CsvSource({"STREAMING,false", "STREAMING,true", "BATCH,false", "BATCH,true"})
    void recordsThatAreTheirOwnKeysMayBeChangedByActions(final RuntimeExecutionMode mode, final boolean reuse) throws Exception {
        final Configuration config = new Configuration();
        config.set(ExecutionOptions.RUNTIME_MODE, mode);
        config.set(PipelineOptions.OBJECT_REUSE, reuse);
        final StreamExecutionEnvironment flink = Cluster.env(2, config);
        final DataStream<KeysTest.Cart> carts =
                flink.fromData(new KeysTest.Cart("a"), new KeysTest.Cart("b"), new KeysTest.Cart("a"), new KeysTest.Cart("a"));
        final DataStream<Object> outputs =
                AgentsExecutionEnvironment.getExecutionEnvironment(flink)
                        .fromDataStream(carts)
                        .apply(new KeysTest.Changing())
                        .toDataStream();
        assertThat(Cluster.run(outputs)).containsExactlyInAnyOrder("a2", "b2", "a4", "a6");
    }

    @Test
    void agentsCanBeChainedAndShareAnInput() throws Exception {
        final StreamExecutionEnvironment flink = Cluster.env();
        final AgentsExecutionEnvironment env = AgentsExecutionEnvironment.getExecutionEnvironment(flink);
        env.getAgents().put("counter", new TestAgents.Counter());
        final DataStream<Integer> numbers = flink.fromData(3, 4);
        final DataStream<Object> first =
                env.fromDataStream(numbers, number -> number).apply(new TestAgents.Range()).toDataStream();
        final DataStream<Object> second =
                env.fromDataStream(first.map(n -> "n" + n).returns(Types.STRING), n -> n).apply("counter").toDataStream();
        final DataStream<Object> other = env.fromDataStream(numbers, number -> number).apply(new TestAgents.Echo()).toDataStream();
        assertThat(Cluster.run(second.union(other)))
                .containsExactlyInAnyOrder("n1#1", "n2#1", "n3#1", "n4#1", "n1#2", "n2#2", "n3#2", 3, 4);
    }

    /** Doubles the number of a row. */
    public static final class Doubling extends Agent {
        @Action(EventType.InputEvent)
        public static void twice(final Event event, final RunnerContext context) throws Exception {
            final Row row = (Row) InputEvent.fromEvent(event).getInput();
            final Row output = Row.withNames();
            output.setField("name", row.getField("name") + "#" + TestAgents.next(context));
            output.setField("twice", 2 * (Integer) row.getField("number"));
            context.sendEvent(new OutputEvent(output));
        }
    }

    @Test
    @SuppressWarnings("try")
    void tablesGoInAndOut() throws Exception {
        final StreamExecutionEnvironment flink = Cluster.env();
        final StreamTableEnvironment tables = StreamTableEnvironment.create(flink);
        final Table input =
                tables.fromValues(
                        DataTypes.ROW(DataTypes.FIELD("name", DataTypes.STRING()), DataTypes.FIELD("number", DataTypes.INT())),
                        Row.of("a", 1),
                        Row.of("b", 2),
                        Row.of("a", 3));
        final Table output =
                AgentsExecutionEnvironment.getExecutionEnvironment(flink, tables)
                        .fromTable(input, row -> (String) ((Row) row).getField("name"))
                        .apply(new Doubling())
                        .toTable(Schema.newBuilder().column("name", DataTypes.STRING()).column("twice", DataTypes.INT()).build());
        final List<Object> rows = new ArrayList<>();
        tables.createTemporaryView("Outputs", output);
        try (CloseableIterator<Row> results = tables.executeSql("SELECT twice, name FROM Outputs WHERE twice > 2").collect()) {
            results.forEachRemaining(row -> rows.add(row.getField("name") + " " + row.getField("twice")));
        }
        assertThat(rows).hasSize(2).contains("b#1 4").anyMatch(row -> row.toString().matches("a#[12] 6"));
    }

    /** Uses a prompt that is not its own. */
    public static final class Greeting extends Agent {
        @Action(EventType.InputEvent)
        public static void greet(final Event event, final RunnerContext context) throws Exception {
            final Prompt prompt = (Prompt) context.getResource("greeting", ResourceType.PROMPT);
            context.sendEvent(
                    new OutputEvent(prompt.formatString(Map.of("name", (String) InputEvent.fromEvent(event).getInput()))));
        }
    }

    @Test
    void resourcesOfTheEnvironmentAreThereForEveryAgent() throws Exception {
        final StreamExecutionEnvironment flink = Cluster.env();
        final AgentsExecutionEnvironment env = AgentsExecutionEnvironment.getExecutionEnvironment(flink);
        env.addResource("greeting", ResourceType.PROMPT, Prompt.fromText("Hello, {name}!"));
        final DataStream<Object> outputs =
                env.fromDataStream(flink.fromData("Ada", "Grace"), name -> name).apply(new Greeting()).toDataStream();
        assertThat(Cluster.run(outputs)).containsExactlyInAnyOrder("Hello, Ada!", "Hello, Grace!");
    }

    @ParameterizedTest
    @CsvSource({"1", "5"})
    void aSmallLimitOfUnfinishedInputsLosesNothing(final int limit) throws Exception {
        final StreamExecutionEnvironment flink = Cluster.env();
        final AgentsExecutionEnvironment env = AgentsExecutionEnvironment.getExecutionEnvironment(flink);
        env.getConfig().setInt("max-in-flight", limit);
        final DataStream<Object> outputs =
                env.fromDataStream(inputs(flink), TestAgents::keyOf).apply(new TestAgents.Walker()).toDataStream();
        assertThat(Cluster.byKey(Cluster.run(outputs))).isEqualTo(expected());
    }

    @Test
    void anExceptionOfAnActionFailsTheJobAndIsInItsCauses() {
        final StreamExecutionEnvironment flink = Cluster.env();
        final DataStream<Object> outputs =
                AgentsExecutionEnvironment.getExecutionEnvironment(flink)
                        .fromDataStream(flink.fromData("a"), record -> "the-key")
                        .apply(new BadActionsTest.Throwing())
                        .toDataStream();
        assertThatThrownBy(() -> Cluster.runToFailure(outputs))
                .satisfies(e -> assertThat(ExceptionUtils.findThrowableWithMessage(e, "the reason")).isPresent())
                .satisfies(e -> assertThat(
                                ExceptionUtils.findThrowableWithMessage(e, "action 'fail' of agent 'Throwing'"))
                        .isPresent()
                        .get()
                        .asString()
                        .contains(ActionTaskExecutionException.class.getName())
                        .doesNotContain("the-key"));
    }

    @Test
    void aRecordWithoutAKeyIsAnErrorThatNamesTheAgent() {
        final StreamExecutionEnvironment flink = Cluster.env();
        final DataStream<Object> outputs =
                AgentsExecutionEnvironment.getExecutionEnvironment(flink)
                        .fromDataStream(flink.fromData("a"), record -> record.equals("a") ? null : record)
                        .apply(new TestAgents.Echo())
                        .toDataStream();
        assertThatThrownBy(() -> Cluster.runToFailure(outputs))
                .satisfies(e -> assertThat(ExceptionUtils.findThrowableWithMessage(e, "A record for agent 'Echo' has no key"))
                        .isPresent());
    }

    /** Fails at every second event. */
    public static final class Moody implements EventListener {
        private int seen;

        @Override
        public void onEventProcessed(final EventContext context, final Event event) {
            if (seen++ % 2 == 0) {
                throw new IllegalStateException("not in the mood");
            }
        }
    }

    @Test
    void anExceptionOfAListenerIsCountedAndNothingElse() throws Exception {
        final StreamExecutionEnvironment flink = Cluster.env(1, new Configuration());
        final AgentsExecutionEnvironment env = AgentsExecutionEnvironment.getExecutionEnvironment(flink);
        env.getConfig().set(AgentConfigOptions.EVENT_LISTENERS, List.of(Moody.class.getName()));
        final DataStream<Object> outputs =
                env.fromDataStream(flink.fromData("a", "b", "c"), record -> record).apply(new TestAgents.Echo()).toDataStream();
        Cluster.emitted(outputs);
        final JobID job = flink.execute("listened").getJobID();
        assertThat(counters(job, "eventListenerFailures")).containsExactly(3L);
        assertThat(counters(job, "numOfActionsExecuted")).contains(3L);
        assertThat(counters(job, "numOfEventProcessed")).contains(6L);
    }

    private static List<Long> counters(final JobID job, final String name) {
        return Cluster.metrics().findMetrics(job, name).entrySet().stream()
                .filter(entry -> entry.getKey().endsWith(name))
                .map(Map.Entry<String, Metric>::getValue)
                .map(metric -> ((Counter) metric).getCount())
                .collect(Collectors.toList());
    }
}
