package org.apache.flink.agents.api.tools;

import java.util.List;
import java.util.Map;
import org.apache.flink.agents.api.prompt.Prompt;

/**
 * A resource whose tools and prompts become those of the agent, by their names: they are asked for when the plan is built. An
 * addition to the reference's API.
 */
public interface ToolServer {

    /** Returns the tools; each can be written by Jackson, and finds its server again where it runs. */
    List<? extends Tool> listTools();

    /** Returns the prompts by name, with the same properties. */
    Map<String, ? extends Prompt> promptsByName();
}
