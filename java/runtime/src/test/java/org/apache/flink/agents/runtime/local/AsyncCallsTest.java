package org.apache.flink.agents.runtime.local;

import static org.apache.flink.agents.runtime.local.AsyncAgents.async;
import static org.apache.flink.agents.runtime.local.AsyncAgents.await;
import static org.apache.flink.agents.runtime.local.AsyncAgents.awaitStubbornly;
import static org.apache.flink.agents.runtime.local.AsyncAgents.call;
import static org.apache.flink.agents.runtime.local.AsyncAgents.input;
import static org.apache.flink.agents.runtime.local.AsyncAgents.on;
import static org.apache.flink.agents.runtime.local.AsyncAgents.output;
import static org.apache.flink.agents.runtime.local.AsyncAgents.run;
import static org.apache.flink.agents.runtime.local.AsyncAgents.staged;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowable;

import java.io.IOException;
import java.time.Duration;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.LockSupport;
import org.apache.flink.agents.api.Event;
import org.apache.flink.agents.api.context.DurableCallTimeoutException;
import org.apache.flink.agents.api.context.DurableCallable;
import org.apache.flink.agents.api.context.RunnerContext;
import org.apache.flink.metrics.Counter;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.Timeout.ThreadMode;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** How durable calls end: by a result, an error, their time limit, or by being given up. */
@Timeout(value = 60, threadMode = ThreadMode.SEPARATE_THREAD)
class AsyncCallsTest {
    private static final Map<String, Object> DEFAULTS = Map.of();

    @BeforeEach
    void forgetScripts() {
        AsyncAgents.reset();
    }

    /** Runs a script as an action that can wait, or, {@code direct}, as one on the host's own thread; it has to end well. */
    private static void inAction(final boolean direct, final Map<String, Object> config, final AsyncAgents.Script script)
            throws Exception {
        final AsyncAgents.Script whole = (event, context) -> {
            script.run(event, context);
            output(context, "ended well");
        };
        if (direct) {
            on("ask", (event, context) -> context.sendEvent(new Event("direct")));
            on("direct", whole);
        } else {
            on("ask", whole);
        }
        assertThat(run(config, "the-key", 1)).containsExactly(Map.of("the-key", "ended well"));
    }

    private static void inAction(final AsyncAgents.Script script) throws Exception {
        inAction(false, DEFAULTS, script);
    }

    private static Counter late(final RunnerContext context) {
        return context.getAgentMetricGroup().getCounter("numOfLateCallResults");
    }

    private static void becomes(final Counter counter, final long count) {
        AsyncAgents.until(count + " late results", () -> counter.getCount() == count);
    }

    // ---- errors

    private static final List<Throwable> ERRORS = List.of(
            new IOException("checked"), new IllegalStateException("unchecked"), new AssertionError("an error"),
            new StackOverflowError("endless"), new InterruptedException("interrupted"), new CancellationException("cancelled"));

    private static <T> T throwing(final Throwable thrown) throws Exception {
        if (thrown instanceof Error) {
            throw (Error) thrown;
        }
        throw (Exception) thrown;
    }

    @ParameterizedTest
    @CsvSource({"call,false", "call,true", "staged,false", "staged,true", "completion,false", "completion,true", "at once,false",
        "at once,true"})
    void whatACallThrowsComesOutAsItIs(final String way, final boolean direct) throws Exception {
        inAction(direct, DEFAULTS, (event, context) -> {
            for (final Throwable thrown : ERRORS) {
                final DurableCallable<Object> callable;
                if (way.equals("call")) {
                    callable = call("c", () -> throwing(thrown));
                } else if (way.equals("at once")) {
                    callable = staged("c", () -> throwing(thrown));
                } else {
                    final Throwable how = way.equals("staged") ? thrown : new CompletionException(thrown);
                    final CompletableFuture<Object> future = new CompletableFuture<>();
                    future.completeExceptionally(how);
                    callable = staged("c", () -> future);
                }
                assertThat(catchThrowable(() -> context.durableExecuteAsync(callable))).isSameAs(thrown);
                assertThat(catchThrowable(() -> context.durableExecute(callable))).isSameAs(thrown);
                assertThat(catchThrowable(() -> context.durableExecuteAllAsync(List.of(call("d", () -> 1), callable), false)))
                        .isSameAs(thrown);
            }
        });
    }

