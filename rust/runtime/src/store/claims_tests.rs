#![allow(clippy::unwrap_used)]

use super::*;

const A: Lineage = Lineage([1; 16]);
const B: Lineage = Lineage([2; 16]);
const C: Lineage = Lineage([3; 16]);

fn claim(epoch: u64, lineage: Lineage, key_groups: RangeInclusive<u16>, position: u64) -> Claim {
    Claim {
        epoch,
        lineage,
        max_parallelism: 128,
        key_groups,
        position: Position(position),
    }
}

fn claims(lineage: Lineage, ancestors: &[Lineage], claims: &[Claim]) -> Claims {
    Claims::new("memory", "log", lineage, ancestors, 128, claims.to_vec()).unwrap()
}

/// The record at `position` is read.
fn reads(claims: &Claims, lineage: Lineage, epoch: u64, key_group: u16, position: u64) -> bool {
    claims
        .limit(lineage, epoch, key_group)
        .is_some_and(|limit| Position(position) < limit)
}

#[test]
fn a_restart_of_the_same_job_reads_what_it_wrote_before() {
    let all = claims(A, &[], &[claim(1, A, 0..=127, 0), claim(2, A, 0..=127, 50)]);
    assert!(reads(&all, A, 1, 5, 0));
    assert!(reads(&all, A, 1, 5, 49));
    assert_eq!(all.start(5), Some(Position(0)));
}

#[test]
fn a_new_submission_reads_nothing_of_an_old_job() {
    let all = claims(B, &[], &[claim(1, A, 0..=127, 0), claim(2, B, 0..=127, 50)]);
    assert_eq!(all.limit(A, 1, 5), None);
    assert_eq!(
        all.start(5),
        Some(Position(50)),
        "nothing before the own claim is of interest"
    );
    assert!(
        !reads(&all, B, 2, 5, 50),
        "the own records are not read back by the session that writes them"
    );
}

#[test]
fn two_jobs_restored_from_one_savepoint_do_not_mix() {
    let log = [
        claim(1, A, 0..=127, 0),
        claim(2, B, 0..=127, 20),
        claim(3, C, 0..=127, 30),
        claim(4, B, 0..=127, 60),
        claim(5, C, 0..=127, 70),
    ];
    let b = claims(B, &[A], &log);
    let c = claims(C, &[A], &log);
    // What A wrote after the savepoint and before the forks belongs to both.
    assert!(reads(&b, A, 1, 5, 19) && reads(&c, A, 1, 5, 19));
    assert!(!reads(&b, A, 1, 5, 20), "A goes on for itself once B has begun");
    assert!(reads(&c, A, 1, 5, 20) && reads(&c, A, 1, 5, 29) && !reads(&c, A, 1, 5, 30));
    assert!(reads(&b, B, 2, 5, 40) && !reads(&c, B, 2, 5, 40));
    assert!(reads(&c, C, 3, 5, 40) && !reads(&b, C, 3, 5, 40));
}

#[test]
fn the_first_claim_counts_for_ancestors_also_after_many_restarts() {
    let log = [
        claim(1, A, 0..=127, 0),
        claim(2, B, 0..=127, 20),
        claim(3, B, 0..=127, 40),
        claim(4, B, 0..=127, 60),
    ];
    let b = claims(B, &[A], &log);
    assert!(reads(&b, A, 1, 0, 19));
    assert!(!reads(&b, A, 1, 0, 20) && !reads(&b, A, 1, 0, 39));
}

#[test]
fn a_grandparent_is_read_up_to_the_first_claim_of_the_parent() {
    let log = [
        claim(1, A, 0..=127, 0),
        claim(2, B, 0..=127, 20),
        claim(3, C, 0..=127, 40),
    ];
    let c = claims(C, &[B, A], &log);
    assert!(reads(&c, A, 1, 7, 19));
    assert!(!reads(&c, A, 1, 7, 20), "B did not read it either");
    assert!(reads(&c, B, 2, 7, 39) && !reads(&c, B, 2, 7, 40));
}

