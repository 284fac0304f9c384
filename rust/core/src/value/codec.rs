//! Writing and reading the binary format.

use super::{FORMAT_VERSION, MAX_DEPTH, Value, ValueError, tag};

const NANOS_PER_SEC: u32 = 1_000_000_000;
const NANOS_PER_DAY: u64 = 86_400 * NANOS_PER_SEC as u64;
/// The range of `java.time.LocalDate`, years -999,999,999 to 999,999,999.
const DAYS: std::ops::RangeInclusive<i64> = -365_243_219_162..=365_241_780_471;
/// The range of `java.time.Instant`.
const INSTANT_SECS: std::ops::RangeInclusive<i64> = -31_557_014_167_219_200..=31_556_889_864_403_199;
const OFFSETS: std::ops::RangeInclusive<i32> = -64_800..=64_800;
/// Claimed counts are trusted for no more than this many elements, so nested claims cannot multiply.
const MAX_RESERVE: usize = 1024;

/// Appends `value` to `out`, without a version byte.
///
/// # Errors
/// [`TooDeep`](ValueError::TooDeep), [`TooLong`](ValueError::TooLong), or [`OutOfRange`](ValueError::OutOfRange) for
/// parts that [`decode`] would refuse; `out` then holds a part of the value.
pub fn encode(value: &Value, out: &mut Vec<u8>) -> Result<(), ValueError> {
    write(value, out, 0)
}

/// The value as it is stored on its own: version byte, then the value.
///
/// # Errors
/// As [`encode`].
pub fn encode_standalone(value: &Value) -> Result<Vec<u8>, ValueError> {
    let mut out = vec![FORMAT_VERSION];
    write(value, &mut out, 0)?;
    Ok(out)
}

/// Reads the one value that `bytes` holds, without a version byte.
///
/// # Errors
/// Any malformed input, also bytes that are left over. Memory used is bounded by a constant times `bytes.len()`.
pub fn decode(bytes: &[u8]) -> Result<Value, ValueError> {
    decode_at(bytes, 0)
}

/// Reads a value stored on its own, with its version byte.
///
/// # Errors
/// As [`decode`], and [`UnknownVersion`](ValueError::UnknownVersion).
pub fn decode_standalone(bytes: &[u8]) -> Result<Value, ValueError> {
    match bytes.first() {
        Some(&FORMAT_VERSION) => decode_at(bytes, 1),
        Some(&version) => Err(ValueError::UnknownVersion { version }),
        None => Err(ValueError::Truncated {
            offset: 0,
            what: "format version",
            needed: 1,
            left: 0,
        }),
    }
}

/// Reads the value at the start of `bytes` and says how many bytes it took.
///
/// # Errors
/// As [`decode`], except for bytes that are left over.
pub fn decode_prefix(bytes: &[u8]) -> Result<(Value, usize), ValueError> {
    let mut reader = Reader { bytes, at: 0 };
    let value = reader.value(0)?;
    Ok((value, reader.at))
}

fn decode_at(bytes: &[u8], start: usize) -> Result<Value, ValueError> {
    let mut reader = Reader { bytes, at: start };
    let value = reader.value(0)?;
    match bytes.len() - reader.at {
        0 => Ok(value),
        count => Err(ValueError::TrailingBytes {
            offset: reader.at,
            count,
        }),
    }
}

fn write(value: &Value, out: &mut Vec<u8>, depth: usize) -> Result<(), ValueError> {
    let offset = out.len();
    if depth > MAX_DEPTH {
        return Err(ValueError::TooDeep { offset });
    }
    match value {
        Value::List(items) => {
            header(tag::LIST, items.len(), out)?;
            items.iter().try_for_each(|item| write(item, out, depth + 1))?;
        }
        Value::Set(items) => {
            header(tag::SET, items.len(), out)?;
            items.iter().try_for_each(|item| write(item, out, depth + 1))?;
        }
        Value::Map(entries) => {
            header(tag::MAP, entries.len(), out)?;
            for (key, item) in entries {
                span(key.as_bytes(), out)?;
                write(item, out, depth + 1)?;
            }
        }
        Value::Table(entries) => {
            header(tag::TABLE, entries.len(), out)?;
            for (key, item) in entries {
                write(key, out, depth + 1)?;
                write(item, out, depth + 1)?;
            }
        }
        _ => write_scalar(value, out)?,
    }
    Ok(())
}

