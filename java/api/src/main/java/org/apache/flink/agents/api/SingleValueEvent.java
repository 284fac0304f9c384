package org.apache.flink.agents.api;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.UUID;
import javax.annotation.Nullable;

/** An event with one attribute, which is kept aside until somebody asks for the attribute map. */
abstract class SingleValueEvent extends Event {
    // Holds the value until somebody asks for the attribute map; the map is the truth from then on.
    @Nullable private Object value;

    SingleValueEvent(String type, @Nullable Object value) {
        super(SingleValue.LAZY, type);
        this.value = value;
    }

    SingleValueEvent(@Nullable UUID id, String type, @Nullable Map<String, Object> attributes) {
        super(id, type, attributes);
    }

    SingleValueEvent(String type, SingleValueEvent source) {
        super(SingleValue.LAZY, type, source);
        this.value = source.value;
    }

    /** Name of the attribute. */
    abstract String key();

    @Nullable
    final Object value() {
        return isLazy() ? value : getAttr(key());
    }

    @Override
    final Map<String, Object> buildAttributes() {
        final Map<String, Object> result = new LinkedHashMap<>(4);
        result.put(key(), value);
        value = null;
        return result;
    }
}
