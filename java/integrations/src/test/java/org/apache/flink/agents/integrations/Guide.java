package org.apache.flink.agents.integrations;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.Paths;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** A page of docs/guides whose code a test has, and runs. */
final class Guide {
    private static final Pattern JAVA = Pattern.compile("^```java\n(.*?)^```$", Pattern.DOTALL | Pattern.MULTILINE);

    private Guide() {}

    /** The pieces of Java that a page has, as they stand in a class. */
    static List<String> codeOf(final String page) throws IOException {
        final Matcher blocks = JAVA.matcher(Files.readString(root().resolve("docs/guides").resolve(page)));
        final List<String> found = new ArrayList<>();
        while (blocks.find()) {
            found.add(blocks.group(1).replaceAll("(?m)^(?=.)", "    "));
        }
        return found;
    }

    /** The source of a test of this package. */
    static String sourceOf(final Class<?> test) throws IOException {
        final String name = test.getName().replace('.', '/') + ".java";
        return Files.readString(root().resolve("java/integrations/src/test/java").resolve(name));
    }

    private static Path root() {
        Path root = Paths.get("").toAbsolutePath();
        while (!Files.isDirectory(root.resolve("docs/guides"))) {
            root = root.getParent();
        }
        return root;
    }
}
