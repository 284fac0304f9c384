package org.apache.flink.agents.core.loader;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.lang.management.ManagementFactory;
import java.lang.ref.WeakReference;
import java.lang.reflect.InvocationTargetException;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.Paths;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.function.BooleanSupplier;
import java.util.stream.Stream;
import javax.tools.ToolProvider;
import org.apache.flink.agents.core.Natives;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

class NativeLibraryTest {
    /** One copy of the library is larger than a tenth of this; a leak of each would be far above it. */
    private static final long MOST_GROWTH_KIB = 20_000;
    /** Some allocators reserve a gigabyte of addresses for each copy, and keep it; two are what the JVM may take for threads and arenas. */
    private static final long MOST_ADDRESSES_KIB = 2L << 20;

    private static final String LOADER = NativeLibrary.class.getName();
    private static final Path CLASSES = location();

    @TempDir Path temp;

    @Test
    void theLibraryOfTheJarIsLoadedOnceAndHasTheJarsVersion() {
        NativeLibrary.load();
        NativeLibrary.load();
        assertThat(Natives.version())
                .isEqualTo(NativeLibrary.jarBuild())
                .startsWith(NativeLibrary.jarVersion() + " ")
                .matches("\\d+\\.\\d+\\.\\d+.* \\(natives [0-9a-f]{16}, layout \\d+\\)");
    }

    @Test
    void noCopyIsLeftBehind() throws Exception {
        load(CLASSES, Optional.empty());
        final Path root = new PrivateCopies(Paths.get(System.getProperty("java.io.tmpdir"))).root();
        final String own = ProcessHandle.current().pid() + "-";
        try (Stream<Path> copies = Files.list(root)) {
            assertThat(copies.map(copy -> copy.getFileName().toString())).noneMatch(name -> name.startsWith(own));
        }
    }

    @Test
    void twoClassLoadersEachGetTheirOwnCopy() throws Exception {
        try (URLClassLoader first = load(CLASSES, Optional.empty());
                URLClassLoader second = load(CLASSES, Optional.empty())) {
            assertThat(version(first)).isEqualTo(version(second)).isEqualTo(NativeLibrary.jarBuild());
            assertThat(first.loadClass(Natives.class.getName())).isNotSameAs(second.loadClass(Natives.class.getName()));
        }
    }

    @Test
    void twoClassLoadersCanUseTheSameDirectory() throws Exception {
        copyLibrary(temp);
        try (URLClassLoader first = load(CLASSES, Optional.of(temp));
                URLClassLoader second = load(CLASSES, Optional.of(temp))) {
            assertThat(version(first)).isEqualTo(version(second));
        }
    }

    @Test
    void aMissingLibraryIsExplainedWithPlatformPlacesAndRemedy() throws Exception {
        final Path bare = copyClasses(temp.resolve("classes"), "0.1.0");
        assertThatThrownBy(() -> load(bare, Optional.empty()))
                .isInstanceOf(UnsatisfiedLinkError.class)
                .hasMessageContaining("could not be loaded on " + Platform.current())
                .hasMessageContaining(Platform.current().resource() + " in file:")
                .hasMessageContaining("not there")
                .hasMessageContaining("-Dflink.agents.native.dir");
    }

    @Test
    void aDirectoryWithoutTheLibraryIsNamedAndTheJarIsNoSubstitute() {
        assertThatThrownBy(() -> load(CLASSES, Optional.of(temp)))
                .isInstanceOf(UnsatisfiedLinkError.class)
                .hasMessageContaining(temp.resolve(Platform.current().fileName()) + " (from -Dflink.agents.native.dir)")
                .hasMessageContaining("no such file");
    }

    @Test
    void aFileThatIsNoLibraryIsAnErrorWithTheLinkersReason() throws Exception {
        Files.writeString(temp.resolve(Platform.current().fileName()), "not a library");
        assertThatThrownBy(() -> load(CLASSES, Optional.of(temp)))
                .isInstanceOf(UnsatisfiedLinkError.class)
                .hasMessageContaining("a copy of")
                .hasMessageContaining("Tried:");
    }

    @Test
    void aPlaceForTemporaryFilesThatCannotBeUsedIsNamed() throws Exception {
        final Path file = Files.writeString(temp.resolve("file"), "");
        final String before = System.setProperty("java.io.tmpdir", file.toString());
        try {
            assertThatThrownBy(() -> load(CLASSES, Optional.empty()))
                    .isInstanceOf(UnsatisfiedLinkError.class)
                    .hasMessageContaining(file + " (java.io.tmpdir)");
        } finally {
            System.setProperty("java.io.tmpdir", before);
        }
    }

    @Test
    void aLibraryOfAnotherBuildIsRefusedAndBothVersionsAreNamed() throws Exception {
        final Path other = copyClasses(temp.resolve("classes"), "9.9.9");
        final Path libraries = Files.createDirectory(temp.resolve("lib"));
        copyLibrary(libraries);
        assertThatThrownBy(() -> load(other, Optional.of(libraries)))
                .isInstanceOf(UnsatisfiedLinkError.class)
                .hasMessageContaining("has version " + NativeLibrary.jarBuild() + ",")
                .hasMessageContaining("has version 9.9.9 (natives ");
    }

