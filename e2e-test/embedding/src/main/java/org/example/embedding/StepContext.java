package org.example.embedding;

import java.util.Map;
import java.util.concurrent.ThreadLocalRandom;
import org.apache.flink.agents.core.AgentsCore;
import org.apache.flink.agents.core.StoredMemory;

/** What a {@link Step} may do, for as long as it runs. */
public final class StepContext {
    private static final String OUTPUT = "_output_event";

    private final AgentsCore core;
    private final long task;
    private final StoredMemory memory;
    private final ConditionInput conditions;

    StepContext(final AgentsCore core, final long task, final StoredMemory memory, final ConditionInput conditions) {
        this.core = core;
        this.task = task;
        this.memory = memory;
        this.conditions = conditions;
    }

    /** The value remembered for the key at a dotted path, or null. */
    public Object recall(final String path) throws Exception {
        final Object node = core.memoryGet(task, AgentsCore.SHORT_TERM, path, memory);
        return node == StoredMemory.ABSENT || node == StoredMemory.OBJECT ? null : node;
    }

    /** Remembers a value for the key. Others see it when this step has returned. */
    public void remember(final String path, final Object value) throws Exception {
        core.memorySet(task, AgentsCore.SHORT_TERM, path, value, memory);
    }

    /** Sends an event to the actions that the plan routes it to. */
    public void send(final String type, final Map<String, Object> event) {
        final int length = conditions.encode(event);
        final ThreadLocalRandom random = ThreadLocalRandom.current();
        core.send(task, core.symbol(type), event, random.nextLong(), random.nextLong(), conditions.memory(), length);
    }

    /** Sends a record downstream. */
    public void output(final Map<String, Object> record) {
        send(OUTPUT, record);
    }
}
