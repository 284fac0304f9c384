package org.apache.flink.agents.runtime.local;

import static org.apache.flink.agents.runtime.local.AsyncAgents.async;
import static org.apache.flink.agents.runtime.local.AsyncAgents.await;
import static org.apache.flink.agents.runtime.local.AsyncAgents.input;
import static org.apache.flink.agents.runtime.local.AsyncAgents.on;
import static org.apache.flink.agents.runtime.local.AsyncAgents.output;
import static org.apache.flink.agents.runtime.local.AsyncAgents.run;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.LockSupport;
import java.util.concurrent.locks.ReentrantLock;
import org.apache.flink.agents.api.Event;
import org.apache.flink.agents.runtime.ActionTaskExecutionException;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.Timeout.ThreadMode;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Locks and monitors held while an action waits. */
@Timeout(value = 60, threadMode = ThreadMode.SEPARATE_THREAD)
class AsyncLocksTest {
    private static final Map<String, Object> DEFAULTS = Map.of();
    private static final int RELEASE = Runtime.version().feature();

    /** Whether an action that holds a monitor can be left. */
    private static final boolean LEAVES_MONITORS = RELEASE < 21 || RELEASE >= 24;

    @BeforeEach
    void forgetScripts() {
        AsyncAgents.reset();
    }

    /** The first waits and holds something; the second needs it, in a coroutine or on the host's own thread. */
    private static void oneHoldsAnotherNeeds(final boolean direct, final AsyncAgents.Script holds, final AsyncAgents.Script needs) {
        on("ask", (event, context) -> {
            if (input(event).equals("holds")) {
                holds.run(event, context);
            } else if (direct) {
                context.sendEvent(new Event("direct"));
            } else {
                needs.run(event, context);
            }
        });
        on("direct", needs);
    }

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void aLockThatAnotherActionNeedsEndsInAnError(final boolean direct) {
        final ReentrantLock lock = new ReentrantLock();
        final List<String> order = new ArrayList<>();
        oneHoldsAnotherNeeds(direct, (event, context) -> {
            lock.lock();
            try {
                async(context, "never", () -> {
                    new CountDownLatch(1).await();
                    return null;
                });
            } finally {
                order.add("released");
                lock.unlock();
            }
        }, (event, context) -> {
            lock.lock();
            order.add("taken");
            lock.unlock();
        });
        assertThatThrownBy(() -> run(DEFAULTS, "the-holder", "holds", "b", "needs"))
                .isInstanceOf(ActionTaskExecutionException.class)
                .hasMessageContainingAll(
                        "Action 'ask' of agent 'Scripted', key \"the-holder\"",
                        "waits for a durable call while it holds",
                        "ReentrantLock",
                        "durableExecuteAsync");
        assertThat(order).containsExactly("released", "taken");
        assertThat(lock.isLocked()).isFalse();
    }

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void aMonitorThatAnotherActionNeedsEndsInAnErrorOrWaits(final boolean direct) throws Exception {
        final Object monitor = new Object();
        final CountDownLatch never = new CountDownLatch(LEAVES_MONITORS ? 1 : 0);
        final List<String> order = new ArrayList<>();
        oneHoldsAnotherNeeds(direct, (event, context) -> {
            synchronized (monitor) {
                try {
                    async(context, "call", () -> {
                        never.await();
                        return null;
                    });
                } finally {
                    order.add("released");
                }
            }
            output(context, "went on");
        }, (event, context) -> {
            synchronized (monitor) {
                order.add("taken");
            }
            output(context, "went on");
        });
        if (LEAVES_MONITORS) {
            assertThatThrownBy(() -> run(DEFAULTS, "the-holder", "holds", "b", "needs"))
                    .isInstanceOf(ActionTaskExecutionException.class)
                    .hasMessageContainingAll("'ask'", "\"the-holder\"", "holds a monitor");
        } else {
            // The host waits with the action that cannot be left.
            assertThat(run(DEFAULTS, "the-holder", "holds", "b", "needs")).hasSize(2);
        }
        assertThat(order).containsExactly("released", "taken");
    }

    @Test
    void aMonitorThatNobodyNeedsHurtsNobody() throws Exception {
        final Object monitor = new Object();
        final CountDownLatch ran = new CountDownLatch(LEAVES_MONITORS ? 1 : 0);
        oneHoldsAnotherNeeds(false, (event, context) -> {
            synchronized (monitor) {
                async(context, "call", () -> {
                    await(ran);
                    return null;
                });
                assertThat(Thread.holdsLock(monitor)).isTrue();
            }
            output(context, "held");
        }, (event, context) -> {
            ran.countDown();
            output(context, "ran");
        });
        assertThat(run(DEFAULTS, "a", "holds", "b", "needs")).containsExactlyInAnyOrder(Map.of("a", "held"), Map.of("b", "ran"));
    }

    @Test
    void aCallThatNeedsALockOfAWaitingActionIsNoStandstill() throws Exception {
        final ReentrantLock lock = new ReentrantLock();
        final AtomicReference<Thread> inCall = new AtomicReference<>();
        oneHoldsAnotherNeeds(false, (event, context) -> {
            lock.lock();
            try {
                async(context, "until the other has waited for long", () -> {
                    while (inCall.get() == null || !lock.hasQueuedThread(inCall.get())) {
                        LockSupport.parkNanos(1_000_000);
                    }
                    // A false alarm would come within it.
                    return new CountDownLatch(1).await(3, TimeUnit.SECONDS);
                });
            } finally {
                lock.unlock();
            }
            output(context, "held");
        }, (event, context) -> {
            output(context, async(context, "needs the lock", () -> {
                inCall.set(Thread.currentThread());
                lock.lockInterruptibly();
                lock.unlock();
                return "had it";
            }));
        });
        assertThat(run(DEFAULTS, "a", "holds", "b", "needs")).containsExactlyInAnyOrder(Map.of("a", "held"), Map.of("b", "had it"));
    }

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void whoTriesForALockForSomeTimeGoesOn(final boolean direct) throws Exception {
        final ReentrantLock lock = new ReentrantLock();
        final CountDownLatch tried = new CountDownLatch(1);
        oneHoldsAnotherNeeds(direct, (event, context) -> {
            lock.lock();
            try {
                async(context, "until the other has tried", () -> {
                    await(tried);
                    return null;
                });
            } finally {
                lock.unlock();
            }
            output(context, "held");
        }, (event, context) -> {
            output(context, lock.tryLock(3, TimeUnit.SECONDS));
            tried.countDown();
        });
        assertThat(run(DEFAULTS, "a", "holds", "b", "needs")).containsExactlyInAnyOrder(Map.of("a", "held"), Map.of("b", false));
    }
}
