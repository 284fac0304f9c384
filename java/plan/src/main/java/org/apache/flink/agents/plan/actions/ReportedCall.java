package org.apache.flink.agents.plan.actions;

/**
 * A durable call of a built-in action, which reports the call as what it is, one of a model or a tool: live spans show that report,
 * and the call is not one more.
 */
public interface ReportedCall {
    /** What it brought came from the journal. */
    void replayed();
}
