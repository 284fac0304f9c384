package org.apache.flink.agents.dist;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.File;
import java.io.IOException;
import java.io.InputStream;
import java.lang.ref.WeakReference;
import java.lang.reflect.InvocationTargetException;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.Paths;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Enumeration;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.FutureTask;
import java.util.stream.Collectors;
import java.util.zip.ZipEntry;
import java.util.zip.ZipFile;
import java.util.zip.ZipOutputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The jar that users put into lib/: what is in it, what is not, and that it works with nothing but Flink beside it. */
class DistJarIT {
    private static final Path JAR = Paths.get(System.getProperty("dist.jar"));

    @Test
    void containsEveryPart() throws IOException {
        assertThat(entries())
                .contains(
                        "org/apache/flink/agents/api/AgentsExecutionEnvironment.class",
                        "org/apache/flink/agents/plan/AgentPlan.class",
                        "org/apache/flink/agents/core/AgentsCore.class",
                        "org/apache/flink/agents/runtime/operator/AgentOperator.class",
                        "org/apache/flink/agents/integrations/chatmodels/openai/OpenAICompletionsConnection.class",
                        "com/fasterxml/jackson/databind/ObjectMapper.class",
                        "com/fasterxml/jackson/core/JsonFactory.class",
                        "com/fasterxml/jackson/annotation/JsonProperty.class",
                        "META-INF/services/com.fasterxml.jackson.core.JsonFactory")
                .anyMatch(name -> name.matches("native/[a-z]+-[a-z0-9_]+/libflink_agents\\.(so|dylib)"));
    }

    @Test
    void hasNoClassOfAnybodyElse() throws IOException {
        final Set<String> packages =
                classes().stream()
                        .filter(name -> !name.startsWith("org/apache/flink/agents/"))
                        .filter(name -> !name.startsWith("com/fasterxml/jackson/"))
                        .collect(Collectors.toCollection(TreeSet::new));
        assertThat(packages).as("classes of Flink, of a logger or of a test library").isEmpty();
    }

    @Test
    void hasNothingThatFlinkOrAVerifierWouldTripOver() throws IOException {
        assertThat(entries())
                .noneMatch(name -> name.endsWith("module-info.class"))
                .noneMatch(name -> name.matches("META-INF/.*\\.(SF|DSA|RSA|EC)"))
                .noneMatch(name -> name.startsWith("META-INF/versions/"))
                .noneMatch(name -> !name.startsWith("org/apache/flink/agents/") && name.matches("(?i).*(log4j|logback|junit).*"))
                .doesNotHaveDuplicates();
    }

    @Test
    void runsOnJava11() throws IOException {
        final List<String> newer = new ArrayList<>();
        try (ZipFile zip = new ZipFile(JAR.toFile())) {
            for (final String name : classes()) {
                try (InputStream in = zip.getInputStream(zip.getEntry(name))) {
                    final byte[] head = in.readNBytes(8);
                    final int major = (head[6] & 0xff) << 8 | (head[7] & 0xff);
                    if (major > 55) {
                        newer.add(name + " (class file version " + major + ")");
                    }
                }
            }
        }
        assertThat(newer).isEmpty();
    }

    @Test
    void carriesTheLicencesOfAllThatIsInIt() throws IOException {
        assertThat(text("META-INF/LICENSE")).contains("Apache License", "Version 2.0, January 2004");
        assertThat(text("META-INF/NOTICE"))
                .contains("flink-agents-rs", "independent of the Apache Software Foundation", "Jackson JSON processor");
        assertThat(text("META-INF/THIRD-PARTY.txt"))
                .contains("Rust standard library", "serde_json", "Permission is hereby granted");
    }

    @Test
    void saysWhichBuildItIsAndOfNobodyElse() throws IOException {
        // By these notes the operator tells two builds apart.
        assertThat(entries().stream().filter(name -> name.startsWith("META-INF/maven/")))
                .allMatch(name -> name.matches("META-INF/maven/io\\.github\\.flink-agents-rs/.*/pom\\.properties"))
                .anyMatch(name -> name.contains("/flink-agents-runtime/"));
    }

    @Test
    void hasNoTimeOfTheBuildInIt() throws IOException {
        final Set<Long> times = new TreeSet<>();
        try (ZipFile zip = new ZipFile(JAR.toFile())) {
            zip.stream()
                    .filter(entry -> entry.getName().startsWith("org/apache/flink/agents/"))
                    .forEach(entry -> times.add(entry.getTime()));
        }
        assertThat(times).as("times of our own entries").hasSize(1);
    }

    @Test
    void opensAnAgentWithOnlyFlinkBesideIt() throws Exception {
        try (URLClassLoader loader = isolated()) {
            final Class<?> core = loader.loadClass("org.apache.flink.agents.core.AgentsCore");
            assertThat(core.getClassLoader()).isSameAs(loader);
            final byte[] plan =
                    "{\"agent_name\":\"empty\",\"actions\":{},\"resource_providers\":{},\"config\":{\"conf_data\":{}}}"
                            .getBytes(StandardCharsets.UTF_8);
            try (AutoCloseable opened = (AutoCloseable) core.getMethod("open", byte[].class).invoke(null, plan)) {
                assertThat((List<?>) core.getMethod("actions").invoke(opened)).isEmpty();
            } catch (InvocationTargetException e) {
                throw new AssertionError("The core of the dist jar did not open: " + e.getCause(), e.getCause());
            }
        }
    }

