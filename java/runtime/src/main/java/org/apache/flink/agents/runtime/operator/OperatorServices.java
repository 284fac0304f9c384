package org.apache.flink.agents.runtime.operator;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.List;
import java.util.Map;
import javax.annotation.Nullable;
import org.apache.flink.agents.api.Event;
import org.apache.flink.agents.api.logger.EventLoggerOpenParams;
import org.apache.flink.agents.core.KeySnapshot;
import org.apache.flink.agents.core.PythonExchange;
import org.apache.flink.agents.core.StoredMemory;
import org.apache.flink.agents.runtime.host.EncodedEvent;
import org.apache.flink.agents.runtime.host.EventValues;
import org.apache.flink.agents.runtime.host.JavaHost;
import org.apache.flink.agents.runtime.host.JournalOutlet;
import org.apache.flink.agents.runtime.host.PlanServices;
import org.apache.flink.agents.runtime.host.PythonEnvironment;
import org.apache.flink.agents.runtime.host.PythonProcesses;
import org.apache.flink.agents.runtime.host.ValueChecks;
import org.apache.flink.agents.runtime.metrics.MetricGroupAdapter;
import org.apache.flink.agents.runtime.value.BlobCodec;
import org.apache.flink.agents.runtime.value.KnownType;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.runtime.execution.Environment;

/** What the operator gives its host: state, metrics, configuration, resources, of one subtask. */
final class OperatorServices extends PlanServices {
    private final KeyedStates states;
    private final ValueChecks checks;
    private final PythonEnvironment python;
    private final boolean encoded;
    private final byte[] planJson;
    private final AgentOperator<?> operator;
    private final OperatorJournal journal;

    OperatorServices(
            final String agentName,
            final byte[] planJson,
            final TypeInformation<?> inputType,
            @Nullable final PythonEnvironment python,
            final boolean encoded,
            @Nullable final OperatorJournal journal,
            final AgentOperator<?> operator) {
        super(
                agentName,
                planJson,
                operator.getUserCodeClassloader(),
                new MetricGroupAdapter(operator.getMetricGroup()));
        this.python = python;
        this.encoded = encoded;
        this.planJson = planJson;
        this.operator = operator;
        this.journal = journal;
        resourcesBelongTo(
                jobId() + '/' + agentName, environment().getTaskInfo().getNumberOfParallelSubtasks());
        final boolean verify = config().getBool("values.verify", false);
        final BlobCodec codec =
                new BlobCodec(
                        operator.getExecutionConfig(),
                        userCode(),
                        inputType.getTypeClass() == Object.class
                                ? List.of()
                                : List.of(KnownType.of(inputType, operator.getExecutionConfig())),
                        new EventValues(userCode()),
                        verify);
        checks = verify ? new ValueChecks(codec) : null;
        if (journal != null) {
            journal.configure(codec, new InputDigest(inputType, operator.getExecutionConfig()));
        }
        states =
                new KeyedStates(
                        operator.getRuntimeContext(), operator.getKeyedStateBackend(), codec, new AgentOptions(config()));
    }

    KeyedStates states() {
        return states;
    }

    /** Attributes of a restored key's events, in the form {@link org.apache.flink.agents.core.AgentsCore#restoreKey} takes. */
    byte[] attributesOf(final KeySnapshot snapshot, final JavaHost host) {
        final ByteArrayOutputStream out = new ByteArrayOutputStream();
        final ByteBuffer length = ByteBuffer.allocate(4).order(ByteOrder.LITTLE_ENDIAN);
        for (final Object value : snapshot.values()) {
            // Events come first.
            if (!(value instanceof Event || value instanceof EncodedEvent)) {
                break;
            }
            final byte[] attributes = host.conditionAttributes(value);
            if (attributes == null) {
                return null;
            }
            out.write(length.putInt(0, attributes.length).array(), 0, 4);
            out.write(attributes, 0, attributes.length);
        }
        return out.toByteArray();
    }

    private Environment environment() {
        return operator.getContainingTask().getEnvironment();
    }

    @Override
    protected String jobId() {
        return environment().getJobID().toString();
    }

    @Override
    protected String taskName() {
        return environment().getTaskInfo().getTaskName();
    }

    @Override
    protected int subtask() {
        return environment().getTaskInfo().getIndexOfThisSubtask();
    }

    @Override
    protected EventLoggerOpenParams eventLoggerParams() {
        return new EventLoggerOpenParams(operator.getRuntimeContext());
    }

    @Override
    public StoredMemory storedMemory() {
        return states;
    }

    @Override
    protected boolean isEncoded() {
        return encoded;
    }

    @Override
    protected PythonProcesses startPython(final String what, @Nullable final PythonExchange.Service asked) {
        if (python == null) {
            return super.startPython(what, asked);
        }
        final int workers = config().getInt("python.workers", 1);
        if (workers < 1) {
            throw new IllegalArgumentException(
                    "Option python.workers is " + workers + ": it must be at least 1, since agent '" + agentName() + "' " + what);
        }
        final Environment environment = environment();
        try {
            return PythonProcesses.start(
                    python,
                    operator.getRuntimeContext(),
                    environment.getTaskManagerInfo().getTmpDirectories(),
                    agentName(),
                    environment.getTaskInfo().getTaskNameWithSubtasks(),
                    planJson,
                    Map.of(
                            "FLINK_AGENTS_JOB", jobId(),
                            "FLINK_AGENTS_TASK", taskName(),
                            "FLINK_AGENTS_SUBTASK", Integer.toString(subtask())),
                    workers,
                    operator::wakeUp,
                    asked);
        } catch (final RuntimeException e) {
            throw e;
        } catch (final InterruptedException e) {
            // Flink cancels by interrupting; who waits next has to see it, too.
            Thread.currentThread().interrupt();
            throw new IllegalStateException("The start of Python for agent '" + agentName() + "' was interrupted", e);
        } catch (final Exception e) {
            throw new IllegalStateException("No Python for agent '" + agentName() + "': " + e.getMessage(), e);
        }
    }

    @Override
    protected int restarts() {
        return operator.getContainingTask().getEnvironment().getTaskInfo().getAttemptNumber();
    }

    @Override
    protected void wakeUp() {
        operator.wakeUp();
    }

    @Override
    protected JournalOutlet journal() {
        return journal;
    }

    @Override
    protected ValueChecks checks() {
        return checks;
    }

    /** Python's keys have a letter for their type in front. */
    private Object keyOf(final Object key) {
        return encoded ? ((String) key).replaceFirst("^[a-z]:", "") : key;
    }

    @Override
    public String describeKey(final Object key) {
        return KeyText.of(keyOf(key), config());
    }

    @Override
    protected String traceKey(final Object key) {
        return KeyText.inTrace(keyOf(key), config());
    }
}
