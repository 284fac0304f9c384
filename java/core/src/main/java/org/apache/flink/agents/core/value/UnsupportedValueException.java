package org.apache.flink.agents.core.value;

/**
 * A value that could not come back the same is refused when it is written. The message names the path to it, its class,
 * the reason and the remedy.
 */
public final class UnsupportedValueException extends ValueException {

    private static final int LONGEST_PATH = 400;

    private final Class<?> type;
    private final String reason;
    private final Object container;
    private final StringBuilder path = new StringBuilder();
    private boolean cyclic;

    /**
     * @param type class of the refused value
     * @param reason why, and what to do instead: a sentence without its first words, which are "Type cannot be stored:"
     */
    public UnsupportedValueException(final Class<?> type, final String reason) {
        this(type, reason, null);
    }

    /** As the other constructor, with the failure behind it. */
    public UnsupportedValueException(final Class<?> type, final String reason, final Throwable cause) {
        super(null, cause);
        this.type = type;
        this.reason = reason;
        this.container = null;
    }

    /** The container at which the limit of depth was passed. */
    UnsupportedValueException(final Object tooDeep) {
        super(null, null);
        this.type = tooDeep.getClass();
        this.reason = null;
        this.container = tooDeep;
    }

    /**
     * Puts a named thing before the path; for callers that know what the value is part of.
     *
     * @param name for instance {@code attributes}
     * @return this
     */
    public UnsupportedValueException under(final String name) {
        if (path.length() > 0 && path.charAt(0) != '[' && path.charAt(0) != '.') {
            path.insert(0, '.');
        }
        path.insert(0, name);
        return this;
    }

    /**
     * Puts one step before the path while the exception passes the container that holds the value.
     *
     * @param holder the container
     * @param key the key, name or index of the part that holds the refused value
     * @return this
     */
    public UnsupportedValueException in(final Object holder, final Object key) {
        cyclic |= holder == container;
        if (key instanceof String && isWord((String) key)) {
            return under((String) key);
        }
        if (path.length() > 0 && path.charAt(0) != '[') {
            path.insert(0, '.');
        }
        // Keys of other classes are not asked for their text: it may be long, or their code may fail.
        final boolean shown = key == null || ValueCodec.isPlainClass(key.getClass()) && key instanceof Comparable;
        final String text = shown ? String.valueOf(key) : key.getClass().getSimpleName();
        path.insert(0, key instanceof String ? "[\"" + key + "\"]" : "[" + text + "]");
        return this;
    }

    /** Class of the refused value. */
    public Class<?> type() {
        return type;
    }

    /** Where the value is, such as {@code attributes.order.items[3].socket}; empty if nothing contains it. */
    public String path() {
        return path.length() <= LONGEST_PATH
                ? path.toString()
                : path.substring(0, LONGEST_PATH / 2) + " … " + path.substring(path.length() - LONGEST_PATH / 2);
    }

    @Override
    public String getMessage() {
        final String where = path.length() == 0 ? "The value" : path();
        if (reason != null) {
            return where + ": " + type.getName() + " cannot be stored: " + reason;
        }
        return cyclic
                ? where + ": " + type.getName() + " contains itself and cannot be stored. Store an identifier instead of"
                        + " the reference that closes the circle."
                : where + ": nests deeper than " + ValueTags.MAX_DEPTH + " levels and cannot be stored. Flatten it.";
    }

    private static boolean isWord(final String key) {
        if (key.isEmpty()) {
            return false;
        }
        for (int i = 0; i < key.length(); i++) {
            final char c = key.charAt(i);
            if (!Character.isLetterOrDigit(c) && c != '_' && c != '-') {
                return false;
            }
        }
        return true;
    }
}
