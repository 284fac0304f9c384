package org.apache.flink.agents.core.value;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.math.BigDecimal;
import java.math.BigInteger;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.time.LocalDate;
import java.time.LocalDateTime;
import java.time.LocalTime;
import java.time.OffsetDateTime;
import java.time.ZonedDateTime;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import org.junit.jupiter.api.Test;

/** Entries are found whatever stands in the values between them. */
class EncodedMapTest {
    private static Map<String, Object> everyKind() {
        final Map<String, Object> map = new LinkedHashMap<>();
        final Object[] values = {
            null, true, false, (byte) 1, (short) 2, 3, 4L, 5f, 6d, "text", "ä😀", "\uD800", 'c', new byte[] {1, 2},
            new BigInteger("1".repeat(60)), new BigDecimal("1.5"), new UUID(1, 2), Instant.EPOCH, Duration.ofSeconds(3),
            LocalDate.EPOCH, LocalTime.NOON, LocalDateTime.MIN, OffsetDateTime.parse("2020-01-01T00:00:00+01:00"),
            ZonedDateTime.parse("2020-01-01T00:00:00+01:00[Europe/Berlin]"), new ArrayList<>(List.of(1, "a")), List.of(1, 2),
            new LinkedHashMap<>(Map.of("a", 1)), new HashMap<>(Map.of("a", 1)), Map.of("a", List.of(Map.of())),
            new LinkedHashMap<>(Map.of(1, 2)), new HashMap<>(Map.of(1, 2)), Map.of(1, 2), new LinkedHashSet<>(Set.of(1)),
            new HashSet<>(Set.of(1)), Set.of(1), new Object[] {1, "a"}, new String[] {"a", null}, new boolean[] {true},
            new short[] {1}, new int[] {1, 2}, new long[] {1}, new float[] {1}, new double[] {1, 2, 3}, new char[] {'a'},
            Collections.emptyMap(), new Object[] {new Object[] {}},
        };
        for (int i = 0; i < values.length; i++) {
            map.put("key" + i, values[i]);
        }
        map.put("x".repeat(300), "long key");
        return map;
    }

    @Test
    void everyEntryIsFoundWithItsValue() {
        final ValueCodec codec = new ValueCodec();
        final Map<String, Object> map = everyKind();
        final byte[] whole = codec.encode(map);
        final EncodedMap encoded = new EncodedMap(Arrays.copyOfRange(whole, 1, whole.length));
        for (int round = 0; round < 2; round++) {
            for (final Map.Entry<String, Object> entry : map.entrySet()) {
                assertThat(encoded.next()).isTrue();
                assertThat(encoded.keyIs(entry.getKey().getBytes(StandardCharsets.UTF_8))).isTrue();
                assertThat(encoded.keyIs(new byte[] {'y'})).isFalse();
                final byte[] own = codec.encode(entry.getValue());
                assertThat(encoded.value()).as(entry.getKey()).isEqualTo(Arrays.copyOfRange(own, 1, own.length));
            }
            assertThat(encoded.next()).isFalse();
            encoded.rewind();
        }
    }

    @Test
    void whatIsCutOffOrNoMapIsRefused() {
        final byte[] whole = new ValueCodec().encode(everyKind());
        for (int length = 0; length < whole.length - 1; length++) {
            final byte[] cut = Arrays.copyOfRange(whole, 1, 1 + length);
            assertThatThrownBy(
                            () -> {
                                final EncodedMap map = new EncodedMap(cut);
                                while (map.next()) {
                                    // To the end.
                                }
                            })
                    .isInstanceOf(MalformedValueException.class);
        }
        assertThatThrownBy(() -> new EncodedMap(new byte[] {9, 0})).hasMessageContaining("no map with text keys");
    }
}
