package org.apache.flink.agents.runtime.env;

import java.nio.file.Paths;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import javax.annotation.Nullable;
import org.apache.flink.agents.api.AgentBuilder;
import org.apache.flink.agents.api.AgentsExecutionEnvironment;
import org.apache.flink.agents.api.chat.model.TextPart;
import org.apache.flink.agents.api.configuration.ConfigOption;
import org.apache.flink.agents.api.configuration.Configuration;
import org.apache.flink.agents.runtime.local.LocalReport;
import org.apache.flink.agents.runtime.metrics.MetricsSnapshot;
import org.apache.flink.api.java.functions.KeySelector;
import org.apache.flink.streaming.api.datastream.DataStream;
import org.apache.flink.table.api.Table;

/**
 * Runs agents in this JVM, in the thread that calls {@link #execute()}, without Flink: on the same core, with the same
 * rules. Flink's API jars have to be on the class path, its runtime is not used.
 *
 * <p>Inputs are lists of maps: {@code key} (or {@code k}) is the key, {@code value} (or {@code v}) what the input event
 * carries. An element without key has its index in the list, a {@code Long}, as its key, and so shares nothing with others.
 * Inputs of a key run in order; those of different keys take turns. Outputs are maps with one entry, from key to output, in
 * the order in which they are produced.
 *
 * <p>{@link #execute()} runs what has been built since the last call, each agent over its own list and with empty memory.
 * Short-term memory ends with it. With a store ({@code actionStateStoreBackend}) a run that was killed goes on where it was when
 * it is executed again under its name.
 *
 * <p>What a cluster could have to store is checked, unless option {@code values.verify} is false: an event that an action sends,
 * and a value that it sets in short-term or sensory memory, has to come back from Flink's state as the same, and an event must
 * not be changed after it was sent, nor the objects in it. Inputs and outputs are neither checked nor copied. There are no
 * checkpoints, watermarks, timestamps or expiry of memory. {@link #metrics()} shows what was counted; with option {@code
 * prometheus.port} Prometheus may read it while agents run. Used from one thread.
 */
public final class LocalExecutionEnvironment extends AgentsExecutionEnvironment {
    private static final ConfigOption<Integer> PROMETHEUS_PORT = new ConfigOption<>("prometheus.port", Integer.class, null);

    private final EnvironmentConfiguration config;
    private final List<LocalAgentBuilder> builders = new ArrayList<>();
    /** Of the last execution; null before the first. */
    private LocalReport last;
    @Nullable private Consumer<TextPart> textListener;

    /**
     * Reads the configuration file of Flink, if {@code FLINK_CONF_DIR} is set.
     *
     * @throws IllegalArgumentException if the configuration is malformed or a value is wrong; the message names the key
     * @throws IllegalStateException if the configuration file cannot be read, or classes come from two builds
     */
    public LocalExecutionEnvironment() {
        BuildCheck.check();
        config = new EnvironmentConfiguration(EnvironmentConfiguration.confDir(), Map.of());
    }

    @Override
    public Configuration getConfig() {
        return config.current();
    }

    /**
     * {@inheritDoc}
     *
     * <p>What was set on the configuration before is kept, and wins over the file. What this method returned before is of no
     * use any more.
     */
    @Override
    public Configuration getConfig(@Nullable final String path) {
        if (path != null) {
            config.read(Paths.get(path));
        }
        return config.current();
    }

    /**
     * {@inheritDoc}
     *
     * <p>The list is read at once. It may be called again, for another agent.
     *
     * @throws IllegalArgumentException if an element is wrong; the message names its index
     */
    @Override
    public AgentBuilder fromList(final List<Object> input) {
        final LocalAgentBuilder builder =
                new LocalAgentBuilder(LocalInputs.read(input), new AgentCompiler(config, resources, agents, false));
        builders.add(builder);
        return builder;
    }

    @Override
    public <T, K> AgentBuilder fromDataStream(
            final DataStream<T> input, @Nullable final KeySelector<T, K> keySelector) {
        throw needsFlink("fromDataStream");
    }

    @Override
    public <K> AgentBuilder fromTable(final Table input, @Nullable final KeySelector<Object, K> keySelector) {
        throw needsFlink("fromTable");
    }

    static UnsupportedOperationException needsFlink(final String method) {
        return needsFlink(method, method.startsWith("from") ? "fromList(...)" : "toList()");
    }

    static UnsupportedOperationException needsFlink(final String method, final String instead) {
        return new UnsupportedOperationException(
                method
                        + " needs Flink: use "
                        + instead
                        + " here, or take the environment from AgentsExecutionEnvironment.getExecutionEnvironment(env) with"
                        + " Flink's StreamExecutionEnvironment");
    }

    @Override
    public void onText(final Consumer<TextPart> listener) {
        textListener = listener;
    }

    /**
     * Runs what has been built since the last call.
     *
     * @throws IllegalStateException if there is nothing, or an input has no agent
     * @throws org.apache.flink.agents.runtime.ActionTaskExecutionException if an action throws; the message names agent,
     *     action and key. Outputs made before stay in their list
     */
    @Override
    public void execute() throws Exception {
        execute(null);
    }

    /**
     * As {@link #execute()}. With a store ({@code actionStateStoreBackend}) what an earlier run of this name has done is not done
     * again: its outputs, its memory and the results of its calls come from the journal.
     *
     * @param jobName the name of the run; null means option {@code job-identifier}. Without a store it means nothing
     * @throws IllegalArgumentException if there is a store and the run has no name, or the store is not one for such runs
     * @throws org.apache.flink.agents.core.AgentsCoreException if the store fails
     */
    @Override
    public void execute(@Nullable final String jobName) throws Exception {
        if (builders.isEmpty()) {
            throw new IllegalStateException(
                    "There is nothing to execute: build something first, by fromList(...).apply(...); what was built before"
                            + " the last execute() has been run");
        }
        for (final LocalAgentBuilder builder : builders) {
            builder.checkComplete();
        }
        // Also after a failure: inputs half done are not run again.
        final List<LocalAgentBuilder> runs = new ArrayList<>(builders);
        builders.clear();
        int index = 0;
        final Integer port = config.merged().get(PROMETHEUS_PORT);
        try (LocalReport report = new LocalReport(port)) {
            last = report;
            for (final LocalAgentBuilder builder : runs) {
                builder.run(jobName, index++, report, textListener);
            }
        }
    }

    /**
     * What the metrics showed when what was executed last had ended, of all its agents; also after a failure.
     *
     * @throws IllegalStateException if nothing was executed yet
     */
    public MetricsSnapshot metrics() {
        if (last == null) {
            throw new IllegalStateException("There are no metrics yet: call execute() before metrics()");
        }
        return last.snapshot();
    }
}
