package org.apache.flink.agents.api.annotation;

import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;

/**
 * Marks a method of an agent as an action.
 *
 * <p>The method is public and static and takes exactly {@code (Event, RunnerContext)}; what it
 * returns is ignored. Exactly one of {@link #value()} and {@link #listenEventTypes()} is given.
 */
@Retention(RetentionPolicy.RUNTIME)
@Target(ElementType.METHOD)
public @interface Action {

    /**
     * What starts the action, at least one: event types such as {@code "_input_event"} or {@code
     * EventType.InputEvent}, or conditions such as {@code "type == EventType.InputEvent &&
     * attributes.input > 3"}.
     */
    String[] value() default {};

    /** What starts the action, as older code writes it; means the same as {@link #value()}. */
    String[] listenEventTypes() default {};

    /**
     * A Python function to run instead of the method, whose body is then a placeholder. Both module
     * and qualified name are given, or neither.
     */
    PythonFunction target() default @PythonFunction;
}