    @Test
    void asksAModelWithOnlyFlinkBesideItAndIsUnloadedAfterwards() throws Exception {
        // Jackson keeps buffers with each thread, for as long as there is memory.
        final FutureTask<WeakReference<ClassLoader>> asks = new FutureTask<>(DistJarIT::askedAndForgotten);
        new Thread(asks).start();
        final WeakReference<ClassLoader> gone = asks.get();
        final long deadline = System.nanoTime() + 20_000_000_000L;
        while (gone.get() != null) {
            assertThat(System.nanoTime()).as("waiting for the class loader to be collected").isLessThan(deadline);
            System.gc();
        }
    }

    private static WeakReference<ClassLoader> askedAndForgotten() throws Exception {
        final URLClassLoader loader = isolated();
        final String api = "org.apache.flink.agents.api.";
        final Class<?> descriptor = loader.loadClass(api + "resource.ResourceDescriptor");
        final Object where =
                descriptor
                        .getConstructor(String.class, Map.class)
                        .newInstance("any", Map.of("endpoint", "http://127.0.0.1:1", "max_retries", 0));
        final Object connection =
                loader.loadClass("org.apache.flink.agents.integrations.chatmodels.ollama.OllamaChatModelConnection")
                        .getConstructor(descriptor, loader.loadClass(api + "resource.ResourceContext"))
                        .newInstance(where, null);
        final Object message =
                loader.loadClass(api + "chat.messages.ChatMessage").getMethod("user", String.class).invoke(null, "Hi");
        assertThatThrownBy(
                        () ->
                                connection
                                        .getClass()
                                        .getMethod("chat", List.class, List.class, Map.class)
                                        .invoke(connection, List.of(message), List.of(), Map.of("model", "m")))
                .cause()
                .hasMessageContaining("model 'm' of connection 'any', attempt 1 of 1");
        connection.getClass().getMethod("close").invoke(connection);
        loader.close();
        return new WeakReference<>(loader);
    }

    @Test
    void isACommandByItself(@TempDir final Path folder) throws Exception {
        final Path store = folder.resolve("journal.sqlite");
        Files.copy(Paths.get("../../rust/runtime/tests/store_v1.sqlite"), store);
        assertThat(command(0, "-jar", JAR.toString(), "store", "inspect", store.toString()))
                .contains("sqlite: file " + store, "job lineage ");
        final String main = "org.apache.flink.agents.core.CommandLine";
        assertThat(command(0, "-cp", JAR.toString(), main, "store", "inspect", "--json", store.toString()))
                .startsWith("{\"store\":\"sqlite\"");
        assertThat(command(0, "-jar", JAR.toString(), "store", "verify", store.toString())).contains(", 0 wrong");
        assertThat(command(0, "-jar", JAR.toString(), "store", "compact", "--plan", store.toString()))
                .contains("would remove");
        assertThat(command(2, "-jar", JAR.toString(), "store", "compact", store.toString())).contains("--apply");
        final Path missing = folder.resolve("m\u00f6.sqlite");
        assertThat(command(3, "-Dfile.encoding=UTF-8", "-jar", JAR.toString(), "store", "verify", missing.toString()))
                .contains("there is no such file");
        assertThat(command(0, "-jar", JAR.toString(), "doctor", "--flink-home", flinkHome(folder)))
                .contains("ok       jars         " + JAR, "ok       library      that of " + JAR, "Nothing is wrong");
    }

    /** As far as it is looked at: a jar that is Flink's by its name. */
    private static String flinkHome(final Path folder) throws IOException {
        final Path lib = Files.createDirectories(folder.resolve("flink").resolve("lib"));
        try (ZipOutputStream jar = new ZipOutputStream(Files.newOutputStream(lib.resolve("flink-dist-2.3.0.jar")))) {
            jar.putNextEntry(new ZipEntry("any"));
        }
        return lib.getParent().toString();
    }

    /** What a JVM says that has nothing but these words; it is to end with this status. */
    private static String command(final int status, final String... words) throws Exception {
        final List<String> all = new ArrayList<>();
        all.add(Paths.get(System.getProperty("java.home"), "bin", "java").toString());
        all.addAll(Arrays.asList(words));
        final Process process = new ProcessBuilder(all).redirectErrorStream(true).start();
        final String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertThat(process.waitFor()).as(said).isEqualTo(status);
        return said;
    }

    /** A class loader with the dist jar and Flink, and none of this module's other dependencies. */
    private static URLClassLoader isolated() throws IOException {
        final List<URL> urls = new ArrayList<>();
        urls.add(JAR.toUri().toURL());
        for (final String element : System.getProperty("java.class.path").split(File.pathSeparator)) {
            final String file = Paths.get(element).getFileName().toString();
            if ((file.startsWith("flink-") && !file.startsWith("flink-agents-")) || file.startsWith("slf4j-")) {
                urls.add(Paths.get(element).toUri().toURL());
            }
        }
        return new URLClassLoader(urls.toArray(new URL[0]), ClassLoader.getPlatformClassLoader());
    }

    private static List<String> classes() throws IOException {
        return entries().stream().filter(name -> name.endsWith(".class")).collect(Collectors.toList());
    }

    private static List<String> entries() throws IOException {
        final List<String> names = new ArrayList<>();
        try (ZipFile zip = new ZipFile(JAR.toFile())) {
            final Enumeration<? extends ZipEntry> all = zip.entries();
            while (all.hasMoreElements()) {
                final ZipEntry entry = all.nextElement();
                if (!entry.isDirectory()) {
                    names.add(entry.getName());
                }
            }
        }
        return names;
    }

    private static String text(final String name) throws IOException {
        try (ZipFile zip = new ZipFile(JAR.toFile())) {
            final ZipEntry entry = zip.getEntry(name);
            assertThat(entry).as(name).isNotNull();
            try (InputStream in = zip.getInputStream(entry)) {
                return new String(in.readAllBytes(), StandardCharsets.UTF_8);
            }
        }
    }
}
