package org.apache.flink.agents.core.value;

/** Tag numbers of the binary format, version 1. They are for ever: a removed one stays reserved. */
public final class ValueTags {

    /** First byte of a value that is stored on its own. */
    public static final byte FORMAT_VERSION = 1;

    /** How deep containers may nest. */
    public static final int MAX_DEPTH = 200;

    static final byte NULL = 0;
    static final byte FALSE = 1;
    static final byte TRUE = 2;
    static final byte I8 = 3;
    static final byte I16 = 4;
    static final byte I32 = 5;
    static final byte I64 = 6;
    static final byte F32 = 7;
    static final byte F64 = 8;
    static final byte TEXT = 9;
    static final byte BYTES = 10;
    static final byte LIST = 11;
    static final byte MAP = 12;
    static final byte CHAR = 13;
    static final byte BIG_INT = 14;
    static final byte BIG_DECIMAL = 15;
    static final byte TABLE = 16;
    static final byte SET = 17;
    static final byte UUID = 18;
    static final byte INSTANT = 19;
    static final byte DATE = 20;
    static final byte TIME = 21;
    static final byte DATE_TIME = 22;
    static final byte DURATION = 23;
    static final byte WTF16 = 24;
    static final byte OFFSET_DATE_TIME = 25;
    static final byte ZONED_DATE_TIME = 26;

    /** First tag of values that only their host can open. */
    public static final byte HOST_FIRST = 32;

    /** A value written by a Flink serializer whose snapshot is kept with it. */
    public static final byte FLINK = 32;

    /** A value written by Flink's Kryo serializer. */
    public static final byte KRYO = 33;

    // 34 is reserved: enums are written by Flink's EnumSerializer, under tag 32.

    /** An event inside another value. */
    public static final byte EVENT = 35;

    /** A Flink {@code Row}, whose fields are values. */
    public static final byte ROW = 36;

    /** A Flink {@code Tuple}, whose fields are values. */
    public static final byte TUPLE = 37;

    // 38 and 39: events and memory values of Python that nobody has opened, see EventValues of the runtime.

    /** Last tag of values that only their host can open. */
    public static final byte HOST_LAST = 63;

    static final byte HASH_MAP = 64;
    static final byte HASH_TABLE = 65;
    static final byte HASH_SET = 66;
    static final byte FROZEN_LIST = 67;
    static final byte FROZEN_MAP = 68;
    static final byte FROZEN_TABLE = 69;
    static final byte FROZEN_SET = 70;
    static final byte OBJECT_ARRAY = 71;
    static final byte TEXT_ARRAY = 72;
    static final byte BOOL_ARRAY = 73;
    static final byte I16_ARRAY = 74;
    static final byte I32_ARRAY = 75;
    static final byte I64_ARRAY = 76;
    static final byte F32_ARRAY = 77;
    static final byte F64_ARRAY = 78;
    static final byte CHAR_ARRAY = 79;

    private ValueTags() {}
}
