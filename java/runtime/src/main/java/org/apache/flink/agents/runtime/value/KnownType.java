package org.apache.flink.agents.runtime.value;

import java.util.Objects;
import org.apache.flink.api.common.ExecutionConfig;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.api.common.typeutils.TypeSerializer;

/**
 * A class whose serializer is declared by the job, and so need not be derived from the class: the type of the operator's
 * input, above all. Without it, types that only their {@code TypeInformation} describes (an Avro {@code GenericRecord}
 * with its schema, a POJO with a custom {@code TypeInfoFactory} at one place) would go by Kryo or be refused.
 */
public final class KnownType {

    private final Class<?> type;
    private final TypeSerializer<?> serializer;

    /**
     * @param type values of this class, and of its subclasses that would go by Kryo otherwise, are written by {@code
     *     serializer}
     * @param serializer is duplicated for each codec
     */
    public KnownType(final Class<?> type, final TypeSerializer<?> serializer) {
        this.type = Objects.requireNonNull(type, "type");
        this.serializer = Objects.requireNonNull(serializer, "serializer");
    }

    /** The known type that a {@code TypeInformation} describes. */
    public static KnownType of(final TypeInformation<?> information, final ExecutionConfig config) {
        return new KnownType(
                information.getTypeClass(), information.createSerializer(config.getSerializerConfig()));
    }

    Class<?> type() {
        return type;
    }

    TypeSerializer<?> serializer() {
        return serializer;
    }
}
