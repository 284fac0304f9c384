package org.apache.flink.agents.runtime.host;

import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.MapperFeature;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.SerializationFeature;
import com.fasterxml.jackson.databind.SerializerProvider;
import com.fasterxml.jackson.databind.module.SimpleModule;
import com.fasterxml.jackson.databind.ser.std.StdSerializer;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Set;
import javax.annotation.Nullable;
import org.apache.flink.agents.api.UserJson;
import org.apache.flink.agents.core.CoreJournal;

/** Digests that are equal in every attempt, whatever the hash codes of a JVM are. For use by one thread. */
public final class Digests {
    private final MessageDigest sha256;
    /** Maps by their keys, properties by their names, sets by their elements' text. */
    private final ObjectMapper canonical;

    /** For one job. */
    public Digests() {
        try {
            sha256 = MessageDigest.getInstance("SHA-256");
        } catch (final NoSuchAlgorithmException e) {
            throw new IllegalStateException("Every Java platform has SHA-256", e);
        }
        canonical = UserJson.newMapper();
        canonical.configure(SerializationFeature.ORDER_MAP_ENTRIES_BY_KEYS, true);
        canonical.setConfig(canonical.getSerializationConfig().with(MapperFeature.SORT_PROPERTIES_ALPHABETICALLY));
        canonical.registerModule(new SimpleModule("flink-agents-digests").addSerializer(new SortedSet()));
    }

    /** Of the first {@code length} bytes. */
    public byte[] of(final byte[] bytes, final int length) {
        sha256.update(bytes, 0, length);
        return Arrays.copyOf(sha256.digest(), CoreJournal.digestBytes());
    }

    /** Of the arguments of a call; null if it names none, or Jackson cannot write them. */
    @Nullable
    byte[] ofArguments(final Object arguments) {
        if (arguments == null) {
            return null;
        }
        try {
            final byte[] json = canonical.writeValueAsBytes(arguments);
            return of(json, json.length);
        } catch (final JsonProcessingException e) {
            return null;
        }
    }

    /** Of a value and a number; null if Jackson cannot write the value. */
    @Nullable
    public byte[] ofNumbered(final Object value, final long number) {
        try {
            final byte[] json = canonical.writeValueAsBytes(value);
            sha256.update(ByteBuffer.allocate(Long.BYTES).putLong(number).array());
            return of(json, json.length);
        } catch (final JsonProcessingException e) {
            return null;
        }
    }

    @SuppressWarnings("rawtypes") // as Jackson looks for it
    private static final class SortedSet extends StdSerializer<Set> {
        private static final long serialVersionUID = 1L;

        SortedSet() {
            super(Set.class);
        }

        @Override
        public void serialize(final Set set, final JsonGenerator out, final SerializerProvider provider) throws IOException {
            final ObjectMapper mapper = (ObjectMapper) out.getCodec();
            final List<String> elements = new ArrayList<>(set.size());
            for (final Object element : set) {
                elements.add(mapper.writeValueAsString(element));
            }
            Collections.sort(elements);
            out.writeStartArray();
            for (final String element : elements) {
                out.writeRawValue(element);
            }
            out.writeEndArray();
        }
    }
}
