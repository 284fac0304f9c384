package org.apache.flink.agents.runtime.local;

import java.util.List;
import org.apache.flink.agents.core.StoredMemory;
import org.apache.flink.agents.runtime.host.EventValues;
import org.apache.flink.agents.runtime.host.PlanServices;
import org.apache.flink.agents.runtime.value.BlobCodec;
import org.apache.flink.api.common.ExecutionConfig;

/** What a host of a run without Flink gives its actions. */
final class LocalServices extends PlanServices {
    private final LocalMemory memory;

    LocalServices(final String agentName, final byte[] planJson, final ClassLoader userCode) {
        super(agentName, planJson, userCode, new LocalMetrics());
        // Every value is checked unless it is switched off: this is where agents are tried out.
        final boolean verify = config().getBool("values.verify", true);
        memory = new LocalMemory(new BlobCodec(new ExecutionConfig(), userCode, List.of(), new EventValues(userCode), verify));
    }

    LocalMemory memory() {
        return memory;
    }

    @Override
    public StoredMemory storedMemory() {
        return memory;
    }

    // Keys are hidden in a cluster's logs; here they are the developer's own, and wanted.
    @Override
    public String describeKey(final Object key) {
        return "\"" + key + "\"";
    }
}
