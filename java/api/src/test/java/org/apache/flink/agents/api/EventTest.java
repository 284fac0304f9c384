package org.apache.flink.agents.api;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.UUID;
import org.junit.jupiter.api.Test;

class EventTest {
    private static final ObjectMapper MAPPER = new ObjectMapper();

    private static class OrderEvent extends Event {
        OrderEvent(UUID id, Map<String, Object> attributes) {
            super(id, "order", attributes);
        }

        public static OrderEvent fromEvent(Event event) {
            return reconstructFrom(event, OrderEvent::new);
        }

        static OrderEvent withNewId(Event event) {
            return reconstructFrom(event, (id, attrs) -> new OrderEvent(UUID.randomUUID(), attrs));
        }
    }

    @Test
    void typeMustNotBeNullOrEmpty() {
        assertThatIllegalArgumentException().isThrownBy(() -> new Event((String) null));
        assertThatIllegalArgumentException().isThrownBy(() -> new Event(""));
        assertThatThrownBy(() -> Event.fromJson("{\"attributes\":{}}")).isInstanceOf(IOException.class);
    }

    @Test
    void nullIdAndNullAttributesGetDefaults() {
        final Event event = new Event((UUID) null, "t", (Map<String, Object>) null);
        assertThat(event.getId()).isNotNull().isSameAs(event.getId());
        assertThat(event.getAttributes()).isEmpty();
        event.setAttr("a", 1);
        assertThat(event.getAttr("a")).isEqualTo(1);
        assertThat(event.getAttributes()).containsEntry("a", 1);
    }

    @Test
    void attributesAreTheLiveMapButNotTheOneThatWasGiven() {
        final Map<String, Object> given = new HashMap<>(Map.of("a", 1));
        final Event event = new Event("t", given);
        given.put("b", 2);
        event.getAttributes().put("c", 3);
        assertThat(event.getAttributes()).containsOnlyKeys("a", "c");
        assertThat(new Event("t", Map.of("x", 1)).getAttributes()).containsEntry("x", 1);
    }

    @Test
    void fewAndManyAttributesReadTheSameBeforeAndAfterTheMapIsAskedFor() {
        for (final int count : new int[] {0, 1, 8, 9, 100}) {
            final Map<String, Object> given = new LinkedHashMap<>();
            for (int i = 0; i < count; i++) {
                // Not in the order of hashes, and one null among them.
                given.put("a" + (count - i), i == 0 ? null : i);
            }
            final Event event = new Event("t", given);
            assertThat(EventAccess.isLazy(event)).isFalse();
            assertThat(EventAccess.pairs(event) != null).isEqualTo(count <= 8);
            given.replaceAll((name, value) -> "changed later");
            for (int i = 0; i < count; i++) {
                assertThat(event.getAttr("a" + (count - i))).isEqualTo(i == 0 ? null : i);
            }
            assertThat(event.getAttr("other")).isNull();

            assertThat(event.getAttributes().keySet()).containsExactlyElementsOf(given.keySet());
            event.setAttr("a1", "new");
            event.getAttributes().put("other", "live");
            assertThat(event.getAttr("a1")).isEqualTo("new");
            assertThat(event.getAttr("other")).isEqualTo("live");
            assertThat(EventAccess.pairs(event)).isNull();
        }
    }

    @Test
    void jsonHasIdTypeAndAttributesAndLineageOnlyWhenKnown() throws Exception {
        final UUID id = UUID.randomUUID();
        final Event event = new Event(id, "t", Map.of("a", 1));
        event.setSourceTimestamp(5L);
        assertThat(MAPPER.writeValueAsString(event))
                .isEqualTo("{\"id\":\"" + id + "\",\"type\":\"t\",\"attributes\":{\"a\":1}}");

        final UUID upstream = UUID.randomUUID();
        final Event sent = new Event(id, "t", null, upstream, "act");
        final JsonNode json = MAPPER.valueToTree(sent);
        assertThat(json.get("upstreamEventId").asText()).isEqualTo(upstream.toString());
        assertThat(json.get("upstreamActionName").asText()).isEqualTo("act");

        final Event back = Event.fromJson(json.toString());
        assertThat(back).isEqualTo(sent);
        assertThat(back.getUpstreamEventId()).isEqualTo(upstream);
        assertThat(back.getUpstreamActionName()).isEqualTo("act");
    }

    @Test
    void jsonWithoutIdGetsOneAndUnknownFieldsAreIgnored() throws Exception {
        final Event event = Event.fromJson("{\"type\":\"t\",\"extra_prop\":\"x\"}");
        assertThat(event.getId().version()).isEqualTo(4);
        assertThat(event.getAttributes()).isEmpty();
    }

