package org.apache.flink.agents.core;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.nio.charset.StandardCharsets;
import java.util.List;

/** Whose records a core with a journal writes and reads: one subtask of one job. */
public final class JournalSubtask {
    /** Bytes of a nonce. */
    public static final int NONCE_BYTES = 16;

    private final ObjectNode request = new ObjectMapper().createObjectNode();

    /**
     * @param nonce {@value #NONCE_BYTES} random bytes, made when the job's graph is built: the same in every attempt of a job,
     *     others in every submission
     * @param operator id of the operator, the same in every attempt and after every restore
     * @param maxParallelism number of its key groups
     * @param firstKeyGroup first key group of the subtask
     * @param lastKeyGroup last one, inclusive
     * @param restored what {@link CoreJournal#state} returned for each subtask of the restored checkpoint, in any order; empty
     *     without one
     */
    public JournalSubtask(
            final byte[] nonce,
            final String operator,
            final int maxParallelism,
            final int firstKeyGroup,
            final int lastKeyGroup,
            final List<byte[]> restored) {
        request.put("nonce", hex(nonce));
        request.put("operator", operator);
        request.put("max_parallelism", maxParallelism);
        request.put("first_key_group", firstKeyGroup);
        request.put("last_key_group", lastKeyGroup);
        final ArrayNode states = request.putArray("restored");
        restored.forEach(state -> states.add(hex(state)));
    }

    byte[] toJson() {
        return request.toString().getBytes(StandardCharsets.UTF_8);
    }

    private static String hex(final byte[] bytes) {
        final StringBuilder text = new StringBuilder(bytes.length * 2);
        for (final byte value : bytes) {
            text.append(Character.forDigit(value >> 4 & 15, 16)).append(Character.forDigit(value & 15, 16));
        }
        return text.toString();
    }
}
