package bench;

import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.flink.agents.core.AgentsCore;
import org.apache.flink.agents.core.KeySnapshot;
import org.apache.flink.agents.core.StoredMemory;

/**
 * What the boundary between Java and the core costs, without Flink and without user code: {@code Boundary [rounds]}.
 *
 * <p>{@code poll} is one native call that finds nothing to do. {@code hop1} is input, run, one output sent, finish, emit;
 * {@code chain5} is six actions in a row over five events, each with a get and a set of short-term memory, which is loaded
 * from and written to a map here. An effect is what {@link AgentsCore#poll} returns.
 */
public final class Boundary {
    private static final int KEYS = 1000;
    private static final Object PAYLOAD = new Object();

    private final AgentsCore core;
    private final int[] types;
    private final String[] paths;
    private final Store[] stores = new Store[KEYS];
    private long ids;
    private long effects;
    private long outputs;

    private Boundary(final int actions, final boolean memory) {
        core = AgentsCore.open(plan(actions).getBytes(StandardCharsets.UTF_8));
        types = new int[actions + 1];
        for (int i = 1; i < actions; i++) {
            types[i] = core.symbol("E" + i);
        }
        types[actions] = core.symbol("_output_event");
        paths = new String[actions];
        for (int i = 0; memory && i < actions; i++) {
            paths[i] = "c" + i;
        }
        for (int i = 0; i < KEYS; i++) {
            stores[i] = new Store();
        }
    }

    private static String plan(final int actions) {
        final StringBuilder json = new StringBuilder("{\"actions\":{");
        final StringBuilder byEvent = new StringBuilder();
        for (int i = 0; i < actions; i++) {
            final String type = i == 0 ? "_input_event" : "E" + i;
            json.append(i == 0 ? "" : ",")
                    .append("\"a").append(i).append("\":{\"name\":\"a").append(i)
                    .append("\",\"exec\":{\"func_type\":\"JavaFunction\",\"qualname\":\"bench.Boundary\",\"method_name\":\"a")
                    .append(i)
                    .append("\",\"parameter_types\":[\"org.apache.flink.agents.api.Event\",")
                    .append("\"org.apache.flink.agents.api.context.RunnerContext\"]},\"trigger_conditions\":[\"")
                    .append(type).append("\"],\"config\":null}");
            byEvent.append(i == 0 ? "" : ",").append('"').append(type).append("\":[\"a").append(i).append("\"]");
        }
        return json.append("},\"actions_by_event\":{").append(byEvent)
                .append("},\"resource_providers\":{},\"config\":{\"conf_data\":{}}}")
                .toString();
    }

    /** Memory of one key. */
    private static final class Store implements StoredMemory {
        private final Map<String, Object> nodes = new HashMap<>();

        @Override
        public Object load(final String path) {
            return nodes.getOrDefault(path, ABSENT);
        }

        @Override
        public Iterable<String> paths(final String prefix) {
            return List.copyOf(nodes.keySet());
        }
    }

    private void records(final int count) throws Exception {
        for (int i = 0; i < count; i++) {
            // One record at a time, as an operator does; the key's slot is free again when the next comes.
            final Store store = stores[i % KEYS];
            core.input(0, PAYLOAD, ++ids, 1, true, i, null, 0);
            while (core.poll(true)) {
                effects++;
                switch (core.kind()) {
                    case AgentsCore.RUN_ACTION:
                        run(core.task(), core.action(), store);
                        break;
                    case AgentsCore.WRITE_MEMORY:
                        store.nodes.put(core.path(), core.value());
                        break;
                    case AgentsCore.EMIT:
                        outputs += core.event() == PAYLOAD ? 1 : 0;
                        break;
                    default:
                        break;
                }
            }
        }
    }

    private void run(final long task, final int action, final Store store) throws Exception {
        final String path = paths[action];
        if (path != null) {
            final Object old = core.memoryGet(task, AgentsCore.SHORT_TERM, path, store);
            core.memorySet(task, AgentsCore.SHORT_TERM, path, old == StoredMemory.ABSENT ? 1L : (Long) old + 1, store);
        }
        core.send(task, types[action + 1], PAYLOAD, ++ids, 2, null, 0);
        core.finish(task);
    }

    private static void runs(final Meter meter, final String name, final int actions, final boolean memory, final int count)
            throws Exception {
        final Boundary host = new Boundary(actions, memory);
        try (AgentsCore ignored = host.core) {
            host.records(KEYS);
            host.effects = 0;
            host.records(KEYS);
            final double effects = host.effects / (double) KEYS;
            meter.measure(name, count, effects, "effect", host::records);
            if (host.core.inFlight() != 0 || host.core.heldValues() != 0 || host.outputs < count) {
                throw new IllegalStateException("the core lost or kept something");
            }
        }
    }

    /** Gets and sets inside one running action: the path is known after the first. */
    private static void memory(final Meter meter) throws Exception {
        final Boundary host = new Boundary(1, true);
        try (AgentsCore core = host.core) {
            core.input(0, PAYLOAD, 1, 1, false, 0, null, 0);
            if (!core.poll(true)) {
                throw new IllegalStateException("the action does not run");
            }
            final long task = core.task();
            final Store store = host.stores[0];
            core.memorySet(task, AgentsCore.SHORT_TERM, "c0", 1L, store);
            meter.measure("memory_get", 200_000, 1, null, count -> {
                for (int i = 0; i < count; i++) {
                    core.memoryGet(task, AgentsCore.SHORT_TERM, "c0", store);
                }
            });
            meter.measure("memory_set", 200_000, 1, null, count -> {
                for (int i = 0; i < count; i++) {
                    core.memorySet(task, AgentsCore.SHORT_TERM, "c0", PAYLOAD, store);
                }
            });
        }
    }

    /** A key whose action runs, with two more inputs waiting: taken and given back. */
    private static void snapshots(final Meter meter) throws Exception {
        final Boundary host = new Boundary(1, false);
        final KeySnapshot snapshot;
        try (AgentsCore core = host.core) {
            for (int i = 0; i < 3; i++) {
                core.input(0, PAYLOAD, i + 1, 1, true, i, null, 0);
            }
            snapshot = core.snapshotKey(0);
            meter.measure("snapshot_key", 50_000, 1, null, count -> {
                for (int i = 0; i < count; i++) {
                    core.snapshotKey(0);
                }
            });
        }
        final byte[] plan = plan(1).getBytes(StandardCharsets.UTF_8);
        meter.measure("restore_key", 2_000, 1, null, count -> {
            // A core takes a key back once: each round needs a new one, whose opening is a small part of it.
            try (AgentsCore core = AgentsCore.open(plan)) {
                for (int i = 0; i < count; i++) {
                    core.restoreKey(i, snapshot, null);
                }
            }
        });
    }

    public static void main(final String[] args) throws Exception {
        final Meter meter = new Meter(args.length > 0 ? Integer.parseInt(args[0]) : 30);
        try (AgentsCore core = AgentsCore.open(plan(1).getBytes(StandardCharsets.UTF_8))) {
            meter.measure("poll", 1_000_000, 1, null, count -> {
                for (int i = 0; i < count; i++) {
                    core.poll(true);
                }
            });
        }
        runs(meter, "hop1", 1, false, 200_000);
        runs(meter, "chain5", 6, true, 50_000);
        memory(meter);
        snapshots(meter);
    }
}
