package org.apache.flink.agents.core.value;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.math.BigDecimal;
import java.math.BigInteger;
import java.net.Socket;
import java.nio.BufferOverflowException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

class ValueCodecTest {

    private final ValueCodec codec = new ValueCodec();

    @Test
    void aStoredValueStartsWithItsVersionAndAnotherVersionIsRefused() {
        final byte[] bytes = codec.encode("x");
        assertThat(bytes).containsExactly(1, 9, 1, 'x');
        assertThat(codec.decode(bytes)).isEqualTo("x");
        bytes[0] = 2;
        assertThatThrownBy(() -> codec.decode(bytes))
                .isInstanceOf(MalformedValueException.class)
                .hasMessageContaining("at byte 0: it has format version 2, this build reads version 1");
        assertThatThrownBy(() -> codec.decode(new byte[] {1, 0, 0})).hasMessageContaining("1 byte(s) too many");
        assertThatThrownBy(() -> codec.decode(new byte[0])).hasMessageContaining("cut off");
    }

    @Test
    void whatCannotBeStoredIsNamedByItsPathAndClass() throws Exception {
        try (Socket socket = new Socket()) {
            final Map<String, Object> item = new HashMap<>(Map.of("socket", socket));
            final Map<String, Object> order = Map.of("items", Arrays.asList(1, 2, 3, item));
            assertThatThrownBy(() -> codec.encode(Map.of("order", order)))
                    .isInstanceOf(UnsupportedValueException.class)
                    .hasMessageStartingWith("order.items[3].socket: java.net.Socket cannot be stored: only plain data");
            assertThatThrownBy(() -> codec.encode(socket)).hasMessageStartingWith("The value: java.net.Socket cannot");
            assertThatThrownBy(() -> codec.encode(new ArrayList<>(List.of(Map.of("a b", Map.of(7L, socket))))))
                    .hasMessageStartingWith("[0][\"a b\"][7]: java.net.Socket");
            assertThatThrownBy(() -> codec.encode(Map.of(socket, 1))).hasMessageStartingWith("[\"<key>\"]: java.net");
            final UnsupportedValueException named = refusal(Map.of("a", socket));
            assertThat(named.under("attributes").path()).isEqualTo("attributes.a");
            assertThat(named.type()).isEqualTo(Socket.class);
        }
        // The codec is as good as new after a refusal.
        assertThat(codec.decode(codec.encode(List.of(1L)))).isEqualTo(List.of(1L));
    }

    @Test
    void aValueThatContainsItselfIsAnErrorNotAStackOverflow() {
        final Map<String, Object> map = new HashMap<>();
        map.put("self", new ArrayList<>(List.of(map)));
        assertThatThrownBy(() -> codec.encode(map))
                .isInstanceOf(UnsupportedValueException.class)
                .hasMessageContaining("self[0].self[0]")
                .hasMessageContaining("contains itself")
                .extracting(Throwable::getMessage)
                .satisfies(message -> assertThat(message.toString()).hasSizeLessThan(800));
        final List<Object> list = new ArrayList<>();
        list.add(list);
        assertThatThrownBy(() -> codec.encode(list)).hasMessageContaining("contains itself");
    }

    @Test
    void theLimitOfDepthIsTheSameForWritingAndReading() {
        Object value = 1;
        for (int i = 0; i < 200; i++) {
            value = i % 2 == 0 ? new ArrayList<>(List.of(value)) : new LinkedHashMap<>(Map.of("k", value));
        }
        assertThat(codec.decode(codec.encode(value))).isEqualTo(value);
        final Object tooDeep = new ArrayList<>(List.of(value));
        assertThatThrownBy(() -> codec.encode(tooDeep))
                .isInstanceOf(UnsupportedValueException.class)
                .hasMessageContaining("nests deeper than 200 levels");
    }

    @Test
    void containersThatCannotBeModifiedKeepTheirContentAndOrder() {
        final List<String> words = List.of("one", "two", "three", "four", "five");
        final Set<String> set = Set.copyOf(words);
        final Set<?> backSet = (Set<?>) codec.decode(codec.encode(set));
        assertThat(new ArrayList<Object>(backSet)).isEqualTo(new ArrayList<Object>(set));
        for (final Object container :
                List.of(
                        words,
                        words.subList(1, 3),
                        List.of(),
                        Collections.emptyList(),
                        Collections.singletonList("x"),
                        Collections.nCopies(3, "x"),
                        Map.of("a", 1, "b", 2),
                        Collections.singletonMap(1, 2),
                        Collections.unmodifiableMap(new TreeMap<>(Map.of("b", 1, "a", 2))),
                        Set.of(1),
                        Collections.emptySet())) {
            final Object back = codec.decode(codec.encode(container));
            assertThat(back).isEqualTo(container);
            assertThat(back.toString()).isEqualTo(container.toString());
        }
        assertThat(codec.decode(codec.encode(Arrays.asList(1, null)))).isInstanceOf(ArrayList.class);
        assertThat(codec.decode(codec.encode(new ArrayList<>(words).subList(1, 2)))).isEqualTo(List.of("two"));
    }

