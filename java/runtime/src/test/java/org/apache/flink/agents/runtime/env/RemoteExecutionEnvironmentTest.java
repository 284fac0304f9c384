package org.apache.flink.agents.runtime.env;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import org.apache.flink.agents.api.AgentBuilder;
import org.apache.flink.agents.api.AgentsExecutionEnvironment;
import org.apache.flink.agents.api.Event;
import org.apache.flink.agents.api.agents.Agent;
import org.apache.flink.agents.api.annotation.Action;
import org.apache.flink.agents.api.context.RunnerContext;
import org.apache.flink.agents.api.resource.ResourceDescriptor;
import org.apache.flink.agents.api.resource.ResourceName;
import org.apache.flink.agents.api.resource.ResourceType;
import org.apache.flink.agents.runtime.operator.AgentOperatorFactory;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.api.dag.Transformation;
import org.apache.flink.api.java.functions.KeySelector;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.streaming.api.datastream.DataStream;
import org.apache.flink.streaming.api.datastream.DataStreamUtils;
import org.apache.flink.streaming.api.datastream.SingleOutputStreamOperator;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.streaming.api.transformations.OneInputTransformation;
import org.apache.flink.table.api.Schema;
import org.apache.flink.types.Row;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** What happens while a job is built; what the job does is tested on a cluster. */
class RemoteExecutionEnvironmentTest {

    private StreamExecutionEnvironment flink;
    private AgentsExecutionEnvironment env;
    private SingleOutputStreamOperator<String> texts;

    /** Does nothing. */
    public static class Quiet extends Agent {
        @Action("_input_event")
        public static void ignore(final Event event, final RunnerContext ctx) {
            // Nothing is to happen.
        }
    }

    @BeforeEach
    void build() {
        flink = StreamExecutionEnvironment.getExecutionEnvironment(new Configuration());
        flink.setParallelism(4);
        env = AgentsExecutionEnvironment.getExecutionEnvironment(flink);
        texts = flink.fromSequence(1, 9).map(number -> "text " + number).returns(Types.STRING);
    }

    @SuppressWarnings("unchecked")
    private static <K> OneInputTransformation<Object, Object> operator(final DataStream<Object> output) {
        return (OneInputTransformation<Object, Object>) (Transformation<?>) output.getTransformation();
    }

    @Test
    void theOperatorHasNameTypeAndParallelismOfItsInput() {
        texts.setParallelism(3);
        texts.setMaxParallelism(60);
        final AgentBuilder builder = env.fromDataStream(texts, String::length).apply(new Quiet());
        final OneInputTransformation<Object, Object> operator = operator(builder.toDataStream());
        assertThat(operator.getName()).isEqualTo("action-execute-operator");
        assertThat(operator.getOutputType()).isEqualTo(TypeInformation.of(Object.class));
        assertThat(operator.getOperatorFactory()).isInstanceOf(AgentOperatorFactory.class);
        assertThat(operator.getParallelism()).isEqualTo(3);
        assertThat(operator.getMaxParallelism()).isEqualTo(60);
        assertThat(operator.getStateKeyType()).isEqualTo(Types.INT);
        assertThat(builder.toDataStream()).isSameAs(builder.toDataStream());
    }

    @Test
    void theOperatorsIdDoesNotDependOnTheRestOfTheJob() {
        final DataStream<Object> first = env.fromDataStream(texts).apply(new Quiet()).toDataStream();
        final DataStream<Object> second = env.fromDataStream(texts).apply(new Quiet()).toDataStream();
        assertThat(operator(first).getUid()).isEqualTo("agent-Quiet");
        assertThat(operator(second).getUid()).isEqualTo("agent-Quiet-2");
        ((SingleOutputStreamOperator<Object>) first).uid("mine");
        assertThat(operator(first).getUid()).isEqualTo("mine");
    }

    @Test
    void withoutSelectorTheRecordIsTheKey() throws Exception {
        final OneInputTransformation<Object, Object> operator =
                operator(env.fromDataStream(texts).apply(new Quiet()).toDataStream());
        assertThat(operator.getStateKeyType()).isEqualTo(Types.STRING);
        assertThat(keyOf(operator, "x")).isEqualTo("x");
    }

    @Test
    void aKeyedStreamKeepsItsKeyUnlessASelectorIsGiven() throws Exception {
        final DataStream<String> keyed = texts.keyBy(String::length);
        final OneInputTransformation<Object, Object> kept =
                operator(env.fromDataStream(keyed).apply(new Quiet()).toDataStream());
        assertThat(kept.getStateKeyType()).isEqualTo(Types.INT);
        assertThat(keyOf(kept, "four")).isEqualTo(4);
        final OneInputTransformation<Object, Object> other =
                operator(env.fromDataStream(keyed, text -> text + "!").apply(new Quiet()).toDataStream());
        assertThat(other.getStateKeyType()).isEqualTo(Types.STRING);
        assertThat(keyOf(other, "four")).isEqualTo("four!");
    }

    @Test
    void aStreamThatIsPartitionedAlreadyIsNotPartitionedAgain() {
        final DataStream<String> keyed = DataStreamUtils.reinterpretAsKeyedStream(texts, String::length);
        final OneInputTransformation<Object, Object> operator =
                operator(env.fromDataStream(keyed).apply(new Quiet()).toDataStream());
        assertThat((Object) operator.getInputs().get(0)).isSameAs(keyed.getTransformation());
    }

    @SuppressWarnings("unchecked")
    private static Object keyOf(final OneInputTransformation<Object, Object> operator, final Object record)
            throws Exception {
        return ((KeySelector<Object, Object>) operator.getStateKeySelector()).getKey(record);
    }

