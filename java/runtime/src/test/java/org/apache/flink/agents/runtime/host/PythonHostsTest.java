package org.apache.flink.agents.runtime.host;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Arrays;
import java.util.function.IntFunction;
import java.util.stream.IntStream;
import org.apache.flink.runtime.state.KeyGroupRangeAssignment;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** How keys are spread over the workers of a subtask. */
class PythonHostsTest {
    private static final int KEYS = 12_000;
    private static final int SUBTASKS = 4;

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 3, 4, 7, 16})
    void allKindsOfKeysReachAllWorkersOfASubtaskAboutEqually(final int workers) {
        check(workers, i -> (long) i);
        check(workers, i -> 1_000L * i);
        check(workers, i -> (long) i << 16);
        check(workers, i -> -i);
        check(workers, i -> "i:" + i);
        check(workers, i -> "s:user-" + i * 64);
        check(workers, i -> "s:" + Integer.toHexString(i) + "@example.org");
    }

    private static void check(final int workers, final IntFunction<Object> keys) {
        for (int subtask = 0; subtask < SUBTASKS; subtask++) {
            final int own = subtask;
            final int[] counts = new int[workers];
            IntStream.range(0, KEYS)
                    .mapToObj(keys)
                    .filter(key -> KeyGroupRangeAssignment.assignKeyToParallelOperator(key, 128, SUBTASKS) == own)
                    .forEach(key -> counts[PythonHosts.workerOf(key, workers)]++);
            final int even = KEYS / SUBTASKS / workers;
            assertThat(Arrays.stream(counts).boxed())
                    .as("keys such as %s", keys.apply(1))
                    .allSatisfy(count -> assertThat(count).isBetween(even / 2, even * 2));
        }
    }
}
