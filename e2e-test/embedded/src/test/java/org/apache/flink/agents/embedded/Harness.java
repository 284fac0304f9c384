package org.apache.flink.agents.embedded;

import java.lang.reflect.Field;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Consumer;
import java.util.function.UnaryOperator;
import java.util.stream.Collectors;
import org.apache.flink.agents.api.agents.Agent;
import org.apache.flink.agents.core.AgentsCore;
import org.apache.flink.agents.plan.AgentConfiguration;
import org.apache.flink.agents.plan.AgentPlan;
import org.apache.flink.agents.runtime.host.EncodedRecord;
import org.apache.flink.agents.runtime.host.PlainPython;
import org.apache.flink.agents.runtime.host.PythonEnvironment;
import org.apache.flink.agents.runtime.operator.AgentOperatorFactory;
import org.apache.flink.api.common.state.ValueState;
import org.apache.flink.api.common.state.ValueStateDescriptor;
import org.apache.flink.api.common.typeutils.base.array.BytePrimitiveArraySerializer;
import org.apache.flink.runtime.jobgraph.OperatorID;
import org.apache.flink.runtime.state.VoidNamespaceSerializer;
import org.apache.flink.api.common.typeinfo.PrimitiveArrayTypeInfo;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.api.java.functions.KeySelector;
import org.apache.flink.runtime.checkpoint.OperatorSubtaskState;
import org.apache.flink.runtime.checkpoint.SavepointType;
import org.apache.flink.core.execution.SavepointFormatType;
import org.apache.flink.runtime.checkpoint.SnapshotType;
import org.apache.flink.runtime.state.AbstractKeyedStateBackend;
import org.apache.flink.runtime.state.KeyGroupRangeAssignment;
import org.apache.flink.runtime.state.VoidNamespace;
import org.apache.flink.streaming.api.watermark.Watermark;
import org.apache.flink.streaming.runtime.streamrecord.StreamRecord;
import org.apache.flink.streaming.runtime.tasks.StreamTaskActionExecutor;
import org.apache.flink.streaming.runtime.tasks.mailbox.Mail;
import org.apache.flink.streaming.runtime.tasks.mailbox.TaskMailbox;
import org.apache.flink.streaming.util.KeyedOneInputStreamOperatorTestHarness;

/**
 * The operator with the real library, under the test's own hand: mails run only when the test says so. One mail runs at most
 * {@value #SLICE} actions.
 */
final class Harness<K, IN> implements AutoCloseable {
    /** Actions in one mail. */
    static final int SLICE = 256;

    static final int MAX_PARALLELISM = 16;
    private static final OperatorID OPERATOR = new OperatorID(1, 2);
    static final SnapshotType STOP = SavepointType.suspend(SavepointFormatType.CANONICAL);

    private final KeyedOneInputStreamOperatorTestHarness<K, IN, Object> flink;

    private Harness(final KeyedOneInputStreamOperatorTestHarness<K, IN, Object> flink) {
        this.flink = flink;
    }

    /** What makes operators of one agent. */
    static final class Job<K, IN> {
        private final String name;
        private byte[] plan;
        private final KeySelector<IN, K> selector;
        private final TypeInformation<K> keyType;
        private final TypeInformation<IN> recordType;
        private PythonEnvironment python;
        private boolean encoded;
        /** The graph of the job is built once, and its attempts are made of it. */
        private AgentOperatorFactory<IN> factory;
        private Consumer<KeyedOneInputStreamOperatorTestHarness<K, IN, Object>> setup = harness -> {};

        Job(
                final Agent agent,
                final KeySelector<IN, K> selector,
                final Class<K> keyType,
                final Class<IN> recordType,
                final Map<String, ?> config) {
            this(agent, selector, TypeInformation.of(keyType), TypeInformation.of(recordType), config);
        }

