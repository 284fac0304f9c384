package io.github.flinkagents.examples.weather;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The agent alone, without a cluster, and in a job whose end is files. */
class WeatherAgentTest {
    private static final List<String> LINES =
            List.of(
                    "date,precipitation,temp_max,temp_min,wind,weather",
                    "2012/01/01,5.0,10.0,2.0,4.0,rain",
                    "2012/01/02,9.0,12.0,1.0,4.0,rain",
                    "2012/02/01,31.0,9.0,0.0,3.0,rain",
                    "2013/01/01,9.5,12.0,1.0,4.0,rain",
                    "2013/01/02,40.0,14.5,1.0,4.0,rain",
                    "2013/02/01,0.0,9.0,-4.0,3.0,sun");

    @Test
    void theFirstYearIsLearnedFromAndHeavyRainIsAlwaysTold() throws Exception {
        assertThat(remarks(LINES.subList(0, 4)))
                .containsExactly("2012/02/01: heavy rain, 31.0 mm (no. 1 of the February days with 30 mm or more)");
    }

    @Test
    void aRecordCountsAgainstTheSameMonthAndOnlyByOneOrMore() throws Exception {
        assertThat(remarks(LINES))
                .as("keys overtake one another")
                .containsExactlyInAnyOrder(
                        "2012/02/01: heavy rain, 31.0 mm (no. 1 of the February days with 30 mm or more)",
                        "2013/01/02: heavy rain, 40.0 mm (no. 1 of the January days with 30 mm or more);"
                                + " the warmest January day so far, 14.5 °C (before: 12.0 on 2012/01/02);"
                                + " the wettest January day so far, 40.0 mm of rain (before: 9.5 on 2013/01/01)",
                        "2013/02/01: the coldest February day so far, -4.0 °C (before: 0.0 on 2012/02/01)");
    }

    @Test
    void aFlinkJobWritesTheSameRemarksToFiles(@TempDir final Path folder) throws Exception {
        final Path input = Files.write(folder.resolve("days.csv"), LINES);
        final Path output = folder.resolve("output");
        WeatherJob.main(new String[] {input.toString(), output.toString()});
        assertThat(finishedLines(output)).containsExactlyInAnyOrderElementsOf(remarks(LINES));
    }

    @Test
    void aLineThatIsNoDayIsRefusedByNameAndText() {
        assertThatThrownBy(() -> DayOfWeather.parse("2012-01-01,rain"))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("2012-01-01,rain")
                .hasMessageContaining("expected date,precipitation");
    }

    private static List<String> remarks(final List<String> lines) throws Exception {
        final List<DayOfWeather> days = lines.stream().skip(1).map(DayOfWeather::parse).collect(Collectors.toList());
        return WeatherWithoutFlink.remarks(days).stream().map(Remark::toString).collect(Collectors.toList());
    }

    /** Reads what a file sink has finished; names of files that it has not begin with a dot. */
    private static List<String> finishedLines(final Path directory) throws Exception {
        final List<String> lines = new ArrayList<>();
        try (Stream<Path> files = Files.walk(directory)) {
            for (final Path file : files.filter(Files::isRegularFile).collect(Collectors.toList())) {
                if (!file.getFileName().toString().startsWith(".")) {
                    lines.addAll(Files.readAllLines(file));
                }
            }
        }
        return lines;
    }
}
