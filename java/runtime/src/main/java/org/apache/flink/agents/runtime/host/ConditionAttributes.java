package org.apache.flink.agents.runtime.host;

import com.fasterxml.jackson.databind.ObjectMapper;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.apache.flink.agents.api.Event;
import org.apache.flink.agents.api.UserJson;
import org.apache.flink.agents.core.value.ForeignValues;
import org.apache.flink.agents.core.value.ValueReader;
import org.apache.flink.agents.core.value.ValueTags;
import org.apache.flink.agents.core.value.ValueWriter;

/**
 * The attributes that the plan's conditions read, as plain data in memory the core can see. Values that are not plain data
 * are shown as Jackson shows them: a POJO as a map of its properties.
 */
final class ConditionAttributes {
    private final List<String> names;
    private final byte[][] encodedNames;
    private final ValueWriter writer = new ValueWriter(new AsJackson());
    private ByteBuffer memory = ByteBuffer.allocateDirect(1024);

    ConditionAttributes(final List<String> names) {
        this.names = names;
        this.encodedNames = names.stream().map(name -> name.getBytes(StandardCharsets.UTF_8)).toArray(byte[][]::new);
    }

    /** Encodes what an event has of the names; returns the length, in {@link #memory()} until the next call. */
    int encode(final Object event) {
        write(event);
        final int size = writer.size();
        if (size > memory.capacity()) {
            memory = ByteBuffer.allocateDirect(Math.max(size, memory.capacity() * 2));
        }
        memory.clear();
        writer.copyTo(memory);
        return size;
    }

    byte[] encodeToBytes(final Object event) {
        write(event);
        return writer.toByteArray();
    }

    private void write(final Object event) {
        writer.reset();
        if (event instanceof EncodedEvent) {
            ((EncodedEvent) event).writeAttributes(encodedNames, writer);
            return;
        }
        final Map<String, Object> present = new LinkedHashMap<>();
        if (!names.isEmpty()) {
            final Map<String, Object> attributes = ((Event) event).getAttributes();
            for (final String name : names) {
                final Object value = attributes.get(name);
                if (value != null || attributes.containsKey(name)) {
                    present.put(name, value);
                }
            }
        }
        writer.writeValue(present);
    }

    /** A direct buffer, used again for every event. */
    ByteBuffer memory() {
        return memory;
    }

    private static final class AsJackson implements ForeignValues {
        // One for the job: it keeps the user's classes.
        private final ObjectMapper json = UserJson.newMapper();

        @Override
        public boolean tryWrite(final Object value, final ValueWriter out) {
            final Object plain;
            try {
                plain = json.convertValue(value, Object.class);
            } catch (final IllegalArgumentException e) {
                // A condition that reads it fails, as one does that reads what is missing; one that does not, goes on.
                out.writeHost(ValueTags.FLINK, new byte[0], 0, 0);
                return true;
            }
            if (plain != null && plain.getClass() == value.getClass()) {
                return false;
            }
            out.writeValue(plain);
            return true;
        }

        @Override
        public Object read(final int tag, final ValueReader in) {
            throw new IllegalStateException("Attributes for conditions are only written");
        }
    }
}
