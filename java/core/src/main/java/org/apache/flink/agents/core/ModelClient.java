package org.apache.flink.agents.core;

import java.nio.charset.StandardCharsets;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.atomic.AtomicBoolean;
import org.apache.flink.agents.core.loader.NativeLibrary;

/**
 * A connection to chat or embedding models, a tool server, or a vector store, of the library. What crosses is JSON as {@code
 * rust/jni/src/models.rs} reads it.
 *
 * <p><i>Threads</i>: any, and several at once. A call needs none while it is under way; its future is completed by the one daemon
 * thread of {@link ModelAnswers}, which what depends on the future must not hold up.
 */
public final class ModelClient implements AutoCloseable {
    private final long handle;
    private final AtomicBoolean closed = new AtomicBoolean();

    private ModelClient(final long handle) {
        this.handle = handle;
    }

    /** Makes a result of the JSON that a call brought. */
    @FunctionalInterface
    public interface Reader<T> {
        T read(byte[] json) throws Exception;
    }

    /** What a model says, while it says it. */
    @FunctionalInterface
    public interface PartListener {
        /** More of the answer. */
        int TEXT = 0;
        /** More of what the model thinks. */
        int REASONING = 1;
        /** The attempt failed and another begins: what came so far does not count. */
        int AGAIN = 2;

        /**
         * A part has come.
         *
         * @param kind {@link #TEXT}, {@link #REASONING} or {@link #AGAIN}
         * @param text the part; empty with {@link #AGAIN}
         */
        void heard(int kind, String text);
    }

    /**
     * Opens a client. Nothing is sent yet.
     *
     * @throws IllegalArgumentException if an argument is unknown, missing or does not fit
     * @throws IllegalStateException if what an argument refers to is not there, or a store cannot be opened
     */
    public static ModelClient open(final byte[] opening) {
        NativeLibrary.load();
        final long handle = Natives.modelOpen(opening);
        try {
            ModelAnswers.expect();
        } catch (final RuntimeException | Error e) {
            Natives.modelClose(handle);
            throw e;
        }
        return new ModelClient(handle);
    }

    /**
     * Makes parameters of calls from the arguments of a setup.
     *
     * @throws IllegalArgumentException if an argument is unknown, missing or does not fit
     */
    public static byte[] parameters(final byte[] setting) {
        NativeLibrary.load();
        return Natives.modelParameters(setting);
    }

    /** Returns how many clients this copy of the library has open; what is not closed stays for ever. */
    public static int openClients() {
        NativeLibrary.load();
        return Natives.modelClients();
    }

    /**
     * Tells whether the provider itself makes a model's answers fit a schema.
     *
     * @throws IllegalStateException if this client is closed
     */
    public boolean nativeStructuredOutput(final String model) {
        return Natives.modelStructures(handle, model.getBytes(StandardCharsets.UTF_8)) != 0;
    }

    /**
     * Begins a call. Cancelling its future cancels it. It fails by a {@link ModelException} for what a model or the way to it did not
     * do, by an {@link McpException} for the same of a tool server, by an {@link IllegalStateException} for the rest.
     *
     * @param request JSON
     * @param reader run by the thread that completes the future
     * @throws IllegalStateException if this client is closed
     */
    public <T> CompletableFuture<T> call(final byte[] request, final Reader<T> reader) {
        return call(request, reader, null);
    }

    /**
     * Begins a chat whose answer is told part by part, too.
     *
     * @param request JSON
     * @param reader run by the thread that completes the future
     * @param listener told of each part, in order and before the future ends, by the same thread, which it must not hold up; null
     *     for nobody
     * @throws IllegalStateException if this client is closed
     */
    public <T> CompletableFuture<T> call(
            final byte[] request, final Reader<T> reader, final PartListener listener) {
        final ModelAnswers.Pending<T> pending = ModelAnswers.pending(reader, listener);
        try {
            Natives.modelCall(handle, pending.number(), request, listener == null ? 0 : 1);
        } catch (final RuntimeException | Error e) {
            pending.forget();
            throw e;
        }
        return pending;
    }

    /**
     * Waits for a call, on this thread. An interrupt cancels it.
     *
     * @throws IllegalStateException if this is the thread that brings the answers
     * @throws CancellationException if the call was cancelled, or this thread interrupted, which it still is then
     */
    public static <T> T await(final CompletableFuture<T> call) {
        if (ModelAnswers.isThisThread()) {
            call.cancel(true);
            throw new IllegalStateException(
                    "A model was waited for by the thread that brings the answers of all, which would wait for ever: what depends on"
                            + " an answer must not block; use thenComposeAsync, or chatAsync");
        }
        try {
            return call.get();
        } catch (final InterruptedException e) {
            call.cancel(true);
            Thread.currentThread().interrupt();
            throw (CancellationException) new CancellationException("Interrupted while waiting for a model").initCause(e);
        } catch (final ExecutionException e) {
            if (e.getCause() instanceof RuntimeException) {
                // It was made by another thread: who reads its trace wants to see this one, too.
                e.getCause().addSuppressed(new Throwable("asked here"));
                throw (RuntimeException) e.getCause();
            }
            throw new IllegalStateException(e.getCause());
        }
    }

    /** JSON as a text. */
    static String text(final byte[] json) {
        return new String(json, StandardCharsets.UTF_8);
    }

    /** Cancels the calls under way. Closing twice does nothing. */
    @Override
    public void close() {
        if (closed.compareAndSet(false, true)) {
            ModelAnswers.expectNoMore();
            Natives.modelClose(handle);
        }
    }
}
