package org.apache.flink.agents.embedded;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** A real broker in a directory, by {@code scripts/kafka-broker}. */
final class KafkaBroker implements AutoCloseable {
    private static final String SCRIPT = Path.of("../../scripts/kafka-broker").toAbsolutePath().normalize().toString();

    private final Path directory;
    private String told;

    private KafkaBroker(final Path directory) {
        this.directory = directory;
    }

    static KafkaBroker start(final Path directory) throws Exception {
        final KafkaBroker broker = new KafkaBroker(directory);
        broker.again();
        return broker;
    }

    /** Starts it, again too: the same data, the same ports. */
    void again() throws Exception {
        told = run("start");
    }

    /** kill -9. */
    void kill() throws Exception {
        run("kill");
    }

    /** What it tells of itself. */
    String text(final String name) {
        final Matcher found = Pattern.compile('"' + name + "\": *\"([^\"]*)\"").matcher(told);
        if (!found.find()) {
            throw new IllegalStateException("no " + name + " in " + told);
        }
        return found.group(1);
    }

    private String run(final String word) throws Exception {
        final List<String> command = new ArrayList<>(List.of(SCRIPT, word, directory.toString()));
        final Process process = new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.INHERIT).start();
        final String said;
        try {
            said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        } catch (final IOException e) {
            process.destroyForcibly();
            throw e;
        }
        if (process.waitFor() != 0) {
            throw new IllegalStateException(command + " ended with exit status " + process.exitValue());
        }
        return said;
    }

    @Override
    public void close() throws Exception {
        run("stop");
    }
}