    @Test
    void aHashMapComesBackInTheOrderItHad() {
        final Random random = new Random(5);
        for (final int size : new int[] {1, 11, 12, 13, 100, 767, 769, 5000}) {
            final Map<String, Integer> map = new HashMap<>();
            for (int i = 0; i < size; i++) {
                map.put(Integer.toString(random.nextInt(), 36), i);
            }
            final Map<?, ?> back = (Map<?, ?>) codec.decode(codec.encode(map));
            assertThat(back.toString()).isEqualTo(map.toString());
        }
    }

    @Test
    void subclassesAndOtherContainersAreForeign() {
        assertThat(ValueCodec.isPlainClass(ArrayList.class)).isTrue();
        assertThat(ValueCodec.isPlainClass(Long.class)).isTrue();
        assertThat(ValueCodec.isPlainClass(long[].class)).isTrue();
        assertThat(ValueCodec.isPlainClass(Object.class)).isFalse();
        assertThat(ValueCodec.isPlainClass(TreeMap.class)).isFalse();
        assertThat(ValueCodec.isPlainClass(Thread.State.class)).isFalse();
        assertThat(ValueCodec.isPlainClass(int[][].class)).isFalse();
        final Map<String, Integer> subclass =
                new LinkedHashMap<>() {
                    @Override
                    protected boolean removeEldestEntry(final Map.Entry<String, Integer> eldest) {
                        return size() > 1;
                    }
                };
        assertThatThrownBy(() -> codec.encode(subclass)).isInstanceOf(UnsupportedValueException.class);
    }

    @Test
    void textOfEveryKindAndLengthComesBack() {
        final Random random = new Random(11);
        final int[] alphabet = {'a', 'z', 0, 0x7F, 0x80, 0x7FF, 0x800, 0xFFFD, 0xFFFF, 0x10000, 0x10FFFF, 0xD800, 0xDFFF};
        for (int round = 0; round < 20_000; round++) {
            final StringBuilder text = new StringBuilder();
            final int length = random.nextInt(round % 100 == 0 ? 20_000 : 40);
            // Often ASCII only, or without halves of surrogate pairs.
            final int kinds = new int[] {2, alphabet.length - 2, alphabet.length}[random.nextInt(3)];
            for (int i = 0; i < length; i++) {
                text.appendCodePoint(alphabet[random.nextInt(kinds)]);
            }
            final String value = text.toString();
            assertThat(codec.decode(codec.encode(value))).isEqualTo(value);
            assertThat(codec.decode(codec.encode(new HashMap<>(Map.of(value, value))))).isEqualTo(Map.of(value, value));
        }
    }

    @Test
    void randomValuesComeBackAndRandomBytesNeverDoWorseThanARefusal() {
        final Random random = new Random(7);
        for (int round = 0; round < 20_000; round++) {
            final Object value = randomValue(random, 4);
            final byte[] bytes = codec.encode(value);
            final Object back = codec.decode(bytes);
            assertThat(back).isEqualTo(value);
            // Containers that refuse changes have come back as ordinary ones: from then on nothing changes any more.
            final byte[] again = codec.encode(back);
            assertThat(codec.encode(codec.decode(again))).isEqualTo(again);

            if (random.nextBoolean()) {
                bytes[random.nextInt(bytes.length)] = (byte) random.nextInt();
            } else {
                random.nextBytes(bytes);
                bytes[0] = 1;
            }
            readOrRefuse(bytes);
            readOrRefuse(Arrays.copyOf(bytes, random.nextInt(bytes.length + 1)));
        }
    }

