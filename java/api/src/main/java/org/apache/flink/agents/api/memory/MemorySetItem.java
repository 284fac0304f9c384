package org.apache.flink.agents.api.memory;

import java.time.LocalDateTime;
import java.util.Map;
import javax.annotation.Nullable;

/** An item of a long-term memory. */
public class MemorySetItem {
    private final String memorySetName;
    private final String id;
    private final String value;
    private final LocalDateTime createdAt;
    private final LocalDateTime updatedAt;
    private final Map<String, Object> additionalMetadata;

    /**
     * Creates an item.
     *
     * @param memorySetName the set it is in
     * @param id its id in the set
     * @param value its text
     * @param createdAt when it was made, or null
     * @param updatedAt when it was changed last, or null
     * @param additionalMetadata what else is known of it, or null
     */
    public MemorySetItem(
            String memorySetName,
            String id,
            String value,
            @Nullable LocalDateTime createdAt,
            @Nullable LocalDateTime updatedAt,
            @Nullable Map<String, Object> additionalMetadata) {
        this.memorySetName = memorySetName;
        this.id = id;
        this.value = value;
        this.createdAt = createdAt;
        this.updatedAt = updatedAt;
        this.additionalMetadata = additionalMetadata;
    }

    /** Returns the name of the set this item is in. */
    public String getMemorySetName() {
        return memorySetName;
    }

    /** Returns the id of the item in its set. */
    public String getId() {
        return id;
    }

    /** Returns the text. */
    public String getValue() {
        return value;
    }

    /** Returns when the item was made; null if unknown. */
    @Nullable
    public LocalDateTime getCreatedAt() {
        return createdAt;
    }

    /** Returns when the item was changed last; null if unknown. */
    @Nullable
    public LocalDateTime getUpdatedAt() {
        return updatedAt;
    }

    /** Returns what else is known of the item; null if nothing. */
    @Nullable
    public Map<String, Object> getAdditionalMetadata() {
        return additionalMetadata;
    }
}
