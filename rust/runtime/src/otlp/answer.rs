//! What a receiver that takes a request says of its spans: `ExportTraceServiceResponse` of OTLP 1.x as protobuf. The field numbers
//! are those of opentelemetry-proto.

/// What was taken only in part. In an answer that takes all there is none, so nothing is the usual case.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Partial {
    /// Spans that were refused.
    pub(super) rejected: u64,
    /// Why; a warning if none were.
    pub(super) message: String,
}

enum Field<'a> {
    Number(u64),
    Bytes(&'a [u8]),
    /// Of no kind that is of interest.
    Other,
}

/// Reads an answer. What is cut off, or no such message, is passed over: the status has said that the request was taken.
pub(super) fn partial(mut answer: &[u8]) -> Partial {
    let mut partial = Partial::default();
    while let Some((field, content)) = next(&mut answer) {
        if let (1, Field::Bytes(mut inner)) = (field, content) {
            while let Some((field, content)) = next(&mut inner) {
                match (field, content) {
                    // An int64: nothing below nothing is refused.
                    (1, Field::Number(rejected)) => partial.rejected = u64::try_from(rejected as i64).unwrap_or(0),
                    (2, Field::Bytes(message)) => partial.message = String::from_utf8_lossy(message).into_owned(),
                    _ => {}
                }
            }
        }
    }
    partial
}

fn next<'a>(rest: &mut &'a [u8]) -> Option<(u64, Field<'a>)> {
    let tag = varint(rest)?;
    let content = match tag & 7 {
        0 => Field::Number(varint(rest)?),
        1 => skip(rest, 8)?,
        2 => {
            let length = usize::try_from(varint(rest)?).ok()?;
            let (bytes, after) = rest.split_at_checked(length)?;
            *rest = after;
            Field::Bytes(bytes)
        }
        5 => skip(rest, 4)?,
        _ => return None,
    };
    Some((tag >> 3, content))
}

fn skip<'a>(rest: &mut &'a [u8], count: usize) -> Option<Field<'a>> {
    *rest = rest.get(count..)?;
    Some(Field::Other)
}

fn varint(rest: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let (byte, after) = rest.split_first()?;
        *rest = after;
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(rejected: u64, message: &str) -> Partial {
        Partial {
            rejected,
            message: message.to_owned(),
        }
    }

    #[test]
    fn an_answer_says_how_many_were_refused_and_why() {
        assert_eq!(partial(b""), told(0, ""));
        assert_eq!(partial(b"\x0a\x00"), told(0, ""));
        assert_eq!(partial(b"\x0a\x09\x08\xac\x02\x12\x04full"), told(300, "full"));
        assert_eq!(partial(b"\x0a\x06\x12\x04slow"), told(0, "slow"));
        // Fields of later versions.
        let later = b"\x10\x07\x1d1234\x0a\x0d\x19ABCDEFGH\x08\x02\x22\x00";
        assert_eq!(partial(later), told(2, ""));
    }

    #[test]
    fn what_is_no_such_message_says_nothing() {
        for no in [
            &b"{\"partialSuccess\":{}}"[..],
            b"<html>fine</html>",
            b"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
            b"\x0a\x7f\x08",
            b"\x0f",
            b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff",
        ] {
            assert_eq!(partial(no), Partial::default(), "{no:?}");
        }
        assert_eq!(
            partial(b"\x0a\x0b\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01").rejected,
            0
        );
    }
}