    /** The JVM would bind them by their names, and hand over a register that nobody has filled. */
    @Test
    void aLibraryOfTheSameReleaseWithOtherNativesOrMeaningsIsRefused() throws Exception {
        final Path libraries = Files.createDirectory(temp.resolve("lib"));
        copyLibrary(libraries);
        final String[][] changes = {
            {"void wake(long handle, long task)", "void wake(long handle, int task)"},
            {"int[] counts(long handle)", "long counts(long handle)"},
            {"static native void endOfInput(long handle);", ""},
            {"LAYOUT = ", "LAYOUT = 9"},
        };
        for (int i = 0; i < changes.length; i++) {
            final Path classes = copyClasses(temp.resolve("classes" + i), NativeLibrary.jarVersion());
            compileNatives(classes, changes[i][0], changes[i][1]);
            assertThatThrownBy(() -> load(classes, Optional.of(libraries)))
                    .as(changes[i][0])
                    .isInstanceOf(UnsatisfiedLinkError.class)
                    .hasMessageContaining("different builds")
                    .hasMessageContaining("has version " + NativeLibrary.jarBuild() + ",")
                    .hasMessageContaining("cargo.skip");
        }
        final Path same = copyClasses(temp.resolve("same"), NativeLibrary.jarVersion());
        compileNatives(same, "LAYOUT", "LAYOUT");
        load(same, Optional.of(libraries)).close();
    }

    /** Compiles {@code Natives} with one change, and what takes constants from it, into a directory of classes. */
    private void compileNatives(final Path classes, final String from, final String to) throws Exception {
        final String text = Files.readString(sourceOf(Natives.class));
        assertThat(text).contains(from);
        final Path changed = Files.createDirectory(classes.resolve("source")).resolve("Natives.java");
        Files.writeString(changed, text.replace(from, to));
        final int failed =
                ToolProvider.getSystemJavaCompiler()
                        .run(
                                null, null, null, "-d", classes.toString(), "-cp", CLASSES.toString(), changed.toString(),
                                sourceOf(NativeLibrary.class).toString());
        assertThat(failed).isZero();
    }

    private static Path sourceOf(final Class<?> type) {
        return Paths.get("src/main/java", type.getName().replace('.', '/') + ".java");
    }

    @Test
    void aCopyThatCannotBeRemovedDoesNotFailALoadThatSucceeded() throws Exception {
        final String before = System.setProperty("java.io.tmpdir", temp.toString());
        try {
            final List<String> tried = new ArrayList<>();
            final List<Path> copies = new ArrayList<>();
            final boolean loaded =
                    NativeLibrary.loadCopy(
                            new ByteArrayInputStream(new byte[8]), Platform.current(), "a test", tried, copy -> {
                                // A directory with something in it cannot be deleted.
                                copies.add(Paths.get(copy));
                                try {
                                    Files.delete(copies.get(0));
                                    Files.createDirectories(copies.get(0).resolve("inner"));
                                } catch (final IOException e) {
                                    throw new java.io.UncheckedIOException(e);
                                }
                            });
            assertThat(copies).hasSize(1);
            assertThat(copies.get(0)).as("it could not be removed").exists();
            assertThat(tried).isEmpty();
            assertThat(loaded).isTrue();
        } finally {
            System.setProperty("java.io.tmpdir", before);
        }
    }

    @Test
    void aFailureIsRepeatedNotRetried() throws Exception {
        final Path bare = copyClasses(temp.resolve("classes"), "0.1.0");
        try (URLClassLoader loader = loaderOf(bare)) {
            assertThatThrownBy(() -> loadIn(loader)).isInstanceOf(UnsatisfiedLinkError.class);
            assertThatThrownBy(() -> loadIn(loader))
                    .isInstanceOf(UnsatisfiedLinkError.class)
                    .hasCauseInstanceOf(UnsatisfiedLinkError.class);
        }
    }

    @Test
    @EnabledOnOs(OS.LINUX)
    void aHundredRoundsOfLoadingAndUnloadingLeaveNothing() throws Exception {
        // This test's own class loader holds one copy for good.
        NativeLibrary.load();
        for (int i = 0; i < 10; i++) {
            loadAndForget();
        }
        await("warm-up copies to be unmapped", () -> mappedCopies() <= 1);
        final int threads = ManagementFactory.getThreadMXBean().getThreadCount();
        final long addresses = statusKib("VmSize:");
        // The JVM itself grows now and then by some megabytes, a leak in each hundred.
        long growth = Long.MAX_VALUE;
        for (int hundred = 0; hundred < 3 && growth >= MOST_GROWTH_KIB; hundred++) {
            final long memory = statusKib("VmRSS:");
            for (int i = 0; i < 100; i++) {
                final WeakReference<ClassLoader> gone = loadAndForget();
                await("class loader " + i + " to be collected", () -> gone.get() == null);
            }
            await("all copies to be unmapped", () -> mappedCopies() <= 1);
            growth = statusKib("VmRSS:") - memory;
        }
        assertThat(ManagementFactory.getThreadMXBean().getThreadCount()).isLessThanOrEqualTo(threads + 2);
        assertThat(growth).as("growth of resident memory in KiB").isLessThan(MOST_GROWTH_KIB);
        assertThat(statusKib("VmSize:") - addresses).as("growth of mapped addresses in KiB").isLessThan(MOST_ADDRESSES_KIB);
    }

