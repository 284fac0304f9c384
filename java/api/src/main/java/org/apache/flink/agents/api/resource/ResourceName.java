package org.apache.flink.agents.api.resource;

/** Class names of the implementations that exist, for {@link ResourceDescriptor.Builder}. */
public final class ResourceName {
    /** The MCP client: Java or Python, decided when the plan is built. */
    public static final String MCP_SERVER = "DECIDE_IN_RUNTIME_MCPServer";

    private ResourceName() {}

    /** Chat models. */
    public static final class ChatModel {
        public static final String ANTHROPIC_CONNECTION =
                "org.apache.flink.agents.integrations.chatmodels.anthropic.AnthropicChatModelConnection";
        public static final String ANTHROPIC_SETUP =
                "org.apache.flink.agents.integrations.chatmodels.anthropic.AnthropicChatModelSetup";
        public static final String BEDROCK_CONNECTION =
                "org.apache.flink.agents.integrations.chatmodels.bedrock.BedrockChatModelConnection";
        public static final String BEDROCK_SETUP =
                "org.apache.flink.agents.integrations.chatmodels.bedrock.BedrockChatModelSetup";
        public static final String GEMINI_CONNECTION =
                "org.apache.flink.agents.integrations.chatmodels.gemini.GeminiChatModelConnection";
        public static final String GEMINI_SETUP =
                "org.apache.flink.agents.integrations.chatmodels.gemini.GeminiChatModelSetup";
        public static final String OLLAMA_CONNECTION =
                "org.apache.flink.agents.integrations.chatmodels.ollama.OllamaChatModelConnection";
        public static final String OLLAMA_SETUP =
                "org.apache.flink.agents.integrations.chatmodels.ollama.OllamaChatModelSetup";
        public static final String OPENAI_COMPLETIONS_CONNECTION =
                "org.apache.flink.agents.integrations.chatmodels.openai.OpenAICompletionsConnection";
        public static final String OPENAI_COMPLETIONS_SETUP =
                "org.apache.flink.agents.integrations.chatmodels.openai.OpenAICompletionsSetup";
        public static final String OPENAI_RESPONSES_CONNECTION =
                "org.apache.flink.agents.integrations.chatmodels.openai.OpenAIResponsesModelConnection";
        public static final String OPENAI_RESPONSES_SETUP =
                "org.apache.flink.agents.integrations.chatmodels.openai.OpenAIResponsesModelSetup";
        public static final String AZURE_OPENAI_CONNECTION =
                "org.apache.flink.agents.integrations.chatmodels.openai.AzureOpenAIChatModelConnection";
        public static final String AZURE_OPENAI_SETUP =
                "org.apache.flink.agents.integrations.chatmodels.openai.AzureOpenAIChatModelSetup";
        public static final String VLLM_CONNECTION =
                "org.apache.flink.agents.integrations.chatmodels.openai.VLLMChatModelConnection";
        public static final String VLLM_SETUP =
                "org.apache.flink.agents.integrations.chatmodels.openai.VLLMChatModelSetup";
        public static final String PYTHON_WRAPPER_CONNECTION =
                "org.apache.flink.agents.api.chat.model.python.PythonChatModelConnection";
        public static final String PYTHON_WRAPPER_SETUP =
                "org.apache.flink.agents.api.chat.model.python.PythonChatModelSetup";

        private ChatModel() {}

        /** Python implementations, used through the wrappers. */
        public static final class Python {
            public static final String ANTHROPIC_CONNECTION =
                    "flink_agents.integrations.chat_models.anthropic.anthropic_chat_model.AnthropicChatModelConnection";
            public static final String ANTHROPIC_SETUP =
                    "flink_agents.integrations.chat_models.anthropic.anthropic_chat_model.AnthropicChatModelSetup";
            public static final String AZURE_OPENAI_CONNECTION =
                    "flink_agents.integrations.chat_models.azure.azure_openai_chat_model.AzureOpenAIChatModelConnection";
            public static final String AZURE_OPENAI_SETUP =
                    "flink_agents.integrations.chat_models.azure.azure_openai_chat_model.AzureOpenAIChatModelSetup";
            public static final String OLLAMA_CONNECTION =
                    "flink_agents.integrations.chat_models.ollama_chat_model.OllamaChatModelConnection";
            public static final String OLLAMA_SETUP =
                    "flink_agents.integrations.chat_models.ollama_chat_model.OllamaChatModelSetup";
            public static final String OPENAI_COMPLETIONS_CONNECTION =
                    "flink_agents.integrations.chat_models.openai.openai_chat_model.OpenAIChatModelConnection";
            public static final String OPENAI_COMPLETIONS_SETUP =
                    "flink_agents.integrations.chat_models.openai.openai_chat_model.OpenAIChatModelSetup";
            public static final String TONGYI_CONNECTION =
                    "flink_agents.integrations.chat_models.tongyi_chat_model.TongyiChatModelConnection";
            public static final String TONGYI_SETUP =
                    "flink_agents.integrations.chat_models.tongyi_chat_model.TongyiChatModelSetup";
            public static final String VLLM_CONNECTION =
                    "flink_agents.integrations.chat_models.vllm.vllm_chat_model.VLLMChatModelConnection";
            public static final String VLLM_SETUP =
                    "flink_agents.integrations.chat_models.vllm.vllm_chat_model.VLLMChatModelSetup";

