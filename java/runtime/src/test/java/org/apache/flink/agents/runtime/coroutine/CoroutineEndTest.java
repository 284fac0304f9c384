package org.apache.flink.agents.runtime.coroutine;

import static org.apache.flink.agents.runtime.coroutine.CoroutineTest.NAME;
import static org.apache.flink.agents.runtime.coroutine.CoroutineTest.await;
import static org.apache.flink.agents.runtime.coroutine.CoroutineTest.ended;
import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.Stream;
import org.apache.flink.agents.runtime.coroutine.CoroutineTest.Gate;
import org.apache.flink.agents.runtime.coroutine.CoroutineTest.Kind;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.Timeout.ThreadMode;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** The ends of coroutines and their threads, and the threads of calls. */
@Timeout(value = 60, threadMode = ThreadMode.SEPARATE_THREAD)
class CoroutineEndTest {
    static Stream<Kind> kinds() {
        return CoroutineTest.kinds();
    }

    @ParameterizedTest
    @MethodSource("kinds")
    void unwindRunsFinallyBlocksHoweverOftenTheyWait(final Kind kind) {
        final List<String> order = new ArrayList<>();
        try (Coroutines coroutines = kind.open(1)) {
            final Coroutine coroutine = coroutines.take();
            assertThat(coroutine.run(() -> {
                try {
                    coroutine.suspend(new Gate());
                    order.add("first");
                } finally {
                    coroutine.suspend(new Gate());
                    order.add("finally");
                }
            })).isFalse();
            assertThat(coroutine.unwind(Duration.ofSeconds(10))).isTrue();
            assertThat(order).containsExactly("first", "finally");
            coroutines.release(coroutine);
        }
    }

    @Test
    void aCallThatIgnoresItsInterruptIsLeftBehindAndEndsWithItsThread() throws Exception {
        final CountDownLatch release = new CountDownLatch(1);
        final CountDownLatch begun = new CountDownLatch(1);
        final CountDownLatch unwound = new CountDownLatch(1);
        final BatonCoroutine coroutine =
                new BatonCoroutine("left behind", Duration.ofSeconds(60).toNanos(), () -> {});
        assertThat(coroutine.run(() -> {
            try {
                coroutine.suspend(new Coroutine.Wait() {
                    @Override
                    public void begin(final boolean mayBlock) {
                        begun.countDown();
                        boolean over = false;
                        while (!over) {
                            try {
                                release.await();
                                over = true;
                            } catch (final InterruptedException e) {
                                // As bad clients do.
                            }
                        }
                    }

                    @Override
                    public boolean isOver() {
                        return true;
                    }
                });
            } finally {
                unwound.countDown();
            }
        })).isFalse();
        await(begun);
        coroutine.interrupt();
        assertThat(coroutine.unwind(Duration.ofMillis(20))).isFalse();
        assertThat(unwound.getCount()).isOne();
        assertThat(coroutine.thread().isAlive()).isTrue();
        release.countDown();
        await(unwound);
        ended(coroutine.thread());
    }

    @Test
    void idlePlatformThreadsEnd() throws Exception {
        final BatonCoroutine coroutine = new BatonCoroutine("idle", 1, () -> {});
        assertThat(coroutine.run(() -> {})).isTrue();
        coroutine.rest();
        ended(coroutine.thread());
        assertThat(coroutine.take()).isFalse();
    }

    @Test
    void anIdleThreadThatHasGoneIsReplacedAtOnce() {
        // With a bound of one, nothing is left to take when the one that goes is still counted.
        try (Coroutines coroutines = Coroutines.onPlatformThreads(1, 1)) {
            for (int i = 0; i < 2000; i++) {
                final Coroutine coroutine = coroutines.take();
                assertThat(coroutine).as("take %s", i).isNotNull();
                assertThat(coroutine.run(() -> {})).isTrue();
                coroutines.release(coroutine);
                if (i % 3 > 0) {
                    LockSupport.parkNanos(i % 50 * 1000L);
                }
            }
        }
    }

