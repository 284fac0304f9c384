package org.apache.flink.agents.runtime.local;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import org.apache.flink.agents.api.AgentsExecutionEnvironment;
import org.apache.flink.agents.api.Event;
import org.apache.flink.agents.api.InputEvent;
import org.apache.flink.agents.api.OutputEvent;
import org.apache.flink.agents.api.agents.Agent;
import org.apache.flink.agents.api.annotation.Action;
import org.apache.flink.agents.api.context.AsyncDurableCallable;
import org.apache.flink.agents.api.context.DurableCallable;
import org.apache.flink.agents.api.context.RunnerContext;

/** An agent whose actions do what the test says, and durable calls made of lambdas. One test at a time. */
final class AsyncAgents {
    static final boolean VIRTUAL = Runtime.version().feature() >= 21;

    /** What an action does. */
    interface Script {
        void run(Event event, RunnerContext context) throws Exception;
    }

    private static final Map<String, Script> SCRIPTS = new ConcurrentHashMap<>();

    private AsyncAgents() {}

    /** Its class makes durable calls, so that its actions run where they can wait. */
    public static final class Scripted extends Agent {
        Scripted() throws NoSuchMethodException {
            addAction(new String[] {"direct"}, Direct.class.getMethod("direct", Event.class, RunnerContext.class));
        }

        @Action("_input_event")
        public static void ask(final Event event, final RunnerContext context) throws Exception {
            script("ask").run(event, context);
        }

        @Action("_input_event")
        public static void beside(final Event event, final RunnerContext context) throws Exception {
            script("beside").run(event, context);
        }

        @Action("next")
        public static void next(final Event event, final RunnerContext context) throws Exception {
            script("next").run(event, context);
        }

        static <T> T async(final RunnerContext context, final DurableCallable<T> callable) throws Exception {
            return context.durableExecuteAsync(callable);
        }
    }

    /** Not known to wait: it runs on the host's own thread, until it does. */
    public static final class Direct {
        public static void direct(final Event event, final RunnerContext context) throws Exception {
            script("direct").run(event, context);
        }
    }

    private static Script script(final String action) {
        return SCRIPTS.getOrDefault(action, (event, context) -> {});
    }

    /** Forgets all scripts. */
    static void reset() {
        SCRIPTS.clear();
    }

    static void on(final String action, final Script script) {
        SCRIPTS.put(action, script);
    }

    /** Runs the agent on inputs {@code key, value, key, value ...}; the outputs, in order. */
    static List<Map<String, Object>> run(final Map<String, Object> config, final Object... keysAndValues) throws Exception {
        final List<Object> elements = new ArrayList<>();
        for (int i = 0; i < keysAndValues.length; i += 2) {
            elements.add(Map.of("key", keysAndValues[i], "value", keysAndValues[i + 1]));
        }
        return run(config, elements);
    }

    static List<Map<String, Object>> run(final Map<String, Object> config, final List<Object> elements) throws Exception {
        final AgentsExecutionEnvironment env = AgentsExecutionEnvironment.getExecutionEnvironment();
        config.forEach((key, value) -> env.getConfig().setStr(key, value.toString()));
        final List<Map<String, Object>> outputs = env.fromList(elements).apply(new Scripted()).toList();
        env.execute();
        return outputs;
    }

    static Object input(final Event event) {
        return InputEvent.fromEvent(event).getInput();
    }

    static void output(final RunnerContext context, final Object value) {
        context.sendEvent(new OutputEvent(value));
    }

    static <T> T async(final RunnerContext context, final String id, final Callable<T> body) throws Exception {
        return Scripted.async(context, call(id, body));
    }

    /** A call that blocks a thread. */
    static <T> DurableCallable<T> call(final String id, final Callable<T> body) {
        return call(id, null, body);
    }

    static <T> DurableCallable<T> call(final String id, final Duration limit, final Callable<T> body) {
        return new Blocking<>(id, limit, body);
    }

    /** A call that needs no thread. */
    static <T> AsyncDurableCallable<T> staged(final String id, final Callable<CompletionStage<T>> body) {
        return staged(id, null, body);
    }

    static <T> AsyncDurableCallable<T> staged(
            final String id, final Duration limit, final Callable<CompletionStage<T>> body) {
        return new Staged<>(id, limit, body);
    }

    /** Gives what it was made for, once it came; fails the test if that takes too long. */
    static void await(final CountDownLatch latch) throws InterruptedException {
        if (!latch.await(30, TimeUnit.SECONDS)) {
            throw new AssertionError("What the test waits for did not come in 30 s");
        }
    }

    /** Waits for a thread's end, whatever interrupts come meanwhile; the last of them stays. */
    static void joinStubbornly(final Thread thread) {
        boolean interrupted = false;
        while (thread.isAlive()) {
            try {
                thread.join();
            } catch (final InterruptedException e) {
                interrupted = true;
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }

    /** Gives way until something holds; fails the test if that takes too long. */
    static void until(final String what, final BooleanSupplier holds) {
        final long limit = System.nanoTime() + Duration.ofSeconds(30).toNanos();
        while (!holds.getAsBoolean()) {
            if (System.nanoTime() > limit) {
                throw new AssertionError("Not within 30 s: " + what);
            }
            LockSupport.parkNanos(1_000_000);
        }
    }

    /** Waits whatever interrupts it, as bad clients do. */
    static void awaitStubbornly(final CountDownLatch latch) {
        boolean over = false;
        while (!over) {
            try {
                await(latch);
                over = true;
            } catch (final InterruptedException e) {
                // That is the point.
            }
        }
    }

    private abstract static class Named<T> {
        private final String id;
        private final Duration limit;

        Named(final String id, final Duration limit) {
            this.id = id;
            this.limit = limit;
        }

        public String getId() {
            return id;
        }

        public Duration timeout() {
            return limit;
        }

        @SuppressWarnings("unchecked") // nothing is read back here
        public Class<T> getResultClass() {
            return (Class<T>) Object.class;
        }
    }

    private static final class Blocking<T> extends Named<T> implements DurableCallable<T> {
        private final Callable<T> body;

        Blocking(final String id, final Duration limit, final Callable<T> body) {
            super(id, limit);
            this.body = body;
        }

        @Override
        public T call() throws Exception {
            return body.call();
        }
    }

    private static final class Staged<T> extends Named<T> implements AsyncDurableCallable<T> {
        private final Callable<CompletionStage<T>> body;

        Staged(final String id, final Duration limit, final Callable<CompletionStage<T>> body) {
            super(id, limit);
            this.body = body;
        }

        @Override
        public CompletionStage<T> callAsync() throws Exception {
            return body.call();
        }
    }
}
