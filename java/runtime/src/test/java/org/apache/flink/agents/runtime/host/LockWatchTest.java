package org.apache.flink.agents.runtime.host;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Collections;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.ReentrantLock;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.Timeout.ThreadMode;

/** What is a standstill and what is not, with looks a thousand times as often. */
@Timeout(value = 60, threadMode = ThreadMode.SEPARATE_THREAD)
class LockWatchTest {
    private static final long PERIOD = TimeUnit.MILLISECONDS.toNanos(1);

    /** Far longer than what makes a lock suspicious: a false alarm would show within it. */
    private static final long LONG_ENOUGH_MILLIS = 300;

    /** Some code of an action. */
    private interface Code {
        void run() throws InterruptedException;
    }

    private final CountDownLatch alarm = new CountDownLatch(1);
    private final AtomicReference<String> found = new AtomicReference<>();
    /** The thread of the one action that waits. */
    private final AtomicReference<Thread> waiting = new AtomicReference<>(Thread.currentThread());

    private List<ActionContext> owners(final long thread) {
        return thread < 0 || thread == waiting.get().getId() ? Collections.singletonList(null) : List.of();
    }

    private LockWatch watch() {
        final LockWatch watch = new LockWatch(PERIOD, this::owners, (actions, lock) -> {
            found.set(lock);
            alarm.countDown();
        });
        watch.start();
        return watch;
    }

    private static Thread start(final Code code) {
        final Thread thread = new Thread(() -> {
            try {
                code.run();
            } catch (final InterruptedException e) {
                // The end of the test.
            }
        }, "an action");
        thread.start();
        return thread;
    }

    private boolean isAlarmed(final LockWatch watch, final Code code) throws InterruptedException {
        final Thread thread = start(code);
        watch.runs(thread);
        final boolean alarmed = alarm.await(LONG_ENOUGH_MILLIS, TimeUnit.MILLISECONDS);
        thread.interrupt();
        return alarmed;
    }

    @Test
    void aLockOfAWaitingActionIsFound() throws Exception {
        final ReentrantLock lock = new ReentrantLock();
        waiting.set(Thread.currentThread());
        lock.lock();
        try (LockWatch watch = watch()) {
            final Thread thread = start(lock::lockInterruptibly);
            watch.runs(thread);
            assertThat(alarm.await(30, TimeUnit.SECONDS)).isTrue();
            assertThat(found.get()).contains("ReentrantLock");
            thread.interrupt();
        }
    }

    @Test
    void aMonitorOfAWaitingActionIsFound() throws Exception {
        final Object monitor = new Object();
        waiting.set(Thread.currentThread());
        try (LockWatch watch = watch()) {
            synchronized (monitor) {
                watch.runs(start(() -> {
                    synchronized (monitor) {
                        found.compareAndSet(null, "the monitor was free");
                    }
                }));
                assertThat(alarm.await(30, TimeUnit.SECONDS)).isTrue();
                assertThat(found.get()).contains("monitor");
            }
        }
    }

    @Test
    void aLockOfAnyOtherThreadIsNone() throws Exception {
        final ReentrantLock lock = new ReentrantLock();
        waiting.set(new Thread(() -> {}));
        lock.lock();
        try (LockWatch watch = watch()) {
            assertThat(isAlarmed(watch, lock::lockInterruptibly)).isFalse();
        }
    }

    @Test
    void whoWaitsForSomeTimeOnlyGoesOn() throws Exception {
        final ReentrantLock lock = new ReentrantLock();
        waiting.set(Thread.currentThread());
        lock.lock();
        try (LockWatch watch = watch()) {
            assertThat(isAlarmed(watch, () -> lock.tryLock(30, TimeUnit.SECONDS))).isFalse();
        }
    }

    @Test
    void latchesAndSemaphoresBelongToNobody() throws Exception {
        try (LockWatch watch = watch()) {
            assertThat(isAlarmed(watch, () -> new CountDownLatch(1).await())).isFalse();
            assertThat(isAlarmed(watch, () -> new Semaphore(0).acquire())).isFalse();
        }
    }

    @Test
    void nobodyRunsIsNone() throws Exception {
        final ReentrantLock lock = new ReentrantLock();
        waiting.set(Thread.currentThread());
        lock.lock();
        try (LockWatch watch = watch()) {
            final Thread call = start(lock::lockInterruptibly);
            watch.runs(call);
            // Its turn is over: what blocks now is its call.
            watch.runs(null);
            assertThat(alarm.await(LONG_ENOUGH_MILLIS, TimeUnit.MILLISECONDS)).isFalse();
            call.interrupt();
        }
    }

    @Test
    void nothingIsLeftAfterTheEnd() throws Exception {
        final LockWatch watch = watch();
        watch.runs(Thread.currentThread());
        watch.close();
        watch.close();
        assertThat(Thread.getAllStackTraces().keySet())
                .extracting(Thread::getName)
                .doesNotContain("flink-agents-java-async-locks");
    }
}
