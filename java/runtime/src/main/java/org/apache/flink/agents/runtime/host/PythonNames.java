package org.apache.flink.agents.runtime.host;

import java.util.List;
import org.apache.flink.agents.api.configuration.AgentConfigOptions;
import org.apache.flink.agents.api.configuration.ReadableConfiguration;

/** Classes that options name, of Java by their names, of Python as {@code module:Class}. */
public final class PythonNames {
    /** Option of the user's own event logger. */
    static final String EVENT_LOGGER = "event-logger";

    private PythonNames() {}

    /** Whether it is Python's: no class of Java has a colon in its name. */
    static boolean isPython(final String name) {
        return name.indexOf(':') >= 0;
    }

    /** Whether a configuration names listeners or an event logger of Python. */
    public static boolean areIn(final ReadableConfiguration config) {
        final List<String> listeners = config.get(AgentConfigOptions.EVENT_LISTENERS);
        return isPython(config.getStr(EVENT_LOGGER, "")) || (listeners != null && listeners.stream().anyMatch(PythonNames::isPython));
    }
}
