package org.apache.flink.agents.runtime.resource;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.lang.reflect.Constructor;
import java.lang.reflect.InvocationTargetException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.apache.flink.agents.api.UserJson;
import org.apache.flink.agents.api.resource.Resource;
import org.apache.flink.agents.api.resource.ResourceContext;
import org.apache.flink.agents.api.resource.ResourceDescriptor;
import org.apache.flink.agents.api.resource.ResourceType;
import org.apache.flink.agents.core.AgentsCore;
import org.apache.flink.agents.plan.tools.FunctionTool;
import org.apache.flink.agents.plan.tools.PythonTool;

/** Makes resources, not yet opened, of what a plan says about them. */
final class ResourceFactory {
    /** Argument by which a Python plan names the Java class behind its wrapper. */
    private static final String JAVA_CLASS = "java_clazz";

    private final ClassLoader userCode;
    private final ObjectMapper mapper;
    private final PythonProviders python;

    ResourceFactory(final ClassLoader userCode) {
        this.userCode = userCode;
        // Classes named inside the JSON are the user's, too.
        this.mapper = UserJson.newMapper(userCode);
        this.python = new PythonProviders(mapper);
    }

    Resource create(
            final String name,
            final ResourceType type,
            final JsonNode provider,
            final ResourceContext context) {
        final String what = ResourceCache.describe(name, type);
        final String kind = provider.path("__resource_provider_type__").asText();
        final Resource made;
        switch (kind) {
            case "JavaResourceProvider":
                made = construct(descriptor(provider, what), context, what);
                break;
            case "JavaSerializableResourceProvider":
                made = whereItRuns(read(provider, what), name, what, context);
                made.belongTo(context);
                break;
            case "PythonResourceProvider":
                made = described(name, type, provider, context, what);
                break;
            case "PythonSerializableResourceProvider":
                made = python.serialized(name, type, provider, context, what);
                made.belongTo(context);
                break;
            default:
                throw new IllegalStateException(
                        what
                                + " has the unknown __resource_provider_type__ '"
                                + kind
                                + "'. The plan may be of a newer version; use the same version to build"
                                + " and to run it.");
        }
        if (made.getResourceType() != type) {
            throw new IllegalStateException(
                    what
                            + " is made by class "
                            + made.getClass().getName()
                            + ", which is of type "
                            + made.getResourceType()
                            + ". Declare it as that, or name another class.");
        }
        return made;
    }

    private Resource described(
            final String name,
            final ResourceType type,
            final JsonNode provider,
            final ResourceContext context,
            final String what) {
        // What its arguments refer to is looked up in Python, whose environment may be another.
        final ResourceDescriptor wrapper = PythonProviders.wrapper(type, written(provider, what), context, what);
        return type == ResourceType.TOOL
                ? PythonProviders.tool(name, wrapper, context)
                : construct(wrapper, context, what);
    }

    /** A tool that is a function of Python is called there. */
    private static Resource whereItRuns(
            final Resource made, final String name, final String what, final ResourceContext context) {
        if (!(made instanceof FunctionTool)) {
            return made;
        }
        final FunctionTool tool = (FunctionTool) made;
        final PythonTool inPython = tool.inPython(name, context);
        if (inPython == null) {
            return made;
        }
        PythonProviders.require(what, tool.getFunction().toString(), context);
        return inPython;
    }

    private ResourceDescriptor written(final JsonNode provider, final String what) {
        final ResourceDescriptor written;
        try {
            written = mapper.treeToValue(provider.path("descriptor"), ResourceDescriptor.class);
        } catch (JsonProcessingException | IllegalArgumentException e) {
            throw new IllegalStateException(
                    what + " has a descriptor that cannot be read: " + ResourceCache.messageOf(e), e);
        }
        if (written == null) {
            throw new IllegalStateException(what + " has no descriptor in the plan.");
        }
        return written;
    }

    private ResourceDescriptor descriptor(final JsonNode provider, final String what) {
        final ResourceDescriptor written = written(provider, what);
        final Map<String, Object> arguments = new LinkedHashMap<>();
        written.getInitialArguments().forEach((key, value) -> arguments.put(key, resolved(what, key, value)));
        final Object javaClass = arguments.remove(JAVA_CLASS);
        return javaClass != null
                ? new ResourceDescriptor(javaClass.toString(), arguments)
                : new ResourceDescriptor(written.getModule(), written.getClazz(), arguments);
    }

