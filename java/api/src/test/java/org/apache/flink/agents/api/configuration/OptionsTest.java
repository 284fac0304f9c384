package org.apache.flink.agents.api.configuration;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.reflect.Field;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.apache.flink.agents.api.EventType;
import org.apache.flink.agents.api.agents.Agent;
import org.apache.flink.agents.api.agents.AgentExecutionOptions;
import org.apache.flink.agents.api.agents.ShortTermMemoryTtlUpdate;
import org.apache.flink.agents.api.agents.ShortTermMemoryTtlVisibility;
import org.apache.flink.agents.api.logger.EventLogLevel;
import org.apache.flink.agents.api.logger.LoggerType;
import org.apache.flink.agents.api.memory.LongTermMemoryOptions;
import org.junit.jupiter.api.Test;

class OptionsTest {
    private static Map<String, ConfigOption<?>> options(Class<?> holder) throws Exception {
        final Map<String, ConfigOption<?>> result = new LinkedHashMap<>();
        for (final Field field : holder.getFields()) {
            final ConfigOption<?> option = (ConfigOption<?>) field.get(null);
            assertThat(result.put(option.getKey(), option)).as("key used twice").isNull();
        }
        return result;
    }

    private static void assertDefaults(Class<?> holder, Object... keysAndDefaults) throws Exception {
        final Map<String, ConfigOption<?>> options = options(holder);
        assertThat(options).hasSize(keysAndDefaults.length / 2);
        for (int i = 0; i < keysAndDefaults.length; i += 2) {
            final ConfigOption<?> option = options.get(keysAndDefaults[i]);
            assertThat(option).as("option %s", keysAndDefaults[i]).isNotNull();
            assertThat(option.getDefaultValue()).as(option.getKey()).isEqualTo(keysAndDefaults[i + 1]);
            if (option.getDefaultValue() != null) {
                assertThat(option.getDefaultValue()).isInstanceOf(option.getType());
            }
        }
    }

    @Test
    void keysAndDefaultsAreThoseOfTheSpecification() throws Exception {
        assertDefaults(
                AgentConfigOptions.class,
                "eventLoggerType", LoggerType.SLF4J,
                "action.trigger-condition.evaluate-failure-strategy",
                AgentConfigOptions.ConditionEvaluationFailureStrategy.WARN_AND_SKIP,
                "baseLogDir", null,
                "prettyPrint", false,
                "actionStateStoreBackend", null,
                "kafkaBootstrapServers", "localhost:9092",
                "kafkaActionStateTopic", null,
                "kafkaActionStateTopicNumPartitions", 64,
                "kafkaActionStateTopicReplicationFactor", -1,
                "flussBootstrapServers", "localhost:9123",
                "flussActionStateDatabase", "flink_agents",
                "flussActionStateTable", null,
                "flussActionStateTableBuckets", 64,
                "flussSecurityProtocol", "PLAINTEXT",
                "flussSaslMechanism", "PLAIN",
                "flussSaslJaasConfig", null,
                "flussSaslUsername", null,
                "flussSaslPassword", null,
                "job-identifier", null,
                "event-log.level", EventLogLevel.STANDARD,
                "event-log.trace.enabled", false,
                "event-log.standard.max-string-length", 2000,
                "event-log.standard.max-array-elements", 20,
                "event-log.standard.max-depth", 5,
                "event-listeners", null);
        assertDefaults(
                AgentExecutionOptions.class,
                "error-handling-strategy", Agent.ErrorHandlingStrategy.FAIL,
                "max-retries", 3,
                "chat.max-tool-rounds", 50,
                "chat.structured-output-repairs", 1,
                "retry-wait-interval", 1,
                "num-async-threads", 1000,
                "chat.async", true,
                "tool-call.async", true,
                "rag.async", true,
                "agent-run.begin-event", false,
                "short-term-memory.state-ttl.ms", 0L,
                "short-term-memory.state-ttl.update-type", ShortTermMemoryTtlUpdate.ON_READ_AND_WRITE,
                "short-term-memory.state-ttl.visibility",
                ShortTermMemoryTtlVisibility.NEVER_RETURN_EXPIRED);
        assertDefaults(
                MemoryEventOptions.class,
                "memory.generate-event", null,
                "memory.generate-event.short-term-write", null,
                "memory.generate-event.short-term-read", null,
                "memory.generate-event.sensory-write", null,
                "memory.generate-event.sensory-read", null,
                "memory.generate-event.long-term-update", null,
                "memory.generate-event.long-term-get", null,
                "memory.generate-event.long-term-search", null);
        assertDefaults(
                LongTermMemoryOptions.Mem0.class,
                "long-term-memory.mem0.chat-model-setup", null,
                "long-term-memory.mem0.embedding-model-setup", null,
                "long-term-memory.mem0.vector-store", null);
    }

    @Test
    void optionsAreValues() {
        final ConfigOption<Integer> option = new ConfigOption<>("k", Integer.class, 1);
        assertThat(option)
                .isEqualTo(new ConfigOption<>("k", Integer.class, 1))
                .hasSameHashCodeAs(new ConfigOption<>("k", Integer.class, 1))
                .isNotEqualTo(new ConfigOption<>("k", Integer.class, 2));
        assertThat(option.getTypeName()).isEqualTo("java.lang.Integer");
        assertThat(AgentConfigOptions.EVENT_LISTENERS.getType()).isEqualTo(List.class);
    }

    @Test
    void eventTypeConstantsAreNamedLikeTheirClasses() throws Exception {
        final Map<String, String> all = EventType.allConstants();
        assertThat(all).hasSize(16).isUnmodifiable();
        for (final Map.Entry<String, String> constant : all.entrySet()) {
            final boolean base = constant.getKey().matches("(In|Out)putEvent");
            final Class<?> type =
                    Class.forName(
                            "org.apache.flink.agents.api."
                                    + (base ? "" : "event.")
                                    + constant.getKey());
            assertThat(type.getField("EVENT_TYPE").get(null)).isEqualTo(constant.getValue());
            assertThat(EventType.class.getField(constant.getKey()).get(null))
                    .isEqualTo(constant.getValue());
        }
    }
}
