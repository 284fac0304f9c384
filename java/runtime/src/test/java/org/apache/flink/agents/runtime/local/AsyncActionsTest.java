package org.apache.flink.agents.runtime.local;

import static org.apache.flink.agents.runtime.local.AsyncAgents.async;
import static org.apache.flink.agents.runtime.local.AsyncAgents.await;
import static org.apache.flink.agents.runtime.local.AsyncAgents.call;
import static org.apache.flink.agents.runtime.local.AsyncAgents.input;
import static org.apache.flink.agents.runtime.local.AsyncAgents.on;
import static org.apache.flink.agents.runtime.local.AsyncAgents.output;
import static org.apache.flink.agents.runtime.local.AsyncAgents.run;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.CancellationException;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.LockSupport;
import org.apache.flink.agents.api.Event;
import org.apache.flink.agents.api.context.DurableCallTimeoutException;
import org.apache.flink.agents.api.context.MemoryObject;
import org.apache.flink.agents.api.context.RunnerContext;
import org.apache.flink.agents.api.resource.ResourceType;
import org.apache.flink.agents.runtime.ActionTaskExecutionException;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.Timeout.ThreadMode;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Actions that wait for durable calls, without Flink: what goes on meanwhile, and in which order. */
@Timeout(value = 60, threadMode = ThreadMode.SEPARATE_THREAD)
class AsyncActionsTest {
    private static final Map<String, Object> DEFAULTS = Map.of();

    @BeforeEach
    void forgetScripts() {
        AsyncAgents.reset();
    }

    private static List<Object> inputs(final int keys, final int perKey) {
        final List<Object> inputs = new ArrayList<>();
        for (int i = 0; i < perKey; i++) {
            for (int key = 0; key < keys; key++) {
                inputs.add(Map.of("key", "k" + key, "value", i));
            }
        }
        return inputs;
    }

    private static Map<String, List<Object>> byKey(final List<Map<String, Object>> outputs) {
        final Map<String, List<Object>> byKey = new HashMap<>();
        for (final Map<String, Object> output : outputs) {
            output.forEach((key, value) -> byKey.computeIfAbsent(key, k -> new ArrayList<>()).add(value));
        }
        return byKey;
    }

    private static int add(final MemoryObject memory, final String name, final int more) throws Exception {
        final int sum = (memory.isExist(name) ? (Integer) memory.get(name).getValue() : 0) + more;
        memory.set(name, sum);
        return sum;
    }

    /** How an action makes a call. */
    private interface Way {
        <T> T make(RunnerContext context, Callable<T> body) throws Exception;
    }

    private static final Way SYNC = new Way() {
        @Override
        public <T> T make(final RunnerContext context, final Callable<T> body) throws Exception {
            return context.durableExecute(call("c", body));
        }
    };

    private static final Way ASYNC = new Way() {
        @Override
        public <T> T make(final RunnerContext context, final Callable<T> body) throws Exception {
            return async(context, "c", body);
        }
    };

    private static Map<String, List<Object>> walk(final Way way) throws Exception {
        on("ask", (event, context) -> {
            final int value = (Integer) input(event);
            add(context.getShortTermMemory(), "asked", 1);
            context.getSensoryMemory().set("value", value);
            final int twice = way.make(context, () -> {
                LockSupport.parkNanos(ThreadLocalRandom.current().nextInt(200_000));
                return 2 * value;
            });
            context.sendEvent(new Event("next", Map.of("twice", twice)));
            output(context, "asked " + add(context.getShortTermMemory(), "sum", twice));
        });
        on("next", (event, context) -> {
            final int more = way.make(context, () -> 1);
            output(
                    context,
                    event.getAttr("twice") + " + " + more + " after " + context.getSensoryMemory().get("value").getValue()
                            + ", sum " + add(context.getShortTermMemory(), "sum", more)
                            + ", asked " + context.getShortTermMemory().get("asked").getValue());
        });
        return byKey(run(DEFAULTS, inputs(20, 15)));
    }

    @Test
    void waitingChangesNoResultAndNoOrderWithinAKey() throws Exception {
        final Map<String, List<Object>> expected = walk(SYNC);
        assertThat(expected).hasSize(20).allSatisfy((key, outputs) -> assertThat(outputs).hasSize(30));
        assertThat(walk(ASYNC)).isEqualTo(expected);
    }

    @Test
    void aThousandKeysWaitAtOnce() throws Exception {
        final CountDownLatch all = new CountDownLatch(1000);
        on("ask", (event, context) -> output(context, async(context, "meet", () -> {
            all.countDown();
            await(all);
            return input(event);
        })));
        assertThat(byKey(run(DEFAULTS, inputs(1000, 1)))).hasSize(1000);
    }

