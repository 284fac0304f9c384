package org.apache.flink.agents.api.memory;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import com.fasterxml.jackson.databind.ObjectMapper;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.apache.flink.agents.api.RecordingContext;
import org.apache.flink.agents.api.agents.Agent;
import org.apache.flink.agents.api.context.MemoryObject;
import org.apache.flink.agents.api.context.MemoryRef;
import org.apache.flink.agents.api.context.MemoryUpdate;
import org.junit.jupiter.api.Test;

class MemoryTest {
    private static final ObjectMapper MAPPER = new ObjectMapper();

    /** A memory whose every path holds its own name. */
    private static final class Named implements MemoryObject {
        private final String name;

        private Named(String name) {
            this.name = name;
        }

        @Override
        public MemoryObject get(String path) {
            return new Named(name + ":" + path);
        }

        @Override
        public MemoryObject get(MemoryRef ref) {
            return get(ref.getPath());
        }

        @Override
        public MemoryRef set(String path, Object value) {
            return MemoryRef.create(MemoryType.SENSORY, path);
        }

        @Override
        public MemoryObject newObject(String path, boolean overwrite) {
            return new Named(path + overwrite);
        }

        @Override
        public boolean isExist(String path) {
            return true;
        }

        @Override
        public List<String> getFieldNames() {
            return List.of();
        }

        @Override
        public Map<String, Object> getFields() {
            return Map.of();
        }

        @Override
        public Object getValue() {
            return name;
        }

        @Override
        public boolean isNestedObject() {
            return false;
        }
    }

    private static final class Recording implements BaseLongTermMemory {
        private final List<String> calls = new ArrayList<>();

        @Override
        public MemorySet getMemorySet(String name) {
            final MemorySet set = new MemorySet(name);
            set.setLtm(this);
            return set;
        }

        @Override
        public boolean deleteMemorySet(String name) {
            return false;
        }

        @Override
        public List<String> add(MemorySet set, List<String> items, List<Map<String, Object>> metadatas) {
            calls.add("add " + set.getName() + items + metadatas);
            return List.of("id");
        }

        @Override
        public List<MemorySetItem> get(MemorySet set, List<String> ids, Map<String, Object> filters, Integer limit) {
            calls.add("get " + set.getName() + ids + filters + limit);
            return List.of();
        }

        @Override
        public void delete(MemorySet set, List<String> ids) {
            calls.add("delete " + set.getName() + ids);
        }

        @Override
        public List<MemorySetItem> search(
                MemorySet set, String query, int limit, Map<String, Object> filters, Map<String, Object> extraArgs) {
            calls.add("search " + set.getName() + query + limit + filters + extraArgs);
            return List.of(new MemorySetItem(set.getName(), "1", "v", null, null, null));
        }

        @Override
        public void close() {}
    }

    @Test
    void referencesAreResolvedInTheirMemory() throws Exception {
        final RecordingContext context = new RecordingContext(new Agent());
        context.sensory = new Named("sensory");
        context.shortTerm = new Named("short");
        assertThat(
                        MemoryRef.create(MemoryObject.MemoryType.SENSORY, "a.b")
                                .resolve(context)
                                .getValue())
                .isEqualTo("sensory:a.b");
        assertThat(
                        MemoryRef.create(MemoryObject.MemoryType.SHORT_TERM, "a.b")
                                .resolve(context)
                                .getValue())
                .isEqualTo("short:a.b");
        assertThat(context.sensory.newObject("p").getValue()).isEqualTo("pfalse");
    }

    @Test
    void referencesAreEqualByPathOnlyAndTravelAsJson() throws Exception {
        final MemoryRef ref = MemoryRef.create(MemoryObject.MemoryType.SHORT_TERM, "a.b");
        assertThat(ref)
                .isEqualTo(MemoryRef.create(MemoryObject.MemoryType.SENSORY, "a.b"))
                .hasSameHashCodeAs(MemoryRef.create(MemoryObject.MemoryType.SENSORY, "a.b"))
                .isNotEqualTo(MemoryRef.create(MemoryObject.MemoryType.SHORT_TERM, "a"));
        final MemoryRef back = MAPPER.readValue(MAPPER.writeValueAsString(ref), MemoryRef.class);
        assertThat(back.toString()).isEqualTo(ref.toString());
    }

    @Test
    void updatesAreValues() throws Exception {
        final MemoryUpdate update = new MemoryUpdate("a", List.of(1));
        assertThat(MAPPER.readValue(MAPPER.writeValueAsString(update), MemoryUpdate.class))
                .isEqualTo(update)
                .hasSameHashCodeAs(update);
        assertThat(update).isNotEqualTo(new MemoryUpdate("a", null));
    }

    @Test
    void memorySetsPassEverythingOn() throws Exception {
        final Recording memory = new Recording();
        final MemorySet set = memory.getMemorySet("s");
        assertThat(set.add(List.of("x"), null)).containsExactly("id");
        set.get(null, Map.of("f", 1), 5);
        assertThat(set.search("q", 2, null, null).get(0).getValue()).isEqualTo("v");
        set.delete(null);
        assertThat(memory.calls)
                .containsExactly("add s[x]null", "get snull{f=1}5", "search sq2nullnull", "delete snull");
        assertThat(set).isEqualTo(new MemorySet("s")).isNotEqualTo(new MemorySet("t"));
        assertThat(MAPPER.writeValueAsString(set)).isEqualTo("{\"name\":\"s\"}");
    }

    @Test
    void unboundMemorySetsSayHowToGetABoundOne() {
        assertThatIllegalStateException()
                .isThrownBy(() -> new MemorySet("s").add(List.of(), null))
                .withMessageContaining("'s'")
                .withMessageContaining("getLongTermMemory()");
    }
}
