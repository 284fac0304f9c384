package org.apache.flink.agents.plan;

import java.lang.reflect.Proxy;
import org.apache.flink.agents.api.resource.ResourceContext;
import org.apache.flink.agents.api.resource.python.PythonResources;

/** Resources of Python that a test answers for. */
public final class PythonAnswers {
    private PythonAnswers() {}

    /** A context that has these and no others, of a resource named {@code it}. */
    public static ResourceContext context(PythonResources python) {
        final ResourceContext nothing =
                ResourceContext.fromGetResource(
                        (name, type) -> {
                            throw new AssertionError("Nothing is looked up in Java: " + name);
                        });
        return (ResourceContext)
                Proxy.newProxyInstance(
                        PythonAnswers.class.getClassLoader(),
                        new Class<?>[] {ResourceContext.class},
                        (proxy, method, arguments) -> {
                            switch (method.getName()) {
                                case "getPythonResources":
                                    return python;
                                case "getResourceName":
                                    return "it";
                                default:
                                    return method.invoke(nothing, arguments);
                            }
                        });
    }
}
