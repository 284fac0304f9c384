package org.apache.flink.agents.runtime.host;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.annotation.JsonAnyGetter;
import com.fasterxml.jackson.annotation.JsonRawValue;
import com.fasterxml.jackson.annotation.JsonTypeInfo;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Date;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.UUID;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.apache.flink.agents.core.value.UnsupportedValueException;
import org.apache.flink.agents.core.value.ValueWriter;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** What is written at once is what a conversion to maps and lists gives, byte for byte. */
class PlainGeneratorTest {
    /** With half a character as a name, for which there is no UTF-8. */
    private static final Map<String, Object> HALF = Map.of("\ud800", new Typed());

    private final ObjectMapper mapper = new ObjectMapper();

    /** Every kind that Jackson has a token for. */
    public static final class Everything {
        public String text = "a\u00e4\ud83d\ude00";
        public String broken = "\ud800";
        public String none;
        public char letter = 'x';
        public byte small = 1;
        public short shorter = 2;
        public int number = -3;
        public long larger = 1L << 40;
        public float real = 1.5f;
        public double precise = 0.1;
        public double nothing = Double.NaN;
        public boolean yes = true;
        public Boolean boxed = Boolean.FALSE;
        public BigInteger huge = BigInteger.TEN.pow(30);
        public BigDecimal exact = new BigDecimal("1.10");
        public byte[] bytes = {1, 2, 3};
        public int[] numbers = {1, 2};
        public double[] reals = {1, 2};
        public String[] texts = {"a", null};
        public List<Object> mixed = List.of(1, "two", List.of(), Map.of());
        public Map<Integer, String> byNumber = new TreeMap<>(Map.of(1, "one", 2, "two"));
        public Thread.State state = Thread.State.NEW;
        public UUID id = new UUID(1, 2);
        public Date date = new Date(1_700_000_000_000L);
        public AtomicLong counter = new AtomicLong(7);
    }

    /** Has another of its kind in it, or not. */
    public static final class Nested {
        public Nested inside;
        public List<Integer> many = IntStream.range(0, 200).boxed().collect(Collectors.toList());

        Nested(final int levels) {
            inside = levels == 0 ? null : new Nested(levels - 1);
        }
    }

    /** Names its class. */
    @JsonTypeInfo(use = JsonTypeInfo.Id.CLASS)
    public static final class Typed {
        public int value = 1;
    }

    /** Says a name twice. */
    public static final class Twice {
        public String name = "first";
        public int more = 1;

        @JsonAnyGetter
        public Map<String, Object> rest() {
            return Map.of("name", "second");
        }
    }

    /** Cannot be shown. */
    public static final class Raw {
        public int before = 1;

        @JsonRawValue public String json = "{}";
    }

    /** Cannot be read. */
    public static final class Sulky {
        public int before = 1;

        public int getMood() {
            throw new IllegalStateException("not today");
        }
    }

    static Stream<Object> shown() {
        final Map<Object, Object> wide = new LinkedHashMap<>();
        IntStream.range(0, 20_000).forEach(i -> wide.put("name" + i, new Typed()));
        return Stream.of(
                new Everything(), new Nested(0), new Nested(30), new Typed(), new Twice(), new Date(0), Thread.State.NEW, new AtomicLong(1),
                new ArrayList<>(List.of(new Typed(), new Nested(1))), wide, Map.of(new UUID(1, 2), new Typed()), HALF);
    }

    @ParameterizedTest
    @MethodSource("shown")
    void whatIsWrittenIsWhatAConversionGives(final Object value) {
        final ValueWriter expected = PlainData.newWriter();
        expected.writeValue(mapper.convertValue(value, Object.class));
        final ValueWriter written = PlainData.newWriter();
        written.writeValue("before");
        final int start = written.size();
        final PlainGenerator generator = new PlainGenerator(mapper);
        if (generator.tryWrite(value, written)) {
            assertThat(rest(written, start)).isEqualTo(expected.toByteArray());
        } else {
            assertThat(written.size()).isEqualTo(start);
            assertThat(value == HALF || value instanceof Twice).as("%s is converted", value).isTrue();
        }
        // What follows is not disturbed.
        final int next = written.size();
        assertThat(generator.tryWrite(new Everything(), written)).isTrue();
        final ValueWriter everything = PlainData.newWriter();
        everything.writeValue(mapper.convertValue(new Everything(), Object.class));
        assertThat(rest(written, next)).isEqualTo(everything.toByteArray());
    }

    private static byte[] rest(final ValueWriter writer, final int from) {
        return Arrays.copyOfRange(writer.toByteArray(), from, writer.size());
    }

    @Test
    void theLastOfEqualNamesCounts() {
        assertThat(new PlainGenerator(mapper).tryWrite(new Twice(), PlainData.newWriter())).isFalse();
        final Object read = PlainData.decode(new PlainData().encode(new Twice()), 0);
        assertThat(read).isEqualTo(Map.of("name", "second", "more", 1));
    }

    @Test
    void whatCannotBeShownIsRefusedAsByAConversion() {
        final PlainData plain = new PlainData();
        assertThatThrownBy(() -> plain.encode(List.of(1, new Sulky())))
                .isInstanceOf(UnsupportedValueException.class)
                .hasMessageContaining("not today");
        assertThatThrownBy(() -> plain.encode(new Raw())).isInstanceOf(UnsupportedValueException.class);
        assertThatThrownBy(() -> plain.encode(new Nested(400))).isInstanceOf(UnsupportedValueException.class);
        assertThat(PlainData.decode(plain.encode(new Typed()), 0)).isEqualTo(mapper.convertValue(new Typed(), Object.class));
    }
}
