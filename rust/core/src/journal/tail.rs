//! The part of a record's identity that the core knows: run, task path, call position.
//!
//! ```text
//! run u64 big endian   format u8 = 1   depth  (event index, name length, name)*   calls  place*
//! ```
//!
//! Integers are LEB128 varints unless a width is given. The run stands first and sorts. Actions stand by their
//! identities, since their numbers change with the plan, and their names with the code.

use rustc_hash::FxHashMap;
use std::fmt;
use std::sync::Arc;

const FORMAT: u8 = 1;

/// The way to a task, from the outermost: index of the event among those the parent sent, action.
pub(crate) type Path = Vec<(u32, Arc<str>)>;

/// Which record of a key: the run's first record if there is no task, a completed action if there is no call.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Tail {
    /// Number of the run.
    pub run: u64,
    /// From the outermost: index of the event among those the parent sent, action.
    pub task: Path,
    /// Places from the action inwards.
    pub call: Vec<u32>,
}

impl Tail {
    /// The bytes that identify the record.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.write(&mut bytes);
        bytes
    }

    /// Puts these bytes behind what is there.
    pub(crate) fn write(&self, bytes: &mut Vec<u8>) {
        bytes.extend_from_slice(&self.run.to_be_bytes());
        bytes.push(FORMAT);
        varint(bytes, self.task.len() as u64);
        for (event_index, name) in &self.task {
            varint(bytes, u64::from(*event_index));
            varint(bytes, name.len() as u64);
            bytes.extend_from_slice(name.as_bytes());
        }
        varint(bytes, self.call.len() as u64);
        self.call.iter().for_each(|place| varint(bytes, u64::from(*place)));
    }

    /// The inverse of [`Tail::encode`]; nothing for other bytes.
    pub fn decode(bytes: &[u8]) -> Option<Tail> {
        let (run, rest) = bytes.split_first_chunk::<8>()?;
        let (format, mut rest) = rest.split_first()?;
        if *format != FORMAT {
            return None;
        }
        let mut task = Vec::new();
        for _ in 0..count(&mut rest)? {
            let event_index = u32::try_from(read_varint(&mut rest)?).ok()?;
            let length = count(&mut rest)?;
            let (name, after) = rest.split_at_checked(length)?;
            rest = after;
            task.push((event_index, std::str::from_utf8(name).ok()?.into()));
        }
        let mut call = Vec::new();
        for _ in 0..count(&mut rest)? {
            call.push(u32::try_from(read_varint(&mut rest)?).ok()?);
        }
        rest.is_empty().then_some(Tail {
            run: u64::from_be_bytes(*run),
            task,
            call,
        })
    }

    /// Names actions by their identities of today; true if that changes something.
    pub(crate) fn rename(&mut self, aliases: &FxHashMap<String, Arc<str>>) -> bool {
        let mut renamed = false;
        for (_, name) in &mut self.task {
            if let Some(identity) = aliases.get(&**name) {
                *name = Arc::clone(identity);
                renamed = true;
            }
        }
        renamed
    }

    /// Whether the record is one of a durable call.
    pub fn is_call(&self) -> bool {
        !self.call.is_empty()
    }
}

impl fmt::Display for Tail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "run {}", self.run)?;
        for (event_index, name) in &self.task {
            write!(f, " / event {event_index} > action '{name}'")?;
        }
        if self.is_call() {
            let places: Vec<String> = self.call.iter().map(u32::to_string).collect();
            write!(f, " / call {}", places.join("."))?;
        }
        Ok(())
    }
}

fn varint(bytes: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
}

fn read_varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0u64;
    for shift in (0..63).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

/// A count of things that take at least a byte each.
fn count(bytes: &mut &[u8]) -> Option<usize> {
    let count = usize::try_from(read_varint(bytes)?).ok()?;
    (count <= bytes.len()).then_some(count)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tail(run: u64, task: &[(u32, &str)], call: &[u32]) -> Tail {
        Tail {
            run,
            task: task.iter().map(|(index, name)| (*index, (*name).into())).collect(),
            call: call.to_vec(),
        }
    }

    #[test]
    fn tails_come_back_and_never_meet() {
        let tails = [
            tail(0, &[], &[]),
            tail(1, &[], &[]),
            tail(u64::MAX, &[(0, "a")], &[]),
            tail(1, &[(0, "a")], &[0]),
            tail(1, &[(0, "a")], &[0, 0]),
            tail(1, &[(0, "a"), (1, "b")], &[]),
            tail(1, &[(0, "a\u{1}b")], &[]),
            tail(1, &[(300, "ключ")], &[u32::MAX, 128]),
        ];
        for (index, one) in tails.iter().enumerate() {
            let bytes = one.encode();
            assert_eq!(Tail::decode(&bytes).as_ref(), Some(one));
            for other in &tails[index + 1..] {
                assert_ne!(bytes, other.encode());
            }
            for end in 0..bytes.len() {
                assert_eq!(Tail::decode(&bytes[..end]), None, "cut at {end}");
            }
            assert_eq!(Tail::decode(&[&bytes[..], &[0]].concat()), None);
        }
        // A count that promises more than follows reserves nothing.
        assert_eq!(
            Tail::decode(&[0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff, 0xff, 0xff, 0xff, 0x0f]),
            None
        );
        assert_eq!(
            tail(7, &[(0, "ask"), (2, "pay")], &[1, 0]).to_string(),
            "run 7 / event 0 > action 'ask' / event 2 > action 'pay' / call 1.0"
        );
    }
}
