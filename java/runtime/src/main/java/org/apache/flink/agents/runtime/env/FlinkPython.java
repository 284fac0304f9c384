package org.apache.flink.agents.runtime.env;

import java.io.IOException;
import java.io.ObjectOutputStream;
import javax.annotation.Nullable;
import org.apache.flink.agents.runtime.host.PythonEnvironment;
import org.apache.flink.api.common.functions.RuntimeContext;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.configuration.ReadableConfig;
import org.apache.flink.python.util.PythonConfigUtil;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;

/**
 * The Python that PyFlink prepares for a job: interpreter, files, archives and requirements as {@code flink run -pyexec, -pyfs,
 * -pyarch, -pyreq}, the configuration {@code python.*} and PyFlink's own methods set them. What PyFlink unpacks and installs
 * for its own workers of the same job serves ours too.
 *
 * <p>The settings are read when the job is serialized, so that files added after the agent count as well.
 */
final class FlinkPython implements PythonEnvironment {
    private static final long serialVersionUID = 1L;

    private final transient StreamExecutionEnvironment env;
    @Nullable private final String clientVersion;
    private Configuration settings;

    /**
     * Does not need the classes of flink-python; serializing does.
     *
     * @param env the job's environment
     * @param clientVersion of the Python that pickled functions of the job, such as {@code 3.11}; null if none did
     */
    FlinkPython(final StreamExecutionEnvironment env, @Nullable final String clientVersion) {
        this.env = env;
        this.clientVersion = clientVersion;
    }

    @Override
    public Prepared prepare(final RuntimeContext context, final String[] temporaryDirectories) throws Exception {
        try {
            return FlinkPythonProcess.open(settings, clientVersion, context, temporaryDirectories);
        } catch (final NoClassDefFoundError e) {
            throw new IllegalStateException(missing("this TaskManager"), e);
        }
    }

    /** What an operator of PyFlink would be given now; as of the last serialization if the environment is far away. */
    Configuration settings() {
        return env == null ? settings : read(env.getConfiguration());
    }

    private static Configuration read(final ReadableConfig config) {
        try {
            return PythonConfigUtil.extractPythonConfiguration(config);
        } catch (final NoClassDefFoundError e) {
            throw new IllegalStateException(missing("the client"), e);
        }
    }

    private static String missing(final String where) {
        return "The classes of flink-python are missing on "
                + where
                + ", so that no Python can be prepared for the agent. `flink run --python` brings them along; for jobs submitted"
                + " otherwise copy flink-python-<version>.jar from Flink's opt/ directory to lib/ and restart the cluster";
    }

    private void writeObject(final ObjectOutputStream out) throws IOException {
        settings = settings();
        out.defaultWriteObject();
    }

    @Override
    public String toString() {
        return "the Python that PyFlink prepares";
    }
}
