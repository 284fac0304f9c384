package org.apache.flink.agents.runtime.coroutine;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.Files;
import java.nio.file.Paths;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.Timeout.ThreadMode;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.slf4j.MDC;

/** Both kinds of coroutines where the JVM has both; the test's own thread is the host. */
@Timeout(value = 60, threadMode = ThreadMode.SEPARATE_THREAD)
class CoroutineTest {
    private static final int RELEASE = Runtime.version().feature();
    static final String NAME = "flink-agents-java-async";

    enum Kind {
        VIRTUAL,
        PLATFORM;

        Coroutines open(final int bound) {
            return this == VIRTUAL ? new Coroutines(bound) : Coroutines.onPlatformThreads(bound);
        }

        /** Whether a coroutine can be left that holds a monitor. */
        boolean leavesMonitors() {
            return this == PLATFORM || RELEASE >= 24;
        }
    }

    static Stream<Kind> kinds() {
        return RELEASE < 21 ? Stream.of(Kind.PLATFORM) : Stream.of(Kind.values());
    }

    /** Something to wait for that somebody else ends. */
    static class Gate implements Coroutine.Wait {
        private final CountDownLatch begun = new CountDownLatch(1);
        private final AtomicBoolean over = new AtomicBoolean();

        @Override
        public void begin(final boolean mayBlock) {
            begun.countDown();
        }

        @Override
        public boolean isOver() {
            return over.get();
        }
    }

    static void run(final Coroutines coroutines, final Runnable code) {
        final Coroutine coroutine = coroutines.take();
        assertThat(coroutine.run(code)).isTrue();
        coroutines.release(coroutine);
    }

    static void await(final CountDownLatch latch) {
        try {
            assertThat(latch.await(30, TimeUnit.SECONDS)).isTrue();
        } catch (final InterruptedException e) {
            throw new IllegalStateException("interrupted", e);
        }
    }

    static void ended(final Thread thread) throws InterruptedException {
        thread.join(10_000);
        assertThat(thread.isAlive()).as("%s", thread).isFalse();
    }

    private static Thread start(final Runnable work) {
        final Thread thread = new Thread(work, "the test's other thread");
        thread.start();
        return thread;
    }

    @Test
    void whereTheJvmHasVirtualThreadsTheyAreUsed() {
        try (Coroutines coroutines = new Coroutines(1)) {
            assertThat(coroutines.isVirtual()).isEqualTo(RELEASE >= 21);
        }
    }

    // ---- turns

    @ParameterizedTest
    @MethodSource("kinds")
    void codeGoesOnWhereItWasLeft(final Kind kind) {
        final List<String> order = new ArrayList<>();
        try (Coroutines coroutines = kind.open(1)) {
            final Coroutine coroutine = coroutines.take();
            assertThat(coroutine.run(() -> {
                order.add("a");
                coroutine.suspend(new Gate());
                order.add("b");
                coroutine.suspend(new Gate());
                order.add("c");
            })).isFalse();
            assertThat(coroutine.isSuspended()).isTrue();
            order.add("1");
            assertThat(coroutine.resume()).isFalse();
            order.add("2");
            assertThat(coroutine.resume()).isTrue();
            assertThat(coroutine.isSuspended()).isFalse();
            assertThat(order).containsExactly("a", "1", "b", "2", "c");
            coroutines.release(coroutine);
        }
    }

    @ParameterizedTest
    @MethodSource("kinds")
    void aCoroutineIsUsedAgain(final Kind kind) {
        try (Coroutines coroutines = kind.open(1)) {
            final List<Thread> threads = new ArrayList<>();
            for (int i = 0; i < 1000; i++) {
                run(coroutines, () -> threads.add(Thread.currentThread()));
            }
            assertThat(threads).hasSize(1000).allMatch(thread -> thread == threads.get(0));
            assertThat(threads.get(0)).isNotSameAs(Thread.currentThread());
            assertThat(threads.get(0).getName()).startsWith(NAME);
        }
    }

