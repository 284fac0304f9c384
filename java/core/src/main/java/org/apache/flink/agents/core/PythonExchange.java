package org.apache.flink.agents.core;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLong;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Questions to a {@link PythonWorker} and of it, about resources of the other language. Questions and answers are bytes here.
 *
 * <p><i>Owned state</i>: the questions that are not answered yet, and one daemon thread that takes what the worker says. <i>
 * Lifecycle</i>: of no use any more when the worker is closed or has ended; whoever waits is told so. <i>Threads</i>: any may
 * ask and answer.
 */
public final class PythonExchange {
    private static final Logger LOG = LoggerFactory.getLogger(PythonExchange.class);

    private static final int ASKED = 0;
    private static final int ANSWERED = 1;
    /** What it did, and the number. */
    private static final int HEAD = 9;

    private final long handle;
    private final Thread thread;
    private final AtomicLong numbers = new AtomicLong();
    private final Map<Long, CompletableFuture<Answer>> asked = new ConcurrentHashMap<>();
    private final Service service;
    private volatile boolean ended;

    /** Who answers the questions of a worker. */
    public interface Service {
        /**
         * A worker has asked something. Called by the one thread that takes what the worker says: the answer is to be found on
         * another.
         *
         * @param exchange where to {@link PythonExchange#answer}
         * @param number number of the question
         * @param question the question
         */
        void asked(PythonExchange exchange, long number, byte[] question);
    }

    /** What came of a question. */
    public static final class Answer {
        private final boolean failed;
        private final byte[] value;

        Answer(final boolean failed, final byte[] value) {
            this.failed = failed;
            this.value = value;
        }

        /** Whether the value tells why there is no answer. */
        public boolean failed() {
            return failed;
        }

        /** The answer. */
        public byte[] value() {
            return value;
        }
    }

    PythonExchange(final long handle, final String task, final Service service) {
        this.handle = handle;
        this.service = service;
        thread = new Thread(this::take, "resources of the Python worker of " + task);
        thread.setDaemon(true);
        thread.setContextClassLoader(null);
    }

    void start() {
        thread.start();
    }

    /**
     * Asks the worker something. Waits only until that has been sent.
     *
     * @param question the question
     * @return the answer, when it is there; an {@link IOException} when the worker is no more
     * @throws IllegalArgumentException if the question is too large
     */
    public CompletableFuture<Answer> ask(final byte[] question) {
        final long number = numbers.incrementAndGet();
        final CompletableFuture<Answer> answer = new CompletableFuture<>();
        asked.put(number, answer);
        try {
            Natives.workerAsk(handle, number, question);
        } catch (final AgentsCoreException | IllegalStateException e) {
            gone(answer);
        } catch (final IllegalArgumentException e) {
            asked.remove(number);
            throw e;
        }
        if (ended) {
            // Those that wait have been told before this one waited.
            gone(answer);
        }
        answer.whenComplete((value, failure) -> asked.remove(number));
        return answer;
    }

    /**
     * Answers a question of the worker.
     *
     * @param number that of the question
     * @param failed whether the value tells why there is no answer
     * @param value the answer
     * @throws IllegalArgumentException if the value is too large: something else has to be answered then
     */
    public void answer(final long number, final boolean failed, final byte[] value) {
        try {
            Natives.workerAnswer(handle, number, failed ? 1 : 0, value);
        } catch (final AgentsCoreException | IllegalStateException e) {
            // Nobody waits for it any more; how the worker ended is told elsewhere.
            LOG.debug("An answer came too late for its Python worker: {}", e.getMessage());
        }
    }

    private static void gone(final CompletableFuture<Answer> answer) {
        answer.completeExceptionally(new IOException("The Python worker ended before it answered"));
    }

    private void take() {
        try {
            for (byte[] said = Natives.workerSaid(handle); said != null; said = Natives.workerSaid(handle)) {
                final ByteBuffer buffer = ByteBuffer.wrap(said).order(ByteOrder.LITTLE_ENDIAN);
                final int kind = buffer.get();
                final long number = buffer.getLong();
                final byte[] what = new byte[said.length - HEAD];
                buffer.get(what);
                if (kind == ASKED) {
                    service.asked(this, number, what);
                } else {
                    final CompletableFuture<Answer> waiting = asked.get(number);
                    if (waiting != null) {
                        waiting.complete(new Answer(kind != ANSWERED, what));
                    }
                }
            }
        } catch (final AgentsCoreException e) {
            LOG.error("Questions about resources end here: {}", e.getMessage());
        } finally {
            ended = true;
            asked.values().forEach(PythonExchange::gone);
        }
    }

    /** Waits for the end of its thread; the worker has been stopped. */
    void join() {
        PythonWorkerLog.join(thread);
    }
}
