package org.apache.flink.agents.runtime.host;

import com.fasterxml.jackson.core.Base64Variant;
import com.fasterxml.jackson.core.JsonGenerationException;
import com.fasterxml.jackson.core.base.GeneratorBase;
import com.fasterxml.jackson.core.json.DupDetector;
import com.fasterxml.jackson.core.json.JsonWriteContext;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.ObjectWriter;
import com.fasterxml.jackson.databind.SerializationFeature;
import java.io.IOException;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.util.Arrays;
import org.apache.flink.agents.core.value.ValueWriter;

/**
 * Takes what Jackson says of an object, and writes it as plain data at once: what {@link ObjectMapper#convertValue} to maps and lists would
 * give, without those maps and lists. For use by one thread.
 */
final class PlainGenerator extends GeneratorBase {
    private final ObjectWriter json;

    private ValueWriter out;
    /** Of maps and lists that have begun: where. */
    private int[] begun = new int[8];

    private int open;

    PlainGenerator(final ObjectMapper mapper) {
        // A map has a name once; of two that are equal the last one counts, which takes a map to find out.
        super(Feature.STRICT_DUPLICATE_DETECTION.getMask(), mapper);
        json = mapper.writer().without(SerializationFeature.WRAP_ROOT_VALUE);
    }

    /**
     * Writes a value, unless Jackson shows it as something that has no place in plain data, or fails.
     *
     * @return false, with nothing written, if it is to be converted, which says what is wrong with it
     */
    boolean tryWrite(final Object value, final ValueWriter to) {
        final long mark = to.mark();
        out = to;
        try {
            json.writeValue(this, value);
            return true;
        } catch (final IOException | RuntimeException | StackOverflowError e) {
            to.back(mark);
            open = 0;
            _writeContext = JsonWriteContext.createRootContext(DupDetector.rootDetector(this));
            return false;
        }
    }

    @Override
    public void writeStartObject() throws IOException {
        _verifyValueWrite("start an object");
        _writeContext = _writeContext.createChildObjectContext();
        begin(out.beginMap());
    }

    @Override
    public void writeEndObject() {
        end();
    }

    @Override
    public void writeStartArray() throws IOException {
        _verifyValueWrite("start an array");
        _writeContext = _writeContext.createChildArrayContext();
        begin(out.beginList());
    }

    @Override
    public void writeEndArray() {
        end();
    }

    private void begin(final int place) {
        if (open == begun.length) {
            begun = Arrays.copyOf(begun, 2 * open);
        }
        begun[open++] = place;
    }

    private void end() {
        open--;
        out.endParts(begun[open], _writeContext.getEntryCount());
        _writeContext = _writeContext.getParent();
    }

    @Override
    public void writeFieldName(final String name) throws IOException {
        if (_writeContext.writeFieldName(name) == JsonWriteContext.STATUS_EXPECT_VALUE || !out.writeText(name)) {
            throw noPlace("a name");
        }
    }

    @Override
    public void writeString(final String text) throws IOException {
        if (text == null) {
            writeNull();
            return;
        }
        _verifyValueWrite("write a text");
        out.writeValue(text);
    }

    @Override
    public void writeString(final char[] buffer, final int offset, final int length) throws IOException {
        writeString(new String(buffer, offset, length));
    }

    @Override
    public void writeNumber(final short number) throws IOException {
        write(number);
    }

    @Override
    public void writeNumber(final int number) throws IOException {
        write(number);
    }

    @Override
    public void writeNumber(final long number) throws IOException {
        write(number);
    }

    @Override
    public void writeNumber(final float number) throws IOException {
        write(number);
    }

    @Override
    public void writeNumber(final double number) throws IOException {
        write(number);
    }

    @Override
    public void writeNumber(final BigInteger number) throws IOException {
        write(number);
    }

    @Override
    public void writeNumber(final BigDecimal number) throws IOException {
        write(number);
    }

    @Override
    public void writeBoolean(final boolean truth) throws IOException {
        write(truth);
    }

    @Override
    public void writeNull() throws IOException {
        write(null);
    }

    @Override
    public void writeBinary(final Base64Variant variant, final byte[] bytes, final int offset, final int length)
            throws IOException {
        write(Arrays.copyOfRange(bytes, offset, offset + length));
    }

    private void write(final Object value) throws IOException {
        _verifyValueWrite("write a value");
        out.writeValue(value);
    }

    @Override
    public void writeNumber(final String number) throws IOException {
        throw noPlace("a number as text");
    }

    @Override
    public void writeRawUTF8String(final byte[] bytes, final int offset, final int length) throws IOException {
        throw noPlace("raw text");
    }

    @Override
    public void writeUTF8String(final byte[] bytes, final int offset, final int length) throws IOException {
        throw noPlace("raw text");
    }

    @Override
    public void writeRaw(final String text) throws IOException {
        throw noPlace("raw text");
    }

    @Override
    public void writeRaw(final String text, final int offset, final int length) throws IOException {
        throw noPlace("raw text");
    }

    @Override
    public void writeRaw(final char[] text, final int offset, final int length) throws IOException {
        throw noPlace("raw text");
    }

    @Override
    public void writeRaw(final char c) throws IOException {
        throw noPlace("raw text");
    }

    @Override
    public void flush() {
        // Nothing is held back.
    }

    @Override
    protected void _releaseBuffers() {
        // The buffer is the writer's.
    }

    @Override
    protected void _verifyValueWrite(final String what) throws IOException {
        if (_writeContext.writeValue() == JsonWriteContext.STATUS_EXPECT_NAME) {
            throw noPlace(what);
        }
    }

    private IOException noPlace(final String what) {
        return new JsonGenerationException("no place for " + what, this);
    }
}