    // ---- calls that need no thread

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void aStageMayCompleteAtOnceLaterOrByNull(final boolean direct) throws Exception {
        inAction(direct, DEFAULTS, (event, context) -> {
            assertThat(context.durableExecuteAsync(staged("c", () -> CompletableFuture.completedFuture("at once"))))
                    .isEqualTo("at once");
            assertThat(context.durableExecute(staged("c", () -> CompletableFuture.completedFuture("at once"))))
                    .isEqualTo("at once");
            assertThat(context.durableExecuteAsync(staged("c", () -> CompletableFuture.supplyAsync(() -> "later"))))
                    .isEqualTo("later");
            final Object none = context.durableExecuteAsync(staged("c", () -> CompletableFuture.completedFuture(null)));
            assertThat(none).isNull();
        });
    }

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void noStageIsAClearError(final boolean direct) throws Exception {
        inAction(direct, DEFAULTS, (event, context) -> {
            final DurableCallable<Object> none = staged("the-call", () -> null);
            for (int i = 0; i < 2; i++) {
                assertThatThrownBy(() -> context.durableExecuteAsync(none))
                        .isInstanceOf(IllegalStateException.class)
                        .hasMessage("callAsync() of durable call 'the-call' returned null instead of a stage");
                assertThatThrownBy(() -> context.durableExecute(none))
                        .isInstanceOf(IllegalStateException.class)
                        .hasMessageContaining("'the-call'");
            }
        });
    }

    @Test
    void manyStagesNeedNoThreads() throws Exception {
        final List<CompletableFuture<Integer>> begun = new ArrayList<>();
        final AtomicReference<Thread> completer = new AtomicReference<>();
        inAction(false, Map.of("num-async-threads", 1), (event, context) -> {
            final List<DurableCallable<Integer>> calls = new ArrayList<>();
            for (int i = 0; i < 5000; i++) {
                calls.add(staged("c" + i, () -> {
                    final CompletableFuture<Integer> future = new CompletableFuture<>();
                    begun.add(future);
                    if (begun.size() == 5000) {
                        completer.set(new Thread(() -> {
                            for (int n = 4999; n >= 0; n--) {
                                begun.get(n).complete(n);
                            }
                        }));
                        completer.get().start();
                    }
                    return future;
                }));
            }
            final List<Integer> results = context.durableExecuteAllAsync(calls, true);
            for (int i = 0; i < 5000; i++) {
                assertThat(results.get(i)).isEqualTo(i);
            }
        });
        completer.get().join();
    }

    @Test
    void aStageIsCancelledAtItsLimit() throws Exception {
        final CompletableFuture<Object> never = new CompletableFuture<>();
        inAction((event, context) -> assertThatThrownBy(
                        () -> context.durableExecuteAsync(staged("c", Duration.ofMillis(20), () -> never)))
                .isInstanceOf(DurableCallTimeoutException.class));
        assertThat(never.isCancelled()).isTrue();
    }

    @Test
    void aStageThatCannotBeCancelledDoesNotKeepItsLimitFromWorking() throws Exception {
        inAction((event, context) -> {
            for (final RuntimeException refused : List.of(new UnsupportedOperationException("no"), new IllegalStateException("no"))) {
                final CompletableFuture<Object> stage = new CompletableFuture<>() {
                    @Override
                    public CompletableFuture<Object> toCompletableFuture() {
                        throw refused;
                    }
                };
                assertThatThrownBy(() -> context.durableExecuteAsync(staged("c", Duration.ofMillis(20), () -> stage)))
                        .isInstanceOf(DurableCallTimeoutException.class);
            }
        });
    }

    @Test
    void aStageThatTakesNobodyInIsAnErrorOfTheCall() throws Exception {
        final IllegalStateException broken = new IllegalStateException("broken");
        inAction((event, context) -> {
            final CompletionStage<Object> stage = new CompletableFuture<>() {
                @Override
                public CompletableFuture<Object> whenComplete(
                        final java.util.function.BiConsumer<? super Object, ? super Throwable> action) {
                    throw broken;
                }
            };
            assertThat(catchThrowable(() -> context.durableExecuteAsync(staged("c", () -> stage)))).isSameAs(broken);
        });
    }

    // ---- time limits

