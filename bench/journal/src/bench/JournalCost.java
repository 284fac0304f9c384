package bench;

import java.nio.file.Path;
import java.util.Arrays;
import java.util.Locale;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.Collectors;
import org.apache.flink.agents.api.AgentsExecutionEnvironment;
import org.apache.flink.agents.api.Event;
import org.apache.flink.agents.api.InputEvent;
import org.apache.flink.agents.api.OutputEvent;
import org.apache.flink.agents.api.agents.Agent;
import org.apache.flink.agents.api.annotation.Action;
import org.apache.flink.agents.api.context.DurableCallable;
import org.apache.flink.agents.api.context.RunnerContext;
import org.apache.flink.api.common.functions.MapFunction;
import org.apache.flink.runtime.checkpoint.AbstractCheckpointStats;
import org.apache.flink.runtime.checkpoint.TaskStateStats;
import org.apache.flink.streaming.api.functions.sink.v2.DiscardingSink;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/**
 * What the journal in a topic costs, in a job of one subtask on an embedded cluster. The first argument is the broker's address.
 *
 * <pre>
 * JournalCost ADDRESS speed       1,000 keys: two actions of one durable call each, and one action of two
 * JournalCost ADDRESS single      a single key, one run after another: how long a run of 0 to 3 durable calls takes
 * JournalCost ADDRESS bytes       runs of 1 to 64 durable calls: records and bytes in the topic
 * JournalCost ADDRESS checkpoint  1,000 keys at work: how long checkpoints hold the subtask up
 * JournalCost ADDRESS restart     a failure with 50,000 records in the topic: how long until the first output after it
 * </pre>
 */
public final class JournalCost {
    private static final AtomicLong DONE = new AtomicLong();
    private static final AtomicLong FAILED_AT = new AtomicLong();
    private static final AtomicLong FIRST_AFTER = new AtomicLong();
    private static volatile int calls = 1;
    private static volatile long failAt = Long.MAX_VALUE;
    private static volatile boolean oneByOne;
    private static volatile long[] latencies = new long[0];
    private static volatile long begun;
    /** Of librdkafka, given as further arguments of the form name=value. */
    private static final Map<String, String> PROPERTIES = new HashMap<>();
    private static String address;

    private JournalCost() {}

    /** Takes no time, and answers with a hundred characters. */
    private static final class Ask implements DurableCallable<String> {
        private static final String ANSWER = "x".repeat(100);
        private final int number;

        Ask(final int number) {
            this.number = number;
        }

        @Override
        public String getId() {
            return "ask" + number;
        }

        @Override
        public Class<String> getResultClass() {
            return String.class;
        }

        @Override
        public String call() {
            return ANSWER;
        }
    }

    /** As many calls as {@link #calls} says, one after another. */
    public static final class OneAction extends Agent {
        @Action(InputEvent.EVENT_TYPE)
        public static void go(final Event event, final RunnerContext context) throws Exception {
            for (int i = 0; i < calls; i++) {
                context.durableExecute(new Ask(i));
            }
            context.sendEvent(new OutputEvent(1L));
        }
    }

    /** Two actions, one call each. */
    public static final class TwoActions extends Agent {
        @Action(InputEvent.EVENT_TYPE)
        public static void first(final Event event, final RunnerContext context) throws Exception {
            context.sendEvent(new Event("next", Map.of("answer", context.durableExecute(new Ask(0)))));
        }

        @Action("next")
        public static void second(final Event event, final RunnerContext context) throws Exception {
            context.durableExecute(new Ask(1));
            context.sendEvent(new OutputEvent(1L));
        }
    }

    /** Fails once where it is told to, when everything before that is done; lets records through one by one if told to. */
    private static final class Gate implements MapFunction<Long, Long> {
        private static final long serialVersionUID = 1L;

        @Override
        public Long map(final Long number) {
            if (number == failAt && FAILED_AT.get() == 0) {
                while (DONE.get() < number) {
                    Thread.onSpinWait();
                }
                FAILED_AT.set(System.nanoTime());
                throw new IllegalStateException("The failure that is measured");
            }
            if (oneByOne) {
                while (DONE.get() < number) {
                    Thread.onSpinWait();
                }
                begun = System.nanoTime();
            }
            return number;
        }
    }

    private static final class Count implements MapFunction<Object, Long> {
        private static final long serialVersionUID = 1L;

