package org.apache.flink.agents.core;

import java.io.PrintStream;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Paths;
import java.security.CodeSource;
import java.util.ArrayList;
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
        final List<String> all = new ArrayList<>(Arrays.asList(words));
        if (words.length > 0 && words[0].equals("doctor")) {
            all.addAll(1, own());
        }
        final byte[] answer = Natives.command(Texts.encode(all));
        final List<String> texts = Texts.decode(answer, 1);
        print(output, texts.get(0));
        print(errors, texts.get(1));
        return answer[0];
    }

    /** What this installation has, for {@code doctor} where nothing else is named. */
    private static List<String> own() {
        final List<String> own = new ArrayList<>();
        own.add("--own-java");
        own.add(Paths.get(System.getProperty("java.home"), "bin", "java").toString());
        final CodeSource source = CommandLine.class.getProtectionDomain().getCodeSource();
        if (source != null && source.getLocation() != null && source.getLocation().getPath().endsWith(".jar")) {
            own.add("--jar");
            own.add(Paths.get(URI.create(source.getLocation().toString())).toString());
        }
        return own;
    }

    private static void print(final PrintStream stream, final String text) {
        final byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
        stream.write(bytes, 0, bytes.length);
    }
}
