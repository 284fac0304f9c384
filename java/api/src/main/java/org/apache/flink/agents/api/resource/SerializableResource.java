package org.apache.flink.agents.api.resource;

import com.fasterxml.jackson.core.JsonProcessingException;
import java.io.Serializable;
import org.apache.flink.agents.api.UserJson;

/** A resource that travels in the plan as a whole, as JSON written by Jackson. */
public abstract class SerializableResource extends Resource implements Serializable {
    private static final long serialVersionUID = 1L;

    public SerializableResource() {}

    /**
     * Checks that Jackson can write this resource.
     *
     * @return this resource
     * @throws IllegalStateException if it cannot
     */
    public SerializableResource validateSerializable() {
        try {
            UserJson.newMapper().writeValueAsString(this);
        } catch (JsonProcessingException e) {
            throw new IllegalStateException(
                    "Resource of class "
                            + getClass().getName()
                            + " cannot be written as JSON: "
                            + e.getOriginalMessage()
                            + ". Mark what is not part of it with @JsonIgnore, or declare it by a"
                            + " ResourceDescriptor.",
                    e);
        }
        return this;
    }
}
