package org.apache.flink.agents.core;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import org.junit.jupiter.api.Test;

/** Wrong or boundless use that must neither grow without end nor take the JVM down. */
class CoreLimitsTest {
    private static final byte[] PLAN = BoundaryMain.plan();

    /** The first action of a new input. */
    private static long started(final AgentsCore core) {
        core.input(0, "input", 1, 1, false, 0, null, 0);
        assertThat(core.poll(true)).isTrue();
        assertThat(core.kind()).isEqualTo(AgentsCore.RUN_ACTION);
        return core.task();
    }

    private static void drained(final AgentsCore core) {
        while (core.poll(true)) {
            assertThat(core.kind()).isNotEqualTo(AgentsCore.RUN_ACTION);
        }
    }

    @Test
    void aPathTooLongOrTooDeepIsRefusedWithActionPathAndLimit() throws Exception {
        try (AgentsCore core = AgentsCore.open(PLAN)) {
            final long task = started(core);
            final String tooDeep = "n.".repeat(256) + "n";
            final String tooLong = "x".repeat(4_097);
            for (final String path : List.of(tooDeep, tooLong, "a.".repeat(30_000) + "a")) {
                assertThatThrownBy(() -> core.memorySet(task, AgentsCore.SENSORY, path, 1, null))
                        .isInstanceOf(IllegalArgumentException.class)
                        .hasMessageContaining("'first'")
                        .hasMessageContaining(path.substring(0, 40))
                        .hasMessageContaining("4096 bytes")
                        .hasMessageContaining("256 names");
                assertThatThrownBy(() -> core.memoryGet(task, AgentsCore.SHORT_TERM, path, null))
                        .isInstanceOf(IllegalArgumentException.class);
            }
            for (final String path : List.of("a.".repeat(50_000) + "a", "x".repeat(10_000_000))) {
                assertThatThrownBy(() -> core.memorySet(task, AgentsCore.SENSORY, path, 1, null))
                        .isInstanceOf(IllegalArgumentException.class)
                        .hasMessageContaining("65536")
                        .hasMessageContaining("4096");
            }
            core.memorySet(task, AgentsCore.SENSORY, "n.".repeat(255) + "n", 1, null);
            core.finish(task);
            drained(core);
            assertThat(core.heldValues()).as("what was refused is not kept").isZero();
        }
    }

    /** Each call brings all its effects, so that no further one is ever needed: texts have to be given back all the same. */
    @Test
    void pathsMadeUpAtRunTimeAreGivenBackByAHostThatNeverWaits() throws Exception {
        try (AgentsCore core = AgentsCore.open(PLAN)) {
            int most = 0;
            for (int i = 0; i < 100_000; i++) {
                final long task = started(core);
                core.memorySet(task, AgentsCore.SENSORY, "made." + i, i, null);
                core.finish(task);
                drained(core);
                most = i % 1_000 == 0 ? Math.max(most, core.counts()[4]) : most;
            }
            assertThat(most).isBetween(60_000, 70_000);
            assertThat(core.heldValues()).isZero();
        }
    }
}
