package org.apache.flink.agents.core;

import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import org.apache.flink.agents.core.loader.NativeLibrary;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class ModelAnswersTest {
    private static final long NO_CLIENT = -1;

    @BeforeEach
    void load() {
        NativeLibrary.load();
    }

    @AfterEach
    void theThreadLooksWhetherItIsNeeded() {
        Natives.modelClose(NO_CLIENT);
    }

    @Test
    void whoWaitsForAnAnswerThatIsLostIsTold() {
        final ModelAnswers.Pending<String> call = ModelAnswers.pending(bytes -> "never", null);
        ModelAnswers.failAll(new OutOfMemoryError("made up"));
        assertThatThrownBy(() -> call.get(1, TimeUnit.MINUTES))
                .isInstanceOf(ExecutionException.class)
                .hasMessageContaining("is lost")
                .hasRootCauseMessage("made up");
    }
}
