package org.apache.flink.agents.runtime.host;

import java.util.UUID;
import org.apache.flink.agents.api.context.DurableCallContext;

/** The key of a call that nothing is known of afterwards, made when it is asked for. */
final class RandomKey implements DurableCallContext {
    private String key;

    @Override
    public synchronized String idempotencyKey() {
        if (key == null) {
            key = UUID.randomUUID().toString();
        }
        return key;
    }
}
