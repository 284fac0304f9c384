package org.apache.flink.agents.runtime.env;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.apache.flink.agents.api.agents.AgentExecutionOptions;
import org.apache.flink.agents.api.configuration.AgentConfigOptions;
import org.apache.flink.agents.core.AgentsCore;
import org.apache.flink.agents.plan.AgentConfiguration;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.configuration.GlobalConfiguration;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class EnvironmentConfigurationTest {

    private static final String FILE =
            "agent:\n"
                    + "  job-identifier: from-file\n"
                    + "  event-listeners: [com.acme.One, com.acme.Two]\n"
                    + "  my:\n"
                    + "    number: 7\n"
                    + "    switch: true\n"
                    + "agent.flat.key: flat\n"
                    + "parallelism.default: 3\n";

    @TempDir private Path dir;

    private void write(final String name, final String text) throws IOException {
        Files.write(dir.resolve(name), text.getBytes(StandardCharsets.UTF_8));
    }

    private EnvironmentConfiguration load(final Map<String, String> dynamic) {
        return new EnvironmentConfiguration(dir.toString(), dynamic);
    }

    @Test
    void noDirectoryMeansNoFile() {
        assertThat(new EnvironmentConfiguration(null, Map.of()).merged().toMap()).isEmpty();
    }

    @Test
    void theFileIsReadWithItsTypes() throws IOException {
        write("config.yaml", FILE);
        final EnvironmentConfiguration config = load(Map.of());
        assertThat(config.current().toMap())
                .containsEntry("job-identifier", "from-file")
                .containsEntry("event-listeners", List.of("com.acme.One", "com.acme.Two"))
                .containsEntry("my.number", 7)
                .containsEntry("my.switch", true)
                .containsEntry("flat.key", "flat")
                .doesNotContainKey("parallelism.default");
        assertThat(config.merged()).isEqualTo(config.current());
    }

    @Test
    void commandLineWinsOverFileAndEnvironmentOverBoth() throws IOException {
        write("config.yaml", FILE);
        final EnvironmentConfiguration config =
                load(Map.of("agent.job-identifier", "from-command-line", "agent.my.number", "8"));
        assertThat(config.current().getStr("job-identifier", null)).isEqualTo("from-command-line");
        config.current().set(AgentConfigOptions.JOB_IDENTIFIER, "from-environment");
        config.current().setStr("another", "x");
        assertThat(config.merged().getStr("job-identifier", null)).isEqualTo("from-environment");
        assertThat(config.merged().getInt("my.number", null)).isEqualTo(8);
        assertThat(config.merged().getStr("another", null)).isEqualTo("x");
        assertThat(config.merged().getStr("flat.key", null)).isEqualTo("flat");
    }

    @Test
    void eachOfTheFourSourcesWinsOverThoseBelowIt() throws IOException {
        final Map<String, String> none = Map.of();
        final Map<String, String> dynamic = Map.of("agent.max-retries", "5");
        assertThat(retries(new EnvironmentConfiguration(null, none))).as("default").isEqualTo(3);
        write("config.yaml", "agent.max-retries: 4\n");
        assertThat(retries(load(none))).as("file").isEqualTo(4);
        assertThat(retries(load(dynamic))).as("command line").isEqualTo(5);
        final EnvironmentConfiguration config = load(dynamic);
        config.current().set(AgentExecutionOptions.MAX_RETRIES, 6);
        assertThat(retries(config)).as("environment").isEqualTo(6);
        // Also where it is what stands below: the value itself says nothing of where it is from.
        config.current().set(AgentExecutionOptions.MAX_RETRIES, 4);
        assertThat(retries(config)).as("environment").isEqualTo(4);
    }

    private static int retries(final EnvironmentConfiguration config) {
        return config.merged().get(AgentExecutionOptions.MAX_RETRIES);
    }

    @Test
    void aReferenceOfAnySourceStaysOneUntilItIsLookedUp() throws IOException {
        write("config.yaml", "agent.file: ${env:PATH}\n");
        final EnvironmentConfiguration config = load(Map.of("agent.dynamic", "${env:PATH}", "agent.gone", "${env:NO_SUCH_VARIABLE}"));
        config.current().setStr("own", "${env:PATH}");
        // What tasks see.
        final AgentConfiguration looked =
                new AgentConfiguration(config.merged().toMap(), (key, reference) -> AgentsCore.resolveSecret(reference));
        for (final String key : List.of("file", "dynamic", "own")) {
            assertThat(config.merged().getStr(key, null)).isEqualTo("${env:PATH}");
            assertThat(looked.getStr(key, null)).isEqualTo(System.getenv("PATH"));
        }
        assertThatThrownBy(() -> looked.getStr("gone", null)).hasMessageContaining("NO_SUCH_VARIABLE");
    }

    @Test
    void aFileThatCannotBeReadIsNamedWithWhyAndWhatToDo() throws IOException {
        // Also root can read no directory as a file.
        Files.createDirectory(dir.resolve("config.yaml"));
        assertThatThrownBy(() -> load(Map.of()))
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("The configuration file " + dir.resolve("config.yaml") + ", found by FLINK_CONF_DIR, cannot be read")
                .hasMessageContaining("Is a directory")
                .hasMessageContaining("let the user who runs this program read it");
        final Path gone = dir.resolve("none.yaml");
        assertThatThrownBy(() -> new EnvironmentConfiguration(null, Map.of()).read(gone))
                .hasMessageContaining(gone + " cannot be read (java.nio.file.NoSuchFileException")
                .hasMessageContaining("Let it name a file");
    }

    @Test
    void aFileCanBeNamedAndWhatWasSetBeforeWins() throws IOException {
        write("config.yaml", "agent: {a: first, b: first, c: first}");
        write("other.yaml", "agent: {a: other, c: other, d: other}");
        final EnvironmentConfiguration config = load(Map.of());
        config.current().setStr("a", "set");
        config.read(dir.resolve("other.yaml"));
        assertThat(config.merged().toMap()).isEqualTo(Map.of("a", "set", "c", "other", "d", "other"));
        assertThat(config.current().toMap()).isEqualTo(config.merged().toMap());
        assertThatThrownBy(() -> config.read(dir.resolve("none.yaml")))
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("The configuration file " + dir.resolve("none.yaml") + " cannot be read");
        write("wrong.yaml", "agent: text");
        assertThatThrownBy(() -> config.read(dir.resolve("wrong.yaml"))).hasMessageContaining("wrong.yaml, line 1");
        assertThat(config.merged().toMap()).as("as it was").containsEntry("d", "other");
    }

    @Test
    void theOlderFileIsReadWhenThereIsNoOther() throws IOException {
        write("flink-conf.yaml", "agent.job-identifier: old\n");
        assertThat(load(Map.of()).current().getStr("job-identifier", null)).isEqualTo("old");
    }

    @Test
    void ofTwoFilesTheOneThatFlinkReadsIsRead() throws IOException {
        write("flink-conf.yaml", "agent.job-identifier: old\n");
        write("config.yaml", FILE);
        final String read = asFlinkLoadsIt().toMap().get("agent.job-identifier");
        // This module is compiled and tested with Flink 1.20, which reads the older file first.
        assertThat(read).isEqualTo("old");
        assertThat(load(Map.of()).current().getStr("job-identifier", null)).isEqualTo(read);
    }

    @Test
    void ofTwoFilesTheOneThatFlinkDoesNotReadOverridesNothing() throws IOException {
        write("flink-conf.yaml", "agent.job-identifier: old\n");
        write("config.yaml", FILE);
        final Configuration flink = asFlinkLoadsIt();
        // As the command line's -Dagent.job-identifier=old: equal to what stands in the file that Flink read.
        flink.setString("agent.job-identifier", "old");
        final Map<String, String> dynamic = FlinkDynamicProperties.of(flink, dir.toString());
        assertThat(load(dynamic).current().getStr("job-identifier", null)).isEqualTo("old");
    }

    @Test
    void aDirectoryWithoutFileIsRefused() {
        assertThatThrownBy(() -> load(Map.of()))
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("FLINK_CONF_DIR")
                .hasMessageContaining(dir.toString())
                .hasMessageContaining("config.yaml");
    }

    @Test
    void filesThatAreNoneAreRefused() throws IOException {
        write("config.yaml", "agent: [\n");
        assertThatThrownBy(() -> load(Map.of())).isInstanceOf(IllegalArgumentException.class).hasMessageContaining("config.yaml");
        write("config.yaml", "- a\n- b\n");
        assertThatThrownBy(() -> load(Map.of())).isInstanceOf(IllegalArgumentException.class).hasMessageContaining("config.yaml");
        Files.write(dir.resolve("config.yaml"), new byte[] {'a', ':', (byte) 0xFF, (byte) 0xFE});
        assertThatThrownBy(() -> load(Map.of())).isInstanceOf(IllegalStateException.class).hasMessageContaining("UTF-8");
    }

    @Test
    void aValueThatDoesNotFitNamesKeyAndSource() throws IOException {
        write("config.yaml", FILE);
        assertThatThrownBy(() -> load(Map.of("agent.max-retries", "many")))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("max-retries")
                .hasMessageContaining("-Dagent.max-retries");
        final EnvironmentConfiguration config = load(Map.of());
        config.current().setStr("max-retries", "many");
        assertThatThrownBy(config::merged)
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("max-retries")
                .hasMessageContaining("environment");
    }

    // ---- what Flink's environment shows

    private Configuration asFlinkLoadsIt() {
        return GlobalConfiguration.loadConfiguration(dir.toString());
    }

    @Test
    void whatFlinkReadFromTheFileIsNotFromTheCommandLine() throws IOException {
        write("config.yaml", FILE);
        final Configuration flink = asFlinkLoadsIt();
        assertThat(FlinkDynamicProperties.of(flink, dir.toString())).isEmpty();
        flink.setString("agent.job-identifier", "from-command-line");
        flink.setString("agent.added", "1");
        flink.setString("parallelism.default", "9");
        final Map<String, String> dynamic = FlinkDynamicProperties.of(flink, dir.toString());
        assertThat(dynamic)
                .isEqualTo(Map.of("agent.job-identifier", "from-command-line", "agent.added", "1"));
        assertThat(load(dynamic).current().toMap())
                .containsEntry("job-identifier", "from-command-line")
                .containsEntry("event-listeners", List.of("com.acme.One", "com.acme.Two"));
    }

    @Test
    void withoutFileEverythingIsFromTheCommandLine() {
        final Configuration flink = new Configuration();
        flink.setString("agent.job-identifier", "x");
        flink.setString("state.backend.type", "hashmap");
        assertThat(FlinkDynamicProperties.of(flink, null)).isEqualTo(Map.of("agent.job-identifier", "x"));
        assertThat(FlinkDynamicProperties.of(flink, dir.toString())).isEqualTo(Map.of("agent.job-identifier", "x"));
    }
}
