package org.apache.flink.agents.api.annotation;

import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;

/** Marks a static method that returns the ResourceDescriptor of an MCP server. */
@Retention(RetentionPolicy.RUNTIME)
@Target(ElementType.METHOD)
public @interface MCPServer {

    /** Which client to use: {@code java} (JDK 17 or newer), {@code python}, or {@code auto}. */
    String lang() default "auto";
}
