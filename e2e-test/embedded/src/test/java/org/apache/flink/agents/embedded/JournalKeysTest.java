package org.apache.flink.agents.embedded;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import org.apache.flink.agents.api.AgentsExecutionEnvironment;
import org.apache.flink.api.common.eventtime.WatermarkStrategy;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.api.connector.source.util.ratelimit.RateLimiterStrategy;
import org.apache.flink.api.java.functions.KeySelector;
import org.apache.flink.api.java.tuple.Tuple2;
import org.apache.flink.api.java.tuple.Tuple3;
import org.apache.flink.connector.datagen.source.DataGeneratorSource;
import org.apache.flink.streaming.api.datastream.DataStream;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.types.Row;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.Timeout.ThreadMode;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Jobs with a journal whose keys are of every type that Flink takes: no two keys share records, also those that look alike. */
@Timeout(value = 120, threadMode = ThreadMode.SEPARATE_THREAD)
class JournalKeysTest {
    private static final int INPUTS_OF_A_KEY = 5;

    @TempDir Path directory;

    @BeforeEach
    void forget() {
        Bookkeeper.reset();
    }

    /** Different keys of one type. */
    static final class Kind {
        final String name;
        final TypeInformation<Object> type;
        final List<Object> keys;

        @SuppressWarnings("unchecked")
        Kind(final String name, final TypeInformation<?> type, final Object... keys) {
            this.name = name;
            this.type = (TypeInformation<Object>) type;
            this.keys = List.of(keys);
        }

        @Override
        public String toString() {
            return name;
        }
    }

    private static final List<Kind> KINDS =
            List.of(
                new Kind("text", Types.STRING, "", " ", "1", "/", "a/b", "a/", "a", "null", "a\u0000b", "a\u0000", "\u0000"),
                new Kind("text beyond ASCII", Types.STRING, "käse", "ka\u0308se", "鍵", "\uD83D\uDD11", "\uD83D", "\uFFFF"),
                new Kind("long text", Types.STRING, "x".repeat(100_000), "x".repeat(100_001), "x".repeat(99_999) + "y"),
                new Kind("int", Types.INT, 0, 1, -1, 256, Integer.MIN_VALUE, Integer.MAX_VALUE),
                new Kind("long", Types.LONG, 0L, 1L, -1L, 1L << 32, Long.MIN_VALUE, Long.MAX_VALUE),
                new Kind("short", Types.SHORT, (short) 1, (short) 256, Short.MIN_VALUE),
                new Kind("double", Types.DOUBLE, 0.0, -0.0, 1.0, Double.MIN_VALUE, Double.NaN, Double.NEGATIVE_INFINITY),
                new Kind("boolean", Types.BOOLEAN, true, false),
                new Kind("tuple", Types.TUPLE(Types.STRING, Types.STRING), Tuple2.of("a", "b"), Tuple2.of("ab", ""), Tuple2.of("", "ab"), Tuple2.of("b", "a")),
                new Kind(
                        "nested tuple",
                        Types.TUPLE(Types.INT, Types.LONG, Types.TUPLE(Types.STRING, Types.BOOLEAN)),
                        Tuple3.of(1, 1L, Tuple2.of("1", true)),
                        Tuple3.of(1, 1L, Tuple2.of("1", false)),
                        Tuple3.of(1, 2L, Tuple2.of("1", true))),
                new Kind("row", Types.ROW(Types.STRING, Types.INT), Row.of("a", 1), Row.of(null, 1), Row.of("", 1), Row.of("a", null)),
                new Kind(
                        "POJO",
                        TypeInformation.of(TypesTest.Person.class),
                        new TypesTest.Person("Ada", 36),
                        new TypesTest.Person("Ada", 37),
                        new TypesTest.Person("", 36)),
                new Kind(
                        "any object",
                        Types.GENERIC(Object.class),
                        1, 1L, "1", 1.0, 1.0f, (short) 1, (byte) 1, '1', true, "true", "1.0"));

    static List<Kind> kinds() {
        return KINDS;
    }

    /** Inputs name their key by its number. */
    private static final class Numbered implements KeySelector<String, Object> {
        private static final long serialVersionUID = 1L;
        private final int kind;

        Numbered(final Kind kind) {
            this.kind = KINDS.indexOf(kind);
        }

        @Override
        public Object getKey(final String input) {
            return KINDS.get(kind).keys.get(Integer.parseInt(TestAgents.keyOf(input)));
        }
    }

    private static String input(final long index, final int keys) {
        return index % keys + "/" + index;
    }

    @ParameterizedTest
    @MethodSource("kinds")
    void whatWasRecordedIsNotDoneAgainWhateverTheKeyIs(final Kind kind) throws Exception {
        final int keys = kind.keys.size();
        assertThat(new LinkedHashSet<>(kind.keys)).as("different keys").hasSize(keys);
        final int records = keys * INPUTS_OF_A_KEY;
        // At most a checkpoint at the start: nearly all inputs come again.
        final StreamExecutionEnvironment flink = Cluster.env(2, JournalJobsTest.config("hashmap", 3_600_000));
        final DataStream<String> inputs =
                flink.fromSource(
                                new DataGeneratorSource<>(index -> input(index, keys), records, RateLimiterStrategy.noOp(), Types.STRING),
                                WatermarkStrategy.noWatermarks(),
                                "records")
                        .setParallelism(1);
        final AgentsExecutionEnvironment agents = AgentsExecutionEnvironment.getExecutionEnvironment(flink);
        JournalJobsTest.store("sqlite", directory).forEach(agents.getConfig()::setStr);
        final DataStream<Object> outputs =
                agents.fromDataStream(Cluster.spread(inputs, TestAgents::keyOf).keyBy(new Numbered(kind), kind.type))
                        .apply(new Bookkeeper())
                        .toDataStream();
        Bookkeeper.STEPS_TO_FAILURE.set(records * Bookkeeper.CALLS);

        final List<String> expected = new ArrayList<>();
        for (int index = 0; index < records; index++) {
            expected.add(Bookkeeper.output(input(index, keys), index / keys + 1));
        }
        assertThat(Cluster.byKey(Cluster.run(outputs))).isEqualTo(Cluster.byKey(expected));
        assertThat(Bookkeeper.STEPS_TO_FAILURE.get()).as("it did fail").isLessThanOrEqualTo(0);
        assertThat(Bookkeeper.checkLedger()).as("calls made again").isLessThanOrEqualTo(keys * 3);
        assertThat(Bookkeeper.ledger()).hasSizeGreaterThanOrEqualTo(records * Bookkeeper.CALLS);
    }
}
