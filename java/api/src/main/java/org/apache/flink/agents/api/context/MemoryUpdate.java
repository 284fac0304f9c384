package org.apache.flink.agents.api.context;

import com.fasterxml.jackson.annotation.JsonCreator;
import com.fasterxml.jackson.annotation.JsonProperty;
import java.io.Serializable;
import java.util.Objects;
import javax.annotation.Nullable;

/** One write to memory: the value an action left at a path. */
public class MemoryUpdate implements Serializable {
    private static final long serialVersionUID = 1L;

    private final String path;
    // Any value that Flink can serialise may be in memory, also ones that Java cannot.
    private final Object value;

    /**
     * Creates the record of a write.
     *
     * @param path the absolute path
     * @param value the value; null for a new object
     */
    @JsonCreator
    public MemoryUpdate(
            @JsonProperty("path") String path, @JsonProperty("value") @Nullable Object value) {
        this.path = path;
        this.value = value;
    }

    /** Returns the absolute path. */
    public String getPath() {
        return path;
    }

    /** Returns the value; null for a new object. */
    @Nullable
    public Object getValue() {
        return value;
    }

    @Override
    public boolean equals(Object other) {
        if (this == other) {
            return true;
        }
        if (other == null || getClass() != other.getClass()) {
            return false;
        }
        final MemoryUpdate that = (MemoryUpdate) other;
        return Objects.equals(path, that.path) && Objects.equals(value, that.value);
    }

    @Override
    public int hashCode() {
        return Objects.hash(path, value);
    }

    @Override
    public String toString() {
        return "MemoryUpdate{path='" + path + "', value=" + value + '}';
    }
}
