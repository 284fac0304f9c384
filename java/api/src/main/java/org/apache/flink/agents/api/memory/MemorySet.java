package org.apache.flink.agents.api.memory;

import com.fasterxml.jackson.annotation.JsonCreator;
import com.fasterxml.jackson.annotation.JsonIgnore;
import com.fasterxml.jackson.annotation.JsonProperty;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import javax.annotation.Nullable;

/** A handle on a named set of a long-term memory. Handles are equal if their names are. */
public class MemorySet {
    private final String name;
    private BaseLongTermMemory ltm;

    /** Creates a handle that is not bound to a memory yet. */
    @JsonCreator
    public MemorySet(@JsonProperty("name") String name) {
        this.name = Objects.requireNonNull(name, "name");
    }

    /**
     * Adds items, see {@link BaseLongTermMemory#add}.
     *
     * @throws IllegalStateException if this handle is not bound
     */
    public List<String> add(
            List<String> memoryItems, @Nullable List<Map<String, Object>> metadatas)
            throws Exception {
        return bound().add(this, memoryItems, metadatas);
    }

    /**
     * Returns items, see {@link BaseLongTermMemory#get}.
     *
     * @throws IllegalStateException if this handle is not bound
     */
    public List<MemorySetItem> get(
            @Nullable List<String> ids,
            @Nullable Map<String, Object> filters,
            @Nullable Integer limit)
            throws Exception {
        return bound().get(this, ids, filters, limit);
    }

    /**
     * Searches items, see {@link BaseLongTermMemory#search}.
     *
     * @throws IllegalStateException if this handle is not bound
     */
    public List<MemorySetItem> search(
            String query,
            int limit,
            @Nullable Map<String, Object> filters,
            @Nullable Map<String, Object> extraArgs)
            throws Exception {
        return bound().search(this, query, limit, filters, extraArgs);
    }

    /**
     * Deletes items, see {@link BaseLongTermMemory#delete}.
     *
     * @throws IllegalStateException if this handle is not bound
     */
    public void delete(@Nullable List<String> ids) throws Exception {
        bound().delete(this, ids);
    }

    /** Binds this handle to a memory. */
    @JsonIgnore
    public void setLtm(BaseLongTermMemory ltm) {
        this.ltm = ltm;
    }

    /** Returns the name of the set. */
    public String getName() {
        return name;
    }

    private BaseLongTermMemory bound() {
        if (ltm == null) {
            throw new IllegalStateException(
                    "Memory set '"
                            + name
                            + "' is not bound to a long-term memory; get it by"
                            + " RunnerContext.getLongTermMemory().getMemorySet(name).");
        }
        return ltm;
    }

    @Override
    public boolean equals(Object other) {
        return this == other
                || (other != null
                        && getClass() == other.getClass()
                        && name.equals(((MemorySet) other).name));
    }

    @Override
    public int hashCode() {
        return name.hashCode();
    }

    @Override
    public String toString() {
        return "MemorySet{name='" + name + "'}";
    }
}
