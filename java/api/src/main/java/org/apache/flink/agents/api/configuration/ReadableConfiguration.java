package org.apache.flink.agents.api.configuration;

import javax.annotation.Nullable;

/**
 * Reads the configuration. A value of another type is converted by way of its text.
 */
public interface ReadableConfiguration {

    /**
     * Returns the value of a key, or the default if it is absent.
     *
     * @throws IllegalArgumentException if the value cannot be read as Integer
     */
    @Nullable
    Integer getInt(String key, @Nullable Integer defaultValue);

    /**
     * Returns the value of a key, or the default if it is absent.
     *
     * @throws IllegalArgumentException if the value cannot be read as Long
     */
    @Nullable
    Long getLong(String key, @Nullable Long defaultValue);

    /**
     * Returns the value of a key, or the default if it is absent.
     *
     * @throws IllegalArgumentException if the value cannot be read as Float
     */
    @Nullable
    Float getFloat(String key, @Nullable Float defaultValue);

    /**
     * Returns the value of a key, or the default if it is absent.
     *
     * @throws IllegalArgumentException if the value cannot be read as Double
     */
    @Nullable
    Double getDouble(String key, @Nullable Double defaultValue);

    /**
     * Returns the value of a key, or the default if it is absent.
     *
     * @throws IllegalArgumentException if the value cannot be read as Boolean
     */
    @Nullable
    Boolean getBool(String key, @Nullable Boolean defaultValue);

    /**
     * Returns the value of a key, or the default if it is absent.
     *
     * @throws IllegalArgumentException if the value cannot be read as String
     */
    @Nullable
    String getStr(String key, @Nullable String defaultValue);

    /**
     * Returns the value of an option, or its default if the key is absent. Enum values are read
     * without regard to case.
     *
     * @throws IllegalArgumentException if the value cannot be read as the option's type
     */
    @Nullable
    <T> T get(ConfigOption<T> option);
}