#[test]
fn a_parent_that_never_started_bounds_nothing() {
    let log = [claim(1, A, 0..=127, 0), claim(2, C, 0..=127, 40)];
    let c = claims(C, &[B, A], &log);
    assert!(reads(&c, A, 1, 7, 39) && !reads(&c, A, 1, 7, 40));
}

#[test]
fn late_records_of_a_zombie_are_passed_over_by_all_who_read_its_lineage() {
    let log = [
        claim(1, A, 0..=127, 0),
        claim(2, A, 0..=127, 30),
        claim(3, A, 0..=127, 60),
        claim(4, B, 0..=127, 80),
    ];
    let a = claims(A, &[], &log[..3]);
    assert!(reads(&a, A, 1, 5, 29));
    assert!(!reads(&a, A, 1, 5, 30) && !reads(&a, A, 1, 5, 45));
    assert!(reads(&a, A, 2, 5, 45));
    let b = claims(B, &[A], &log);
    assert!(!reads(&b, A, 1, 5, 45), "a zombie of an ancestor is one, too");
    assert!(reads(&b, A, 2, 5, 45) && !reads(&b, A, 2, 5, 65));
}

#[test]
fn rescaling_fences_by_key_group() {
    let log = [
        claim(1, A, 0..=127, 0),
        claim(2, A, 0..=63, 30),
        claim(3, A, 64..=127, 50),
        claim(4, A, 0..=31, 70),
        claim(5, A, 32..=127, 70),
    ];
    let all = claims(A, &[], &log);
    assert!(
        !reads(&all, A, 1, 63, 30) && reads(&all, A, 1, 64, 30),
        "64 was not claimed until 50"
    );
    assert!(!reads(&all, A, 1, 64, 50));
    assert!(reads(&all, A, 2, 63, 69) && reads(&all, A, 3, 64, 69));
    // The session that was claimed over for one half of its key groups is a zombie altogether.
    assert_eq!(Claims::successor(&log[0], &log).unwrap().epoch, 2);
    assert_eq!(Claims::successor(&log[1], &log).unwrap().epoch, 4);
    assert_eq!(Claims::successor(&log[2], &log).unwrap().epoch, 5);
    assert_eq!(Claims::successor(&log[3], &log), None);
}

#[test]
fn a_second_failure_during_recovery_reads_both_attempts() {
    // The second attempt read only part, wrote a little, and died.
    let log = [
        claim(1, A, 0..=127, 0),
        claim(2, A, 0..=127, 100),
        claim(3, A, 0..=127, 105),
    ];
    let all = claims(A, &[], &log);
    assert!(reads(&all, A, 1, 9, 99) && reads(&all, A, 2, 9, 104));
    assert!(!reads(&all, A, 1, 9, 102), "the first attempt was a zombie by then");
}

#[test]
fn claims_of_other_key_groups_bound_nothing() {
    let log = [
        claim(1, A, 0..=127, 0),
        claim(2, B, 64..=127, 20),
        claim(3, B, 0..=63, 40),
    ];
    let b = claims(B, &[A], &log);
    assert!(reads(&b, A, 1, 10, 39), "the fork came to key group 10 only at 40");
    assert!(!reads(&b, A, 1, 70, 39));
}

#[test]
fn a_claim_of_a_new_submission_does_not_fence_another_job() {
    let a = claim(1, A, 0..=127, 0);
    assert_eq!(Claims::successor(&a, &[claim(2, B, 0..=127, 10)]), None);
}

#[test]
fn another_maximum_parallelism_is_refused_for_all_lineages_that_are_read() {
    let mut old = claim(1, A, 0..=63, 0);
    old.max_parallelism = 64;
    let error = Claims::new("memory", "log", B, &[A], 128, [old.clone()]).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Settings);
    assert!(error.to_string().contains("is 128 now and was 64 then"), "{error}");
    assert!(
        Claims::new("memory", "log", B, &[], 128, [old]).is_ok(),
        "another job may have its own"
    );
}
