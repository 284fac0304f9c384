package org.apache.flink.agents.embedded;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.UUID;
import org.apache.avro.Schema;
import org.apache.avro.generic.GenericData;
import org.apache.avro.generic.GenericRecord;
import org.apache.flink.agents.api.AgentsExecutionEnvironment;
import org.apache.flink.agents.api.Event;
import org.apache.flink.agents.api.EventType;
import org.apache.flink.agents.api.InputEvent;
import org.apache.flink.agents.api.OutputEvent;
import org.apache.flink.agents.api.agents.Agent;
import org.apache.flink.agents.api.annotation.Action;
import org.apache.flink.agents.api.context.RunnerContext;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.api.java.typeutils.GenericTypeInfo;
import org.apache.flink.api.java.typeutils.PojoTypeInfo;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.configuration.PipelineOptions;
import org.apache.flink.formats.avro.typeutils.GenericRecordAvroTypeInfo;
import org.apache.flink.runtime.checkpoint.OperatorSubtaskState;
import org.apache.flink.streaming.api.datastream.DataStream;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.types.Row;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Records and keys of every kind of type: as input, as key, stored with an unfinished run, with and without object reuse. */
class TypesTest {
    private static final Schema SCHEMA =
            new Schema.Parser()
                    .parse("{\"type\":\"record\",\"name\":\"User\",\"fields\":[{\"name\":\"name\",\"type\":\"string\"},"
                            + "{\"name\":\"age\",\"type\":\"int\"}]}");

    /** What Flink calls a POJO. */
    public static final class Person {
        public String name;
        public int age;
        public List<String> tags = new ArrayList<>();

        public Person() {}

        Person(final String name, final int age) {
            this.name = name;
            this.age = age;
            tags.add("tag of " + name);
        }

        @Override
        public boolean equals(final Object other) {
            return other instanceof Person
                    && name.equals(((Person) other).name)
                    && age == ((Person) other).age
                    && tags.equals(((Person) other).tags);
        }

        @Override
        public int hashCode() {
            return Objects.hash(name, age);
        }

        @Override
        public String toString() {
            return name + age + tags;
        }
    }

    /** What Flink leaves to Kryo. */
    public static final class Opaque {
        private final UUID id;

        // For Kryo.
        Opaque() {
            this(null);
        }

        Opaque(final UUID id) {
            this.id = id;
        }

        @Override
        public boolean equals(final Object other) {
            return other instanceof Opaque && id.equals(((Opaque) other).id);
        }

        @Override
        public int hashCode() {
            return id.hashCode();
        }

        @Override
        public String toString() {
            return id.toString();
        }
    }

    /** A type with two values of it. */
    static final class Kind {
        final String name;
        final TypeInformation<Object> type;
        final Object first;
        final Object second;

        @SuppressWarnings("unchecked")
        Kind(final String name, final TypeInformation<?> type, final Object first, final Object second) {
            this.name = name;
            this.type = (TypeInformation<Object>) type;
            this.first = first;
            this.second = second;
        }

        @Override
        public String toString() {
            return name;
        }
    }

    private static GenericRecord user(final String name, final int age) {
        final GenericRecord record = new GenericData.Record(SCHEMA);
        record.put("name", new org.apache.avro.util.Utf8(name));
        record.put("age", age);
        return record;
    }

    static List<Kind> kinds() {
        return List.of(
                new Kind("long", Types.LONG, 1L, -1L),
                new Kind("int", Types.INT, 1, Integer.MIN_VALUE),
                new Kind("text", Types.STRING, "", "zwei"),
                new Kind("boolean", Types.BOOLEAN, true, false),
                new Kind("double", Types.DOUBLE, 0.5, Double.NaN),
                new Kind("pojo", TypeInformation.of(Person.class), new Person("Ada", 36), new Person("Grace", 85)),
                new Kind("row", Types.ROW(Types.STRING, Types.INT), Row.of("a", 1), Row.of(null, 2)),
                new Kind(
                        "named row",
                        Types.ROW_NAMED(new String[] {"n", "v"}, Types.STRING, Types.LIST(Types.INT)),
                        Row.of("a", new ArrayList<>(List.of(1, 2))),
                        Row.of("b", new ArrayList<>())),
                new Kind("tuple", Types.TUPLE(Types.STRING, Types.LONG),
                        org.apache.flink.api.java.tuple.Tuple2.of("a", 1L), org.apache.flink.api.java.tuple.Tuple2.of("b", 2L)),
                new Kind("generic", TypeInformation.of(Opaque.class), new Opaque(new UUID(1, 2)), new Opaque(new UUID(3, 4))),
                new Kind("avro", new GenericRecordAvroTypeInfo(SCHEMA), user("Ada", 36), user("Grace", 85)));
    }

    @Test
    void theTypesAreOfTheKindsTheyStandFor() {
        assertThat(TypeInformation.of(Person.class)).isInstanceOf(PojoTypeInfo.class);
        assertThat(TypeInformation.of(Opaque.class)).isInstanceOf(GenericTypeInfo.class);
    }

    /** Hands its input through a run that is longer than a mail, by event, by sensory and by short-term memory. */
    public static final class Carrier extends Agent {
        @Action(EventType.InputEvent)
        public static void begin(final Event event, final RunnerContext context) throws Exception {
            final Object input = InputEvent.fromEvent(event).getInput();
            context.getSensoryMemory().set("kept", input);
            context.getShortTermMemory().set("last", input);
            context.sendEvent(new Event("carry", Map.of("load", input, "left", 2 * Harness.SLICE)));
        }