    @ParameterizedTest
    @CsvSource({"false,false,false", "false,false,true", "false,true,false", "false,true,true", "true,false,false", "true,true,false"})
    void aCallThatTakesTooLongIsInterruptedAndNamed(final boolean direct, final boolean option, final boolean sync)
            throws Exception {
        final AtomicInteger begun = new AtomicInteger();
        final AtomicInteger interrupted = new AtomicInteger();
        final String limit = option ? "PT0.03S" : "PT0.02S";
        inAction(direct, option ? Map.of("call.timeout", "30 ms") : DEFAULTS, (event, context) -> {
            for (int i = 0; i < 2; i++) {
                final DurableCallable<Object> call = call("the-call", option ? null : Duration.ofMillis(20), () -> {
                    begun.incrementAndGet();
                    try {
                        new CountDownLatch(1).await();
                    } catch (final InterruptedException e) {
                        interrupted.incrementAndGet();
                        throw e;
                    }
                    return null;
                });
                assertThatThrownBy(() -> {
                            if (sync) {
                                context.durableExecute(call);
                            } else {
                                context.durableExecuteAsync(call);
                            }
                        })
                        .isInstanceOf(DurableCallTimeoutException.class)
                        .hasMessageContainingAll(
                                "'the-call'", direct ? "'direct'" : "'ask'", "'Scripted'", "\"the-key\"", limit, "call.timeout");
            }
            // A limit of its own counts, not the option's.
            assertThat(context.durableExecuteAsync(call("quick", Duration.ofSeconds(20), () -> 1))).isEqualTo(1);
        });
        // One whose time was over before it had a thread has not begun.
        assertThat(begun.get()).isBetween(0, 2);
        AsyncAgents.until("those that had begun were interrupted", () -> interrupted.get() == begun.get());
    }

    @Test
    void aLimitMayBeLongerThanAllTime() throws Exception {
        inAction((event, context) -> {
            for (final Duration limit : List.of(ChronoUnit.FOREVER.getDuration(), Duration.ofMillis(Long.MAX_VALUE))) {
                assertThat(context.durableExecuteAsync(call("c", limit, () -> 1))).isEqualTo(1);
                assertThat(context.durableExecute(call("c", limit, () -> 2))).isEqualTo(2);
                assertThat(context.durableExecuteAllAsync(List.of(call("c", limit, () -> 3), call("c", () -> 4)), true))
                        .isEqualTo(List.of(3, 4));
            }
        });
    }

    @ParameterizedTest
    @ValueSource(longs = {0, -5})
    void noTimeAtAllIsTooLittle(final long millis) throws Exception {
        inAction((event, context) -> assertThatThrownBy(() -> context.durableExecuteAsync(call("c", Duration.ofMillis(millis), () -> {
                    new CountDownLatch(1).await();
                    return 1;
                })))
                .isInstanceOf(DurableCallTimeoutException.class));
    }

    @Test
    void whatComesTooLateIsDroppedAndCounted() throws Exception {
        final CountDownLatch release = new CountDownLatch(3);
        final AtomicReference<Counter> late = new AtomicReference<>();
        inAction((event, context) -> {
            late.set(late(context));
            // Time enough to begin, on a machine with much else to do: what has not begun brings nothing late.
            assertThatThrownBy(() -> context.durableExecuteAsync(call("stubborn", Duration.ofSeconds(1), () -> {
                        awaitStubbornly(release);
                        return 1;
                    })))
                    .isInstanceOf(DurableCallTimeoutException.class);
            // One that stops when it is told to brings nothing.
            assertThatThrownBy(() -> context.durableExecuteAsync(call("obeys", Duration.ofMillis(20), () -> {
                        new CountDownLatch(1).await();
                        return 1;
                    })))
                    .isInstanceOf(DurableCallTimeoutException.class);
            final CompletableFuture<Object> stage = new CompletableFuture<>();
            assertThatThrownBy(() -> context.durableExecuteAsync(staged("cancelled", Duration.ofMillis(20), () -> stage)))
                    .isInstanceOf(DurableCallTimeoutException.class);
            assertThat(late.get().getCount()).isZero();
            release.countDown();
            release.countDown();
            release.countDown();
            assertThat(async(context, "next", () -> 5)).isEqualTo(5);
        });
        becomes(late.get(), 1);
    }

    // ---- side by side