    private static WeakReference<ClassLoader> loadAndForget() throws Exception {
        final URLClassLoader loader = load(CLASSES, Optional.empty());
        assertThat(version(loader)).isEqualTo(NativeLibrary.jarBuild());
        loader.close();
        return new WeakReference<>(loader);
    }

    private static void await(final String what, final BooleanSupplier condition) {
        final long deadline = System.nanoTime() + 30_000_000_000L;
        while (!condition.getAsBoolean()) {
            assertThat(System.nanoTime()).as("waiting for " + what).isLessThan(deadline);
            System.gc();
        }
    }

    private static long mappedCopies() {
        try (Stream<String> maps = Files.lines(Paths.get("/proc/self/maps"))) {
            return maps.filter(line -> line.contains("libflink_agents.so"))
                    .map(line -> line.substring(line.indexOf('/')))
                    .distinct()
                    .count();
        } catch (final IOException e) {
            throw new java.io.UncheckedIOException(e);
        }
    }

    private static long statusKib(final String name) throws IOException {
        try (Stream<String> status = Files.lines(Paths.get("/proc/self/status"))) {
            return status.filter(line -> line.startsWith(name))
                    .mapToLong(line -> Long.parseLong(line.replaceAll("\\D", "")))
                    .findFirst()
                    .orElseThrow();
        }
    }

    private static URLClassLoader load(final Path classes, final Optional<Path> directory) throws Exception {
        final URLClassLoader loader = loaderOf(classes);
        directory.ifPresent(path -> System.setProperty(NativeLibrary.DIRECTORY_PROPERTY, path.toString()));
        try {
            loadIn(loader);
            return loader;
        } finally {
            System.clearProperty(NativeLibrary.DIRECTORY_PROPERTY);
        }
    }

    private static URLClassLoader loaderOf(final Path classes) throws IOException {
        return new URLClassLoader(new URL[] {classes.toUri().toURL()}, ClassLoader.getPlatformClassLoader());
    }

    private static void loadIn(final ClassLoader loader) throws Exception {
        try {
            loader.loadClass(LOADER).getMethod("load").invoke(null);
        } catch (final InvocationTargetException e) {
            throw (Error) e.getCause();
        }
    }

    private static Object version(final ClassLoader loader) throws Exception {
        return loader.loadClass(Natives.class.getName()).getMethod("version").invoke(null);
    }

    private static Path copyLibrary(final Path directory) throws IOException {
        final Path file = directory.resolve(Platform.current().fileName());
        try (InputStream in = NativeLibrary.class.getResourceAsStream("/" + Platform.current().resource())) {
            Files.copy(in, file);
        }
        return file;
    }

    /** The classes alone, without the library, claiming to be {@code version}. */
    private static Path copyClasses(final Path target, final String version) throws IOException {
        final String folder = NativeLibrary.class.getPackageName().replace('.', '/');
        Files.createDirectories(target.resolve(folder));
        try (Stream<Path> files = Files.list(CLASSES.resolve(folder))) {
            for (final Path file : (Iterable<Path>) files::iterator) {
                Files.copy(file, target.resolve(folder).resolve(file.getFileName()));
            }
        }
        final Path natives = Paths.get(folder).getParent().resolve("Natives.class");
        Files.copy(CLASSES.resolve(natives), target.resolve(natives));
        Files.writeString(target.resolve("flink-agents-core.properties"), "version=" + version + "\n");
        return target;
    }

    private static Path location() {
        try {
            return Paths.get(NativeLibrary.class.getProtectionDomain().getCodeSource().getLocation().toURI());
        } catch (final java.net.URISyntaxException e) {
            throw new AssertionError(e);
        }
    }

    @Test
    void platformsHaveOneNameHoweverTheJvmSpellsThem() {
        assertThat(new Platform("Linux", "amd64")).hasToString("linux-x86_64");
        assertThat(new Platform("Linux", "aarch64").resource()).isEqualTo("native/linux-aarch64/libflink_agents.so");
        assertThat(new Platform("Mac OS X", "arm64").resource()).isEqualTo("native/macos-aarch64/libflink_agents.dylib");
        final Locale before = Locale.getDefault();
        try {
            Locale.setDefault(new Locale("tr"));
            assertThat(new Platform("LINUX", "X86-64")).hasToString("linux-x86_64");
        } finally {
            Locale.setDefault(before);
        }
    }
}
