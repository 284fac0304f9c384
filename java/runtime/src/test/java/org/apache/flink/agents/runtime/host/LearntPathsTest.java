package org.apache.flink.agents.runtime.host;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.HashSet;
import java.util.Set;
import org.junit.jupiter.api.Test;

class LearntPathsTest {
    private final LearntPaths learnt = new LearntPaths();

    @Test
    void aPathThatWasReadOnceIsForgotten() {
        learnt.asked("once");
        int runs = 0;
        while (!learnt.ofNextRun().isEmpty()) {
            runs++;
        }
        assertThat(runs).isEqualTo(LearntPaths.RUNS - 1);
    }

    @Test
    void aPathThatIsReadInEveryRunIsSeldomAskedForAgain() {
        learnt.asked("once");
        int asked = 0;
        for (int run = 0; run < 100 * LearntPaths.RUNS; run++) {
            if (!learnt.ofNextRun().contains("always")) {
                asked++;
                learnt.asked("always");
            }
        }
        assertThat(learnt.ofNextRun()).containsExactly("always");
        assertThat(asked).isBetween(1, 101);
    }

    @Test
    void ofManyPathsThoseAskedForLastAreTold() {
        for (int i = 0; i < 3 * LearntPaths.MOST; i++) {
            learnt.asked("p" + i);
            learnt.asked("p" + i);
        }
        final Set<String> last = new HashSet<>();
        for (int i = 2 * LearntPaths.MOST; i < 3 * LearntPaths.MOST; i++) {
            last.add("p" + i);
        }
        assertThat(learnt.ofNextRun()).containsExactlyInAnyOrderElementsOf(last);
    }
}
