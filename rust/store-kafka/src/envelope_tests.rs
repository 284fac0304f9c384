use super::*;

const LINEAGE: Lineage = Lineage(*b"0123456789abcdef");

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn keys_have_the_bytes_they_always_had() {
    let lineage = "30313233343536373839616263646566";
    for (key, golden) in [
        (
            Key::Record(RecordKey {
                lineage: LINEAGE,
                epoch: 258,
                key_group: 7,
                operator: "op",
                key: b"k\0y",
                tail: &[0, 0, 0, 0, 0, 0, 0, 9, 1],
            }),
            format!("0101{lineage}0000000000000102000700026f70000000036b0079000000000000000901"),
        ),
        (
            Key::Claim {
                lineage: LINEAGE,
                nonce: [0xaa; 16],
                operator: "ü",
            },
            format!("0102{lineage}aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa0002c3bc"),
        ),
        (
            Key::Pruned {
                lineage: LINEAGE,
                first: 3,
                last: 260,
                operator: "",
            },
            format!("0103{lineage}000301040000"),
        ),
    ] {
        let bytes = key.encode();
        assert_eq!(hex(&bytes), golden);
        assert_eq!(Key::decode(&bytes), Ok(key));
    }
}

fn value(value: Option<&[u8]>) -> Vec<u8> {
    let mut bytes = Vec::new();
    write_record(&mut bytes, value);
    bytes
}

#[test]
fn values_have_the_bytes_they_always_had() {
    assert_eq!(hex(&value(Some(b"abc"))), "0100616263");
    assert_eq!(hex(&value(Some(b""))), "0100");
    assert_eq!(hex(&value(None)), "0101");
    assert_eq!(decode_record(&[1, 0, 5]), Ok(Some(&[5][..])));
    assert_eq!(decode_record(&[1, 0]), Ok(Some(&[][..])));
    assert_eq!(decode_record(&[1, 1]), Ok(None));
    let claim = ClaimValue {
        epoch: 5,
        max_parallelism: 128,
        key_groups: 2..=9,
        partitions: 63,
        first_partition: 1,
        positions: vec![Position(1), Position(256)],
    };
    let golden = "010000000000000005008000020009\
                  0000003f00000001000000020000000000000001\
                  0000000000000100";
    assert_eq!(hex(&claim.encode()), golden);
    assert_eq!(ClaimValue::decode(&claim.encode()), Ok(claim));
    let pruned = PrunedValue {
        max_parallelism: 128,
        partitions: 63,
        first_partition: 2,
        pruned: vec![Pruned { begun: 9, done: 8 }],
    };
    assert_eq!(
        hex(&pruned.encode()),
        "0100800000003f000000020000000100000000000000090000000000000008"
    );
    assert_eq!(PrunedValue::decode(&pruned.encode()), Ok(pruned));
}

#[test]
fn what_is_cut_short_or_too_long_is_damaged_and_never_a_panic() {
    let claim = ClaimValue {
        epoch: 5,
        max_parallelism: 128,
        key_groups: 2..=9,
        partitions: 63,
        first_partition: 1,
        positions: vec![Position(1), Position(256)],
    }
    .encode();
    for length in 0..claim.len() {
        assert!(matches!(
            ClaimValue::decode(&claim[..length]),
            Err(Unreadable::Damaged(_))
        ));
    }
    let key = Key::Claim {
        lineage: LINEAGE,
        nonce: [1; 16],
        operator: "operator",
    }
    .encode();
    for length in 0..key.len() {
        assert!(matches!(Key::decode(&key[..length]), Err(Unreadable::Damaged(_))));
    }
    assert_eq!(
        Key::decode(&[key, vec![0]].concat()),
        Err(Unreadable::Damaged("it has more bytes than it should"))
    );
    assert!(matches!(decode_record(&[1, 2]), Err(Unreadable::Damaged(_))));
    assert!(matches!(decode_record(&[1, 1, 0]), Err(Unreadable::Damaged(_))));
    assert!(matches!(decode_record(b""), Err(Unreadable::Damaged(_))));
}

#[test]
fn a_newer_format_is_told_from_damage() {
    assert_eq!(Key::decode(&[2, 1, 0]), Err(Unreadable::Format(2)));
    assert_eq!(decode_record(&[9]), Err(Unreadable::Format(9)));
    assert_eq!(
        Key::decode(b"\0rubbish"),
        Err(Unreadable::Damaged("it does not begin as what this program writes"))
    );
}

#[test]
fn the_overhead_is_what_an_empty_record_takes() {
    let key = Key::Record(RecordKey {
        lineage: LINEAGE,
        epoch: 1,
        key_group: 1,
        operator: "",
        key: b"",
        tail: b"",
    });
    assert_eq!(key.encode().len() + value(Some(b"")).len(), RECORD_OVERHEAD);
}
