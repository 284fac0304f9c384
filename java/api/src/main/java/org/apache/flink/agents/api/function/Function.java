package org.apache.flink.agents.api.function;

/** Names code to run: a {@link JavaFunction} or a {@link PythonFunction}. */
public interface Function {}
