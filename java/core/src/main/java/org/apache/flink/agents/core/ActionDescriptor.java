package org.apache.flink.agents.core;

import java.util.List;
import java.util.Objects;

/** What a host has to know of one action of the plan: its name and the function that runs it. */
public final class ActionDescriptor {
    /** Language of an action's function. */
    public enum Language {
        /** A public static Java method. */
        JAVA,
        /** A Python callable. */
        PYTHON
    }

    private final int id;
    private final String name;
    private final Language language;
    private final String owner;
    private final String function;
    private final List<String> parameterTypes;
    private final boolean builtIn;
    private final boolean hasPolicy;

    ActionDescriptor(
            final int id,
            final String name,
            final Language language,
            final String owner,
            final String function,
            final List<String> parameterTypes,
            final boolean builtIn,
            final boolean hasPolicy) {
        this.id = id;
        this.name = Objects.requireNonNull(name);
        this.language = language;
        this.owner = owner;
        this.function = function;
        this.parameterTypes = List.copyOf(parameterTypes);
        this.builtIn = builtIn;
        this.hasPolicy = hasPolicy;
    }

    /** Position in the plan; what run effects carry. */
    public int id() {
        return id;
    }

    /** Name of the action. */
    public String name() {
        return name;
    }

    /** Language of its function. */
    public Language language() {
        return language;
    }

    /** Binary name of the Java class, or the Python module. */
    public String owner() {
        return owner;
    }

    /** Name of the Java method, or the qualified name of the Python callable. */
    public String function() {
        return function;
    }

    /** Type names of the Java method's parameters; empty for Python. */
    public List<String> parameterTypes() {
        return parameterTypes;
    }

    /** Whether it is one of the actions that every plan carries (chat, tool call, context retrieval). */
    public boolean isBuiltIn() {
        return builtIn;
    }

    /** Whether it may be tried again when it fails, or ends as a dead letter. */
    public boolean hasFailurePolicy() {
        return hasPolicy;
    }

    @Override
    public String toString() {
        return "action '" + name + "' (" + language + " " + owner + "#" + function + ")";
    }
}