    @Test
    void hostValuesCanHoldValuesAndAreDelimited() {
        final ForeignValues units =
                new ForeignValues() {
                    @Override
                    public boolean tryWrite(final Object value, final ValueWriter out) {
                        if (!(value instanceof TimeUnit)) {
                            return false;
                        }
                        final int begun = out.beginHost(40);
                        out.writeValue(((TimeUnit) value).name().repeat(50));
                        out.endHost(begun);
                        return true;
                    }

                    @Override
                    public Object read(final int tag, final ValueReader in) {
                        final String name = (String) in.readValue();
                        return TimeUnit.valueOf(name.substring(0, name.length() / 50));
                    }
                };
        final ValueCodec withUnits = new ValueCodec(units);
        final Object value = new ArrayList<>(List.of(TimeUnit.DAYS, 1, TimeUnit.SECONDS));
        final byte[] bytes = withUnits.encode(value);
        assertThat(withUnits.decode(bytes)).isEqualTo(value);
        // 1 version, list of 3; tag 40, 203 bytes: text of 200.
        assertThat(Arrays.copyOf(bytes, 9)).containsExactly(1, 11, 3, 40, (byte) 203, 1, 9, (byte) 200, 1);
        assertThatThrownBy(() -> codec.decode(bytes)).hasMessageContaining("host value with tag 40");
        assertThatThrownBy(() -> withUnits.encode(List.of(new Object()))).hasMessageStartingWith("[0]: java.lang.Object");
    }

    @Test
    void aWrittenValueIsCopiedIntoADirectBuffer() {
        final ValueWriter writer = new ValueWriter(ForeignValues.REFUSE);
        writer.writeValue(1L);
        final ByteBuffer target = ByteBuffer.allocateDirect(20);
        target.position(3);
        writer.copyTo(target);
        assertThat(target.position()).isEqualTo(12);
        assertThat(target.get(3)).isEqualTo(ValueTags.I64);
        assertThat(target.get(4)).isEqualTo((byte) 1);
        assertThatThrownBy(() -> writer.copyTo(target)).isInstanceOf(BufferOverflowException.class);
    }

    @Test
    void lengthsTakeTheFewestBytes() {
        for (final int length : new int[] {0, 1, 127, 128, 16383, 16384, 1 << 21, 1 << 28, Integer.MAX_VALUE}) {
            final ValueWriter writer = new ValueWriter(ForeignValues.REFUSE);
            writer.writeLength(length);
            assertThat(writer.size()).isEqualTo(ValueWriter.lengthBytes(length));
            final ValueReader reader = new ValueReader(ForeignValues.REFUSE);
            reader.reset(writer.buffer(), 0, writer.size());
            assertThat(reader.readLength()).isEqualTo(length);
            assertThat(reader.remaining()).isZero();
        }
    }

    private UnsupportedValueException refusal(final Object value) {
        try {
            codec.encode(value);
        } catch (final UnsupportedValueException e) {
            return e;
        }
        throw new AssertionError("not refused: " + value);
    }

    private void readOrRefuse(final byte[] bytes) {
        try {
            codec.encode(codec.decode(bytes));
        } catch (final MalformedValueException e) {
            assertThat(e.offset()).isBetween(0, bytes.length);
        }
    }

    private static Object randomValue(final Random random, final int depth) {
        switch (random.nextInt(depth == 0 ? 9 : 14)) {
            case 0:
                return null;
            case 1:
                return random.nextBoolean();
            case 2:
                return random.nextInt();
            case 3:
                return random.nextLong();
            case 4:
                return Double.longBitsToDouble(random.nextLong());
            case 5:
                return Integer.toString(random.nextInt(), 36);
            case 6:
                return (short) random.nextInt();
            case 7:
                return new BigDecimal(new BigInteger(random.nextInt(100), random), random.nextInt(9) - 4);
            case 8:
                return java.time.Instant.ofEpochSecond(random.nextInt(), random.nextInt(1_000_000_000));
            case 9:
            case 10:
                final List<Object> list = new ArrayList<>();
                for (int i = random.nextInt(5); i > 0; i--) {
                    list.add(randomValue(random, depth - 1));
                }
                return random.nextBoolean() ? list : Collections.unmodifiableList(list);
            case 11:
                final Set<Object> set = new LinkedHashSet<>();
                for (int i = random.nextInt(5); i > 0; i--) {
                    set.add(randomValue(random, depth - 1));
                }
                return set;
            default:
                final Map<Object, Object> map = random.nextBoolean() ? new HashMap<>() : new LinkedHashMap<>();
                final boolean text = random.nextInt(4) > 0;
                for (int i = random.nextInt(5); i > 0; i--) {
                    map.put(text ? "k" + i : randomValue(random, depth - 1), randomValue(random, depth - 1));
                }
                return map;
        }
    }
}