    @ParameterizedTest
    @CsvSource({"false,false", "false,true", "true,false", "true,true"})
    void resultsAreInTheOrderOfTheCalls(final boolean direct, final boolean cancel) throws Exception {
        final CountDownLatch second = new CountDownLatch(1);
        final CountDownLatch third = new CountDownLatch(1);
        inAction(direct, DEFAULTS, (event, context) -> {
            final List<Object> results = context.durableExecuteAllAsync(
                    List.of(
                            call("a", () -> {
                                await(second);
                                return "a";
                            }),
                            call("b", () -> {
                                await(third);
                                second.countDown();
                                return null;
                            }),
                            staged("c", () -> CompletableFuture.supplyAsync(() -> {
                                third.countDown();
                                return "c";
                            }))),
                    cancel);
            assertThat(results).containsExactly("a", null, "c");
        });
    }

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void anEmptyListHasNoResults(final boolean direct) throws Exception {
        inAction(direct, DEFAULTS, (event, context) -> {
            final List<Object> results = context.durableExecuteAllAsync(List.of(), true);
            assertThat(results).isEmpty();
            results.add("the caller's own");
        });
    }

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void theFirstFailureCancelsTheRest(final boolean direct) throws Exception {
        final CountDownLatch begun = new CountDownLatch(2);
        final CountDownLatch interrupted = new CountDownLatch(2);
        final CompletableFuture<Object> stage = new CompletableFuture<>();
        final IOException failure = new IOException("on purpose");
        inAction(direct, DEFAULTS, (event, context) -> {
            final DurableCallable<Object> waits = call("waits", () -> {
                begun.countDown();
                try {
                    new CountDownLatch(1).await();
                } catch (final InterruptedException e) {
                    interrupted.countDown();
                    throw e;
                }
                return null;
            });
            final DurableCallable<Object> fails = call("fails", () -> {
                await(begun);
                throw failure;
            });
            assertThat(catchThrowable(
                            () -> context.durableExecuteAllAsync(List.of(waits, staged("stage", () -> stage), fails, waits), true)))
                    .isSameAs(failure);
            assertThat(stage.isCancelled()).isTrue();
            await(interrupted);
            assertThat(failure.getSuppressed()).isEmpty();
        });
    }

    @Test
    void anActionThatIsWokenEarlyWaitsUntilTheRestIsCancelled() throws Exception {
        final AtomicBoolean wentOn = new AtomicBoolean();
        final AtomicBoolean tooEarly = new AtomicBoolean();
        inAction(true, DEFAULTS, (event, context) -> {
            final Thread waiting = Thread.currentThread();
            final CompletableFuture<Object> stage = new CompletableFuture<>() {
                @Override
                public boolean cancel(final boolean mayInterrupt) {
                    for (int i = 0; i < 1000 && !wentOn.get(); i++) {
                        LockSupport.unpark(waiting);
                        Thread.yield();
                    }
                    tooEarly.set(wentOn.get());
                    return super.cancel(mayInterrupt);
                }
            };
            final IOException failure = new IOException("on purpose");
            final DurableCallable<Object> fails = call("fails", () -> {
                throw failure;
            });
            assertThat(catchThrowable(() -> context.durableExecuteAllAsync(List.of(staged("stage", () -> stage), fails), true)))
                    .isSameAs(failure);
            wentOn.set(true);
            assertThat(stage.isCancelled()).isTrue();
        });
        assertThat(tooEarly).isFalse();
    }

    @Test
    void aCallThatIgnoresItsCancellationHoldsNobodyUp() throws Exception {
        final CountDownLatch begun = new CountDownLatch(1);
        final CountDownLatch release = new CountDownLatch(1);
        final AtomicReference<Counter> late = new AtomicReference<>();
        final DurableCallable<Object> stubborn = call("stubborn", () -> {
            begun.countDown();
            awaitStubbornly(release);
            return "late";
        });
        final DurableCallable<Object> fails = call("fails", () -> {
            await(begun);
            throw new IOException("on purpose");
        });
        on("ask", (event, context) -> {
            if (input(event).equals("first")) {
                late.set(late(context));
                assertThatThrownBy(() -> context.durableExecuteAllAsync(List.of(stubborn, fails), true))
                        .isInstanceOf(IOException.class);
                output(context, "goes on");
            } else {
                async(context, "call", () -> null);
                output(context, "goes on, too");
            }
        });
        try {
            assertThat(run(DEFAULTS, "k", "first", "k", "second", "l", "third")).hasSize(3);
        } finally {
            release.countDown();
        }
        becomes(late.get(), 1);
    }

