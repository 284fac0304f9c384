package org.apache.flink.agents.core.value;

/**
 * Writes and reads what is not plain data, under the tags {@link ValueTags#HOST_FIRST} to {@link ValueTags#HOST_LAST}.
 * Used by one thread at a time.
 */
public interface ForeignValues {

    /** Refuses everything: for hosts that hold plain data only. */
    ForeignValues REFUSE =
            new ForeignValues() {
                @Override
                public boolean tryWrite(final Object value, final ValueWriter out) {
                    return false;
                }

                @Override
                public Object read(final int tag, final ValueReader in) {
                    throw new MalformedValueException(
                            in.position(), "a host value with tag " + tag + ", which this reader was not made for");
                }
            };

    /**
     * Writes {@code value}, tag included, by {@link ValueWriter#writeHost} or {@link ValueWriter#beginHost}.
     *
     * @return false, with nothing written, if it is of no kind known here; it is then refused by its class
     * @throws UnsupportedValueException to refuse it with a better reason
     */
    boolean tryWrite(Object value, ValueWriter out);

    /**
     * Reads a value back. {@code in} stands at the start of what was written after the tag, and ends where that ended;
     * all of it must be consumed.
     *
     * @throws MalformedValueException if the bytes or the tag are not known
     */
    Object read(int tag, ValueReader in);
}
