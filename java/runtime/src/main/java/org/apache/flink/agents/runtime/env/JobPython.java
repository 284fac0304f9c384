package org.apache.flink.agents.runtime.env;

import java.util.Map;
import org.apache.flink.agents.runtime.host.PlainPython;
import org.apache.flink.agents.runtime.host.PythonEnvironment;
import org.apache.flink.configuration.ConfigOption;
import org.apache.flink.configuration.ConfigOptions;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;

/** Where the Python actions of a job written in Java get their Python. */
final class JobPython {
    /** PyFlink's own option. */
    private static final ConfigOption<String> EXECUTABLE =
            ConfigOptions.key("python.executable").stringType().defaultValue("python3");

    private static final String PYFLINK = "org.apache.flink.python.util.PythonConfigUtil";

    private JobPython() {}

    /**
     * As PyFlink prepares it where flink-python is on the class path of the client, with everything that Flink's options {@code
     * python.*} say; else the interpreter that {@code python.executable} names, which has to be installed on every machine.
     */
    static PythonEnvironment of(final StreamExecutionEnvironment env) {
        try {
            Class.forName(PYFLINK, false, JobPython.class.getClassLoader());
            return new FlinkPython(env, null);
        } catch (final ClassNotFoundException e) {
            return new PlainPython(env.getConfiguration().get(EXECUTABLE), Map.of());
        }
    }
}
