package org.apache.flink.agents.integrations;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.flink.agents.api.resource.ResourceDescriptor;
import org.apache.flink.agents.api.resource.ResourceName;
import org.apache.flink.agents.api.vectorstores.Document;
import org.apache.flink.agents.integrations.vectorstores.chroma.ChromaVectorStore;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.condition.EnabledIfEnvironmentVariable;
import org.junit.jupiter.api.io.TempDir;

/** The class for Chroma; its native client has tests of its own. */
@Timeout(120)
class ChromaVectorStoreTest {
    private static final String SERVER = "FLINK_AGENTS_CHROMA";

    private final List<ChromaVectorStore> opened = new ArrayList<>();

    @AfterEach
    void close() throws Exception {
        for (final ChromaVectorStore store : opened) {
            store.close();
        }
    }

    private ChromaVectorStore open(final Map<String, Object> arguments) throws Exception {
        final ChromaVectorStore store =
                (ChromaVectorStore)
                        Class.forName(ResourceName.VectorStore.CHROMA_VECTOR_STORE)
                                .getConstructors()[0]
                                .newInstance(new ResourceDescriptor(ResourceName.VectorStore.CHROMA_VECTOR_STORE, arguments), null);
        store.open();
        opened.add(store);
        return store;
    }

    private static Document document(final String id, final Map<String, Object> metadata, final float... embedding) {
        return new Document("text of " + id, metadata, id, embedding);
    }

    /** {@code scripts/chroma-server run} starts one. */
    @Test
    @EnabledIfEnvironmentVariable(named = SERVER, matches = ".+")
    void aServerKeepsDocuments() throws Exception {
        final Map<String, Object> place = new HashMap<>();
        place.put("host", System.getenv(SERVER));
        place.put("collection", "java-" + ProcessHandle.current().pid());
        final ChromaVectorStore store = open(place);
        final ChromaVectorStore other = open(place);
        assertThat(store.get(null, null, null, null, null)).isEmpty();
        final List<Document> documents =
                List.of(document("a", Map.of("stars", 5, "lang", "en"), 1, 0), document("b", Map.of("stars", 1), 0, 1));
        assertThat(store.add(documents, null, null)).containsExactly("a", "b");
        final Document nearest = other.queryEmbedding(new float[] {0.9f, 0.1f}, 1, null, null, Map.of()).get(0);
        assertThat(nearest.getContent()).isEqualTo("text of a");
        assertThat(nearest.getMetadata()).isEqualTo(Map.of("stars", 5, "lang", "en"));
        assertThat(nearest.getScore()).isBetween(0.9f, 1.0f);
        assertThat(other.getByFilters(Map.of("stars", 1))).extracting(Document::getId).containsExactly("b");
        other.update(List.of(document("a", Map.of("stars", 4), 1, 0)), null, null);
        assertThat(store.getByIds(List.of("a")).get(0).getMetadata()).isEqualTo(Map.of("stars", 4));
        store.deleteByIds(List.of("b"));
        assertThat(other.getByIds(List.of("b", "a"))).extracting(Document::getId).containsExactly("a");
        store.createCollectionIfNotExists("java-other", Map.of("metadata", Map.of("of", "tests")));
        assertThat(store.getByIds(List.of("a"), "java-other")).isEmpty();
        store.deleteCollection("java-other");
        assertThatThrownBy(() -> store.getByIds(List.of("a"), "java-other"))
                .hasMessageContaining("has no collection 'java-other'");
        store.deleteCollection((String) place.get("collection"));
    }

    @Test
    void withoutAServerItIsTheEmbeddedStore(@TempDir final Path directory) throws Exception {
        final Map<String, Object> place = Map.of("persist_directory", directory.resolve("d").toString());
        final ChromaVectorStore store = open(place);
        store.add(List.of(document("a", Map.of(), 1, 0)), null, null);
        // By the rule of Python's class, which is the same code: adding makes the collection, the store's own too.
        store.deleteCollection("flink_agents_chroma_collection");
        assertThat(store.add(List.of(document("b", Map.of(), 1, 0)), null, null)).containsExactly("b");
        store.add(List.of(document("c", Map.of(), 1, 0)), "other", null);
        final ChromaVectorStore again = open(place);
        assertThat(again.get(null, null, null, null, null)).extracting(Document::getId).containsExactly("b");
        assertThat(again.getByIds(List.of("c"), "other")).hasSize(1);
    }

    @Test
    void wrongArgumentsAndServersThatAreNotThereAreNamed(@TempDir final Path directory) throws Exception {
        assertThatThrownBy(() -> open(Map.of("hots", "h")))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("argument 'hots' of Chroma's vector store: is unknown");
        Files.createFile(directory.resolve("chroma.sqlite3"));
        assertThatThrownBy(() -> open(Map.of("persist_directory", directory.toString())))
                .hasMessageContaining("has files of Chroma itself");
        final ChromaVectorStore store = open(Map.of("host", "127.0.0.1", "port", 9, "max_retries", 0));
        assertThatThrownBy(() -> store.get(null, null, null, null, null))
                .hasMessageContaining("vector store 'ChromaVectorStore' at http://127.0.0.1:9: ")
                .hasMessageContaining("Check host, port");
    }
}
