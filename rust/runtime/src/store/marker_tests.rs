#![allow(clippy::unwrap_used)]

use super::super::{Lineage, MissingHistory};
use super::*;

const HERE: [u8; 16] = [9; 16];

fn request(key_groups: RangeInclusive<u16>, markers: Vec<Vec<u8>>) -> OpenSession {
    OpenSession {
        lineage: Lineage([1; 16]),
        ancestors: Vec::new(),
        operator: "walker".to_owned(),
        max_parallelism: 128,
        key_groups,
        markers,
        missing_history: MissingHistory::Fail,
    }
}

fn marker(starts: &[(RangeInclusive<u16>, u64)]) -> Vec<u8> {
    let starts = starts
        .iter()
        .map(|(range, at)| (range.clone(), Position(*at)))
        .collect();
    Marker {
        store: HERE,
        max_parallelism: 128,
        starts,
    }
    .encode(Kind::Sqlite)
}

#[test]
fn a_marker_names_what_is_unfinished_and_else_the_end() {
    let mut progress = Progress::new(Kind::Sqlite, &request(0..=127, Vec::new())).unwrap();
    assert!(progress.opened(HERE, Position(10)));
    let bytes = progress.marker(
        &[64..=127, 0..=63],
        &[(5, Position(13)), (127, Position(11))],
        &[
            (5, Position(11)),
            (5, Position(12)),
            (127, Position(10)),
            (200, Position(0)),
        ],
    );
    let read = Marker::decode(Kind::Sqlite, &bytes).unwrap();
    assert_eq!(read.store, HERE);
    assert_eq!(
        read.starts,
        [
            (0..=4, Position(13)),
            (5..=5, Position(11)),
            (6..=126, Position(13)),
            (127..=127, Position(10))
        ]
    );
    assert_eq!(read.lowest(), Position(10));
}

#[test]
fn a_marker_before_the_end_of_recovery_is_the_former_one() {
    let former = vec![marker(&[(0..=63, 40)]), marker(&[(64..=127, 50)])];
    let mut progress = Progress::new(Kind::Sqlite, &request(32..=95, former)).unwrap();
    assert_eq!(
        Marker::decode(Kind::Sqlite, &progress.marker(&[], &[], &[]))
            .unwrap()
            .starts,
        [(32..=63, Position(40)), (64..=95, Position(50))]
    );
    assert!(progress.opened(HERE, Position(90)));
    let heard = [(64, Position(91))];
    assert_eq!(
        Marker::decode(Kind::Sqlite, &progress.marker(&[], &heard, &[]))
            .unwrap()
            .lowest(),
        Position(40),
        "what was recovered so far says nothing of the rest"
    );
    assert_eq!(
        Marker::decode(Kind::Sqlite, &progress.marker(&[32..=95], &heard, &[]))
            .unwrap()
            .starts,
        [(32..=95, Position(91))]
    );
}

#[test]
fn of_several_markers_the_lowest_counts_and_what_none_covers_has_no_start() {
    let former = vec![marker(&[(0..=9, 40)]), marker(&[(5..=20, 30)])];
    let progress = Progress::new(Kind::Sqlite, &request(0..=30, former)).unwrap();
    assert_eq!(progress.start(4), Some(Position(40)));
    assert_eq!(progress.start(7), Some(Position(30)));
    assert_eq!(progress.start(25), None);
    assert_eq!(progress.start(31), None);
}

#[test]
fn markers_of_another_store_or_of_its_future_are_noticed() {
    let former = vec![marker(&[(0..=127, 40)])];
    let mut progress = Progress::new(Kind::Sqlite, &request(0..=127, former.clone())).unwrap();
    assert!(!progress.opened([8; 16], Position(100)));
    assert_eq!(progress.start(3), None);
    let mut progress = Progress::new(Kind::Sqlite, &request(0..=127, former)).unwrap();
    assert!(
        !progress.opened(HERE, Position(39)),
        "the file was set back to an older copy"
    );
}

#[test]
fn wrong_markers_are_refused_with_the_reason() {
    let right = marker(&[(0..=127, 40)]);
    let refuse = |bytes: Vec<u8>| Progress::new(Kind::Sqlite, &request(0..=127, vec![bytes])).unwrap_err();
    for length in 0..right.len() {
        assert_eq!(
            refuse(right[..length].to_vec()).kind,
            ErrorKind::Damaged,
            "cut to {length} bytes"
        );
    }
    let mut long = right.clone();
    long.push(0);
    assert_eq!(refuse(long).kind, ErrorKind::Damaged);
    let mut newer = right.clone();
    newer[0] = 2;
    assert!(
        refuse(newer)
            .to_string()
            .contains("its format is 2, and this program knows 1")
    );
    let mut other = right.clone();
    other[1] = 3;
    assert!(refuse(other).to_string().contains("actionStateStoreBackend"));
    assert_eq!(refuse(marker(&[(0..=5, 1), (5..=9, 1)])).kind, ErrorKind::Damaged);
    assert_eq!(refuse(marker(&[])).kind, ErrorKind::Damaged);
    let mut narrow = right;
    narrow[18] = 64;
    assert!(refuse(narrow).to_string().contains("is 128 now and was 64 then"));
}

#[test]
fn key_groups_beyond_the_maximum_parallelism_are_refused() {
    for key_groups in [0..=128, 200..=210, RangeInclusive::new(5, 4)] {
        assert_eq!(
            Progress::new(Kind::Memory, &request(key_groups, Vec::new()))
                .unwrap_err()
                .kind,
            ErrorKind::Request
        );
    }
}

#[test]
fn the_layout_of_version_one_stays() {
    let bytes = marker(&[(0..=1, 258), (2..=127, 3)]);
    let mut golden = vec![1, 2];
    golden.extend_from_slice(&[9; 16]);
    golden.extend_from_slice(&[128, 0, 2, 0, 0, 0]);
    golden.extend_from_slice(&[0, 0, 1, 0, 2, 1, 0, 0, 0, 0, 0, 0]);
    golden.extend_from_slice(&[2, 0, 127, 0, 3, 0, 0, 0, 0, 0, 0, 0]);
    assert_eq!(bytes, golden);
}

#[test]
fn pruning_takes_markers_of_the_session_only() {
    let mut progress = Progress::new(Kind::Sqlite, &request(0..=63, Vec::new())).unwrap();
    progress.opened(HERE, Position(5));
    assert_eq!(
        progress.own(&progress.marker(&[0..=63], &[], &[])).unwrap().lowest(),
        Position(5)
    );
    assert_eq!(
        progress.own(&marker(&[(0..=127, 5)])).unwrap_err().kind,
        ErrorKind::Request
    );
    progress.opened([8; 16], Position(5));
    assert_eq!(progress.own(&marker(&[(0..=63, 5)])).unwrap().lowest(), Position(0));
}

#[test]
fn a_marker_from_before_the_store_was_open_means_the_beginning() {
    let early = Progress::new(Kind::Sqlite, &request(0..=63, Vec::new()))
        .unwrap()
        .marker(&[], &[], &[]);
    let mut progress = Progress::new(Kind::Sqlite, &request(0..=63, vec![early.clone()])).unwrap();
    assert!(progress.opened(HERE, Position(50)));
    assert_eq!(progress.start(3), None);
    assert_eq!(
        progress.own(&early).unwrap().lowest(),
        Position(0),
        "nothing is pruned by it"
    );
}
