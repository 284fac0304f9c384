package org.apache.flink.agents.runtime.host;

import com.fasterxml.jackson.databind.ObjectMapper;
import org.apache.flink.agents.api.PlainValues;
import org.apache.flink.agents.api.UserJson;
import org.apache.flink.agents.core.value.ForeignValues;
import org.apache.flink.agents.core.value.UnsupportedValueException;
import org.apache.flink.agents.core.value.ValueReader;
import org.apache.flink.agents.core.value.ValueWriter;
import org.apache.flink.types.Row;

/**
 * Java values as other languages see them, in plain data: what is no plain data as Jackson shows it, a {@link Row} as a map of
 * its type, values and fields. For use by one thread.
 */
final class PlainData {
    private final ValueWriter writer = newWriter();

    /** A writer of plain data, which refuses what has no such form. */
    static ValueWriter newWriter() {
        return new ValueWriter(new AsJson());
    }

    /** Decodes plain data without a version byte, from {@code offset} to the end. */
    static Object decode(final byte[] bytes, final int offset) {
        final ValueReader reader = new ValueReader(ForeignValues.REFUSE);
        reader.reset(bytes, offset, bytes.length - offset);
        final Object value = reader.readValue();
        reader.requireEnd();
        return value;
    }

    /**
     * Encodes a value without a version byte.
     *
     * @throws UnsupportedValueException if it has no such form; names the path to the part that has none
     */
    byte[] encode(final Object value) {
        if (value instanceof EncodedValue) {
            return ((EncodedValue) value).bytes();
        }
        writer.reset();
        writer.writeValue(value);
        return writer.toByteArray();
    }

    /**
     * A value as other languages see it: what is done to the original does not show in it.
     *
     * @throws UnsupportedValueException if it has no such form
     */
    Object copy(final Object value) {
        return decode(encode(value), 0);
    }

    private static final class AsJson implements ForeignValues {
        // Of this job, so that the classes it has seen go with it.
        private final ObjectMapper json = UserJson.newMapper();
        private final PlainGenerator direct = new PlainGenerator(json);

        @Override
        public boolean tryWrite(final Object value, final ValueWriter out) {
            if (value instanceof EncodedValue) {
                final byte[] bytes = ((EncodedValue) value).bytes();
                out.writeRaw(bytes, 0, bytes.length);
                return true;
            }
            if (value instanceof Row) {
                out.writeValue(PlainValues.mapOf((Row) value));
                return true;
            }
            if (direct.tryWrite(value, out)) {
                return true;
            }
            final Object plain;
            try {
                plain = json.convertValue(value, Object.class);
            } catch (final IllegalArgumentException e) {
                throw new UnsupportedValueException(
                        value.getClass(),
                        "a Python action cannot see it, since Jackson cannot show it as JSON: " + e.getMessage(),
                        e);
            }
            if (plain != null && plain.getClass() == value.getClass()) {
                return false;
            }
            out.writeValue(plain);
            return true;
        }

        @Override
        public Object read(final int tag, final ValueReader in) {
            throw new IllegalStateException("Plain data is only written here");
        }
    }
}