        @Override
        public Long map(final Object value) {
            final long now = System.nanoTime();
            if (FAILED_AT.get() != 0) {
                FIRST_AFTER.compareAndSet(0, now);
            }
            final long number = DONE.get();
            if (oneByOne && number < latencies.length) {
                latencies[(int) number] = now - begun;
            }
            DONE.set(number + 1);
            return number;
        }
    }

    private static final class Job extends EmbeddedJob {
        private final String topic = "journal-cost-" + System.nanoTime();

        Job(final Agent agent, final long records, final long keys, final boolean store) throws Exception {
            super(Map.of(
                    "execution.checkpointing.dir", Path.of(System.getProperty("java.io.tmpdir"), "checkpoints").toUri().toString(),
                    "restart-strategy.type", "fixed-delay",
                    "restart-strategy.fixed-delay.attempts", "1",
                    "restart-strategy.fixed-delay.delay", "0 s"));
            DONE.set(0);
            if (oneByOne) {
                env.setBufferTimeout(0);
            }
            final AgentsExecutionEnvironment agents = AgentsExecutionEnvironment.getExecutionEnvironment(env);
            agents.getConfig().setStr("event-log.level", "OFF");
            if (store) {
                agents.getConfig().setStr("actionStateStoreBackend", "kafka");
                agents.getConfig().setStr("kafkaBootstrapServers", address);
                agents.getConfig().setStr("kafkaActionStateTopic", topic);
                PROPERTIES.forEach((name, value) -> agents.getConfig().setStr("kafka.properties." + name, value));
            }
            final var numbers = env.fromSequence(0, records - 1).map(new Gate()).returns(Long.class);
            agents.fromDataStream(numbers, new Key(keys)).apply(agent).toDataStream().map(new Count()).returns(Long.class).sinkTo(new DiscardingSink<>());
            submit();
        }

        AbstractCheckpointStats lastCheckpoint() throws Exception {
            return cluster.getExecutionGraph(id).get().getCheckpointStatsSnapshot().getHistory().getLatestCompletedCheckpoint();
        }

        /** Records and bytes in the topic. */
        long[] size() throws Exception {
            try (Admin admin = Admin.create(Map.of("bootstrap.servers", address))) {
                final var partitions = admin.describeTopics(List.of(topic)).allTopicNames().get().get(topic).partitions();
                final var ends = admin.listOffsets(partitions.stream()
                        .collect(Collectors.toMap(one -> new TopicPartition(topic, one.partition()), one -> OffsetSpec.latest())));
                long records = 0;
                for (final var end : ends.all().get().values()) {
                    records += end.offset();
                }
                final int broker = partitions.get(0).leader().id();
                long bytes = 0;
                for (final var directory : admin.describeLogDirs(List.of(broker)).allDescriptions().get().get(broker).values()) {
                    for (final var replica : directory.replicaInfos().entrySet()) {
                        bytes += replica.getKey().topic().equals(topic) ? replica.getValue().size() : 0;
                    }
                }
                return new long[] {records, bytes};
            }
        }

        void finished() throws Exception {
            cluster.requestJobResult(id).get(600, TimeUnit.SECONDS).toJobExecutionResult(JournalCost.class.getClassLoader());
        }
    }

    private static void print(final String format, final Object... values) {
        System.out.println("JOURNAL jdk=" + Runtime.version().feature() + ' ' + String.format(Locale.ROOT, format, values));
    }

    private static void speed() throws Exception {
        calls = 2;
        for (int round = 0; round < 6; round++) {
            final boolean two = round % 2 == 0;
            try (Job job = new Job(two ? new TwoActions() : new OneAction(), Long.MAX_VALUE / 2, 1000, true)) {
                Thread.sleep(10_000);
                final long done = DONE.get();
                final long begin = System.nanoTime();
                Thread.sleep(8000);
                print("speed agent=%s recs_per_s=%.0f", two ? "two_actions_of_one_call" : "one_action_of_two_calls", (DONE.get() - done) / ((System.nanoTime() - begin) / 1e9));
            }
        }
    }

    private static void single() throws Exception {
        final int warm = 2000;
        final int runs = 2000;
        roundTrip(warm + runs, warm);
        oneByOne = true;
        for (int count = -1; count <= 3; count++) {
            calls = Math.max(count, 0);
            latencies = new long[warm + runs];
            try (Job job = new Job(new OneAction(), warm + runs, 1, count >= 0)) {
                job.finished();
            }
            final long[] sorted = Arrays.copyOfRange(latencies, warm, warm + runs);
            Arrays.sort(sorted);
            print("single store=%s calls=%d run_ms_p50=%.3f p90=%.3f", count >= 0 ? "kafka" : "none", calls, sorted[runs / 2] / 1e6, sorted[runs * 9 / 10] / 1e6);
        }
        oneByOne = false;
    }

