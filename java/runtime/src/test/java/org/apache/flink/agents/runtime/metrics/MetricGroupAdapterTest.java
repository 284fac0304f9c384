package org.apache.flink.agents.runtime.metrics;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.List;
import org.apache.flink.agents.api.metrics.FlinkAgentsMetricGroup;
import org.apache.flink.agents.api.metrics.UpdatableGauge;
import org.apache.flink.metrics.Counter;
import org.apache.flink.metrics.Gauge;
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
    void aNameOfAnotherKindWorksAndIsNotShown() {
        final List<String> shown = new ArrayList<>();
        final FlinkAgentsMetricGroup own =
                new MetricGroupAdapter(
                        new UnregisteredMetricsGroup() {
                            @Override
                            public <C extends Counter> C counter(final String name, final C counter) {
                                shown.add("counter " + name);
                                return counter;
                            }

                            @Override
                            public <T, G extends Gauge<T>> G gauge(final String name, final G gauge) {
                                shown.add("gauge " + name);
                                return gauge;
                            }
                        });
        own.getCounter("x").inc(2);
        @SuppressWarnings("unchecked")
        final UpdatableGauge<Object> other = own.getGauge("x");
        other.update(5);
        assertThat(own.getGauge("x")).isSameAs(other);
        assertThat(other.getValue()).isEqualTo(5);
        assertThat(own.getCounter("x").getCount()).isEqualTo(2);
        assertThat(shown).containsExactly("counter x");
    }

    @Test
    void wrongNamesAndWindowsAreRefused() {
        assertThatThrownBy(() -> group.getCounter(null)).isInstanceOf(IllegalArgumentException.class).hasMessageContaining("needs a name");
        assertThatThrownBy(() -> group.getSubGroup("k", null)).isInstanceOf(IllegalArgumentException.class).hasMessageContaining("no value");
        assertThatThrownBy(() -> group.getMeter("m", null)).isInstanceOf(IllegalArgumentException.class).hasMessageContaining("needs a counter");
        for (final int window : new int[] {0, -1, 1_000_001}) {
            assertThatThrownBy(() -> group.getHistogram("h", window))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("not " + window);
        }
    }

    @Test
    void anActionMayHaveAnEqualsSignInItsName() {
        assertThat(group.getSubGroup("action", "score=high")).isNotSameAs(group.getSubGroup("action", "score"));
        assertThatThrownBy(() -> group.getSubGroup("action=score"))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("action=score");
    }
}
