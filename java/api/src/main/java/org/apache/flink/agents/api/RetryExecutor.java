package org.apache.flink.agents.api;

import java.net.ConnectException;
import java.net.SocketTimeoutException;
import java.util.Objects;
import java.util.concurrent.Callable;
import java.util.concurrent.ThreadLocalRandom;
import java.util.function.Predicate;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Makes a call again when it fails for a reason that may pass.
 *
 * <p>Before retry n it sleeps a random time between 0 and {@code initialBackoffMs · 2^(n-1)}, at
 * most {@code maxBackoffMs}, on the calling thread: use it inside of durable calls, not around them.
 * Safe for use by several threads.
 */
public class RetryExecutor {
    private static final Logger LOG = LoggerFactory.getLogger(RetryExecutor.class);

    private final int maxRetries;
    private final long initialBackoffMs;
    private final long maxBackoffMs;
    private final Predicate<Exception> retryable;

    private RetryExecutor(Builder builder) {
        this.maxRetries = builder.maxRetries;
        this.initialBackoffMs = builder.initialBackoffMs;
        this.maxBackoffMs = builder.maxBackoffMs;
        this.retryable = builder.retryable;
    }

    /** Returns a builder with the defaults: 3 retries, 100 ms to 10 s, network failures. */
    public static Builder builder() {
        return new Builder();
    }

    /** Returns an executor with the defaults: 3 retries, 100 ms to 10 s, network failures. */
    public static RetryExecutor withDefaults() {
        return builder().build();
    }

    /**
     * Makes a call, again and again if need be.
     *
     * @param callable the call
     * @param operationName names the call in errors and logs
     * @throws RuntimeException if the call failed for good; the cause is its last exception
     */
    public <T> T execute(Callable<T> callable, String operationName) {
        for (int attempt = 0; ; attempt++) {
            try {
                return callable.call();
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                throw new RuntimeException(operationName + " was interrupted.", e);
            } catch (Exception e) {
                if (!retryable.test(e)) {
                    throw new RuntimeException(
                            operationName + " failed, and a retry would not help: " + e, e);
                }
                if (attempt >= maxRetries) {
                    throw new RuntimeException(
                            operationName + " failed after " + attempt + " retries: " + e, e);
                }
                final long wait = backoff(attempt);
                LOG.debug("{} failed, retry {} of {} in {} ms", operationName, attempt + 1, maxRetries, wait, e);
                sleep(wait, operationName, e);
            }
        }
    }

    private long backoff(int attempt) {
        // Shifting by the number of leading zeros or more would overflow.
        final long window =
                attempt >= Long.numberOfLeadingZeros(initialBackoffMs) - 1
                        ? maxBackoffMs
                        : Math.min(initialBackoffMs << attempt, maxBackoffMs);
        return window <= 0 ? 0 : ThreadLocalRandom.current().nextLong(window + 1);
    }

    private static void sleep(long millis, String operationName, Exception failure) {
        try {
            Thread.sleep(millis);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            final RuntimeException interrupted =
                    new RuntimeException(
                            operationName + " was interrupted while waiting for a retry.", e);
            interrupted.addSuppressed(failure);
            throw interrupted;
        }
    }

    private static boolean isNetworkFailure(Exception failure) {
        Throwable cause = failure;
        // Bounded, because causes may form a circle.
        for (int depth = 0; cause != null && depth < 32; depth++) {
            if (cause instanceof SocketTimeoutException || cause instanceof ConnectException) {
                return true;
            }
            final String message = cause.getMessage();
            if (message != null
                    && (message.contains("HTTP 503")
                            || message.contains("HTTP 429")
                            || message.contains("Connection reset")
                            || message.contains("Connection refused")
                            || message.contains("Connection timed out"))) {
                return true;
            }
            cause = cause.getCause();
        }
        return false;
    }

    /** Returns how often a call is made again after the first time. */
    public int getMaxRetries() {
        return maxRetries;
    }

    /** Returns the longest wait before the first retry, in milliseconds. */
    public long getInitialBackoffMs() {
        return initialBackoffMs;
    }

    /** Returns the longest wait before any retry, in milliseconds. */
    public long getMaxBackoffMs() {
        return maxBackoffMs;
    }

    /** Builds executors. */
    public static class Builder {
        private int maxRetries = 3;
        private long initialBackoffMs = 100;
        private long maxBackoffMs = 10_000;
        private Predicate<Exception> retryable = RetryExecutor::isNetworkFailure;

        /** Sets how often a call is made again after the first time; 0 means never. */
        public Builder maxRetries(int maxRetries) {
            this.maxRetries = maxRetries;
            return this;
        }

        /** Sets the longest wait before the first retry, in milliseconds. */
        public Builder initialBackoffMs(long initialBackoffMs) {
            this.initialBackoffMs = initialBackoffMs;
            return this;
        }

        /** Sets the longest wait before any retry, in milliseconds. */
        public Builder maxBackoffMs(long maxBackoffMs) {
            this.maxBackoffMs = maxBackoffMs;
            return this;
        }

        /** Sets which failures may pass; by default timeouts, connection failures, HTTP 429, 503. */
        public Builder retryablePredicate(Predicate<Exception> retryablePredicate) {
            this.retryable = Objects.requireNonNull(retryablePredicate, "retryablePredicate");
            return this;
        }

        /**
         * Returns the executor.
         *
         * @throws IllegalArgumentException if a number is negative
         */
        public RetryExecutor build() {
            if (maxRetries < 0 || initialBackoffMs < 0 || maxBackoffMs < 0) {
                throw new IllegalArgumentException(
                        "Retries and waits must not be negative: maxRetries="
                                + maxRetries
                                + ", initialBackoffMs="
                                + initialBackoffMs
                                + ", maxBackoffMs="
                                + maxBackoffMs
                                + ".");
            }
            return new RetryExecutor(this);
        }
    }
}
