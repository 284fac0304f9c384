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
import org.apache.flink.agents.api.annotation.Skills;
import org.apache.flink.agents.api.annotation.Tool;
import org.apache.flink.agents.api.annotation.VectorStore;
import org.apache.flink.agents.api.resource.ResourceDescriptor;
import org.apache.flink.agents.api.resource.ResourceType;
import org.apache.flink.agents.api.resource.SerializableResource;
import org.apache.flink.agents.api.skills.SkillSourceSpec;
import org.apache.flink.agents.api.tools.FunctionTool;

/**
 * Collects the resources of an agent: annotated members in the order of the source (superclass first),
 * those added by {@code addResource}, and of the environment's those that the agent does not have.
 * All skills become one resource, beside which the plan gets the tools that load them.
 */
final class ResourceCompiler {
    private static final String LOAD_SKILL_CLASS =
            "org.apache.flink.agents.runtime.skill.LoadSkillTool";
    private static final String BASH_CLASS = "org.apache.flink.agents.plan.tools.bash.BashTool";

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
        ANNOTATIONS.put(Tool.class, ResourceType.TOOL);
        ANNOTATIONS.put(Skills.class, ResourceType.SKILLS);
    }

    private final Agent agent;
    private final String agentName;
    private final Map<ResourceType, Map<String, PlanResource>> resources =
            new EnumMap<>(ResourceType.class);
    /** Where the members come from, to tell a subclass's redeclaration from a duplicate. */
    private final Map<String, Class<?>> declaredBy = new LinkedHashMap<>();
    private final Map<String, org.apache.flink.agents.api.skills.Skills> skills =
            new LinkedHashMap<>();

    private final McpServers servers;

    ResourceCompiler(Agent agent, String agentName) {
        this.agent = agent;
        this.agentName = agentName;
        this.servers = new McpServers(agent.getClass().getClassLoader());
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
                                    if (!isDeclared(type, name)) {
                                        put(type, name, it, "of the environment");
                                    }
                                }));
        addSkills();
        servers.forEachListed(this::addListed);
        return resources;
    }

    private void addListed(ResourceType type, String name, SerializableResource listed, String owner) {
        if (isDeclared(type, name)) {
            throw new IllegalArgumentException(
                    owner
                            + " has a "
                            + type.getValue()
                            + " '"
                            + name
                            + "', and so has the agent already. Rename that of the agent.");
        }
        ofType(type).put(name, PlanResource.serialized(name, type, listed, owner + ", " + type.getValue() + " '" + name + "'"));
    }

    /** Merges all skills into one resource and adds the tools by which models use them. */
    private void addSkills() {
        if (skills.isEmpty()) {
            return;
        }
        final List<SkillSourceSpec> sources = new ArrayList<>();
        skills.values().forEach(each -> sources.addAll(each.getSources()));
        final String name = org.apache.flink.agents.api.skills.Skills.SKILLS_CONFIG;
        ofType(ResourceType.SKILLS)
                .put(
                        name,
                        PlanResource.serialized(
                                name,
                                ResourceType.SKILLS,
                                new org.apache.flink.agents.api.skills.Skills(sources),
                                "The skills of agent " + agentName));
        addSkillTool(org.apache.flink.agents.api.skills.Skills.LOAD_SKILL_TOOL, LOAD_SKILL_CLASS);
        addSkillTool(org.apache.flink.agents.api.skills.Skills.BASH_TOOL, BASH_CLASS);
    }

    private void addSkillTool(String name, String className) {
        if (isDeclared(ResourceType.TOOL, name)) {
            throw new IllegalArgumentException(
                    "Tool '"
                            + name
                            + "' of agent "
                            + agentName
                            + " has the name of the tool that agents with skills get; rename it.");
        }
        put(
                ResourceType.TOOL,
                name,
                new ResourceDescriptor(className, null),
                "of the skills of agent " + agentName);
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
        addMember(field, type, value, origin);
    }

    private void addMethod(Method method) {
        final ResourceType type = typeOf(method, "method " + AgentClass.describe(method));
        if (type == null) {
            return;
        }
        final String origin =
                "declared by method " + AgentClass.describe(method) + " of agent " + agentName;
        final MCPServer server = method.getAnnotation(MCPServer.class);
        if (server != null) {
            McpServers.checkLanguage(server.lang(), "Resource '" + method.getName() + "' " + origin);
        }
        addMember(
                method,
                type,
                type == ResourceType.TOOL ? tool(method, origin) : call(method, origin),
                origin);
    }

    private static FunctionTool tool(Method method, String origin) {
        if (!Modifier.isStatic(method.getModifiers())) {
            throw new IllegalArgumentException(
                    "Tool '" + method.getName() + "' " + origin + ": the method must be static.");
        }
        return FunctionTool.fromMethod(method);
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

    private void addMember(Member member, ResourceType type, Object instance, String origin) {
        final String name = member.getName();
        final Class<?> other =
                declaredBy.put(type.getValue() + "/" + name, member.getDeclaringClass());
        if (other == member.getDeclaringClass()) {
            throw duplicate(type, name, "by two members of " + other.getName());
        }
        put(type, name, instance, origin);
    }

    private void addOwn(ResourceType type, String name, Object instance) {
        if (isDeclared(type, name)) {
            throw duplicate(type, name, "by an annotated member and by addResource");
        }
        put(type, name, instance, "of agent " + agentName);
    }

    private PlanResource compile(ResourceType type, String name, Object instance, String origin) {
        final String owner = "Resource '" + name + "' of type " + type.getValue() + " " + origin;
        if (instance instanceof FunctionTool && type == ResourceType.TOOL) {
            return compileTool(name, (FunctionTool) instance, owner);
        }
        if (instance instanceof ResourceDescriptor) {
            final ResourceDescriptor descriptor = (ResourceDescriptor) instance;
            return PlanResource.described(
                    name, type, type == ResourceType.MCP_SERVER ? servers.add(name, descriptor, owner) : descriptor, owner);
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

    private static PlanResource compileTool(String name, FunctionTool declared, String owner) {
        final org.apache.flink.agents.plan.tools.FunctionTool tool;
        try {
            tool = org.apache.flink.agents.plan.tools.FunctionTool.compile(name, declared);
        } catch (IllegalArgumentException e) {
            throw new IllegalArgumentException(owner + ": " + e.getMessage(), e);
        }
        return PlanResource.tool(name, tool, owner);
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

    private boolean isDeclared(ResourceType type, String name) {
        return type == ResourceType.SKILLS
                ? skills.containsKey(name)
                : ofType(type).containsKey(name);
    }

    private void put(ResourceType type, String name, Object instance, String origin) {
        if (type != ResourceType.SKILLS) {
            ofType(type).put(name, compile(type, name, instance, origin));
            return;
        }
        if (!(instance instanceof org.apache.flink.agents.api.skills.Skills)) {
            throw new IllegalStateException(
                    "Skills '"
                            + name
                            + "' "
                            + origin
                            + " must be a "
                            + org.apache.flink.agents.api.skills.Skills.class.getName()
                            + ", not "
                            + (instance == null ? "null" : instance.getClass().getName())
                            + ".");
        }
        skills.put(name, (org.apache.flink.agents.api.skills.Skills) instance);
    }

    private Map<String, PlanResource> ofType(ResourceType type) {
        return resources.computeIfAbsent(type, t -> new LinkedHashMap<>());
    }

    private static String describe(Field field) {
        return field.getDeclaringClass().getName() + "." + field.getName();
    }
}
