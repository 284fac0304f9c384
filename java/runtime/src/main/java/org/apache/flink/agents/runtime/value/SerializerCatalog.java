package org.apache.flink.agents.runtime.value;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.zip.DeflaterOutputStream;
import java.util.zip.InflaterInputStream;
import org.apache.flink.agents.core.value.ForeignValues;
import org.apache.flink.agents.core.value.MalformedValueException;
import org.apache.flink.agents.core.value.UnsupportedValueException;
import org.apache.flink.agents.core.value.ValueWriter;
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

    /** Beyond this a claimed snapshot is taken for damaged data. */
    private static final int LARGEST_SNAPSHOT = 16 << 20;

    /** A serializer in use, and its snapshot as it is written beside the values. */
    static final class Entry {
        final Class<?> type;
        final TypeSerializer<Object> serializer;
        /** Deflated: snapshots are mostly class names, and often larger than the values. */
        final byte[] snapshot;
        /** As it stands in the table of a blob: class name, Kryo's generation, snapshot. Each record has it, so it is made once. */
        final byte[] head;
        /** {@link #KRYO_GENERATION} if Kryo writes a part of the values, else 0. */
        final int kryo;
        /** Set once a value has been read back successfully, see {@link FlinkForeignValues}. */
        boolean proven;

        Entry(final Class<?> type, final TypeSerializer<Object> serializer, final byte[] snapshot, final int kryo) {
            this.type = type;
            this.serializer = serializer;
            this.snapshot = snapshot;
            this.kryo = kryo;
            final ValueWriter writer = new ValueWriter(ForeignValues.REFUSE);
            writer.writeText(type.getName());
            writer.writeByte(kryo);
            writer.writeLength(snapshot.length);
            writer.writeRaw(snapshot, 0, snapshot.length);
            head = writer.toByteArray();
        }

        boolean isKryo() {
            return serializer instanceof KryoSerializer;
        }
    }

    /**
     * Flink 1 has Kryo 2, Flink 2 has Kryo 5. Each reads some of the other's bytes without an error as other values, and
     * Flink's snapshots do not tell them apart.
     */
    private static final int KRYO_GENERATION = kryoGeneration();

    /** Every snapshot names the snapshot classes it is made of. */
    private static final byte[] KRYO_MARK = "KryoSerializerSnapshot".getBytes(StandardCharsets.US_ASCII);

    private final ExecutionConfig config;
    private final ClassLoader classLoader;
    private final List<KnownType> known;
    private final Map<Class<?>, Entry> writers = new HashMap<>();
    /** By class name: as many entries as layouts of the class were met, mostly one. */
    private final Map<String, List<Entry>> readers = new HashMap<>();

    SerializerCatalog(final ExecutionConfig config, final ClassLoader classLoader, final List<KnownType> known) {
        this.config = config;
        this.classLoader = classLoader;
        this.known = List.copyOf(known);
    }

    /**
     * The serializer for values of exactly this class; of its enum class for a constant with a body.
     *
     * @throws UnsupportedValueException if there is none, or values of the class cannot come back whatever writes them
     */
    Entry writer(final Class<?> valueClass) {
        final Entry entry = writers.get(valueClass);
        return entry != null ? entry : newWriter(valueClass);
    }

    private Entry newWriter(final Class<?> valueClass) {
        final String refusal = Refusals.reason(valueClass);
        if (refusal != null) {
            throw new UnsupportedValueException(valueClass, refusal);
        }
        if (Enum.class.isAssignableFrom(valueClass) && !valueClass.isEnum()) {
            return writer(valueClass.getSuperclass());
        }
        try {
            final TypeSerializer<Object> serializer = serializerFor(valueClass);
            final byte[] snapshot = snapshotOf(serializer);
            final int kryo = contains(snapshot, KRYO_MARK) ? KRYO_GENERATION : 0;
            final Entry entry = new Entry(valueClass, serializer, deflate(snapshot), kryo);
            writers.put(valueClass, entry);
            return entry;
        } catch (final IOException | RuntimeException e) {
            throw new UnsupportedValueException(
                    valueClass, "no Flink serializer can be made for this class: " + FlinkForeignValues.root(e), e);
        }
    }

    /** Makes {@link #writer} create a new serializer: one that has failed in mid-value may hold half of it (Kryo does). */
    void forget(final Entry entry) {
        writers.remove(entry.type, entry);
        readers.remove(entry.type.getName());
    }

    /**
     * The serializer that reads values of a class written by the serializer with this snapshot.
     *
     * @param kryo what {@link Entry#kryo} was when it was written
     * @throws MalformedValueException if the class is gone or has changed in a way that Flink cannot follow
     */
    Entry reader(final String className, final int kryo, final byte[] snapshot) {
        if (kryo != 0 && kryo != KRYO_GENERATION) {
            throw new MalformedValueException(
                    0,
                    "a value of class " + className + " was written by Kryo " + kryo + ", and this line of Flink has Kryo "
                            + KRYO_GENERATION + ", which would misread it. Restore with the line of Flink that wrote it"
                            + " (1.x has Kryo 2, 2.x has Kryo 5); to change lines, store plain data or POJOs without generic"
                            + " fields first.");
        }
        final List<Entry> ofClass = readers.computeIfAbsent(className, name -> new ArrayList<>(1));
        for (final Entry entry : ofClass) {
            if (Arrays.equals(entry.snapshot, snapshot)) {
                return entry;
            }
        }
        final Entry entry = resolve(className, kryo, snapshot);
        ofClass.add(entry);
        return entry;
    }

    private Entry resolve(final String className, final int kryo, final byte[] snapshot) {
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
                    TypeSerializerSnapshot.readVersionedSnapshot(new DataInputDeserializer(inflate(snapshot)), classLoader);
            return new Entry(type, migrating(className, now.serializer, written), snapshot, kryo);
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

    private static int kryoGeneration() {
        try {
            // Came with Kryo 5.
            Class.forName("com.esotericsoftware.kryo.util.Pool", false, KryoSerializer.class.getClassLoader());
            return 5;
        } catch (final ClassNotFoundException e) {
            return 2;
        }
    }

    private static boolean contains(final byte[] bytes, final byte[] part) {
        for (int i = 0; i + part.length <= bytes.length; i++) {
            if (Arrays.equals(bytes, i, i + part.length, part, 0, part.length)) {
                return true;
            }
        }
        return false;
    }

    private static byte[] deflate(final byte[] bytes) throws IOException {
        final ByteArrayOutputStream out = new ByteArrayOutputStream(bytes.length);
        try (DeflaterOutputStream deflater = new DeflaterOutputStream(out)) {
            deflater.write(bytes);
        }
        return out.toByteArray();
    }

    private static byte[] inflate(final byte[] bytes) throws IOException {
        try (InflaterInputStream in = new InflaterInputStream(new ByteArrayInputStream(bytes))) {
            final byte[] snapshot = in.readNBytes(LARGEST_SNAPSHOT);
            if (in.read() >= 0) {
                throw new IOException("a serializer snapshot is larger than " + LARGEST_SNAPSHOT + " bytes");
            }
            return snapshot;
        }
    }
}
