package org.apache.flink.agents.embedded;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.LocalDate;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.flink.agents.api.Event;
import org.apache.flink.agents.api.EventType;
import org.apache.flink.agents.api.OutputEvent;
import org.apache.flink.agents.api.agents.Agent;
import org.apache.flink.agents.api.annotation.Action;
import org.apache.flink.agents.api.context.DurableCallable;
import org.apache.flink.agents.api.context.RunnerContext;
import org.apache.flink.runtime.checkpoint.OperatorSubtaskState;
import org.apache.flink.streaming.util.OperatorSnapshotUtil;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.Timeout.ThreadMode;
import org.junit.jupiter.api.io.TempDir;

/**
 * A journal and a checkpoint that the first version with a journal has written, and no version writes again: a run that was in
 * flight at the checkpoint, and failed when everything it does was recorded.
 *
 * <p>For a new version add files of another name, made by this test with the system property {@code golden.directory}, and a test
 * that reads them; keep the old ones.
 */
@Timeout(value = 60, threadMode = ThreadMode.SEPARATE_THREAD)
class JournalGoldenTest {
    private static final String JOURNAL = "journal-v1.sqlite";
    private static final String CHECKPOINT = "journal-v1.checkpoint";

    @TempDir Path directory;

    private static final AtomicInteger MADE = new AtomicInteger();
    private static final List<Object> SEEN = new ArrayList<>();
    private static volatile boolean broken;

    /** Its fields are not what its constructor gets. */
    public static final class Declined extends Exception {
        private static final long serialVersionUID = 1L;
        final List<String> reasons;

        Declined(final int code, final String reason) {
            super("declined: " + code, new IllegalStateException("cause"));
            reasons = new ArrayList<>(List.of(reason));
        }
    }

    private static Object value() {
        return new ArrayList<>(Arrays.asList(
                1L, "ключ", null, LocalDate.of(2024, 2, 29), new TypesTest.Person("Ada", 36), new HashMap<>(Map.of("a", 1.5f))));
    }

    private static Object call(final RunnerContext context, final String id) throws Exception {
        return context.durableExecute(new DurableCallable<Object>() {
            @Override
            public String getId() {
                return id;
            }

            @Override
            public Class<Object> getResultClass() {
                return Object.class;
            }

            @Override
            public Object arguments() {
                return new ArrayList<>(List.of(id, 1));
            }

            @Override
            public Object call() throws Exception {
                MADE.incrementAndGet();
                if (id.equals("throws")) {
                    throw new Declined(7, "limit");
                }
                return value();
            }
        });
    }

    /** What wrote the files; not to be changed. */
    public static final class Golden extends Agent {
        @Action(EventType.InputEvent)
        public static void begin(final Event event, final RunnerContext context) throws Exception {
            final Object made = call(context, "first");
            context.getShortTermMemory().set("kept", made);
            context.getSensoryMemory().set("felt", new TypesTest.Person("Grace", 85));
            final Map<String, Object> attributes = new HashMap<>();
            attributes.put("sent", made);
            context.sendEvent(new Event("next", attributes));
        }

        @Action("next")
        public static void next(final Event event, final RunnerContext context) throws Exception {
            SEEN.add(event.getAttr("sent"));
            SEEN.add(context.getShortTermMemory().get("kept").getValue());
            SEEN.add(context.getSensoryMemory().get("felt").getValue());
            SEEN.add(call(context, "second"));
            try {
                call(context, "throws");
            } catch (final Declined e) {
                SEEN.add(e);
            }
            call(context, "last");
            // It begins when what comes before it is recorded for good.
            call(context, "after");
            if (broken) {
                throw new IllegalStateException("A failure that the test asked for");
            }
            context.sendEvent(new OutputEvent("done"));
        }
    }

    private Harness.Job<String, String> job(final Path journal) {
        final Map<String, Object> config = new HashMap<>();
        config.put("actionStateStoreBackend", "sqlite");
        config.put("sqlite.path", journal.toString());
        return new Harness.Job<>(new Golden(), TestAgents::keyOf, String.class, String.class, config);
    }

    private void write(final Path target) throws Exception {
        broken = true;
        final Harness<String, String> harness = job(target.resolve(JOURNAL)).open();
        harness.in("a/1");
        OperatorSnapshotUtil.writeStateHandle(harness.snapshot(1), target.resolve(CHECKPOINT).toString());
        assertThatThrownBy(() -> harness.await(1)).hasMessageContaining("A failure that the test asked for");
        harness.close();
        broken = false;
    }

    @Test
    void aJournalAndACheckpointOfTheFirstVersionAreRead() throws Exception {
        final String target = System.getProperty("golden.directory");
        if (target != null) {
            write(Path.of(target));
        }
        SEEN.clear();
        MADE.set(0);
        for (final String name : List.of(JOURNAL, CHECKPOINT)) {
            try (InputStream golden = JournalGoldenTest.class.getResourceAsStream("/" + name)) {
                Files.copy(golden, directory.resolve(name));
            }
        }
        final OperatorSubtaskState state = OperatorSnapshotUtil.readStateHandle(directory.resolve(CHECKPOINT).toString());
        try (Harness<String, String> harness = job(directory.resolve(JOURNAL)).restore(state)) {
            assertThat(harness.await(1)).containsExactly("done");
        }
        // Nobody knows whether the last one was recorded.
        assertThat(MADE.get()).as("calls made again").isLessThanOrEqualTo(1);
        assertThat(SEEN).hasSize(5);
        for (final int place : new int[] {0, 1, 3}) {
            assertThat(SEEN.get(place)).isEqualTo(value());
        }
        assertThat(SEEN.get(2)).isEqualTo(new TypesTest.Person("Grace", 85));
        final Declined declined = (Declined) SEEN.get(4);
        assertThat(declined).hasMessage("declined: 7").hasCauseInstanceOf(IllegalStateException.class);
        assertThat(declined.reasons).containsExactly("limit");
    }
}
