package org.apache.flink.agents.api;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.net.ConnectException;
import java.net.SocketTimeoutException;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;

class RetryExecutorTest {
    private static RetryExecutor.Builder withoutWaiting() {
        return RetryExecutor.builder().initialBackoffMs(0).maxBackoffMs(0);
    }

    private static int callsUntilGivenUp(RetryExecutor executor, Exception failure) {
        final AtomicInteger calls = new AtomicInteger();
        assertThatThrownBy(
                        () ->
                                executor.execute(
                                        () -> {
                                            calls.incrementAndGet();
                                            throw failure;
                                        },
                                        "asking"))
                .isExactlyInstanceOf(RuntimeException.class)
                .hasMessageContaining("asking")
                .hasCause(failure);
        return calls.get();
    }

    @Test
    void defaultsAreThreeRetriesAndTenSeconds() {
        final RetryExecutor executor = RetryExecutor.withDefaults();
        assertThat(executor.getMaxRetries()).isEqualTo(3);
        assertThat(executor.getInitialBackoffMs()).isEqualTo(100);
        assertThat(executor.getMaxBackoffMs()).isEqualTo(10_000);
    }

    @Test
    void networkFailuresAreTriedAgainAndOthersAreNot() {
        final RetryExecutor executor = withoutWaiting().build();
        assertThat(callsUntilGivenUp(executor, new SocketTimeoutException())).isEqualTo(4);
        assertThat(callsUntilGivenUp(executor, new ConnectException())).isEqualTo(4);
        assertThat(callsUntilGivenUp(executor, new IOException("got HTTP 429 back"))).isEqualTo(4);
        assertThat(callsUntilGivenUp(executor, new IOException("HTTP 503"))).isEqualTo(4);
        assertThat(callsUntilGivenUp(executor, new IOException("Connection reset by peer"))).isEqualTo(4);
        assertThat(callsUntilGivenUp(executor, new RuntimeException(new ConnectException()))).isEqualTo(4);
        assertThat(callsUntilGivenUp(executor, new IOException("HTTP 404"))).isEqualTo(1);
        assertThat(callsUntilGivenUp(executor, new IllegalStateException())).isEqualTo(1);
    }

    @Test
    void callThatSucceedsAtLastGivesItsResult() {
        final AtomicInteger calls = new AtomicInteger();
        final String result =
                withoutWaiting()
                        .retryablePredicate(e -> e instanceof IllegalStateException)
                        .build()
                        .execute(
                                () -> {
                                    if (calls.incrementAndGet() < 3) {
                                        throw new IllegalStateException();
                                    }
                                    return "done";
                                },
                                "counting");
        assertThat(result).isEqualTo("done");
        assertThat(calls).hasValue(3);
    }

    @Test
    void noRetriesMeansOneCall() {
        assertThat(callsUntilGivenUp(withoutWaiting().maxRetries(0).build(), new ConnectException()))
                .isEqualTo(1);
    }

    @Test
    void hugeNumbersOfRetriesDoNotOverflowTheWait() {
        final RetryExecutor executor =
                RetryExecutor.builder().maxRetries(200).initialBackoffMs(1).maxBackoffMs(0).build();
        assertThat(callsUntilGivenUp(executor, new ConnectException())).isEqualTo(201);
    }

    @Test
    void interruptionEndsTheRetriesAndStaysVisible() {
        try {
            Thread.currentThread().interrupt();
            assertThatThrownBy(
                            () ->
                                    RetryExecutor.builder()
                                            .initialBackoffMs(60_000)
                                            .build()
                                            .execute(
                                                    () -> {
                                                        throw new ConnectException();
                                                    },
                                                    "asking"))
                    .hasMessageContaining("interrupted")
                    .hasCauseInstanceOf(InterruptedException.class);
            assertThat(Thread.currentThread().isInterrupted()).isTrue();
        } finally {
            Thread.interrupted();
        }
    }

    @Test
    void negativeNumbersAreRefused() {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> RetryExecutor.builder().maxRetries(-1).build());
        assertThatIllegalArgumentException()
                .isThrownBy(() -> RetryExecutor.builder().initialBackoffMs(-1).build());
    }
}
