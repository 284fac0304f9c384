package org.apache.flink.agents.runtime.env;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import javax.annotation.Nullable;
import org.apache.flink.agents.api.DeadLetter;
import org.apache.flink.agents.api.chat.model.TextPart;
import org.apache.flink.agents.runtime.local.LocalInput;
import org.apache.flink.agents.runtime.local.LocalReport;
import org.apache.flink.agents.runtime.local.LocalRun;
import org.apache.flink.streaming.api.datastream.DataStream;
import org.apache.flink.table.api.Schema;
import org.apache.flink.table.api.Table;

/** One agent and its list of inputs. */
final class LocalAgentBuilder extends OneAgentBuilder {
    private final List<LocalInput> inputs;
    private final List<Map<String, Object>> outputs = new ArrayList<>();
    private final List<DeadLetter> letters = new ArrayList<>();

    LocalAgentBuilder(final List<LocalInput> inputs, final AgentCompiler compiler) {
        super(compiler);
        this.inputs = inputs;
    }

    @Override
    String taken(final String agentName) {
        return "This list has the agent '" + agentName + "' already; call fromList again for a second one";
    }

    /** Always the same list. */
    @Override
    public List<Map<String, Object>> toList() {
        checkComplete();
        return outputs;
    }

    /** Always the same list. */
    @Override
    public List<DeadLetter> deadLettersToList() {
        checkComplete();
        return letters;
    }

    void checkComplete() {
        if (agent() == null) {
            throw new IllegalStateException("A list of inputs has no agent yet: call apply(agent) after fromList(...)");
        }
    }

    @Override
    public DataStream<Object> toDataStream() {
        throw LocalExecutionEnvironment.needsFlink("toDataStream");
    }

    @Override
    public DataStream<DeadLetter> getDeadLetters() {
        throw LocalExecutionEnvironment.needsFlink("getDeadLetters", "deadLettersToList()");
    }

    @Override
    public Table deadLettersToTable() {
        throw LocalExecutionEnvironment.needsFlink("deadLettersToTable", "deadLettersToList()");
    }

    @Override
    public Table toTable(final Schema schema) {
        throw LocalExecutionEnvironment.needsFlink("toTable");
    }

    /**
     * @param index among the lists that are executed under this name
     * @param report gets what the metrics show
     * @param textListener hears what models say; null for nobody
     */
    void run(
            @Nullable final String name,
            final int index,
            final LocalReport report,
            @Nullable final Consumer<TextPart> textListener)
            throws Exception {
        final ClassLoader context = Thread.currentThread().getContextClassLoader();
        final ClassLoader userCode = context == null ? LocalAgentBuilder.class.getClassLoader() : context;
        try (LocalRun run = new LocalRun(agent().agentName(), agent().json(), userCode, this::add, letters::add, name, index, report)) {
            run.onText(textListener);
            run.run(inputs);
        }
    }

    @SuppressWarnings({"unchecked", "rawtypes"})
    private void add(final Object key, final Object output) {
        // The API says text for keys, yet each key is of the class that it was given with, as in Python.
        outputs.add((Map<String, Object>) (Map) Collections.singletonMap(key, output));
    }
}