    /** What a round trip to the broker takes, by Kafka's own producer. */
    private static void roundTrip(final int records, final int warm) throws Exception {
        final String topic = "journal-cost-round-trip";
        try (Admin admin = Admin.create(Map.of("bootstrap.servers", address))) {
            admin.createTopics(List.of(new NewTopic(topic, 1, (short) 1))).all().get();
        }
        final Map<String, Object> settings = Map.of("bootstrap.servers", address, "acks", "all", "linger.ms", 0);
        try (KafkaProducer<byte[], byte[]> producer = new KafkaProducer<>(settings, new ByteArraySerializer(), new ByteArraySerializer())) {
            final long[] times = new long[records];
            for (int i = 0; i < records; i++) {
                final long begin = System.nanoTime();
                producer.send(new ProducerRecord<>(topic, 0, null, new byte[150])).get();
                times[i] = System.nanoTime() - begin;
            }
            final long[] sorted = Arrays.copyOfRange(times, warm, records);
            Arrays.sort(sorted);
            print("single producer round_trip_ms_p50=%.3f p90=%.3f", sorted[sorted.length / 2] / 1e6, sorted[sorted.length * 9 / 10] / 1e6);
        }
    }

    private static void bytes() throws Exception {
        final int runs = 2000;
        for (int count = 1; count <= 64; count *= 2) {
            calls = count;
            try (Job job = new Job(new OneAction(), runs, 1000, true)) {
                job.finished();
                final long[] size = job.size();
                print("bytes runs=%d calls=%d records=%d bytes=%d records_per_run=%.2f bytes_per_call=%.0f", runs, count, size[0], size[1], size[0] / (double) runs, size[1] / (double) runs / count);
            }
        }
    }

    private static void checkpoint() throws Exception {
        try (Job job = new Job(new TwoActions(), Long.MAX_VALUE / 2, 1000, true)) {
            Thread.sleep(10_000);
            for (int i = 0; i < 10; i++) {
                final long done = DONE.get();
                Thread.sleep(1000);
                final long runs = DONE.get() - done;
                final long whole = job.checkpoint();
                final AbstractCheckpointStats stats = job.lastCheckpoint();
                long longest = 0;
                for (final TaskStateStats task : stats.getAllTaskStateStats()) {
                    longest = Math.max(longest, task.getSummaryStats().getSyncCheckpointDurationStats().getMaximum());
                }
                print("checkpoint keys=1000 runs_since_the_last=%d sync_ms=%d whole_ms=%d state_bytes=%d", runs, longest, whole, stats.getStateSize());
            }
        }
    }

    private static void restart() throws Exception {
        calls = 1;
        // Two records a run.
        final long runs = 50_000 / 2;
        failAt = runs;
        for (int round = 0; round < 8; round++) {
            final boolean store = round % 2 == 1;
            FAILED_AT.set(0);
            FIRST_AFTER.set(0);
            try (Job job = new Job(new OneAction(), Long.MAX_VALUE / 2, 1000, store)) {
                while (FAILED_AT.get() == 0) {
                    Thread.sleep(1);
                }
                while (FIRST_AFTER.get() == 0) {
                    Thread.sleep(1);
                }
                final long first = FIRST_AFTER.get() - FAILED_AT.get();
                print("restart store=%s runs=%d records=%d first_output_ms_after_the_failure=%d", store ? "kafka" : "none", runs, store ? job.size()[0] : 0, TimeUnit.NANOSECONDS.toMillis(first));
            }
        }
        failAt = Long.MAX_VALUE;
    }

    public static void main(final String[] args) {
        int status = 1;
        try {
            address = args[0];
            for (final String property : Arrays.asList(args).subList(2, args.length)) {
                PROPERTIES.put(property.substring(0, property.indexOf('=')), property.substring(property.indexOf('=') + 1));
            }
            switch (args[1]) {
                case "speed":
                    speed();
                    break;
                case "single":
                    single();
                    break;
                case "bytes":
                    bytes();
                    break;
                case "checkpoint":
                    checkpoint();
                    break;
                case "restart":
                    restart();
                    break;
                default:
                    throw new IllegalArgumentException("Unknown: " + args[1]);
            }
            status = 0;
        } catch (final Exception e) {
            e.printStackTrace();
        }
        // A cluster that failed has threads.
        System.exit(status);
    }
}
