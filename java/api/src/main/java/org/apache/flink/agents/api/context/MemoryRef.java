package org.apache.flink.agents.api.context;

import com.fasterxml.jackson.annotation.JsonCreator;
import com.fasterxml.jackson.annotation.JsonProperty;
import java.io.Serializable;
import java.util.Objects;
import javax.annotation.Nullable;

/** Points to a place in memory, so that events can name a large value instead of carrying it. */
public final class MemoryRef implements Serializable {
    private static final long serialVersionUID = 1L;

    @JsonProperty("type")
    private final MemoryObject.MemoryType type;

    @JsonProperty("path")
    private final String path;

    @JsonCreator
    private MemoryRef(
            @JsonProperty("type") MemoryObject.MemoryType type, @JsonProperty("path") String path) {
        this.type = Objects.requireNonNull(type, "memory type");
        this.path = Objects.requireNonNull(path, "path");
    }

    /**
     * Creates a reference.
     *
     * @param type the memory
     * @param path the absolute path in it
     */
    public static MemoryRef create(MemoryObject.MemoryType type, String path) {
        return new MemoryRef(type, path);
    }

    /** Returns what this points to in the memory of the current key; null if there is nothing. */
    @Nullable
    public MemoryObject resolve(RunnerContext context) throws Exception {
        return (type == MemoryObject.MemoryType.SENSORY
                        ? context.getSensoryMemory()
                        : context.getShortTermMemory())
                .get(this);
    }

    /** Returns the absolute path. */
    public String getPath() {
        return path;
    }

    /** References are equal if their paths are, whatever the memory. */
    @Override
    public boolean equals(Object other) {
        return this == other
                || (other instanceof MemoryRef && path.equals(((MemoryRef) other).path));
    }

    @Override
    public int hashCode() {
        return path.hashCode();
    }

    @Override
    public String toString() {
        return "MemoryRef{type=" + type + ", path='" + path + "'}";
    }
}
