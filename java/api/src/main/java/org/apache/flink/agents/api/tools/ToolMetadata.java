package org.apache.flink.agents.api.tools;

import com.fasterxml.jackson.annotation.JsonCreator;
import com.fasterxml.jackson.annotation.JsonProperty;
import com.fasterxml.jackson.annotation.JsonPropertyOrder;
import java.io.Serializable;
import java.util.Objects;

/** What a model gets to know of a tool. */
@JsonPropertyOrder({"name", "description", "inputSchema"})
public class ToolMetadata implements Serializable {
    private static final long serialVersionUID = 1L;

    private final String name;
    private final String description;
    private final String inputSchema;

    /**
     * Creates the metadata of a tool.
     *
     * @param name the name the model calls it by
     * @param description what it does
     * @param inputSchema JSON schema of its parameters, as text
     */
    @JsonCreator
    public ToolMetadata(
            @JsonProperty("name") String name,
            @JsonProperty("description") String description,
            @JsonProperty("inputSchema") String inputSchema) {
        this.name = name;
        this.description = description;
        this.inputSchema = inputSchema;
    }

    /** Returns the name the model calls the tool by. */
    public String getName() {
        return name;
    }

    /** Returns what the tool does. */
    public String getDescription() {
        return description;
    }

    /** Returns the JSON schema of the parameters, as text. */
    public String getInputSchema() {
        return inputSchema;
    }

    @Override
    public boolean equals(Object other) {
        if (this == other) {
            return true;
        }
        if (other == null || getClass() != other.getClass()) {
            return false;
        }
        final ToolMetadata that = (ToolMetadata) other;
        return Objects.equals(name, that.name)
                && Objects.equals(description, that.description)
                && Objects.equals(inputSchema, that.inputSchema);
    }

    @Override
    public int hashCode() {
        return Objects.hash(name, description, inputSchema);
    }

    @Override
    public String toString() {
        return "ToolMetadata{name='" + name + "', description='" + description + "', inputSchema=" + inputSchema + '}';
    }
}
