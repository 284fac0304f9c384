package bench;

import java.lang.management.ManagementFactory;
import java.util.Arrays;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.apache.flink.agents.api.AgentsExecutionEnvironment;
import org.apache.flink.agents.api.Event;
import org.apache.flink.agents.api.InputEvent;
import org.apache.flink.agents.api.OutputEvent;
import org.apache.flink.agents.api.agents.Agent;
import org.apache.flink.agents.api.annotation.Action;
import org.apache.flink.agents.api.context.AsyncDurableCallable;
import org.apache.flink.agents.api.context.DurableCallable;
import org.apache.flink.agents.api.context.RunnerContext;
import org.apache.flink.agents.runtime.coroutine.Coroutine;
import org.apache.flink.agents.runtime.coroutine.Coroutines;
import org.apache.flink.api.common.functions.RichMapFunction;
import org.apache.flink.streaming.api.datastream.DataStream;
import org.apache.flink.streaming.api.functions.sink.v2.DiscardingSink;

/**
 * What waits, and what that costs, in a job of one subtask on an embedded cluster:
 *
 * <pre>
 * InFlight bare    1,000 at a time, 20 ms each, by the coroutines alone
 * InFlight many    10,000 calls of 2 s at once: how many there are, how long a checkpoint takes
 * InFlight limit   10,000 at the limit: how long after the next run's end a checkpoint is complete
 * InFlight idle    1,000 calls wait: how much CPU that takes
 * InFlight delay   half the load of one core: how much later than its call an action goes on
 * InFlight others  1,000 calls wait: how much slower records are that wait for nothing
 * </pre>
 */
public final class InFlight {
    private static final AtomicInteger RUNNING = new AtomicInteger();
    private static final AtomicInteger MOST = new AtomicInteger();
    private static final AtomicLong DONE = new AtomicLong();
    private static final boolean VIRTUAL = Runtime.version().feature() >= 21;
    private static final int CALLS_IN_LIST = 10;
    /** Where there are no virtual threads each waiting action holds a thread, and makes several calls that hold none. */
    private static final int PER_ACTION = VIRTUAL ? 1 : CALLS_IN_LIST;

    private static volatile long callMillis = 2000;
    private static volatile long[] delays = new long[0];
    private static final AtomicInteger DELAYS = new AtomicInteger();

    private InFlight() {}

    private static void begins() {
        final int now = RUNNING.incrementAndGet();
        MOST.accumulateAndGet(now, Math::max);
    }

    /** A call of some time that blocks its thread. */
    private static final class Blocking implements DurableCallable<Long> {
        @Override
        public String getId() {
            return "wait";
        }

        @Override
        public Class<Long> getResultClass() {
            return Long.class;
        }

        @Override
        public Long call() throws Exception {
            begins();
            final long begin = System.nanoTime();
            Thread.sleep(callMillis);
            RUNNING.decrementAndGet();
            return System.nanoTime() - begin;
        }
    }

    /** A call of some time that needs no thread. */
    private static final class Staged implements AsyncDurableCallable<Long> {
        @Override
        public String getId() {
            return "wait";
        }

        @Override
        public Class<Long> getResultClass() {
            return Long.class;
        }

        @Override
        public CompletionStage<Long> callAsync() {
            begins();
            final long begin = System.nanoTime();
            return CompletableFuture.supplyAsync(
                    () -> {
                        RUNNING.decrementAndGet();
                        return System.nanoTime() - begin;
                    },
                    CompletableFuture.delayedExecutor(callMillis, TimeUnit.MILLISECONDS));
        }
    }

    /** Every record waits. */
    public static final class Waits extends Agent {
        @Action(InputEvent.EVENT_TYPE)
        public static void go(final Event event, final RunnerContext context) throws Exception {
            if (VIRTUAL) {
                context.durableExecuteAsync(new Blocking());
            } else {
                context.durableExecuteAllAsync(
                        IntStream.range(0, CALLS_IN_LIST).mapToObj(i -> new Staged()).collect(Collectors.toList()), true);
            }
            DONE.lazySet(DONE.get() + 1);
            context.sendEvent(new OutputEvent(1L));
        }
    }

    /** Every record waits 20 ms and says how much longer it took. */
    public static final class Delayed extends Agent {
        @Action(InputEvent.EVENT_TYPE)
        public static void go(final Event event, final RunnerContext context) throws Exception {
            final long begin = System.nanoTime();
            final long call = context.durableExecuteAsync(new Blocking());
            final int at = DELAYS.getAndIncrement();
            if (at < delays.length) {
                delays[at] = System.nanoTime() - begin - call;
            }
            context.sendEvent(new OutputEvent(1L));
        }
    }