        @Action("carry")
        public static void carry(final Event event, final RunnerContext context) throws Exception {
            final int left = (Integer) event.getAttr("left");
            final Object load = event.getAttr("load");
            if (left > 0) {
                context.sendEvent(new Event("carry", Map.of("load", load, "left", left - 1)));
                return;
            }
            final Object kept = context.getSensoryMemory().get("kept").getValue();
            final Object last = context.getShortTermMemory().get("last").getValue();
            context.sendEvent(new OutputEvent(load.equals(kept) && load.equals(last) ? describe(load) : "not the same"));
        }
    }

    /** Outputs travel by Kryo, which cannot take every one of these types: their texts do. */
    public static final class Describing extends Agent {
        @Action(EventType.InputEvent)
        public static void describe(final Event event, final RunnerContext context) {
            context.sendEvent(new OutputEvent(TypesTest.describe(InputEvent.fromEvent(event).getInput())));
        }
    }

    private static String describe(final Object value) {
        return value.getClass().getName() + " " + value;
    }

    private static Harness.Job<Object, Object> carrier(final Kind kind, final boolean reuse) {
        return new Harness.Job<Object, Object>(new Carrier(), value -> value, kind.type, kind.type, Map.of()).with(flink -> {
            if (reuse) {
                flink.getExecutionConfig().enableObjectReuse();
            }
        });
    }

    @ParameterizedTest
    @MethodSource("kinds")
    void valuesComeBackWithTheirTypeFromUnfinishedRunsAndMemory(final Kind kind) throws Exception {
        for (final boolean reuse : new boolean[] {false, true}) {
            final OperatorSubtaskState state;
            try (Harness<Object, Object> flink = carrier(kind, reuse).open()) {
                flink.in(kind.first);
                flink.in(kind.second);
                flink.in(kind.first);
                state = flink.snapshot(1);
                assertThat(flink.storedInFlight()).isEqualTo(2);
            }
            try (Harness<Object, Object> flink = carrier(kind, reuse).restore(state)) {
                flink.mails();
                assertThat(flink.out())
                        .containsExactlyInAnyOrder(
                                describe(kind.first), describe(kind.second), describe(kind.first));
            }
        }
    }

    @Test
    void withObjectReuseARecordMayChangeAfterTheCall() throws Exception {
        final Kind kind = new Kind("pojo", TypeInformation.of(Person.class), null, null);
        final Person reused = new Person("Ada", 36);
        try (Harness<Object, Object> flink = carrier(kind, true).open()) {
            flink.in(reused);
            reused.name = "Grace";
            reused.age = 85;
            flink.in(reused);
            reused.name = "nobody";
            flink.mails();
            final Person ada = new Person("Ada", 36);
            final Person grace = new Person("Ada", 36);
            grace.name = "Grace";
            grace.age = 85;
            assertThat(flink.out()).containsExactlyInAnyOrder(describe(ada), describe(grace));
        }
    }

    @ParameterizedTest
    @MethodSource("kinds")
    void aJobTakesRecordsAndKeysOfTheType(final Kind kind) throws Exception {
        final Configuration config = new Configuration();
        config.set(PipelineOptions.OBJECT_REUSE, kind.name.length() % 2 == 0);
        final StreamExecutionEnvironment flink = Cluster.env(2, config);
        final DataStream<Object> records = flink.fromData(List.of(kind.first, kind.second, kind.first), kind.type);
        final DataStream<Object> outputs =
                AgentsExecutionEnvironment.getExecutionEnvironment(flink)
                        .fromDataStream(records.keyBy(value -> value, kind.type))
                        .apply(new Describing())
                        .toDataStream();
        assertThat(Cluster.run(outputs))
                .containsExactlyInAnyOrder(describe(kind.first), describe(kind.second), describe(kind.first));
    }

    /** Sends the fields of an Avro record. */
    public static final class Fields extends Agent {
        @Action(EventType.InputEvent)
        public static void send(final Event event, final RunnerContext context) {
            final GenericRecord user = (GenericRecord) InputEvent.fromEvent(event).getInput();
            context.sendEvent(new OutputEvent(Map.of("name", user.get("name").toString(), "age", user.get("age"))));
        }
    }

    /** As docs/migrating.md says: records of Avro are made behind the agent. */
    @Test
    void avroRecordsAreNoOutputsButAreMadeOfThem() throws Exception {
        final GenericRecord user = user("Ada", 36);
        final StreamExecutionEnvironment flink = Cluster.env();
        final DataStream<GenericRecord> records = flink.fromData(List.of(user), new GenericRecordAvroTypeInfo(SCHEMA));
        final AgentsExecutionEnvironment agents = AgentsExecutionEnvironment.getExecutionEnvironment(flink);
        final DataStream<GenericRecord> outputs =
                agents.fromDataStream(records, record -> record.get("name").toString())
                        .apply(new Fields())
                        .toDataStream()
                        .map(output -> user((String) ((Map<?, ?>) output).get("name"), (Integer) ((Map<?, ?>) output).get("age")))
                        .returns(new GenericRecordAvroTypeInfo(SCHEMA));
        assertThat(Cluster.run(outputs)).containsExactly(user);
        final DataStream<Object> direct =
                agents.fromDataStream(records, record -> record.get("name").toString())
                        .apply(new TestAgents.Echo())
                        .toDataStream();
        assertThatThrownBy(() -> Cluster.runToFailure(direct)).hasStackTraceContaining("Kryo");
        final DataStream<GenericRecord> mapped =
                agents.fromDataStream(records, record -> record.get("name").toString())
                        .apply(new TestAgents.Echo())
                        .toDataStream()
                        .map(output -> (GenericRecord) output)
                        .returns(new GenericRecordAvroTypeInfo(SCHEMA));
        assertThatThrownBy(() -> Cluster.runToFailure(mapped)).hasStackTraceContaining("Kryo");
    }
}