    @Test
    void otherActionsOfTheRunGoOn() throws Exception {
        final CyclicBarrier meeting = new CyclicBarrier(2);
        for (final String action : List.of("ask", "beside")) {
            on(action, (event, context) -> {
                async(context, "meet", () -> meeting.await(20, TimeUnit.SECONDS));
                output(context, action);
            });
        }
        assertThat(run(DEFAULTS, "k", 1)).containsExactlyInAnyOrder(Map.of("k", "ask"), Map.of("k", "beside"));
    }

    @Test
    void aCallMayWaitForTheRunOfAnotherKey() throws Exception {
        final CountDownLatch ran = new CountDownLatch(1);
        on("ask", (event, context) -> {
            if (input(event).equals("waits")) {
                async(context, "wait for b", () -> {
                    await(ran);
                    return null;
                });
            } else {
                context.sendEvent(new Event("direct"));
            }
            output(context, input(event));
        });
        on("direct", (event, context) -> ran.countDown());
        assertThat(run(DEFAULTS, "a", "waits", "b", "goes")).containsExactly(Map.of("b", "goes"), Map.of("a", "waits"));
    }

    @Test
    void theNextInputOfAKeyWaitsForTheRunBeforeIt() throws Exception {
        final List<Object> order = new ArrayList<>();
        final CountDownLatch other = new CountDownLatch(1);
        on("ask", (event, context) -> {
            order.add("begin " + input(event));
            async(context, "call", () -> {
                if (!input(event).equals("c")) {
                    await(other);
                }
                return null;
            });
            order.add("end " + input(event));
            if (input(event).equals("c")) {
                other.countDown();
            }
        });
        run(DEFAULTS, "k", "a", "k", "b", "l", "c");
        assertThat(order).containsExactly("begin a", "begin c", "end c", "end a", "begin b", "end b");
    }

    @Test
    void memoryAndEventsAreUsedBeforeAndAfterAWait() throws Exception {
        on("ask", (event, context) -> {
            final MemoryObject memory = context.getShortTermMemory();
            final MemoryObject object = memory.newObject("object", false);
            object.set("before", 1);
            context.sendEvent(new Event("next", Map.of("n", "before")));
            final String called = async(context, "call", () -> "called");
            assertThat(object.get("before").getValue()).isEqualTo(1);
            object.set("after", called);
            context.sendEvent(new Event("next", Map.of("n", "after")));
            assertThat(memory.get("object").getFieldNames()).containsExactlyInAnyOrder("before", "after");
            // Another key was selected meanwhile.
            assertThat(memory.isExist("of " + input(event))).isEqualTo(memory.isExist("seen"));
            memory.set("of " + input(event), true);
            memory.set("seen", true);
        });
        on("next", (event, context) -> {
            async(context, "call", () -> null);
            output(context, event.getAttr("n") + " " + context.getShortTermMemory().get("object.after").getValue());
        });
        final Map<String, List<Object>> outputs = byKey(run(DEFAULTS, "x", "x", "y", "y", "x", "x", "z", "z"));
        assertThat(outputs).containsOnlyKeys("x", "y", "z");
        assertThat(outputs.get("x")).hasSize(4).containsOnly("before called", "after called");
        assertThat(outputs.get("z")).containsExactlyInAnyOrder("before called", "after called");
    }

    @Test
    void oneThatIsNotKnownToWaitHoldsUpTheOthersOnlyOnce() throws Exception {
        final List<Thread> threads = new ArrayList<>();
        final CyclicBarrier meeting = new CyclicBarrier(2);
        on("ask", (event, context) -> context.sendEvent(new Event("direct", Map.of("n", input(event)))));
        on("direct", (event, context) -> {
            threads.add(Thread.currentThread());
            final int n = (Integer) event.getAttr("n");
            async(context, "call", () -> n == 0 ? 0 : meeting.await(20, TimeUnit.SECONDS));
            output(context, n);
        });
        assertThat(run(DEFAULTS, "a", 0, "b", 1, "c", 2)).hasSize(3);
        assertThat(threads.get(0)).isSameAs(Thread.currentThread());
        assertThat(threads.subList(1, 3)).doesNotContain(Thread.currentThread());
    }

    // ---- few threads

