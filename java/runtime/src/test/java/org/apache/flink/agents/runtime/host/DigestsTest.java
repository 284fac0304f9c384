package org.apache.flink.agents.runtime.host;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;

/** Equal arguments have equal digests, whatever order their hash tables have. */
class DigestsTest {
    private final Digests digests = new Digests();

    @Test
    void mapsAndSetsCountWithoutTheirOrder() {
        final Map<String, Object> one = new LinkedHashMap<>();
        one.put("a", 1);
        one.put("b", new LinkedHashSet<>(List.of("x", "y", "z")));
        final Map<String, Object> other = new LinkedHashMap<>();
        other.put("b", new LinkedHashSet<>(List.of("z", "x", "y")));
        other.put("a", 1);
        assertThat(digests.ofArguments(one)).hasSize(16).isEqualTo(digests.ofArguments(other));
        assertThat(new Digests().ofArguments(other)).isEqualTo(digests.ofArguments(one));
    }

    @Test
    void otherArgumentsHaveOtherDigests() {
        final List<Object> arguments =
                List.of("1", 1, 1.5, List.of(1), List.of(List.of(1)), Map.of("1", 1), Set.of(1, 2), List.of("a", "b"), List.of("b", "a"));
        for (final Object one : arguments) {
            for (final Object other : arguments) {
                if (one != other) {
                    assertThat(digests.ofArguments(one)).as("%s and %s", one, other).isNotEqualTo(digests.ofArguments(other));
                }
            }
        }
    }

    /** Jackson finds nothing in it to write. */
    private static final class Opaque {}

    @Test
    void whatHasNoCanonicalFormHasNoDigest() {
        assertThat(digests.ofArguments(null)).isNull();
        assertThat(digests.ofArguments(new Opaque())).isNull();
    }
}
