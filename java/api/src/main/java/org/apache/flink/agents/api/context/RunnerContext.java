package org.apache.flink.agents.api.context;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import javax.annotation.Nullable;
import org.apache.flink.agents.api.Event;
import org.apache.flink.agents.api.configuration.ReadableConfiguration;
import org.apache.flink.agents.api.memory.BaseLongTermMemory;
import org.apache.flink.agents.api.metrics.FlinkAgentsMetricGroup;
import org.apache.flink.agents.api.resource.Resource;
import org.apache.flink.agents.api.resource.ResourceType;

/** What an action can do. Use it only on the thread the action runs on. */
public interface RunnerContext {

    /**
     * Sends an event to the actions that listen to it, after this action has finished.
     *
     * @throws IllegalArgumentException if the event cannot be written as JSON, or has the id of the
     *     event that started this action
     */
    void sendEvent(Event event);

    /** Returns the memory of this run; it is cleared when the run ends. */
    MemoryObject getSensoryMemory() throws Exception;

    /** Returns the memory of the current key; it outlives runs. */
    MemoryObject getShortTermMemory() throws Exception;

    /** Returns the long-term memory; it fails if none is configured. */
    BaseLongTermMemory getLongTermMemory() throws Exception;

    /** Returns the metric group of the operator. */
    FlinkAgentsMetricGroup getAgentMetricGroup();

    /** Returns the metric group of this action. */
    FlinkAgentsMetricGroup getActionMetricGroup();

    /**
     * Returns a resource, made and opened at its first use, one per operator subtask.
     *
     * @throws IllegalArgumentException if there is no such resource
     */
    Resource getResource(String name, ResourceType type) throws Exception;

    /** Returns the configuration of the agent. */
    ReadableConfiguration getConfig();

    /** Returns the configuration of this action; null if it has none. */
    @Nullable
    Map<String, Object> getActionConfig();

    /** Returns a value of this action's configuration; null if it is absent. */
    @Nullable
    Object getActionConfigValue(String key);

    /**
     * Makes a call and records its result; blocks the subtask until it is done.
     *
     * @throws Exception what the call throws
     */
    <T> T durableExecute(DurableCallable<T> callable) throws Exception;

    /**
     * Makes a call on another thread, or on none ({@link AsyncDurableCallable}), and records its result.
     * The action waits for it; other keys, and other actions of this key's run, go on meanwhile. Do not hold a
     * monitor or lock meanwhile.
     *
     * @throws DurableCallTimeoutException if the call took longer than {@link DurableCallable#timeout()}
     * @throws java.util.concurrent.CancellationException if the subtask ends; the action should end, too
     * @throws Exception what the call throws
     */
    <T> T durableExecuteAsync(DurableCallable<T> callable) throws Exception;

    /**
     * Makes calls side by side and waits for all of them, as {@link #durableExecuteAsync} does for one. An
     * addition to the reference's API.
     *
     * @param callables in the order in which the results are wanted
     * @param cancelOnFailure whether the first that fails ends the wait: the others are interrupted or cancelled,
     *     and what they bring is dropped
     * @return the results, in the order of {@code callables}
     * @throws Exception what the first of them that failed threw, once all have ended; what others threw is
     *     suppressed in it
     */
    default <T> List<T> durableExecuteAllAsync(
            final List<? extends DurableCallable<? extends T>> callables, final boolean cancelOnFailure)
            throws Exception {
        // Contexts that tests of agents bring themselves have no way to do it side by side.
        final List<T> results = new ArrayList<>(callables.size());
        for (final DurableCallable<? extends T> callable : callables) {
            results.add(durableExecuteAsync(callable));
        }
        return results;
    }

    /**
     * Makes calls side by side, waits for all of them, and tells what came of each: one that fails, or takes longer than it may,
     * takes no other's result away. An addition to the reference's API.
     *
     * @param callables in the order in which the outcomes are wanted
     * @return for each a future that is over, by the result or by what the call threw; in the order of {@code callables}
     * @throws java.util.concurrent.CancellationException if the subtask ends; the action should end, too
     */
    default <T> List<CompletableFuture<T>> durableExecuteEachAsync(
            final List<? extends DurableCallable<? extends T>> callables) throws Exception {
        // Contexts that tests of agents bring themselves have no way to do it side by side.
        final List<CompletableFuture<T>> outcomes = new ArrayList<>(callables.size());
        for (final DurableCallable<? extends T> callable : callables) {
            final CompletableFuture<T> outcome = new CompletableFuture<>();
            try {
                outcome.complete(durableExecuteAsync(callable));
            } catch (final Exception e) {
                outcome.completeExceptionally(e);
            }
            outcomes.add(outcome);
        }
        return outcomes;
    }

    /** Called by the runtime. */
    void close() throws Exception;
}