    /** On which processors the calling thread may run. */
    private static String processors() {
        try (Stream<String> lines = Files.lines(Paths.get("/proc/thread-self/status"))) {
            return lines.filter(line -> line.startsWith("Cpus_allowed:")).findFirst().orElseThrow();
        } catch (final IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    @Test
    @EnabledOnOs(OS.LINUX)
    void aThreadThatIsMovedToItsWakersProcessorRunsItsCodeAnywhere() throws Exception {
        final String hosts = processors();
        final List<String> codes = new ArrayList<>();
        final List<Thread> started = new ArrayList<>();
        try (Coroutines coroutines = Coroutines.onPlatformThreads(1)) {
            for (int i = 0; i < 3; i++) {
                final Coroutine coroutine = coroutines.take();
                final Gate store = new Gate() {
                    @Override
                    public boolean endsByHost() {
                        return true;
                    }
                };
                coroutine.run(() -> {
                    codes.add(processors());
                    coroutine.suspend(store);
                    codes.add(processors());
                    // Inherits from the one that starts it.
                    final Thread thread = new Thread(() -> codes.add(processors()));
                    started.add(thread);
                    thread.start();
                });
                coroutine.resume();
                coroutines.release(coroutine);
                started.get(i).join();
            }
        }
        assertThat(codes).hasSize(9).containsOnly(hosts);
        assertThat(processors()).isEqualTo(hosts);
    }

    @ParameterizedTest
    @MethodSource("kinds")
    void oneRunsAtATime(final Kind kind) {
        final int many = 100;
        final int turns = 50;
        final AtomicInteger inside = new AtomicInteger();
        // Not volatile: the turns alone order it.
        final int[] count = new int[1];
        final List<String> overlaps = new ArrayList<>();
        try (Coroutines coroutines = kind.open(many)) {
            final ArrayList<Coroutine> suspended = new ArrayList<>();
            for (int i = 0; i < many; i++) {
                final Coroutine coroutine = coroutines.take();
                assertThat(coroutine.run(() -> {
                    for (int turn = 0; turn < turns; turn++) {
                        if (inside.incrementAndGet() != 1) {
                            overlaps.add("turn " + turn);
                        }
                        count[0]++;
                        inside.decrementAndGet();
                        coroutine.suspend(new Gate());
                    }
                })).isFalse();
                suspended.add(coroutine);
            }
            final Random random = new Random(1);
            while (!suspended.isEmpty()) {
                final int next = random.nextInt(suspended.size());
                assertThat(inside.getAndSet(1)).isZero();
                count[0]++;
                inside.set(0);
                if (suspended.get(next).resume()) {
                    coroutines.release(suspended.remove(next));
                }
            }
        }
        assertThat(overlaps).isEmpty();
        assertThat(count[0]).isEqualTo(2 * many * turns);
    }

    @Test
    void thereAreNoMorePlatformThreadsThanTheBound() {
        try (Coroutines coroutines = Coroutines.onPlatformThreads(2)) {
            final Coroutine first = coroutines.take();
            final Coroutine second = coroutines.take();
            assertThat(coroutines.take()).isNull();
            assertThat(second.run(() -> {})).isTrue();
            coroutines.release(second);
            assertThat(coroutines.take()).isSameAs(second);
            assertThat(first.run(() -> {})).isTrue();
            coroutines.release(first);
            coroutines.release(second);
        }
    }

    // ---- interrupts and unparks

    @ParameterizedTest
    @MethodSource("kinds")
    void anInterruptOfTheHostReachesTheCodeAndStaysWithTheHost(final Kind kind) throws Exception {
        final Thread host = Thread.currentThread();
        final CountDownLatch inside = new CountDownLatch(1);
        final AtomicReference<Throwable> seen = new AtomicReference<>();
        final Thread other = start(() -> {
            await(inside);
            // While a virtual thread is mounted the JVM forgets interrupts of its carrier.
            while (host.getState() != Thread.State.WAITING) {
                Thread.onSpinWait();
            }
            host.interrupt();
        });
        try (Coroutines coroutines = kind.open(1)) {
            run(coroutines, () -> {
                inside.countDown();
                try {
                    new CountDownLatch(1).await();
                } catch (final InterruptedException e) {
                    seen.set(e);
                }
            });
            assertThat(seen.get()).isInstanceOf(InterruptedException.class);
            assertThat(Thread.interrupted()).isTrue();
        }
        ended(other);
    }

    @ParameterizedTest
    @MethodSource("kinds")
    void anyThreadCanInterruptTheCode(final Kind kind) throws Exception {
        final CountDownLatch inside = new CountDownLatch(1);
        final AtomicReference<Throwable> seen = new AtomicReference<>();
        try (Coroutines coroutines = kind.open(1)) {
            final Coroutine coroutine = coroutines.take();
            final Thread other = start(() -> {
                await(inside);
                coroutine.interrupt();
            });
            assertThat(coroutine.run(() -> {
                inside.countDown();
                try {
                    new CountDownLatch(1).await();
                } catch (final InterruptedException e) {
                    seen.set(e);
                }
            })).isTrue();
            assertThat(Thread.interrupted()).as("of the host").isFalse();
            coroutines.release(coroutine);
            ended(other);
        }
        assertThat(seen.get()).isInstanceOf(InterruptedException.class);
    }

    @ParameterizedTest
    @MethodSource("kinds")
    void anInterruptLeftBehindIsNotTheNextOnes(final Kind kind) {
        final AtomicBoolean seen = new AtomicBoolean();
        try (Coroutines coroutines = kind.open(1)) {
            final Coroutine coroutine = coroutines.take();
            assertThat(coroutine.run(() -> Thread.currentThread().interrupt())).isTrue();
            assertThat(coroutine.run(() -> seen.set(Thread.currentThread().isInterrupted()))).isTrue();
            coroutines.release(coroutine);
        }
        assertThat(seen).isFalse();
    }

    @ParameterizedTest
    @MethodSource("kinds")
    void anInterruptThatComesWithTheTurnIsNotLost(final Kind kind) {
        final AtomicInteger seen = new AtomicInteger();
        try (Coroutines coroutines = kind.open(1)) {
            for (int i = 0; i < 1000; i++) {
                Thread.currentThread().interrupt();
                run(coroutines, () -> {
                    try {
                        new CountDownLatch(1).await();
                    } catch (final InterruptedException e) {
                        seen.incrementAndGet();
                    }
                });
                assertThat(Thread.interrupted()).isTrue();
            }
        }
        assertThat(seen.get()).isEqualTo(1000);
    }

    @ParameterizedTest
    @MethodSource("kinds")
    void anInterruptDuringAWaitIsThereAfterIt(final Kind kind) {
        final AtomicBoolean seen = new AtomicBoolean();
        try (Coroutines coroutines = kind.open(1)) {
            final Coroutine coroutine = coroutines.take();
            assertThat(coroutine.run(() -> {
                coroutine.suspend(new Gate());
                seen.set(Thread.interrupted());
            })).isFalse();
            coroutine.interrupt();
            assertThat(coroutine.resume()).isTrue();
            coroutines.release(coroutine);
        }
        assertThat(seen).isTrue();
    }

    @ParameterizedTest
    @MethodSource("kinds")
    void whatWakesAThreadForNothingChangesNoTurn(final Kind kind) throws Exception {
        final Thread host = Thread.currentThread();
        final AtomicBoolean stop = new AtomicBoolean();
        final AtomicReference<Thread> runs = new AtomicReference<>(host);
        final Thread other = start(() -> {
            while (!stop.get()) {
                LockSupport.unpark(host);
                LockSupport.unpark(runs.get());
            }
        });
        final AtomicInteger inside = new AtomicInteger();
        final List<String> overlaps = new ArrayList<>();
        try (Coroutines coroutines = kind.open(1)) {
            for (int i = 0; i < 300; i++) {
                final Coroutine coroutine = coroutines.take();
                runs.set(coroutine.thread());
                boolean over = coroutine.run(() -> {
                    for (int turn = 0; turn < 5; turn++) {
                        if (inside.incrementAndGet() != 1) {
                            overlaps.add("turn " + turn);
                        }
                        Thread.yield();
                        inside.decrementAndGet();
                        coroutine.suspend(new Gate());
                    }
                });
                int turns = 0;
                while (!over) {
                    assertThat(inside.incrementAndGet()).isEqualTo(1);
                    Thread.yield();
                    inside.decrementAndGet();
                    turns++;
                    over = coroutine.resume();
                }
                assertThat(turns).isEqualTo(5);
                coroutines.release(coroutine);
            }
        } finally {
            stop.set(true);
        }
        ended(other);
        assertThat(overlaps).isEmpty();
    }

    // ---- what belongs to the thread

    @ParameterizedTest
    @MethodSource("kinds")
    void threadLocalsStayWithTheirActionOverWaits(final Kind kind) {
        final ThreadLocal<String> local = new ThreadLocal<>();
        final List<String> seen = new ArrayList<>();
        try (Coroutines coroutines = kind.open(2)) {
            final ArrayDeque<Coroutine> waiting = new ArrayDeque<>();
            for (final String name : List.of("a", "b")) {
                final Coroutine coroutine = coroutines.take();
                assertThat(coroutine.run(() -> {
                    seen.add(name + " " + local.get());
                    local.set(name);
                    coroutine.suspend(new Gate());
                    seen.add(name + " " + local.get());
                })).isFalse();
                waiting.add(coroutine);
            }
            assertThat(local.get()).isNull();
            for (final Coroutine coroutine : waiting) {
                assertThat(coroutine.resume()).isTrue();
                coroutines.release(coroutine);
            }
        }
        assertThat(seen).containsExactly("a null", "b null", "a a", "b b");
    }

    @ParameterizedTest
    @MethodSource("kinds")
    void classLoaderAndLogContextAreTheHosts(final Kind kind) throws Exception {
        final ClassLoader before = Thread.currentThread().getContextClassLoader();
        final List<Object> seen = new ArrayList<>();
        final CountDownLatch helped = new CountDownLatch(1);
        try (URLClassLoader own = new URLClassLoader(new URL[0], before)) {
            Thread.currentThread().setContextClassLoader(own);
            MDC.put("job", "1");
            try (Coroutines coroutines = kind.open(1)) {
                // Flink takes it off its thread now and then.
                MDC.clear();
                run(coroutines, () -> {
                    seen.add(Thread.currentThread().getContextClassLoader());
                    seen.add(MDC.get("job"));
                });
                coroutines.start(() -> {
                    seen.add(Thread.currentThread().getContextClassLoader());
                    seen.add(MDC.get("job"));
                    helped.countDown();
                });
                await(helped);
            }
            assertThat(seen).containsExactly(own, "1", own, "1");
        } finally {
            MDC.clear();
            Thread.currentThread().setContextClassLoader(before);
        }
    }

    /** Ends a gate as soon as it has begun. */
    private static Thread endsOnceBegun(final Gate gate, final Coroutine coroutine) {
        return start(() -> {
            await(gate.begun);
            // What is over before it is waited for lets the code go on at once.
            final Thread thread = coroutine.thread();
            while (thread.getState() == Thread.State.RUNNABLE) {
                Thread.onSpinWait();
            }
            gate.over.set(true);
            LockSupport.unpark(thread);
        });
    }

    @ParameterizedTest
    @MethodSource("kinds")
    void aMonitorHeldOverAWaitIsHeldByThatActionAlone(final Kind kind) throws Exception {
        final Object monitor = new Object();
        final Gate gate = new Gate();
        final List<String> order = new ArrayList<>();
        try (Coroutines coroutines = kind.open(2)) {
            final Coroutine holder = coroutines.take();
            final Thread other = endsOnceBegun(gate, holder);
            final boolean over = holder.run(() -> {
                synchronized (monitor) {
                    order.add("holds");
                    holder.suspend(gate);
                    order.add("still holds " + Thread.holdsLock(monitor));
                }
            });
            // On 21 to 23 the host has waited with it.
            assertThat(over).isEqualTo(!kind.leavesMonitors());
            run(coroutines, () -> order.add("another"));
            if (!over) {
                assertThat(holder.resume()).isTrue();
            }
            coroutines.release(holder);
            ended(other);
        }
        assertThat(order).containsExactlyInAnyOrder("holds", "still holds true", "another");
        assertThat(order.indexOf("another")).isEqualTo(kind.leavesMonitors() ? 1 : 2);
    }

    private static final AtomicReference<Runnable> IN_CLASS_INITIALISER = new AtomicReference<>();

    private static final class NativeFrameBelowVirtual {
        static {
            IN_CLASS_INITIALISER.get().run();
        }

        static void touch() {}
    }

    private static final class NativeFrameBelowPlatform {
        static {
            IN_CLASS_INITIALISER.get().run();
        }

        static void touch() {}
    }

    /** JVMs since 24 take the monitors that a carrier holds for those of the thread it carries, and end with a signal. */
    @ParameterizedTest
    @MethodSource("kinds")
    void theHostMayHoldMonitors(final Kind kind) {
        final Object held = new Object();
        final AtomicInteger steps = new AtomicInteger();
        try (Coroutines coroutines = kind.open(8)) {
            for (int round = 0; round < 200; round++) {
                final boolean atFirst = round % 2 == 0;
                final List<Coroutine> suspended = new ArrayList<>();
                if (atFirst) {
                    synchronized (held) {
                        begin(coroutines, suspended, steps);
                    }
                } else {
                    begin(coroutines, suspended, steps);
                }
                synchronized (held) {
                    for (final Coroutine coroutine : suspended) {
                        assertThat(coroutine.resume()).isTrue();
                        coroutines.release(coroutine);
                    }
                    assertThat(Thread.holdsLock(held)).isTrue();
                }
                assertThat(Thread.holdsLock(held)).isFalse();
            }
        }
        assertThat(steps).hasValue(200 * 8 * 2);
    }

    private static void begin(final Coroutines coroutines, final List<Coroutine> suspended, final AtomicInteger steps) {
        for (int i = 0; i < 8; i++) {
            final Coroutine coroutine = coroutines.take();
            final Object own = new Object();
            assertThat(coroutine.run(() -> {
                synchronized (own) {
                    steps.incrementAndGet();
                }
                coroutine.suspend(new Gate());
                synchronized (own) {
                    steps.incrementAndGet();
                }
            })).isFalse();
            suspended.add(coroutine);
        }
    }

    @ParameterizedTest
    @MethodSource("kinds")
    void overANativeFrameAWaitEndsToo(final Kind kind) throws Exception {
        final Gate gate = new Gate();
        final List<String> order = new ArrayList<>();
        try (Coroutines coroutines = kind.open(1)) {
            final Coroutine coroutine = coroutines.take();
            final Thread other = endsOnceBegun(gate, coroutine);
            // The JVM itself calls class initialisers.
            IN_CLASS_INITIALISER.set(() -> {
                order.add("before");
                coroutine.suspend(gate);
                order.add("after");
            });
            final boolean over =
                    coroutine.run(kind == Kind.VIRTUAL ? NativeFrameBelowVirtual::touch : NativeFrameBelowPlatform::touch);
            if (kind == Kind.PLATFORM) {
                assertThat(over).isFalse();
            }
            assertThat(over || coroutine.resume()).isTrue();
            coroutines.release(coroutine);
            ended(other);
        }
        assertThat(order).containsExactly("before", "after");
    }

    @ParameterizedTest
    @MethodSource("kinds")
    void virtualThreadsThatCodeStartsRunElsewhere(final Kind kind) throws Exception {
        if (RELEASE < 21) {
            return;
        }
        final CountDownLatch ran = new CountDownLatch(1);
        final AtomicReference<Thread> started = new AtomicReference<>();
        try (Coroutines coroutines = kind.open(1)) {
            final Coroutine coroutine = coroutines.take();
            assertThat(coroutine.run(() -> {
                final Runnable body = () -> {
                    LockSupport.parkNanos(1_000_000);
                    ran.countDown();
                };
                try {
                    started.set((Thread) Thread.class.getMethod("startVirtualThread", Runnable.class).invoke(null, body));
                } catch (final ReflectiveOperationException e) {
                    throw new IllegalStateException(e);
                }
                coroutine.suspend(new Gate());
            })).isFalse();
            await(ran);
            ended(started.get());
            assertThat(coroutine.resume()).isTrue();
            coroutines.release(coroutine);
        }
    }
}
