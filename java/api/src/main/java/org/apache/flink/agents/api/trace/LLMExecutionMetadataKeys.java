package org.apache.flink.agents.api.trace;

/** Metadata keys of model executions. */
public final class LLMExecutionMetadataKeys {
    /** The id of the model. */
    public static final String MODEL = "model";

    private LLMExecutionMetadataKeys() {}
}
