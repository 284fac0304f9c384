package org.apache.flink.agents.runtime.operator;

import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Locale;
import javax.annotation.Nullable;
import org.apache.flink.agents.api.configuration.ReadableConfiguration;

/** How business keys appear in messages: option {@code log.keys}. */
public final class KeyText {
    private static final char[] HEX = "0123456789abcdef".toCharArray();

    private KeyText() {}

    static String of(final Object key, final ReadableConfiguration config) {
        final String how = config.getStr("log.keys", "hash").toLowerCase(Locale.ROOT);
        switch (how) {
            case "plain":
                return "\"" + key + "\"";
            case "none":
                return "(not shown, option log.keys)";
            default:
                return "#" + hash(key) + " (option log.keys=plain shows keys)";
        }
    }

    /** As the execution trace shows a key; null if it does not. */
    @Nullable
    public static String inTrace(final Object key, final ReadableConfiguration config) {
        switch (config.getStr("log.keys", "hash").toLowerCase(Locale.ROOT)) {
            case "plain":
                return String.valueOf(key);
            case "none":
                return null;
            default:
                return "#" + hash(key);
        }
    }

    /**
     * Of the key's class and text, so 1 and "1" differ. Equal keys have equal hashes in every JVM if their class has a {@code
     * toString()} by content, as Flink's and the JDK's value types have; of others the text is another one for each object.
     */
    static String hash(final Object key) {
        try {
            final String text = (key == null ? "null" : key.getClass().getName()) + '/' + key;
            final byte[] digest = MessageDigest.getInstance("SHA-256").digest(text.getBytes(StandardCharsets.UTF_8));
            final StringBuilder out = new StringBuilder();
            for (int i = 0; i < 6; i++) {
                out.append(HEX[digest[i] >> 4 & 15]).append(HEX[digest[i] & 15]);
            }
            return out.toString();
        } catch (final NoSuchAlgorithmException e) {
            throw new IllegalStateException("Every Java platform has SHA-256", e);
        }
    }
}
