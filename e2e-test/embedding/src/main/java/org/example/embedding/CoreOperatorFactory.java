package org.example.embedding;

import java.util.Map;
import java.util.TreeMap;
import org.apache.flink.streaming.api.operators.AbstractStreamOperatorFactory;
import org.apache.flink.streaming.api.operators.ChainingStrategy;
import org.apache.flink.streaming.api.operators.OneInputStreamOperatorFactory;
import org.apache.flink.streaming.api.operators.StreamOperator;
import org.apache.flink.streaming.api.operators.StreamOperatorParameters;

/** Ships plan and steps to the cluster: {@code keyed.transform("orders", type, new CoreOperatorFactory(…))}. */
public final class CoreOperatorFactory extends AbstractStreamOperatorFactory<Map<String, Object>>
        implements OneInputStreamOperatorFactory<Map<String, Object>, Map<String, Object>> {
    private static final long serialVersionUID = 1L;

    private final byte[] plan;
    private final TreeMap<String, Step> steps;
    private final int slice;

    /**
     * @param plan the plan, JSON in UTF-8
     * @param steps the code of each of its actions, by name
     * @param slice steps in one go, before checkpoints and other mails get their turn
     */
    public CoreOperatorFactory(final byte[] plan, final Map<String, Step> steps, final int slice) {
        this.plan = plan.clone();
        this.steps = new TreeMap<>(steps);
        this.slice = slice;
        // The operator yields to its mailbox, which it may only at the head of a chain.
        setChainingStrategy(ChainingStrategy.HEAD);
    }

    @Override
    @SuppressWarnings("unchecked")
    public <T extends StreamOperator<Map<String, Object>>> T createStreamOperator(
            final StreamOperatorParameters<Map<String, Object>> parameters) {
        return (T) new CoreOperator(plan, steps, slice, parameters);
    }

    @Override
    @SuppressWarnings("rawtypes")
    public Class<? extends StreamOperator> getStreamOperatorClass(final ClassLoader classLoader) {
        return CoreOperator.class;
    }
}
