package org.apache.flink.agents.runtime.env;

import com.fasterxml.jackson.annotation.JsonProperty;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.charset.CharacterCodingException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.Paths;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import org.apache.flink.agents.api.UserJson;
import org.apache.flink.agents.core.AgentsCore;
import org.apache.flink.agents.core.AgentsCoreException;
import org.apache.flink.agents.plan.AgentConfiguration;
import org.apache.flink.configuration.GlobalConfiguration;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The configuration of an environment: Flink's configuration file, above it what the command line set, above that what is
 * set on the environment object. The core does the merging; this class finds the sources.
 *
 * <p><i>Owned state</i>: the object users set values on, which shows those of file and command line from the start.
 * <i>Lifecycle</i>: the file is read when the environment is made; everything is merged and checked anew for each plan.
 */
final class EnvironmentConfiguration {
    private static final Logger LOG = LoggerFactory.getLogger(EnvironmentConfiguration.class);
    private static final String CONF_DIR = "FLINK_CONF_DIR";
    private static final String FILE = "config.yaml";
    private static final String LEGACY_FILE = "flink-conf.yaml";

    // Values that are set may be of the user's classes, which a shared mapper would keep.
    private final ObjectMapper json = UserJson.newMapper();
    private final Map<String, Object> request = new LinkedHashMap<>();
    private Map<String, Object> inherited;
    private AgentConfiguration current;
    private final Set<String> logged = new HashSet<>();

    /**
     * @param confDir directory of Flink's configuration file; null means there is none
     * @param dynamic what the command line set, keys with the prefix {@code agent.}
     * @throws IllegalStateException if the directory has no configuration file that can be read
     * @throws IllegalArgumentException if the file is malformed or a value is wrong; the message names the key
     */
    EnvironmentConfiguration(final String confDir, final Map<String, String> dynamic) {
        if (confDir != null) {
            take(find(Paths.get(confDir)), ", found by " + CONF_DIR + ",");
        }
        request.put("dynamic", dynamic);
        inherited = merge(Map.of());
        current = new AgentConfiguration(inherited);
    }

    /** The directory that {@code FLINK_CONF_DIR} names, or null. */
    static String confDir() {
        final String directory = System.getenv(CONF_DIR);
        return directory == null || directory.isBlank() ? null : directory;
    }

    private void take(final Path file, final String how) {
        request.put("file_name", file.toString());
        request.put("file_text", textOf(file, how));
    }

    /** Reads a file instead of the one before. What was set on the object is kept; there is another object from now on. */
    void read(final Path file) {
        final Map<String, Object> own = own();
        final Map<String, Object> before = new LinkedHashMap<>(request);
        try {
            take(file, "");
            inherited = merge(Map.of());
        } catch (final RuntimeException e) {
            request.clear();
            request.putAll(before);
            throw e;
        }
        current = new AgentConfiguration(inherited);
        own.forEach(current::setValue);
    }

    /** What users read and set. */
    AgentConfiguration current() {
        return current;
    }

    /**
     * Everything merged, as of now: for a plan.
     *
     * @throws IllegalArgumentException if a value does not fit its option; the message names the key and where it was set
     */
    AgentConfiguration merged() {
        return new AgentConfiguration(merge(own()));
    }

    private Map<String, Object> own() {
        final Map<String, Object> own = new LinkedHashMap<>();
        current.toMap()
                .forEach(
                        (key, value) -> {
                            if (!inherited.containsKey(key) || !Objects.equals(inherited.get(key), value)) {
                                own.put(key, value);
                            }
                        });
        return own;
    }

    private Map<String, Object> merge(final Map<String, Object> own) {
        request.put("environment", own);
        try {
            final Merged merged = json.readValue(AgentsCore.loadConfig(json.writeValueAsBytes(request)), Merged.class);
            for (final String warning : merged.warnings) {
                if (logged.add(warning)) {
                    LOG.warn("{}", warning);
                }
            }
            return merged.values;
        } catch (final IOException e) {
            throw new AgentsCoreException("The core's answer to a configuration cannot be read: " + e.getMessage());
        }
    }

    /** The core's answer. */
    private static final class Merged {
        @JsonProperty("conf_data")
        private Map<String, Object> values;

        @JsonProperty("warnings")
        private List<String> warnings;
    }

    private static Path find(final Path directory) {
        for (final String name : flinkKnowsLegacyFile() ? List.of(LEGACY_FILE, FILE) : List.of(FILE, LEGACY_FILE)) {
            final Path file = directory.resolve(name);
            if (Files.exists(file)) {
                return file;
            }
        }
        throw new IllegalStateException(
                CONF_DIR
                        + " is "
                        + directory
                        + ", where there is neither "
                        + FILE
                        + " nor "
                        + LEGACY_FILE
                        + ". Point it at the conf directory of Flink, or unset it to go without a configuration file");
    }

    /** Flink 1.20 reads the older file when both are there; Flink 2 never does, and here it only stands in for the other. */
    private static boolean flinkKnowsLegacyFile() {
        try {
            GlobalConfiguration.class.getField("LEGACY_FLINK_CONF_FILENAME");
            return true;
        } catch (final NoSuchFieldException e) {
            return false;
        }
    }

    private static String textOf(final Path file, final String how) {
        try {
            return Files.readString(file);
        } catch (final CharacterCodingException e) {
            throw new IllegalStateException("The configuration file " + file + how + " is not UTF-8 text; save it as UTF-8", e);
        } catch (final IOException e) {
            throw new IllegalStateException(
                    "The configuration file "
                            + file
                            + how
                            + " cannot be read ("
                            + e
                            + "). Let it name a file, and let the user who runs this program read it",
                    e);
        }
    }
}
