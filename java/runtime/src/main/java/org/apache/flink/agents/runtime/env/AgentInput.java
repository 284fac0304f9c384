package org.apache.flink.agents.runtime.env;

import java.util.Set;
import java.util.stream.Collectors;
import javax.annotation.Nullable;
import org.apache.flink.agents.runtime.host.PythonEnvironment;
import org.apache.flink.agents.runtime.operator.AgentOperatorFactory;
import org.apache.flink.api.common.InvalidProgramException;
import org.apache.flink.api.common.functions.InvalidTypesException;
import org.apache.flink.api.common.typeinfo.PrimitiveArrayTypeInfo;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.api.dag.Transformation;
import org.apache.flink.api.java.functions.KeySelector;
import org.apache.flink.api.java.typeutils.TypeExtractor;
import org.apache.flink.streaming.api.datastream.DataStream;
import org.apache.flink.streaming.api.datastream.KeyedStream;
import org.apache.flink.streaming.api.datastream.SingleOutputStreamOperator;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.streaming.api.transformations.OneInputTransformation;
import org.apache.flink.streaming.api.transformations.PartitionTransformation;
import org.apache.flink.streaming.runtime.partitioner.KeyGroupStreamPartitioner;

/** A stream that an agent will read, and how its records get their keys. */
final class AgentInput<T, K> {
    private static final String OPERATOR_NAME = "action-execute-operator";

    private final DataStream<T> records;
    private final KeySelector<T, K> selector;
    private final TypeInformation<K> keyType;
    @Nullable private final KeyedStream<T, K> keyedAlready;

    private AgentInput(
            final DataStream<T> records,
            final KeySelector<T, K> selector,
            final TypeInformation<K> keyType,
            @Nullable final KeyedStream<T, K> keyedAlready) {
        this.records = records;
        this.selector = selector;
        this.keyType = keyType;
        this.keyedAlready = keyedAlready;
    }

    /**
     * @param selector null means the key of a keyed stream, and the record itself for other streams
     * @throws IllegalArgumentException if the type of the keys cannot be found out
     */
    @SuppressWarnings("unchecked")
    static <T, K> AgentInput<T, K> of(final DataStream<T> input, @Nullable final KeySelector<T, K> selector) {
        if (selector != null) {
            return new AgentInput<>(input, selector, keyTypeOf(selector, input.getType()), null);
        }
        if (input instanceof KeyedStream) {
            final KeyedStream<T, K> keyed = (KeyedStream<T, K>) input;
            return new AgentInput<>(beforePartitioning(keyed), keyed.getKeySelector(), keyed.getKeyType(), keyed);
        }
        return new AgentInput<>(input, (KeySelector<T, K>) new RecordAsKey<T>(), (TypeInformation<K>) input.getType(), null);
    }

    private static <T, K> TypeInformation<K> keyTypeOf(final KeySelector<T, K> selector, final TypeInformation<T> type) {
        try {
            return TypeExtractor.getKeySelectorTypes(selector, type);
        } catch (final InvalidTypesException e) {
            final TypeInformation<K> found = keyTypeOfAnyRecord(selector);
            if (found != null) {
                return found;
            }
            throw new IllegalArgumentException(
                    "The key selector "
                            + selector.getClass().getName()
                            + " for records of type "
                            + type
                            + " does not tell the type of its keys ("
                            + e.getMessage()
                            + "). Key the stream yourself and give no selector: fromDataStream(input.keyBy(selector,"
                            + " Types.STRING)), with the right type; or implement ResultTypeQueryable in the selector",
                    e);
        }
    }

    /** Selectors for tables are declared for Object, which Flink does not take for a supertype of Row. */
    @SuppressWarnings("unchecked")
    private static <K> TypeInformation<K> keyTypeOfAnyRecord(final KeySelector<?, K> selector) {
        try {
            return TypeExtractor.getKeySelectorTypes(
                    (KeySelector<Object, K>) selector, TypeInformation.of(Object.class));
        } catch (final InvalidTypesException e) {
            return null;
        }
    }

