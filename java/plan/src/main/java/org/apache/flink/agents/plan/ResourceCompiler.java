package org.apache.flink.agents.plan;

import java.lang.annotation.Annotation;
import java.lang.reflect.AnnotatedElement;
import java.lang.reflect.Field;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Member;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.apache.flink.agents.api.agents.Agent;
import org.apache.flink.agents.api.annotation.ChatModelConnection;
import org.apache.flink.agents.api.annotation.ChatModelSetup;
import org.apache.flink.agents.api.annotation.EmbeddingModelConnection;
import org.apache.flink.agents.api.annotation.EmbeddingModelSetup;
import org.apache.flink.agents.api.annotation.MCPServer;
import org.apache.flink.agents.api.annotation.Prompt;
import org.apache.flink.agents.api.annotation.VectorStore;
import org.apache.flink.agents.api.resource.ResourceDescriptor;
import org.apache.flink.agents.api.resource.ResourceType;
import org.apache.flink.agents.api.resource.SerializableResource;

/**
 * Collects the resources of an agent: annotated members in the order of the source (superclass first),
 * those added by {@code addResource}, and of the environment's those that the agent does not have.
 */
final class ResourceCompiler {
    private static final Map<Class<? extends Annotation>, ResourceType> ANNOTATIONS =
            new LinkedHashMap<>();

    static {
        ANNOTATIONS.put(ChatModelSetup.class, ResourceType.CHAT_MODEL);
        ANNOTATIONS.put(ChatModelConnection.class, ResourceType.CHAT_MODEL_CONNECTION);
        ANNOTATIONS.put(EmbeddingModelSetup.class, ResourceType.EMBEDDING_MODEL);
        ANNOTATIONS.put(EmbeddingModelConnection.class, ResourceType.EMBEDDING_MODEL_CONNECTION);
        ANNOTATIONS.put(VectorStore.class, ResourceType.VECTOR_STORE);
        ANNOTATIONS.put(Prompt.class, ResourceType.PROMPT);
        ANNOTATIONS.put(MCPServer.class, ResourceType.MCP_SERVER);
    }

    private final Agent agent;
    private final String agentName;
    private final Map<ResourceType, Map<String, PlanResource>> resources =
            new EnumMap<>(ResourceType.class);
    /** Where the members come from, to tell a subclass's redeclaration from a duplicate. */
    private final Map<String, Class<?>> declaredBy = new LinkedHashMap<>();

    ResourceCompiler(Agent agent, String agentName) {
        this.agent = agent;
        this.agentName = agentName;
    }

    Map<ResourceType, Map<String, PlanResource>> compile(
            Map<ResourceType, Map<String, Object>> shared) {
        final AgentClass members = new AgentClass(agent.getClass());
        members.fields().forEach(this::addField);
        members.methods().forEach(this::addMethod);
        agent.getResources()
                .forEach((type, byName) -> byName.forEach((name, it) -> addOwn(type, name, it)));
        shared.forEach(
                (type, byName) ->
                        byName.forEach(
                                (name, it) -> {
                                    if (!ofType(type).containsKey(name)) {
                                        put(compile(type, name, it, "of the environment"));
                                    }
                                }));
        return resources;
    }

    private void addField(Field field) {
        final ResourceType type = typeOf(field, "field " + describe(field));
        if (type == null) {
            return;
        }
        final String origin = "declared by field " + describe(field) + " of agent " + agentName;
        final Object value;
        try {
            field.setAccessible(true);
            value = field.get(Modifier.isStatic(field.getModifiers()) ? null : agent);
        } catch (IllegalAccessException | RuntimeException e) {
            throw new IllegalArgumentException(
                    "Resource '" + field.getName() + "' " + origin + " cannot be read: " + e, e);
        }
        addMember(field, compile(type, field.getName(), value, origin));
    }

    private void addMethod(Method method) {
        final ResourceType type = typeOf(method, "method " + AgentClass.describe(method));
        if (type == null) {
            return;
        }
        final String origin =
                "declared by method " + AgentClass.describe(method) + " of agent " + agentName;
        addMember(method, compile(type, method.getName(), call(method, origin), origin));
    }

