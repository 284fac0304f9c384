package org.apache.flink.agents.plan;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.node.ObjectNode;
import javax.annotation.Nullable;
import org.apache.flink.agents.api.UserJson;
import org.apache.flink.agents.api.function.PythonFunction;
import org.apache.flink.agents.api.resource.ResourceDescriptor;
import org.apache.flink.agents.api.resource.ResourceType;
import org.apache.flink.agents.api.resource.SerializableResource;
import org.apache.flink.agents.api.resource.python.PythonResource;
import org.apache.flink.agents.plan.tools.FunctionTool;

/** A resource of a plan: what the plan says about how to make it. Immutable. */
final class PlanResource {
    @Nullable private final String python;
    private final ObjectNode json;

    private PlanResource(@Nullable String python, ObjectNode json) {
        this.python = python;
        this.json = json;
    }

    /**
     * A resource made by calling a constructor. One with the argument {@code pythonClazz} is a Java
     * wrapper around a Python object of that class.
     */
    static PlanResource described(
            String name, ResourceType type, ResourceDescriptor descriptor, String owner) {
        final Object pythonClass = descriptor.getInitialArguments().get(PythonResource.PYTHON_CLASS);
        if (pythonClass == null
                && (!descriptor.getModule().isEmpty() || isPythonWrapper(descriptor.getClazz()))) {
            throw new IllegalArgumentException(
                    owner
                            + " describes a Python class, but not by the argument '"
                            + PythonResource.PYTHON_CLASS
                            + "'. Name the Java wrapper as the class, such as"
                            + " ResourceName.ChatModel.PYTHON_WRAPPER_SETUP, and the Python class as"
                            + " argument '"
                            + PythonResource.PYTHON_CLASS
                            + "'.");
        }
        final ObjectNode json = header(name, type);
        json.set("descriptor", PlanJson.value(descriptor, owner));
        json.put(
                "__resource_provider_type__",
                pythonClass == null ? "JavaResourceProvider" : "PythonResourceProvider");
        return new PlanResource(pythonClass == null ? null : String.valueOf(pythonClass), json);
    }

    private static boolean isPythonWrapper(String className) {
        // Only the framework's own wrappers, which are useless without a Python class.
        return className.startsWith("org.apache.flink.agents.")
                && className.contains(".python.Python");
    }

    /** A resource that travels as a whole. */
    static PlanResource serialized(
            String name, ResourceType type, SerializableResource resource, String owner) {
        final String text;
        try {
            text = UserJson.newMapper().writeValueAsString(resource);
        } catch (JsonProcessingException e) {
            throw new IllegalArgumentException(
                    owner
                            + " of class "
                            + resource.getClass().getName()
                            + " cannot be written as JSON: "
                            + e.getOriginalMessage()
                            + ". Mark what is not part of it with @JsonIgnore, or declare it by a"
                            + " ResourceDescriptor.",
                    e);
        }
        checkReadable(resource.getClass(), text, owner);
        return serialized(name, type, resource.getClass(), text);
    }

    /** A tool that calls a function of either language. */
    static PlanResource tool(String name, FunctionTool tool, String owner) {
        final PlanResource java = serialized(name, ResourceType.TOOL, tool, owner);
        return tool.getFunction() instanceof PythonFunction
                ? new PlanResource(tool.getFunction().toString(), java.json)
                : java;
    }

    /** Finds here what the operator, on another machine, could not read. */
    private static void checkReadable(Class<?> clazz, String text, String owner) {
        try {
            UserJson.newMapper(clazz.getClassLoader()).readValue(text, clazz);
        } catch (JsonProcessingException | IllegalArgumentException e) {
            throw new IllegalArgumentException(
                    owner
                            + " of class "
                            + clazz.getName()
                            + " cannot be read back from its JSON: "
                            + e.getMessage()
                            + ". Annotate its constructor with @JsonCreator, and what is not part of it"
                            + " with @JsonIgnore; or declare it by a ResourceDescriptor.",
                    e);
        }
    }

    private static PlanResource serialized(
            String name, ResourceType type, Class<?> clazz, String text) {
        final ObjectNode json = header(name, type);
        json.put("module", clazz.getPackageName());
        json.put("clazz", clazz.getName());
        json.put("serializedResource", text);
        json.put("__resource_provider_type__", "JavaSerializableResourceProvider");
        return new PlanResource(null, json);
    }

    private static ObjectNode header(String name, ResourceType type) {
        final ObjectNode json = PlanJson.object();
        json.put("name", name);
        json.put("type", type.getValue());
        return json;
    }

    /** Returns the Python class or function this resource needs, or null. */
    @Nullable
    String python() {
        return python;
    }

    ObjectNode toJson() {
        return json.deepCopy();
    }
}
