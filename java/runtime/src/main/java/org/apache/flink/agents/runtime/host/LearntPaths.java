package org.apache.flink.agents.runtime.host;

import java.util.ArrayList;
import java.util.List;

/**
 * Paths of short-term memory that a worker has asked for, to be told without being asked in later runs.
 *
 * <p>Nobody says whether a path that was told was read. So each is forgotten after a while: one that is still read is asked for
 * once more, and learnt again; one that is not costs no read of state in every run any longer. <i>Constraint</i>: one thread.
 */
final class LearntPaths {
    /** Paths at most; each costs a read of Flink's state in every run. */
    static final int MOST = 8;
    /** Runs after which the oldest path is forgotten: seldom enough that asking for it again is not felt. */
    static final int RUNS = 256;

    // The oldest first.
    private final List<String> paths = new ArrayList<>(MOST);
    private int runs;

    /** The worker has asked for a path. */
    void asked(final String path) {
        if (paths.contains(path)) {
            return;
        }
        if (paths.size() == MOST) {
            paths.remove(0);
        }
        paths.add(path);
    }

    /** What is to be told with the first task of a run. */
    List<String> ofNextRun() {
        if (++runs >= RUNS) {
            runs = 0;
            if (!paths.isEmpty()) {
                paths.remove(0);
            }
        }
        return paths;
    }
}