    /**
     * The stream in front of a {@code keyBy}, so that it can be keyed again with checks; null for streams that are keyed in
     * another way, as by {@code DataStreamUtils.reinterpretAsKeyedStream}: they must not be partitioned again.
     */
    @SuppressWarnings("unchecked")
    static <T> DataStream<T> beforePartitioning(final KeyedStream<T, ?> keyed) {
        final Transformation<T> transformation = keyed.getTransformation();
        if (transformation instanceof PartitionTransformation
                && ((PartitionTransformation<T>) transformation).getPartitioner() instanceof KeyGroupStreamPartitioner) {
            return new DataStream<>(
                    keyed.getExecutionEnvironment(), (Transformation<T>) transformation.getInputs().get(0));
        }
        return null;
    }

    /**
     * An id that stays the same when the rest of the job changes: by a generated one, a savepoint fits only the very same job.
     * A user's own replaces it: cast the output to {@code SingleOutputStreamOperator} and call {@code uid}.
     */
    private static String freeUid(final StreamExecutionEnvironment env, final String agentName) {
        final Set<String> used =
                env.getTransformations().stream().map(Transformation::getUid).collect(Collectors.toSet());
        final String first = "agent-" + agentName;
        String uid = first;
        for (int next = 2; used.contains(uid); next++) {
            uid = first + "-" + next;
        }
        return uid;
    }

    /**
     * Adds the operator of an agent to the job.
     *
     * @param python where its Python actions run; null if it has none
     * @param encoded whether records and outputs are bytes of the Python API, see {@link PythonEntry}
     */
    @SuppressWarnings("unchecked")
    SingleOutputStreamOperator<Object> connect(
            final String agentName, final byte[] plan, @Nullable final PythonEnvironment python, final boolean encoded) {
        final NonNullKey<T, K> checked = new NonNullKey<>(agentName, selector, keyType);
        final KeyedStream<T, K> keyed = records == null ? keyedAlready : keyBy(agentName, checked);
        final SingleOutputStreamOperator<Object> output =
                keyed.transform(
                        OPERATOR_NAME,
                        encoded
                                ? (TypeInformation<Object>)
                                        (TypeInformation<?>) PrimitiveArrayTypeInfo.BYTE_PRIMITIVE_ARRAY_TYPE_INFO
                                : TypeInformation.of(Object.class),
                        new AgentOperatorFactory<>(agentName, plan, keyed.getType(), python, encoded));
        ((OneInputTransformation<T, Object>) output.getTransformation()).setStateKeySelector(checked);
        output.uid(freeUid(keyed.getExecutionEnvironment(), agentName));
        final Transformation<?> from = upstream(keyed.getTransformation());
        output.getTransformation().setParallelism(from.getParallelism(), from.isParallelismConfigured());
        if (from.getMaxParallelism() > 0) {
            output.getTransformation().setMaxParallelism(from.getMaxParallelism());
        }
        return output;
    }

    private KeyedStream<T, K> keyBy(final String agentName, final NonNullKey<T, K> checked) {
        try {
            return records.keyBy(checked, keyType);
        } catch (final InvalidProgramException e) {
            throw new IllegalArgumentException(
                    "Values of type "
                            + keyType
                            + " cannot be the keys of agent '"
                            + agentName
                            + "' ("
                            + e.getMessage()
                            + "). Keys need equals() and hashCode() by content, and may not be arrays: give a key selector that"
                            + " returns, for instance, an id or a name",
                    e);
        }
    }

    /** A partitioning has no maximum parallelism: what is in front of it has. */
    private static Transformation<?> upstream(final Transformation<?> transformation) {
        Transformation<?> from = transformation;
        while (from instanceof PartitionTransformation) {
            from = from.getInputs().get(0);
        }
        return from;
    }

    private static final class RecordAsKey<T> implements KeySelector<T, T> {
        private static final long serialVersionUID = 1L;

        @Override
        public T getKey(final T record) {
            return record;
        }
    }
}
