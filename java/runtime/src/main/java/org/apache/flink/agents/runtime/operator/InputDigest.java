package org.apache.flink.agents.runtime.operator;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.List;
import javax.annotation.Nullable;
import org.apache.flink.agents.runtime.host.Digests;
import org.apache.flink.api.common.ExecutionConfig;
import org.apache.flink.api.common.typeinfo.BasicArrayTypeInfo;
import org.apache.flink.api.common.typeinfo.BasicTypeInfo;
import org.apache.flink.api.common.typeinfo.LocalTimeTypeInfo;
import org.apache.flink.api.common.typeinfo.PrimitiveArrayTypeInfo;
import org.apache.flink.api.common.typeinfo.SqlTimeTypeInfo;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.api.common.typeutils.CompositeType;
import org.apache.flink.api.common.typeutils.TypeSerializer;
import org.apache.flink.api.java.typeutils.EnumTypeInfo;
import org.apache.flink.api.java.typeutils.ListTypeInfo;
import org.apache.flink.api.java.typeutils.ObjectArrayTypeInfo;
import org.apache.flink.core.memory.DataOutputSerializer;

/** Digests of inputs, by the bytes of their Flink serializer where these are the same for equal values in every JVM. */
final class InputDigest {
    private static final List<Class<?>> STABLE =
            List.of(
                    BasicTypeInfo.class,
                    BasicArrayTypeInfo.class,
                    PrimitiveArrayTypeInfo.class,
                    EnumTypeInfo.class,
                    LocalTimeTypeInfo.class,
                    SqlTimeTypeInfo.class);

    private final Digests digests = new Digests();
    private final DataOutputSerializer out = new DataOutputSerializer(256);
    /** Null when inputs have no digest. */
    private final TypeSerializer<Object> serializer;

    @SuppressWarnings("unchecked") // of the operator's own inputs
    InputDigest(final TypeInformation<?> type, final ExecutionConfig config) {
        serializer = isStable(type) ? (TypeSerializer<Object>) type.createSerializer(config.getSerializerConfig()) : null;
    }

    /** Maps and sets go by the order of their hash tables, and Kryo's by what it was told in the meantime. */
    static boolean isStable(final TypeInformation<?> type) {
        if (type instanceof CompositeType) {
            for (int field = 0; field < type.getArity(); field++) {
                if (!isStable(((CompositeType<?>) type).getTypeAt(field))) {
                    return false;
                }
            }
            return true;
        }
        if (type instanceof ListTypeInfo) {
            return isStable(((ListTypeInfo<?>) type).getElementTypeInfo());
        }
        if (type instanceof ObjectArrayTypeInfo) {
            return isStable(((ObjectArrayTypeInfo<?, ?>) type).getComponentInfo());
        }
        return STABLE.stream().anyMatch(stable -> stable.isInstance(type));
    }

    byte[] ofBytes(final byte[] bytes) {
        return digests.of(bytes, bytes.length);
    }

    @Nullable
    byte[] of(final Object input) {
        if (serializer == null) {
            return null;
        }
        out.clear();
        try {
            serializer.serialize(input, out);
        } catch (final IOException e) {
            throw new UncheckedIOException("A record cannot be serialized: " + e.getMessage(), e);
        }
        return digests.of(out.getSharedBuffer(), out.length());
    }
}
