//! Whatever the bytes are, reading and compiling a plan ends with a result or with an error; what was read can be
//! written and read again.

use flink_agents_core::plan::{AgentPlan, Routes};
use proptest::prelude::*;

const SAMPLES: [&str; 4] = [
    include_str!("../../../e2e-test/conformance/plan-samples/head/python-small-agent.plan.json"),
    include_str!("../../../e2e-test/conformance/plan-samples/head/python-react-agent-row-schema.plan.json"),
    include_str!("../../../e2e-test/conformance/plan-samples/0.3.1/java-small-agent.plan.json"),
    include_str!("../../../e2e-test/conformance/plan-samples/0.3.1/python-react-agent-pydantic-schema.plan.json"),
];

/// Pieces that turn one valid document into another, or into one that is nearly valid.
const PIECES: [&str; 14] = [
    "{",
    "}",
    "[",
    "]",
    "\"",
    ",",
    ":",
    "null",
    "\\ud800",
    "\"name\":",
    "1e999",
    "\"trigger_conditions\":[\"true\"],",
    "\u{feff}",
    "'",
];

fn read_write_read(bytes: &[u8]) -> Result<(), TestCaseError> {
    match AgentPlan::from_json(bytes) {
        Ok(plan) => {
            let again = AgentPlan::from_json(plan.to_json().as_bytes());
            prop_assert_eq!(again.as_ref(), Ok(&plan));
            if Routes::compile(&plan).is_ok() {
                prop_assert_eq!(plan.validate(), Ok(()));
            }
        }
        Err(error) => prop_assert!(!error.message().is_empty() && !error.path().is_empty()),
    }
    Ok(())
}

#[derive(Debug, Clone)]
enum Edit {
    Insert(usize, usize),
    Delete(usize, usize),
    Copy(usize, usize, usize),
    Byte(usize, u8),
}

fn edit() -> impl Strategy<Value = Edit> {
    prop_oneof![
        (any::<usize>(), 0..PIECES.len()).prop_map(|(at, piece)| Edit::Insert(at, piece)),
        (any::<usize>(), 1..40usize).prop_map(|(at, len)| Edit::Delete(at, len)),
        (any::<usize>(), any::<usize>(), 1..200usize).prop_map(|(from, to, len)| Edit::Copy(from, to, len)),
        (any::<usize>(), any::<u8>()).prop_map(|(at, byte)| Edit::Byte(at, byte)),
    ]
}

fn apply(bytes: &mut Vec<u8>, edit: &Edit) {
    let size = bytes.len() + 1;
    match edit {
        Edit::Insert(at, piece) => {
            let at = at % size;
            bytes.splice(at..at, PIECES[*piece].bytes());
        }
        Edit::Delete(at, len) => {
            let at = at % size;
            let end = (at + len).min(bytes.len());
            bytes.drain(at..end);
        }
        Edit::Copy(from, to, len) => {
            let (from, to) = (from % size, to % size);
            let piece = bytes[from..(from + len).min(bytes.len())].to_vec();
            bytes.splice(to..to, piece);
        }
        Edit::Byte(at, byte) => {
            if let Some(target) = bytes.get_mut(at % size) {
                *target = *byte;
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        read_write_read(&bytes)?;
    }

    #[test]
    fn changed_samples_never_panic(sample in 0..SAMPLES.len(), edits in proptest::collection::vec(edit(), 1..6)) {
        let mut bytes = SAMPLES[sample].as_bytes().to_vec();
        for edit in &edits {
            apply(&mut bytes, edit);
        }
        read_write_read(&bytes)?;
    }
}
