package org.apache.flink.agents.api.context;

/**
 * What a durable call may know of itself. An addition to the reference's API. It may be used by any thread.
 */
public interface DurableCallContext {

    /**
     * Returns a UUID that names this call and no other. With a store ({@code actionStateStoreBackend}) it is the same each
     * time that the call is made: a call that was in flight at a failure and is made again has the key it had before, also
     * after a restart of the job, a restore and a change of parallelism. Give it to the other side, as an {@code
     * Idempotency-Key} header for instance, so that it can tell a repeated request from a new one.
     *
     * <p>Without a store there is nothing to know a call again by: the key is a new random one each time.
     */
    String idempotencyKey();
}
