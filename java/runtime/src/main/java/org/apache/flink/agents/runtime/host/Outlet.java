package org.apache.flink.agents.runtime.host;

import org.apache.flink.agents.api.DeadLetter;

/** What becomes of the core's effects that need no user code: different on Flink and in a plain JVM. */
public interface Outlet {
    /** Makes the key of a slot the one whose memory is read and written. Called before everything that touches it. */
    void select(int slot) throws Exception;

    /** Sends the payload of an output event downstream. */
    void emit(int slot, Object payload, boolean hasTimestamp, long timestamp) throws Exception;

    /** Sends a dead letter to where such go. */
    void deadLetter(int slot, DeadLetter letter, boolean hasTimestamp, long timestamp) throws Exception;

    /** Says {@link JavaHost#backoffOver} of a task after so many milliseconds. */
    void backOff(long task, long millis) throws Exception;

    /** Writes a node of the selected key's short-term memory; see {@code AgentsCore.WRITE_MEMORY}. */
    void writeMemory(String path, int node, Object value) throws Exception;

    /**
     * No input of a key is left; its slot is given back afterwards.
     *
     * @param persisted whether its unfinished runs were stored, and are to be deleted
     */
    void idle(int slot, boolean persisted) throws Exception;

    /** Passes on a marker; see {@code AgentsCore.FORWARD}. */
    void forward(int kind, long value) throws Exception;
}
