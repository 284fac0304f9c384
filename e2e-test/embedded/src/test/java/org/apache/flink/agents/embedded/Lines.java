package org.apache.flink.agents.embedded;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** Lines of event logs in files. */
final class Lines {
    private static final ObjectMapper JSON = new ObjectMapper();

    private Lines() {}

    /** Those of all files in a directory. */
    static List<JsonNode> in(final Path directory) throws IOException {
        final List<Path> files;
        try (Stream<Path> found = Files.list(directory)) {
            files = found.filter(file -> file.getFileName().toString().startsWith("events-")).sorted().collect(Collectors.toList());
        }
        final List<JsonNode> lines = new ArrayList<>();
        for (final Path file : files) {
            for (final String line : Files.readAllLines(file)) {
                lines.add(JSON.readTree(line));
            }
        }
        return lines;
    }

    static List<String> types(final List<JsonNode> lines) {
        return lines.stream().map(line -> line.get("eventType").asText()).collect(Collectors.toList());
    }
}
