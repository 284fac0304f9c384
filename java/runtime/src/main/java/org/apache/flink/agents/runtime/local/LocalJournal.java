package org.apache.flink.agents.runtime.local;

import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Arrays;
import java.util.BitSet;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import javax.annotation.Nullable;
import org.apache.flink.agents.api.EventAccess;
import org.apache.flink.agents.api.InputEvent;
import org.apache.flink.agents.api.configuration.AgentConfigOptions;
import org.apache.flink.agents.core.AgentsCore;
import org.apache.flink.agents.core.CoreJournal;
import org.apache.flink.agents.core.JournalSubtask;
import org.apache.flink.agents.core.KeySlots;
import org.apache.flink.agents.core.value.ForeignValues;
import org.apache.flink.agents.core.value.UnsupportedValueException;
import org.apache.flink.agents.core.value.ValueWriter;
import org.apache.flink.agents.runtime.host.Digests;
import org.apache.flink.agents.runtime.host.JavaHost;
import org.apache.flink.agents.runtime.host.JournalOutlet;
import org.apache.flink.agents.runtime.host.PlanView;
import org.apache.flink.agents.runtime.value.BlobCodec;

/**
 * The journal of a run without Flink. A run is known by its name, an input by its key, its place among the inputs of that key,
 * and its content. There are no checkpoints: the whole journal of the name is read at the start.
 *
 * <p>Used on the run's thread.
 */
final class LocalJournal implements JournalOutlet {
    /** Stands in the store for the operator. Not the agent: its name may change. */
    private static final String OPERATOR = "Java run without Flink";
    private static final String JOB_IDENTIFIER = "job-identifier";
    /** There are no subtasks, so there is one key group. */
    private static final int KEY_GROUP = 0;
    private static final byte ENUM = (byte) 0xFE;

    /** What is known of a key. */
    private static final class Known {
        long given;
        long nextRun;
    }

    private final byte[] lineage;
    private final Digests digests = new Digests();
    private final ValueWriter keyBytes = new ValueWriter(ForeignValues.REFUSE);
    private final Map<Object, Known> known = new HashMap<>();
    /** Slots of keys that the core knows. */
    private final BitSet open = new BitSet();
    private CoreJournal core;
    private KeySlots keys;
    private JavaHost host;
    private BlobCodec codec;
    /** Place of the input that is given now. */
    private long place;

    private LocalJournal(final byte[] lineage) {
        this.lineage = lineage;
    }

    /**
     * The journal of a run, or null if the plan's configuration names no store.
     *
     * @param name of the run; null means option {@code job-identifier}
     * @param index of its list among those that are executed together
     * @throws IllegalArgumentException if there is a store, and the run has no name
     */
    @Nullable
    static LocalJournal of(final byte[] plan, final ClassLoader userCode, @Nullable final String name, final int index) {
        final Map<String, Object> config = new PlanView(plan, userCode).config();
        final Object store = config.get(AgentConfigOptions.ACTION_STATE_STORE_BACKEND.getKey());
        if (store == null) {
            return null;
        }
        final Object identifier = config.get(JOB_IDENTIFIER);
        final String found = name == null || name.isEmpty() ? (identifier == null ? "" : identifier.toString()) : name;
        if (found.isEmpty()) {
            throw new IllegalArgumentException(
                    "actionStateStoreBackend is "
                            + store
                            + ", and the run has no name: what it has done is found again by a name. Call execute(\"a name\"), or set"
                            + " job-identifier");
        }
        return new LocalJournal(lineageOf(found, index));
    }

    /** The same at every start. */
    private static byte[] lineageOf(final String name, final int index) {
        final String text = "flink-agents Java run without Flink 1\0" + index + '\0' + name;
        try {
            final byte[] hash = MessageDigest.getInstance("SHA-256").digest(text.getBytes(StandardCharsets.UTF_8));
            return Arrays.copyOf(hash, JournalSubtask.NONCE_BYTES);
        } catch (final NoSuchAlgorithmException e) {
            throw new IllegalStateException("Every Java platform has SHA-256", e);
        }
    }

    /** Opens the core; the store is read from now on. {@code wake} is called by any thread. */
    AgentsCore open(final byte[] plan, final Runnable wake) {
        final JournalSubtask subtask = new JournalSubtask(lineage, OPERATOR, 1, KEY_GROUP, KEY_GROUP, List.of());
        final AgentsCore opened = AgentsCore.openJournalled(plan, subtask, wake);
        core = opened.journal();
        return opened;
    }

    void configure(final BlobCodec values) {
        codec = values;
    }

    void start(final JavaHost runs, final KeySlots slots) {
        host = runs;
        keys = slots;
    }

    /** The next input is of this key. */
    void gives(final int slot, final Object key) {
        final Known of = known.computeIfAbsent(key, any -> new Known());
        place = of.given++;
        if (!open.get(slot)) {
            open.set(slot);
            core.openKey(slot, KEY_GROUP, bytesOf(key), of.nextRun);
        }
    }

    private byte[] bytesOf(final Object key) {
        keyBytes.reset();
        if (key instanceof Enum) {
            final Enum<?> constant = (Enum<?>) key;
            keyBytes.writeByte(ENUM);
            keyBytes.writeValue(List.of(constant.getDeclaringClass().getName(), constant.name()));
            return keyBytes.toByteArray();
        }
        try {
            requireOrdered(key);
            keyBytes.writeValue(key);
        } catch (final UnsupportedValueException e) {
            throw new IllegalArgumentException(
                    "A key is a "
                            + key.getClass().getName()
                            + ", by which a run that is started again could not find it in the store. With a store let keys be texts,"
                            + " numbers, enums, dates, UUIDs, or lists of these",
                    e);
        }
        return keyBytes.toByteArray();
    }

    private static void requireOrdered(final Object key) {
        if (key instanceof List) {
            ((List<?>) key).forEach(LocalJournal::requireOrdered);
        } else if (key instanceof Map || key instanceof Collection) {
            throw new UnsupportedValueException(key.getClass(), "its elements have no order that stays");
        }
    }

    @Override
    public BlobCodec codec() {
        return codec;
    }

    @Override
    @Nullable
    public byte[] digest(final Object event) {
        return digests.ofNumbered(EventAccess.singleValue((InputEvent) event), place);
    }

    @Override
    public void runEnded(final int slot, final long sequence, final boolean idle) {
        known.get(keys.key(slot)).nextRun = sequence + 1;
        if (idle) {
            open.clear(slot);
        }
    }

    /** Inputs of a key come in the order of the list: what is not the next one will never come. */
    @Override
    public void awaitInput(final int slot, final long run) {
        host.awaitOver(slot, run);
    }
}
