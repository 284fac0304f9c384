package org.apache.flink.agents.api.resource;

import java.util.List;
import java.util.function.BiFunction;
import org.apache.flink.agents.api.resource.python.PythonResources;

/** What a resource can ask of the operator it lives in. */
public interface ResourceContext {

    /**
     * Returns another resource, opened.
     *
     * @throws IllegalArgumentException if there is no such resource
     */
    Resource getResource(String name, ResourceType type) throws Exception;

    /**
     * Returns the text that tells a model which skills it can load.
     *
     * @throws IllegalArgumentException if a skill does not exist
     */
    String generateAvailableSkillsPrompt(List<String> skillNames) throws Exception;

    /** Returns the directories of the named skills. */
    List<String> getSkillDirs(List<String> skillNames) throws Exception;

    /** Returns the name of the resource that this context was made for; empty if it is not known. An addition to the reference's API. */
    default String getResourceName() {
        return "";
    }

    /**
     * Returns what names the job, so that its subtasks in one process can share limits and connections; empty outside of
     * jobs, where nothing is shared. An addition to the reference's API.
     */
    default String getJob() {
        return "";
    }

    /** Returns how many subtasks share the limits of the job's connections. An addition to the reference's API. */
    default int getParallelism() {
        return 1;
    }

    /**
     * Returns the resources that are made in Python. An addition to the reference's API.
     *
     * @throws UnsupportedOperationException if there is no Python where this context is
     */
    default PythonResources getPythonResources() {
        throw new UnsupportedOperationException(
                "Resource '"
                        + getResourceName()
                        + "' is made in Python, which runs beside Java on Flink only. Run the agent on Flink, or use a"
                        + " Java implementation.");
    }

    /** Returns a context that only knows how to look up resources, without skills. */
    static ResourceContext fromGetResource(
            BiFunction<String, ResourceType, Resource> getResource) {
        return new ResourceContext() {
            @Override
            public Resource getResource(String name, ResourceType type) {
                return getResource.apply(name, type);
            }

            @Override
            public String generateAvailableSkillsPrompt(List<String> skillNames) {
                throw noSkills(skillNames);
            }

            @Override
            public List<String> getSkillDirs(List<String> skillNames) {
                throw noSkills(skillNames);
            }

            private UnsupportedOperationException noSkills(List<String> skillNames) {
                return new UnsupportedOperationException(
                        "This resource context only looks up resources; it knows no skills, so not "
                                + skillNames
                                + ".");
            }
        };
    }
}
