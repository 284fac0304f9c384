package org.apache.flink.agents.plan;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.ObjectMapper;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

class ActionConfigTest {
    private static final ObjectMapper MAPPER = new ObjectMapper();
    private final ClassLoader loader = getClass().getClassLoader();

    public static class Point {
        public int x;
        public long y;
    }

    public static class Unreadable {
        private final int x;

        public Unreadable(int x) {
            this.x = x;
        }

        public int getX() {
            return x;
        }
    }

    public static class Unwritable {
        public Unwritable self = this;
    }

    @Test
    void aValueThatCannotTravelIsFoundWhileThePlanIsBuilt() {
        assertThatThrownBy(() -> ActionConfig.encode(Map.of("p", new Unreadable(1)), "Action 'a'"))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("Configuration value 'p' of Action 'a'")
                .hasMessageContaining("cannot be read back");
        assertThatThrownBy(() -> ActionConfig.encode(Map.of("p", new Unwritable()), "Action 'a'"))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("cannot be written as JSON");
        assertThatThrownBy(() -> ActionConfig.encode(Map.of("__config_type__", 1), "Action 'a'"))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("choose another name");
    }

    @Test
    void malformedConfigurationsNameActionAndValue() {
        assertThatThrownBy(() -> decode("[]")).hasMessageContaining("action 'act' is not an object");
        assertThatThrownBy(() -> decode("{}")).hasMessageContaining("__config_type__");
        assertThatThrownBy(() -> decode("{'__config_type__':'cobol'}"))
                .hasMessageContaining("unknown __config_type__ 'cobol'");
        assertThatThrownBy(() -> decode("{'__config_type__':'java','k':3}"))
                .hasMessageContaining("value 'k'");
        assertThatThrownBy(
                        () ->
                                decode(
                                        "{'__config_type__':'java','k':{'@class':'no.Such','value':3}}"))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("no.Such")
                .hasMessageContaining("Add the jar");
        assertThatThrownBy(
                        () ->
                                decode(
                                        "{'__config_type__':'java','k':{'@class':'java.lang.Integer','value':'x'}}"))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("cannot be read as java.lang.Integer");
    }

    @Test
    void valuesKeepTheirClasses() {
        final Point point = new Point();
        point.x = 1;
        point.y = 2;
        final Map<String, Object> config = new LinkedHashMap<>();
        config.put("int", 3);
        config.put("long", 3L);
        config.put("text", "x");
        config.put("null", null);
        config.put("class", Point.class);
        config.put("primitive", int.class);
        config.put("enum", TimeUnit.DAYS);
        config.put("list", List.of(1, "a"));
        config.put("fixed", Arrays.asList(1, 2));
        config.put("map", Map.of("a", 1));
        config.put("set", Set.of("a"));
        config.put("point", point);
        config.put("bytes", new byte[] {1, 2});
        final Map<String, Object> back =
                ActionConfig.decode(ActionConfig.encode(config, "A"), "act", loader);
        assertThat(back.keySet()).containsExactlyElementsOf(config.keySet());
        assertThat(back.get("point")).isInstanceOf(Point.class).hasFieldOrPropertyWithValue("y", 2L);
        assertThat((byte[]) back.get("bytes")).containsExactly(1, 2);
        back.keySet().removeAll(Set.of("point", "bytes"));
        config.keySet().removeAll(Set.of("point", "bytes"));
        assertThat(back).isEqualTo(config);
    }

    @Test
    void noConfigurationIsNull() throws Exception {
        assertThat(ActionConfig.encode(null, "A")).isNull();
        assertThat(ActionConfig.decode(null, "act", loader)).isNull();
        assertThat(decode("null")).isNull();
        assertThat(decode("{'__config_type__':'java'}")).isEmpty();
    }

    @Test
    void valuesOfPythonPlansArePlain() throws Exception {
        assertThat(decode("{'__config_type__':'python','n':1,'l':['a'],'o':{'b':null}}"))
                .containsEntry("n", 1)
                .containsEntry("l", List.of("a"))
                .hasSize(3);
    }

    private Map<String, Object> decode(String json) throws Exception {
        return ActionConfig.decode(MAPPER.readTree(json.replace('\'', '"')), "act", loader);
    }
}
