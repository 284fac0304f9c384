package org.apache.flink.agents.runtime.host;

import javax.annotation.Nullable;
import org.apache.flink.agents.runtime.value.BlobCodec;

/** What a host with a journal needs from where it runs. Used on the host's thread. */
public interface JournalOutlet {
    /** Writes the values that records contain. */
    BlobCodec codec();

    /** 16 bytes by which the run of an input event is found again; null if it has none that are the same in every attempt. */
    @Nullable
    byte[] digest(Object event);

    /**
     * A run of the selected key has ended.
     *
     * @param sequence its number: that of the key's next run is one more
     * @param idle whether the slot is free now
     */
    void runEnded(int slot, long sequence, boolean idle) throws Exception;

    /** Says {@link JavaHost#awaitOver} when this run's input has not come in time. */
    void awaitInput(int slot, long run);
}
