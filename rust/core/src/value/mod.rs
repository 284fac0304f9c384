//! Values as they cross languages, snapshots and journals: the plain data model and its binary format, version 1.
//!
//! Hosts write values; the core reads those it needs (attributes for conditions, fields for logs) and otherwise passes
//! the host's bytes on untouched. It never writes back a value it has decoded in place of a host's bytes, because a
//! host knows more about a container than the core does (see *forms* below).
//!
//! # Binary format, version 1
//!
//! One tag byte, then the payload. Integers and floats are little-endian and of fixed width; *length* and *count* are
//! unsigned LEB128 varints of at most 32 bits in their shortest form. A value stored on its own (Flink state, journal)
//! starts with the version byte [`FORMAT_VERSION`]; values inside another format do not.
//!
//! A tag number is for ever: a removed one stays reserved, a changed layout gets a new number.
//!
//! | Tag | Meaning | Payload | In Java |
//! |---|---|---|---|
//! | 0, 1, 2 | null, false, true | – | `null`, `Boolean` |
//! | 3, 4, 5, 6 | signed integer of 8, 16, 32, 64 bits | 1, 2, 4, 8 bytes | `Byte`, `Short`, `Integer`, `Long` |
//! | 7, 8 | float of 32, 64 bits (all bits kept) | 4, 8 bytes | `Float`, `Double` |
//! | 9 | text | length in bytes, UTF-8 | `String` |
//! | 10 | bytes | length, bytes | `byte[]` |
//! | 11 | list | count, values | `ArrayList` |
//! | 12 | map with text keys, ordered | count, (length, UTF-8, value) each | `LinkedHashMap` |
//! | 13 | one UTF-16 code unit | 2 bytes | `Character` |
//! | 14 | integer of any size | length ≥ 1, two's complement, most significant byte first | `BigInteger` |
//! | 15 | decimal of any size, unscaled × 10^-scale | scale: 4 bytes, then as 14 | `BigDecimal` |
//! | 16 | map with any keys, ordered | count, (value, value) each | `LinkedHashMap` |
//! | 17 | set, ordered | count, values | `LinkedHashSet` |
//! | 18 | UUID | 16 bytes, the 128-bit number little-endian | `UUID` |
//! | 19 | instant | seconds since 1970: 8 bytes, nanoseconds: 4 | `Instant` |
//! | 20 | date | days since 1970-01-01: 8 bytes | `LocalDate` |
//! | 21 | time of day | nanoseconds since midnight: 8 bytes | `LocalTime` |
//! | 22 | date and time | as 20, then as 21 | `LocalDateTime` |
//! | 23 | duration | seconds: 8 bytes, nanoseconds: 4 | `Duration` |
//! | 24 | text that is no valid Unicode (lone surrogates) | count, UTF-16 code units of 2 bytes | `String` |
//! | 25 | date and time with offset | as 22, offset in seconds: 4 bytes | `OffsetDateTime` |
//! | 26 | date and time in a zone | as 25, zone name as in 9 | `ZonedDateTime` |
//! | 27–31 | reserved for plain data | | |
//! | 32–63 | native to one host, never opened here | length, bytes | 32 by a Flink serializer, 33 by Kryo, 35 event, 36 `Row`, 37 `Tuple`, 38 event and 39 memory value of Python |
//! | 64, 65, 66 | forms of 12, 16, 17 | the same | `HashMap`, `HashMap`, `HashSet` |
//! | 67, 68, 69, 70 | forms of 11, 12, 16, 17 that cannot be modified | the same | `List.of(…)`, … |
//! | 71, 72 | forms of 11 | 71: the same; 72: each 0 or 9 | `Object[]`, `String[]` |
//! | 73–79 | packed forms of 11 | count, elements without tags: 1, 2, 4, 8, 4, 8, 2 bytes | `boolean[]`, `short[]`, `int[]`, `long[]`, `float[]`, `double[]`, `char[]` |
//!
//! **Forms** are the same data in another container class of the host. [`decode`] reads a form as the plain value it
//! stands for, so the same data in a `HashMap` and in a `LinkedHashMap` is one value here.

mod codec;
mod error;
mod json;
mod text;

pub(crate) use codec::{Token, Walk};
pub use codec::{decode, decode_prefix, decode_standalone, encode, encode_standalone};
pub use error::ValueError;
pub use json::to_plain_json;
pub(crate) use json::{plain_scalar, table_keys};
pub(crate) use text::instant as instant_text;

/// First byte of a value that is stored on its own.
pub const FORMAT_VERSION: u8 = 1;

/// How deep containers may nest: a scalar has depth 0, a list of scalars depth 1.
pub const MAX_DEPTH: usize = 200;

