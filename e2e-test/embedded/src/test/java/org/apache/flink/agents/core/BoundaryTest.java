package org.apache.flink.agents.core;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.File;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.Test;

/** What happens at the edge between Java and the library when somebody does it wrong. */
class BoundaryTest {
    private static final byte[] PLAN = BoundaryMain.plan();

    @Test
    @SuppressWarnings("try") // closing twice is part of the story
    void aPanicIsAnExceptionThatNamesThePlaceAndEndsOnlyItsCore() {
        try (AgentsCore broken = AgentsCore.open(PLAN);
                AgentsCore sound = AgentsCore.open(PLAN)) {
            assertThat(BoundaryMain.runOnce(broken)).isEqualTo(1);
            assertThatThrownBy(broken::panicForTest)
                    .isInstanceOf(AgentsCoreException.class)
                    .hasMessageContaining(".rs:");
            assertThatThrownBy(() -> broken.input(0, "event", 1, 2, false, 0, null, 0))
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessageContaining("panic");
            assertThatThrownBy(() -> broken.marker(AgentsCore.WATERMARK, 1)).isInstanceOf(IllegalStateException.class);
            assertThat(BoundaryMain.runOnce(sound)).isEqualTo(1);
            broken.close();
            assertThat(BoundaryMain.runOnce(sound)).isEqualTo(1);
        }
    }

    /** False would say that all is done. */
    @Test
    void aPollAfterAPanicIsRefusedEvenWhenNothingWasLeftToTell() {
        try (AgentsCore core = AgentsCore.open(PLAN)) {
            assertThat(BoundaryMain.runOnce(core)).isEqualTo(1);
            assertThat(core.poll(true)).isFalse();
            assertThatThrownBy(core::panicForTest).isInstanceOf(AgentsCoreException.class);
            for (final boolean mayRun : new boolean[] {false, true}) {
                assertThatThrownBy(() -> core.poll(mayRun))
                        .isInstanceOf(IllegalStateException.class)
                        .hasMessageContaining("panic");
            }
        }
    }

    @Test
    void aClosedCoreRefusesEverything() {
        final AgentsCore core = AgentsCore.open(PLAN);
        assertThat(BoundaryMain.runOnce(core)).isEqualTo(1);
        core.close();
        core.close();
        final KeySnapshot snapshot = new KeySnapshot(new byte[4], new Object[0]);
        final List<ThrowingCallable> calls =
                List.of(
                        () -> core.input(0, "event", 1, 2, false, 0, null, 0),
                        () -> core.send(1, 1, "event", 1, 2, null, 0),
                        () -> core.finish(1),
                        () -> core.suspend(1),
                        () -> core.wake(1),
                        () -> core.marker(AgentsCore.WATERMARK, 1),
                        core::endOfInput,
                        () -> core.poll(true),
                        core::counts,
                        core::takeDirty,
                        () -> core.symbol("never seen before"),
                        () -> core.memoryGet(1, AgentsCore.SENSORY, "a", null),
                        () -> core.memorySet(1, AgentsCore.SENSORY, "a", 1, null),
                        () -> core.memoryNewObject(1, AgentsCore.SENSORY, "a", true, null),
                        () -> core.memoryChildren(1, AgentsCore.SENSORY, "", null),
                        () -> core.snapshotKey(0),
                        () -> core.restoreKey(0, snapshot, null),
                        core::panicForTest);
        for (int i = 0; i < calls.size(); i++) {
            assertThatThrownBy(calls.get(i))
                    .as("call %s", i)
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessageContaining("closed");
        }
    }

    @Test
    void aSlotThatIsUsedAgainIsAnotherCore() {
        final AgentsCore old = AgentsCore.open(PLAN);
        old.close();
        try (AgentsCore young = AgentsCore.open(PLAN)) {
            assertThatThrownBy(() -> old.poll(true)).isInstanceOf(IllegalStateException.class);
            assertThat(BoundaryMain.runOnce(young)).isEqualTo(1);
            old.close();
            assertThat(BoundaryMain.runOnce(young)).isEqualTo(1);
        }
    }

    @Test
    void numbersThatMeanNothingAreRefused() {
        try (AgentsCore core = AgentsCore.open(PLAN)) {
            for (final long task : new long[] {-1, 0, 1, 99, Long.MAX_VALUE, Long.MIN_VALUE}) {
                assertThatThrownBy(() -> core.finish(task)).isInstanceOf(IllegalStateException.class);
                assertThatThrownBy(() -> core.send(task, core.symbol("x"), "e", 1, 2, null, 0))
                        .isInstanceOf(IllegalStateException.class);
                assertThatThrownBy(() -> core.memoryGet(task, AgentsCore.SENSORY, "a", null))
                        .isInstanceOf(IllegalStateException.class);
            }
            final ByteBuffer direct = ByteBuffer.allocateDirect(8);
            for (final int length : new int[] {-1, 9, Integer.MAX_VALUE}) {
                assertThatThrownBy(() -> core.input(0, "e", 1, 2, false, 0, direct, length)).hasMessageContaining("buffer of 8");
            }
            assertThatThrownBy(() -> core.input(0, "e", 1, 2, false, 0, null, 1)).hasMessageContaining("no buffer");
            assertThatThrownBy(() -> core.input(0, "e", 1, 2, false, 0, ByteBuffer.allocate(8), 8))
                    .isInstanceOf(IllegalArgumentException.class);
            for (final int slot : new int[] {-1, Integer.MAX_VALUE, 1 << 25, 5_000}) {
                assertThatThrownBy(() -> core.input(slot, "e", 1, 2, false, 0, null, 0))
                        .isInstanceOf(IllegalStateException.class)
                        .hasMessageContaining("slot")
                        .hasMessageContaining("lowest free number");
            }
            assertThatThrownBy(() -> core.restoreKey(0, new KeySnapshot(new byte[] {1, 2, 3}, new Object[0]), null))
                    .isInstanceOf(AgentsCoreException.class);
            assertThat(core.heldValues()).as("what was refused is not kept").isZero();
            assertThat(BoundaryMain.runOnce(core)).isEqualTo(1);
            assertThat(core.heldValues()).isZero();
        }
    }

    @Test
    void theJvmsOwnChecksFindNothing() throws Exception {
        final List<String> lines = run("-Xcheck:jni", "-Xmx256m");
        assertThat(lines).contains("done 20000");
        assertThat(lines).noneMatch(line -> line.contains("WARNING") || line.contains("FATAL") || line.contains("JNI"));
    }

    @Test
    void theJvmsOwnChecksWouldFindSomething() throws Exception {
        // The option is known and speaks: a JVM with a misspelt one does not start.
        assertThat(run("-Xcheck:jny", "-Xmx64m")).noneMatch(line -> line.startsWith("done"));
    }

    private static List<String> run(final String... options) throws Exception {
        final List<String> command = new ArrayList<>();
        command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
        command.addAll(List.of(options));
        command.addAll(List.of("-cp", System.getProperty("surefire.test.class.path", System.getProperty("java.class.path"))));
        command.add(BoundaryMain.class.getName());
        final File output = File.createTempFile("boundary", ".txt");
        final Process process =
                new ProcessBuilder(command).redirectErrorStream(true).redirectOutput(output).start();
        try {
            assertThat(process.waitFor(120, TimeUnit.SECONDS)).isTrue();
            return java.nio.file.Files.readAllLines(output.toPath(), StandardCharsets.UTF_8);
        } finally {
            process.destroyForcibly();
            assertThat(output.delete()).isTrue();
        }
    }
}
