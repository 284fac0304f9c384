package org.apache.flink.agents.api;

import java.security.SecureRandom;

/**
 * Random ids without the cost of {@link java.util.UUID#randomUUID()}: a xoroshiro128++ generator
 * (Blackman and Vigna, public domain) per thread, its 128 bits of state seeded once from the
 * operating system. Ids are unique, not secret.
 */
final class EventIds {
    private static final SecureRandom SEEDS = new SecureRandom();

    // The value is a plain array: a class of ours here would keep the user's class loader alive in
    // threads that outlive the job.
    private static final ThreadLocal<long[]> STATE =
            ThreadLocal.withInitial(
                    () -> new long[] {SEEDS.nextLong(), SEEDS.nextLong() | 1L});

    private EventIds() {}

    static long[] state() {
        return STATE.get();
    }

    /** High half of a version 4 UUID. */
    static long nextHi(long[] state) {
        return (next(state) & 0xFFFF_FFFF_FFFF_0FFFL) | 0x4000L;
    }

    /** Low half of a UUID of the IETF variant. */
    static long nextLo(long[] state) {
        return (next(state) & 0x3FFF_FFFF_FFFF_FFFFL) | 0x8000_0000_0000_0000L;
    }

    private static long next(long[] state) {
        final long s0 = state[0];
        long s1 = state[1];
        final long result = Long.rotateLeft(s0 + s1, 17) + s0;
        s1 ^= s0;
        state[0] = Long.rotateLeft(s0, 49) ^ s1 ^ (s1 << 21);
        state[1] = Long.rotateLeft(s1, 28);
        return result;
    }
}
