package org.apache.flink.agents.api.function;

import java.lang.reflect.Method;
import java.util.List;

/** Finds the method a {@link JavaFunction} names. Loads classes with the thread's class loader. */
public final class JavaFunctionUtils {
    private JavaFunctionUtils() {}

    /**
     * Returns the method, of any visibility, declared by the class itself or public in a superclass.
     *
     * @throws ClassNotFoundException if the class or a parameter type does not exist
     * @throws NoSuchMethodException if the class has no such method
     */
    public static Method resolveMethod(JavaFunction function)
            throws ClassNotFoundException, NoSuchMethodException {
        final Class<?> owner = load(function.getQualName());
        final Class<?>[] types = resolveParameterTypes(function.getParameterTypes());
        try {
            return owner.getDeclaredMethod(function.getMethodName(), types);
        } catch (NoSuchMethodException e) {
            return owner.getMethod(function.getMethodName(), types);
        }
    }

    /**
     * Returns the classes of parameter type names.
     *
     * @throws ClassNotFoundException if one does not exist
     */
    public static Class<?>[] resolveParameterTypes(List<String> names)
            throws ClassNotFoundException {
        final Class<?>[] result = new Class<?>[names.size()];
        for (int i = 0; i < result.length; i++) {
            result[i] = resolveParameterType(names.get(i));
        }
        return result;
    }

    /**
     * Returns the class of a parameter type name: a primitive ({@code int}), a binary class name, or
     * an array as {@link Class#getName()} writes it ({@code [I}).
     *
     * @throws ClassNotFoundException if it does not exist
     */
    public static Class<?> resolveParameterType(String name) throws ClassNotFoundException {
        switch (name) {
            case "boolean":
                return boolean.class;
            case "byte":
                return byte.class;
            case "short":
                return short.class;
            case "char":
                return char.class;
            case "int":
                return int.class;
            case "long":
                return long.class;
            case "float":
                return float.class;
            case "double":
                return double.class;
            case "void":
                return void.class;
            default:
                return load(name);
        }
    }

    private static Class<?> load(String name) throws ClassNotFoundException {
        final ClassLoader context = Thread.currentThread().getContextClassLoader();
        return Class.forName(
                name,
                true,
                context == null ? JavaFunctionUtils.class.getClassLoader() : context);
    }
}