/// Everything that holds no other values; a function of its own because unoptimised frames are large, and `write` nests.
fn write_scalar(value: &Value, out: &mut Vec<u8>) -> Result<(), ValueError> {
    let offset = out.len();
    let check = |ok: bool, what: &'static str| {
        if ok {
            Ok(())
        } else {
            Err(ValueError::OutOfRange { offset, what })
        }
    };
    match value {
        Value::Null => out.push(tag::NULL),
        Value::Bool(false) => out.push(tag::FALSE),
        Value::Bool(true) => out.push(tag::TRUE),
        Value::I8(v) => fixed(tag::I8, &v.to_le_bytes(), out),
        Value::I16(v) => fixed(tag::I16, &v.to_le_bytes(), out),
        Value::I32(v) => fixed(tag::I32, &v.to_le_bytes(), out),
        Value::I64(v) => fixed(tag::I64, &v.to_le_bytes(), out),
        Value::F32(v) => fixed(tag::F32, &v.to_bits().to_le_bytes(), out),
        Value::F64(v) => fixed(tag::F64, &v.to_bits().to_le_bytes(), out),
        Value::Char(v) => fixed(tag::CHAR, &v.to_le_bytes(), out),
        Value::Uuid(v) => fixed(tag::UUID, &v.to_le_bytes(), out),
        Value::Text(v) => {
            out.push(tag::TEXT);
            span(v.as_bytes(), out)?;
        }
        Value::Wtf16(units) => {
            header(tag::WTF16, units.len(), out)?;
            out.extend(units.iter().flat_map(|unit| unit.to_le_bytes()));
        }
        Value::Bytes(v) => {
            out.push(tag::BYTES);
            span(v, out)?;
        }
        Value::BigInt(v) => {
            check(!v.is_empty(), "big integer without bytes")?;
            out.push(tag::BIG_INT);
            span(v, out)?;
        }
        Value::BigDecimal { unscaled, scale } => {
            check(!unscaled.is_empty(), "big decimal without bytes")?;
            fixed(tag::BIG_DECIMAL, &scale.to_le_bytes(), out);
            span(unscaled, out)?;
        }
        Value::List(_) | Value::Set(_) | Value::Map(_) | Value::Table(_) => write(value, out, 0)?,
        Value::Instant { secs, nanos } => {
            check(INSTANT_SECS.contains(secs), "seconds of an instant")?;
            check(*nanos < NANOS_PER_SEC, "nanoseconds of an instant")?;
            fixed(tag::INSTANT, &secs.to_le_bytes(), out);
            out.extend(nanos.to_le_bytes());
        }
        Value::Duration { secs, nanos } => {
            check(*nanos < NANOS_PER_SEC, "nanoseconds of a duration")?;
            fixed(tag::DURATION, &secs.to_le_bytes(), out);
            out.extend(nanos.to_le_bytes());
        }
        Value::Date(day) => {
            check(DAYS.contains(day), "date")?;
            fixed(tag::DATE, &day.to_le_bytes(), out);
        }
        Value::Time(nano) => {
            check(*nano < NANOS_PER_DAY, "time of day")?;
            fixed(tag::TIME, &nano.to_le_bytes(), out);
        }
        Value::DateTime { day, nano } => {
            check(DAYS.contains(day), "date")?;
            check(*nano < NANOS_PER_DAY, "time of day")?;
            fixed(tag::DATE_TIME, &day.to_le_bytes(), out);
            out.extend(nano.to_le_bytes());
        }
        Value::OffsetDateTime {
            day,
            nano,
            offset: zone_offset,
        }
        | Value::ZonedDateTime {
            day,
            nano,
            offset: zone_offset,
            ..
        } => {
            check(DAYS.contains(day), "date")?;
            check(*nano < NANOS_PER_DAY, "time of day")?;
            check(OFFSETS.contains(zone_offset), "zone offset")?;
            let zoned = matches!(value, Value::ZonedDateTime { .. });
            fixed(
                if zoned {
                    tag::ZONED_DATE_TIME
                } else {
                    tag::OFFSET_DATE_TIME
                },
                &day.to_le_bytes(),
                out,
            );
            out.extend(nano.to_le_bytes());
            out.extend(zone_offset.to_le_bytes());
            if let Value::ZonedDateTime { zone, .. } = value {
                span(zone.as_bytes(), out)?;
            }
        }
        Value::Opaque { tag, bytes } => {
            check((tag::HOST_FIRST..=tag::HOST_LAST).contains(tag), "tag of a host value")?;
            out.push(*tag);
            span(bytes, out)?;
        }
    }
    Ok(())
}

fn fixed(tag: u8, payload: &[u8], out: &mut Vec<u8>) {
    out.push(tag);
    out.extend_from_slice(payload);
}

