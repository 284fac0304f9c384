package org.apache.flink.agents.api.context;

import java.time.Duration;
import java.util.List;
import java.util.concurrent.Callable;
import javax.annotation.Nullable;

/**
 * A call whose result is recorded, so that it is not made again when the action is run again after
 * a failure. It must not use the {@link RunnerContext}, memory or resources look-ups: it may run on
 * another thread.
 *
 * @param <T> the result
 */
public interface DurableCallable<T> {

    /**
     * Names the call, the same in every run of the action. Several calls of an action may have the
     * same id: they are told apart by their order.
     */
    String getId();

    /**
     * Returns ids that this call had before: what is recorded under one of them counts as its own. An addition to the
     * reference's API.
     */
    default List<String> formerIds() {
        return List.of();
    }

    /** Returns the class a recorded result is read back as. */
    Class<T> getResultClass();

    /** Makes the call. */
    T call() throws Exception;

    /**
     * Makes the call, knowing its {@link DurableCallContext#idempotencyKey}. Override it instead of using {@link #call()}
     * where the other side can recognise a repeated request. An addition to the reference's API.
     *
     * @param context of this call
     */
    default T call(final DurableCallContext context) throws Exception {
        return call();
    }

    /**
     * Returns what finds out, after a failure, how a call ended that was begun and has no recorded
     * end; null means that such a call is made again.
     */
    @Nullable
    default Callable<T> reconciler() {
        return null;
    }

    /**
     * Returns the same, for one that asks with the key of the call. An addition to the reference's API.
     *
     * @param context of the call, with the key under which it was begun
     */
    @Nullable
    default Callable<T> reconciler(final DurableCallContext context) {
        return reconciler();
    }

    /**
     * Returns the arguments of the call, something Jackson can write; null means none. A recorded
     * result counts only for a call with equal arguments.
     */
    @Nullable
    default Object arguments() {
        return null;
    }

    /**
     * Returns how long the call may take before it is interrupted and fails by a {@link
     * DurableCallTimeoutException}; null means what option {@code call.timeout} says, by default no limit. An
     * addition to the reference's API.
     */
    @Nullable
    default Duration timeout() {
        return null;
    }

    /**
     * Returns how long to wait before the call is made; no thread waits, and a call whose outcome is recorded is not
     * waited for. {@link #timeout()} begins after it. An addition to the reference's API.
     */
    default Duration delay() {
        return Duration.ZERO;
    }
}
