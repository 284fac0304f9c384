package org.apache.flink.agents.runtime.env;

import java.util.List;
import java.util.Map;
import java.util.function.Supplier;
import org.apache.flink.agents.api.DeadLetter;
import org.apache.flink.agents.runtime.host.PythonEnvironment;
import org.apache.flink.agents.runtime.operator.AgentOperator;
import org.apache.flink.streaming.api.datastream.DataStream;
import org.apache.flink.streaming.api.datastream.SingleOutputStreamOperator;
import org.apache.flink.table.api.Schema;
import org.apache.flink.table.api.Table;
import org.apache.flink.table.api.bridge.java.StreamTableEnvironment;

/** One agent of a Flink job. */
final class RemoteAgentBuilder<T, K> extends OneAgentBuilder {
    private final AgentInput<T, K> input;
    private final Supplier<StreamTableEnvironment> tables;
    private final Supplier<PythonEnvironment> python;
    private SingleOutputStreamOperator<Object> output;
    private DataStream<DeadLetter> letters;

    RemoteAgentBuilder(
            final AgentInput<T, K> input,
            final AgentCompiler compiler,
            final Supplier<StreamTableEnvironment> tables,
            final Supplier<PythonEnvironment> python) {
        super(compiler);
        this.input = input;
        this.tables = tables;
        this.python = python;
    }

    @Override
    String taken(final String agentName) {
        return "This input has the agent '"
                + agentName
                + "' already. For a second agent on the same input call fromDataStream again; to chain agents,"
                + " give the first one's toDataStream() to fromDataStream";
    }

    @Override
    public List<Map<String, Object>> toList() {
        throw new UnsupportedOperationException(
                "toList works without Flink only: use toDataStream() or toTable(schema) here, or take the environment from"
                        + " AgentsExecutionEnvironment.getExecutionEnvironment() without argument");
    }

    @Override
    public DataStream<Object> toDataStream() {
        if (agent() == null) {
            throw new IllegalStateException("There is no output yet: call apply(agent) before toDataStream(), toTable(schema) or getDeadLetters()");
        }
        if (output == null) {
            output =
                    input.connect(
                            agent().agentName(), agent().json(), agent().needsPython() ? python.get() : null, false);
        }
        return output;
    }

    @Override
    public List<DeadLetter> deadLettersToList() {
        throw new UnsupportedOperationException(
                "deadLettersToList works without Flink only: use getDeadLetters() or deadLettersToTable() here");
    }

    @Override
    public DataStream<DeadLetter> getDeadLetters() {
        if (letters == null) {
            toDataStream();
            letters = output.getSideOutput(AgentOperator.DEAD_LETTERS);
        }
        return letters;
    }

    @Override
    public Table deadLettersToTable() {
        return tables.get().fromDataStream(getDeadLetters());
    }

    @Override
    public Table toTable(final Schema schema) {
        if (schema == null) {
            throw new IllegalArgumentException("toTable(null): give a schema, it says how outputs become columns");
        }
        return OutputTable.of(agent() == null ? "" : agent().agentName(), toDataStream(), schema, tables.get());
    }
}
