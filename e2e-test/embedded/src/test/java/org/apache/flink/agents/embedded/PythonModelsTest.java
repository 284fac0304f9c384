package org.apache.flink.agents.embedded;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Built-in actions of Python agents in a worker; all else of them is tested in python/tests/models. */
@Timeout(value = 3, unit = TimeUnit.MINUTES)
class PythonModelsTest {
    @AfterEach
    void noWorkerIsLeft() {
        assertThat(PythonTools.workers()).isEmpty();
    }

    @ParameterizedTest
    @ValueSource(strings = {"native", "blocking"})
    void aModelIsAskedAndItsToolCalled(final String model) throws Exception {
        final int keys = 20;
        try (Harness<String, byte[]> harness = PythonTools.job("Asks").open()) {
            for (int i = 0; i < keys; i++) {
                harness.in(PythonTools.record("k" + i, List.of(model, 21)));
            }
            assertThat(PythonTools.decode(harness.await(keys))).hasSize(keys).containsOnly("it is 42");
        }
    }
}
