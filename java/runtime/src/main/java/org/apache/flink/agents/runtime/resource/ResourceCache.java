package org.apache.flink.agents.runtime.resource;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import javax.annotation.Nullable;
import org.apache.flink.agents.api.metrics.FlinkAgentsMetricGroup;
import org.apache.flink.agents.api.resource.Resource;
import org.apache.flink.agents.api.resource.ResourceContext;
import org.apache.flink.agents.api.resource.ResourceType;
import org.apache.flink.agents.api.resource.python.PythonResource;
import org.apache.flink.agents.api.resource.python.PythonResources;

/**
 * The resources of one operator subtask.
 *
 * <p><b>Owned state:</b> every resource made so far, in the order in which they were opened. <b>
 * Lifecycle:</b> a resource is made and opened at its first use; those it asks for in its {@code
 * open()} come before it. {@link #close()} closes all in reverse. <b>Constraint:</b> may be called from
 * any thread; one resource is made at a time, with the user's class loader as the thread's context
 * class loader. A resource must not wait, while it is made, for another thread that asks for one.
 */
public final class ResourceCache implements AutoCloseable {
    private final JsonNode providers;
    private final ClassLoader userCode;
    private final ResourceFactory factory;

    private final Map<String, Resource> open = new HashMap<>();
    private final Deque<Map.Entry<String, Resource>> openOrder = new ArrayDeque<>();
    /** What is being made, outermost first. */
    private final Set<String> inCreation = new LinkedHashSet<>();

    private String job = "";
    private int parallelism = 1;
    private boolean closed;
    /** Null where there is no Python. */
    @Nullable private volatile PythonResources python;

    /**
     * Makes nothing yet.
     *
     * @param planJson the plan, JSON in UTF-8
     * @param userCode class loader of the user's classes
     * @throws IllegalArgumentException if the plan is not a JSON object
     */
    public ResourceCache(final byte[] planJson, final ClassLoader userCode) {
        this.userCode = userCode;
        this.factory = new ResourceFactory(userCode);
        final JsonNode plan;
        try {
            plan = new ObjectMapper().readTree(planJson);
        } catch (final IOException e) {
            throw new IllegalArgumentException(
                    "The resources of the plan cannot be read: " + e.getMessage(), e);
        }
        if (plan == null || !plan.isObject()) {
            throw new IllegalArgumentException(
                    "The resources of the plan cannot be read: it is not a JSON object.");
        }
        this.providers = plan.path("resource_providers");
    }

    /**
     * Says which job the resources belong to.
     *
     * @param ofJob what names it in this process
     * @param subtasks how many subtasks it has
     */
    public synchronized void belongTo(final String ofJob, final int subtasks) {
        job = ofJob;
        parallelism = subtasks;
    }

    /** Says how the resources that are made in Python are asked, before one of them is used. */
    public void connect(final PythonResources resources) {
        python = resources;
    }

    /** Whether resources that may be asked from another language are in this one. */
    public boolean areIn(final ResourceLanguage language) {
        for (final ResourceType type : ResourceType.values()) {
            if (PythonResource.isAsked(type)) {
                for (final JsonNode provider : providers.path(type.getValue())) {
                    if (ResourceLanguage.of(provider) == language) {
                        return true;
                    }
                }
            }
        }
        return false;
    }

    /** Class loader of the user's classes. */
    ClassLoader userCode() {
        return userCode;
    }

    /**
     * Returns a resource, opened.
     *
     * @throws IllegalArgumentException if the plan has no such resource
     * @throws UnsupportedOperationException if it needs Python, and there is none or it cannot be asked
     * @throws IllegalStateException if it cannot be made, needs itself, or this cache is closed
     */
    public synchronized Resource get(final String name, final ResourceType type) throws Exception {
        if (type == null) {
            throw new IllegalArgumentException("Resource not found: '" + name + "' of type null.");
        }
        if (closed) {
            throw new IllegalStateException(
                    describe(name, type) + " was asked for after the operator closed its resources.");
        }
        final String key = key(name, type);
        final Resource known = open.get(key);
        if (known != null) {
            return known;
        }
        final JsonNode provider = name == null ? null : providers.path(type.getValue()).get(name);
        if (provider == null) {
            throw notFound(name, type);
        }
        if (!inCreation.add(key)) {
            throw new IllegalStateException(
                    describe(name, type)
                            + " needs itself: "
                            + String.join(" -> ", inCreation)
                            + " -> "
                            + key
                            + ". Look resources up at their first use instead of in constructors or"
                            + " open(), or remove one of the references.");
        }
        final Thread thread = Thread.currentThread();
        final ClassLoader callers = thread.getContextClassLoader();
        thread.setContextClassLoader(userCode);
        try {
            final Resource made = factory.create(name, type, provider, new Context(name));
            openOrClose(made, name, type);
            open.put(key, made);
            openOrder.push(Map.entry(key, made));
            return made;
        } finally {
            thread.setContextClassLoader(callers);
            inCreation.remove(key);
        }
    }