fn header(tag: u8, count: usize, out: &mut Vec<u8>) -> Result<(), ValueError> {
    out.push(tag);
    length(count, out)
}

fn span(bytes: &[u8], out: &mut Vec<u8>) -> Result<(), ValueError> {
    length(bytes.len(), out)?;
    out.extend_from_slice(bytes);
    Ok(())
}

fn length(length: usize, out: &mut Vec<u8>) -> Result<(), ValueError> {
    let mut rest = u32::try_from(length).map_err(|_| ValueError::TooLong { length })?;
    while rest >= 0x80 {
        out.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    out.push(rest as u8);
    Ok(())
}

/// What stands next in encoded values, for those who need no tree of them.
pub(crate) enum Token<'a> {
    Null,
    Bool(bool),
    Integer(i64),
    Float(f64),
    Text(&'a str),
    /// So many values follow.
    List(usize),
    /// So many pairs of [`Walk::key`] and value follow.
    Map(usize),
    /// Something else, to be read by [`Walk::value`].
    Other,
}

/// Goes through encoded values one by one.
pub(crate) struct Walk<'a> {
    reader: Reader<'a>,
    /// Where the last token began.
    last: usize,
}

impl<'a> Walk<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Walk<'a> {
        Walk {
            reader: Reader { bytes, at: 0 },
            last: 0,
        }
    }

    /// Bytes gone through.
    pub(crate) fn at(&self) -> usize {
        self.reader.at
    }

    /// The next, inside of so many containers.
    pub(crate) fn token(&mut self, depth: usize) -> Result<Token<'a>, ValueError> {
        let reader = &mut self.reader;
        self.last = reader.at;
        if depth > MAX_DEPTH {
            return Err(ValueError::TooDeep { offset: reader.at });
        }
        let [found] = reader.array("tag")?;
        Ok(match found {
            tag::NULL => Token::Null,
            tag::FALSE => Token::Bool(false),
            tag::TRUE => Token::Bool(true),
            tag::I32 => Token::Integer(i64::from(i32::from_le_bytes(reader.array("integer")?))),
            tag::I64 => Token::Integer(i64::from_le_bytes(reader.array("integer")?)),
            tag::F64 => Token::Float(f64::from_bits(u64::from_le_bytes(reader.array("float")?))),
            tag::TEXT => Token::Text(reader.str()?),
            tag::LIST | tag::FROZEN_LIST | tag::OBJECT_ARRAY => Token::List(reader.count("list or set", 1)?),
            tag::MAP | tag::HASH_MAP | tag::FROZEN_MAP => Token::Map(reader.count("map", 2)?),
            _ => {
                reader.at = self.last;
                Token::Other
            }
        })
    }

    /// The last token, with all that it holds.
    pub(crate) fn value(&mut self, depth: usize) -> Result<Value, ValueError> {
        self.reader.at = self.last;
        self.reader.value(depth)
    }

    /// The key of the next pair of a map.
    pub(crate) fn key(&mut self) -> Result<&'a str, ValueError> {
        self.reader.str()
    }
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn value(&mut self, depth: usize) -> Result<Value, ValueError> {
        let offset = self.at;
        if depth > MAX_DEPTH {
            return Err(ValueError::TooDeep { offset });
        }
        let [found] = self.array("tag")?;
        // Containers here, all else in a function of its own: unoptimised frames are large, and these nest.
        match found {
            tag::LIST | tag::FROZEN_LIST | tag::OBJECT_ARRAY => Ok(Value::List(self.items(depth)?)),
            tag::SET | tag::HASH_SET | tag::FROZEN_SET => Ok(Value::Set(self.items(depth)?)),
            tag::MAP | tag::HASH_MAP | tag::FROZEN_MAP => Ok(Value::Map(self.entries(depth, Self::text)?)),
            tag::TABLE | tag::HASH_TABLE | tag::FROZEN_TABLE => {
                Ok(Value::Table(self.entries(depth, |reader| reader.value(depth + 1))?))
            }
            _ => self.scalar(found, offset),
        }
    }

    fn scalar(&mut self, found: u8, offset: usize) -> Result<Value, ValueError> {
        Ok(match found {
            tag::NULL => Value::Null,
            tag::FALSE => Value::Bool(false),
            tag::TRUE => Value::Bool(true),
            tag::I8 => Value::I8(i8::from_le_bytes(self.array("integer")?)),
            tag::I16 => Value::I16(i16::from_le_bytes(self.array("integer")?)),
            tag::I32 => Value::I32(i32::from_le_bytes(self.array("integer")?)),
            tag::I64 => Value::I64(i64::from_le_bytes(self.array("integer")?)),
            tag::F32 => Value::F32(f32::from_bits(u32::from_le_bytes(self.array("float")?))),
            tag::F64 => Value::F64(f64::from_bits(u64::from_le_bytes(self.array("float")?))),
            tag::CHAR => Value::Char(u16::from_le_bytes(self.array("character")?)),
            tag::UUID => Value::Uuid(u128::from_le_bytes(self.array("UUID")?)),
            tag::TEXT => Value::Text(self.text()?),
            tag::WTF16 => Value::Wtf16(self.packed("UTF-16 text", u16::from_le_bytes)?),
            tag::BYTES => Value::Bytes(self.span("bytes")?.to_vec()),
            tag::BIG_INT => Value::BigInt(self.integer_bytes()?),
            tag::BIG_DECIMAL => {
                let scale = i32::from_le_bytes(self.array("scale")?);
                Value::BigDecimal {
                    unscaled: self.integer_bytes()?,
                    scale,
                }
            }
            tag::TEXT_ARRAY => Value::List(self.text_array()?),
            tag::INSTANT => {
                let secs = self.in_range("seconds of an instant", i64::from_le_bytes, |secs| {
                    INSTANT_SECS.contains(secs)
                })?;
                Value::Instant {
                    secs,
                    nanos: self.nanos()?,
                }
            }
            tag::DURATION => Value::Duration {
                secs: i64::from_le_bytes(self.array("seconds of a duration")?),
                nanos: self.nanos()?,
            },
            tag::DATE => Value::Date(self.day()?),
            tag::TIME => Value::Time(self.nano_of_day()?),
            tag::DATE_TIME => Value::DateTime {
                day: self.day()?,
                nano: self.nano_of_day()?,
            },
            tag::OFFSET_DATE_TIME => Value::OffsetDateTime {
                day: self.day()?,
                nano: self.nano_of_day()?,
                offset: self.zone_offset()?,
            },
            tag::ZONED_DATE_TIME => Value::ZonedDateTime {
                day: self.day()?,
                nano: self.nano_of_day()?,
                offset: self.zone_offset()?,
                zone: self.text()?,
            },
            tag::HOST_FIRST..=tag::HOST_LAST => Value::Opaque {
                tag: found,
                bytes: self.span("value of a host")?.to_vec(),
            },
            tag::BOOL_ARRAY => {
                let bytes = self.packed("boolean array", u8::from_le_bytes)?;
                if let Some(index) = bytes.iter().position(|byte| *byte > 1) {
                    let offset = self.at - bytes.len() + index;
                    return Err(ValueError::OutOfRange {
                        offset,
                        what: "element of a boolean array",
                    });
                }
                Value::List(bytes.into_iter().map(|byte| Value::Bool(byte == 1)).collect())
            }
            tag::I16_ARRAY => Value::List(self.packed("array", |b| Value::I16(i16::from_le_bytes(b)))?),
            tag::I32_ARRAY => Value::List(self.packed("array", |b| Value::I32(i32::from_le_bytes(b)))?),
            tag::I64_ARRAY => Value::List(self.packed("array", |b| Value::I64(i64::from_le_bytes(b)))?),
            tag::F32_ARRAY => Value::List(self.packed("array", |b| Value::F32(f32::from_bits(u32::from_le_bytes(b))))?),
            tag::F64_ARRAY => Value::List(self.packed("array", |b| Value::F64(f64::from_bits(u64::from_le_bytes(b))))?),
            tag::CHAR_ARRAY => Value::List(self.packed("array", |b| Value::Char(u16::from_le_bytes(b)))?),
            tag => return Err(ValueError::UnknownTag { offset, tag }),
        })
    }

    fn take(&mut self, length: usize, what: &'static str) -> Result<&'a [u8], ValueError> {
        let rest = &self.bytes[self.at..];
        match rest.get(..length) {
            Some(taken) => {
                self.at += length;
                Ok(taken)
            }
            None => Err(ValueError::Truncated {
                offset: self.at,
                what,
                needed: length as u64,
                left: rest.len(),
            }),
        }
    }

    fn array<const N: usize>(&mut self, what: &'static str) -> Result<[u8; N], ValueError> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N, what)?);
        Ok(array)
    }

    fn length(&mut self) -> Result<usize, ValueError> {
        let offset = self.at;
        let mut length = 0u32;
        for shift in [0, 7, 14, 21, 28] {
            let [byte] = self.array("length")?;
            let part = u32::from(byte & 0x7f);
            if shift == 28 && part > 0xf {
                break;
            }
            length |= part << shift;
            if byte < 0x80 {
                // A last byte of zero adds nothing: the same length could be written shorter.
                return if byte == 0 && shift > 0 {
                    Err(ValueError::BadLength { offset })
                } else {
                    Ok(length as usize)
                };
            }
        }
        Err(ValueError::BadLength { offset })
    }

    /// A count of elements that take at least `least` bytes each, all of which the input can hold.
    fn count(&mut self, what: &'static str, least: usize) -> Result<usize, ValueError> {
        let count = self.length()?;
        let left = self.bytes.len() - self.at;
        if count > left / least {
            let needed = count as u64 * least as u64;
            return Err(ValueError::Truncated {
                offset: self.at,
                what,
                needed,
                left,
            });
        }
        Ok(count)
    }

    fn span(&mut self, what: &'static str) -> Result<&'a [u8], ValueError> {
        let length = self.length()?;
        self.take(length, what)
    }

    fn text(&mut self) -> Result<String, ValueError> {
        self.str().map(str::to_owned)
    }

    fn str(&mut self) -> Result<&'a str, ValueError> {
        let bytes = self.span("text")?;
        std::str::from_utf8(bytes).map_err(|error| ValueError::InvalidUtf8 {
            offset: self.at - bytes.len() + error.valid_up_to(),
        })
    }

    fn integer_bytes(&mut self) -> Result<Vec<u8>, ValueError> {
        let offset = self.at;
        match self.span("big integer")? {
            [] => Err(ValueError::OutOfRange {
                offset,
                what: "big integer without bytes",
            }),
            bytes => Ok(bytes.to_vec()),
        }
    }

    fn items(&mut self, depth: usize) -> Result<Vec<Value>, ValueError> {
        let count = self.count("list or set", 1)?;
        let mut items = Vec::with_capacity(count.min(MAX_RESERVE));
        for _ in 0..count {
            items.push(self.value(depth + 1)?);
        }
        Ok(items)
    }

    fn entries<K>(
        &mut self,
        depth: usize,
        key: impl Fn(&mut Self) -> Result<K, ValueError>,
    ) -> Result<Vec<(K, Value)>, ValueError> {
        let count = self.count("map", 2)?;
        let mut entries = Vec::with_capacity(count.min(MAX_RESERVE));
        for _ in 0..count {
            entries.push((key(self)?, self.value(depth + 1)?));
        }
        Ok(entries)
    }

    fn text_array(&mut self) -> Result<Vec<Value>, ValueError> {
        let count = self.count("text array", 1)?;
        let mut items = Vec::with_capacity(count.min(MAX_RESERVE));
        for _ in 0..count {
            let offset = self.at;
            let [found] = self.array("tag")?;
            match found {
                tag::NULL | tag::TEXT | tag::WTF16 => items.push(self.scalar(found, offset)?),
                _ => {
                    return Err(ValueError::OutOfRange {
                        offset,
                        what: "element of a text array",
                    });
                }
            }
        }
        Ok(items)
    }

    fn packed<T, const N: usize>(&mut self, what: &'static str, read: fn([u8; N]) -> T) -> Result<Vec<T>, ValueError> {
        let count = self.count(what, N)?;
        let (chunks, _) = self.take(count * N, what)?.as_chunks::<N>();
        Ok(chunks.iter().copied().map(read).collect())
    }

    fn in_range<T, const N: usize>(
        &mut self,
        what: &'static str,
        read: fn([u8; N]) -> T,
        allowed: impl FnOnce(&T) -> bool,
    ) -> Result<T, ValueError> {
        let offset = self.at;
        let value = read(self.array(what)?);
        if allowed(&value) {
            Ok(value)
        } else {
            Err(ValueError::OutOfRange { offset, what })
        }
    }

    fn day(&mut self) -> Result<i64, ValueError> {
        self.in_range("date", i64::from_le_bytes, |day| DAYS.contains(day))
    }

    fn nano_of_day(&mut self) -> Result<u64, ValueError> {
        self.in_range("time of day", u64::from_le_bytes, |nano| *nano < NANOS_PER_DAY)
    }

    fn nanos(&mut self) -> Result<u32, ValueError> {
        self.in_range("nanoseconds of a second", u32::from_le_bytes, |nanos| {
            *nanos < NANOS_PER_SEC
        })
    }

    fn zone_offset(&mut self) -> Result<i32, ValueError> {
        self.in_range("zone offset", i32::from_le_bytes, |offset| OFFSETS.contains(offset))
    }
}