    @Test
    void inputAndOutputEventsKeepTheirValueAndWriteTheSameJsonLazyOrNot() throws Exception {
        final InputEvent lazy = new InputEvent("hello");
        assertThat(EventAccess.isLazy(lazy)).isTrue();
        assertThat(lazy.getInput()).isEqualTo("hello");
        final String json = MAPPER.writeValueAsString(lazy);
        assertThat(EventAccess.isLazy(lazy)).isFalse();
        assertThat(MAPPER.writeValueAsString(lazy)).isEqualTo(json);
        assertThat(json)
                .isEqualTo(
                        "{\"id\":\""
                                + lazy.getId()
                                + "\",\"type\":\"_input_event\",\"attributes\":{\"input\":\"hello\"}}");
        assertThat(MAPPER.readValue(json, InputEvent.class)).isEqualTo(lazy);
        assertThat(lazy.getInput()).isEqualTo("hello");
    }

    @Test
    void valueOfAnInputEventFollowsItsAttributeOnceThereIsAMap() {
        final OutputEvent event = new OutputEvent(1);
        event.setAttr("output", 2);
        assertThat(event.getOutput()).isEqualTo(2);
        assertThat(new OutputEvent(null).getOutput()).isNull();
        assertThat(new OutputEvent(null).getAttributes()).containsEntry("output", null);
    }

    @Test
    void viewsKeepIdLineageAndTimestampAndCopyAttributes() {
        final Event source = new Event("anything", Map.of("input", 7));
        source.setUpstreamEventId(UUID.randomUUID());
        source.setUpstreamActionName("act");
        source.setSourceTimestamp(42L);

        for (final Event view :
                new Event[] {
                    InputEvent.fromEvent(source), OrderEvent.fromEvent(source), Event.fromEvent(source)
                }) {
            assertThat(view.getId()).isEqualTo(source.getId());
            assertThat(view.getUpstreamEventId()).isEqualTo(source.getUpstreamEventId());
            assertThat(view.getUpstreamActionName()).isEqualTo("act");
            assertThat(view.getSourceTimestamp()).isEqualTo(42L);
            view.setAttr("more", 1);
            assertThat(source.getAttributes()).doesNotContainKey("more");
        }
        assertThat(InputEvent.fromEvent(source).getType()).isEqualTo(InputEvent.EVENT_TYPE);
        assertThat(InputEvent.fromEvent(source).getInput()).isEqualTo(7);
        assertThat(OrderEvent.fromEvent(source).getType()).isEqualTo("order");
        assertThat(Event.fromEvent(source).getType()).isEqualTo("anything");
    }

    @Test
    void viewOfALazyEventOfTheSameClassStaysLazyAndIndependent() {
        final InputEvent source = new InputEvent("v");
        source.setSourceTimestamp(1L);
        final InputEvent view = InputEvent.fromEvent(source);
        assertThat(EventAccess.isLazy(view)).isTrue();
        assertThat(EventAccess.isLazy(source)).isTrue();
        view.setAttr("input", "changed");
        assertThat(source.getInput()).isEqualTo("v");
        assertThat(view.getId()).isEqualTo(source.getId());
        assertThat(view.getSourceTimestamp()).isEqualTo(1L);
    }

    @Test
    void reconstructionThatChangesTheIdFails() {
        assertThatIllegalStateException()
                .isThrownBy(() -> OrderEvent.withNewId(new Event("t")))
                .withMessageContaining("did not keep its id")
                .withMessageContaining("super(id, type, attributes)");
    }

    @Test
    void equalityIsByClassIdTypeAndAttributes() {
        final UUID id = UUID.randomUUID();
        final Event event = new Event(id, "t", Map.of("a", 1));
        assertThat(event)
                .isEqualTo(new Event(id, "t", Map.of("a", 1)))
                .hasSameHashCodeAs(new Event(id, "t", Map.of("a", 1)))
                .isEqualTo(new Event(id, "t", Map.of("a", 1), UUID.randomUUID(), "lineage"))
                .isNotEqualTo(new Event(id, "u", Map.of("a", 1)))
                .isNotEqualTo(new Event(id, "t", Map.of("a", 2)))
                .isNotEqualTo(new Event("t", Map.of("a", 1)));
        final OrderEvent order = new OrderEvent(id, Map.of());
        assertThat(order).isNotEqualTo(new Event(id, "order", Map.of()));
    }

    @Test
    void upstreamAndTimestampCanBeUnknown() {
        final Event event = new Event("t");
        assertThat(event.getUpstreamEventId()).isNull();
        assertThat(event.hasSourceTimestamp()).isFalse();
        assertThat(event.getSourceTimestamp()).isNull();
        event.setUpstreamEventId(UUID.randomUUID());
        event.setUpstreamEventId(null);
        assertThat(event.getUpstreamEventId()).isNull();
        event.setSourceTimestamp(Long.MIN_VALUE);
        assertThat(event.getSourceTimestamp()).isEqualTo(Long.MIN_VALUE);
    }
}
