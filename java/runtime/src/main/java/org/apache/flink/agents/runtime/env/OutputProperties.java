package org.apache.flink.agents.runtime.env;

import java.lang.reflect.AccessibleObject;
import java.lang.reflect.Field;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Member;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.util.HashMap;
import java.util.Map;
import java.util.Set;

/** Readable properties of a class: public getters, accessors of a record, public fields. */
final class OutputProperties {
    private static final ClassValue<OutputProperties> CACHE =
            new ClassValue<>() {
                @Override
                protected OutputProperties computeValue(final Class<?> type) {
                    return new OutputProperties(type);
                }
            };

    private final Map<String, Member> members = new HashMap<>();

    private OutputProperties(final Class<?> type) {
        for (final Field field : type.getFields()) {
            add(field.getName(), field);
        }
        // Java 11 knows no records; their class names are enough.
        final boolean record = type.getSuperclass() != null && type.getSuperclass().getName().equals("java.lang.Record");
        for (final Method method : type.getMethods()) {
            if (method.getParameterCount() > 0
                    || method.getReturnType() == void.class
                    || method.getDeclaringClass() == Object.class) {
                continue;
            }
            final String name = method.getName();
            if (record) {
                if (hasField(type, name)) {
                    add(name, method);
                }
            } else if (name.length() > 3 && name.startsWith("get")) {
                add(decapitalize(name.substring(3)), method);
            } else if (name.length() > 2
                    && name.startsWith("is")
                    && (method.getReturnType() == boolean.class || method.getReturnType() == Boolean.class)) {
                add(decapitalize(name.substring(2)), method);
            }
        }
    }

    static OutputProperties of(final Class<?> type) {
        return CACHE.get(type);
    }

    private static boolean hasField(final Class<?> type, final String name) {
        for (final Field field : type.getDeclaredFields()) {
            if (field.getName().equals(name)) {
                return true;
            }
        }
        return false;
    }

    private static String decapitalize(final String name) {
        final boolean acronym = name.length() > 1 && Character.isUpperCase(name.charAt(1)) && Character.isUpperCase(name.charAt(0));
        return acronym ? name : Character.toLowerCase(name.charAt(0)) + name.substring(1);
    }

    private void add(final String name, final Member member) {
        if (Modifier.isStatic(member.getModifiers())) {
            return;
        }
        // A public method of a class that is not public itself, such as a nested one, is not accessible otherwise.
        if (((AccessibleObject) member).trySetAccessible()) {
            members.put(name, member);
        }
    }

    boolean has(final String name) {
        return members.containsKey(name);
    }

    Set<String> names() {
        return members.keySet();
    }

    Object get(final Object owner, final String name) {
        final Member member = members.get(name);
        try {
            return member instanceof Field ? ((Field) member).get(owner) : ((Method) member).invoke(owner);
        } catch (final InvocationTargetException e) {
            throw new IllegalStateException(
                    "Property '" + name + "' of " + owner.getClass().getName() + " cannot be read: " + e.getCause(), e.getCause());
        } catch (final IllegalAccessException e) {
            throw new IllegalStateException("Property '" + name + "' of " + owner.getClass().getName() + " cannot be read", e);
        }
    }
}
