package org.apache.flink.agents.integrations.embeddingmodels;

import com.fasterxml.jackson.annotation.JsonProperty;
import com.fasterxml.jackson.core.type.TypeReference;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import javax.annotation.Nullable;
import org.apache.flink.agents.api.embedding.model.BaseEmbeddingModelConnection;
import org.apache.flink.agents.api.embedding.model.EmbeddingResult;
import org.apache.flink.agents.api.embedding.model.EmbeddingTokenUsage;
import org.apache.flink.agents.api.resource.ResourceContext;
import org.apache.flink.agents.api.resource.ResourceDescriptor;
import org.apache.flink.agents.integrations.NativeClient;

/**
 * A connection to embedding models by the native client of a provider. Texts that are asked for at about the same time go to the
 * server together.
 */
public abstract class NativeEmbeddingModelConnection extends BaseEmbeddingModelConnection {
    private static final TypeReference<Answer> ANSWER = new TypeReference<>() {};

    private final NativeClient client;

    /** What the client says. */
    static final class Answer {
        @JsonProperty List<float[]> vectors;

        @JsonProperty("prompt_tokens")
        Long promptTokens;
    }

    /**
     * Reads the arguments; {@link #open()} checks them.
     *
     * @param provider whose protocol it speaks
     */
    protected NativeEmbeddingModelConnection(
            final ResourceDescriptor descriptor, @Nullable final ResourceContext context, final String provider) {
        super(descriptor, context);
        client = NativeClient.connect("embedding", provider, descriptor, context);
    }

    /**
     * Checks the arguments. Nothing is sent yet.
     *
     * @throws IllegalArgumentException if an argument is unknown, missing or does not fit
     */
    @Override
    public void open() throws Exception {
        super.open();
        client.open();
    }

    @Override
    public float[] embed(final String text, final Map<String, Object> parameters) {
        return embedWithUsage(text, parameters).getEmbeddings();
    }

    @Override
    public List<float[]> embed(final List<String> texts, final Map<String, Object> parameters) {
        return embedWithUsage(texts, parameters).getEmbeddings();
    }

    @Override
    public EmbeddingResult<float[]> embedWithUsage(final String text, final Map<String, Object> parameters) {
        final EmbeddingResult<List<float[]>> one = embedWithUsage(List.of(text), parameters);
        return new EmbeddingResult<>(one.getEmbeddings().get(0), one.getTokenUsage());
    }

    @Override
    public EmbeddingResult<List<float[]>> embedWithUsage(final List<String> texts, final Map<String, Object> parameters) {
        final Map<String, Object> request = new LinkedHashMap<>();
        request.put("texts", texts);
        request.put("parameters", parameters);
        final Answer answer = client.ask(request, ANSWER);
        return new EmbeddingResult<>(
                answer.vectors,
                answer.promptTokens == null ? null : new EmbeddingTokenUsage(answer.promptTokens, answer.promptTokens));
    }

    @Override
    public void close() throws Exception {
        client.close();
        super.close();
    }
}
