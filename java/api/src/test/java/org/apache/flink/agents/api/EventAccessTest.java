package org.apache.flink.agents.api;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.util.HashMap;
import java.util.Map;
import java.util.UUID;
import org.apache.flink.agents.api.chat.messages.ChatMessage;
import org.apache.flink.agents.api.event.ChatResponseEvent;
import org.apache.flink.agents.api.event.LongTermUpdateEvent;
import org.apache.flink.agents.api.event.MemoryEvent;
import org.junit.jupiter.api.Test;

class EventAccessTest {
    private static final class Restorable extends Event {
        private Restorable(UUID id, Map<String, Object> attributes) {
            super(id, "restorable", attributes);
        }
    }

    private static final class OfManyTypes extends Event {
        OfManyTypes(UUID id, String type, Map<String, Object> attributes) {
            super(id, type, attributes);
        }
    }

    private static final class WithoutConstructor extends Event {
        WithoutConstructor() {
            super("x");
        }
    }

    private static final class Throwing extends Event {
        Throwing(UUID id, Map<String, Object> attributes) {
            super(id, "throwing", attributes);
            throw new IllegalStateException("no stock");
        }
    }

    private static final class Forgetful extends Event {
        Forgetful(UUID id, Map<String, Object> attributes) {
            super("forgetful", attributes);
        }
    }

    private static Event restore(Class<?> type, Event like) {
        final UUID up = like.getUpstreamEventId();
        return EventAccess.restore(
                type,
                EventAccess.idHi(like),
                EventAccess.idLo(like),
                like.getType(),
                like.getAttributes(),
                up != null,
                up == null ? 0 : up.getMostSignificantBits(),
                up == null ? 0 : up.getLeastSignificantBits(),
                like.getUpstreamActionName(),
                like.hasSourceTimestamp(),
                like.hasSourceTimestamp() ? like.getSourceTimestamp() : 0);
    }

    @Test
    void everyKindOfEventComesBackWithItsHeader() {
        final Event[] events = {
            new Event("t", Map.of("a", 1)),
            new InputEvent("in"),
            new OutputEvent(null),
            new ChatResponseEvent(UUID.randomUUID(), ChatMessage.assistant("a")),
            new LongTermUpdateEvent("key", Map.of()),
            new Restorable(null, Map.of("r", 1)),
            new OfManyTypes(null, "some type", Map.of("r", 1)),
        };
        for (final Event event : events) {
            EventAccess.setLineage(event, new Event("up"), "act");
            event.setSourceTimestamp(7L);
            final Event back = restore(event.getClass(), event);
            assertThat(back).isEqualTo(event);
            assertThat(back.getUpstreamEventId()).isEqualTo(event.getUpstreamEventId());
            assertThat(back.getUpstreamActionName()).isEqualTo("act");
            assertThat(back.getSourceTimestamp()).isEqualTo(7L);
            EventAccess.checkRestorable(event.getClass());
        }
    }

    @Test
    void headerMayBeEmpty() {
        final Event back = restore(Event.class, new Event("t"));
        assertThat(back.getUpstreamEventId()).isNull();
        assertThat(back.getUpstreamActionName()).isNull();
        assertThat(back.hasSourceTimestamp()).isFalse();
        assertThat(EventAccess.hasUpstream(back)).isFalse();
    }

    @Test
    void missingConstructorIsNamedWithTheCodeToAdd() {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> restore(WithoutConstructor.class, new Event("x")))
                .withMessageContaining(WithoutConstructor.class.getName())
                .withMessageContaining("(UUID id, Map<String, Object> attributes)")
                .withMessageContaining("super(id");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> EventAccess.checkRestorable(WithoutConstructor.class));
        assertThatIllegalArgumentException()
                .isThrownBy(() -> EventAccess.checkRestorable(MemoryEvent.class))
                .withMessageContaining("abstract");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> restore(String.class, new Event("x")))
                .withMessageContaining("not a subclass");
        final Event local = new Event("anonymous") {};
        assertThatIllegalArgumentException()
                .isThrownBy(() -> EventAccess.checkRestorable(local.getClass()))
                .withMessageContaining("static");
    }

    @Test
    void failingOrForgetfulConstructorIsNamed() {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> restore(Throwing.class, new Event("throwing")))
                .withMessageContaining("no stock");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> restore(Forgetful.class, new Event("forgetful")))
                .withMessageContaining("cannot be restored");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> restore(Restorable.class, new Event("other type")))
                .withMessageContaining("other type");
    }

    @Test
    void singleValueLeavesTheEventLazy() {
        final InputEvent input = new InputEvent("v");
        assertThat(EventAccess.singleValue(input)).isEqualTo("v");
        assertThat(EventAccess.isLazy(input)).isTrue();
        final Map<String, Object> attributes = new HashMap<>();
        attributes.put("output", 3);
        assertThat(EventAccess.singleValue(new OutputEvent(null, attributes))).isEqualTo(3);
        assertThatIllegalArgumentException()
                .isThrownBy(() -> EventAccess.singleValue(new Event("t")));
    }

    @Test
    void lineageIsThatOfTheUpstreamEvent() {
        final Event up = new Event("up");
        final Event event = new InputEvent(1);
        EventAccess.setLineage(event, up, "act");
        assertThat(event.getUpstreamEventId()).isEqualTo(up.getId());
        assertThat(EventAccess.upstreamHi(event)).isEqualTo(EventAccess.idHi(up));
        assertThat(EventAccess.upstreamLo(event)).isEqualTo(EventAccess.idLo(up));
        assertThat(EventAccess.isLazy(event)).isTrue();
        assertThat(EventAccess.sourceTimestampOr(event, -1L)).isEqualTo(-1L);
    }
}
