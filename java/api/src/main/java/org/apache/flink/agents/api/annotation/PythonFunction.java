package org.apache.flink.agents.api.annotation;

import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;

/** Names a Python function in another annotation. */
@Retention(RetentionPolicy.RUNTIME)
@Target({})
public @interface PythonFunction {

    /** The module, such as {@code my_package.handlers}. */
    String module() default "";

    /** The function in the module: {@code func} or {@code Class.func}. */
    String qualname() default "";
}
