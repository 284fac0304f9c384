package org.apache.flink.agents.core;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;

/** Lists of texts as they cross the boundary: each as a little-endian int length and UTF-8. */
final class Texts {
    private Texts() {}

    static byte[] encode(final Iterable<String> texts) {
        final ByteArrayOutputStream out = new ByteArrayOutputStream();
        final ByteBuffer length = ByteBuffer.allocate(4).order(ByteOrder.LITTLE_ENDIAN);
        for (final String text : texts) {
            final byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
            out.write(length.putInt(0, bytes.length).array(), 0, 4);
            out.write(bytes, 0, bytes.length);
        }
        return out.toByteArray();
    }

    static List<String> decode(final byte[] bytes, final int from) {
        return decode(bytes, from, bytes.length);
    }

    static List<String> decode(final byte[] bytes, final int from, final int to) {
        final ByteBuffer in = ByteBuffer.wrap(bytes, from, to - from).order(ByteOrder.LITTLE_ENDIAN);
        final List<String> texts = new ArrayList<>();
        while (in.hasRemaining()) {
            final int length = in.getInt();
            texts.add(new String(bytes, in.position(), length, StandardCharsets.UTF_8));
            in.position(in.position() + length);
        }
        return texts;
    }
}