    /** A value with what <code>${env:NAME}</code> and <code>${file:PATH}</code> in it refer to, at whatever depth. */
    private static Object resolved(final String what, final String place, final Object value) {
        if (value instanceof String && ((String) value).contains("${")) {
            try {
                return AgentsCore.resolveSecret((String) value);
            } catch (final IllegalStateException e) {
                throw new IllegalStateException(what + " cannot be made: argument '" + place + "': " + e.getMessage());
            }
        }
        if (value instanceof Map) {
            final Map<Object, Object> copy = new LinkedHashMap<>();
            ((Map<?, ?>) value).forEach((key, element) -> copy.put(key, resolved(what, place + '.' + key, element)));
            return copy;
        }
        if (value instanceof List) {
            final List<Object> copy = new ArrayList<>();
            for (final Object element : (List<?>) value) {
                copy.add(resolved(what, place + '[' + copy.size() + ']', element));
            }
            return copy;
        }
        return value;
    }

    private Resource construct(
            final ResourceDescriptor descriptor, final ResourceContext context, final String what) {
        final Class<?> type = load(descriptor.getClazz(), what);
        if (!Resource.class.isAssignableFrom(type)) {
            throw new IllegalStateException(
                    what + " is made by " + describe(type) + ", which is no subclass of " + describe(Resource.class)
                            + ". If both come from the same jar, the jar is there twice: once in lib/ and"
                            + " once in the job.");
        }
        try {
            final Constructor<?> constructor =
                    type.getConstructor(ResourceDescriptor.class, ResourceContext.class);
            return (Resource) constructor.newInstance(descriptor, context);
        } catch (final NoSuchMethodException e) {
            throw new IllegalStateException(
                    what
                            + " cannot be made, because class "
                            + type.getName()
                            + " has no public constructor (ResourceDescriptor, ResourceContext). Add one.",
                    e);
        } catch (final InstantiationException e) {
            throw new IllegalStateException(
                    what
                            + " cannot be made, because class "
                            + type.getName()
                            + " is abstract. Name a class that extends it.",
                    e);
        } catch (final IllegalAccessException e) {
            throw new IllegalStateException(
                    what + " cannot be made, because class " + type.getName() + " is not public.", e);
        } catch (final InvocationTargetException e) {
            if (e.getCause() instanceof VirtualMachineError) {
                throw (VirtualMachineError) e.getCause();
            }
            throw new IllegalStateException(
                    what
                            + " cannot be made, because the constructor of "
                            + type.getName()
                            + " failed: "
                            + ResourceCache.messageOf(e.getCause()),
                    e.getCause());
        }
    }

    private Resource read(final JsonNode provider, final String what) {
        final String className = provider.path("clazz").asText();
        final Class<?> type = load(className, what);
        if (!Resource.class.isAssignableFrom(type)) {
            throw new IllegalStateException(
                    what + " is made by " + describe(type) + ", which is no subclass of " + describe(Resource.class)
                            + ".");
        }
        final JsonNode text = provider.path("serializedResource");
        try {
            final Object read = mapper.readValue(text.asText(), type);
            if (read == null) {
                throw new IllegalStateException(what + " is null in the plan.");
            }
            return (Resource) read;
        } catch (final JsonProcessingException e) {
            throw new IllegalStateException(
                    what
                            + " cannot be read as "
                            + className
                            + " from its JSON in the plan: "
                            + e.getOriginalMessage()
                            + ". Were the classes changed after the plan was made? Submit the job again.",
                    e);
        }
    }

    private Class<?> load(final String className, final String what) {
        if (className.isEmpty()) {
            throw new IllegalStateException(what + " names no class in the plan.");
        }
        try {
            return Class.forName(className, true, userCode);
        } catch (final ClassNotFoundException | NoClassDefFoundError e) {
            throw new IllegalStateException(
                    what
                            + " needs class "
                            + className
                            + ", which cannot be loaded by "
                            + userCode
                            + " ("
                            + e
                            + "). "
                            + (className.startsWith("org.apache.flink.agents.")
                                    ? "This release of flink-agents-rs does not contain it yet, if it is part"
                                            + " of the framework; if it comes from a jar of its own, add that"
                                            + " jar to the job."
                                    : "Put the jar that contains it into the job's jar or into lib/."),
                    e);
        }
    }

    private static String describe(final Class<?> type) {
        return type.getName() + " (loaded by " + type.getClassLoader() + ")";
    }
}
