package org.apache.flink.agents.runtime.env;

import java.util.List;
import javax.annotation.Nullable;
import org.apache.flink.agents.api.AgentBuilder;
import org.apache.flink.agents.api.AgentsExecutionEnvironment;
import org.apache.flink.agents.api.configuration.Configuration;
import org.apache.flink.api.java.functions.KeySelector;
import org.apache.flink.streaming.api.datastream.DataStream;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.table.api.Table;
import org.apache.flink.table.api.bridge.java.StreamTableEnvironment;
import org.apache.flink.types.Row;

/**
 * Adds agents to a Flink job: each {@code from…} gives a builder for one agent, and a job may have several. Used on the
 * client, from one thread.
 */
public final class RemoteExecutionEnvironment extends AgentsExecutionEnvironment {
    private final StreamExecutionEnvironment env;
    private final EnvironmentConfiguration config;
    private StreamTableEnvironment tableEnv;

    /**
     * Reads Flink's configuration file, if {@code FLINK_CONF_DIR} is set, and what {@code flink run -Dagent.…} set.
     *
     * @param env the Flink environment
     * @param tableEnv the table environment; null means that one is made when it is needed
     * @throws IllegalArgumentException if the configuration is malformed or a value is wrong; the message names the key
     * @throws IllegalStateException if the configuration file cannot be read, or classes come from two builds
     */
    public RemoteExecutionEnvironment(final StreamExecutionEnvironment env, @Nullable final StreamTableEnvironment tableEnv) {
        BuildCheck.check();
        this.env = env;
        this.tableEnv = tableEnv;
        final String confDir = EnvironmentConfiguration.confDir();
        this.config = new EnvironmentConfiguration(confDir, FlinkDynamicProperties.of(env.getConfiguration(), confDir));
    }

    @Override
    public Configuration getConfig() {
        return config.current();
    }

    @Override
    public AgentBuilder fromList(final List<Object> input) {
        throw new UnsupportedOperationException(
                "fromList runs without Flink only: use fromDataStream(env.fromData(...)) here, or take the environment from"
                        + " AgentsExecutionEnvironment.getExecutionEnvironment() without argument");
    }

    /**
     * {@inheritDoc}
     *
     * <p>A {@code KeyedStream} without selector keeps its own key.
     *
     * @throws IllegalArgumentException if there is no input, or the type of the keys cannot be found out
     */
    @Override
    public <T, K> AgentBuilder fromDataStream(final DataStream<T> input, @Nullable final KeySelector<T, K> keySelector) {
        if (input == null) {
            throw new IllegalArgumentException("fromDataStream(null): give a stream");
        }
        return new RemoteAgentBuilder<>(
                AgentInput.of(input, keySelector),
                new AgentCompiler(config, resources, agents, true),
                this::tableEnvironment,
                () -> JobPython.of(env));
    }

    @Override
    @SuppressWarnings("unchecked")
    public <K> AgentBuilder fromTable(final Table input, @Nullable final KeySelector<Object, K> keySelector) {
        if (input == null) {
            throw new IllegalArgumentException("fromTable(null): give a table");
        }
        final DataStream<Row> rows = tableEnvironment().toDataStream(input);
        return fromDataStream(rows, (KeySelector<Row, K>) (KeySelector<?, K>) keySelector);
    }

    private StreamTableEnvironment tableEnvironment() {
        if (tableEnv == null) {
            tableEnv = StreamTableEnvironment.create(env);
        }
        return tableEnv;
    }

    @Override
    public void execute() throws Exception {
        env.execute();
    }

    @Override
    public void execute(final String jobName) throws Exception {
        env.execute(jobName);
    }
}
