package org.apache.flink.agents.runtime.host;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.apache.flink.api.common.functions.RuntimeContext;

/** An interpreter that is installed on every machine of the cluster, with the agent's packages. */
public final class PlainPython implements PythonEnvironment {
    private static final long serialVersionUID = 1L;

    private final String interpreter;
    private final LinkedHashMap<String, String> environment;

    /**
     * @param interpreter its path, or a name that is looked up in {@code PATH}
     * @param environment variables for the worker, such as {@code PYTHONPATH}
     */
    public PlainPython(final String interpreter, final Map<String, String> environment) {
        this.interpreter = Objects.requireNonNull(interpreter, "interpreter");
        this.environment = new LinkedHashMap<>(environment);
    }

    @Override
    public Prepared prepare(final RuntimeContext context, final String[] temporaryDirectories) {
        return new Prepared() {
            @Override
            public List<String> command() {
                return List.of(interpreter);
            }

            @Override
            public Map<String, String> environment() {
                return environment;
            }

            @Override
            public String directory() {
                return null;
            }

            @Override
            public void close() {
                // Nothing was unpacked.
            }
        };
    }

    @Override
    public String toString() {
        return interpreter;
    }
}
