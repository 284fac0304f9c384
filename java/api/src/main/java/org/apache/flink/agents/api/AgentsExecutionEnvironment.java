package org.apache.flink.agents.api;

import java.lang.reflect.InvocationTargetException;
import java.util.EnumMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import javax.annotation.Nullable;
import org.apache.flink.agents.api.agents.Agent;
import org.apache.flink.agents.api.chat.model.TextPart;
import org.apache.flink.agents.api.configuration.Configuration;
import org.apache.flink.agents.api.resource.ResourceDeclarations;
import org.apache.flink.agents.api.resource.ResourceDescriptor;
import org.apache.flink.agents.api.resource.ResourceType;
import org.apache.flink.agents.api.resource.SerializableResource;
import org.apache.flink.api.java.functions.KeySelector;
import org.apache.flink.streaming.api.datastream.DataStream;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.table.api.Table;
import org.apache.flink.table.api.bridge.java.StreamTableEnvironment;

/**
 * The entry point: gives agents their input, holds shared resources and configuration, and runs
 * them. Used on the client, from one thread.
 */
public abstract class AgentsExecutionEnvironment {
    private static final String REMOTE =
            "org.apache.flink.agents.runtime.env.RemoteExecutionEnvironment";
    private static final String LOCAL =
            "org.apache.flink.agents.runtime.env.LocalExecutionEnvironment";

    /** Resources shared by all agents of this environment: type to name to resource. */
    protected final Map<ResourceType, Map<String, Object>> resources;

    /** Agents that can be applied by name. */
    protected final Map<String, Agent> agents;

    protected AgentsExecutionEnvironment() {
        this.resources = new EnumMap<>(ResourceType.class);
        for (final ResourceType type : ResourceType.values()) {
            resources.put(type, new LinkedHashMap<>());
        }
        this.agents = new LinkedHashMap<>();
    }

    /** Returns the agents that can be applied by name. */
    public Map<String, Agent> getAgents() {
        return agents;
    }

    /** Returns the shared resources: type to name to resource or descriptor. */
    public Map<ResourceType, Map<String, Object>> getResources() {
        return resources;
    }

    /**
     * Returns an environment that runs agents in this JVM, without Flink, on the same core.
     *
     * @throws RuntimeException if the runtime is not on the class path
     */
    public static AgentsExecutionEnvironment getExecutionEnvironment() {
        return load(LOCAL, new Class<?>[0]);
    }

    /**
     * Returns an environment that runs agents as part of a Flink job.
     *
     * @param env the Flink environment, not null
     * @param tableEnv the table environment; null means that one is made when it is needed
     * @throws IllegalArgumentException if {@code env} is null
     * @throws RuntimeException if the runtime is not on the class path
     */
    public static AgentsExecutionEnvironment getExecutionEnvironment(
            StreamExecutionEnvironment env, @Nullable StreamTableEnvironment tableEnv) {
        if (env == null) {
            throw new IllegalArgumentException(
                    "StreamExecutionEnvironment must not be null; call getExecutionEnvironment() without"
                            + " argument to run without Flink.");
        }
        return load(
                REMOTE,
                new Class<?>[] {StreamExecutionEnvironment.class, StreamTableEnvironment.class},
                env,
                tableEnv);
    }

    /**
     * Returns an environment that runs agents as part of a Flink job.
     *
     * @param env the Flink environment, not null
     * @throws IllegalArgumentException if {@code env} is null
     * @throws RuntimeException if the runtime is not on the class path
     */
    public static AgentsExecutionEnvironment getExecutionEnvironment(
            StreamExecutionEnvironment env) {
        return getExecutionEnvironment(env, null);
    }

