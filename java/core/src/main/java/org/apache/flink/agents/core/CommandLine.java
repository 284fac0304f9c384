package org.apache.flink.agents.core;

import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import org.apache.flink.agents.core.loader.NativeLibrary;

/**
 * The command {@code flink-agents} where there is no Python, and the main class of the distribution jar:
 *
 * <pre>{@code
 * java -jar flink-agents-dist-<version>.jar store inspect journal.sqlite
 * java -cp flink-agents-dist-<version>.jar org.apache.flink.agents.core.CommandLine store --help
 * }</pre>
 *
 * <p>It needs nothing beside that jar. What the commands are, and what the exit status means, {@code --help} says.
 */
public final class CommandLine {
    private CommandLine() {}

    /** Runs a command, prints what it says in UTF-8, and ends the JVM with its exit status. */
    public static void main(final String[] words) {
        final int status = run(System.out, System.err, words);
        System.out.flush();
        System.err.flush();
        System.exit(status);
    }

    /**
     * Runs a command in this JVM; returns when it is done.
     *
     * @param output gets what the command says, in UTF-8
     * @param errors gets what is wrong, in UTF-8
     * @param words name and arguments of the command
     * @return the exit status: 0 done; 1 done, and what was looked at is not as it should be; 2 wrong arguments or
     *     configuration; 3 it could not be done
     */
    public static int run(final PrintStream output, final PrintStream errors, final String... words) {
        NativeLibrary.load();
        final byte[] answer = Natives.command(Texts.encode(Arrays.asList(words)));
        final List<String> texts = Texts.decode(answer, 1);
        print(output, texts.get(0));
        print(errors, texts.get(1));
        return answer[0];
    }

    private static void print(final PrintStream stream, final String text) {
        final byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
        stream.write(bytes, 0, bytes.length);
    }
}
