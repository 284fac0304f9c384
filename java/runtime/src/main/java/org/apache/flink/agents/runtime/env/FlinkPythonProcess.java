package org.apache.flink.agents.runtime.env;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import javax.annotation.Nullable;
import org.apache.flink.agents.runtime.host.PythonEnvironment;
import org.apache.flink.api.common.functions.RuntimeContext;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.python.env.PythonDependencyInfo;
import org.apache.flink.python.env.process.ProcessPythonEnvironmentManager;

/** A lease of what PyFlink has prepared on this TaskManager for a job; the only class that uses PyFlink's managers. */
final class FlinkPythonProcess implements PythonEnvironment.Prepared {
    /** Where PyFlink's manager puts the interpreter, and the directory that archives are unpacked to. */
    private static final String INTERPRETER = "python";

    private static final String WORKING_DIRECTORY = "_PYTHON_WORKING_DIR";

    /** Tells the worker which version it has to be. */
    private static final String CLIENT_VERSION = "FLINK_AGENTS_CLIENT_PYTHON";

    private final ProcessPythonEnvironmentManager manager;
    private final Map<String, String> environment;

    private FlinkPythonProcess(final ProcessPythonEnvironmentManager manager, final Map<String, String> environment) {
        this.manager = manager;
        this.environment = environment;
    }

    /** Unpacks files and archives and installs requirements, unless that has been done for the job on this TaskManager. */
    static FlinkPythonProcess open(
            final Configuration settings,
            @Nullable final String clientVersion,
            final RuntimeContext context,
            final String[] temporaryDirectories)
            throws Exception {
        final ProcessPythonEnvironmentManager manager =
                new ProcessPythonEnvironmentManager(
                        PythonDependencyInfo.create(settings, context.getDistributedCache()),
                        temporaryDirectories,
                        new HashMap<>(System.getenv()),
                        context.getJobInfo().getJobId());
        try {
            manager.open();
            final Map<String, String> environment = new HashMap<>(manager.getPythonEnv());
            if (clientVersion != null) {
                environment.put(CLIENT_VERSION, clientVersion);
            }
            return new FlinkPythonProcess(manager, environment);
        } catch (final Exception | LinkageError e) {
            manager.close();
            throw e;
        }
    }

    @Override
    public List<String> command() {
        return List.of(environment.getOrDefault(INTERPRETER, INTERPRETER));
    }

    @Override
    public Map<String, String> environment() {
        return environment;
    }

    @Override
    public String directory() {
        return environment.get(WORKING_DIRECTORY);
    }

    @Override
    public void close() throws Exception {
        manager.close();
    }
}
