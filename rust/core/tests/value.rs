//! Values: vectors shared with the other languages, round trips, and input that is no value.

#![allow(clippy::unwrap_used, reason = "helpers of tests too")]

use flink_agents_core::value::{
    MAX_DEPTH, Value, ValueError, decode, decode_prefix, decode_standalone, encode, encode_standalone, to_plain_json,
};
use proptest::prelude::*;
use serde_json::Value as Json;

fn vectors(section: &str) -> Vec<Json> {
    let text = include_str!("../../../e2e-test/conformance/values.json");
    let file: Json = serde_json::from_str(text).unwrap();
    file[section].as_array().unwrap().clone()
}

fn unhex(hex: &str) -> Vec<u8> {
    (0..hex.len())
        .step_by(2)
        .map(|i| u8::from_str_radix(&hex[i..i + 2], 16).unwrap())
        .collect()
}

fn bytes_of(value: &Value) -> Vec<u8> {
    let mut out = Vec::new();
    encode(value, &mut out).unwrap();
    out
}

#[test]
fn shared_vectors_are_read_written_and_shown_as_plain_json() {
    let all = vectors("values");
    assert!(all.len() > 70, "only {} vectors", all.len());
    for vector in all {
        let name = &vector["name"];
        let value = decode(&unhex(vector["hex"].as_str().unwrap())).unwrap_or_else(|e| panic!("{name}: {e}"));
        let canonical = vector["canonical"].as_str().or(vector["hex"].as_str()).unwrap();
        assert_eq!(bytes_of(&value), unhex(canonical), "{name}");
        if let Some(json) = vector.get("json") {
            assert_eq!(&to_plain_json(&value), json, "{name}");
        }
    }
}

#[test]
fn malformed_vectors_are_refused_with_their_reason() {
    let all = vectors("malformed");
    assert!(all.len() > 20, "only {} vectors", all.len());
    for vector in all {
        let name = &vector["name"];
        let error = decode(&unhex(vector["hex"].as_str().unwrap())).expect_err(&format!("{name} was read"));
        assert!(
            error.to_string().contains(vector["error"].as_str().unwrap()),
            "{name}: {error}"
        );
    }
}

#[test]
fn errors_name_the_offset() {
    // map {"k": [null, <tag 255>]}
    let bytes = [12, 1, 1, b'k', 11, 2, 0, 255];
    assert_eq!(decode(&bytes), Err(ValueError::UnknownTag { offset: 7, tag: 255 }));
    let bytes = [11, 1, 9, 3, b'a', b'b', 0xff];
    assert_eq!(decode(&bytes), Err(ValueError::InvalidUtf8 { offset: 6 }));
    let bytes = [73, 3, 1, 0, 7];
    assert_eq!(
        decode(&bytes),
        Err(ValueError::OutOfRange {
            offset: 4,
            what: "element of a boolean array"
        })
    );
}

#[test]
fn a_standalone_value_names_its_version() {
    let bytes = encode_standalone(&Value::from("x")).unwrap();
    assert_eq!(bytes, [1, 9, 1, b'x']);
    assert_eq!(decode_standalone(&bytes), Ok(Value::from("x")));
    assert_eq!(
        decode_standalone(&[2, 0]),
        Err(ValueError::UnknownVersion { version: 2 })
    );
    assert!(matches!(decode_standalone(&[]), Err(ValueError::Truncated { .. })));
}

#[test]
fn values_that_could_not_be_read_back_are_not_written() {
    let mut deep = Value::Null;
    for _ in 0..=MAX_DEPTH {
        deep = Value::List(vec![deep]);
    }
    let refused = [
        deep,
        Value::BigInt(vec![]),
        Value::Time(86_400_000_000_000),
        Value::Instant {
            secs: i64::MAX,
            nanos: 0,
        },
        Value::Duration {
            secs: 0,
            nanos: 1_000_000_000,
        },
        Value::Opaque { tag: 64, bytes: vec![] },
    ];
    for value in refused {
        assert!(encode(&value, &mut Vec::new()).is_err(), "{value:?}");
    }
}

#[test]
fn deep_values_are_read_and_dropped_on_a_small_stack() {
    let bytes: Vec<u8> = [11, 1].repeat(MAX_DEPTH).into_iter().chain([0]).collect();
    let read = move || to_plain_json(&decode(&bytes).unwrap());
    let json = std::thread::Builder::new()
        .stack_size(512 << 10)
        .spawn(read)
        .unwrap()
        .join()
        .unwrap();
    assert!(json.is_array());
}

#[test]
fn host_values_keep_tag_and_bytes() {
    let value = Value::List(vec![
        Value::Opaque {
            tag: 33,
            bytes: vec![1, 2],
        },
        Value::Null,
    ]);
    let bytes = bytes_of(&value);
    assert_eq!(bytes, [11, 2, 33, 2, 1, 2, 0]);
    assert_eq!(decode(&bytes), Ok(value));
}

