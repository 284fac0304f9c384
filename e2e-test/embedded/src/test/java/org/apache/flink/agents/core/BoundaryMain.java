package org.apache.flink.agents.core;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import org.apache.flink.agents.core.value.ForeignValues;
import org.apache.flink.agents.core.value.ValueWriter;

/** A small agent on a core without Flink: memory, a condition, snapshots, errors. For a JVM that watches its natives. */
public final class BoundaryMain {
    private BoundaryMain() {}

    static byte[] plan() {
        final String function =
                "{\"func_type\":\"JavaFunction\",\"qualname\":\"x.Y\",\"method_name\":\"m\",\"parameter_types\":"
                        + "[\"org.apache.flink.agents.api.Event\",\"org.apache.flink.agents.api.context.RunnerContext\"]}";
        return ("{\"agent_name\":\"boundary\",\"actions\":{"
                        + "\"first\":{\"name\":\"first\",\"exec\":" + function + ",\"trigger_conditions\":[\"_input_event\"],\"config\":null},"
                        + "\"second\":{\"name\":\"second\",\"exec\":" + function
                        + ",\"trigger_conditions\":[\"type == 'next' && n > 2\"],\"config\":null}"
                        + "},\"resource_providers\":{},\"config\":{\"conf_data\":{}}}")
                .getBytes(StandardCharsets.UTF_8);
    }

    /** One input through both actions; returns the number of outputs. */
    static int runOnce(final AgentsCore core) {
        core.input(0, "input", 1, 1, true, 5, null, 0);
        core.marker(AgentsCore.WATERMARK, 6);
        return drain(core);
    }

    private static int drain(final AgentsCore core) {
        final ByteBuffer attributes = ByteBuffer.allocateDirect(64);
        final ValueWriter writer = new ValueWriter(ForeignValues.REFUSE);
        writer.writeValue(Map.of("n", 3));
        final int length = writer.size();
        writer.copyTo(attributes);
        int outputs = 0;
        try {
            while (core.poll(true)) {
                if (core.kind() == AgentsCore.EMIT) {
                    outputs++;
                } else if (core.kind() == AgentsCore.RUN_ACTION) {
                    final long task = core.task();
                    final boolean first = core.actions().get(core.action()).name().equals("first");
                    core.memorySet(task, AgentsCore.SENSORY, "a.b", "value", null);
                    core.memoryGet(task, AgentsCore.SENSORY, "a.b", null);
                    core.memoryChildren(task, AgentsCore.SENSORY, "a", null);
                    core.send(task, core.symbol(first ? "next" : "_output_event"), "event", 2, first ? 2 : 3, attributes, length);
                    core.finish(task);
                }
            }
        } catch (final Exception e) {
            throw new IllegalStateException(e);
        }
        return outputs;
    }

    /** Runs for a while, with errors on the way, and says so at its end. */
    @SuppressWarnings("try") // closing twice is part of the story
    public static void main(final String[] arguments) {
        int outputs = 0;
        for (int round = 0; round < 20; round++) {
            try (AgentsCore core = AgentsCore.open(plan());
                    AgentsCore other = AgentsCore.open(plan())) {
                for (int i = 0; i < 1000; i++) {
                    outputs += runOnce(core);
                }
                core.input(0, "input", 1, 1, false, 0, null, 0);
                final KeySnapshot snapshot = core.snapshotKey(0);
                other.restoreKey(7, snapshot, new byte[] {});
                refused(() -> other.restoreKey(8, new KeySnapshot(new byte[9], new Object[0]), null));
                refused(() -> core.finish(77));
                refused(() -> AgentsCore.open("{".getBytes(StandardCharsets.UTF_8)));
                refused(core::panicForTest);
                refused(() -> runOnce(core));
                core.close();
                refused(() -> core.poll(true));
            }
        }
        System.out.println("done " + outputs);
    }

    private static void refused(final Runnable call) {
        try {
            call.run();
        } catch (final RuntimeException e) {
            return;
        }
        throw new IllegalStateException("a wrong call was accepted");
    }
}
