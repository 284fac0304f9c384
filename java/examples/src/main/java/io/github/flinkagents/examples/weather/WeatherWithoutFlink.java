package io.github.flinkagents.examples.weather;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.Paths;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.apache.flink.agents.api.AgentsExecutionEnvironment;

/** The same agent as in {@link WeatherJob}, in this JVM, without a cluster: for tests, tools and trying out. */
public final class WeatherWithoutFlink {
    private WeatherWithoutFlink() {}

    /** Prints the remarks: {@code <input file>}. */
    public static void main(final String[] args) throws Exception {
        if (args.length != 1) {
            throw new IllegalArgumentException("Usage: WeatherWithoutFlink <seattle-weather.csv>");
        }
        remarks(days(Paths.get(args[0]))).forEach(System.out::println);
    }

    /** Reads a file of days. */
    public static List<DayOfWeather> days(final Path file) throws IOException {
        try (Stream<String> lines = Files.lines(file, StandardCharsets.UTF_8)) {
            return lines.filter(line -> !line.startsWith("date,")).map(DayOfWeather::parse).collect(Collectors.toList());
        }
    }

    /** Gives the days to the agent and returns what it says. */
    public static List<Remark> remarks(final List<DayOfWeather> days) throws Exception {
        final List<Object> input = new ArrayList<>();
        for (final DayOfWeather day : days) {
            input.add(Map.of("key", day.calendarMonth(), "value", day));
        }
        final AgentsExecutionEnvironment agents = AgentsExecutionEnvironment.getExecutionEnvironment();
        final List<Map<String, Object>> output = agents.fromList(input).apply(new WeatherAgent()).toList();
        agents.execute();
        final List<Remark> remarks = new ArrayList<>();
        for (final Map<String, Object> record : output) {
            for (final Object remark : record.values()) {
                remarks.add((Remark) remark);
            }
        }
        return remarks;
    }
}