        Job(
                final Agent agent,
                final KeySelector<IN, K> selector,
                final TypeInformation<K> keyType,
                final TypeInformation<IN> recordType,
                final Map<String, ?> config) {
            final AgentPlan compiled = AgentPlan.compile(agent, null, new AgentConfiguration(config));
            this.name = compiled.getAgentName();
            this.plan = AgentsCore.validatePlan(compiled.toJson());
            this.selector = selector;
            this.keyType = keyType;
            this.recordType = recordType;
        }

        /** A job of a Python agent. */
        @SuppressWarnings("unchecked")
        static Job<String, byte[]> python(final String agentName, final String plan) {
            return (Job<String, byte[]>)
                    (Job<?, ?>)
                            new Job<>(
                                    agentName,
                                    plan,
                                    EncodedRecord::key,
                                    TypeInformation.of(String.class),
                                    PrimitiveArrayTypeInfo.BYTE_PRIMITIVE_ARRAY_TYPE_INFO);
        }

        private Job(
                final String name,
                final String plan,
                final KeySelector<IN, K> selector,
                final TypeInformation<K> keyType,
                final TypeInformation<IN> recordType) {
            this.name = name;
            this.plan = plan.getBytes(StandardCharsets.UTF_8);
            this.selector = selector;
            this.keyType = keyType;
            this.recordType = recordType;
            this.python = PythonTools.environment();
            this.encoded = true;
        }

        /** The same job, with a Python for its Python actions. */
        Job<K, IN> withPython() {
            python = PythonTools.environment();
            factory = null;
            return this;
        }

        /** The same job, with another interpreter. */
        Job<K, IN> withInterpreter(final String interpreter, final Map<String, String> environment) {
            python = new PlainPython(interpreter, environment);
            factory = null;
            return this;
        }

        /** The same job, its plan's text changed on the way. */
        Job<K, IN> withPlan(final UnaryOperator<String> change) {
            factory = null;
            plan = change.apply(new String(plan, StandardCharsets.UTF_8)).getBytes(StandardCharsets.UTF_8);
            return this;
        }

        Job<K, IN> with(final Consumer<KeyedOneInputStreamOperatorTestHarness<K, IN, Object>> change) {
            setup = setup.andThen(change);
            return this;
        }

        Harness<K, IN> open() throws Exception {
            return open(null, 1, 0);
        }

        Harness<K, IN> restore(final OperatorSubtaskState state) throws Exception {
            return open(state, 1, 0);
        }

        Harness<K, IN> open(final OperatorSubtaskState state, final int parallelism, final int subtask) throws Exception {
            if (factory == null) {
                factory = new AgentOperatorFactory<>(name, plan, recordType, python, encoded);
            }
            final KeyedOneInputStreamOperatorTestHarness<K, IN, Object> flink =
                    new KeyedOneInputStreamOperatorTestHarness<>(
                            factory, selector, keyType, MAX_PARALLELISM, parallelism, subtask);
            setup.accept(flink);
            flink.getStreamConfig().setupNetworkInputs(recordType.createSerializer(flink.getExecutionConfig().getSerializerConfig()));
            // Flink's own is another one each time, as of another operator.
            flink.getStreamConfig().setOperatorID(OPERATOR);
            flink.getStreamConfig().serializeAllConfigs();
            flink.setup(TypeInformation.of(Object.class).createSerializer(flink.getExecutionConfig().getSerializerConfig()));
            if (state != null) {
                flink.initializeState(state);
            }
            flink.open();
            return new Harness<>(flink);
        }
    }

    static int subtaskOf(final Object key, final int parallelism) {
        return KeyGroupRangeAssignment.assignKeyToParallelOperator(key, MAX_PARALLELISM, parallelism);
    }

    static Job<String, String> walkers() {
        return walkers(Map.of());
    }

    static Job<String, String> walkers(final Map<String, ?> config) {
        return new Job<>(new TestAgents.Walker(), TestAgents::keyOf, String.class, String.class, config);
    }

