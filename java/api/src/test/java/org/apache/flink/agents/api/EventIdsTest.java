package org.apache.flink.agents.api;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.Test;

class EventIdsTest {
    private static final int PER_THREAD = 100_000;

    @Test
    void idsOfManyThreadsAreUniqueRandomUuids() throws Exception {
        final ExecutorService threads = Executors.newFixedThreadPool(4);
        try {
            final Callable<List<UUID>> task =
                    () -> {
                        final List<UUID> ids = new ArrayList<>(PER_THREAD);
                        for (int i = 0; i < PER_THREAD; i++) {
                            ids.add(new InputEvent(i).getId());
                        }
                        return ids;
                    };
            final Set<UUID> all = new HashSet<>();
            for (final Future<List<UUID>> ids : threads.invokeAll(List.of(task, task, task, task))) {
                for (final UUID id : ids.get()) {
                    assertThat(id.version()).isEqualTo(4);
                    assertThat(id.variant()).isEqualTo(2);
                    all.add(id);
                }
            }
            assertThat(all).hasSize(4 * PER_THREAD);
        } finally {
            threads.shutdownNow();
        }
    }

    @Test
    void everyFreeBitIsSetAboutHalfOfTheTime() {
        final int[] ones = new int[128];
        final int rounds = 20_000;
        for (int i = 0; i < rounds; i++) {
            final UUID id = EventAccess.newId();
            for (int bit = 0; bit < 64; bit++) {
                ones[bit] += (int) (id.getMostSignificantBits() >>> bit & 1L);
                ones[64 + bit] += (int) (id.getLeastSignificantBits() >>> bit & 1L);
            }
        }
        for (int bit = 0; bit < 128; bit++) {
            final boolean fixed = (bit >= 12 && bit <= 15) || bit >= 126;
            if (!fixed) {
                // Ten standard deviations of a fair coin.
                assertThat(ones[bit]).as("bit %s", bit).isBetween(rounds / 2 - 710, rounds / 2 + 710);
            }
        }
    }

    @Test
    void idHalvesAreThoseOfTheUuid() {
        final Event event = new Event("t");
        final UUID id = event.getId();
        assertThat(EventAccess.idHi(event)).isEqualTo(id.getMostSignificantBits());
        assertThat(EventAccess.idLo(event)).isEqualTo(id.getLeastSignificantBits());
    }
}
