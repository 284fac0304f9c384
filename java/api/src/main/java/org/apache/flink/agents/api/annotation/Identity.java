package org.apache.flink.agents.api.annotation;

import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;

/**
 * Says by what journals and savepoints know an action, so that it can be renamed while runs of it are unfinished. Stands beside
 * {@link Action}, or on a method that is added by {@code addAction}. An addition to the reference's API.
 *
 * <pre>{@code
 * @Action(EventType.InputEvent)
 * @Identity(formerNames = "pay")
 * public static void settle(Event event, RunnerContext ctx) { ... }
 * }</pre>
 *
 * <p>Without it an action is known by its name: that of its method, or that given to {@code addAction}. With it, it is known by
 * {@link #value()} from now on, else by the first of {@link #formerNames()}; what was written under any of these names is found.
 * No two actions of an agent may be known by the same name.
 */
@Retention(RetentionPolicy.RUNTIME)
@Target(ElementType.METHOD)
public @interface Identity {

    /** What the action is known by from now on; empty means the first of its former names. */
    String value() default "";

    /** Names the action had before, the oldest first. */
    String[] formerNames() default {};
}
