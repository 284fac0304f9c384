package org.apache.flink.agents.runtime.env;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import javax.annotation.Nullable;
import org.apache.flink.agents.api.DeadLetter;
import org.apache.flink.agents.core.AgentsCore;
import org.apache.flink.agents.runtime.host.EncodedRecord;
import org.apache.flink.agents.runtime.host.PlainPython;
import org.apache.flink.agents.runtime.host.PythonEnvironment;
import org.apache.flink.agents.runtime.operator.AgentOperator;
import org.apache.flink.api.common.typeinfo.PrimitiveArrayTypeInfo;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.api.java.functions.KeySelector;
import org.apache.flink.api.java.typeutils.ResultTypeQueryable;
import org.apache.flink.streaming.api.datastream.DataStream;
import org.apache.flink.streaming.api.datastream.KeyedStream;
import org.apache.flink.streaming.api.datastream.SingleOutputStreamOperator;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.table.api.Table;
import org.apache.flink.table.api.bridge.java.StreamTableEnvironment;

/**
 * What PyFlink calls, by py4j, to put an agent into a job. Used on the client, from one thread.
 *
 * <p>A record on its way to the agent is {@code byte[]}: the length of the key's text (4 bytes, least significant first), the
 * key's text in UTF-8, and the payload as plain data (format 1 without a version byte, see {@code rust/core/src/value}). What
 * comes out is the payload of an output event in the same format, without a key. Nothing is pickled on this way, and nothing is
 * opened that nobody reads.
 */
public final class PythonEntry {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final TypeInformation<byte[]> BYTES = PrimitiveArrayTypeInfo.BYTE_PRIMITIVE_ARRAY_TYPE_INFO;

    private PythonEntry() {}

    /**
     * Puts an agent behind a stream. The records are partitioned by their keys' texts.
     *
     * @param records as above
     * @param planJson the agent's plan, with the job's configuration in it
     * @param python where the workers of the agent get their Python
     * @return outputs, as above; parallelism and maximum parallelism are those of {@code records}
     * @throws IllegalArgumentException if the plan is wrong; the message names the place in it
     * @throws IllegalStateException if classes come from two builds
     */
    @SuppressWarnings("unchecked")
    public static DataStream<byte[]> connect(
            final DataStream<byte[]> records, final String planJson, final PythonEnvironment python) {
        BuildCheck.check();
        final byte[] plan = AgentsCore.validatePlan(planJson.getBytes(StandardCharsets.UTF_8));
        final DataStream<?> outputs =
                AgentInput.<byte[], String>of(records, new KeyText()).connect(agentName(plan), plan, python, true);
        return (DataStream<byte[]>) outputs;
    }

    /**
     * The dead letters of an agent, each as one line of JSON; see {@link DeadLetter#toJson}.
     *
     * @param outputs what {@link #connect} returned
     * @return parallelism and maximum parallelism are those of the outputs
     */
    public static DataStream<String> deadLetters(final DataStream<?> outputs) {
        final SingleOutputStreamOperator<String> lines = letters(outputs).map(DeadLetter::toJson).returns(Types.STRING);
        lines.setParallelism(outputs.getParallelism());
        final int most = outputs.getTransformation().getMaxParallelism();
        if (most > 0) {
            lines.setMaxParallelism(most);
        }
        return lines;
    }

    /**
     * The same as a table, with a column for each field of {@link DeadLetter}.
     *
     * @param tables the table environment of the job
     * @param outputs what {@link #connect} returned
     */
    public static Table deadLettersTable(final StreamTableEnvironment tables, final DataStream<?> outputs) {
        return tables.fromDataStream(letters(outputs));
    }

    private static DataStream<DeadLetter> letters(final DataStream<?> outputs) {
        return ((SingleOutputStreamOperator<?>) outputs).getSideOutput(AgentOperator.DEAD_LETTERS);
    }

    /**
     * A Python that is installed on every machine of the cluster.
     *
     * @param interpreter its path, or a name that is looked up in {@code PATH}
     * @param environment variables for the workers, such as {@code PYTHONPATH}
     */
    public static PythonEnvironment plainPython(final String interpreter, final Map<String, String> environment) {
        return new PlainPython(interpreter, environment);
    }

    /**
     * The Python that PyFlink prepares for the workers of its own operators: interpreter, files, archives and requirements.
     *
     * @param env the job's environment; its settings are read when the job is submitted
     * @param clientVersion version of the client's Python, such as {@code 3.11}; workers of another one are refused
     */
    public static PythonEnvironment flinkPython(final StreamExecutionEnvironment env, final String clientVersion) {
        return new FlinkPython(env, clientVersion);
    }

    /**
     * What {@code flink run -Dagent.…} set, and nothing that stands in the configuration file.
     *
     * @param env the job's environment
     * @param confDir directory of the configuration file; null means that there is none
     */
    public static Map<String, String> dynamicConfiguration(
            final StreamExecutionEnvironment env, @Nullable final String confDir) {
        return FlinkDynamicProperties.of(env.getConfiguration(), confDir);
    }

    /**
     * The stream in front of PyFlink's {@code key_by}: rows of key and record. Keyed again by the text of the key, a record is
     * shuffled once only.
     *
     * @param keyed what PyFlink's {@code KeyedStream} holds
     * @return the stream; null if it is keyed in another way, as by {@code reinterpretAsKeyedStream}
     */
    @Nullable
    public static DataStream<?> beforeKeyBy(final KeyedStream<?, ?> keyed) {
        return AgentInput.beforePartitioning(keyed);
    }

    private static String agentName(final byte[] plan) {
        try {
            final JsonNode name = JSON.readTree(plan).path("agent_name");
            return name.isTextual() && !name.asText().isEmpty() ? name.asText() : "agent";
        } catch (final IOException e) {
            throw new IllegalArgumentException("The plan is no JSON: " + e.getMessage(), e);
        }
    }

    /** The key of an encoded record. */
    private static final class KeyText implements KeySelector<byte[], String>, ResultTypeQueryable<String> {
        private static final long serialVersionUID = 1L;

        @Override
        public String getKey(final byte[] record) {
            return EncodedRecord.key(record);
        }

        @Override
        public TypeInformation<String> getProducedType() {
            return Types.STRING;
        }
    }
}
