package io.github.flinkagents.examples;

import io.github.flinkagents.examples.market.MarketJob;
import io.github.flinkagents.examples.weather.Remark;
import io.github.flinkagents.examples.weather.WeatherJob;
import io.github.flinkagents.examples.weather.WeatherWithoutFlink;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.Paths;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.apache.flink.agents.api.AgentsExecutionEnvironment;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.runtime.util.EnvironmentInformation;
import org.apache.flink.streaming.api.datastream.DataStream;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.util.CloseableIterator;

/** What {@code make demo} shows: both example jobs on an embedded Flink, over real data, told in plain words. */
public final class Demo {
    private final PrintStream out;
    private final Path data;
    private final Path results;

    private Demo(final PrintStream out, final Path data, final Path results) {
        this.out = out;
        this.data = data;
        this.results = results;
    }

    /** Runs the demo: {@code <directory of the data> <directory for the results>}. */
    public static void main(final String[] args) throws Exception {
        if (args.length != 2) {
            throw new IllegalArgumentException("Usage: Demo <directory of the data> <directory for the results>");
        }
        // Not the platform's charset: degrees and dashes are to look right in a terminal of any locale.
        final PrintStream out = new PrintStream(System.out, true, StandardCharsets.UTF_8);
        new Demo(out, Paths.get(args[0]), Paths.get(args[1])).run();
    }

    private void run() throws Exception {
        final long begin = System.nanoTime();
        out.printf(
                "%nApache Flink %s, embedded in Java %s; every decision is taken by the Rust core.%n",
                EnvironmentInformation.getVersion(), System.getProperty("java.version"));

        final Path weather = data.resolve("seattle-weather.csv");
        final long days = records(weather);
        out.printf("%n1. One agent that remembers%n%n");
        say(
                "What comes in: " + days + " days of Seattle's weather, 2012 to 2015, one by one.",
                "What the agent does: it compares each day with the earlier days of the same month, which it keeps in",
                "short-term memory. It remarks on records broken by 1 or more (condition: type == 'record' && margin >= 1.0)",
                "and on heavy rain (condition: input.precipitation >= 30.0). Records of the first year it only learns.");
        final StreamExecutionEnvironment first = environment();
        final DataStream<Remark> remarks =
                WeatherJob.remarks(first, AgentsExecutionEnvironment.getExecutionEnvironment(first), weather.toString());
        final List<String> weatherLines = show(remarks, "Seattle weather", "weather.txt");

        final Path stocks = data.resolve("stocks.csv");
        final long prices = records(stocks);
        out.printf("%n2. Two agents, the second listens to the first%n%n");
        say(
                "What comes in: " + prices + " monthly share prices of AAPL, AMZN, GOOG, IBM and MSFT, 2000 to 2010.",
                "The first agent remembers each company's last price and judges the change: rose, fell or steady (5 %).",
                "The second collects these verdicts by month and remarks when four or more companies moved the same way.");
        final StreamExecutionEnvironment second = environment();
        final DataStream<String> months =
                MarketJob.remarks(second, AgentsExecutionEnvironment.getExecutionEnvironment(second), stocks.toString());
        final List<String> marketLines = show(months, "Five companies", "market.txt");

        out.printf("%n3. The first agent again, without Flink%n%n");
        final List<Remark> alone = WeatherWithoutFlink.remarks(WeatherWithoutFlink.days(weather));
        // Only the records of one key have an order.
        final List<String> aloneLines = alone.stream().map(Remark::toString).sorted().collect(Collectors.toList());
        final boolean same = aloneLines.equals(weatherLines.stream().sorted().collect(Collectors.toList()));
        say(
                "The same class, in a plain main method of this JVM, on the same Rust core: "
                        + alone.size()
                        + " remarks, "
                        + (same ? "each the same as on Flink." : "NOT the same as on Flink, which is an error."));

        out.printf("%nSummary%n%n");
        say(
                days + " days in, " + weatherLines.size() + " remarks out; of the others there was nothing to say.",
                prices + " prices in, " + marketLines.size() + " months out in which nearly all companies moved together.",
                String.format("All this took %.1f s, the start of Flink included.", (System.nanoTime() - begin) / 1e9),
                "All remarks: " + results.resolve("weather.txt") + ", " + results.resolve("market.txt"));
        out.printf("%nWhat to read next%n%n");
        say(
                "the agent        java/examples/src/main/java/io/github/flinkagents/examples/weather/WeatherAgent.java",
                "your own agent   docs/getting-started-java.md",
                "from upstream    docs/migrating.md");
        if (!same) {
            System.exit(1);
        }
    }

    private void say(final String... lines) {
        for (final String line : lines) {
            out.println("   " + line);
        }
    }

    private static StreamExecutionEnvironment environment() {
        final Configuration configuration = new Configuration();
        // A demo must not open ports to others.
        configuration.setString("rest.bind-address", "localhost");
        configuration.setString("jobmanager.bind-host", "localhost");
        configuration.setString("taskmanager.bind-host", "localhost");
        final StreamExecutionEnvironment env = StreamExecutionEnvironment.getExecutionEnvironment(configuration);
        // So that remarks come in the order of the days; the jobs themselves may run with any parallelism.
        env.setParallelism(1);
        return env;
    }

    /** Prints each result as soon as Flink hands it over. */
    @SuppressWarnings("try") // That close() may be interrupted is as it should be: main lets it pass.
    private List<String> show(final DataStream<?> stream, final String jobName, final String file) throws Exception {
        out.println();
        final List<String> lines = new ArrayList<>();
        try (CloseableIterator<?> iterator = stream.executeAndCollect(jobName)) {
            while (iterator.hasNext()) {
                final String line = iterator.next().toString();
                out.println("     " + line);
                lines.add(line);
            }
        }
        Files.createDirectories(results);
        Files.write(results.resolve(file), lines, StandardCharsets.UTF_8);
        return lines;
    }

    private static long records(final Path file) throws IOException {
        try (Stream<String> lines = Files.lines(file, StandardCharsets.UTF_8)) {
            return lines.filter(line -> !line.isBlank()).count() - 1;
        }
    }
}
