package org.apache.flink.agents.embedded;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;

/** The directory that the agents of {@code journalled_agents.py} write to: what their calls did, and where they are to fail. */
final class PythonLedger {
    /** Calls that {@code Books} makes for each input when nothing fails. */
    static final int CALLS = 9;
    /** Calls of one input that can be under way at a time. */
    static final int AT_A_TIME = 3;

    private final Path directory;

    PythonLedger(final Path directory) {
        this.directory = directory;
    }

    byte[] record(final String key, final int number) {
        return PythonTools.record(key, List.of(directory.toString(), key, number));
    }

    /** What comes out of {@code Books} for an input, the n-th of its key. */
    static String output(final String key, final int number, final int count) {
        final String run = key + "/" + number;
        return run + " charge(" + run.length() + ") None abc12 no stock 7 reconciled #" + count;
    }

    /** Has a worker fail at one of its steps: {@code raise} an exception in an action, or {@code kill} the worker. */
    void failAt(final String how, final int step) {
        write("failure", how + " " + step);
    }

    boolean hasFailed() {
        return Files.exists(directory.resolve("failed"));
    }

    void write(final String file, final String text) {
        try {
            Files.write(directory.resolve(file), text.getBytes(StandardCharsets.UTF_8));
        } catch (final IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    List<String> lines(final String file) {
        try {
            final Path path = directory.resolve(file);
            return Files.exists(path) ? Files.readAllLines(path) : List.of();
        } catch (final IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** The key of the call that wrote a line of the ledger. */
    static String keyOf(final String line) {
        return line.substring(line.lastIndexOf(' ') + 1);
    }

    /**
     * No call was made again after one that comes after it in its run: that one has waited for its record. The key of a call
     * is always the same, and no other's.
     *
     * @return how many calls were made again
     */
    int check() {
        final Map<String, Integer> furthest = new HashMap<>();
        final Map<String, String> keys = new HashMap<>();
        int again = 0;
        for (final String line : lines("ledger")) {
            final String call = line.substring(0, line.lastIndexOf(' '));
            final String[] parts = call.split(" ");
            final int step = Integer.parseInt(parts[1]);
            final String known = keys.putIfAbsent(call, keyOf(line));
            if (known != null) {
                again++;
                assertThat(keyOf(line)).as("key of %s", call).isEqualTo(known);
                assertThat(furthest.get(parts[0])).as("step that was reached before %s was made again", call).isLessThanOrEqualTo(step);
            }
            furthest.merge(parts[0], step, Math::max);
        }
        assertThat(new HashSet<>(keys.values())).as("keys of different calls").hasSize(keys.size());
        return again;
    }
}