    KeyedOneInputStreamOperatorTestHarness<K, IN, Object> flink() {
        return flink;
    }

    void in(final IN record) throws Exception {
        flink.processElement(new StreamRecord<>(record));
    }

    void in(final IN record, final long timestamp) throws Exception {
        flink.processElement(new StreamRecord<>(record, timestamp));
    }

    void watermark(final long timestamp) throws Exception {
        flink.processWatermark(new Watermark(timestamp));
    }

    /** Runs one mail; returns false when there is none. */
    boolean mail() throws Exception {
        final Optional<Mail> mail = flink.getTaskMailbox().tryTake(TaskMailbox.MIN_PRIORITY);
        if (mail.isEmpty()) {
            return false;
        }
        run(mail.get());
        return true;
    }

    /** Runs mails until there is none. */
    void mails() throws Exception {
        while (mail()) {
            // The next one.
        }
    }

    /** Waits for a mail and runs it. */
    void awaitMail() throws Exception {
        run(flink.getTaskMailbox().take(TaskMailbox.MIN_PRIORITY));
    }

    /**
     * Flink's harness gives mails an executor that holds a monitor while they run, as only tasks of the old source functions
     * do. Of operators that read from a network, as ours, a mail runs without.
     */
    private static void run(final Mail mail) throws Exception {
        final Field executor = Mail.class.getDeclaredField("actionExecutor");
        executor.setAccessible(true);
        executor.set(mail, StreamTaskActionExecutor.IMMEDIATE);
        mail.run();
    }

    /** Waits for mails and runs them until so many records have come out. */
    List<Object> await(final int records) throws Exception {
        while (flink.getOutput().stream().filter(StreamRecord.class::isInstance).count() < records) {
            awaitMail();
        }
        return out();
    }

    /** Puts a mail into the mailbox, as Flink does with notifications. */
    void onMailbox(final Runnable action) {
        flink.getTaskMailbox().put(new Mail(action::run, TaskMailbox.MAX_PRIORITY, "mail of the test"));
    }

    /** Values of the records that came out so far; they are taken. */
    List<Object> out() {
        final List<Object> values =
                flink.extractOutputStreamRecords().stream().map(StreamRecord::getValue).collect(Collectors.toList());
        flink.getOutput().clear();
        return values;
    }

    /** Everything that came out so far, in order: records, watermarks, latency markers and so on; it is taken. */
    List<Object> everything() {
        final List<Object> all = new ArrayList<>(flink.getOutput());
        flink.getOutput().clear();
        return all;
    }

    OperatorSubtaskState snapshot(final long checkpoint) throws Exception {
        return flink.snapshot(checkpoint, checkpoint);
    }

    /** Keys with an entry in the operator's state of unfinished runs. */
    long storedInFlight() {
        return stored("inflight");
    }

    long stored(final String state) {
        final AbstractKeyedStateBackend<?> backend =
                (AbstractKeyedStateBackend<?>) flink.getOperator().getKeyedStateBackend();
        return backend.getKeys(state, VoidNamespace.INSTANCE).count();
    }

    /** Bytes of the unfinished runs of a key, or null. */
    byte[] readInFlight(final K key) throws Exception {
        return inFlightOf(key).value();
    }

    void writeInFlight(final K key, final byte[] bytes) throws Exception {
        inFlightOf(key).update(bytes);
    }

    private ValueState<byte[]> inFlightOf(final K key) throws Exception {
        flink.getOperator().setCurrentKey(key);
        return flink.getOperator()
                .<Object>getKeyedStateBackend()
                .getPartitionedState(
                        VoidNamespace.INSTANCE,
                        VoidNamespaceSerializer.INSTANCE,
                        new ValueStateDescriptor<>("inflight", BytePrimitiveArraySerializer.INSTANCE));
    }

    @Override
    public void close() {
        try {
            flink.close();
        } catch (final Exception e) {
            throw new IllegalStateException("The operator did not close", e);
        }
    }
}
