package org.apache.flink.agents.api.vectorstores;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.apache.flink.agents.api.embedding.model.BaseEmbeddingModelConnection;
import org.apache.flink.agents.api.embedding.model.BaseEmbeddingModelSetup;
import org.apache.flink.agents.api.resource.Resource;
import org.apache.flink.agents.api.resource.ResourceContext;
import org.apache.flink.agents.api.resource.ResourceDescriptor;
import org.junit.jupiter.api.Test;

class VectorStoreTest {
    /** Embeds a text as its length and the parameter {@code plus}. */
    private static final class Connection extends BaseEmbeddingModelConnection {
        private int batches;

        private Connection() {
            super(new ResourceDescriptor("c", null), null);
        }

        @Override
        public float[] embed(String text, Map<String, Object> parameters) {
            return new float[] {text.length() + (Integer) parameters.get("plus")};
        }

        @Override
        public List<float[]> embed(List<String> texts, Map<String, Object> parameters) {
            batches++;
            final List<float[]> result = new ArrayList<>();
            texts.forEach(text -> result.add(embed(text, parameters)));
            return result;
        }
    }

    private static final class Embedding extends BaseEmbeddingModelSetup {
        private Embedding(ResourceContext context) {
            super(new ResourceDescriptor("e", Map.of("connection", "conn", "model", "m")), context);
        }

        @Override
        public Map<String, Object> getParameters() {
            return Map.of("plus", 100);
        }
    }

    private static final class Store extends BaseVectorStore {
        private final List<Object> calls = new ArrayList<>();

        private Store(Map<String, Object> arguments, ResourceContext context) {
            super(new ResourceDescriptor("s", arguments), context);
        }

        @Override
        public Map<String, Object> getStoreKwargs() {
            return Map.of("a", 1, "b", 1);
        }

        @Override
        public List<Document> get(
                List<String> ids, String collection, Map<String, Object> filters, Integer limit, Map<String, Object> extraArgs) {
            calls.add("get " + ids + " " + collection + " " + filters + " " + limit);
            return List.of();
        }

        @Override
        public void delete(
                List<String> ids, String collection, Map<String, Object> filters, Map<String, Object> extraArgs) {
            calls.add("delete " + ids + " " + collection + " " + filters);
        }

        @Override
        public List<Document> queryEmbedding(
                float[] embedding, int limit, String collection, Map<String, Object> filters, Map<String, Object> args) {
            calls.add(embedding[0] + " " + limit + " " + collection + " " + filters + " " + args);
            return List.of(new Document("found", null, "1"));
        }

        @Override
        public List<String> addEmbedding(List<Document> documents, String collection, Map<String, Object> extraArgs) {
            calls.add("add " + collection + " " + extraArgs);
            return List.of("id");
        }

        @Override
        public void updateEmbedding(List<Document> documents, String collection, Map<String, Object> extraArgs) {
            calls.add("update " + collection + " " + extraArgs);
        }
    }

    private final Connection connection = new Connection();

    private Resource resource(String name) {
        return name.equals("conn") ? connection : opened(new Embedding(context()));
    }

    private ResourceContext context() {
        return ResourceContext.fromGetResource((name, type) -> resource(name));
    }

    private static <R extends Resource> R opened(R resource) {
        try {
            resource.open();
            return resource;
        } catch (Exception e) {
            throw new AssertionError(e);
        }
    }

    @Test
    void missingEmbeddingsAreComputedTogether() throws Exception {
        final Store store =
                opened(new Store(Map.of("embedding_model", "e", "collection", "default"), context()));
        final List<Document> documents =
                List.of(
                        new Document("ab", null, "1"),
                        new Document("abc", null, "2", new float[] {7}),
                        new Document("abcd", null, "3"));
        assertThat(store.add(documents, null, null)).containsExactly("id");
        assertThat(documents).extracting(document -> document.getEmbedding()[0]).containsExactly(102f, 7f, 104f);
        assertThat(connection.batches).isEqualTo(1);
        store.update(documents, "other", Map.of("x", 1));
        assertThat(connection.batches).isEqualTo(1);
        assertThat(store.calls).containsExactly("add default {}", "update other {x=1}");
    }

    @Test
    void queriesAreEmbeddedAndTheirArgumentsWin() {
        final Store store =
                opened(new Store(Map.of("embedding_model", "e", "collection", "default"), context()));
        assertThat(store.query(new VectorStoreQuery("abc", null)).getDocuments()).hasSize(1);
        store.query(
                new VectorStoreQuery(
                        VectorStoreQueryMode.SEMANTIC, "a", 2, "col", Map.of("f", 1), Map.of("a", 9)));
        assertThat(store.calls.get(0).toString()).startsWith("103.0 10 default null");
        assertThat(store.calls.get(1).toString()).startsWith("101.0 2 col {f=1}").contains("a=9", "b=1");
    }

    @Test
    void updatesNeedIdsAndEmbeddingsNeedAModel() {
        final Store store = opened(new Store(Map.of(), context()));
        assertThatIllegalArgumentException().isThrownBy(() -> store.update(List.of(), null, null));
        assertThatIllegalArgumentException()
                .isThrownBy(() -> store.update(List.of(new Document("a", null, null)), null, null))
                .withMessageContaining("document 0");
        assertThatIllegalStateException()
                .isThrownBy(() -> store.add(List.of(new Document("a", null, null)), null, null))
                .withMessageContaining("embedding_model");
        assertThatIllegalStateException()
                .isThrownBy(() -> new Embedding(context()).embed("text"))
                .withMessageContaining("not been opened");
    }

    @Test
    void shortcutsPassNullForTheRest() throws Exception {
        final Store store = opened(new Store(Map.of(), context()));
        store.getByIds(List.of("1"));
        store.getByIds(List.of("1"), "c");
        store.getByFilters(Map.of("f", 1));
        store.getByFilters(Map.of("f", 1), 5);
        store.deleteByIds(List.of("1"));
        store.deleteByIds(List.of("1"), "c");
        store.deleteByFilters(Map.of("f", 1));
        assertThat(store.calls)
                .containsExactly(
                        "get [1] null null null",
                        "get [1] c null null",
                        "get null null {f=1} null",
                        "get null null {f=1} 5",
                        "delete [1] null null",
                        "delete [1] c null",
                        "delete null null {f=1}");
    }

    @Test
    void usageIsUnknownByDefault() {
        final Embedding embedding = opened(new Embedding(context()));
        assertThat(embedding.embedWithUsage("abc").getEmbeddings()).containsExactly(103f);
        assertThat(embedding.embedWithUsage("abc").getTokenUsage()).isNull();
        assertThat(embedding.embedWithUsage(List.of("a"), Map.of("plus", 0)).getEmbeddings().get(0))
                .containsExactly(1f);
        assertThat(embedding.getModel()).isEqualTo("m");
    }

    @Test
    void contextsThatOnlyLookUpKnowNoSkills() {
        assertThat(VectorStoreQueryMode.fromValue("semantic")).isEqualTo(VectorStoreQueryMode.SEMANTIC);
        assertThatIllegalArgumentException().isThrownBy(() -> VectorStoreQueryMode.fromValue("keyword"));
        org.assertj.core.api.Assertions.assertThatThrownBy(
                        () -> context().generateAvailableSkillsPrompt(List.of("s")))
                .isInstanceOf(UnsupportedOperationException.class)
                .hasMessageContaining("[s]");
    }
}
