package org.apache.flink.agents.api.configuration;


/** Which uses of memory become events. A key that is not set follows {@link #MEMORY_GENERATE_EVENT}. */
public class MemoryEventOptions {
    /** All of them; null means each has its own default. */
    public static final ConfigOption<Boolean> MEMORY_GENERATE_EVENT =
            new ConfigOption<>("memory.generate-event", Boolean.class, null);

    /** Writes to short-term memory; on by default. */
    public static final ConfigOption<Boolean> SHORT_TERM_WRITE =
            new ConfigOption<>("memory.generate-event.short-term-write", Boolean.class, null);

    /** Reads of short-term memory; off by default. */
    public static final ConfigOption<Boolean> SHORT_TERM_READ =
            new ConfigOption<>("memory.generate-event.short-term-read", Boolean.class, null);

    /** Writes to sensory memory; on by default. */
    public static final ConfigOption<Boolean> SENSORY_WRITE =
            new ConfigOption<>("memory.generate-event.sensory-write", Boolean.class, null);

    /** Reads of sensory memory; off by default. */
    public static final ConfigOption<Boolean> SENSORY_READ =
            new ConfigOption<>("memory.generate-event.sensory-read", Boolean.class, null);

    /** Changes of long-term memory; on by default. */
    public static final ConfigOption<Boolean> LONG_TERM_UPDATE =
            new ConfigOption<>("memory.generate-event.long-term-update", Boolean.class, null);

    /** Look-ups in long-term memory; on by default. */
    public static final ConfigOption<Boolean> LONG_TERM_GET =
            new ConfigOption<>("memory.generate-event.long-term-get", Boolean.class, null);

    /** Searches of long-term memory; on by default. */
    public static final ConfigOption<Boolean> LONG_TERM_SEARCH =
            new ConfigOption<>("memory.generate-event.long-term-search", Boolean.class, null);

    private MemoryEventOptions() {}
}
