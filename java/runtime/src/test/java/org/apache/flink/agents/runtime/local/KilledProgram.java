package org.apache.flink.agents.runtime.local;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.Paths;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.flink.agents.api.AgentsExecutionEnvironment;
import org.apache.flink.agents.api.Event;
import org.apache.flink.agents.api.EventType;
import org.apache.flink.agents.api.InputEvent;
import org.apache.flink.agents.api.OutputEvent;
import org.apache.flink.agents.api.agents.Agent;
import org.apache.flink.agents.api.annotation.Action;
import org.apache.flink.agents.api.context.DurableCallContext;
import org.apache.flink.agents.api.context.DurableCallable;
import org.apache.flink.agents.api.context.MemoryObject;
import org.apache.flink.agents.api.context.RunnerContext;

/**
 * A run without Flink, in a JVM of its own that {@link LocalJournalTest} has halted in the midst of a call. Its arguments: a
 * directory, the name of the run, and the side effect in which the JVM ends, 0 for none.
 */
public final class KilledProgram {
    static final int KEYS = 5;
    static final int INPUTS = 4;
    /** Calls made for each input. */
    static final int CALLS = 3;

    private static final AtomicInteger EFFECTS = new AtomicInteger();
    private static Path ledger;
    private static int last;

    private KilledProgram() {}

    /** A side effect: a line in a file. */
    static final class Effect implements DurableCallable<String> {
        private final String what;

        Effect(final String what) {
            this.what = what;
        }

        @Override
        public String getId() {
            return "effect";
        }

        @Override
        public Class<String> getResultClass() {
            return String.class;
        }

        @Override
        public Object arguments() {
            return what;
        }

        @Override
        public String call() {
            throw new IllegalStateException("This call wants its key");
        }

        @Override
        public String call(final DurableCallContext context) {
            append(ledger, what + " " + context.idempotencyKey());
            if (EFFECTS.incrementAndGet() == last) {
                // As a crash does: nothing is flushed, no hook runs.
                Runtime.getRuntime().halt(9);
            }
            return what + " done";
        }
    }

    /** Two actions and memory. */
    public static final class Till extends Agent {
        @Action(EventType.InputEvent)
        public static void count(final Event event, final RunnerContext context) throws Exception {
            final MemoryObject known = context.getShortTermMemory().get("count");
            final int count = known == null ? 1 : (Integer) known.getValue() + 1;
            context.getShortTermMemory().set("count", count);
            final String input = InputEvent.fromEvent(event).getInput().toString();
            final Event next = new Event("next");
            next.setAttr("input", input);
            next.setAttr("made", context.durableExecute(new Effect(input + "/1")) + " #" + count);
            context.sendEvent(next);
        }

        @Action("next")
        public static void finish(final Event event, final RunnerContext context) throws Exception {
            final String input = event.getAttr("input").toString();
            final String two = context.durableExecute(new Effect(input + "/2"));
            final String three = context.durableExecute(new Effect(input + "/3"));
            context.sendEvent(new OutputEvent(event.getAttr("made") + ", " + two + ", " + three));
        }
    }

    static List<Object> inputs() {
        final List<Object> inputs = new ArrayList<>();
        for (int input = 0; input < INPUTS; input++) {
            for (int key = 0; key < KEYS; key++) {
                inputs.add(Map.of("key", "k" + key, "value", "k" + key + "/" + input));
            }
        }
        return inputs;
    }

    private static void append(final Path file, final String line) {
        try {
            Files.writeString(file, line + '\n', StandardCharsets.UTF_8, StandardOpenOption.CREATE, StandardOpenOption.APPEND);
        } catch (final IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    public static void main(final String[] args) throws Exception {
        final Path directory = Paths.get(args[0]);
        ledger = directory.resolve("ledger");
        last = Integer.parseInt(args[2]);
        final AgentsExecutionEnvironment env = AgentsExecutionEnvironment.getExecutionEnvironment();
        env.getConfig().setStr("actionStateStoreBackend", "sqlite");
        env.getConfig().setStr("sqlite.path", directory.resolve("journal.sqlite").toString());
        final List<Map<String, Object>> outputs = env.fromList(inputs()).apply(new Till()).toList();
        env.execute(args[1]);
        final Path file = directory.resolve("outputs");
        Files.deleteIfExists(file);
        for (final Map<String, Object> output : outputs) {
            append(file, output.toString());
        }
    }
}
