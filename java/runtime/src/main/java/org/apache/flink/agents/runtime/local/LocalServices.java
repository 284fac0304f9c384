package org.apache.flink.agents.runtime.local;

import java.util.List;
import java.util.function.Consumer;
import javax.annotation.Nullable;
import org.apache.flink.agents.api.chat.model.TextPart;
import org.apache.flink.agents.core.StoredMemory;
import org.apache.flink.agents.runtime.host.EventValues;
import org.apache.flink.agents.runtime.host.JournalOutlet;
import org.apache.flink.agents.runtime.host.PlanServices;
import org.apache.flink.agents.runtime.host.ValueChecks;
import org.apache.flink.agents.runtime.operator.KeyText;
import org.apache.flink.agents.runtime.value.BlobCodec;
import org.apache.flink.api.common.ExecutionConfig;

/** What a host of a run without Flink gives its actions. */
final class LocalServices extends PlanServices {
    private final LocalMemory memory;
    private final ValueChecks checks;

    private final LocalMetrics metrics;
    private final Runnable wakeUp;
    private final LocalJournal journal;
    @Nullable private Consumer<TextPart> textListener;

    LocalServices(
            final String agentName,
            final byte[] planJson,
            final ClassLoader userCode,
            @Nullable final LocalJournal journal,
            final LocalMetrics metrics,
            final Runnable wakeUp) {
        super(agentName, planJson, userCode, metrics);
        this.metrics = metrics;
        this.wakeUp = wakeUp;
        this.journal = journal;
        // Every value that a cluster could have to store is checked unless it is switched off: here agents are tried out.
        final boolean verify = config().getBool("values.verify", true);
        final BlobCodec codec = new BlobCodec(new ExecutionConfig(), userCode, List.of(), new EventValues(userCode), verify);
        memory = new LocalMemory(codec);
        if (journal != null) {
            journal.configure(codec);
        }
        checks = verify ? new ValueChecks(codec) : null;
    }

    void onText(@Nullable final Consumer<TextPart> listener) {
        textListener = listener;
    }

    @Override
    protected Consumer<TextPart> textListener() {
        return textListener;
    }

    /** As a snapshot is made of them. */
    LocalMetrics local() {
        return metrics;
    }

    LocalMemory memory() {
        return memory;
    }

    @Override
    public StoredMemory storedMemory() {
        return memory;
    }

    @Override
    protected void wakeUp() {
        wakeUp.run();
    }

    @Override
    protected ValueChecks checks() {
        return checks;
    }

    @Override
    protected JournalOutlet journal() {
        return journal;
    }

    @Override
    protected String traceKey(final Object key) {
        return KeyText.inTrace(key, config());
    }

    // Keys are hidden in a cluster's logs; here they are the developer's own, and wanted.
    @Override
    public String describeKey(final Object key) {
        return "\"" + key + "\"";
    }
}