    @ParameterizedTest
    @MethodSource("kinds")
    void callsRunElsewhere(final Kind kind) {
        final int bound = 3;
        final int many = 200;
        final CountDownLatch inside = new CountDownLatch(kind == Kind.VIRTUAL ? many : bound);
        final CountDownLatch release = new CountDownLatch(1);
        final CountDownLatch all = new CountDownLatch(many);
        final AtomicInteger now = new AtomicInteger();
        final AtomicInteger most = new AtomicInteger();
        try (Coroutines coroutines = kind.open(bound)) {
            for (int i = 0; i < many; i++) {
                coroutines.start(() -> {
                    most.accumulateAndGet(now.incrementAndGet(), Math::max);
                    inside.countDown();
                    await(release);
                    now.decrementAndGet();
                    all.countDown();
                });
            }
            await(inside);
            release.countDown();
            await(all);
        }
        assertThat(most.get()).isEqualTo(kind == Kind.VIRTUAL ? many : bound);
    }

    @Test
    void aCallTakesAThreadThatIsIdle() throws Exception {
        try (Coroutines coroutines = Coroutines.onPlatformThreads(100)) {
            final List<Thread> threads = new ArrayList<>();
            for (int call = 0; call < 50; call++) {
                final CountDownLatch done = new CountDownLatch(1);
                coroutines.start(() -> {
                    threads.add(Thread.currentThread());
                    done.countDown();
                });
                await(done);
                // Until it waits for the next one.
                while (threads.get(call).getState() != Thread.State.TIMED_WAITING) {
                    Thread.onSpinWait();
                }
            }
            assertThat(threads).hasSize(50).containsOnly(threads.get(0));
        }
    }

    @Test
    void whereAllThreadsAreBusyCallsWaitForTheFirstThatIsNot() throws Exception {
        try (Coroutines coroutines = Coroutines.onPlatformThreads(2)) {
            final CountDownLatch release = new CountDownLatch(1);
            final CountDownLatch begun = new CountDownLatch(2);
            final CountDownLatch done = new CountDownLatch(20);
            final AtomicInteger atOnce = new AtomicInteger();
            final AtomicInteger most = new AtomicInteger();
            for (int call = 0; call < 20; call++) {
                coroutines.start(() -> {
                    most.accumulateAndGet(atOnce.incrementAndGet(), Math::max);
                    begun.countDown();
                    await(release);
                    atOnce.decrementAndGet();
                    done.countDown();
                });
            }
            await(begun);
            assertThat(done.getCount()).isEqualTo(20);
            release.countDown();
            await(done);
            assertThat(most).hasValue(2);
        }
    }

    @ParameterizedTest
    @MethodSource("kinds")
    void nothingIsLeftAfterFiftyRounds(final Kind kind) throws Exception {
        final List<Thread> threads = new ArrayList<>();
        for (int round = 0; round < 50; round++) {
            final CountDownLatch helped = new CountDownLatch(5);
            try (Coroutines coroutines = kind.open(5)) {
                final List<Coroutine> taken = new ArrayList<>();
                for (int i = 0; i < 5; i++) {
                    final Coroutine coroutine = coroutines.take();
                    synchronized (threads) {
                        threads.add(coroutine.thread());
                    }
                    taken.add(coroutine);
                    coroutine.run(() -> coroutine.suspend(new Gate()));
                    coroutines.start(() -> {
                        synchronized (threads) {
                            threads.add(Thread.currentThread());
                        }
                        helped.countDown();
                    });
                }
                await(helped);
                for (final Coroutine coroutine : taken) {
                    assertThat(coroutine.unwind(Duration.ofSeconds(10))).isTrue();
                    coroutines.release(coroutine);
                }
            }
        }
        assertThat(threads).hasSize(500);
        for (final Thread thread : threads) {
            ended(thread);
        }
        // Those of other tests end as soon as they are done.
        for (final Thread thread : Thread.getAllStackTraces().keySet()) {
            if (thread.getName().startsWith(NAME)) {
                ended(thread);
            }
        }
    }
}
