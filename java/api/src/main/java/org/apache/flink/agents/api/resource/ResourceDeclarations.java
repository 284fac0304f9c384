package org.apache.flink.agents.api.resource;

import java.util.LinkedHashMap;
import java.util.Map;

/** INTERNAL: the rules for declaring resources, shared by agents and environments. */
public final class ResourceDeclarations {
    private ResourceDeclarations() {}

    /**
     * Adds a resource to a map of declarations.
     *
     * @param owner who holds the map, for the error message, such as {@code "the environment"}
     * @throws IllegalArgumentException if the name is blank or taken, or the instance is neither a
     *     {@link SerializableResource} nor a {@link ResourceDescriptor}
     */
    public static void add(
            Map<ResourceType, Map<String, Object>> declared,
            String owner,
            String name,
            ResourceType type,
            Object instance) {
        if (name == null || name.trim().isEmpty()) {
            throw new IllegalArgumentException(
                    "A resource added to " + owner + " needs a name that is not blank.");
        }
        if (type == null) {
            throw new IllegalArgumentException(
                    "Resource '" + name + "' added to " + owner + " needs a ResourceType.");
        }
        if (!(instance instanceof SerializableResource || instance instanceof ResourceDescriptor)) {
            throw new IllegalArgumentException(
                    "Resource '"
                            + name
                            + "' of type "
                            + type.getValue()
                            + " added to "
                            + owner
                            + " must be a SerializableResource or a ResourceDescriptor, not "
                            + (instance == null ? "null" : instance.getClass().getName())
                            + ". Describe resources that cannot be serialised with"
                            + " ResourceDescriptor.Builder.newBuilder(className).");
        }
        final Map<String, Object> ofType = declared.computeIfAbsent(type, t -> new LinkedHashMap<>());
        if (ofType.containsKey(name)) {
            throw new IllegalArgumentException(
                    "Resource '" + name + "' of type " + type.getValue() + " in " + owner + " already defined.");
        }
        ofType.put(name, instance);
    }
}