/// A plain value, or an [`Opaque`](Value::Opaque) one that only its host can open.
///
/// Integers and floats keep the width their host gave them. `PartialEq` compares floats as numbers, so a NaN is not
/// equal to itself; compare encodings where bits matter.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// No value.
    Null,
    /// True or false.
    Bool(bool),
    /// Integer of 8 bits.
    I8(i8),
    /// Integer of 16 bits.
    I16(i16),
    /// Integer of 32 bits.
    I32(i32),
    /// Integer of 64 bits.
    I64(i64),
    /// Float of 32 bits.
    F32(f32),
    /// Float of 64 bits.
    F64(f64),
    /// One UTF-16 code unit, possibly half of a surrogate pair.
    Char(u16),
    /// Text.
    Text(String),
    /// Text with lone surrogates, as UTF-16 code units.
    Wtf16(Vec<u16>),
    /// Bytes.
    Bytes(Vec<u8>),
    /// Integer of any size: two's complement, most significant byte first, at least one byte.
    BigInt(Vec<u8>),
    /// Decimal of any size: `unscaled` (as in [`BigInt`](Value::BigInt)) × 10^-`scale`.
    BigDecimal {
        /// Digits, as an integer.
        unscaled: Vec<u8>,
        /// Number of digits after the point; negative for trailing zeros.
        scale: i32,
    },
    /// Values in order.
    List(Vec<Value>),
    /// Values by text key, in order. Keys are not checked for duplicates; the first one found counts.
    Map(Vec<(String, Value)>),
    /// Values by keys of any type, in order.
    Table(Vec<(Value, Value)>),
    /// Distinct values in order; not checked for duplicates.
    Set(Vec<Value>),
    /// UUID.
    Uuid(u128),
    /// Point in time.
    Instant {
        /// Seconds since 1970-01-01T00:00:00Z.
        secs: i64,
        /// Nanoseconds of the second, below 10^9.
        nanos: u32,
    },
    /// Calendar date: days since 1970-01-01.
    Date(i64),
    /// Time of day: nanoseconds since midnight.
    Time(u64),
    /// Calendar date and time of day, without a zone.
    DateTime {
        /// Days since 1970-01-01.
        day: i64,
        /// Nanoseconds since midnight.
        nano: u64,
    },
    /// Date and time with the distance from UTC.
    OffsetDateTime {
        /// Local days since 1970-01-01.
        day: i64,
        /// Local nanoseconds since midnight.
        nano: u64,
        /// Seconds east of UTC, at most 18 hours either way.
        offset: i32,
    },
    /// Date and time in a named zone.
    ZonedDateTime {
        /// Local days since 1970-01-01.
        day: i64,
        /// Local nanoseconds since midnight.
        nano: u64,
        /// Seconds east of UTC, at most 18 hours either way.
        offset: i32,
        /// Name of the zone, such as `Europe/Berlin`.
        zone: String,
    },
    /// Length of time; negative ones have negative `secs` and `nanos` that count upwards.
    Duration {
        /// Whole seconds, rounded down.
        secs: i64,
        /// Nanoseconds to add, below 10^9.
        nanos: u32,
    },
    /// A value that only its host can open.
    Opaque {
        /// 32 to 63; see the module's table.
        tag: u8,
        /// The host's bytes.
        bytes: Vec<u8>,
    },
}

impl Value {
    /// The entry of a [`Map`](Value::Map) under `key`; `None` for an absent key or any other kind of value.
    pub fn get(&self, key: &str) -> Option<&Value> {
        match self {
            Value::Map(entries) => entries.iter().find(|(k, _)| k == key).map(|(_, v)| v),
            _ => None,
        }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Value::Text(text.to_owned())
    }
}

/// Tag numbers; see the module's table.
pub(crate) mod tag {
    pub const NULL: u8 = 0;
    pub const FALSE: u8 = 1;
    pub const TRUE: u8 = 2;
    pub const I8: u8 = 3;
    pub const I16: u8 = 4;
    pub const I32: u8 = 5;
    pub const I64: u8 = 6;
    pub const F32: u8 = 7;
    pub const F64: u8 = 8;
    pub const TEXT: u8 = 9;
    pub const BYTES: u8 = 10;
    pub const LIST: u8 = 11;
    pub const MAP: u8 = 12;
    pub const CHAR: u8 = 13;
    pub const BIG_INT: u8 = 14;
    pub const BIG_DECIMAL: u8 = 15;
    pub const TABLE: u8 = 16;
    pub const SET: u8 = 17;
    pub const UUID: u8 = 18;
    pub const INSTANT: u8 = 19;
    pub const DATE: u8 = 20;
    pub const TIME: u8 = 21;
    pub const DATE_TIME: u8 = 22;
    pub const DURATION: u8 = 23;
    pub const WTF16: u8 = 24;
    pub const OFFSET_DATE_TIME: u8 = 25;
    pub const ZONED_DATE_TIME: u8 = 26;
    pub const HOST_FIRST: u8 = 32;
    pub const HOST_LAST: u8 = 63;
    pub const HASH_MAP: u8 = 64;
    pub const HASH_TABLE: u8 = 65;
    pub const HASH_SET: u8 = 66;
    pub const FROZEN_LIST: u8 = 67;
    pub const FROZEN_MAP: u8 = 68;
    pub const FROZEN_TABLE: u8 = 69;
    pub const FROZEN_SET: u8 = 70;
    pub const OBJECT_ARRAY: u8 = 71;
    pub const TEXT_ARRAY: u8 = 72;
    pub const BOOL_ARRAY: u8 = 73;
    pub const I16_ARRAY: u8 = 74;
    pub const I32_ARRAY: u8 = 75;
    pub const I64_ARRAY: u8 = 76;
    pub const F32_ARRAY: u8 = 77;
    pub const F64_ARRAY: u8 = 78;
    pub const CHAR_ARRAY: u8 = 79;
}
