package org.apache.flink.agents.embedded;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.File;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.apache.flink.agents.core.value.ForeignValues;
import org.apache.flink.agents.core.value.ValueReader;
import org.apache.flink.agents.core.value.ValueWriter;
import org.apache.flink.agents.runtime.host.PlainPython;
import org.apache.flink.agents.runtime.host.PythonEnvironment;

/**
 * The Python of these tests: system property {@value #PYTHON} names an interpreter that has the package flink-agents of this
 * build; {@code scripts/python-env} makes one.
 */
final class PythonTools {
    static final String PYTHON = "flink.agents.test.python";

    private static final String AGENTS = new File("src/test/python").getAbsolutePath();
    private static final ObjectMapper JSON = new ObjectMapper();

    private PythonTools() {}

    static PythonEnvironment environment() {
        return environment(Map.of());
    }

    /** With more variables. */
    static PythonEnvironment environment(final Map<String, String> more) {
        final String python = System.getProperty(PYTHON);
        if (python == null || !new File(python).canExecute()) {
            throw new IllegalStateException(
                    "The tests of Python need an interpreter with the package flink-agents, and there is none at "
                            + python
                            + ": run scripts/python-env, or name one by the system property "
                            + PYTHON);
        }
        final String path =
                Stream.of(AGENTS, System.getenv("PYTHONPATH")).filter(Objects::nonNull).collect(Collectors.joining(":"));
        final Map<String, String> variables = new HashMap<>(more);
        variables.put("PYTHONPATH", path);
        return new PlainPython(python, variables);
    }

    /** The plan of an agent of {@code embedded_agents.py}. */
    static String plan(final String agent, final Map<String, ?> config) throws Exception {
        environment();
        final ProcessBuilder builder =
                new ProcessBuilder(
                        System.getProperty(PYTHON), AGENTS + "/embedded_agents.py", JSON.writeValueAsString(config));
        builder.environment().merge("PYTHONPATH", AGENTS, (known, own) -> own + ":" + known);
        final Process process = builder.redirectError(ProcessBuilder.Redirect.INHERIT).start();
        final byte[] plans = process.getInputStream().readAllBytes();
        if (process.waitFor() != 0) {
            throw new IllegalStateException("The plans of the test's agents could not be made; see standard error");
        }
        return Objects.requireNonNull(JSON.readTree(plans).get(agent), agent).asText();
    }

    static Harness.Job<String, byte[]> job(final String agent) throws Exception {
        return job(agent, Map.of());
    }

    static Harness.Job<String, byte[]> job(final String agent, final Map<String, ?> config) throws Exception {
        return Harness.Job.python(agent, plan(agent, config));
    }

    /** A record as the Python API sends it. */
    static byte[] record(final String key, final Object value) {
        final ValueWriter out = new ValueWriter(ForeignValues.REFUSE);
        final byte[] text = ("s:" + key).getBytes(StandardCharsets.UTF_8);
        out.writeInt(text.length);
        out.writeRaw(text, 0, text.length);
        out.writeValue(value);
        return out.toByteArray();
    }

    /** Outputs as the Python API reads them. */
    static List<Object> decode(final List<?> outputs) {
        return outputs.stream().map(output -> decode((byte[]) output)).collect(Collectors.toList());
    }

    static Object decode(final byte[] output) {
        final ValueReader in = new ValueReader(ForeignValues.REFUSE);
        in.reset(output, 0, output.length);
        final Object value = in.readValue();
        in.requireEnd();
        return value;
    }

    /** Processes of workers that this JVM has started and not ended. */
    static List<ProcessHandle> workers() {
        return ProcessHandle.current()
                .children()
                .filter(child -> commandOf(child).map(line -> line.contains("flink_agents.runtime.worker")).orElse(false))
                .collect(Collectors.toList());
    }

    /** Waits until there is none: a job has ended for its client a moment before its tasks have cleaned up. */
    static void awaitNoWorkers() {
        final long limit = System.nanoTime() + Duration.ofSeconds(30).toNanos();
        while (!workers().isEmpty()) {
            assertThat(System.nanoTime()).as("workers: %s", workers()).isLessThan(limit);
            LockSupport.parkNanos(1_000_000);
        }
    }

    private static Optional<String> commandOf(final ProcessHandle process) {
        return process.info().arguments().map(arguments -> String.join(" ", arguments));
    }
}
