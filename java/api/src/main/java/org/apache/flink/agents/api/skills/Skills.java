package org.apache.flink.agents.api.skills;

import com.fasterxml.jackson.annotation.JsonCreator;
import com.fasterxml.jackson.annotation.JsonIgnore;
import com.fasterxml.jackson.annotation.JsonProperty;
import com.fasterxml.jackson.annotation.JsonPropertyOrder;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import javax.annotation.Nullable;
import org.apache.flink.agents.api.resource.ResourceType;
import org.apache.flink.agents.api.resource.SerializableResource;

/** Where the skills that an agent's models can load are. */
@JsonPropertyOrder({"sources", "resourceContext"})
public class Skills extends SerializableResource {
    private static final long serialVersionUID = 1L;

    /** Name of the resource that all skills of an agent are merged into. */
    public static final String SKILLS_CONFIG = "_skills_config";

    /** Name of the tool by which models load skills. */
    public static final String LOAD_SKILL_TOOL = "load_skill";

    /** Name of the tool by which models run commands. */
    public static final String BASH_TOOL = "bash";

    private final ArrayList<SkillSourceSpec> sources;

    /** Creates skills without sources. */
    public Skills() {
        this(null);
    }

    /** Creates skills of several sources; the list is copied. */
    @JsonCreator
    public Skills(@JsonProperty("sources") @Nullable List<SkillSourceSpec> sources) {
        this.sources = sources == null ? new ArrayList<>() : new ArrayList<>(sources);
    }

    /** Creates skills of directories or zip files on the machines that run the job. */
    public static Skills fromLocalDir(String... paths) {
        return of("local", "path", paths);
    }

    /** Creates skills of zip files on the web. */
    public static Skills fromUrl(String... urls) {
        return of("url", "url", urls);
    }

    /** Creates skills of resources on the class path. */
    public static Skills fromClasspath(String... resources) {
        return of("classpath", "resource", resources);
    }

    private static Skills of(String scheme, String param, String... values) {
        if (values == null || values.length == 0) {
            throw new IllegalArgumentException(
                    "Skills of scheme '" + scheme + "' need at least one " + param + ".");
        }
        final List<SkillSourceSpec> sources = new ArrayList<>();
        for (final String value : values) {
            if (value == null || value.trim().isEmpty()) {
                throw new IllegalArgumentException(
                        "The " + param + " of skills of scheme '" + scheme + "' must not be blank.");
            }
            sources.add(new SkillSourceSpec(scheme, Collections.singletonMap(param, value)));
        }
        return new Skills(sources);
    }

    /** Returns where the skills are, unmodifiable. */
    @JsonProperty("sources")
    public List<SkillSourceSpec> getSources() {
        return Collections.unmodifiableList(sources);
    }

    @Override
    @JsonIgnore
    public ResourceType getResourceType() {
        return ResourceType.SKILLS;
    }
}
