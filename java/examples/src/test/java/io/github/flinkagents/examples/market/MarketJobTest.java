package io.github.flinkagents.examples.market;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.apache.flink.agents.api.AgentsExecutionEnvironment;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.util.CloseableIterator;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Two agents in one job. */
class MarketJobTest {
    private static final List<String> LINES =
            List.of(
                    "symbol,date,price",
                    "AAPL,Jan 1 2000,10", "AAPL,Feb 1 2000,9", "AAPL,Mar 1 2000,9.9", "AAPL,Apr 1 2000,11",
                    "AMZN,Jan 1 2000,10", "AMZN,Feb 1 2000,8", "AMZN,Mar 1 2000,8.8", "AMZN,Apr 1 2000,10",
                    "IBM,Jan 1 2000,20", "IBM,Feb 1 2000,19", "IBM,Mar 1 2000,19.1", "IBM,Apr 1 2000,21",
                    "MSFT,Jan 1 2000,40", "MSFT,Feb 1 2000,30", "MSFT,Mar 1 2000,33", "MSFT,Apr 1 2000,36");

    @Test
    void monthsInWhichAllMovedTogetherAreToldWhateverTheParallelism(@TempDir final Path folder) throws Exception {
        final Path input = Files.write(folder.resolve("prices.csv"), LINES);
        for (final int parallelism : new int[] {1, 2}) {
            assertThat(run(input, parallelism))
                    .as("parallelism %d", parallelism)
                    .containsExactlyInAnyOrder(
                            "2000-02: a bad month for all, 4 companies lost 5 % or more"
                                    + " (AAPL -10.0 %, AMZN -20.0 %, IBM -5.0 %, MSFT -25.0 %)",
                            "2000-04: a good month for all, 4 companies gained 5 % or more"
                                    + " (AAPL +11.1 %, AMZN +13.6 %, IBM +9.9 %, MSFT +9.1 %)");
        }
    }

    @SuppressWarnings("try") // An interrupted close() fails the test, as it should.
    private static List<String> run(final Path input, final int parallelism) throws Exception {
        final StreamExecutionEnvironment env = StreamExecutionEnvironment.createLocalEnvironment(parallelism);
        final AgentsExecutionEnvironment agents = AgentsExecutionEnvironment.getExecutionEnvironment(env);
        final List<String> lines = new ArrayList<>();
        try (CloseableIterator<String> remarks = MarketJob.remarks(env, agents, input.toString()).executeAndCollect()) {
            remarks.forEachRemaining(lines::add);
        }
        return lines;
    }
}
