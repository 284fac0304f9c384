package org.apache.flink.agents.api.function;

import com.fasterxml.jackson.annotation.JsonCreator;
import com.fasterxml.jackson.annotation.JsonProperty;
import com.fasterxml.jackson.annotation.JsonPropertyOrder;
import java.io.Serializable;
import java.util.Objects;

/** Names a Python function by module and qualified name. */
@JsonPropertyOrder({"module", "qualname"})
public final class PythonFunction implements Function, Serializable {
    private static final long serialVersionUID = 1L;

    private final String module;
    private final String qualName;

    /**
     * Names a function.
     *
     * @param module the module, such as {@code my_package.handlers}
     * @param qualName {@code func} or {@code Class.func}
     */
    @JsonCreator
    public PythonFunction(
            @JsonProperty("module") String module, @JsonProperty("qualname") String qualName) {
        this.module = Objects.requireNonNull(module, "module");
        this.qualName = Objects.requireNonNull(qualName, "qualName");
    }

    /** Returns the module. */
    @JsonProperty("module")
    public String getModule() {
        return module;
    }

    /** Returns the name in the module. */
    @JsonProperty("qualname")
    public String getQualName() {
        return qualName;
    }

    @Override
    public boolean equals(Object other) {
        if (this == other) {
            return true;
        }
        if (!(other instanceof PythonFunction)) {
            return false;
        }
        final PythonFunction that = (PythonFunction) other;
        return module.equals(that.module) && qualName.equals(that.qualName);
    }

    @Override
    public int hashCode() {
        return Objects.hash(module, qualName);
    }

    @Override
    public String toString() {
        return module + ":" + qualName;
    }
}
