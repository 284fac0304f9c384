package org.apache.flink.agents.runtime.metrics;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.apache.flink.agents.api.metrics.FlinkAgentsMetricGroup;
import org.apache.flink.metrics.groups.UnregisteredMetricsGroup;
import org.junit.jupiter.api.Test;

class MetricGroupAdapterTest {
    private final FlinkAgentsMetricGroup group = new MetricGroupAdapter(new UnregisteredMetricsGroup());

    @Test
    void askingTwiceGivesTheSame() {
        assertThat(group.getSubGroup("a")).isSameAs(group.getSubGroup("a"));
        assertThat(group.getSubGroup("k", "v")).isSameAs(group.getSubGroup("k", "v"));
        assertThat(group.getCounter("c")).isSameAs(group.getCounter("c"));
    }

    @Test
    void anActionMayHaveAnEqualsSignInItsName() {
        assertThat(group.getSubGroup("action", "score=high")).isNotSameAs(group.getSubGroup("action", "score"));
        assertThatThrownBy(() -> group.getSubGroup("action=score"))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("action=score");
    }
}
