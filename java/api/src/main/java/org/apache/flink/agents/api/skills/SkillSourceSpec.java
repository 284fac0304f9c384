package org.apache.flink.agents.api.skills;

import com.fasterxml.jackson.annotation.JsonCreator;
import com.fasterxml.jackson.annotation.JsonProperty;
import com.fasterxml.jackson.annotation.JsonPropertyOrder;
import java.io.Serializable;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import javax.annotation.Nullable;

/** Says where skills are: a scheme and its parameters. Immutable. */
@JsonPropertyOrder({"scheme", "params"})
public final class SkillSourceSpec implements Serializable {
    private static final long serialVersionUID = 1L;

    private final String scheme;
    private final LinkedHashMap<String, String> params;

    /**
     * Creates a source.
     *
     * @param scheme {@code local}, {@code url}, {@code classpath} or {@code package}, in any case
     * @param params the parameters of the scheme, such as {@code path}; copied
     */
    @JsonCreator
    public SkillSourceSpec(
            @JsonProperty("scheme") String scheme,
            @JsonProperty("params") @Nullable Map<String, String> params) {
        if (scheme == null || scheme.trim().isEmpty()) {
            throw new IllegalArgumentException("A source of skills needs a scheme, such as 'local'.");
        }
        this.scheme = scheme.toLowerCase(Locale.ROOT);
        this.params = params == null ? new LinkedHashMap<>() : new LinkedHashMap<>(params);
    }

    /** Returns the scheme in lower case. */
    public String getScheme() {
        return scheme;
    }

    /** Returns the parameters, unmodifiable. */
    public Map<String, String> getParams() {
        return Collections.unmodifiableMap(params);
    }

    @Override
    public boolean equals(Object other) {
        if (this == other) {
            return true;
        }
        if (!(other instanceof SkillSourceSpec)) {
            return false;
        }
        final SkillSourceSpec that = (SkillSourceSpec) other;
        return scheme.equals(that.scheme) && params.equals(that.params);
    }

    @Override
    public int hashCode() {
        return Objects.hash(scheme, params);
    }

    @Override
    public String toString() {
        return scheme + params;
    }
}
