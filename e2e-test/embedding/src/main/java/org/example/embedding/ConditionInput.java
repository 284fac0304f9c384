package org.example.embedding;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.apache.flink.agents.core.AgentsCore;
import org.apache.flink.agents.core.KeySnapshot;
import org.apache.flink.agents.core.value.ForeignValues;
import org.apache.flink.agents.core.value.ValueWriter;

/** Shows the core those fields of an event that the plan's conditions read, and no others. */
final class ConditionInput {
    private final List<String> names;
    private final ValueWriter writer = new ValueWriter(ForeignValues.REFUSE);
    private ByteBuffer memory = ByteBuffer.allocateDirect(256);

    ConditionInput(final AgentsCore core) {
        this.names = core.conditionAttributes();
    }

    /** Length of the encoded fields, which lie in {@link #memory} until the next call. */
    int encode(final Map<?, ?> event) {
        write(event);
        if (writer.size() > memory.capacity()) {
            memory = ByteBuffer.allocateDirect(writer.size() * 2);
        }
        memory.clear();
        writer.copyTo(memory);
        return writer.size();
    }

    ByteBuffer memory() {
        return memory;
    }

    /** The same for the events of a restored key. Events come first; what follows them is not read. */
    byte[] encodeAll(final KeySnapshot snapshot) {
        final ByteArrayOutputStream out = new ByteArrayOutputStream();
        for (final Object value : snapshot.values()) {
            write(value instanceof Map ? (Map<?, ?>) value : Map.of());
            final byte[] fields = writer.toByteArray();
            final ByteBuffer length = ByteBuffer.allocate(4).order(ByteOrder.LITTLE_ENDIAN).putInt(0, fields.length);
            out.write(length.array(), 0, 4);
            out.write(fields, 0, fields.length);
        }
        return out.toByteArray();
    }

    private void write(final Map<?, ?> event) {
        final Map<String, Object> shown = new LinkedHashMap<>();
        for (final String name : names) {
            if (event.containsKey(name)) {
                shown.put(name, event.get(name));
            }
        }
        writer.reset();
        writer.writeValue(shown);
    }
}