    @Test
    void whatFailsBeforeTheRestBeginsKeepsItFromBeginning() throws Exception {
        final AtomicBoolean begun = new AtomicBoolean();
        inAction((event, context) -> {
            assertThatThrownBy(() -> context.durableExecuteAllAsync(
                            List.of(
                                    staged("fails", () -> throwing(new IOException("on purpose"))),
                                    staged("stage", () -> {
                                        begun.set(true);
                                        return new CompletableFuture<>();
                                    })),
                            true))
                    .isInstanceOf(IOException.class);
        });
        assertThat(begun).isFalse();
    }

    @Test
    void aStageThatComesAfterItsCallWasGivenUpIsCancelled() throws Exception {
        final CountDownLatch cancelled = new CountDownLatch(1);
        final CompletableFuture<Object> marker = new CompletableFuture<>();
        marker.whenComplete((result, thrown) -> cancelled.countDown());
        final CompletableFuture<Object> stage = new CompletableFuture<>();
        inAction((event, context) -> assertThatThrownBy(() -> context.durableExecuteAllAsync(
                        List.of(
                                staged("marker", Duration.ofMillis(200), () -> marker),
                                staged("late", Duration.ofMillis(1), () -> {
                                    // The limit of this call is over before that of the marker.
                                    await(cancelled);
                                    return stage;
                                })),
                        false))
                .isInstanceOf(DurableCallTimeoutException.class));
        assertThat(stage.isCancelled()).isTrue();
    }

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void withoutCancellingAllEndAndTheFirstInOrderFails(final boolean direct) throws Exception {
        final CountDownLatch other = new CountDownLatch(1);
        final AtomicBoolean ended = new AtomicBoolean();
        final IOException first = new IOException("first");
        final AssertionError second = new AssertionError("second");
        inAction(direct, DEFAULTS, (event, context) -> {
            assertThat(catchThrowable(() -> context.durableExecuteAllAsync(
                            List.of(
                                    call("a", () -> {
                                        await(other);
                                        ended.set(true);
                                        return 1;
                                    }),
                                    call("b", () -> {
                                        await(other);
                                        throw first;
                                    }),
                                    call("c", () -> {
                                        try {
                                            throw second;
                                        } finally {
                                            other.countDown();
                                        }
                                    })),
                            false)))
                    .isSameAs(first);
            assertThat(first.getSuppressed()).containsExactly(second);
            assertThat(ended).isTrue();
        });
    }

    @Test
    void aLimitOfOneCallCancelsTheRestIfAsked() throws Exception {
        final CountDownLatch interrupted = new CountDownLatch(1);
        inAction((event, context) -> {
            assertThatThrownBy(() -> context.durableExecuteAllAsync(
                            List.of(
                                    call("long", () -> {
                                        try {
                                            new CountDownLatch(1).await();
                                        } finally {
                                            interrupted.countDown();
                                        }
                                        return null;
                                    }),
                                    call("short", Duration.ofMillis(20), () -> {
                                        new CountDownLatch(1).await();
                                        return null;
                                    })),
                            true))
                    .isInstanceOf(DurableCallTimeoutException.class)
                    .hasMessageContaining("'short'");
            await(interrupted);
        });
    }

    // ---- interrupts

    @Test
    void anInterruptThatACallLeavesIsNotItsActions() throws Exception {
        inAction((event, context) -> {
            async(context, "bad manners", () -> {
                Thread.currentThread().interrupt();
                return null;
            });
            assertThat(Thread.currentThread().isInterrupted()).isFalse();
            assertThat(async(context, "next", () -> {
                Thread.sleep(1);
                return 1;
            })).isEqualTo(1);
        });
    }

    @Test
    void anInterruptThatAnActionLeavesIsNotTheNextOnes() throws Exception {
        final List<Boolean> seen = new ArrayList<>();
        on("ask", (event, context) -> {
            seen.add(Thread.currentThread().isInterrupted());
            Thread.currentThread().interrupt();
        });
        run(DEFAULTS, "k", 1, "k", 2, "l", 3);
        assertThat(seen).containsExactly(false, false, false);
    }

    @Test
    void anInterruptOfTheActionIsThereAfterTheWait() throws Exception {
        inAction((event, context) -> {
            Thread.currentThread().interrupt();
            assertThat(context.durableExecuteAsync(staged("c", () -> CompletableFuture.supplyAsync(() -> 1)))).isEqualTo(1);
            assertThat(Thread.interrupted()).isTrue();
        });
    }
}