    /** The first records wait, the others do not. */
    public static final class Mixed extends Agent {
        @Action("_input_event")
        public static void pass(final Event event, final RunnerContext context) throws Exception {
            final long number = (Long) InputEvent.fromEvent(event).getInput();
            if (number < 0) {
                context.sendEvent(new Event("wait", Map.of()));
            } else {
                DONE.lazySet(DONE.get() + 1);
                context.sendEvent(new OutputEvent(number));
            }
        }
    }

    /** What waits stands in another class, so that the other action runs as it would without it. */
    public static final class Waiting {
        public static void go(final Event event, final RunnerContext context) throws Exception {
            context.durableExecuteAsync(new Blocking());
            context.sendEvent(new OutputEvent(1L));
        }
    }

    /** A source of so many a second. */
    private static final class Paced extends RichMapFunction<Long, Long> {
        private static final long serialVersionUID = 1L;
        private final double rate;
        private transient long begin;
        private transient long count;

        Paced(final double rate) {
            this.rate = rate;
        }

        @Override
        public Long map(final Long number) throws Exception {
            if (count++ == 0) {
                begin = System.nanoTime();
            }
            final long wait = begin + (long) (count / rate * 1e9) - System.nanoTime();
            if (wait > 1_000_000) {
                Thread.sleep(wait / 1_000_000);
            }
            return number;
        }
    }

    private static final class Job extends EmbeddedJob {
        /** @param rate records a second; 0: as many as are taken */
        Job(final Agent agent, final int maxInFlight, final long from, final long keys, final double rate) throws Exception {
            super(Map.of("execution.checkpointing.unaligned.enabled", "true"));
            if (rate > 0) {
                // Records come one by one, and not in bursts of a tenth of a second, as Flink sends them by default.
                env.setBufferTimeout(1);
            }
            final DataStream<Long> all = env.fromSequence(from, Long.MAX_VALUE / 2);
            final DataStream<Long> numbers = rate <= 0 ? all : all.map(new Paced(rate));
            final AgentsExecutionEnvironment agents = AgentsExecutionEnvironment.getExecutionEnvironment(env);
            agents.getConfig().setStr("event-log.level", "OFF");
            agents.getConfig().setInt("max-in-flight", maxInFlight);
            agents.fromDataStream(numbers, new Key(keys)).apply(agent).toDataStream().sinkTo(new DiscardingSink<>());
            submit();
        }

        @Override
        public void close() throws Exception {
            cluster.cancelJob(id).get();
            super.close();
        }
    }

    private static void await(final String what, final java.util.function.BooleanSupplier condition) throws Exception {
        final long until = System.nanoTime() + TimeUnit.SECONDS.toNanos(120);
        while (!condition.getAsBoolean()) {
            if (System.nanoTime() > until) {
                throw new IllegalStateException("no " + what + " within 120 s");
            }
            Thread.sleep(5);
        }
    }

    private static void print(final String format, final Object... values) {
        System.out.println("ASYNC jdk=" + Runtime.version().feature() + ' ' + String.format(Locale.ROOT, format, values));
    }

    /** The hand-over alone: no core, no Flink. */
    private static void bare() throws Exception {
        final int keys = 1000;
        final int calls = VIRTUAL ? 400_000 : 100_000;
        try (Coroutines coroutines = new Coroutines(keys)) {
            for (int round = 0; round < 3; round++) {
                final LinkedBlockingQueue<Coroutine> over = new LinkedBlockingQueue<>();
                int started = 0;
                int ended = 0;
                final long begin = System.nanoTime();
                while (ended < calls) {
                    while (started < calls && started - ended < keys) {
                        started++;
                        final Coroutine coroutine = coroutines.take();
                        coroutine.run(() -> coroutine.suspend(new Sleep(coroutines, coroutine, over)));
                    }
                    for (Coroutine next = over.take(); next != null; next = over.poll()) {
                        if (next.resume()) {
                            coroutines.release(next);
                            ended++;
                        }
                    }
                }
                print("bare calls_per_s=%.0f", calls / ((System.nanoTime() - begin) / 1e9));
            }
        }
    }

    private static final class Sleep implements Coroutine.Wait, Runnable {
        private final Coroutines coroutines;
        private final Coroutine coroutine;
        private final LinkedBlockingQueue<Coroutine> over;

        Sleep(final Coroutines coroutines, final Coroutine coroutine, final LinkedBlockingQueue<Coroutine> over) {
            this.coroutines = coroutines;
            this.coroutine = coroutine;
            this.over = over;
        }

