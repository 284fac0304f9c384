package org.apache.flink.agents.api.embedding.model.python;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import javax.annotation.Nullable;
import org.apache.flink.agents.api.PlainValues;
import org.apache.flink.agents.api.embedding.model.EmbeddingResult;
import org.apache.flink.agents.api.embedding.model.EmbeddingTokenUsage;
import org.apache.flink.agents.api.resource.python.PythonResource;

/** Embeddings of a connection or a setup that is made in Python. */
final class PythonEmbeddings {
    private final PythonResource python;

    PythonEmbeddings(PythonResource python) {
        this.python = python;
    }

    EmbeddingResult<float[]> of(String text, @Nullable Map<String, Object> parameters) {
        final EmbeddingResult<List<float[]>> one = of(List.of(text), parameters);
        return new EmbeddingResult<>(one.getEmbeddings().get(0), one.getTokenUsage());
    }

    EmbeddingResult<List<float[]>> of(List<String> texts, @Nullable Map<String, Object> parameters) {
        final Map<String, Object> arguments = new LinkedHashMap<>();
        arguments.put("texts", texts);
        arguments.put("parameters", parameters == null ? Map.of() : parameters);
        return python.ask("embed", arguments, answer -> read(PlainValues.map(answer), texts.size()));
    }

    private static EmbeddingResult<List<float[]>> read(Map<String, Object> answer, int texts) {
        final List<float[]> embeddings = PlainValues.vectors(answer.get("embeddings"));
        if (embeddings.size() != texts) {
            throw new IllegalArgumentException(embeddings.size() + " embeddings for " + texts + " texts");
        }
        final Object prompt = answer.get("prompt_tokens");
        final Object total = answer.get("total_tokens");
        if (prompt == null && total == null) {
            return new EmbeddingResult<>(embeddings, null);
        }
        return new EmbeddingResult<>(
                embeddings, new EmbeddingTokenUsage(count(prompt == null ? total : prompt), count(total == null ? prompt : total)));
    }

    private static long count(Object tokens) {
        return PlainValues.number(tokens).longValue();
    }
}
