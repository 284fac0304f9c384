package jobs;

import org.apache.flink.agents.api.context.MemoryObject;

/** Reads numbers of a memory. */
final class Memory {
    private Memory() {}

    /** The number at a path; 0 if there is nothing. */
    static long number(final MemoryObject memory, final String path) throws Exception {
        return memory.isExist(path) ? (Long) memory.get(path).getValue() : 0L;
    }
}
