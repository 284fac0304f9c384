package org.apache.flink.agents.runtime.coroutine;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.Timeout.ThreadMode;

/** Platform threads that pass the turn among themselves while the host waits. */
@Timeout(value = 60, threadMode = ThreadMode.SEPARATE_THREAD)
class RelayTest {
    /** For nothing that somebody else would end. */
    private static final class Pause implements Coroutine.Wait {
        @Override
        public void begin(final boolean mayBlock) {}

        @Override
        public boolean isOver() {
            return false;
        }
    }

    private final Coroutines coroutines = Coroutines.onPlatformThreads(200);

    private final List<Coroutine> taken = new ArrayList<>();

    @AfterEach
    void close() {
        taken.forEach(coroutines::release);
        coroutines.close();
    }

    private Coroutine take() {
        final Coroutine coroutine = coroutines.take();
        taken.add(coroutine);
        return coroutine;
    }

    private Coroutine begun() {
        final Coroutine coroutine = take();
        assertThat(coroutine.run(() -> {})).isTrue();
        return coroutine;
    }

    @Test
    void ofAllThatTakeTurnsOneRunsAtATimeAndTheHostGoesOnWhenTheRelayEnds() {
        final int many = 50;
        final int turns = 100;
        final AtomicInteger inside = new AtomicInteger();
        final List<String> overlaps = new ArrayList<>();
        // Not volatile: the turns alone order them.
        final int[] count = new int[1];
        final int[] left = {many};
        final ArrayDeque<Coroutine> waiting = new ArrayDeque<>();
        final Random random = new Random(1);
        final Coroutine[] last = new Coroutine[1];
        final Coroutine.Relay relay = () -> {
            if (last[0].isSuspended()) {
                waiting.addLast(last[0]);
            } else {
                left[0]--;
            }
            // Now and then it is the host's turn.
            last[0] = random.nextInt(10) == 0 ? null : waiting.pollFirst();
            return last[0];
        };
        for (int i = 0; i < many; i++) {
            final Coroutine coroutine = take();
            coroutine.run(() -> {
                for (int turn = 0; turn < turns; turn++) {
                    if (inside.incrementAndGet() != 1) {
                        overlaps.add("turn " + turn);
                    }
                    count[0]++;
                    inside.decrementAndGet();
                    coroutine.suspend(new Pause());
                }
            });
            waiting.addLast(coroutine);
        }
        int byHost = 0;
        while (left[0] > 0) {
            assertThat(inside.getAndSet(1)).isZero();
            byHost++;
            inside.set(0);
            last[0] = waiting.pollFirst();
            last[0].resume(relay);
        }
        assertThat(overlaps).isEmpty();
        assertThat(count[0]).isEqualTo(many * turns);
        assertThat(byHost).isBetween(10, many * turns / 2);
    }

    @Test
    void aThreadWhoseCodeHasEndedGoesOnWithTheNext() {
        final Coroutine coroutine = begun();
        final Set<Thread> threads = new HashSet<>();
        final int[] count = new int[1];
        final Coroutine.Relay relay = () -> {
            if (++count[0] == 1000) {
                return null;
            }
            coroutine.prepare(() -> threads.add(Thread.currentThread()));
            return coroutine;
        };
        assertThat(coroutine.run(() -> threads.add(Thread.currentThread()), relay)).isTrue();
        assertThat(count[0]).isEqualTo(1000);
        assertThat(threads).containsExactly(coroutine.thread());
    }

    @Test
    void anInterruptOfTheHostReachesWhoeverRunsAndStaysWithTheHost() throws Exception {
        final Coroutine first = begun();
        final Coroutine second = begun();
        final CountDownLatch blocks = new CountDownLatch(1);
        final boolean[] interrupted = new boolean[1];
        second.prepare(() -> {
            blocks.countDown();
            try {
                TimeUnit.SECONDS.sleep(50);
            } catch (final InterruptedException e) {
                interrupted[0] = true;
            }
        });
        final Thread host = Thread.currentThread();
        final Thread interrupter = new Thread(() -> {
            try {
                blocks.await();
            } catch (final InterruptedException e) {
                return;
            }
            host.interrupt();
        });
        interrupter.start();
        final AtomicInteger asked = new AtomicInteger();
        first.run(() -> {}, () -> asked.getAndIncrement() == 0 ? second : null);
        assertThat(Thread.interrupted()).isTrue();
        assertThat(interrupted[0]).isTrue();
        // The host, which was interrupted, is to see it before anything else runs.
        assertThat(asked).hasValue(1);
        interrupter.join();
    }

    @Test
    void noInterruptIsLostWhileTheTurnIsPassedOn() throws Exception {
        final Coroutine[] both = {begun(), begun()};
        final Thread host = Thread.currentThread();
        for (int round = 0; round < 300; round++) {
            final int nanos = round * 400;
            final boolean[] seen = new boolean[1];
            final int[] passed = new int[1];
            final Coroutine.Relay relay = () -> {
                final Coroutine next = both[++passed[0] % 2];
                // It runs until it is interrupted.
                next.prepare(() -> {
                    final long until = System.nanoTime() + (passed[0] < 50 ? 1_000 : 20_000_000_000L);
                    while (!seen[0] && System.nanoTime() < until) {
                        seen[0] |= Thread.currentThread().isInterrupted();
                    }
                });
                return next;
            };
            final Thread interrupter = new Thread(() -> {
                LockSupport.parkNanos(nanos);
                host.interrupt();
            });
            interrupter.start();
            final long begin = System.nanoTime();
            both[0].run(() -> {}, relay);
            assertThat(Thread.interrupted()).isTrue();
            interrupter.join();
            assertThat(System.nanoTime() - begin).isLessThan(20_000_000_000L);
        }
    }
}
