package org.apache.flink.agents.runtime.env;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.apache.flink.configuration.GlobalConfiguration;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Flink 2 does not know the older name of its configuration file any more. */
class ConfigurationFileTest {
    @TempDir private Path dir;

    private String read() {
        return new EnvironmentConfiguration(dir.toString(), Map.of()).current().getStr("job-identifier", null);
    }

    @Test
    void ofTwoFilesTheOneThatFlinkReadsIsRead() throws IOException {
        Files.writeString(dir.resolve("flink-conf.yaml"), "agent.job-identifier: old\n");
        assertThat(read()).isEqualTo("old");
        Files.writeString(dir.resolve("config.yaml"), "agent:\n  job-identifier: new\n");
        assertThat(read())
                .isEqualTo("new")
                .isEqualTo(GlobalConfiguration.loadConfiguration(dir.toString()).toMap().get("agent.job-identifier"));
    }
}
