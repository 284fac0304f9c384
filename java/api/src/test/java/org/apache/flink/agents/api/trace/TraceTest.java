package org.apache.flink.agents.api.trace;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.apache.flink.agents.api.Event;
import org.apache.flink.agents.api.RecordingContext;
import org.apache.flink.agents.api.agents.Agent;
import org.junit.jupiter.api.Test;

class TraceTest {
    private static final class Reporting extends RecordingContext implements ExecutionReporter {
        private final List<String> calls = new ArrayList<>();
        private boolean broken;

        private Reporting() {
            super(new Agent());
        }

        @Override
        public void reportExecutionStarted(String type, String name, Map<String, Object> metadata)
                throws Exception {
            note("started " + type + " " + name + " " + metadata);
        }

        @Override
        public void reportExecutionSucceeded(String type, String name, Map<String, Object> metadata)
                throws Exception {
            note("succeeded " + type + " " + name + " " + metadata);
        }

        @Override
        public void reportExecutionFailed(
                String type,
                String name,
                Map<String, Object> metadata,
                Throwable error,
                String category)
                throws Exception {
            note("failed " + type + " " + name + " " + metadata + " " + error.getMessage() + " " + category);
        }

        private void note(String call) throws Exception {
            calls.add(call);
            if (broken) {
                throw new Exception("the trace is broken");
            }
        }
    }

    @Test
    void executionsAreReportedToContextsThatTakeThem() {
        final Reporting context = new Reporting();
        ExecutionReporters.started(context, "tool", "add");
        ExecutionReporters.succeeded(context, "tool", "add", Map.of("k", 1));
        ExecutionReporters.failed(context, "tool", "add", new Exception("e"), "c");
        assertThat(context.calls)
                .containsExactly(
                        "started tool add {}", "succeeded tool add {k=1}", "failed tool add {} e c");
    }

    @Test
    void reportingNeverFails() {
        ExecutionReporters.started(new RecordingContext(new Agent()), "tool", "add");
        final Reporting broken = new Reporting();
        broken.broken = true;
        ExecutionReporters.started(broken, "tool", "add", null);
        ExecutionReporters.succeeded(broken, "tool", "add");
        assertThat(broken.calls).hasSize(2);
    }

    @Test
    void lifecycleEventsTellStatusAndInnermostCause() {
        assertThat(ExecutionLifecycleEvents.executionStarted().getAttributes())
                .isEqualTo(Map.of("status", "started"));
        assertThat(ExecutionLifecycleEvents.executionFinished().getAttr("status")).isEqualTo("success");
        assertThat(ExecutionLifecycleEvents.executionReused().getAttr("status")).isEqualTo("reused");
        final Event failed =
                ExecutionLifecycleEvents.executionFailed(
                        new RuntimeException("outer", new IllegalStateException("inner")),
                        ExecutionReporter.ProblemCategories.TOOL_CALL_FAILED);
        assertThat(failed.getAttributes())
                .isEqualTo(
                        Map.of(
                                "status",
                                "failed",
                                "problemCategory",
                                "tool_call_failed",
                                "errorType",
                                "java.lang.IllegalStateException",
                                "errorMessage",
                                "inner"));
        assertThat(ExecutionLifecycleEvents.isExecutionLifecycleEvent(failed.getType())).isTrue();
        assertThat(ExecutionLifecycleEvents.isExecutionLifecycleEvent("_input_event")).isFalse();
        assertThat(ExecutionLifecycleEvents.isExecutionLifecycleEvent(null)).isFalse();
    }

    @Test
    void causesThatFormACircleEnd() {
        final Exception a = new Exception("a");
        final Exception b = new Exception("b", a);
        a.initCause(b);
        assertThat(ExecutionLifecycleEvents.executionFailed(a).getAttr("errorMessage")).isEqualTo("b");
    }

    @Test
    void childExecutionsPointToTheirParent() {
        final ExecutionTraceContext run = ExecutionTraceContext.forInputRun("key", "agent");
        final ExecutionTraceContext action = ExecutionTraceContext.forAction(run, "act");
        final ExecutionTraceContext tool = action.childExecution("tool", "add", Map.of("k", 1));
        assertThat(run.getExecutionId()).isNull();
        assertThat(action.getEntityType()).isEqualTo("action");
        assertThat(action.getParentExecutionId()).isNull();
        assertThat(tool.getParentExecutionId()).isEqualTo(action.getExecutionId());
        assertThat(tool.getInputRunId()).isEqualTo(run.getInputRunId());
        assertThat(tool.getBusinessKey()).isEqualTo("key");
        assertThat(tool.getAgentName()).isEqualTo("agent");
        assertThat(tool.getEntityMetadata()).containsEntry("k", 1).isUnmodifiable();
        assertThat(
                        ExecutionTraceContext.fromExistingIds(
                                tool.getInputRunId(),
                                "key",
                                "agent",
                                tool.getExecutionId(),
                                tool.getParentExecutionId(),
                                "tool",
                                "add",
                                Map.of("k", 1)))
                .isEqualTo(tool)
                .hasSameHashCodeAs(tool);
        assertThat(ExecutionTraceContext.forInputRun("key")).isNotEqualTo(ExecutionTraceContext.forInputRun("key"));
    }
}
