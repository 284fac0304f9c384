package org.apache.flink.agents.api.context;

import java.util.concurrent.CompletionStage;
import java.util.concurrent.ExecutionException;

/**
 * A durable call that needs no thread while it is under way, such as one of an asynchronous client. An addition to the
 * reference's API: thousands of them can be in flight on every JVM.
 *
 * @param <T> the result
 */
public interface AsyncDurableCallable<T> extends DurableCallable<T> {

    /**
     * Begins the call and returns at once. It runs on the thread of the action, which must not be held up here. A call that is
     * given up, for its time limit or because the job is cancelled, is cancelled by the stage's {@code toCompletableFuture()}.
     *
     * @return what brings the result; not null
     */
    CompletionStage<T> callAsync() throws Exception;

    /**
     * Begins the call, knowing its {@link DurableCallContext#idempotencyKey}; see {@link #call(DurableCallContext)}.
     *
     * @param context of this call
     */
    default CompletionStage<T> callAsync(final DurableCallContext context) throws Exception {
        return callAsync();
    }

    /** Makes the call and waits for it. */
    @Override
    default T call() throws Exception {
        try {
            return callAsync().toCompletableFuture().get();
        } catch (final ExecutionException e) {
            if (e.getCause() instanceof Exception) {
                throw (Exception) e.getCause();
            }
            if (e.getCause() instanceof Error) {
                throw (Error) e.getCause();
            }
            throw e;
        }
    }
}
