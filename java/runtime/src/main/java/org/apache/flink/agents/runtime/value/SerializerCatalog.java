package org.apache.flink.agents.runtime.value;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.flink.agents.core.value.MalformedValueException;
import org.apache.flink.agents.core.value.UnsupportedValueException;
import org.apache.flink.api.common.ExecutionConfig;
import org.apache.flink.api.common.functions.InvalidTypesException;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.api.common.typeutils.TypeSerializer;
import org.apache.flink.api.common.typeutils.TypeSerializerSchemaCompatibility;
import org.apache.flink.api.common.typeutils.TypeSerializerSnapshot;
import org.apache.flink.api.java.typeutils.GenericTypeInfo;
import org.apache.flink.api.java.typeutils.TypeExtractor;
import org.apache.flink.api.java.typeutils.runtime.kryo.KryoSerializer;
import org.apache.flink.core.memory.DataInputDeserializer;
import org.apache.flink.core.memory.DataOutputSerializer;

/** Which serializer writes values of a class, and which one reads what an earlier one has written. */
final class SerializerCatalog {

    /** A serializer in use, and its snapshot as it is written beside the values. */
    static final class Entry {
        final Class<?> type;
        final TypeSerializer<Object> serializer;
        final byte[] snapshot;
        /** Set once a value has been read back successfully, see {@link FlinkForeignValues}. */
        boolean proven;

        Entry(final Class<?> type, final TypeSerializer<Object> serializer, final byte[] snapshot) {
            this.type = type;
            this.serializer = serializer;
            this.snapshot = snapshot;
        }

        boolean isKryo() {
            return serializer instanceof KryoSerializer;
        }
    }

    private final ExecutionConfig config;
    private final ClassLoader classLoader;
    private final List<KnownType> known;
    private final Map<Class<?>, Entry> writers = new HashMap<>();
    private final Map<String, Map<ByteBuffer, Entry>> readers = new HashMap<>();

    SerializerCatalog(final ExecutionConfig config, final ClassLoader classLoader, final List<KnownType> known) {
        this.config = config;
        this.classLoader = classLoader;
        this.known = List.copyOf(known);
    }

    /** The serializer for values of exactly this class; of its enum class for a constant with a body. */
    Entry writer(final Class<?> valueClass) {
        final Class<?> type =
                Enum.class.isAssignableFrom(valueClass) && !valueClass.isEnum() ? valueClass.getSuperclass() : valueClass;
        Entry entry = writers.get(type);
        if (entry == null) {
            try {
                final TypeSerializer<Object> serializer = serializerFor(type);
                entry = new Entry(type, serializer, snapshotOf(serializer));
            } catch (final IOException | RuntimeException e) {
                throw new UnsupportedValueException(
                        valueClass, "no Flink serializer can be made for this class: " + FlinkForeignValues.root(e), e);
            }
            writers.put(type, entry);
        }
        return entry;
    }

    /** Makes {@link #writer} create a new serializer: one that has failed in mid-value may hold half of it (Kryo does). */
    void forget(final Entry entry) {
        writers.remove(entry.type, entry);
        readers.remove(entry.type.getName());
    }

    /**
     * The serializer that reads values of a class written by the serializer with this snapshot.
     *
     * @throws MalformedValueException if the class is gone or has changed in a way that Flink cannot follow
     */
    Entry reader(final String className, final byte[] snapshot) {
        final Map<ByteBuffer, Entry> ofClass = readers.computeIfAbsent(className, name -> new HashMap<>());
        Entry entry = ofClass.get(ByteBuffer.wrap(snapshot));
        if (entry == null) {
            entry = resolve(className, snapshot);
            ofClass.put(ByteBuffer.wrap(snapshot), entry);
        }
        return entry;
    }

    private Entry resolve(final String className, final byte[] snapshot) {
        final Class<?> type;
        try {
            type = Class.forName(className, false, classLoader);
        } catch (final ClassNotFoundException | LinkageError e) {
            throw new MalformedValueException(
                    0, "class " + className + " of a stored value is not in the job's jar any more. Put it back.", e);
        }
        try {
            final Entry now = writer(type);
            if (Arrays.equals(now.snapshot, snapshot)) {
                return now;
            }
            final TypeSerializerSnapshot<Object> written =
                    TypeSerializerSnapshot.readVersionedSnapshot(new DataInputDeserializer(snapshot), classLoader);
            return new Entry(type, migrating(className, now.serializer, written), snapshot);
        } catch (final IOException | RuntimeException e) {
            if (e instanceof MalformedValueException) {
                throw (MalformedValueException) e;
            }
            throw new MalformedValueException(
                    0,
                    "the serializer of a stored " + className + " cannot be restored: " + FlinkForeignValues.root(e),
                    e);
        }
    }

    private static TypeSerializer<Object> migrating(
            final String className,
            final TypeSerializer<Object> current,
            final TypeSerializerSnapshot<Object> written) {
        final TypeSerializerSnapshot<Object> now = current.snapshotConfiguration();
        if (now.getClass() != written.getClass()) {
            // Another kind of serializer (Kryo then, POJO now, say): they have no rules in common, but the old one knows
            // how to read what it wrote.
            return written.restoreSerializer();
        }
        final TypeSerializerSchemaCompatibility<Object> verdict = now.resolveSchemaCompatibility(written);
        if (verdict.isCompatibleAsIs()) {
            return current;
        }
        if (verdict.isCompatibleWithReconfiguredSerializer()) {
            return verdict.getReconfiguredSerializer();
        }
        if (verdict.isCompatibleAfterMigration()) {
            return written.restoreSerializer();
        }
        throw new MalformedValueException(
                0,
                "class " + className + " has changed since the value was stored, in a way that Flink's "
                        + current.getClass().getSimpleName() + " cannot follow (see \"State Schema Evolution\" in Flink's"
                        + " documentation). Undo the change, or give the changed class another name.");
    }

    @SuppressWarnings("unchecked")
    private TypeSerializer<Object> serializerFor(final Class<?> type) {
        for (final KnownType candidate : known) {
            if (candidate.type() == type) {
                return (TypeSerializer<Object>) candidate.serializer().duplicate();
            }
        }
        TypeInformation<?> information;
        try {
            information = TypeExtractor.getForClass(type);
        } catch (final InvalidTypesException e) {
            // A class with type parameters, for instance, of which only Kryo can make something.
            information = new GenericTypeInfo<>(type);
        }
        if (information instanceof GenericTypeInfo) {
            for (final KnownType candidate : known) {
                if (candidate.type() != Object.class && candidate.type().isAssignableFrom(type)) {
                    return (TypeSerializer<Object>) candidate.serializer().duplicate();
                }
            }
        }
        return (TypeSerializer<Object>) information.createSerializer(config.getSerializerConfig());
    }

    private static byte[] snapshotOf(final TypeSerializer<?> serializer) throws IOException {
        final DataOutputSerializer out = new DataOutputSerializer(256);
        TypeSerializerSnapshot.writeVersionedSnapshot(out, serializer.snapshotConfiguration());
        return out.getCopyOfBuffer();
    }
}
