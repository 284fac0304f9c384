package org.apache.flink.agents.embedded;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Collectors;
import org.apache.flink.agents.api.Event;
import org.apache.flink.agents.api.EventType;
import org.apache.flink.agents.api.InputEvent;
import org.apache.flink.agents.api.OutputEvent;
import org.apache.flink.agents.api.agents.Agent;
import org.apache.flink.agents.api.annotation.Action;
import org.apache.flink.agents.api.context.RunnerContext;
import org.apache.flink.api.connector.source.util.ratelimit.RateLimiterStrategy;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.configuration.RestartStrategyOptions;
import org.apache.flink.core.execution.JobClient;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.Timeout.ThreadMode;
import org.junit.jupiter.api.io.TempDir;

/** Jobs whose calls bring more than a record of the journal usually holds. */
@Timeout(value = 120, threadMode = ThreadMode.SEPARATE_THREAD)
class LargeResultsTest {
    private static final int LARGE = 10 << 20;

    /** Failures yet to come. */
    private static final AtomicInteger FAILURES = new AtomicInteger();

    @TempDir Path directory;

    @BeforeEach
    @AfterEach
    void forget() {
        Bookkeeper.reset();
        FAILURES.set(0);
        Asker.reset();
    }

    /** One call that brings much, whatever comes of it; and one that begins when that is recorded. */
    public static final class Heavy extends Agent {
        @Action(EventType.InputEvent)
        public static void act(final Event event, final RunnerContext context) throws Exception {
            final String input = (String) InputEvent.fromEvent(event).getInput();
            Object result;
            try {
                result = context.durableExecute(new Bookkeeper.Entry(input, 0, "much", () -> "x".repeat(LARGE)));
            } catch (final Exception e) {
                result = e.toString();
            }
            context.durableExecute(new Bookkeeper.Entry(input, 1, "little", () -> ""));
            if (FAILURES.getAndDecrement() > 0) {
                throw new IllegalStateException("A failure that the test asked for");
            }
            context.sendEvent(new OutputEvent(input + " " + ((String) result).length()));
        }
    }

    @Test
    void aResultOfTenMegabytesFailsItsJobAloneAndSaysHowItCanBeRecorded() throws Exception {
        final StreamExecutionEnvironment other = Cluster.env(1, new Configuration());
        final Queue<Object> outputs =
                Cluster.emitted(JournalJobsTest.job(other, new Asker(), 1, RateLimiterStrategy.noOp(), Map.of()));
        final JobClient client = other.executeAsync("is not concerned");
        Asker.awaitBegun(1);

        final Map<String, String> options = JournalJobsTest.store("sqlite", directory);
        // It is no failure of the action, which may be tried again or passed over: the call was made, and nobody would know.
        options.put("retry.max-attempts", "2");
        options.put("retry.backoff", "1 ms");
        options.put("on-failure", "dead-letter");
        final Configuration config = JournalJobsTest.withoutCheckpoints("hashmap");
        config.set(RestartStrategyOptions.RESTART_STRATEGY_FIXED_DELAY_ATTEMPTS, 1);
        assertThatThrownBy(
                        () ->
                                Cluster.runToFailure(
                                        JournalJobsTest.job(Cluster.env(1, config), new Heavy(), 1, RateLimiterStrategy.noOp(), options)))
                .hasStackTraceContaining("a record is too large")
                .hasStackTraceContaining("and " + (1 << 20) + " are allowed")
                .hasStackTraceContaining("raise action-state.max-record-size");
        assertThat(Bookkeeper.ledger().stream().map(line -> line.name).collect(Collectors.toList()))
                .as("once in each attempt of the job, and nothing went on without its record")
                .containsExactly("much", "much");
        assertThat(Bookkeeper.ledger().stream().map(line -> line.key).distinct()).as("idempotency keys").hasSize(1);

        Asker.open();
        client.getJobExecutionResult().get();
        assertThat(outputs).containsExactly(JournalJobsTest.input(0) + "#1");
    }

    @Test
    void withALargerLimitItIsRecordedAndComesFromTheJournalAfterAFailure() throws Exception {
        checkWithALargerLimit(JournalJobsTest.store("sqlite", directory));
    }

    static void checkWithALargerLimit(final Map<String, String> options) throws Exception {
        FAILURES.set(2);
        options.put("action-state.max-record-size", "16 mb");
        final List<Object> outputs =
                Cluster.run(
                        JournalJobsTest.job(
                                Cluster.env(1, JournalJobsTest.config("hashmap", 3_600_000)), new Heavy(), 1, RateLimiterStrategy.noOp(), options));
        assertThat(FAILURES.get()).as("it did fail").isLessThanOrEqualTo(0);
        assertThat(outputs).containsExactly(JournalJobsTest.input(0) + " " + LARGE);
        Bookkeeper.checkLedger();
        assertThat(Bookkeeper.ledger().stream().filter(line -> line.name.equals("much"))).as("calls that bring much").hasSize(1);
    }
}
