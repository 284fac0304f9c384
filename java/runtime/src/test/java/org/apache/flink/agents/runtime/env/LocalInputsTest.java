package org.apache.flink.agents.runtime.env;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.Arrays;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class LocalInputsTest {

    private static void refused(final Object element, final String... fragments) {
        final List<Object> list = Arrays.asList(Map.of("v", 1), element);
        assertThatThrownBy(() -> LocalInputs.read(list))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("element 1 ")
                .hasMessageContainingAll(fragments);
    }

    private static Map<String, Object> withNull(final String name, final Map<String, Object> others) {
        final Map<String, Object> map = new HashMap<>(others);
        map.put(name, null);
        return map;
    }

    @Test
    void bothSpellingsAreRead() {
        assertThat(LocalInputs.read(List.of(Map.of("key", "a", "value", 1), Map.of("k", "b", "v", 2), Map.of("v", 3))))
                .extracting(input -> List.of(input.key(), input.value()))
                .containsExactly(List.of("a", 1), List.of("b", 2), List.of(2L, 3));
    }

    @Test
    void wrongElementsAreRefusedByIndex() {
        refused(null, "null", "map");
        refused("text", "java.lang.String", "map");
        refused(Map.of("key", "a"), "no \"value\"", "key");
        refused(Map.of("key", "a", "val", 1), "no \"value\"", "val");
        refused(Map.of("key", "a", "k", "b", "v", 1), "both", "leave one out");
        refused(Map.of("v", 1, "value", 2), "both", "leave one out");
        refused(Map.of("Key", "a", "v", 1), "Key", "mean nothing");
        refused(Map.of("k", new byte[1], "v", 1), "byte[]", "arrays");
        refused(withNull("k", Map.of("v", 1)), "null as \"k\"");
        refused(withNull("v", Map.of("k", 1)), "null as \"v\"");
    }

    @Test
    void anIndexThatIsAlsoAGivenKeyIsRefused() {
        assertThatThrownBy(() -> LocalInputs.read(List.of(Map.of("v", 1), Map.of("k", 0L, "v", 2))))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("element 0 ")
                .hasMessageContaining("0L");
        assertThat(LocalInputs.read(List.of(Map.of("v", 1), Map.of("k", 0, "v", 2)))).hasSize(2);
    }

    @Test
    void noListIsRefusedAndAnEmptyOneIsNot() {
        assertThatThrownBy(() -> LocalInputs.read(null)).isInstanceOf(IllegalArgumentException.class);
        assertThat(LocalInputs.read(Collections.emptyList())).isEmpty();
    }
}