#[test]
fn a_key_finds_its_entry() {
    let map = Value::Map(vec![("a".into(), Value::I32(1)), ("b".into(), Value::Null)]);
    assert_eq!(map.get("a"), Some(&Value::I32(1)));
    assert_eq!(map.get("c"), None);
    assert_eq!(Value::Null.get("a"), None);
}

#[test]
fn big_integers_beyond_reason_are_shown_in_hexadecimal() {
    let json = to_plain_json(&Value::BigInt([vec![1], vec![0; 2000]].concat()));
    assert!(json.as_str().unwrap().starts_with("0x0100"));
}

fn any_value() -> impl Strategy<Value = Value> {
    let nanos = 0u32..1_000_000_000;
    let (day, nano) = (-365_243_219_162i64..=365_241_780_471, 0u64..86_400_000_000_000);
    let offset = -64_800i32..=64_800;
    let integer = prop::collection::vec(any::<u8>(), 1..40);
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        any::<i8>().prop_map(Value::I8),
        any::<i16>().prop_map(Value::I16),
        any::<i32>().prop_map(Value::I32),
        any::<i64>().prop_map(Value::I64),
        any::<u32>().prop_map(|bits| Value::F32(f32::from_bits(bits))),
        any::<u64>().prop_map(|bits| Value::F64(f64::from_bits(bits))),
        any::<u16>().prop_map(Value::Char),
        ".{0,40}".prop_map(Value::Text),
        prop::collection::vec(any::<u16>(), 0..20).prop_map(Value::Wtf16),
        prop::collection::vec(any::<u8>(), 0..200).prop_map(Value::Bytes),
        integer.clone().prop_map(Value::BigInt),
        (integer, any::<i32>()).prop_map(|(unscaled, scale)| Value::BigDecimal { unscaled, scale }),
        any::<u128>().prop_map(Value::Uuid),
        (-31_557_014_167_219_200i64..=31_556_889_864_403_199, nanos.clone())
            .prop_map(|(secs, nanos)| Value::Instant { secs, nanos }),
        (any::<i64>(), nanos).prop_map(|(secs, nanos)| Value::Duration { secs, nanos }),
        day.clone().prop_map(Value::Date),
        nano.clone().prop_map(Value::Time),
        (day.clone(), nano.clone()).prop_map(|(day, nano)| Value::DateTime { day, nano }),
        (day.clone(), nano.clone(), offset.clone()).prop_map(|(day, nano, offset)| Value::OffsetDateTime {
            day,
            nano,
            offset
        }),
        (day, nano, offset, "[A-Z][a-z/]{0,20}").prop_map(|(day, nano, offset, zone)| Value::ZonedDateTime {
            day,
            nano,
            offset,
            zone
        }),
        (32u8..64, prop::collection::vec(any::<u8>(), 0..50)).prop_map(|(tag, bytes)| Value::Opaque { tag, bytes }),
    ];
    leaf.prop_recursive(6, 100, 8, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..8).prop_map(Value::List),
            prop::collection::vec(inner.clone(), 0..8).prop_map(Value::Set),
            prop::collection::vec((".{0,10}", inner.clone()), 0..8).prop_map(Value::Map),
            prop::collection::vec((inner.clone(), inner), 0..8).prop_map(Value::Table),
        ]
    })
}

proptest! {
    #[test]
    fn every_value_comes_back_bit_for_bit(value in any_value()) {
        let bytes = bytes_of(&value);
        let back = decode(&bytes).unwrap();
        // Bytes, because NaN is not equal to itself.
        prop_assert_eq!(bytes_of(&back), &bytes[..]);
        prop_assert_eq!(std::mem::discriminant(&back), std::mem::discriminant(&value));
        let followed = [&bytes[..], &[1, 2, 3]].concat();
        prop_assert_eq!(decode_prefix(&followed).unwrap().1, bytes.len());
        to_plain_json(&value);
    }

    #[test]
    fn a_value_that_is_cut_off_is_refused(value in any_value(), cut in any::<prop::sample::Index>()) {
        let bytes = bytes_of(&value);
        prop_assert!(decode(&bytes[..cut.index(bytes.len())]).is_err());
    }

    #[test]
    fn arbitrary_bytes_never_panic_and_what_is_read_can_be_written(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        if let Ok(value) = decode(&bytes) {
            bytes_of(&value);
            to_plain_json(&value);
        }
    }

    #[test]
    fn damaged_values_never_panic(value in any_value(), at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut bytes = bytes_of(&value);
        let at = at.index(bytes.len());
        bytes[at] = byte;
        if let Ok(value) = decode(&bytes) {
            to_plain_json(&value);
        }
    }
}
