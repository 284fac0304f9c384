package org.apache.flink.agents.api.context;

import java.util.List;
import java.util.Map;
import javax.annotation.Nullable;

/**
 * A place in the memory of a key: an object with named fields, or a value. Paths are names joined
 * by {@code .}, relative to this place. What an action writes, other actions of the key see when
 * the action has finished. Use it only on the thread the action runs on.
 */
public interface MemoryObject {
    /** The kinds of memory. */
    enum MemoryType {
        /** Lives as long as the run. */
        SENSORY,
        /** Lives as long as the key. */
        SHORT_TERM
    }

    /** Returns what is at a path, an object or a value; null if there is nothing. */
    @Nullable
    MemoryObject get(String path) throws Exception;

    /** Returns what a reference points to, an object or a value; null if there is nothing. */
    @Nullable
    MemoryObject get(MemoryRef ref) throws Exception;

    /**
     * Sets the value at a path; missing parents are made.
     *
     * @return a reference to the value
     * @throws IllegalArgumentException if there is an object at the path
     */
    MemoryRef set(String path, @Nullable Object value) throws Exception;

    /**
     * Makes an object at a path; missing parents are made.
     *
     * @param overwrite whether a value at the path is replaced
     * @throws IllegalArgumentException if there is a value at the path and it is not replaced
     */
    MemoryObject newObject(String path, boolean overwrite) throws Exception;

    /**
     * Makes an object at a path; missing parents are made.
     *
     * @throws IllegalArgumentException if there is a value at the path
     */
    default MemoryObject newObject(String path) throws Exception {
        return newObject(path, false);
    }

    /** Tells whether there is something at a path. */
    boolean isExist(String path);

    /** Returns the names of the fields of this object. */
    List<String> getFieldNames() throws Exception;

    /** Returns the fields of this object: name to value, {@code "NestedObject"} for objects. */
    Map<String, Object> getFields() throws Exception;

    /** Returns the value; null if this is an object. */
    @Nullable
    Object getValue() throws Exception;

    /** Tells whether this is an object rather than a value. */
    boolean isNestedObject() throws Exception;
}
