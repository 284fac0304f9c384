package org.apache.flink.agents.embedded;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Map;
import org.apache.flink.agents.api.Event;
import org.apache.flink.agents.api.EventType;
import org.apache.flink.agents.api.InputEvent;
import org.apache.flink.agents.api.OutputEvent;
import org.apache.flink.agents.api.agents.Agent;
import org.apache.flink.agents.api.annotation.Action;
import org.apache.flink.agents.api.context.MemoryObject;
import org.apache.flink.agents.api.context.RunnerContext;
import org.apache.flink.runtime.checkpoint.OperatorSubtaskState;
import org.apache.flink.state.rocksdb.EmbeddedRocksDBStateBackend;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Short-term memory that expires. The clock is the test's. */
class TtlTest {
    private static final Map<String, Object> SECOND = Map.of("short-term-memory.state-ttl.ms", 1000);

    /** {@code write <path>}, {@code read <path>}, {@code late <path>}: reads at its start and, many tasks later, again. */
    public static final class Memo extends Agent {
        @Action(EventType.InputEvent)
        public static void handle(final Event event, final RunnerContext context) throws Exception {
            final String[] input = ((String) InputEvent.fromEvent(event).getInput()).split(" ");
            final MemoryObject memory = context.getShortTermMemory();
            switch (input[0]) {
                case "write":
                    memory.set(input[1], "value of " + input[1]);
                    break;
                case "read":
                    context.sendEvent(new OutputEvent(read(memory, input[1])));
                    break;
                default:
                    read(memory, input[1]);
                    context.sendEvent(new Event("wait", Map.of("path", input[1], "left", 2 * Harness.SLICE)));
            }
        }

        @Action("wait")
        public static void later(final Event event, final RunnerContext context) throws Exception {
            final int left = (Integer) event.getAttr("left");
            final String path = (String) event.getAttr("path");
            context.sendEvent(
                    left == 0
                            ? new OutputEvent(read(context.getShortTermMemory(), path))
                            : new Event("wait", Map.of("path", path, "left", left - 1)));
        }

        private static Object read(final MemoryObject memory, final String path) throws Exception {
            final MemoryObject found = memory.get(path);
            return found == null ? "nothing" : found.isNestedObject() ? "object" : found.getValue();
        }
    }

    private static Harness.Job<String, String> memo(final Map<String, ?> config) {
        return new Harness.Job<>(new Memo(), record -> "key", String.class, String.class, config);
    }

    private static Object ask(final Harness<String, String> flink, final String question) throws Exception {
        flink.in(question);
        flink.mails();
        return flink.out().get(0);
    }

    @ParameterizedTest
    @ValueSource(strings = {"heap", "rocksdb"})
    void memoryExpiresAfterTheTimeWithoutUse(final String backend) throws Exception {
        final Harness.Job<String, String> job = memo(SECOND).with(flink -> {
            if (backend.equals("rocksdb")) {
                flink.setStateBackend(new EmbeddedRocksDBStateBackend());
            }
        });
        try (Harness<String, String> flink = job.open()) {
            flink.flink().setStateTtlProcessingTime(0);
            flink.in("write a");
            flink.flink().setStateTtlProcessingTime(999);
            assertThat(ask(flink, "read a")).isEqualTo("value of a");
            flink.flink().setStateTtlProcessingTime(1998);
            assertThat(ask(flink, "read a")).as("the read renewed it").isEqualTo("value of a");
            flink.flink().setStateTtlProcessingTime(2999);
            assertThat(ask(flink, "read a")).isEqualTo("nothing");
        }
    }

    @Test
    void readsDoNotRenewWithOnCreateAndWrite() throws Exception {
        final Map<String, Object> config =
                Map.of(
                        "short-term-memory.state-ttl.ms", 1000,
                        "short-term-memory.state-ttl.update-type", "ON_CREATE_AND_WRITE");
        try (Harness<String, String> flink = memo(config).open()) {
            flink.flink().setStateTtlProcessingTime(0);
            flink.in("write a");
            flink.flink().setStateTtlProcessingTime(999);
            assertThat(ask(flink, "read a")).isEqualTo("value of a");
            flink.flink().setStateTtlProcessingTime(1001);
            assertThat(ask(flink, "read a")).isEqualTo("nothing");
        }
    }

    @Test
    void expiredMemoryIsSeenUntilItIsCleanedUpIfAskedFor() throws Exception {
        final Map<String, Object> config =
                Map.of(
                        "short-term-memory.state-ttl.ms", 1000,
                        "short-term-memory.state-ttl.visibility", "RETURN_EXPIRED_IF_NOT_CLEANED_UP");
        try (Harness<String, String> flink = memo(config).open()) {
            flink.flink().setStateTtlProcessingTime(0);
            flink.in("write a");
            flink.flink().setStateTtlProcessingTime(5000);
            assertThat(ask(flink, "read a")).isEqualTo("value of a");
        }
    }

    @Test
    void anObjectLivesAsLongAsWhatIsBelowIt() throws Exception {
        try (Harness<String, String> flink = memo(SECOND).open()) {
            flink.flink().setStateTtlProcessingTime(0);
            flink.in("write o.p.a");
            flink.in("write o.b");
            for (int i = 1; i <= 5; i++) {
                flink.flink().setStateTtlProcessingTime(i * 900);
                assertThat(ask(flink, "read o.p.a")).isEqualTo("value of o.p.a");
            }
            assertThat(ask(flink, "read o")).isEqualTo("object");
            assertThat(ask(flink, "read o.p")).isEqualTo("object");
            assertThat(ask(flink, "read o.b")).as("nobody used it").isEqualTo("nothing");
        }
    }

    @Test
    void nothingExpiresWithinARun() throws Exception {
        try (Harness<String, String> flink = memo(SECOND).open()) {
            flink.flink().setStateTtlProcessingTime(0);
            flink.in("write a");
            flink.flink().setStateTtlProcessingTime(500);
            flink.in("late a");
            flink.mail();
            flink.flink().setStateTtlProcessingTime(5000);
            flink.mails();
            assertThat(flink.out()).containsExactly("value of a");
        }
    }

    @Test
    void memoryDoesNotExpireWithoutTheOption() throws Exception {
        final OperatorSubtaskState state;
        try (Harness<String, String> flink = memo(Map.of()).open()) {
            flink.flink().setStateTtlProcessingTime(0);
            flink.in("write a");
            state = flink.snapshot(1);
        }
        try (Harness<String, String> flink = memo(Map.of()).restore(state)) {
            flink.flink().setStateTtlProcessingTime(Long.MAX_VALUE - 1);
            assertThat(ask(flink, "read a")).isEqualTo("value of a");
        }
    }

    @Test
    void theTimeGoesOnOverARestore() throws Exception {
        final OperatorSubtaskState state;
        try (Harness<String, String> flink = memo(SECOND).open()) {
            flink.flink().setStateTtlProcessingTime(0);
            flink.in("write a");
            flink.flink().setStateTtlProcessingTime(600);
            flink.in("write b");
            state = flink.snapshot(1);
        }
        try (Harness<String, String> flink = memo(SECOND).restore(state)) {
            flink.flink().setStateTtlProcessingTime(1200);
            assertThat(ask(flink, "read a")).isEqualTo("nothing");
            assertThat(ask(flink, "read b")).isEqualTo("value of b");
        }
    }
}
