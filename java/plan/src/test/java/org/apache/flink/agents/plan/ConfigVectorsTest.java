package org.apache.flink.agents.plan;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.lang.reflect.Field;
import java.nio.file.Paths;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.apache.flink.agents.api.agents.Agent.ErrorHandlingStrategy;
import org.apache.flink.agents.api.agents.AgentExecutionOptions;
import org.apache.flink.agents.api.configuration.AgentConfigOptions;
import org.apache.flink.agents.api.configuration.ConfigOption;
import org.apache.flink.agents.api.configuration.MemoryEventOptions;
import org.apache.flink.agents.api.configuration.RuntimeOptions;
import org.apache.flink.agents.api.memory.LongTermMemoryOptions;
import org.junit.jupiter.api.Test;

/** Configuration is read as in Rust and Python, and the constants are those of the core's table. */
class ConfigVectorsTest {
    private static final ObjectMapper JSON = new ObjectMapper();

    private static final Map<String, Class<?>> TYPES =
            Map.of(
                    "bool", Boolean.class,
                    "int", Integer.class,
                    "long", Long.class,
                    "float", Double.class,
                    "text", String.class,
                    "duration", String.class,
                    "size", String.class,
                    "enum", ErrorHandlingStrategy.class,
                    "list", List.class);

    private static JsonNode read(final String name) throws IOException {
        return JSON.readTree(Paths.get("../../e2e-test/conformance/" + name).toFile());
    }

    @Test
    void valuesAreReadAsInRustAndPython() throws IOException {
        for (final JsonNode vector : read("config-values.json").get("values")) {
            final AgentConfiguration config = new AgentConfiguration();
            config.setValue("k", JSON.treeToValue(vector.get("value"), Object.class));
            final Class<?> type = TYPES.get(vector.get("as").asText());
            final ConfigOption<?> option = new ConfigOption<>("k", type, null);
            if (!vector.has("is")) {
                assertThatThrownBy(() -> config.get(option))
                        .as(vector.toString())
                        .isInstanceOf(IllegalArgumentException.class)
                        .hasMessageContaining("'k'");
                continue;
            }
            final Object found = config.get(option);
            assertThat(found).as(vector.toString()).isInstanceOf(type);
            final Object plain = found instanceof Enum ? ((Enum<?>) found).name() : found;
            final Object expected =
                    type == Long.class ? (Object) vector.get("is").asLong() : JSON.treeToValue(vector.get("is"), Object.class);
            assertThat(plain).as(vector.toString()).isEqualTo(expected);
        }
    }

    @Test
    void secretsAreKnownByTheirKeysAsInRust() throws IOException {
        for (final JsonNode vector : read("config-values.json").get("secrets")) {
            assertThat(ConfigValues.isSecret(vector.get(0).asText())).as(vector.toString()).isEqualTo(vector.get(1).asBoolean());
        }
    }

    @Test
    void constantsAreThoseOfTheTable() throws IOException, IllegalAccessException {
        final Map<String, JsonNode> table = new HashMap<>();
        read("config-options.json").forEach(option -> table.put(option.get("key").asText(), option));
        final Set<String> seen = new HashSet<>();
        for (final Class<?> owner :
                List.of(
                        AgentConfigOptions.class,
                        AgentExecutionOptions.class,
                        MemoryEventOptions.class,
                        LongTermMemoryOptions.Mem0.class,
                        RuntimeOptions.class)) {
            for (final Field field : owner.getFields()) {
                if (field.getType() == ConfigOption.class) {
                    final ConfigOption<?> option = (ConfigOption<?>) field.get(null);
                    assertThat(seen.add(option.getKey())).as("%s is there once", option.getKey()).isTrue();
                    compare(option, table.get(option.getKey()));
                }
            }
        }
        table.keySet().removeIf(key -> key.contains("<"));
        assertThat(seen).as("every option has a constant").containsExactlyInAnyOrderElementsOf(table.keySet());
    }

    private static void compare(final ConfigOption<?> option, final JsonNode row) {
        final String key = option.getKey();
        assertThat(row).as("the table has %s", key).isNotNull();
        final Class<?> type = option.getType();
        final JsonNode kind = row.get("type");
        final Object value = option.getDefaultValue();
        if (type.isEnum()) {
            final List<String> words = new ArrayList<>();
            kind.forEach(word -> words.add(word.asText().toUpperCase(java.util.Locale.ROOT)));
            final List<String> names = new ArrayList<>();
            for (final Object constant : type.getEnumConstants()) {
                names.add(((Enum<?>) constant).name());
            }
            assertThat(names).as(key).containsExactlyInAnyOrderElementsOf(words);
        } else if (!kind.isArray()) {
            // Words without an enum of their own are texts.
            final Class<?> expected = TYPES.get(kind.asText());
            assertThat(type).as(key).isIn(expected, expected == Integer.class ? Long.class : expected);
        }
        final JsonNode preset = row.get("default");
        if (preset.isNull()) {
            assertThat(value).as(key).isNull();
        } else {
            assertThat(String.valueOf(value)).as(key).isEqualToIgnoringCase(preset.asText());
        }
    }

    @Test
    void referencesAreLookedUpByGettersOnlyAndShownNowhere() {
        final AgentConfiguration config =
                new AgentConfiguration(
                        Map.of("my.password", "${env:SECRET}", "number", "${file:n}", "plain", "${other:x}"),
                        (key, reference) -> reference.contains("SECRET") ? "hunter2" : "no number: hunter2");
        assertThat(config.getStr("my.password", null)).isEqualTo("hunter2");
        assertThat(config.getStr("plain", null)).isEqualTo("${other:x}");
        assertThat(config.toMap()).containsEntry("my.password", "${env:SECRET}");
        assertThat(config.toString()).doesNotContain("hunter2", "SECRET");
        assertThatThrownBy(() -> config.getInt("number", null))
                .hasMessageContaining("${file:n}")
                .hasMessageNotContaining("hunter2")
                .hasNoCause();
        config.setStr("my.api-key", "hunter2");
        assertThatThrownBy(() -> config.getInt("my.api-key", null)).hasMessageContaining("not shown").hasMessageNotContaining("hunter2");
        assertThat(new AgentConfiguration(Map.of("k", "${env:SECRET}")).getStr("k", null)).isEqualTo("${env:SECRET}");
    }
}
