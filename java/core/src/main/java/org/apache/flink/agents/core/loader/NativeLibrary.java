package org.apache.flink.agents.core.loader;

import java.io.IOException;
import java.io.InputStream;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.net.URL;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.Paths;
import java.security.CodeSource;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Locale;
import java.util.Properties;
import java.util.function.Consumer;
import java.util.stream.Collectors;
import org.apache.flink.agents.core.Natives;

/**
 * Loads the native library into the class loader of this class, once.
 *
 * <p>The library comes from the directory that the system property {@value #DIRECTORY_PROPERTY} names, or else from the
 * jar ({@code native/<os>-<arch>/}). From the jar it is loaded by way of a private copy under {@code java.io.tmpdir},
 * which is removed as soon as it is mapped. Several class loaders can each load it. It is unloaded with its class
 * loader.
 */
public final class NativeLibrary {

    /** System property: a directory that has the library, used instead of the one in the jar. */
    public static final String DIRECTORY_PROPERTY = "flink.agents.native.dir";

    private static boolean loaded;
    private static UnsatisfiedLinkError failure;

    private NativeLibrary() {}

    /**
     * Makes {@link Natives} callable. Does nothing when it is already; after a failure, fails the same way again. May be
     * called from any thread.
     *
     * @throws UnsatisfiedLinkError if there is no library for this platform, it cannot be loaded, or it comes from
     *     another build than this jar; the message names the platform, the places tried and the remedy
     */
    public static synchronized void load() {
        if (loaded) {
            return;
        }
        if (failure == null) {
            try {
                final String origin = loadFrom(Platform.current());
                checkVersion(origin);
                loaded = true;
                return;
            } catch (final UnsatisfiedLinkError e) {
                failure = e;
            }
        }
        // A new error each time: its stack trace is to show the caller.
        throw link(failure.getMessage(), failure);
    }

    /** The version of the build that this jar comes from. */
    public static String jarVersion() {
        final Properties properties = new Properties();
        try (InputStream in = NativeLibrary.class.getResourceAsStream("/flink-agents-core.properties")) {
            if (in != null) {
                properties.load(in);
            }
        } catch (final IOException e) {
            throw link("Cannot read flink-agents-core.properties from " + jar() + ": " + e.getMessage(), e);
        }
        return properties.getProperty("version", "unknown");
    }

    /**
     * The build of this jar: its version, a hash of the natives that its classes declare, and the layout of the numbers that
     * cross. The library tells the same of itself, or is refused: the JVM binds natives by name, and one with other
     * parameters would read wrong memory.
     */
    public static String jarBuild() {
        final List<String> natives = new ArrayList<>();
        for (final Method method : Natives.class.getDeclaredMethods()) {
            if (Modifier.isNative(method.getModifiers())) {
                final String types =
                        Arrays.stream(method.getParameterTypes()).map(Class::getSimpleName).collect(Collectors.joining(","));
                natives.add(method.getName() + "(" + types + ")" + method.getReturnType().getSimpleName());
            }
        }
        Collections.sort(natives);
        // FNV-1a, as in rust/jni/build.rs: the lines are ASCII.
        long hash = 0xcbf29ce484222325L;
        for (final byte letter : String.join("\n", natives).getBytes(StandardCharsets.US_ASCII)) {
            hash = (hash ^ letter) * 0x100000001b3L;
        }
        return jarVersion() + String.format(Locale.ROOT, " (natives %016x, layout %d)", hash, Natives.LAYOUT);
    }

