package jobs;

import java.nio.charset.StandardCharsets;
import java.nio.file.Paths;
import java.util.Map;
import org.apache.flink.agents.core.value.ForeignValues;
import org.apache.flink.agents.core.value.ValueReader;
import org.apache.flink.agents.core.value.ValueWriter;
import org.apache.flink.agents.runtime.env.PythonEntry;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.streaming.api.datastream.DataStream;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;

/**
 * {@link Chats} as an agent in Python, {@code chats_agent.py}: its plan, made by Python, in a job without operators of PyFlink's, which do
 * not survive every restart (docs/long-runs.md).
 */
public final class PythonChats {
    private PythonChats() {}

    /** A record as the Python API sends it. */
    private static byte[] record(final String key, final Object value) {
        final ValueWriter out = new ValueWriter(ForeignValues.REFUSE);
        final byte[] text = ("s:" + key).getBytes(StandardCharsets.UTF_8);
        out.writeInt(text.length);
        out.writeRaw(text, 0, text.length);
        out.writeValue(value);
        return out.toByteArray();
    }

    private static Object value(final byte[] output) {
        final ValueReader in = new ValueReader(ForeignValues.REFUSE);
        in.reset(output, 0, output.length);
        return in.readValue();
    }

    /** Arguments: those of {@link Orders}, and {@code --plan FILE}. */
    public static void main(final String[] args) throws Exception {
        final Arguments arguments = new Arguments(args);
        final int keys = arguments.number("keys", 1);
        final String plan = java.nio.file.Files.readString(Paths.get(arguments.text("plan")));
        final StreamExecutionEnvironment env = Orders.environment(arguments);
        final DataStream<String> orders =
                Orders.numbers(env, arguments).map(number -> "python/" + number).returns(Types.STRING).setParallelism(1);
        final DataStream<byte[]> records =
                Files.spread(orders, order -> Chats.keyOf(order, keys))
                        .map(order -> record(Chats.keyOf(order, keys), order))
                        .returns(byte[].class);
        final DataStream<Object> outputs =
                PythonEntry.connect(records, plan, PythonEntry.plainPython("python3", Map.of()))
                        .map(PythonChats::value)
                        .returns(Types.GENERIC(Object.class));
        Orders.write(outputs, arguments);
        env.execute("chats of Python");
    }
}
