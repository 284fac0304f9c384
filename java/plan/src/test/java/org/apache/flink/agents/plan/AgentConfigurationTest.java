package org.apache.flink.agents.plan;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.apache.flink.agents.api.agents.Agent.ErrorHandlingStrategy;
import org.apache.flink.agents.api.agents.AgentExecutionOptions;
import org.apache.flink.agents.api.configuration.AgentConfigOptions;
import org.apache.flink.agents.api.configuration.ConfigOption;
import org.junit.jupiter.api.Test;

class AgentConfigurationTest {
    private final AgentConfiguration config = new AgentConfiguration();

    @Test
    void aValueOfAnotherTypeNamesKeyValueAndType() {
        config.setStr("max-retries", "many");
        assertThatThrownBy(() -> config.get(AgentExecutionOptions.MAX_RETRIES))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage(
                        "The configuration value 'many' of 'max-retries' is not a whole number that fits"
                                + " into 32 bits.");
        config.setDouble("max-retries", 3.5);
        assertThatThrownBy(() -> config.getInt("max-retries", 0)).hasMessageContaining("3.5");
        config.setLong("max-retries", 1L << 40);
        assertThatThrownBy(() -> config.getInt("max-retries", 0)).hasMessageContaining("32 bits");
        config.setStr("chat.async", "yes");
        assertThatThrownBy(() -> config.get(AgentExecutionOptions.CHAT_ASYNC))
                .hasMessageContaining("is not true or false");
        config.setStr("error-handling-strategy", "explode");
        assertThatThrownBy(() -> config.get(AgentExecutionOptions.ERROR_HANDLING_STRATEGY))
                .hasMessageContaining("one of FAIL, RETRY, IGNORE");
        config.setInt("event-listeners", 1);
        assertThatThrownBy(() -> config.get(AgentConfigOptions.EVENT_LISTENERS))
                .hasMessageContaining("is not a list");
        config.setStr("wait", "PT1S");
        assertThatThrownBy(() -> config.get(new ConfigOption<>("wait", Duration.class, null)))
                .hasMessageContaining("options cannot have");
    }

    @Test
    void aValueThatIsNotPlainIsRefused() {
        assertThatThrownBy(() -> config.setValue("a", new Object()))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("'a' has class java.lang.Object");
        assertThatThrownBy(
                        () -> new AgentConfiguration(Map.of("x", Map.of("y", Duration.ofSeconds(1)))))
                .hasMessageContaining("'x.y'");
    }

    @Test
    void textsAreConverted() {
        config.setStr("false", "FALSE");
        config.setStr("int", " 7 ");
        config.setInt("number", 7);
        config.setStr("error-handling-strategy", "reTry");
        assertThat(config.getBool("false", true)).isFalse();
        assertThat(config.getInt("int", null)).isEqualTo(7);
        assertThat(config.getLong("number", null)).isEqualTo(7L);
        assertThat(config.getFloat("number", null)).isEqualTo(7f);
        assertThat(config.getDouble("int", null)).isEqualTo(7d);
        assertThat(config.getStr("number", null)).isEqualTo("7");
        assertThat(config.get(AgentExecutionOptions.ERROR_HANDLING_STRATEGY))
                .isEqualTo(ErrorHandlingStrategy.RETRY);
    }

    @Test
    void absentKeysHaveTheDefault() {
        assertThat(config.getInt("no", 5)).isEqualTo(5);
        assertThat(config.getStr("no", null)).isNull();
        assertThat(config.get(AgentExecutionOptions.MAX_RETRIES)).isEqualTo(3);
        assertThat(config.get(AgentConfigOptions.JOB_IDENTIFIER)).isNull();
    }

    @Test
    void settingNullIsIgnoredIfTheOptionHasADefault() {
        config.set(AgentExecutionOptions.MAX_RETRIES, 9);
        config.set(AgentExecutionOptions.MAX_RETRIES, null);
        assertThat(config.get(AgentExecutionOptions.MAX_RETRIES)).isEqualTo(9);
        config.set(AgentConfigOptions.JOB_IDENTIFIER, "job");
        config.set(AgentConfigOptions.JOB_IDENTIFIER, null);
        assertThat(config.get(AgentConfigOptions.JOB_IDENTIFIER)).isNull();
        assertThat(config.toMap()).containsKey("job-identifier");
    }

    @Test
    void listsStayListsAndTextIsSplit() {
        config.set(AgentConfigOptions.EVENT_LISTENERS, List.of("a.B", "c.D"));
        assertThat(config.get(AgentConfigOptions.EVENT_LISTENERS)).containsExactly("a.B", "c.D");
        config.setStr("event-listeners", "a.B; c.D;");
        assertThat(config.get(AgentConfigOptions.EVENT_LISTENERS)).containsExactly("a.B", "c.D");
    }

    @Test
    void nestedMapsAreFlattenedAndEnumsKeptByName() {
        final Map<Object, Object> level = new HashMap<>();
        level.put(1, "x");
        final Map<String, Object> nested = new LinkedHashMap<>();
        nested.put("chat", Map.of("async", false));
        nested.put("event-log.type", Map.of("_input_event", Map.of("level", "OFF")));
        nested.put("numbered", level);
        final AgentConfiguration flat = new AgentConfiguration(nested);
        flat.set(AgentExecutionOptions.ERROR_HANDLING_STRATEGY, ErrorHandlingStrategy.RETRY);
        assertThat(flat.toMap())
                .containsExactly(
                        Map.entry("chat.async", false),
                        Map.entry("event-log.type._input_event.level", "OFF"),
                        Map.entry("numbered.1", "x"),
                        Map.entry("error-handling-strategy", "RETRY"));
    }

    @Test
    void theMapIsACopyOnBothSides() {
        final List<String> list = new ArrayList<>(List.of("a"));
        final Map<String, Object> source = new HashMap<>(Map.of("k", list));
        final AgentConfiguration copied = new AgentConfiguration(source);
        list.add("b");
        source.put("x", 1);
        copied.toMap().put("y", 2);
        assertThat(copied.toMap()).containsOnlyKeys("k").containsEntry("k", List.of("a"));
    }

    @Test
    void logsShowKeysButNoValues() {
        config.setStr("flussSaslPassword", "hunter2");
        assertThat(config.toString()).contains("flussSaslPassword").doesNotContain("hunter2");
    }
}
