package org.apache.flink.agents.core.value;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.nio.file.Paths;
import java.time.Duration;
import java.time.Instant;
import java.time.LocalDate;
import java.time.LocalDateTime;
import java.time.LocalTime;
import java.time.OffsetDateTime;
import java.time.ZoneId;
import java.time.ZoneOffset;
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
import java.util.UUID;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** The vectors that the Rust core reads too: {@code e2e-test/conformance/values.json}. */
class ValueVectorsTest {

    private static final Map<String, Object> OBJECTS = objects();

    @Test
    void everyVectorHasItsObject() {
        assertThat(vectors("values").map(vector -> vector.get("name").textValue()))
                .containsExactlyInAnyOrderElementsOf(OBJECTS.keySet());
    }

    @ParameterizedTest
    @MethodSource("values")
    void isWrittenAndReadBackAsTheSameClassAndBits(final JsonNode vector) {
        final Object object = OBJECTS.get(vector.get("name").textValue());
        final byte[] bytes = unhex(vector.get("hex").textValue());
        final ValueWriter writer = new ValueWriter(ForeignValues.REFUSE);
        writer.writeValue(object);
        assertThat(hex(writer.toByteArray())).isEqualTo(hex(bytes));

        final ValueReader reader = new ValueReader(ForeignValues.REFUSE);
        reader.reset(bytes, 0, bytes.length);
        final Object back = reader.readValue();
        reader.requireEnd();
        if (object == null) {
            assertThat(back).isNull();
            return;
        }
        assertThat(back).isEqualTo(object);
        if (vector.get("name").textValue().contains("unmodifiable")) {
            assertThat(back).isInstanceOfAny(ArrayList.class, LinkedHashMap.class, LinkedHashSet.class);
            return;
        }
        assertThat(back).hasSameClassAs(object);
        writer.reset();
        writer.writeValue(back);
        assertThat(hex(writer.toByteArray())).isEqualTo(hex(bytes));
    }

    @ParameterizedTest
    @MethodSource("malformed")
    void isRefusedWithItsReason(final JsonNode vector) {
        final byte[] bytes = unhex(vector.get("hex").textValue());
        final ValueReader reader = new ValueReader(ForeignValues.REFUSE);
        reader.reset(bytes, 0, bytes.length);
        assertThatThrownBy(
                        () -> {
                            reader.readValue();
                            reader.requireEnd();
                        })
                .isInstanceOf(MalformedValueException.class)
                .hasMessageContaining(vector.get("error").textValue());
    }

    static Stream<JsonNode> values() {
        return vectors("values");
    }

    static Stream<JsonNode> malformed() {
        return vectors("malformed");
    }

    private static Stream<JsonNode> vectors(final String section) {
        try {
            final JsonNode file =
                    new ObjectMapper().readTree(Paths.get("../../e2e-test/conformance/values.json").toFile());
            assertThat(file.get(section).size()).isGreaterThan(20);
            return StreamSupport.stream(file.get(section).spliterator(), false);
        } catch (final IOException e) {
            throw new java.io.UncheckedIOException(e);
        }
    }

