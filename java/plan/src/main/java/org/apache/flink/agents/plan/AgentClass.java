package org.apache.flink.agents.plan;

import java.lang.reflect.Field;
import java.lang.reflect.Method;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import org.apache.flink.agents.api.agents.Agent;

/** The members of an agent's class and its superclasses below {@link Agent}, superclass first. */
final class AgentClass {
    private final List<Class<?>> hierarchy;

    AgentClass(Class<? extends Agent> type) {
        final Deque<Class<?>> chain = new ArrayDeque<>();
        for (Class<?> c = type; c != Agent.class && c != null; c = c.getSuperclass()) {
            chain.addFirst(c);
        }
        this.hierarchy = new ArrayList<>(chain);
    }

    /** Returns the methods in the order of their declaration. */
    List<Method> methods() {
        final List<Method> methods = new ArrayList<>();
        for (final Class<?> type : hierarchy) {
            methods.addAll(List.of(ClassFileOrder.methodsOf(type)));
        }
        return methods;
    }

    /** Returns the fields in the order of their declaration. */
    List<Field> fields() {
        final List<Field> fields = new ArrayList<>();
        for (final Class<?> type : hierarchy) {
            fields.addAll(List.of(ClassFileOrder.fieldsOf(type)));
        }
        return fields;
    }

    /** Returns a method as it is called in messages. */
    static String describe(Method method) {
        final List<String> types = new ArrayList<>();
        for (final Class<?> type : method.getParameterTypes()) {
            types.add(type.getSimpleName());
        }
        return method.getDeclaringClass().getName()
                + "."
                + method.getName()
                + "("
                + String.join(", ", types)
                + ")";
    }
}