    @ParameterizedTest
    @ValueSource(ints = {1, 2})
    void anExhaustedPoolServesAll(final int threads) throws Exception {
        on("ask", (event, context) -> {
            final int first = async(context, "first", () -> 1);
            final List<Integer> both = context.durableExecuteAllAsync(List.of(call("a", () -> 2), call("b", () -> 3)), false);
            output(context, first + both.get(0) + both.get(1));
        });
        final Map<String, List<Object>> outputs = byKey(run(Map.of("num-async-threads", threads), inputs(50, 3)));
        assertThat(outputs).hasSize(50).allSatisfy((key, values) -> assertThat(values).containsExactly(6, 6, 6));
    }

    @Test
    void allThreadsOfAnExhaustedPoolGoOnBeingUsed() throws Exception {
        // Two calls meet each time: with one thread left unused, they never would.
        final CyclicBarrier meeting = new CyclicBarrier(2);
        on("ask", (event, context) -> output(context, async(context, "meet", () -> {
            meeting.await(10, TimeUnit.SECONDS);
            return input(event);
        })));
        assertThat(run(Map.of("num-async-threads", 2), inputs(50, 4))).hasSize(200);
    }

    @Test
    void aCallThatWaitsForARunThatHasNoThreadEndsAtItsLimit() throws Exception {
        if (AsyncAgents.VIRTUAL) {
            return;
        }
        final CountDownLatch ran = new CountDownLatch(1);
        on("ask", (event, context) -> {
            if (input(event).equals("waits")) {
                try {
                    AsyncAgents.Scripted.async(context, call("wait for b", Duration.ofMillis(50), () -> {
                        ran.await();
                        return "ran";
                    }));
                } catch (final DurableCallTimeoutException e) {
                    output(context, "gave up");
                }
            } else {
                async(context, "call", () -> null);
                ran.countDown();
            }
        });
        assertThat(run(Map.of("num-async-threads", 1), "a", "waits", "b", "runs")).containsExactly(Map.of("a", "gave up"));
        assertThat(ran.getCount()).isZero();
    }

    // ---- who may use the context

    private static String refusal(final Callable<?> use) {
        try {
            return "not refused: " + use.call();
        } catch (final IllegalStateException e) {
            return e.getMessage();
        } catch (final Exception e) {
            return "refused by " + e;
        }
    }

    private static Map<String, Callable<Object>> uses(final RunnerContext context) throws Exception {
        final MemoryObject sensory = context.getSensoryMemory();
        final MemoryObject object = context.getShortTermMemory().newObject("object", true);
        final Map<String, Callable<Object>> uses = new HashMap<>();
        uses.put("sendEvent", () -> {
            context.sendEvent(new Event("next"));
            return null;
        });
        uses.put("sensory get", () -> sensory.get("a"));
        uses.put("sensory set", () -> sensory.set("a", 1));
        uses.put("object get", () -> object.get("a"));
        uses.put("object set", () -> object.set("a", 1));
        uses.put("object isExist", () -> object.isExist("a"));
        uses.put("object getFields", object::getFields);
        uses.put("newObject", () -> object.newObject("b", true));
        uses.put("resource", () -> context.getResource("r", ResourceType.TOOL));
        uses.put("agent metrics", context::getAgentMetricGroup);
        uses.put("action metrics", context::getActionMetricGroup);
        uses.put("durableExecute", () -> context.durableExecute(call("inner", () -> 1)));
        uses.put("durableExecuteAsync", () -> context.durableExecuteAsync(call("inner", () -> 1)));
        uses.put("all", () -> context.durableExecuteAllAsync(List.of(call("inner", () -> 1)), true));
        uses.put("none of all", () -> context.durableExecuteAllAsync(List.of(), true));
        return uses;
    }

    private static Map<String, String> refusals(final Map<String, Callable<Object>> uses) {
        final Map<String, String> refusals = new ConcurrentHashMap<>();
        uses.forEach((use, code) -> refusals.put(use, refusal(code)));
        return refusals;
    }

