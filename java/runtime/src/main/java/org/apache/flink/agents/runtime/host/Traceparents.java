package org.apache.flink.agents.runtime.host;

import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.Set;
import javax.annotation.Nullable;
import org.apache.flink.agents.api.Event;
import org.apache.flink.agents.api.InputEvent;
import org.apache.flink.types.Row;

/** The span that an input comes from: field {@code traceparent} of a map or row, as W3C Trace Context has it. */
final class Traceparents {
    private static final String FIELD = "traceparent";
    private static final byte[] UTF_8 = FIELD.getBytes(StandardCharsets.US_ASCII);

    private Traceparents() {}

    /** Null if it names none. */
    @Nullable
    static String of(final Object event) {
        // Nearly always there is none, and looking for the bytes is all that it costs.
        if (event instanceof EncodedEvent && !has(((EncodedEvent) event).attributes())) {
            return null;
        }
        final Event opened = JavaHost.open(event);
        final Object input = InputEvent.fromEvent(opened).getInput();
        Object found = null;
        if (input instanceof Map) {
            found = ((Map<?, ?>) input).get(FIELD);
        } else if (input instanceof Row) {
            final Set<String> names = ((Row) input).getFieldNames(true);
            found = names != null && names.contains(FIELD) ? ((Row) input).getField(FIELD) : null;
        }
        return found instanceof String ? (String) found : null;
    }

    private static boolean has(final byte[] bytes) {
        for (int at = 0; at <= bytes.length - UTF_8.length; at++) {
            int same = 0;
            while (same < UTF_8.length && bytes[at + same] == UTF_8[same]) {
                same++;
            }
            if (same == UTF_8.length) {
                return true;
            }
        }
        return false;
    }
}
