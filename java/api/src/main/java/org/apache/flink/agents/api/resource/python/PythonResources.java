package org.apache.flink.agents.api.resource.python;

import java.util.Map;
import javax.annotation.Nullable;
import org.apache.flink.agents.api.resource.ResourceType;

/**
 * The resources that are made in Python, where Python runs. An addition to the reference's API, whose Python runs in the same process.
 */
public interface PythonResources {

    /**
     * Asks a resource, and waits for the answer. Any thread may ask, several at once.
     *
     * @param name the name of the resource in the plan
     * @param method what it is to do, such as {@code chat}
     * @param arguments by name; they and the answer are plain data: null, booleans, texts, numbers, bytes, lists, and maps with text keys
     * @return what the resource answers; may be null
     * @throws PythonResourceException if the resource fails
     * @throws Exception if it cannot be asked
     */
    @Nullable
    Object ask(ResourceType type, String name, String method, Map<String, Object> arguments) throws Exception;
}
