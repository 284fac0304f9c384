package org.apache.flink.agents.runtime.operator;

import java.security.SecureRandom;
import javax.annotation.Nullable;
import org.apache.flink.agents.core.JournalSubtask;
import org.apache.flink.agents.runtime.host.PythonEnvironment;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.streaming.api.operators.AbstractStreamOperatorFactory;
import org.apache.flink.streaming.api.operators.ChainingStrategy;
import org.apache.flink.streaming.api.operators.OneInputStreamOperatorFactory;
import org.apache.flink.streaming.api.operators.StreamOperator;
import org.apache.flink.streaming.api.operators.StreamOperatorParameters;

/** Ships a plan to the cluster and makes its operators there. */
public final class AgentOperatorFactory<IN> extends AbstractStreamOperatorFactory<Object>
        implements OneInputStreamOperatorFactory<IN, Object> {
    private static final long serialVersionUID = 1L;

    private final String agentName;
    // The plan travels as bytes: of any size.
    private final byte[] plan;
    private final TypeInformation<IN> inputType;
    @Nullable private final PythonEnvironment python;
    private final boolean encoded;
    /** Tells this job's records in a store from those of others; the same in every attempt, since it travels with the graph. */
    private final byte[] nonce = new byte[JournalSubtask.NONCE_BYTES];

    /**
     * For an agent without Python.
     *
     * @param agentName name of the agent, for messages
     * @param plan its plan, JSON in UTF-8
     * @param inputType type of the records: how those of unfinished runs are stored
     */
    public AgentOperatorFactory(final String agentName, final byte[] plan, final TypeInformation<IN> inputType) {
        this(agentName, plan, inputType, null, false);
    }

    /**
     * @param agentName name of the agent, for messages
     * @param plan its plan, JSON in UTF-8
     * @param inputType type of the records: how those of unfinished runs are stored
     * @param python where the workers for its Python actions come from; null if it has none
     * @param encoded whether records and outputs are bytes of the Python API instead of objects
     */
    public AgentOperatorFactory(
            final String agentName,
            final byte[] plan,
            final TypeInformation<IN> inputType,
            @Nullable final PythonEnvironment python,
            final boolean encoded) {
        this.agentName = agentName;
        this.plan = plan.clone();
        this.inputType = inputType;
        this.python = python;
        this.encoded = encoded;
        new SecureRandom().nextBytes(nonce);
        // The operator yields to its mailbox, which it may only at the head of a chain.
        setChainingStrategy(ChainingStrategy.HEAD);
    }

    @Override
    @SuppressWarnings("unchecked")
    public <T extends StreamOperator<Object>> T createStreamOperator(final StreamOperatorParameters<Object> parameters) {
        return (T) AgentOperator.create(agentName, plan, inputType, python, encoded, nonce, parameters);
    }

    @Override
    @SuppressWarnings("rawtypes")
    public Class<? extends StreamOperator> getStreamOperatorClass(final ClassLoader classLoader) {
        return AgentOperator.class;
    }
}