    @ParameterizedTest
    @CsvSource({"sync", "async", "limited", "all", "staged", "first direct"})
    void aCallCannotUseTheContextAndTheRunGoesOnIfItCatchesThat(final String way) throws Exception {
        final Map<String, String> refusals = new ConcurrentHashMap<>();
        final AsyncAgents.Script script = (event, context) -> {
            final Map<String, Callable<Object>> uses = uses(context);
            final Callable<Integer> body = () -> {
                refusals.putAll(refusals(uses));
                return 1;
            };
            if (way.equals("sync")) {
                context.durableExecute(call("c", body));
            } else if (way.equals("limited")) {
                context.durableExecute(call("c", Duration.ofSeconds(20), body));
            } else if (way.equals("all")) {
                context.durableExecuteAllAsync(List.of(call("c", body), call("d", () -> 1)), false);
            } else if (way.equals("staged")) {
                context.durableExecuteAsync(AsyncAgents.staged("c", () -> {
                    body.call();
                    return java.util.concurrent.CompletableFuture.completedFuture(1);
                }));
            } else {
                context.durableExecuteAsync(call("c", body));
            }
            // Nothing is broken: the action's own code goes on.
            context.getSensoryMemory().set("a", "mine");
            output(context, context.getSensoryMemory().get("a").getValue());
        };
        if (way.equals("first direct")) {
            on("ask", (event, context) -> context.sendEvent(new Event("direct")));
            on("direct", script);
        } else {
            on("ask", script);
        }
        assertThat(run(DEFAULTS, "k", 1)).containsExactly(Map.of("k", "mine"));
        final String action = way.equals("first direct") ? "'direct'" : "'ask'";
        assertThat(refusals).hasSize(15).allSatisfy((use, refusal) -> assertThat(refusal)
                .as(use)
                .contains(action, "durable call", "only the action's own code"));
    }

    @Test
    void whatACallDidNotCatchEndsTheCallNotMore() throws Exception {
        on("ask", (event, context) -> {
            assertThatThrownBy(() -> async(context, "c", () -> {
                context.sendEvent(new Event("next"));
                return null;
            })).isInstanceOf(IllegalStateException.class).hasMessageContaining("in a durable call");
            output(context, "goes on");
        });
        on("next", (event, context) -> output(context, "sent"));
        assertThat(run(DEFAULTS, "k", 1)).containsExactly(Map.of("k", "goes on"));
    }

    @Test
    void anotherThreadCannotUseTheContext() throws Exception {
        final AtomicReference<Map<String, String>> refusals = new AtomicReference<>();
        on("ask", (event, context) -> {
            final Map<String, Callable<Object>> uses = uses(context);
            final Thread other = new Thread(() -> refusals.set(refusals(uses)), "somebody else");
            other.start();
            other.join();
            output(context, "goes on");
        });
        assertThat(run(DEFAULTS, "k", 1)).containsExactly(Map.of("k", "goes on"));
        assertThat(refusals.get()).hasSize(15).allSatisfy((use, refusal) -> assertThat(refusal)
                .as(use)
                .contains("'ask'", "\"somebody else\"", "only the action's own code"));
    }

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void aContextKeptAfterItsActionIsRefused(final boolean direct) throws Exception {
        final AtomicReference<Map<String, Callable<Object>>> kept = new AtomicReference<>();
        final List<Map<String, String>> refusals = new ArrayList<>();
        final AsyncAgents.Script script = (event, context) -> {
            if (kept.get() == null) {
                kept.set(uses(context));
            } else {
                final Map<String, Callable<Object>> uses = new HashMap<>(kept.get());
                // These touch nothing that ends with the action.
                uses.keySet().removeAll(List.of("agent metrics", "action metrics", "none of all", "resource"));
                refusals.add(refusals(uses));
            }
            output(context, "ended");
        };
        if (direct) {
            on("ask", (event, context) -> context.sendEvent(new Event("direct")));
            on("direct", script);
        } else {
            on("ask", script);
        }
        // The second run uses the same coroutine, or the host's thread again.
        assertThat(run(DEFAULTS, "k", 1, "k", 2, "l", 3)).hasSize(3);
        assertThat(refusals).hasSize(2).allSatisfy(of -> assertThat(of).hasSize(11).allSatisfy(
                // The core knows that the task has ended, unless another thread runs its action now.
                (use, refusal) -> assertThat(refusal).as(use).containsAnyOf("ended", "was used by thread")));
    }

    // ---- ends

    @Test
    void aFailedActionEndsThoseThatWait() throws Exception {
        final CountDownLatch waiting = new CountDownLatch(3);
        final CountDownLatch interrupted = new CountDownLatch(3);
        final List<String> ends = new ArrayList<>();
        on("ask", (event, context) -> {
            if (input(event).equals("fails")) {
                async(context, "until all wait", () -> {
                    await(waiting);
                    return null;
                });
                throw new IllegalStateException("on purpose");
            }
            try {
                async(context, "for ever", () -> {
                    waiting.countDown();
                    try {
                        new CountDownLatch(1).await();
                    } catch (final InterruptedException e) {
                        interrupted.countDown();
                        throw e;
                    }
                    return null;
                });
                ends.add("went on");
            } catch (final CancellationException e) {
                ends.add(e.getMessage());
                throw e;
            } finally {
                ends.add("finally");
                assertThatThrownBy(() -> output(context, "late")).isInstanceOf(CancellationException.class);
            }
        });
        assertThatThrownBy(() -> run(DEFAULTS, "a", "waits", "b", "waits", "c", "waits", "d", "fails"))
                .isInstanceOf(ActionTaskExecutionException.class)
                .hasMessageContaining("'ask'")
                .hasMessageContaining("\"d\"")
                .hasRootCauseMessage("on purpose");
        await(interrupted);
        assertThat(ends).hasSize(6);
        assertThat(ends.get(0)).contains("'ask'", "subtask ends");
        assertThat(ends).filteredOn("finally"::equals).hasSize(3);
    }

