package org.apache.flink.agents.api.chat.model;

import java.util.Locale;
import javax.annotation.Nullable;

/** How a model is made to answer in the shape of a schema. */
public enum StructuredOutputStrategy {
    /** Natively if the model can, else by instruction. */
    AUTO,
    /** By the service's own means. */
    NATIVE,
    /** By instruction in the prompt. */
    PROMPT;

    /** Tells whether the service's own means are to be used. */
    public boolean resolvesToNative(boolean nativeSupported) {
        return this == NATIVE || (this == AUTO && nativeSupported);
    }

    /**
     * Returns the strategy of a resource argument: a strategy, or its name in any case.
     *
     * @param defaultStrategy what an absent argument means
     * @throws IllegalArgumentException if it is anything else
     */
    public static StructuredOutputStrategy fromArgument(
            @Nullable Object argument, StructuredOutputStrategy defaultStrategy) {
        if (argument == null) {
            return defaultStrategy;
        }
        if (argument instanceof StructuredOutputStrategy) {
            return (StructuredOutputStrategy) argument;
        }
        final String name = argument.toString().trim().toUpperCase(Locale.ROOT);
        for (final StructuredOutputStrategy strategy : values()) {
            if (strategy.name().equals(name)) {
                return strategy;
            }
        }
        throw new IllegalArgumentException(
                "Unknown structured_output_strategy '"
                        + argument
                        + "'; known are AUTO, NATIVE and PROMPT.");
    }
}
