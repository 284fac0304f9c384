package org.apache.flink.agents.api;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.type.TypeFactory;
import com.fasterxml.jackson.databind.util.LRUMap;
import java.util.List;
import java.util.Map;
import javax.annotation.Nullable;

/**
 * INTERNAL: mappers for values whose classes may be the user's. Not for users; it may change with any release.
 *
 * <p>A mapper keeps every class it has seen, and Jackson's factory of types, which mappers share unless told otherwise, does
 * so too. A shared mapper in a jar in Flink's {@code lib} directory would thus keep the class loader of every job that has
 * ended. These mappers share nothing: keep one no longer than the job lives.
 */
public final class UserJson {
    private static final int INITIAL_TYPES = 16;
    private static final int MAX_TYPES = 200;
    private static final int MAX_DEPTH = 32;

    /** Sees classes of the JDK and of this project only. */
    private static final ObjectMapper PLAIN = new ObjectMapper();

    private UserJson() {}

    /** Returns a new mapper with caches of its own. Making one costs little, what it learns of a class costs more. */
    public static ObjectMapper newMapper() {
        return withOwnCache(TypeFactory.defaultInstance());
    }

    /**
     * Returns a new mapper with caches of its own.
     *
     * @param userCode finds classes that are named inside the JSON
     */
    public static ObjectMapper newMapper(@Nullable ClassLoader userCode) {
        return withOwnCache(TypeFactory.defaultInstance().withClassLoader(userCode));
    }

    private static ObjectMapper withOwnCache(TypeFactory types) {
        return new ObjectMapper().setTypeFactory(types.withCache(new LRUMap<>(INITIAL_TYPES, MAX_TYPES)));
    }

    /**
     * Returns a mapper to write a value with, or to convert it to a class of this project: a shared one if the value consists of the
     * JDK's classes, as what came by way of JSON does, else a new one.
     */
    public static ObjectMapper mapperFor(@Nullable Object value) {
        return isPlain(value, MAX_DEPTH) ? PLAIN : newMapper();
    }

    private static boolean isPlain(@Nullable Object value, int depth) {
        if (value == null || value instanceof String || value instanceof Boolean) {
            return true;
        }
        if (value.getClass().getClassLoader() != null || depth == 0) {
            return false;
        }
        if (value instanceof Map) {
            for (final Map.Entry<?, ?> entry : ((Map<?, ?>) value).entrySet()) {
                if (!isPlain(entry.getKey(), depth - 1) || !isPlain(entry.getValue(), depth - 1)) {
                    return false;
                }
            }
            return true;
        }
        if (value instanceof List) {
            for (final Object element : (List<?>) value) {
                if (!isPlain(element, depth - 1)) {
                    return false;
                }
            }
            return true;
        }
        // Other containers of the JDK may hold anything.
        return value instanceof Number;
    }
}
