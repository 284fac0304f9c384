package org.apache.flink.agents.runtime.env;

import java.io.IOException;
import java.io.InputStream;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.Paths;
import java.security.CodeSource;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Enumeration;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.Set;
import java.util.jar.JarEntry;
import java.util.jar.JarFile;
import java.util.regex.Pattern;

/**
 * Finds out whether API, plan, core and runtime come from one build. Flink takes {@code org.apache.flink.*} from its
 * {@code lib/} directory before the job's jar, so that a jar there that has classes of the same names replaces some of ours;
 * the job would then fail later, by errors that do not tell why.
 *
 * <p>Uses no class but the JDK's, for any other may be the wrong one.
 */
public final class BuildCheck {
    private static final String PACKAGE = "org.apache.flink.agents.";
    private static final String GROUP = "io.github.flink-agents-rs";
    private static final Pattern NOTES =
            Pattern.compile("META-INF/maven/(org\\.apache\\.flink|io\\.github\\.flink-agents-rs)/flink-agents-[^/]+/pom\\.properties");

    /** For each module classes that only this build has, and classes that others have as well; without supertypes of Flink. */
    private static final List<List<String>> MODULES =
            List.of(
                    List.of("api.EventAccess", "api.Event", "api.agents.Agent", "api.context.RunnerContext"),
                    List.of("plan.PlanAction", "plan.AgentPlan", "plan.AgentConfiguration"),
                    List.of("core.AgentsCore", "core.Natives"),
                    List.of("runtime.env.BuildCheck", "runtime.env.RemoteExecutionEnvironment", "runtime.host.JavaHost"));

    private BuildCheck() {}

    /**
     * Checks the classes that the class loader of this class sees.
     *
     * @throws IllegalStateException if they come from different builds; the message names the jars and the remedy
     */
    public static void check() {
        check(BuildCheck.class.getClassLoader());
    }

    static void check(final ClassLoader loader) {
        final List<List<Found>> modules = new ArrayList<>();
        for (final List<String> names : MODULES) {
            final List<Found> found = new ArrayList<>();
            for (final String name : names) {
                found.add(find(PACKAGE + name, loader));
            }
            modules.add(found);
        }
        final Map<String, String> builds = new LinkedHashMap<>();
        for (final List<Found> module : modules) {
            final Found first = module.get(0);
            for (final Found other : module) {
                // A module is in one jar, whatever its version.
                if (first.place != null && other.place != null && !first.place.equals(other.place)) {
                    throw mixed(first, other);
                }
            }
        }
        final Found runtime = modules.get(MODULES.size() - 1).get(0);
        final Set<String> runtimeBuild = build(runtime, builds);
        for (final List<Found> module : modules) {
            final Found other = module.get(0);
            if (other.place == null || runtime.place == null || other.place.equals(runtime.place)) {
                continue;
            }
            final Set<String> otherBuild = build(other, builds);
            if (!runtimeBuild.isEmpty() && !otherBuild.isEmpty() && !runtimeBuild.equals(otherBuild)) {
                throw mixed(runtime, other);
            }
        }
    }

    private static Found find(final String name, final ClassLoader loader) {
        try {
            final CodeSource source = Class.forName(name, false, loader).getProtectionDomain().getCodeSource();
            return new Found(name, source == null || source.getLocation() == null ? null : source.getLocation().toString());
        } catch (final ClassNotFoundException | LinkageError e) {
            throw new IllegalStateException(
                    "Class "
                            + name
                            + " of flink-agents is missing ("
                            + e
                            + "). Use the flink-agents-dist jar, which has all parts, or the same version of"
                            + " flink-agents-api, -plan, -core and -runtime",
                    e);
        }
    }

    /** Group and version by Maven's notes inside the jar; empty for directories and for jars without such notes. */
    private static Set<String> build(final Found found, final Map<String, String> cache) {
        final String text = cache.computeIfAbsent(found.place, BuildCheck::readBuild);
        return text.isEmpty() ? Set.of() : new LinkedHashSet<>(Arrays.asList(text.split(", ")));
    }

    private static String readBuild(final String place) {
        final Set<String> builds = new LinkedHashSet<>();
        try {
            final Path path = Paths.get(URI.create(place));
            if (!Files.isRegularFile(path)) {
                return "";
            }
            try (JarFile jar = new JarFile(path.toFile())) {
                for (final Enumeration<JarEntry> entries = jar.entries(); entries.hasMoreElements(); ) {
                    final JarEntry entry = entries.nextElement();
                    // A fat jar has notes of all its parts, users' own ones with similar names among them.
                    if (NOTES.matcher(entry.getName()).matches()) {
                        final Properties notes = new Properties();
                        try (InputStream in = jar.getInputStream(entry)) {
                            notes.load(in);
                        }
                        builds.add(notes.getProperty("groupId", GROUP) + ' ' + notes.getProperty("version", "unknown"));
                    }
                }
            }
        } catch (final IOException | RuntimeException e) {
            // Only what can be read can be compared; the check must not be what breaks a job.
            return "";
        }
        return String.join(", ", builds);
    }

    private static IllegalStateException mixed(final Found one, final Found other) {
        return new IllegalStateException(
                "Two builds of flink-agents are on the class path: "
                        + describe(one)
                        + ", but "
                        + describe(other)
                        + ". They cannot be mixed. Flink takes classes of org.apache.flink from its lib/ directory before those"
                        + " of the job's jar: keep exactly one flink-agents jar, remove the other one from lib/ (and restart the"
                        + " cluster) or from the job");
    }

    private static String describe(final Found found) {
        final String build = found.place == null ? "" : readBuild(found.place);
        return found.className + " comes from " + found.place + (build.isEmpty() ? "" : " (" + build + ')');
    }

    private static final class Found {
        private final String className;
        private final String place;

        private Found(final String className, final String place) {
            this.className = className;
            this.place = place;
        }
    }
}
