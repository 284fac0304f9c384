package org.apache.flink.agents.runtime.host;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.CancellationException;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Executor;
import java.util.concurrent.RejectedExecutionException;
import org.apache.flink.agents.api.resource.ResourceType;
import org.apache.flink.agents.api.resource.python.PythonResourceException;
import org.apache.flink.agents.api.resource.python.PythonResources;
import org.apache.flink.agents.core.PythonExchange;
import org.apache.flink.agents.runtime.resource.JavaResourceService;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Resources of the other language: asks the first Python worker of a subtask for its own, and answers what workers ask about
 * Java's. What goes there and back is in {@code docs/adr/0013-resources-of-the-other-language.md}.
 *
 * <p><i>Lifecycle</i>: {@link #open} when the workers are ready; whoever waits is told when they have ended; {@link #close} after
 * that. <i>Threads</i>: any may ask, and waits; questions of workers are answered on threads of {@code answering}.
 */
final class ForeignResources implements PythonResources, PythonExchange.Service, AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(ForeignResources.class);

    private final JavaResourceService java;
    private final Executor answering;
    private final Runnable end;
    private final PlainData plain = new PlainData();
    /** Those that are answering. */
    private final Set<Thread> busy = ConcurrentHashMap.newKeySet();

    private volatile boolean closed;
    private volatile PythonExchange first;
    private volatile boolean ended;

    /**
     * @param java answers for resources of Java
     * @param answering runs that
     * @param end ends what actions wait for, by any thread: the subtask fails when it learns how its worker has ended, and what came
     *     of that is no result of an action or a call
     */
    ForeignResources(final JavaResourceService java, final Executor answering, final Runnable end) {
        this.java = java;
        this.answering = answering;
        this.end = end;
    }

    /** From now on that is asked. */
    void open(final PythonExchange exchange) {
        first = exchange;
    }

    /** Whether somebody has asked who was not answered, since the worker has ended. */
    boolean hasEnded() {
        return ended;
    }

    @Override
    public Object ask(final ResourceType type, final String name, final String method, final Map<String, Object> arguments)
            throws Exception {
        final PythonExchange exchange = first;
        if (exchange == null) {
            throw new IllegalStateException(
                    "Resource '" + name + "' of type " + type.getValue() + " is Python's, and its worker is not ready yet");
        }
        final Map<String, Object> question = new LinkedHashMap<>();
        question.put("type", type.getValue());
        question.put("name", name);
        question.put("method", method);
        question.put("arguments", arguments);
        final PythonExchange.Answer answer;
        try {
            answer = exchange.ask(encode(question)).get();
        } catch (final ExecutionException e) {
            ended = true;
            end.run();
            throw (CancellationException)
                    new CancellationException(
                                    "Resource '" + name + "' of type " + type.getValue() + " of Python has not answered: "
                                            + e.getCause().getMessage())
                            .initCause(e.getCause());
        }
        final Object value = PlainData.decode(answer.value(), 0);
        if (answer.failed()) {
            final Map<?, ?> failure = (Map<?, ?>) value;
            throw new PythonResourceException(
                    Objects.toString(failure.get("kind")),
                    Objects.toString(failure.get("message"), null),
                    Objects.toString(failure.get("trace"), null));
        }
        return value;
    }

    @Override
    public void asked(final PythonExchange exchange, final long number, final byte[] question) {
        try {
            answering.execute(() -> answer(exchange, number, question));
        } catch (final RejectedExecutionException e) {
            // The subtask ends, and the worker with it.
            LOG.debug("A question of a Python worker came too late: {}", e.getMessage());
        } catch (final OutOfMemoryError e) {
            // No thread can be started. Whoever asks must not wait for ever, nor all the others whose answers this thread brings.
            exchange.answer(number, true, encode(failure(e)));
        }
    }

    @SuppressWarnings("unchecked")
    private void answer(final PythonExchange exchange, final long number, final byte[] question) {
        byte[] value;
        boolean failed = false;
        busy.add(Thread.currentThread());
        try {
            if (closed) {
                return;
            }
            value = encode(java.answer((Map<String, Object>) PlainData.decode(question, 0)));
        } catch (final Throwable e) {
            failed = true;
            value = encode(failure(e));
        } finally {
            busy.remove(Thread.currentThread());
        }
        try {
            exchange.answer(number, failed, value);
        } catch (final IllegalArgumentException e) {
            exchange.answer(number, true, encode(failure(e)));
        }
    }

    /** Interrupts those that still answer: the workers have ended. */
    @Override
    public void close() {
        closed = true;
        busy.forEach(Thread::interrupt);
    }

    /** Whatever the exception's own methods do: there is nothing else left to answer. */
    private static Map<String, Object> failure(final Throwable e) {
        final Problem problem = Problem.of(e);
        final Map<String, Object> failure = new LinkedHashMap<>();
        failure.put("kind", problem.type());
        failure.put("message", Problem.text(() -> Objects.toString(e.getMessage(), ""), problem.type()));
        failure.put("trace", problem.trace());
        return failure;
    }

    private byte[] encode(final Object value) {
        synchronized (plain) {
            return plain.encode(value);
        }
    }
}
