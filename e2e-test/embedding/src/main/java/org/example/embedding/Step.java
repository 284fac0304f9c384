package org.example.embedding;

import java.io.Serializable;
import java.util.Map;

/** The code of one action. It is shipped with the operator, hence serializable. */
@FunctionalInterface
public interface Step extends Serializable {
    /** Handles one event; what it sends and remembers counts when it returns. */
    void run(Map<String, Object> event, StepContext context) throws Exception;
}
