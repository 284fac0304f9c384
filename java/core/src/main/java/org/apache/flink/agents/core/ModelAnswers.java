package org.apache.flink.agents.core;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.security.AccessController;
import java.security.PrivilegedAction;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLong;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Fetches what the calls of all {@link ModelClient}s brought, and completes their futures.
 *
 * <p><b>Owned state:</b> the calls under way, and one daemon thread. <b>Lifecycle:</b> the thread lives while there is a client or a
 * call, so that it does not keep the class loader of a job that is over. <b>Constraint:</b> any thread may call.
 */
final class ModelAnswers implements Runnable {
    /** How often the thread looks by itself; it is told of everything it waits for. */
    private static final int LOOK_MILLIS = 60_000;

    private static final Logger LOG = LoggerFactory.getLogger(ModelAnswers.class);

    private static final int AS_ASKED = 0;
    private static final int MODEL_ERROR = 1;
    private static final int MCP_ERROR = 3;
    /** Of this and above a call has not ended: kinds of {@link ModelClient.PartListener}. */
    private static final int PART = 4;

    private static final ObjectMapper MAPPER = new ObjectMapper();
    private static final AtomicLong NUMBERS = new AtomicLong();
    private static final Map<Long, Pending<?>> CALLS = new ConcurrentHashMap<>();
    private static final Object LOCK = new Object();

    // Guarded by LOCK.
    private static int clients;
    private static Thread thread;

    private ModelAnswers() {}

    /** A call under way. */
    static final class Pending<T> extends CompletableFuture<T> {
        private final long number = NUMBERS.incrementAndGet();
        private final ModelClient.Reader<T> reader;
        /** Null for nobody. */
        private final ModelClient.PartListener listener;

        private Pending(final ModelClient.Reader<T> reader, final ModelClient.PartListener listener) {
            this.reader = reader;
            this.listener = listener;
        }

        long number() {
            return number;
        }

        /** No answer will come. */
        void forget() {
            CALLS.remove(number);
        }

        @Override
        public boolean cancel(final boolean mayInterrupt) {
            final boolean cancelled = super.cancel(mayInterrupt);
            if (cancelled && CALLS.containsKey(number)) {
                Natives.modelCancel(number);
            }
            return cancelled;
        }

        private void heard(final int kind, final byte[] bytes) {
            try {
                if (listener != null && !isDone()) {
                    listener.heard(kind, ModelClient.text(bytes));
                }
            } catch (final RuntimeException e) {
                LOG.error("A listener to what models say failed; it is told what comes next", e);
            }
        }

        private void brought(final int outcome, final byte[] bytes) {
            try {
                if (outcome == AS_ASKED) {
                    complete(reader.read(bytes));
                } else {
                    completeExceptionally(error(outcome, bytes));
                }
            } catch (final Throwable e) {
                completeExceptionally(e);
            }
        }
    }

    private static RuntimeException error(final int outcome, final byte[] bytes) throws IOException {
        if (outcome != MODEL_ERROR && outcome != MCP_ERROR) {
            return new IllegalStateException(ModelClient.text(bytes));
        }
        final JsonNode told = MAPPER.readTree(bytes);
        if (outcome == MCP_ERROR) {
            return new McpException(told.path("message").asText(), told.path("kind").asText(), told.path("server").asText());
        }
        return new ModelException(
                told.path("message").asText(),
                told.path("kind").asText(),
                told.path("status").asInt(),
                told.path("may_pass").asBoolean());
    }

    static <T> Pending<T> pending(final ModelClient.Reader<T> reader, final ModelClient.PartListener listener) {
        final Pending<T> pending = new Pending<>(reader, listener);
        synchronized (LOCK) {
            ensureThread();
            CALLS.put(pending.number, pending);
        }
        return pending;
    }

    /** There is one more client. */
    static void expect() {
        synchronized (LOCK) {
            ensureThread();
            clients++;
        }
    }

    /** With the lock. Where there is no room for a thread, whoever needs it is told, and the next tries again. */
    private static void ensureThread() {
        if (thread == null) {
            // Of the job that happens to be the first it inherits nothing: it may outlive it.
            final Thread made = AccessController.doPrivileged((PrivilegedAction<Thread>) ModelAnswers::newThread);
            made.start();
            thread = made;
        }
    }

    private static Thread newThread() {
        final Thread made = new Thread(null, new ModelAnswers(), "flink-agents model answers", 0, false);
        made.setDaemon(true);
        made.setContextClassLoader(null);
        return made;
    }

    /** Whether this is the thread that brings the answers. */
    static boolean isThisThread() {
        synchronized (LOCK) {
            return Thread.currentThread() == thread;
        }
    }

    /** There is one client less. To be called before the library closes it, which makes the thread look. */
    static void expectNoMore() {
        synchronized (LOCK) {
            clients--;
        }
    }

    @Override
    public void run() {
        try {
            while (true) {
                deliver(Natives.modelAnswers(LOOK_MILLIS));
                synchronized (LOCK) {
                    if (clients == 0 && CALLS.isEmpty()) {
                        thread = null;
                        return;
                    }
                }
            }
        } catch (final Throwable e) {
            failAll(e);
        }
    }

    /** What was brought may be lost: nobody is to wait for it for ever. The next call gets a thread of its own. */
    static void failAll(final Throwable why) {
        final List<Pending<?>> lost;
        synchronized (LOCK) {
            thread = null;
            lost = new ArrayList<>(CALLS.values());
            CALLS.clear();
        }
        for (final Pending<?> call : lost) {
            call.completeExceptionally(
                    new IllegalStateException("The answer of a model client is lost, since it could not be fetched: " + why, why));
        }
    }

    private static void deliver(final byte[] answers) {
        final ByteBuffer in = ByteBuffer.wrap(answers).order(ByteOrder.LITTLE_ENDIAN);
        while (in.hasRemaining()) {
            final long number = in.getLong();
            final int outcome = in.get();
            final byte[] bytes = new byte[in.getInt()];
            in.get(bytes);
            final Pending<?> pending = outcome < PART ? CALLS.remove(number) : CALLS.get(number);
            if (pending != null && outcome >= PART) {
                pending.heard(outcome - PART, bytes);
            } else if (pending != null) {
                pending.brought(outcome, bytes);
            }
        }
    }
}
