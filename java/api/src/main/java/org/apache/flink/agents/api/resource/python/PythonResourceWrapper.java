package org.apache.flink.agents.api.resource.python;

/** A resource that stands for one that is made in Python. */
public interface PythonResourceWrapper {

    /** Returns what asks the resource in Python: a {@link PythonResource}. */
    Object getPythonResource();
}
