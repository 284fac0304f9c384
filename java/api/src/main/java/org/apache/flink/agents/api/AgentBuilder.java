package org.apache.flink.agents.api;

import java.util.List;
import java.util.Map;
import org.apache.flink.agents.api.agents.Agent;
import org.apache.flink.streaming.api.datastream.DataStream;
import org.apache.flink.table.api.Schema;
import org.apache.flink.table.api.Table;

/** Applies an agent to an input and gives its output. Used on the client while a job is built. */
public interface AgentBuilder {

    /**
     * Applies an agent to the input.
     *
     * @return this builder
     * @throws RuntimeException if the agent cannot be compiled; the cause says why
     */
    AgentBuilder apply(Agent agent);

    /**
     * Applies the agent registered under a name in the environment.
     *
     * @return this builder
     * @throws IllegalArgumentException if there is no agent of that name
     */
    default AgentBuilder apply(String agentName) {
        throw new UnsupportedOperationException(
                "This builder cannot apply the agent '"
                        + agentName
                        + "' by name; use apply(Agent) instead.");
    }

    /**
     * Returns the output of a local environment: one map per record, from key to value. The list is
     * filled by {@code execute()}.
     *
     * @throws UnsupportedOperationException in an environment that runs on Flink
     */
    List<Map<String, Object>> toList();

    /**
     * Returns the output as a stream; repeated calls return the same stream.
     *
     * @throws IllegalStateException if no agent has been applied
     */
    DataStream<Object> toDataStream();

    /**
     * Returns the dead letters of actions whose failure policy asks for them ({@code on-failure: dead-letter}), as a side output;
     * repeated calls return the same stream. Dead letters of a job that does not ask for this stream are in its log only.
     *
     * @throws IllegalStateException if no agent has been applied
     * @throws UnsupportedOperationException without Flink
     */
    default DataStream<DeadLetter> getDeadLetters() {
        throw new UnsupportedOperationException("This builder has no dead letters");
    }

    /**
     * Returns the same as a table, with a column for each field of {@link DeadLetter}.
     *
     * @throws IllegalStateException if no agent has been applied
     * @throws UnsupportedOperationException without Flink
     */
    default Table deadLettersToTable() {
        throw new UnsupportedOperationException("This builder has no dead letters");
    }

    /**
     * Returns the dead letters of a local environment, filled by {@code execute()}; {@link DeadLetter#toJson} makes lines of a
     * file of them.
     *
     * @throws UnsupportedOperationException in an environment that runs on Flink
     */
    default List<DeadLetter> deadLettersToList() {
        throw new UnsupportedOperationException("This builder has no dead letters");
    }

    /**
     * Returns the output as a table.
     *
     * @param schema the schema the output stream is converted with
     * @throws IllegalStateException if no agent has been applied
     */
    Table toTable(Schema schema);
}