    private static Object call(Method method, String origin) {
        final String owner = "Resource '" + method.getName() + "' " + origin;
        if (!Modifier.isStatic(method.getModifiers()) || method.getParameterCount() != 0) {
            throw new IllegalArgumentException(
                    owner + ": the method must be static and take no parameters.");
        }
        try {
            method.setAccessible(true);
            return method.invoke(null);
        } catch (InvocationTargetException e) {
            throw new IllegalArgumentException(
                    owner + " cannot be declared, because the method failed: " + e.getCause(),
                    e.getCause());
        } catch (IllegalAccessException | RuntimeException e) {
            throw new IllegalArgumentException(owner + ": the method cannot be called: " + e, e);
        }
    }

    /** Returns the type an annotated member declares; null if it declares none. */
    private <M extends AnnotatedElement & Member> ResourceType typeOf(M member, String what) {
        ResourceType found = null;
        for (final Map.Entry<Class<? extends Annotation>, ResourceType> entry :
                ANNOTATIONS.entrySet()) {
            if (member.isAnnotationPresent(entry.getKey())) {
                if (found != null) {
                    throw new IllegalArgumentException(
                            "The "
                                    + what
                                    + " of agent "
                                    + agentName
                                    + " declares two resources, "
                                    + found.getValue()
                                    + " and "
                                    + entry.getValue().getValue()
                                    + "; keep one annotation.");
                }
                found = entry.getValue();
            }
        }
        return found;
    }

    private void addMember(Member member, PlanResource resource) {
        final String key = resource.type().getValue() + "/" + resource.name();
        final Class<?> other = declaredBy.put(key, member.getDeclaringClass());
        if (other == member.getDeclaringClass()) {
            throw duplicate(resource.type(), resource.name(), "by two members of " + other.getName());
        }
        put(resource);
    }

    private void addOwn(ResourceType type, String name, Object instance) {
        if (ofType(type).containsKey(name)) {
            throw duplicate(type, name, "by an annotated member and by addResource");
        }
        put(compile(type, name, instance, "of agent " + agentName));
    }

    private PlanResource compile(ResourceType type, String name, Object instance, String origin) {
        final String owner = "Resource '" + name + "' of type " + type.getValue() + " " + origin;
        if (type == ResourceType.MCP_SERVER) {
            throw new UnsupportedOperationException(
                    owner
                            + " is an MCP server, which this release of flink-agents-rs does not support"
                            + " yet; a later release will. Remove it until then.");
        }
        if (instance instanceof ResourceDescriptor) {
            return PlanResource.described(name, type, (ResourceDescriptor) instance, owner);
        }
        if (!(instance instanceof SerializableResource)) {
            throw new IllegalArgumentException(
                    owner
                            + " must be a ResourceDescriptor or a SerializableResource, not "
                            + (instance == null ? "null" : instance.getClass().getName())
                            + ".");
        }
        final SerializableResource resource = (SerializableResource) instance;
        if (resource.getResourceType() != type) {
            throw new IllegalArgumentException(
                    owner
                            + " is of type "
                            + resource.getResourceType().getValue()
                            + " according to its class "
                            + resource.getClass().getName()
                            + "; declare it as that.");
        }
        return PlanResource.serialized(name, type, resource, owner);
    }

    private IllegalArgumentException duplicate(ResourceType type, String name, String by) {
        return new IllegalArgumentException(
                "Resource '"
                        + name
                        + "' of type "
                        + type.getValue()
                        + " of agent "
                        + agentName
                        + " is declared twice, "
                        + by
                        + ". Rename or remove one of them.");
    }

    private void put(PlanResource resource) {
        ofType(resource.type()).put(resource.name(), resource);
    }

    private Map<String, PlanResource> ofType(ResourceType type) {
        return resources.computeIfAbsent(type, t -> new LinkedHashMap<>());
    }

    private static String describe(Field field) {
        return field.getDeclaringClass().getName() + "." + field.getName();
    }
}
