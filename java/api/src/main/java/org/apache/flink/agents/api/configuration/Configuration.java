package org.apache.flink.agents.api.configuration;

/** The configuration of an environment: a flat map from key to value. */
public interface Configuration extends ReadableConfiguration, WritableConfiguration {}