    /**
     * Returns a resource, opened, that counts what it does in a metric group from now on.
     *
     * @param metrics the group of the action that uses the resource
     * @throws IllegalArgumentException if the plan has no such resource
     * @throws UnsupportedOperationException if it needs Python, and there is none or it cannot be asked
     * @throws IllegalStateException if it cannot be made, needs itself, or this cache is closed
     */
    public Resource get(
            final String name, final ResourceType type, @Nullable final FlinkAgentsMetricGroup metrics)
            throws Exception {
        final Resource resource = get(name, type);
        resource.setMetricGroup(metrics);
        return resource;
    }

    private static void openOrClose(final Resource made, final String name, final ResourceType type)
            throws Exception {
        try {
            made.open();
        } catch (final Exception | LinkageError e) {
            // It may hold connections or threads already.
            try {
                made.close();
            } catch (final Exception alsoFailed) {
                e.addSuppressed(alsoFailed);
            }
            if (e instanceof UnsupportedOperationException || e instanceof InterruptedException) {
                throw e;
            }
            throw new IllegalStateException(
                    describe(name, type)
                            + " of class "
                            + made.getClass().getName()
                            + " cannot be opened: "
                            + messageOf(e),
                    e);
        }
    }

    private IllegalArgumentException notFound(final String name, final ResourceType type) {
        final List<String> ofType = new ArrayList<>();
        providers.path(type.getValue()).fieldNames().forEachRemaining(ofType::add);
        final List<String> otherTypes = new ArrayList<>();
        providers
                .fields()
                .forEachRemaining(
                        entry -> {
                            if (name != null && entry.getValue().has(name)) {
                                otherTypes.add(entry.getKey());
                            }
                        });
        return new IllegalArgumentException(
                "Resource not found: '"
                        + name
                        + "' of type "
                        + type.getValue()
                        + ". Of this type the plan has "
                        + (ofType.isEmpty() ? "none" : ofType)
                        + (otherTypes.isEmpty()
                                ? ""
                                : "; a resource of this name is of type " + otherTypes)
                        + ". Declare it in the agent, or in the environment.");
    }

    /**
     * Closes all resources, the last opened first; each, even if another fails. Idempotent.
     *
     * @throws IllegalStateException if resources could not be closed; it names the first, and the
     *     others are suppressed in it
     */
    @Override
    public synchronized void close() {
        closed = true;
        IllegalStateException failure = null;
        final Thread thread = Thread.currentThread();
        final ClassLoader callers = thread.getContextClassLoader();
        thread.setContextClassLoader(userCode);
        try {
            while (!openOrder.isEmpty()) {
                final Map.Entry<String, Resource> last = openOrder.pop();
                try {
                    last.getValue().close();
                } catch (final Exception | LinkageError e) {
                    if (e instanceof InterruptedException) {
                        // Who cancels the job must still notice, after the rest is closed.
                        thread.interrupt();
                    }
                    final IllegalStateException named =
                            new IllegalStateException(
                                    "Resource " + last.getKey() + " cannot be closed: " + messageOf(e), e);
                    if (failure == null) {
                        failure = named;
                    } else {
                        failure.addSuppressed(named);
                    }
                }
            }
        } finally {
            thread.setContextClassLoader(callers);
            open.clear();
        }
        if (failure != null) {
            throw failure;
        }
    }

    static String describe(final String name, final ResourceType type) {
        return "Resource '" + name + "' of type " + type.getValue();
    }

    static String messageOf(final Throwable e) {
        return e.getMessage() == null ? e.getClass().getName() : e.getMessage();
    }

    private static String key(final String name, final ResourceType type) {
        return type.getValue() + "/" + name;
    }

    /** What resources see of this cache. */
    private final class Context implements ResourceContext {
        private final String name;

        Context(final String name) {
            this.name = name;
        }

        @Override
        public String getResourceName() {
            return name;
        }

        @Override
        public String getJob() {
            return job;
        }

        @Override
        public int getParallelism() {
            return parallelism;
        }

        @Override
        public PythonResources getPythonResources() {
            final PythonResources connected = python;
            return connected != null ? connected : ResourceContext.super.getPythonResources();
        }

        @Override
        public Resource getResource(final String name, final ResourceType type) throws Exception {
            return get(name, type);
        }

        @Override
        public String generateAvailableSkillsPrompt(final List<String> skillNames) {
            throw noSkills(skillNames);
        }

        @Override
        public List<String> getSkillDirs(final List<String> skillNames) {
            throw noSkills(skillNames);
        }

        private UnsupportedOperationException noSkills(final List<String> skillNames) {
            return new UnsupportedOperationException(
                    "Skills "
                            + skillNames
                            + " cannot be loaded: this release of flink-agents-rs has no skills yet; a"
                            + " later release will. Remove the argument 'skills' of the chat model until"
                            + " then.");
        }
    }
}