    private static String loadFrom(final Platform platform) {
        final List<String> tried = new ArrayList<>();
        final String directory = System.getProperty(DIRECTORY_PROPERTY);
        if (directory != null) {
            final Path file = Paths.get(directory).resolve(platform.fileName()).toAbsolutePath();
            if (!Files.isRegularFile(file)) {
                tried.add(file + " (from -D" + DIRECTORY_PROPERTY + "): no such file");
            } else {
                try {
                    System.load(file.toString());
                    return file.toString();
                } catch (final UnsatisfiedLinkError e) {
                    // Perhaps another class loader has it; a copy can then still be loaded.
                    tried.add(file + " (from -D" + DIRECTORY_PROPERTY + "): " + e.getMessage());
                }
                try (InputStream in = Files.newInputStream(file)) {
                    if (loadCopy(in, platform, "a copy of " + file, tried, System::load)) {
                        return file.toString();
                    }
                } catch (final IOException e) {
                    tried.add(file + ": " + e);
                }
            }
            // The jar's own library is no substitute: whoever sets the property wants that one.
            throw link(explain(platform, tried), null);
        }
        final URL resource = NativeLibrary.class.getResource("/" + platform.resource());
        if (resource == null) {
            tried.add(platform.resource() + " in " + jar() + ": not there");
        } else {
            try (InputStream in = resource.openStream()) {
                if (loadCopy(in, platform, "a copy of " + platform.resource() + " in " + jar(), tried, System::load)) {
                    return resource.toString();
                }
            } catch (final IOException e) {
                tried.add(resource + ": " + e);
            }
        }
        throw link(explain(platform, tried), null);
    }

    /**
     * Loads the library by way of a copy that is gone afterwards. One that cannot be removed is left to a later load to clean
     * up: the library is there all the same.
     */
    static boolean loadCopy(
            final InputStream in,
            final Platform platform,
            final String what,
            final List<String> tried,
            final Consumer<String> loader) {
        final Path tmp = Paths.get(System.getProperty("java.io.tmpdir", "/tmp")).toAbsolutePath();
        boolean mapped = false;
        try (PrivateCopies copies = new PrivateCopies(tmp)) {
            copies.removeStale(Instant.now());
            final Path copy = copies.create(in, platform.fileName());
            try {
                loader.accept(copy.toString());
                mapped = true;
            } catch (final UnsatisfiedLinkError e) {
                tried.add(what + " at " + copy + ": " + e.getMessage());
            } finally {
                Files.deleteIfExists(copy);
            }
        } catch (final IOException | RuntimeException e) {
            if (!mapped) {
                tried.add(what + " under " + tmp + " (java.io.tmpdir): " + e);
            }
        }
        return mapped;
    }

    private static String explain(final Platform platform, final List<String> tried) {
        final StringBuilder text = new StringBuilder(300);
        text.append("The native library of flink-agents ").append(jarVersion());
        text.append(" could not be loaded on ").append(platform).append(" (").append(System.getProperty("os.name"));
        text.append(", ").append(System.getProperty("os.arch")).append(", Java ");
        text.append(System.getProperty("java.version")).append("). Tried:");
        tried.forEach(place -> text.append("\n  - ").append(place));
        text.append("\nRemedy: use a jar built for ").append(platform);
        text.append(" (build it there with `mvn package`, which needs cargo), or put ").append(platform.fileName());
        text.append(" into a directory and name it by -D").append(DIRECTORY_PROPERTY);
        text.append(" (in Flink: env.java.opts.all). If the place for temporary files is full or mounted `noexec`,");
        text.append(" choose another by -Djava.io.tmpdir. On Linux the library needs glibc, not musl.");
        return text.toString();
    }

    private static void checkVersion(final String origin) {
        final String library;
        try {
            library = Natives.version();
        } catch (final UnsatisfiedLinkError e) {
            throw link(
                    "The library " + origin + " is not the native library of flink-agents: it has no version function. "
                            + "Check -D" + DIRECTORY_PROPERTY + ".",
                    e);
        }
        final String jar = jarBuild();
        if (!jar.equals(library)) {
            throw link(
                    "The native library and the jar of flink-agents come from different builds: " + origin
                            + " has version " + library + ", " + jar() + " has version " + jar
                            + ". They do not understand each other even where the first number is the same. Use both from"
                            + " one build (after a change of the sources, build without -Dcargo.skip); check -D"
                            + DIRECTORY_PROPERTY
                            + " and that no other flink-agents jar is on the class path or in Flink's lib/ directory.",
                    null);
        }
    }

    private static String jar() {
        final CodeSource source = NativeLibrary.class.getProtectionDomain().getCodeSource();
        return source == null ? "the class path" : String.valueOf(source.getLocation());
    }

    private static UnsatisfiedLinkError link(final String message, final Throwable cause) {
        final UnsatisfiedLinkError error = new UnsatisfiedLinkError(message);
        if (cause != null) {
            error.initCause(cause);
        }
        return error;
    }
}
