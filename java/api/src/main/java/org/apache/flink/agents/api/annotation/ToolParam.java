package org.apache.flink.agents.api.annotation;

import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;
import org.apache.flink.agents.api.tools.ToolParameterSource;

/** Describes a parameter of a {@link Tool} method. */
@Retention(RetentionPolicy.RUNTIME)
@Target(ElementType.PARAMETER)
public @interface ToolParam {

    /** Whether a call without the parameter is refused. */
    boolean required() default true;

    /** The name the model sees; empty means the Java name, which needs {@code -parameters}. */
    String name() default "";

    /** Tells the model what the parameter means. */
    String description() default "";

    /** If not empty, a call without the parameter is not refused. It is not converted or passed. */
    String defaultValue() default "";

    /** Whether the framework gives the value; the model then never sees the parameter. */
    boolean injected() default false;

    /** Where an injected value comes from. */
    ToolParameterSource source() default ToolParameterSource.SENSORY_MEMORY;

    /** The configuration key or memory path of an injected value; empty means the name. */
    String key() default "";
}
