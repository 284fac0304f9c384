package org.apache.flink.agents.core;

/**
 * The host's store of short-term memory for one key: one entry for each node, by dotted path. The core reads a path at most
 * once in a run and tells by {@link AgentsCore#WRITE_MEMORY} effects what to write.
 */
public interface StoredMemory {
    /** What {@link #load} returns for an object (a node with children, without a value of its own). */
    Object OBJECT = new Object() {
        @Override
        public String toString() {
            return "memory object";
        }
    };

    /** What {@link #load} returns when nothing is stored. */
    Object ABSENT = new Object() {
        @Override
        public String toString() {
            return "nothing";
        }
    };

    /**
     * Reads one node of the current key.
     *
     * @param path dotted path, never empty
     * @return {@link #ABSENT}, {@link #OBJECT}, or the value (which may be null)
     * @throws Exception when the store fails; passed on to the action
     */
    Object load(String path) throws Exception;

    /**
     * All stored paths of the current key below a prefix, in any order; more than those may be returned.
     *
     * @param prefix a path, or the empty text for all
     * @return the paths
     * @throws Exception when the store fails; passed on to the action
     */
    Iterable<String> paths(String prefix) throws Exception;
}
