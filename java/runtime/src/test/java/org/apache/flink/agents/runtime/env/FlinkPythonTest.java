package org.apache.flink.agents.runtime.env;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Map;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.util.InstantiationUtil;
import org.junit.jupiter.api.Test;

class FlinkPythonTest {
    @Test
    void settingsAreThoseOfTheMomentWhenTheJobIsSubmitted() throws Exception {
        final StreamExecutionEnvironment env = StreamExecutionEnvironment.getExecutionEnvironment(new Configuration());
        final FlinkPython python = new FlinkPython(env, "3.11");
        env.configure(Configuration.fromMap(Map.of("python.executable", "/opt/late/bin/python")));

        final FlinkPython far = InstantiationUtil.clone(python);

        assertThat(far.settings().toMap()).containsEntry("python.executable", "/opt/late/bin/python");
    }

    @Test
    void aCopyOfACopyKeepsTheSettings() throws Exception {
        final Configuration config = Configuration.fromMap(Map.of("python.executable", "/opt/bin/python"));
        final FlinkPython python = new FlinkPython(StreamExecutionEnvironment.getExecutionEnvironment(config), "3.11");

        final FlinkPython far = InstantiationUtil.clone(InstantiationUtil.clone(python));

        assertThat(far.settings().toMap()).containsEntry("python.executable", "/opt/bin/python");
    }
}