    private static AgentsExecutionEnvironment load(
            String className, Class<?>[] parameterTypes, Object... arguments) {
        try {
            return (AgentsExecutionEnvironment)
                    findClass(className).getConstructor(parameterTypes).newInstance(arguments);
        } catch (ClassNotFoundException | NoClassDefFoundError e) {
            throw new RuntimeException(
                    "Cannot create the agents environment, because "
                            + className
                            + " could not be loaded ("
                            + e
                            + "). Add flink-agents-runtime, or the flink-agents-dist jar, to the class"
                            + " path.",
                    e);
        } catch (InvocationTargetException e) {
            throw new RuntimeException(
                    "Cannot create the agents environment " + className + ": " + e.getCause(),
                    e.getCause());
        } catch (ReflectiveOperationException | ClassCastException e) {
            throw new RuntimeException(
                    "Cannot create the agents environment, because "
                            + className
                            + " does not fit this version of the API ("
                            + e
                            + "). Use the same version of flink-agents-api and flink-agents-runtime.",
                    e);
        }
    }

    private static Class<?> findClass(String className) throws ClassNotFoundException {
        // The runtime may be in the user's jar while the API is in lib/, and the other way round.
        final ClassLoader context = Thread.currentThread().getContextClassLoader();
        if (context != null) {
            try {
                final Class<?> found = Class.forName(className, true, context);
                if (AgentsExecutionEnvironment.class.isAssignableFrom(found)) {
                    return found;
                }
            } catch (ClassNotFoundException e) {
                // The loader of the API is asked next.
            }
        }
        return Class.forName(className, true, AgentsExecutionEnvironment.class.getClassLoader());
    }

    /** Returns the configuration of this environment; values set here win over the file's. */
    public abstract Configuration getConfig();

    /**
     * Returns the configuration of this environment, read anew from a file if this one runs without Flink. Flink has a file of
     * its own, so that there the path has no effect.
     *
     * @param path a file in YAML, whose section {@code agent} counts; null leaves what there is
     * @throws IllegalStateException if it is missing or cannot be read
     * @throws IllegalArgumentException if it is malformed or a value is wrong; the message names key and line
     */
    public Configuration getConfig(@Nullable final String path) {
        return getConfig();
    }

    /**
     * Takes a list as input of a local environment: maps with {@code key} or {@code k} and {@code
     * value} or {@code v}.
     *
     * @throws UnsupportedOperationException in an environment that runs on Flink
     */
    public abstract AgentBuilder fromList(List<Object> input);

    /**
     * Takes a stream as input.
     *
     * @param keySelector gives the key of a record; null means the record itself
     */
    public abstract <T, K> AgentBuilder fromDataStream(
            DataStream<T> input, @Nullable KeySelector<T, K> keySelector);

    /** Takes a stream as input; every record is its own key. */
    public <T> AgentBuilder fromDataStream(DataStream<T> input) {
        return fromDataStream(input, null);
    }

    /**
     * Takes a table as input; records are {@code Row}s.
     *
     * @param keySelector gives the key of a row; null means the row itself
     */
    public abstract <K> AgentBuilder fromTable(
            Table input, @Nullable KeySelector<Object, K> keySelector);

    /** Takes a table as input; every row is its own key. */
    public AgentBuilder fromTable(Table input) {
        return fromTable(input, null);
    }

    /**
     * Has somebody told what models say while they say it, in addition to what agents get. For built-in chats by the connections of the
     * framework. One listener, before {@link #execute()}. An addition to the reference's API.
     *
     * @param listener told of each part, those of one answer in order, by another thread, which it must not hold up; what it
     *     throws is logged
     * @throws UnsupportedOperationException on Flink: nobody is there to read
     */
    public void onText(Consumer<TextPart> listener) {
        throw new UnsupportedOperationException(
                "onText works without Flink only: on Flink, what a model has said is in its ChatResponseEvent.");
    }

    /** Runs what has been built; returns when it is done (or submitted, for a detached job). */
    public abstract void execute() throws Exception;

    /**
     * Runs what has been built; returns when it is done (or submitted, for a detached job).
     *
     * @param jobName the name of the Flink job
     */
    public abstract void execute(String jobName) throws Exception;

    /**
     * Adds a resource that all agents of this environment can use; an agent's own resource of the
     * same type and name wins.
     *
     * @param instance a {@link SerializableResource} or a {@link ResourceDescriptor}
     * @return this environment
     * @throws IllegalArgumentException if the name is taken or the instance is of another class
     */
    public AgentsExecutionEnvironment addResource(
            String name, ResourceType type, Object instance) {
        ResourceDeclarations.add(resources, "the environment", name, type, instance);
        return this;
    }
}
