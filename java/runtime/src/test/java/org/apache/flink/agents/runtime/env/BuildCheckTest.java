package org.apache.flink.agents.runtime.env;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.URI;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileSystem;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.function.Predicate;
import java.util.jar.JarEntry;
import java.util.jar.JarOutputStream;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.apache.flink.agents.api.Event;
import org.apache.flink.agents.core.AgentsCore;
import org.apache.flink.agents.plan.AgentPlan;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class BuildCheckTest {

    private static final Path API = place(Event.class);
    private static final Path PLAN = place(AgentPlan.class);
    private static final Path CORE = place(AgentsCore.class);
    private static final Path RUNTIME = place(BuildCheck.class);

    @TempDir private Path dir;

    private static Path place(final Class<?> type) {
        return Path.of(URI.create(type.getProtectionDomain().getCodeSource().getLocation().toString()));
    }

    /** Classes of {@code from}, a directory or a jar, in a new jar with Maven's notes of another build. */
    private Path jar(final String name, final Path from, final Predicate<String> wanted, final String group, final String version)
            throws IOException {
        final Path jar = dir.resolve(name);
        try (OutputStream file = Files.newOutputStream(jar);
                JarOutputStream out = new JarOutputStream(file)) {
            if (Files.isDirectory(from)) {
                copy(from, wanted, out);
            } else {
                // Under "mvn package" the modules are jars.
                try (FileSystem opened = FileSystems.newFileSystem(from, (ClassLoader) null)) {
                    copy(opened.getPath("/"), wanted, out);
                }
            }
            out.putNextEntry(new JarEntry("META-INF/maven/" + group + "/flink-agents-any/pom.properties"));
            out.write(("groupId=" + group + "\nversion=" + version + "\n").getBytes(StandardCharsets.UTF_8));
        }
        return jar;
    }

    private static void copy(final Path root, final Predicate<String> wanted, final JarOutputStream out) throws IOException {
        try (Stream<Path> files = Files.walk(root)) {
            for (final Path path : (Iterable<Path>) files.filter(p -> p.toString().endsWith(".class"))::iterator) {
                final String entry = root.relativize(path).toString();
                if (wanted.test(entry)) {
                    out.putNextEntry(new JarEntry(entry));
                    out.write(Files.readAllBytes(path));
                }
            }
        }
    }

    /** Finds flink-agents classes in these places, everything else where this test does. */
    private static URLClassLoader loader(final Path... places) throws IOException {
        final URL[] urls = new URL[places.length];
        for (int i = 0; i < urls.length; i++) {
            urls[i] = places[i].toUri().toURL();
        }
        return new URLClassLoader(urls, BuildCheckTest.class.getClassLoader()) {
            @Override
            protected Class<?> loadClass(final String name, final boolean resolve) throws ClassNotFoundException {
                if (!name.startsWith("org.apache.flink.agents.")) {
                    return super.loadClass(name, resolve);
                }
                synchronized (getClassLoadingLock(name)) {
                    final Class<?> known = findLoadedClass(name);
                    return known == null ? findClass(name) : known;
                }
            }
        };
    }

    @Test
    void oneBuildPasses() {
        assertThatCode(BuildCheck::check).doesNotThrowAnyException();
    }

    @Test
    void aJarThatReplacesOnlySomeClassesOfAModuleIsFound() throws IOException {
        final Path other =
                jar("other-api.jar", API, name -> name.endsWith("/Event.class"), "org.apache.flink", "9.9.9");
        try (URLClassLoader loader = loader(other, API, PLAN, CORE, RUNTIME)) {
            assertThatThrownBy(() -> BuildCheck.check(loader))
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessageContainingAll(
                            "org.apache.flink.agents.api.Event comes from", "other-api.jar", "org.apache.flink 9.9.9", API.getFileName().toString(), "lib/");
        }
    }

    @Test
    void modulesOfDifferentVersionsAreFound() throws IOException {
        final String group = "io.github.flink-agents-rs";
        final Path api = jar("api.jar", API, name -> true, group, "0.0.2");
        final Path core = jar("core.jar", CORE, name -> true, group, "0.0.2");
        final Path runtime = jar("runtime.jar", RUNTIME, name -> true, group, "0.0.2");
        final Path plan = jar("plan.jar", PLAN, name -> true, group, "0.0.1");
        try (URLClassLoader loader = loader(plan, api, core, runtime)) {
            assertThatThrownBy(() -> BuildCheck.check(loader))
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessageContainingAll("plan.jar", "0.0.1", "runtime.jar", "0.0.2");
        }
        final Path samePlan = jar("same-plan.jar", PLAN, name -> true, group, "0.0.2");
        try (URLClassLoader loader = loader(samePlan, api, core, runtime)) {
            assertThatCode(() -> BuildCheck.check(loader)).doesNotThrowAnyException();
        }
    }

    @Test
    void aMissingModuleIsNamed() throws IOException {
        for (final Path missing : List.of(API, PLAN, CORE)) {
            final Path[] others =
                    Arrays.stream(new Path[] {API, PLAN, CORE, RUNTIME}).filter(p -> !p.equals(missing)).toArray(Path[]::new);
            try (URLClassLoader loader = loader(others)) {
                assertThatThrownBy(() -> BuildCheck.check(loader))
                        .isInstanceOf(IllegalStateException.class)
                        .hasMessageContaining("missing")
                        .hasMessageContaining("flink-agents-dist");
            }
        }
    }

    @Test
    void theCheckUsesNoClassThatCouldBeTheWrongOne() throws IOException {
        try (InputStream in = BuildCheck.class.getResourceAsStream("BuildCheck.class")) {
            final String constants = new String(in.readAllBytes(), StandardCharsets.ISO_8859_1);
            // Names in constants have dots; classes in use have slashes.
            assertThat(Pattern.compile("org/apache/flink/[\\w/$]+").matcher(constants).results())
                    .extracting(MatchResult::group)
                    .isNotEmpty()
                    .allMatch(used -> used.contains("/BuildCheck"));
        }
    }
}
