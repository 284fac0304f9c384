package org.apache.flink.agents.api;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import java.util.Map;
import org.apache.flink.agents.api.agents.Agent;
import org.apache.flink.agents.api.configuration.Configuration;
import org.apache.flink.agents.api.prompt.Prompt;
import org.apache.flink.agents.api.resource.ResourceType;
import org.apache.flink.api.java.functions.KeySelector;
import org.apache.flink.streaming.api.datastream.DataStream;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.table.api.Schema;
import org.apache.flink.table.api.Table;
import org.junit.jupiter.api.Test;

class AgentsExecutionEnvironmentTest {
    private static final class Fake extends AgentsExecutionEnvironment {
        private KeySelector<?, ?> given;

        @Override
        public Configuration getConfig() {
            throw new IllegalStateException("not used here");
        }

        @Override
        public AgentBuilder fromList(List<Object> input) {
            return new FakeBuilder();
        }

        @Override
        public <T, K> AgentBuilder fromDataStream(DataStream<T> input, KeySelector<T, K> keySelector) {
            given = keySelector;
            return new FakeBuilder();
        }

        @Override
        public <K> AgentBuilder fromTable(Table input, KeySelector<Object, K> keySelector) {
            given = keySelector;
            return new FakeBuilder();
        }

        @Override
        public void execute() {}

        @Override
        public void execute(String jobName) {}
    }

    private static final class FakeBuilder implements AgentBuilder {
        @Override
        public AgentBuilder apply(Agent agent) {
            return this;
        }

        @Override
        public List<Map<String, Object>> toList() {
            return List.of();
        }

        @Override
        public DataStream<Object> toDataStream() {
            return null;
        }

        @Override
        public Table toTable(Schema schema) {
            return null;
        }
    }

    @Test
    void withoutTheRuntimeTheMissingJarIsNamed() {
        assertThatThrownBy(AgentsExecutionEnvironment::getExecutionEnvironment)
                .isInstanceOf(RuntimeException.class)
                .hasMessageContaining("LocalExecutionEnvironment")
                .hasMessageContaining("flink-agents-dist")
                .hasCauseInstanceOf(ClassNotFoundException.class);
        assertThatThrownBy(
                        () ->
                                AgentsExecutionEnvironment.getExecutionEnvironment(
                                        StreamExecutionEnvironment.getExecutionEnvironment()))
                .isInstanceOf(RuntimeException.class)
                .hasMessageContaining("RemoteExecutionEnvironment");
    }

    @Test
    void flinkEnvironmentMustNotBeNull() {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> AgentsExecutionEnvironment.getExecutionEnvironment(null));
        assertThatIllegalArgumentException()
                .isThrownBy(() -> AgentsExecutionEnvironment.getExecutionEnvironment(null, null));
    }

    @Test
    void sharedResourcesAreUniquePerType() {
        final Fake env = new Fake();
        final Prompt prompt = Prompt.fromText("p");
        assertThat(env.addResource("r", ResourceType.PROMPT, prompt)).isSameAs(env);
        assertThat(env.getResources().get(ResourceType.PROMPT)).containsEntry("r", prompt);
        assertThat(env.getResources()).containsOnlyKeys(ResourceType.values());
        assertThatIllegalArgumentException()
                .isThrownBy(() -> env.addResource("r", ResourceType.PROMPT, prompt))
                .withMessageEndingWith("already defined.");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> env.addResource("s", ResourceType.TOOL, new Object()));
        assertThatIllegalArgumentException()
                .isThrownBy(() -> env.addResource(" ", ResourceType.PROMPT, prompt));
        assertThatIllegalArgumentException().isThrownBy(() -> env.addResource("s", null, prompt));
        assertThat(env.getAgents()).isEmpty();
    }

    @Test
    void inputsWithoutKeySelectorPassNull() {
        final Fake env = new Fake();
        env.given = value -> value;
        env.fromDataStream(null);
        assertThat(env.given).isNull();
        env.given = value -> value;
        env.fromTable(null);
        assertThat(env.given).isNull();
    }

    @Test
    void buildersNeedNotKnowAgentsByName() {
        assertThatThrownBy(() -> new FakeBuilder().apply("some agent"))
                .isInstanceOf(UnsupportedOperationException.class)
                .hasMessageContaining("some agent");
    }
}
