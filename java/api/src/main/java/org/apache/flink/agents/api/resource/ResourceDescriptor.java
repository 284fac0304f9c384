package org.apache.flink.agents.api.resource;

import com.fasterxml.jackson.annotation.JsonCreator;
import com.fasterxml.jackson.annotation.JsonProperty;
import com.fasterxml.jackson.annotation.JsonPropertyOrder;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;
import javax.annotation.Nullable;

/** Says how to make a resource: the class and the arguments its constructor reads. */
@JsonPropertyOrder({"target_module", "target_clazz", "arguments"})
public class ResourceDescriptor {
    private final String module;
    private final String clazz;
    private final Map<String, Object> initialArguments;

    /**
     * Creates a descriptor.
     *
     * @param module the Python module; empty for Java classes (null counts as empty)
     * @param clazz the class: fully qualified for Java, without the module for Python
     * @param initialArguments copied; null means none
     */
    @JsonCreator
    public ResourceDescriptor(
            @JsonProperty("target_module") @Nullable String module,
            @JsonProperty("target_clazz") String clazz,
            @JsonProperty("arguments") @Nullable Map<String, Object> initialArguments) {
        if (clazz == null || clazz.isEmpty()) {
            throw new IllegalArgumentException(
                    "A resource descriptor needs the name of the class to make (target_clazz).");
        }
        this.module = module == null ? "" : module;
        this.clazz = clazz;
        this.initialArguments =
                initialArguments == null
                        ? new LinkedHashMap<>()
                        : new LinkedHashMap<>(initialArguments);
    }

    /** Creates a descriptor of a Java class. */
    public ResourceDescriptor(String clazz, @Nullable Map<String, Object> initialArguments) {
        this("", clazz, initialArguments);
    }

    /** Returns the class name. */
    @JsonProperty("target_clazz")
    public String getClazz() {
        return clazz;
    }

    /** Returns the Python module; empty for Java classes. */
    @JsonProperty("target_module")
    public String getModule() {
        return module;
    }

    /** Returns the arguments: the live map. */
    @JsonProperty("arguments")
    public Map<String, Object> getInitialArguments() {
        return initialArguments;
    }

    /**
     * Returns an argument, null if it is absent. The type is not checked here: a wrong one shows as
     * a ClassCastException at the caller.
     */
    @Nullable
    @SuppressWarnings("unchecked")
    public <T> T getArgument(String name) {
        return (T) initialArguments.get(name);
    }

    /** Returns an argument, or a default if it is absent or null. The type is not checked. */
    @Nullable
    @SuppressWarnings("unchecked")
    public <T> T getArgument(String name, @Nullable T defaultValue) {
        final Object value = initialArguments.get(name);
        return value == null ? defaultValue : (T) value;
    }

    @Override
    public boolean equals(Object other) {
        if (this == other) {
            return true;
        }
        if (other == null || getClass() != other.getClass()) {
            return false;
        }
        final ResourceDescriptor that = (ResourceDescriptor) other;
        return module.equals(that.module)
                && clazz.equals(that.clazz)
                && initialArguments.equals(that.initialArguments);
    }

    @Override
    public int hashCode() {
        return Objects.hash(module, clazz, initialArguments);
    }

    // Argument values may be secrets, so only their names are shown.
    @Override
    public String toString() {
        return "ResourceDescriptor{module='"
                + module
                + "', clazz='"
                + clazz
                + "', arguments="
                + initialArguments.keySet()
                + '}';
    }

    /** Builds descriptors of Java classes. */
    public static class Builder {
        private final String clazz;
        private final Map<String, Object> initialArguments = new LinkedHashMap<>();

        /** Starts the descriptor of a class, given by its fully qualified name. */
        public static Builder newBuilder(String clazz) {
            return new Builder(clazz);
        }

        /** Starts the descriptor of a class, given by its fully qualified name. */
        public Builder(String clazz) {
            this.clazz = clazz;
        }

        /** Adds an argument; a later one of the same name wins. */
        public Builder addInitialArgument(String name, @Nullable Object value) {
            initialArguments.put(name, value);
            return this;
        }

        /** Returns the descriptor. */
        public ResourceDescriptor build() {
            return new ResourceDescriptor(clazz, initialArguments);
        }
    }
}
