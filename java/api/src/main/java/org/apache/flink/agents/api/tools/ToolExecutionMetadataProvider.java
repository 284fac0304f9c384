package org.apache.flink.agents.api.tools;

import java.util.Map;

/** A tool that tells the trace more about its calls. */
public interface ToolExecutionMetadataProvider {

    /** Returns what the trace is to know of a call, by the keys of {@code ToolExecutionMetadataKeys}. */
    Map<String, Object> getToolExecutionMetadata(ToolParameters parameters);
}