    @Test
    void callsThatIgnoreTheirInterruptsHoldTheEndUpOnceNotEach() throws Exception {
        final int many = 4;
        final CountDownLatch waiting = new CountDownLatch(many);
        final CountDownLatch release = new CountDownLatch(1);
        final CountDownLatch ended = new CountDownLatch(many);
        on("ask", (event, context) -> {
            if (input(event).equals("fails")) {
                async(context, "until all wait", () -> {
                    await(waiting);
                    return null;
                });
                throw new IllegalStateException("on purpose");
            }
            try {
                async(context, "stubborn", () -> {
                    waiting.countDown();
                    AsyncAgents.awaitStubbornly(release);
                    return null;
                });
            } finally {
                ended.countDown();
            }
        });
        final long begin = System.nanoTime();
        assertThatThrownBy(() -> run(DEFAULTS, "a", 1, "b", 2, "c", 3, "d", 4, "e", "fails"))
                .hasRootCauseMessage("on purpose");
        assertThat(Duration.ofNanos(System.nanoTime() - begin)).isLessThan(Duration.ofSeconds(10));
        release.countDown();
        // Also of those that were left behind.
        await(ended);
    }

    @Test
    void anInterruptOfTheCallerEndsTheRun() throws Exception {
        final CountDownLatch waiting = new CountDownLatch(2);
        final AtomicInteger ended = new AtomicInteger();
        on("ask", (event, context) -> {
            try {
                async(context, "for ever", () -> {
                    waiting.countDown();
                    new CountDownLatch(1).await();
                    return null;
                });
            } finally {
                ended.incrementAndGet();
            }
        });
        final Thread caller = Thread.currentThread();
        final Thread other = new Thread(() -> {
            AsyncAgents.awaitStubbornly(waiting);
            if (!AsyncAgents.VIRTUAL) {
                caller.interrupt();
            } else {
                // While it carries a virtual thread the JVM forgets interrupts of a thread (ADR 7): one more gets through.
                AsyncAgents.until("the actions have ended", () -> {
                    caller.interrupt();
                    return ended.get() == 2;
                });
            }
        });
        other.start();
        assertThatThrownBy(() -> run(DEFAULTS, "a", 1, "b", 2)).isInstanceOf(InterruptedException.class);
        AsyncAgents.joinStubbornly(other);
        assertThat(ended.get()).isEqualTo(2);
        final boolean stillInterrupted = Thread.interrupted();
        assertThat(stillInterrupted && !AsyncAgents.VIRTUAL).isFalse();
    }

    @Test
    void anInterruptOfTheCallerReachesTheActionThatRuns() throws Exception {
        final CountDownLatch running = new CountDownLatch(1);
        final Thread caller = Thread.currentThread();
        final Thread other = new Thread(() -> {
            AsyncAgents.awaitStubbornly(running);
            // While a virtual thread is mounted the JVM forgets interrupts of its carrier.
            AsyncAgents.until("the caller waits for the action", () -> caller.getState() == Thread.State.WAITING);
            caller.interrupt();
        });
        other.start();
        on("ask", (event, context) -> {
            running.countDown();
            new CountDownLatch(1).await();
        });
        assertThatThrownBy(() -> run(DEFAULTS, "a", 1)).hasRootCauseInstanceOf(InterruptedException.class);
        assertThat(Thread.interrupted()).as("who waits next has to see it, too").isTrue();
        other.join();
    }

    @Test
    void nothingIsLeftOfAHundredRuns() throws Exception {
        on("ask", (event, context) -> output(context, context.durableExecuteAllAsync(
                List.of(call("a", () -> 1), call("b", Duration.ofSeconds(20), () -> 2)), false)));
        for (int round = 0; round < 100; round++) {
            assertThat(run(DEFAULTS, "a", 1, "b", 2, "c", 3)).hasSize(3);
        }
        for (final Thread thread : Thread.getAllStackTraces().keySet()) {
            if (thread.getName().startsWith("flink-agents-java-async")) {
                thread.join(10_000);
                assertThat(thread.isAlive()).as(thread.getName()).isFalse();
            }
        }
    }
}
