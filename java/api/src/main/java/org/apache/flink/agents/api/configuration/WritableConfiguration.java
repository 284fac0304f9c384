package org.apache.flink.agents.api.configuration;

import javax.annotation.Nullable;

/** Changes the configuration; values set here win over the configuration file's. */
public interface WritableConfiguration {

    /** Sets the value of a key. */
    void setStr(String key, String value);

    /** Sets the value of a key. */
    void setInt(String key, int value);

    /** Sets the value of a key. */
    void setLong(String key, long value);

    /** Sets the value of a key. */
    void setFloat(String key, float value);

    /** Sets the value of a key. */
    void setDouble(String key, double value);

    /** Sets the value of a key. */
    void setBool(String key, boolean value);

    /** Sets the value of an option; null is ignored if the option has a default that is not null. */
    <T> void set(ConfigOption<T> option, @Nullable T value);
}
