package org.apache.flink.agents.plan.actions;

import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CompletionStage;
import java.util.function.Function;
import javax.annotation.Nullable;

/** What is made of what another stage brings. To cancel it cancels that one, which a stage made by {@code thenApply} does not. */
final class Derived<T> extends CompletableFuture<T> {
    private final CompletableFuture<?> from;

    private Derived(CompletableFuture<?> from) {
        this.from = from;
    }

    /** Fails as the other stage does. */
    static <S, T> CompletableFuture<T> of(CompletionStage<S> from, Function<S, T> make) {
        return of(from, make, thrown -> null);
    }

    /**
     * Makes something of failures, too.
     *
     * @param instead of a failure; null lets it stand
     */
    static <S, T> CompletableFuture<T> of(CompletionStage<S> from, Function<S, T> make, Function<Throwable, T> instead) {
        final CompletableFuture<S> asked = from.toCompletableFuture();
        final Derived<T> made = new Derived<>(asked);
        asked.whenComplete((brought, thrown) -> {
            try {
                made.take(thrown == null ? make.apply(brought) : null, thrown, instead);
            } catch (RuntimeException | Error e) {
                // Nobody would be told of it here.
                made.take(null, e, instead);
            }
        });
        return made;
    }

    private void take(@Nullable T value, @Nullable Throwable thrown, Function<Throwable, T> instead) {
        if (thrown == null) {
            complete(value);
            return;
        }
        final Throwable why = thrown instanceof CompletionException && thrown.getCause() != null ? thrown.getCause() : thrown;
        final T other = instead.apply(why);
        if (other == null) {
            completeExceptionally(why);
        } else {
            complete(other);
        }
    }

    @Override
    public boolean cancel(boolean mayInterrupt) {
        from.cancel(mayInterrupt);
        return super.cancel(mayInterrupt);
    }
}