    @Test
    void aNullKeyNamesAgentAndClassButNotTheRecord() {
        final DataStream<String> keyed = texts.keyBy(text -> text.startsWith("t") ? text : null, Types.STRING);
        final KeySelector<String, String> selector = text -> text.startsWith("t") ? text : null;
        final DataStream<String> partitioned = DataStreamUtils.reinterpretAsKeyedStream(texts, selector, Types.STRING);
        for (final AgentBuilder builder :
                List.of(
                        env.fromDataStream(texts, selector),
                        env.fromDataStream(keyed),
                        env.fromDataStream(partitioned))) {
            final OneInputTransformation<Object, Object> operator = operator(builder.apply(new Quiet()).toDataStream());
            assertThatThrownBy(() -> keyOf(operator, "secret"))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("'Quiet'")
                    .hasMessageContaining("java.lang.String")
                    .hasMessageContaining("filter")
                    .hasMessageNotContaining("secret");
        }
    }

    private static <K> KeySelector<String, K> ofUnknownType() {
        return new KeySelector<String, K>() {
            @Override
            public K getKey(final String text) {
                return null;
            }
        };
    }

    @Test
    void aSelectorOfUnknownTypeIsRefusedWithTheRemedy() {
        assertThatThrownBy(() -> env.fromDataStream(texts, ofUnknownType()))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("keyBy(selector");
    }

    @Test
    void recordsThatCannotBeKeysAreRefusedWithTheRemedy() {
        final DataStream<byte[]> arrays = texts.map(String::getBytes).returns(byte[].class);
        assertThatThrownBy(() -> env.fromDataStream(arrays).apply(new Quiet()).toDataStream())
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContainingAll("byte[]", "'Quiet'", "key selector");
    }

    @Test
    void aSelectorForObjectsIsTakenForRows() throws Exception {
        final DataStream<Row> rows = flink.fromSequence(1, 9).map(Row::of).returns(Types.ROW(Types.LONG));
        final KeySelector<Object, Long> selector =
                new KeySelector<Object, Long>() {
                    @Override
                    public Long getKey(final Object row) {
                        return (Long) ((Row) row).getField(0);
                    }
                };
        @SuppressWarnings("unchecked")
        final KeySelector<Row, Long> ofRows = (KeySelector<Row, Long>) (KeySelector<?, Long>) selector;
        final OneInputTransformation<Object, Object> operator =
                operator(env.fromDataStream(rows, ofRows).apply(new Quiet()).toDataStream());
        assertThat(operator.getStateKeyType()).isEqualTo(Types.LONG);
        assertThat(keyOf(operator, Row.of(5L))).isEqualTo(5L);
    }

    @Test
    void twoAgentsOnOneInputAreTwoOperators() {
        final DataStream<Object> one = env.fromDataStream(texts).apply(new Quiet()).toDataStream();
        env.getAgents().put("second", new Quiet());
        final DataStream<Object> two = env.fromDataStream(texts).apply("second").toDataStream();
        assertThat(two.getTransformation()).isNotSameAs(one.getTransformation());
    }

    @Test
    void resourcesOfPythonAreTakenUnlessNobodyCanAskThem() {
        final ResourceDescriptor python =
                ResourceDescriptor.Builder.newBuilder(ResourceName.ChatModel.PYTHON_WRAPPER_SETUP)
                        .addInitialArgument("pythonClazz", "pkg.Mine")
                        .build();
        final Agent agent = new Quiet().addResource("model", ResourceType.CHAT_MODEL, python);
        assertThat(operator(env.fromDataStream(texts).apply(agent).toDataStream()).getOperatorFactory())
                .isInstanceOf(AgentOperatorFactory.class);
        agent.addResource("greet", ResourceType.PROMPT, python);
        assertThatThrownBy(() -> env.fromDataStream(texts).apply(agent))
                .cause()
                .isInstanceOf(UnsupportedOperationException.class)
                .hasMessageContaining("resource 'greet' of type prompt needs the Python class pkg.Mine")
                .hasMessageNotContaining("'model'");
    }

    @Test
    void theWrongOrderOfCallsIsSaid() {
        final AgentBuilder builder = env.fromDataStream(texts);
        assertThatThrownBy(builder::toDataStream).isInstanceOf(IllegalStateException.class).hasMessageContaining("apply");
        assertThatThrownBy(() -> builder.toTable(Schema.newBuilder().build()))
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("apply");
        assertThatThrownBy(() -> builder.apply("nobody")).isInstanceOf(IllegalArgumentException.class).hasMessageContaining("nobody");
        assertThatThrownBy(() -> builder.apply((Agent) null)).isInstanceOf(IllegalArgumentException.class);
        builder.apply(new Quiet());
        assertThatThrownBy(() -> builder.apply(new Quiet())).isInstanceOf(IllegalStateException.class).hasMessageContaining("'Quiet'");
        assertThatThrownBy(builder::toList).isInstanceOf(UnsupportedOperationException.class).hasMessageContaining("toDataStream");
        assertThatThrownBy(() -> env.fromList(List.of())).isInstanceOf(UnsupportedOperationException.class).hasMessageContaining("fromDataStream");
        assertThatThrownBy(() -> env.fromDataStream((DataStream<String>) null)).isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> env.fromTable(null)).isInstanceOf(IllegalArgumentException.class);
    }

    @Test
    void dynamicPropertiesOfTheFlinkEnvironmentAreSeen() {
        final Configuration config = new Configuration();
        config.setString("agent.job-identifier", "from-command-line");
        final AgentsExecutionEnvironment configured =
                AgentsExecutionEnvironment.getExecutionEnvironment(
                        StreamExecutionEnvironment.getExecutionEnvironment(config));
        assertThat(configured.getConfig().getStr("job-identifier", null)).isEqualTo("from-command-line");
    }
}
