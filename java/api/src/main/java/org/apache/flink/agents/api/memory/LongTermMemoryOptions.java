package org.apache.flink.agents.api.memory;

import org.apache.flink.agents.api.configuration.ConfigOption;

/** Options of long-term memory. */
public class LongTermMemoryOptions {

    /** Options of the Mem0 memory; it exists if all three are set. */
    public static class Mem0 {
        /** Name of the chat model resource. */
        public static final ConfigOption<String> CHAT_MODEL_SETUP =
                new ConfigOption<>("long-term-memory.mem0.chat-model-setup", String.class, null);

        /** Name of the embedding model resource. */
        public static final ConfigOption<String> EMBEDDING_MODEL_SETUP =
                new ConfigOption<>("long-term-memory.mem0.embedding-model-setup", String.class, null);

        /** Name of the vector store resource. */
        public static final ConfigOption<String> VECTOR_STORE =
                new ConfigOption<>("long-term-memory.mem0.vector-store", String.class, null);
    }
}
