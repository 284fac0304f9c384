package org.apache.flink.agents.runtime.value;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.ByteArrayInputStream;
import java.math.BigDecimal;
import java.net.Socket;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.time.DayOfWeek;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Date;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.LinkedList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Random;
import java.util.TreeMap;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Supplier;
import org.apache.flink.agents.core.value.ForeignValues;
import org.apache.flink.agents.core.value.MalformedValueException;
import org.apache.flink.agents.core.value.UnsupportedValueException;
import org.apache.flink.agents.core.value.ValueReader;
import org.apache.flink.agents.core.value.ValueTags;
import org.apache.flink.agents.core.value.ValueWriter;
import org.apache.flink.api.common.ExecutionConfig;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.api.java.tuple.Tuple0;
import org.apache.flink.api.java.tuple.Tuple2;
import org.apache.flink.api.java.tuple.Tuple3;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.configuration.PipelineOptions;
import org.apache.flink.types.Row;
import org.apache.flink.types.RowKind;
import org.apache.flink.types.RowUtils;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class BlobCodecTest {

    private final BlobCodec codec = codec(new ExecutionConfig(), ForeignValues.REFUSE, false);

    @Test
    void plainValuesNeedNoTableAndAreReadableByTheCore() {
        final Map<String, Object> value = new HashMap<>(Map.of("a", List.of(1L, "x")));
        final byte[] bytes = codec.encodeOne(value);
        assertThat(bytes[0]).isEqualTo(ValueTags.FORMAT_VERSION);
        assertThat(codec.decodeOne(bytes)).isEqualTo(value).isInstanceOf(HashMap.class);
        assertThat(codec.decodeOne(codec.encodeOne(null))).isNull();
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void valuesOfEveryKindComeBackWithTheirTypes(final boolean verify) {
        final BlobCodec writer = codec(new ExecutionConfig(), ForeignValues.REFUSE, verify);
        final Order order = new Order("o-1", 3, new BigDecimal("9.90"), Instant.ofEpochSecond(5), State.OPEN);
        order.tags.add("new");
        order.next = new Order("o-2", 4, null, null, State.CLOSED);
        final TreeMap<String, Integer> sorted = new TreeMap<>(Map.of("b", 2, "a", 1));
        final Object[] values = {
            order,
            State.CLOSED,
            DayOfWeek.FRIDAY,
            sorted,
            new LinkedList<>(List.of(1, 2)),
            new Date(5),
            java.sql.Timestamp.valueOf("2024-02-29 01:02:03.000000004"),
            null,
            7L,
            new ArrayList<>(List.of(order, new HashMap<>(Map.of("state", State.OPEN)))),
            new Generic<>("g"),
            new StringBuilder("kryo"),
            "beyond the count",
        };
        final int count = values.length - 1;
        // Another codec, as after a restart.
        final Object[] back = codec.decodeValues(writer.encodeValues(values, count));
        assertThat(back).hasSize(count);
        for (int i = 0; i < count; i++) {
            if (values[i] instanceof StringBuilder) {
                assertThat(back[i]).isInstanceOf(StringBuilder.class).hasToString("kryo");
            } else {
                assertThat(back[i]).isEqualTo(values[i]);
            }
            if (values[i] != null) {
                assertThat(back[i]).hasSameClassAs(values[i]);
            }
            final Object alone = codec.decodeOne(writer.encodeOne(values[i]));
            assertThat(alone == null ? null : alone.getClass()).isEqualTo(back[i] == null ? null : back[i].getClass());
        }
        assertThat(((Order) back[0]).next.price).isNull();
    }

    @Test
    void anEnumConstantWithABodyComesBackAsItself() {
        assertThat(State.PAUSED.getClass()).isNotEqualTo(State.class);
        assertThat(codec.decodeOne(codec.encodeOne(State.PAUSED))).isSameAs(State.PAUSED);
        assertThat(codec.decodeOne(codec.encodeOne(new TreeMap<>(Map.of("s", State.PAUSED)))))
                .isEqualTo(Map.of("s", State.PAUSED));
    }

    @Test
    void rowsKeepKindPositionsNamesAndFieldsOfAnyType() {
        final Row positions = Row.ofKind(RowKind.DELETE, 1, null, "x", State.OPEN);
        final Row names = Row.withNames(RowKind.UPDATE_AFTER);
        names.setField("b", 1L);
        names.setField("a", new Order("o", 1, null, null, null));
        names.setField("none", null);
        final LinkedHashMap<String, Integer> index = new LinkedHashMap<>();
        index.put("id", 0);
        index.put("nested", 1);
        final Row both = RowUtils.createRowWithNamedPositions(RowKind.INSERT, new Object[] {1, positions}, index);
        for (final Row row : List.of(positions, names, both, new Row(0), Row.withNames())) {
            final Row back = (Row) codec.decodeOne(codec.encodeOne(row));
            assertThat(back).isEqualTo(row);
            assertThat(back.getKind()).isEqualTo(row.getKind());
            assertThat(back.getFieldNames(true)).isEqualTo(row.getFieldNames(true));
            assertThat(back.getFieldNames(false)).isEqualTo(row.getFieldNames(false));
        }
        final Row back = (Row) codec.decodeOne(codec.encodeOne(both));
        assertThat(back.getField("id")).isEqualTo(1);
        assertThat(back.getField(0)).isEqualTo(1);
        assertThatThrownBy(() -> codec.encodeOne(new ArrayList<>(List.of(Row.of(1, Row.of(new Thread()))))))
                .hasMessageStartingWith("[0][1][0]: java.lang.Thread cannot be stored");
    }

    @Test
    void tuplesKeepFieldsOfAnyType() {
        final Tuple3<String, Object, Object> tuple = Tuple3.of("a", null, Tuple2.of(State.OPEN, List.of(1)));
        assertThat(codec.decodeOne(codec.encodeOne(tuple))).isEqualTo(tuple);
        assertThat(codec.decodeOne(codec.encodeOne(Tuple0.INSTANCE))).isEqualTo(Tuple0.INSTANCE);
        assertThatThrownBy(() -> codec.encodeOne(Tuple2.of(1, new Thread()))).hasMessageStartingWith("f1: java.lang.Thread");
    }

    @Test
    void whatBelongsToTheProcessIsRefusedByItsClassWithItsPath() throws Exception {
        try (Socket socket = new Socket()) {
            final Runnable lambda = () -> assertThat(socket).isNotNull();
            for (final Object live :
                    List.of(
                            new Thread(),
                            socket,
                            new ByteArrayInputStream(new byte[0]),
                            new CompletableFuture<>(),
                            new ReentrantLock(),
                            List.of(1).iterator(),
                            List.of(1).stream(),
                            new Object(),
                            getClass().getClassLoader(),
                            lambda)) {
                final Map<String, Object> value = Map.of("order", Map.of("items", List.of(1, live)));
                assertThatThrownBy(() -> codec.encodeOne(value))
                        .isInstanceOf(UnsupportedValueException.class)
                        .hasMessageStartingWith("order.items[1]: " + live.getClass().getName() + " cannot be stored: ");
            }
            assertThatThrownBy(() -> codec.encodeValues(new Object[] {1, Map.of("job", lambda)}, 2))
                    .hasMessageStartingWith("values[1].job: ")
                    .hasMessageContaining("lambda");
        }
    }

    @Test
    void valuesAreAppendedOneBehindTheOtherAndARefusedOneLeavesNothing() {
        final BlobCodec verifying = codec(new ExecutionConfig(), ForeignValues.REFUSE, true);
        final ValueWriter target = new ValueWriter(ForeignValues.REFUSE);
        target.writeInt(0);
        final Order order = new Order("o-1", 3, null, Instant.ofEpochSecond(5), State.OPEN);
        verifying.appendOne(order, target);
        target.setInt(0, target.size() - Integer.BYTES);
        final int first = target.size();
        verifying.appendOne("plain", target);
        final int second = target.size();
        for (final Object refused : List.of(new Thread(), List.of(new Forgetful(5)), new Forgetful(6))) {
            assertThatThrownBy(() -> verifying.appendOne(refused, target)).isInstanceOf(UnsupportedValueException.class);
            assertThat(target.size()).isEqualTo(second);
        }
        final byte[] bytes = target.toByteArray();
        assertThat(ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).getInt()).isEqualTo(first - Integer.BYTES);
        assertThat(codec.decodeOne(Arrays.copyOfRange(bytes, Integer.BYTES, first))).isEqualTo(order);
        assertThat(codec.decodeOne(Arrays.copyOfRange(bytes, first, second))).isEqualTo("plain");
        assertThatThrownBy(() -> target.setInt(second - 3, 1)).isInstanceOf(IndexOutOfBoundsException.class);
        assertThatThrownBy(() -> target.setInt(-1, 1)).isInstanceOf(IndexOutOfBoundsException.class);
    }

    @Test
    void whatKryoWritesButCannotReadIsRefusedWhenItIsWritten() {
        final Holder holder = new Holder(() -> "x");
        assertThatThrownBy(() -> codec.encodeOne(Map.of("holder", holder)))
                .isInstanceOf(UnsupportedValueException.class)
                .hasMessageStartingWith("holder: " + Holder.class.getName() + " cannot be stored: Flink's KryoSerializer")
                .hasMessageContaining("(in supplier (" + Holder.class.getName() + "))");
        assertThatThrownBy(() -> codec.encodeOne(new Forgetful(5)))
                .isInstanceOf(UnsupportedValueException.class)
                .hasMessageContaining("another value (by equals())");
    }

    @Test
    void verifyModeComparesEveryValueNotTheFirstOnly() {
        final Object good = new Forgetful(0);
        final Object[] bad = {1, new ArrayList<>(List.of(new Forgetful(1)))};
        codec.encodeOne(good);
        codec.encodeValues(bad, 2);
        final BlobCodec verifying = codec(new ExecutionConfig(), ForeignValues.REFUSE, true);
        verifying.encodeOne(good);
        assertThatThrownBy(() -> verifying.encodeValues(bad, 2))
                .isInstanceOf(UnsupportedValueException.class)
                .hasMessageStartingWith("values[1]: java.util.ArrayList cannot be stored: it comes back with another value")
                .hasMessageContaining("values.verify");
        final Object[] identity = {new NoEquals(), new ArrayList<>(List.of(new NoEquals()))};
        assertThat(verifying.decodeValues(verifying.encodeValues(identity, 2))).hasSize(2);
    }

    @Test
    void anObjectGraphTooDeepForItsSerializerIsARefusalNotAStackOverflow() {
        final Order first = new Order("a", 1, null, null, null);
        for (Order order = first; order.amount < 200_000; order = order.next) {
            order.next = new Order("b", order.amount + 1, null, null, null);
        }
        assertThatThrownBy(() -> codec.encodeOne(Map.of("order", first)))
                .isInstanceOf(UnsupportedValueException.class)
                .hasMessageStartingWith("order: " + Order.class.getName() + " cannot be stored")
                .hasMessageContaining("StackOverflow");
        // The half value that was written before the failure is not in the next one.
        first.next.next = null;
        assertThat(codec.decodeOne(codec.encodeOne(first))).isEqualTo(first);
    }

    @Test
    void aGraphThatRefersToItselfInsideKryoComesBack() {
        final Order first = new Order("a", 1, null, null, null);
        first.next = new Order("b", 2, null, null, null);
        first.next.next = first.next;
        final Order back = (Order) codec.decodeOne(codec.encodeOne(first));
        assertThat(back.next.next).isSameAs(back.next);
        assertThat(back.next.amount).isEqualTo(2);
    }

    @Test
    void genericTypesThatTheJobForbidsAreRefusedWithItsReason() {
        final Configuration configuration = new Configuration();
        configuration.set(PipelineOptions.GENERIC_TYPES, false);
        final BlobCodec strict = codec(new ExecutionConfig(configuration), ForeignValues.REFUSE, false);
        assertThat(strict.decodeOne(strict.encodeOne(State.OPEN))).isEqualTo(State.OPEN);
        assertThatThrownBy(() -> strict.encodeOne(new StringBuilder()))
                .isInstanceOf(UnsupportedValueException.class)
                .hasMessageContaining("java.lang.StringBuilder cannot be stored: no Flink serializer")
                .hasMessageContaining("Generic types have been disabled");
    }

    @Test
    void aKnownTypeIsWrittenByItsDeclaredSerializer() {
        final ExecutionConfig config = new ExecutionConfig();
        final KnownType known = KnownType.of(Types.MAP(Types.STRING, Types.INT), config);
        final BlobCodec declared =
                new BlobCodec(config, getClass().getClassLoader(), List.of(known), ForeignValues.REFUSE, false);
        final BlobCodec plain = codec(config, ForeignValues.REFUSE, false);
        // Flink's MapSerializer makes a HashMap of any map, which is not what was stored.
        assertThatThrownBy(() -> declared.encodeOne(new TreeMap<>(Map.of("a", 1))))
                .hasMessageContaining("MapSerializer brings it back as java.util.HashMap");
        assertThat(plain.decodeOne(plain.encodeOne(new TreeMap<>(Map.of("a", 1))))).isInstanceOf(TreeMap.class);

        final KnownType pojo =
                new KnownType(Order.class, Types.GENERIC(Order.class).createSerializer(config.getSerializerConfig()));
        final BlobCodec kryo =
                new BlobCodec(config, getClass().getClassLoader(), List.of(pojo), ForeignValues.REFUSE, false);
        final Order order = new Order("o", 1, null, null, State.OPEN);
        final byte[] bytes = kryo.encodeOne(order);
        assertThat(kryo.decodeOne(bytes)).isEqualTo(order);
        // Read by a job that does not declare it: the stored snapshot brings its own serializer.
        assertThat(plain.decodeOne(bytes)).isEqualTo(order);
    }

    @Test
    void hooksAreAskedFirstAndTheirValuesMayHoldValues() {
        final ForeignValues events =
                new ForeignValues() {
                    @Override
                    public boolean tryWrite(final Object value, final ValueWriter out) {
                        if (!(value instanceof Holder)) {
                            return false;
                        }
                        final int begun = out.beginHost(ValueTags.EVENT);
                        out.writeValue(State.OPEN);
                        out.endHost(begun);
                        return true;
                    }

                    @Override
                    public Object read(final int tag, final ValueReader in) {
                        assertThat(tag).isEqualTo(ValueTags.EVENT);
                        return "event " + in.readValue();
                    }
                };
        final BlobCodec hooked = codec(new ExecutionConfig(), events, false);
        final byte[] bytes = hooked.encodeOne(new ArrayList<>(List.of(new Holder(null), State.CLOSED)));
        assertThat(hooked.decodeOne(bytes)).isEqualTo(List.of("event OPEN", State.CLOSED));
        assertThatThrownBy(() -> codec.decodeOne(bytes)).hasMessageContaining("host value with tag 35");
    }

    @Test
    void aDamagedOrForeignBlobIsRefused() {
        final Object[] values = {1, "text", Map.of("a", List.of(1.5, true)), Row.of(1, "x")};
        final byte[] blob = codec.encodeValues(values, values.length);
        assertThat(codec.decodeValues(blob)).isEqualTo(values);
        for (int length = 0; length < blob.length; length++) {
            final byte[] cut = Arrays.copyOf(blob, length);
            assertThatThrownBy(() -> codec.decodeValues(cut)).isInstanceOf(MalformedValueException.class);
        }
        final Random random = new Random(3);
        for (int i = 0; i < 20_000; i++) {
            final byte[] damaged = blob.clone();
            damaged[random.nextInt(damaged.length)] = (byte) random.nextInt();
            try {
                codec.decodeValues(damaged);
            } catch (final MalformedValueException expected) {
                assertThat(expected).hasMessageContaining("Stored value is malformed at byte");
            }
        }
        final byte[] foreign = codec.encodeValues(new Object[] {State.OPEN, new Order("o", 1, null, null, null)}, 2);
        for (int length = 0; length < foreign.length; length++) {
            final byte[] cut = Arrays.copyOf(foreign, length);
            assertThatThrownBy(() -> codec.decodeValues(cut)).isInstanceOf(MalformedValueException.class);
        }
        blob[1] = 9;
        assertThatThrownBy(() -> codec.decodeValues(blob))
                .hasMessageContaining("format version 9, this build reads version 1");
        assertThatThrownBy(() -> codec.decodeValues(new byte[] {1, 0})).hasMessageContaining("not a blob");
    }

    static BlobCodec codec(final ExecutionConfig config, final ForeignValues hooks, final boolean verify) {
        return new BlobCodec(config, BlobCodecTest.class.getClassLoader(), List.of(), hooks, verify);
    }

    /** An enum with a constant that has a class of its own. */
    public enum State {
        OPEN,
        CLOSED,
        PAUSED {
            @Override
            boolean resumable() {
                return true;
            }
        };

        boolean resumable() {
            return false;
        }
    }

    /** A POJO by Flink's rules. */
    public static class Order {
        public String id;
        public int amount;
        public BigDecimal price;
        public Instant at;
        public State state;
        public ArrayList<String> tags = new ArrayList<>();
        public Order next;

        public Order() {}

        Order(final String id, final int amount, final BigDecimal price, final Instant at, final State state) {
            this.id = id;
            this.amount = amount;
            this.price = price;
            this.at = at;
            this.state = state;
        }

        @Override
        public boolean equals(final Object other) {
            return other instanceof Order
                    && id.equals(((Order) other).id)
                    && amount == ((Order) other).amount
                    && Objects.equals(price, ((Order) other).price)
                    && Objects.equals(at, ((Order) other).at)
                    && state == ((Order) other).state
                    && tags.equals(((Order) other).tags)
                    && Objects.equals(next, ((Order) other).next);
        }

        @Override
        public int hashCode() {
            return id.hashCode();
        }
    }

    /** Has a type parameter: Flink knows no POJO serializer for the class alone. */
    public static class Generic<T> {
        public T content;

        public Generic() {}

        Generic(final T content) {
            this.content = content;
        }

        @Override
        public boolean equals(final Object other) {
            return other instanceof Generic && content.equals(((Generic<?>) other).content);
        }

        @Override
        public int hashCode() {
            return content.hashCode();
        }
    }

    /** Kryo writes the lambda inside without complaint. */
    static final class Holder {
        final Supplier<String> supplier;

        Holder(final Supplier<String> supplier) {
            this.supplier = supplier;
        }
    }

    /** Loses what its equals() depends on. */
    public static class Forgetful {
        public transient int kept;
        public int stored = 1;

        public Forgetful() {}

        Forgetful(final int kept) {
            this.kept = kept;
        }

        @Override
        public boolean equals(final Object other) {
            return other instanceof Forgetful && kept == ((Forgetful) other).kept;
        }

        @Override
        public int hashCode() {
            return kept;
        }
    }

    /** Is equal to itself only. */
    public static class NoEquals {
        public int number = 4;
    }
}