            private Python() {}
        }
    }

    /** Embedding models. */
    public static final class EmbeddingModel {
        public static final String OLLAMA_CONNECTION =
                "org.apache.flink.agents.integrations.embeddingmodels.ollama.OllamaEmbeddingModelConnection";
        public static final String OLLAMA_SETUP =
                "org.apache.flink.agents.integrations.embeddingmodels.ollama.OllamaEmbeddingModelSetup";
        /** An addition to the reference's API: OpenAI and every compatible server. */
        public static final String OPENAI_CONNECTION =
                "org.apache.flink.agents.integrations.embeddingmodels.openai.OpenAIEmbeddingModelConnection";

        /** An addition to the reference's API. */
        public static final String OPENAI_SETUP =
                "org.apache.flink.agents.integrations.embeddingmodels.openai.OpenAIEmbeddingModelSetup";

        public static final String BEDROCK_CONNECTION =
                "org.apache.flink.agents.integrations.embeddingmodels.bedrock.BedrockEmbeddingModelConnection";
        public static final String BEDROCK_SETUP =
                "org.apache.flink.agents.integrations.embeddingmodels.bedrock.BedrockEmbeddingModelSetup";
        public static final String PYTHON_WRAPPER_CONNECTION =
                "org.apache.flink.agents.api.embedding.model.python.PythonEmbeddingModelConnection";
        public static final String PYTHON_WRAPPER_SETUP =
                "org.apache.flink.agents.api.embedding.model.python.PythonEmbeddingModelSetup";

        private EmbeddingModel() {}

        /** Python implementations, used through the wrappers. */
        public static final class Python {
            public static final String OLLAMA_CONNECTION =
                    "flink_agents.integrations.embedding_models.local.ollama_embedding_model.OllamaEmbeddingModelConnection";
            public static final String OLLAMA_SETUP =
                    "flink_agents.integrations.embedding_models.local.ollama_embedding_model.OllamaEmbeddingModelSetup";
            public static final String OPENAI_CONNECTION =
                    "flink_agents.integrations.embedding_models.openai_embedding_model.OpenAIEmbeddingModelConnection";
            public static final String OPENAI_SETUP =
                    "flink_agents.integrations.embedding_models.openai_embedding_model.OpenAIEmbeddingModelSetup";
            public static final String TONGYI_CONNECTION =
                    "flink_agents.integrations.embedding_models.tongyi_embedding_model.TongyiEmbeddingModelConnection";
            public static final String TONGYI_SETUP =
                    "flink_agents.integrations.embedding_models.tongyi_embedding_model.TongyiEmbeddingModelSetup";

            private Python() {}
        }
    }

    /** Vector stores. */
    public static final class VectorStore {
        /** An addition to the reference's API: needs no server. */
        public static final String EMBEDDED_VECTOR_STORE =
                "org.apache.flink.agents.integrations.vectorstores.embedded.EmbeddedVectorStore";

        /** An addition to the reference's API, which has Chroma in Python alone. */
        public static final String CHROMA_VECTOR_STORE =
                "org.apache.flink.agents.integrations.vectorstores.chroma.ChromaVectorStore";

        public static final String ELASTICSEARCH_VECTOR_STORE =
                "org.apache.flink.agents.integrations.vectorstores.elasticsearch.ElasticsearchVectorStore";
        public static final String OPENSEARCH_VECTOR_STORE =
                "org.apache.flink.agents.integrations.vectorstores.opensearch.OpenSearchVectorStore";
        public static final String S3_VECTORS_VECTOR_STORE =
                "org.apache.flink.agents.integrations.vectorstores.s3vectors.S3VectorsVectorStore";
        public static final String MILVUS_VECTOR_STORE =
                "org.apache.flink.agents.integrations.vectorstores.milvus.MilvusVectorStore";
        public static final String PYTHON_WRAPPER_VECTOR_STORE =
                "org.apache.flink.agents.api.vectorstores.python.PythonVectorStore";
        public static final String PYTHON_WRAPPER_COLLECTION_MANAGEABLE_VECTOR_STORE =
                "org.apache.flink.agents.api.vectorstores.python.PythonCollectionManageableVectorStore";

        private VectorStore() {}

        /** Python implementations, used through the wrappers. */
        public static final class Python {
            public static final String CHROMA_VECTOR_STORE =
                    "flink_agents.integrations.vector_stores.chroma.chroma_vector_store.ChromaVectorStore";
            public static final String MEM0_VECTOR_STORE =
                    "flink_agents.integrations.vector_stores.mem0.mem0_vector_store.Mem0VectorStore";

            private Python() {}
        }
    }
}