    private static Map<String, Object> objects() {
        final Map<String, Object> all = new LinkedHashMap<>();
        all.put("null", null);
        all.put("false", false);
        all.put("true", true);
        all.put("byte -128", (byte) -128);
        all.put("short 32767", (short) 32767);
        all.put("int -2", -2);
        all.put("int 1000000", 1_000_000);
        all.put("long min", Long.MIN_VALUE);
        all.put("long max", Long.MAX_VALUE);
        all.put("float 0.1", 0.1f);
        all.put("float negative zero", -0.0f);
        all.put("float NaN with payload", Float.intBitsToFloat(0x7fc00001));
        all.put("double 1.5", 1.5);
        all.put("double negative zero", -0.0);
        all.put("double NaN with payload", Double.longBitsToDouble(0xfff8000000000001L));
        all.put("double -Infinity", Double.NEGATIVE_INFINITY);
        all.put("empty text", "");
        all.put("ascii text", "hello");
        all.put("non-ascii text", "grüße 漢字 😀");
        all.put("text with NUL", "a\0b");
        all.put("text of 127 characters", "x".repeat(127));
        all.put("text of 128 characters", "x".repeat(128));
        all.put("text of 300 two-byte characters", "é".repeat(300));
        all.put("lone surrogate", "a\uD800b");
        all.put("bytes", new byte[] {0, -1, 127});
        all.put("empty bytes", new byte[0]);
        all.put("char A", 'A');
        all.put("char lone surrogate", '\uDC00');
        all.put("big integer 0", BigInteger.ZERO);
        all.put("big integer -1", BigInteger.ONE.negate());
        all.put("big integer -128", BigInteger.valueOf(-128));
        all.put("big integer 10^30", BigInteger.TEN.pow(30));
        for (final String decimal : List.of("12.50", "-0.001", "1E+3", "1.23E-8")) {
            all.put("big decimal " + decimal, new BigDecimal(decimal));
        }
        all.put("uuid", UUID.fromString("123e4567-e89b-12d3-a456-426614174000"));
        all.put("instant", Instant.ofEpochMilli(1500));
        all.put("instant before 1970", Instant.ofEpochSecond(-1, 1));
        all.put("instant min", Instant.MIN);
        final LocalDate leapDay = LocalDate.of(2024, 2, 29);
        final LocalDateTime local = leapDay.atTime(1, 1, 1);
        all.put("date leap day", leapDay);
        all.put("date max", LocalDate.MAX);
        all.put("time of day", LocalTime.of(13, 4, 56, 7_000_000));
        all.put("date and time", local);
        all.put("duration -1.5 s", Duration.ofMillis(-1500));
        all.put("duration 90 s", Duration.ofSeconds(90));
        all.put("offset date and time", OffsetDateTime.of(local, ZoneOffset.ofHoursMinutesSeconds(-3, -30, -15)));
        all.put("zoned date and time", ZonedDateTime.of(local, ZoneId.of("Europe/Berlin")));
        all.put("empty list", new ArrayList<>());
        final List<Object> list = Arrays.asList(1, "a", null);
        all.put("list", new ArrayList<>(list));
        all.put("list as unmodifiable", Collections.unmodifiableList(list));
        all.put("list as Object[]", list.toArray());
        final Map<String, Object> map = new LinkedHashMap<>();
        map.put("a", 1);
        map.put("b", new ArrayList<>(List.of(true)));
        all.put("map", map);
        all.put("map as HashMap", new HashMap<>(map));
        all.put("map as unmodifiable", Collections.unmodifiableMap(map));
        all.put("empty map", new LinkedHashMap<>());
        all.put("empty map as HashMap", new HashMap<>());
        final Map<Integer, String> numbered = new LinkedHashMap<>();
        numbered.put(1, "a");
        numbered.put(2, "b");
        all.put("map with integer keys", numbered);
        all.put("map with integer keys as HashMap", new HashMap<>(numbered));
        all.put("map with integer keys as unmodifiable", Collections.unmodifiableMap(numbered));
        final Map<Object, Object> ambiguous = new LinkedHashMap<>();
        ambiguous.put(1, false);
        ambiguous.put("1", true);
        all.put("map with keys 1 and '1'", ambiguous);
        all.put("map with null key", new LinkedHashMap<>(Collections.singletonMap(null, 7)));
        all.put("map with lone surrogate key", new LinkedHashMap<>(Map.of("\uD800", 7)));
        all.put("set", new LinkedHashSet<>(List.of(1L, 2L)));
        all.put("set as HashSet", new HashSet<>(List.of(1L, 2L)));
        all.put("set as unmodifiable", Collections.unmodifiableSet(new LinkedHashSet<>(List.of(1L, 2L))));
        all.put("String[]", new String[] {"a", null});
        all.put("boolean[]", new boolean[] {true, false});
        all.put("short[]", new short[] {1, -1});
        all.put("int[]", new int[] {1, -1});
        all.put("long[]", new long[] {1, -1});
        all.put("float[]", new float[] {0.5f, -2});
        all.put("double[]", new double[] {0.5, -2});
        all.put("char[]", new char[] {'a', 'b'});
        final Map<String, Object> item = new LinkedHashMap<>(Map.of("sku", "A-1"));
        final Map<String, Object> order = new LinkedHashMap<>();
        order.put("id", 42L);
        order.put("items", new ArrayList<>(List.of(item)));
        all.put("nested order", new LinkedHashMap<>(Map.of("order", order)));
        Object deep = null;
        for (int i = 0; i < 200; i++) {
            deep = new ArrayList<>(Collections.singletonList(deep));
        }
        all.put("200 levels of lists", deep);
        return all;
    }

    private static byte[] unhex(final String hex) {
        final byte[] bytes = new byte[hex.length() / 2];
        for (int i = 0; i < bytes.length; i++) {
            bytes[i] = (byte) Integer.parseInt(hex.substring(2 * i, 2 * i + 2), 16);
        }
        return bytes;
    }

    private static String hex(final byte[] bytes) {
        return new BigInteger(1, bytes).toString(16) + "/" + bytes.length;
    }
}