        @Override
        public void begin(final boolean mayBlock) {
            if (mayBlock) {
                run();
            } else {
                coroutines.start(this);
            }
        }

        @Override
        public boolean isOver() {
            return false;
        }

        @Override
        public void run() {
            try {
                Thread.sleep(20);
            } catch (final InterruptedException e) {
                Thread.currentThread().interrupt();
            }
            over.add(coroutine);
        }
    }

    private static void many() throws Exception {
        final int calls = 10_000;
        try (Job job = new Job(new Waits(), 2 * calls, 0, 50_000, 1.1 * calls / PER_ACTION / (callMillis / 1000.0))) {
            await("calls", () -> RUNNING.get() >= calls);
            for (int i = 0; i < 5; i++) {
                final int inFlight = RUNNING.get();
                print("many in_flight=%d checkpoint_ms=%d", inFlight, job.checkpoint());
                Thread.sleep(300);
            }
            print("many most_in_flight=%d", MOST.get());
        }
    }

    private static void limit() throws Exception {
        final int actions = 10_000 / PER_ACTION;
        try (Job job = new Job(new Waits(), actions, 0, 50_000, 0)) {
            for (int i = 0; i < 5; i++) {
                await("limit", () -> RUNNING.get() >= actions * PER_ACTION);
                final long ended = DONE.get();
                final CompletableFuture<Long> next = new CompletableFuture<>();
                final Thread watch = new Thread(() -> {
                    while (DONE.get() == ended) {
                        Thread.onSpinWait();
                    }
                    next.complete(System.nanoTime());
                });
                watch.start();
                final int inFlight = RUNNING.get();
                job.checkpoint();
                final long after = System.nanoTime() - next.get();
                print("limit in_flight=%d checkpoint_ms_after_next_end=%d", inFlight, TimeUnit.NANOSECONDS.toMillis(after));
            }
        }
    }

    private static void idle() throws Exception {
        callMillis = 3_600_000;
        final int calls = 1000;
        try (Job job = new Job(new Waits(), calls / PER_ACTION, 0, 50_000, 0)) {
            await("calls", () -> RUNNING.get() >= calls);
            Thread.sleep(3000);
            final var system = (com.sun.management.OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean();
            final long cpu = system.getProcessCpuTime();
            final long begin = System.nanoTime();
            Thread.sleep(10_000);
            print("idle in_flight=%d cores=%.4f", RUNNING.get(), (system.getProcessCpuTime() - cpu) / (double) (System.nanoTime() - begin));
        }
    }

    private static void delay(final double rate) throws Exception {
        callMillis = 20;
        try (Job job = new Job(new Delayed(), 10_000, 0, 1000, rate)) {
            Thread.sleep(10_000);
            DELAYS.set(0);
            delays = new long[(int) (rate * 10)];
            await("delays", () -> DELAYS.get() >= delays.length);
            final long[] sorted = delays.clone();
            Arrays.sort(sorted);
            print("delay rate=%.0f p50_ms=%.3f p99_ms=%.3f", rate, sorted[sorted.length / 2] / 1e6, sorted[(int) (sorted.length * 0.99)] / 1e6);
        }
    }

    private static void others() throws Exception {
        callMillis = 3_600_000;
        for (int round = 0; round < 6; round++) {
            final int waiting = round % 2 == 0 ? 0 : 1000;
            final Agent agent = new Mixed();
            agent.addAction(new String[] {"wait"}, Waiting.class.getMethod("go", Event.class, RunnerContext.class));
            RUNNING.set(0);
            try (Job job = new Job(agent, 10_000, -waiting, 10_000, 0)) {
                await("calls", () -> RUNNING.get() >= waiting);
                Thread.sleep(8000);
                final long done = DONE.get();
                final long begin = System.nanoTime();
                Thread.sleep(5000);
                print("others waiting=%d recs_per_s=%.0f", waiting, (DONE.get() - done) / ((System.nanoTime() - begin) / 1e9));
            }
        }
    }

    public static void main(final String[] args) {
        int status = 1;
        try {
            measure(args);
            status = 0;
        } catch (final Exception e) {
            e.printStackTrace();
        }
        // Calls of an hour are under way, and a cluster that failed has threads.
        System.exit(status);
    }

    private static void measure(final String[] args) throws Exception {
        switch (args[0]) {
            case "bare":
                bare();
                break;
            case "many":
                many();
                break;
            case "limit":
                limit();
                break;
            case "idle":
                idle();
                break;
            case "delay":
                delay(Double.parseDouble(args[1]));
                break;
            case "others":
                others();
                break;
            default:
                throw new IllegalArgumentException("Unknown: " + args[0]);
        }
    }
}
