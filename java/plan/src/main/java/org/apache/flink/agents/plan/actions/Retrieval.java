package org.apache.flink.agents.plan.actions;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.List;
import org.apache.flink.agents.api.PlainValues;
import org.apache.flink.agents.api.context.DurableCallable;
import org.apache.flink.agents.api.vectorstores.BaseVectorStore;
import org.apache.flink.agents.api.vectorstores.VectorStoreQuery;

/** One durable query of a vector store. It brings the documents as maps, which every journal can keep. */
@SuppressWarnings("rawtypes") // the class of the result has no type arguments
final class Retrieval implements DurableCallable<List> {
    private final BaseVectorStore store;
    private final JsonNode command;

    Retrieval(BaseVectorStore store, JsonNode command) {
        this.store = store;
        this.command = command;
    }

    @Override
    public String getId() {
        return "rag-async";
    }

    @Override
    public Class<List> getResultClass() {
        return List.class;
    }

    @Override
    public Object arguments() {
        return List.of(command.get("store").textValue(), command.get("query").textValue(), command.get("limit").longValue());
    }

    @Override
    public List call() {
        final VectorStoreQuery query =
                new VectorStoreQuery(command.get("query").textValue(), Math.toIntExact(command.get("limit").longValue()));
        return (List) PlainValues.plain(store.query(query).getDocuments());
    }
}
