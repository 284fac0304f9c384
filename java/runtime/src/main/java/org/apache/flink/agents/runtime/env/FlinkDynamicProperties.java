package org.apache.flink.agents.runtime.env;

import java.util.LinkedHashMap;
import java.util.Map;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.configuration.GlobalConfiguration;
import org.apache.flink.configuration.ReadableConfig;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Finds what {@code flink run -Dagent.…} set. A Flink environment shows its file and the command line as one, both as text;
 * values that stand in the file are left out, since the core reads the file itself and keeps their types.
 */
final class FlinkDynamicProperties {
    private static final Logger LOG = LoggerFactory.getLogger(FlinkDynamicProperties.class);
    private static final String PREFIX = "agent.";

    private FlinkDynamicProperties() {}

    /**
     * Returns the keys that begin with {@code agent.} and do not come from the file.
     *
     * @param config of the Flink environment
     * @param confDir directory of Flink's configuration file; null means there is none
     */
    static Map<String, String> of(final ReadableConfig config, final String confDir) {
        final Map<String, String> dynamic = new LinkedHashMap<>();
        if (config instanceof Configuration) {
            ((Configuration) config).toMap().forEach((key, value) -> {
                if (key.startsWith(PREFIX)) {
                    dynamic.put(key, value);
                }
            });
        }
        if (!dynamic.isEmpty() && confDir != null) {
            loadFile(confDir).forEach(dynamic::remove);
        }
        return dynamic;
    }

    private static Map<String, String> loadFile(final String confDir) {
        try {
            return GlobalConfiguration.loadConfiguration(confDir).toMap();
        } catch (final RuntimeException e) {
            // Such as the older file's name on Flink 2: then Flink has not read it either.
            LOG.debug("Flink cannot read the configuration in {}", confDir, e);
            return Map.of();
        }
    }
}
