//! Frames for a host without serde: records of fixed layout, little-endian, one behind the other.
//!
//! *Name*: `i32`; from 0 on a number, below it `-1 - n` for `n` bytes of UTF-8 that follow. *Blob*: `u32` length, bytes.
//!
//! # From the worker
//!
//! | kind `u8` | `u64` | then |
//! |---|---|---|
//! | 1 send | task | id: upper `u64`, lower `u64`; name of the type; blob of attributes |
//! | 2 write | task | memory `u8` (0 sensory, 1 short-term); node `u8` (1 object, 2 value); name of the path; blob |
//! | 3 finish | task | microseconds it took `u64` |
//! | 4 fail | task | blob of text |
//! | 5 suspend | task | |
//! | 6 wake | task | |
//! | 7 get | task | memory `u8`; name of the path |
//! | 8 list | task | memory `u8`; name of the path |
//! | 9 name | number | blob of text |
//! | 10 metric | bits of the change | change `u8` (0 count, 1 mark, 2 gauge (a float), 3 sample); name of the group; name |
//! | 11 mark | batch | |
//! | 12 call | task | scope `u32`; call `u32`; flags `u8` (1 reconcilable, 2 in place, 4 digest); with a digest its 16 bytes; name of the function |
//! | 13 call end | task | call `u32`; outcome `u8` (0 nothing, 1 result, 2 failure); blob |
//! | 14 scope | task | scope `u32`; parent `u32`; group `u8` |
//! | 15 busy | task | busy `u8` |
//! | 16 report | task | status `u8` (0 started, 1 success, 2 failed, 3 a call); blob |
//! | 17 threw | task | blobs of texts: class, message, what is told, traceback |
//!
//! # To the worker
//!
//! | kind `u8` | `u64` | then |
//! |---|---|---|
//! | 1 run | task | action `u32`; slot `u32`; flags `u8` (1 fresh, 2 upstream); id as above; with upstream its id and the name of its action; blob of the key; name of the type; blob of attributes; count `u8` of known paths: each node `u8` (0 absent, 1 object, 2 value), name of the path, blob |
//! | 2 resume | task | |
//! | 4 node | task | memory `u8`; node `u8`; name of the path; blob |
//! | 5 names | task | count `u32`; as many blobs |
//! | 6 run ended | slot | |
//! | 7 forget | slot | |
//! | 8 name | number | blob of text |
//! | 9 call ready | task | call `u32`; step `u8` (0 execute, 1 reconcile, 2 return, 3 raise); blob of the call's key; blob |
//! | 10 observed | microseconds since 1970 | flags `u8` (1 for the logger, 2 upstream); id; with upstream as above; name of the type; blob of attributes; blob of the trace |

use super::frames::{Change, FromWorker, Known, Name, Node, Observed, Observer, Run, Space, Step, ToWorker, Upstream};
use super::stream::{self, FrameError};

/// Appends a frame of the worker's. `Ready`, `Refused` and `Beat` are no concern of the host and leave nothing.
pub(crate) fn put(frame: &FromWorker<'_>, out: &mut Vec<u8>) {
    let head = |out: &mut Vec<u8>, kind: u8, number: u64| {
        out.push(kind);
        out.extend_from_slice(&number.to_le_bytes());
    };
    match frame {
        FromWorker::Send {
            task,
            event,
            kind,
            attributes,
        } => {
            head(out, 1, *task);
            out.extend_from_slice(&((event >> 64) as u64).to_le_bytes());
            out.extend_from_slice(&(*event as u64).to_le_bytes());
            put_name(kind, out);
            put_blob(attributes, out);
        }
        FromWorker::Write {
            task,
            space,
            path,
            node,
        } => {
            head(out, 2, *task);
            out.push(*space as u8);
            let (code, bytes) = match node {
                Node::Absent => (0, &[][..]),
                Node::Object => (1, &[][..]),
                Node::Value(bytes) => (2, *bytes),
            };
            out.push(code);
            put_name(path, out);
            put_blob(bytes, out);
        }
        FromWorker::Finish { task, micros } => {
            head(out, 3, *task);
            out.extend_from_slice(&micros.to_le_bytes());
        }
        FromWorker::Fail { task, reason } => {
            head(out, 4, *task);
            put_blob(reason.as_bytes(), out);
        }
        FromWorker::Suspend { task } => head(out, 5, *task),
        FromWorker::Wake { task } => head(out, 6, *task),
        FromWorker::Get { task, space, path } => {
            head(out, 7, *task);
            out.push(*space as u8);
            put_name(path, out);
        }
        FromWorker::List { task, space, path } => {
            head(out, 8, *task);
            out.push(*space as u8);
            put_name(path, out);
        }
        FromWorker::Name { number, text } => {
            head(out, 9, u64::from(*number));
            put_blob(text.as_bytes(), out);
        }
        FromWorker::Metric { group, name, change } => {
            let (code, bits) = match change {
                Change::Count(by) => (0, *by as u64),
                Change::Mark(by) => (1, *by as u64),
                Change::Gauge(value) => (2, value.to_bits()),
                Change::Sample(value) => (3, *value as u64),
            };
            head(out, 10, bits);
            out.push(code);
            put_name(group, out);
            put_name(name, out);
        }
        FromWorker::Mark { batch } => head(out, 11, u64::from(*batch)),
        FromWorker::Call(call) => {
            head(out, 12, call.task);
            out.extend_from_slice(&call.scope.to_le_bytes());
            out.extend_from_slice(&call.call.to_le_bytes());
            let digest = u8::from(call.digest.is_some()) << 2;
            out.push(u8::from(call.reconcilable) | u8::from(call.in_place) << 1 | digest);
            out.extend_from_slice(call.digest.as_ref().map_or(&[][..], |digest| digest));
            put_name(&call.function, out);
        }
        FromWorker::CallEnd {
            task,
            call,
            outcome,
            payload,
        } => {
            head(out, 13, *task);
            out.extend_from_slice(&call.to_le_bytes());
            out.push(*outcome as u8);
            put_blob(payload, out);
        }
        FromWorker::Scope {
            task,
            scope,
            parent,
            group,
        } => {
            head(out, 14, *task);
            out.extend_from_slice(&scope.to_le_bytes());
            out.extend_from_slice(&parent.to_le_bytes());
            out.push(u8::from(*group));
        }
        FromWorker::Busy { task, busy } => {
            head(out, 15, *task);
            out.push(u8::from(*busy));
        }
        FromWorker::Report { task, status, what } => {
            head(out, 16, *task);
            out.push(*status);
            put_blob(what, out);
        }
        FromWorker::Threw {
            task,
            kind,
            message,
            what,
            trace,
        } => {
            head(out, 17, *task);
            for text in [kind, message, what, trace] {
                put_blob(text.as_bytes(), out);
            }
        }
        FromWorker::Ready { .. } | FromWorker::Refused { .. } | FromWorker::Beat => {}
    }
}

fn put_name(name: &Name<'_>, out: &mut Vec<u8>) {
    match name {
        Name::Number(number) => out.extend_from_slice(&(*number as i32).to_le_bytes()),
        Name::Text(text) => {
            out.extend_from_slice(&(-1 - text.len() as i32).to_le_bytes());
            out.extend_from_slice(text.as_bytes());
        }
    }
}

fn put_blob(bytes: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(&(bytes.len() as u32).to_le_bytes());
    out.extend_from_slice(bytes);
}

/// What is wrong with a host's records.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FlatError {
    /// They do not follow the layout.
    #[error("records for the worker are malformed at byte {0}")]
    Malformed(usize),
    /// One is too large for a frame.
    #[error(transparent)]
    Frame(#[from] FrameError),
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], FlatError> {
        let part = self
            .bytes
            .get(self.at..self.at.saturating_add(count))
            .ok_or(FlatError::Malformed(self.at))?;
        self.at += count;
        Ok(part)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], FlatError> {
        let at = self.at;
        self.take(N)?
            .first_chunk::<N>()
            .copied()
            .ok_or(FlatError::Malformed(at))
    }

    fn u8(&mut self) -> Result<u8, FlatError> {
        Ok(self.array::<1>()?[0])
    }

    fn u32(&mut self) -> Result<u32, FlatError> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    fn u64(&mut self) -> Result<u64, FlatError> {
        Ok(u64::from_le_bytes(self.array()?))
    }

    fn id(&mut self) -> Result<u128, FlatError> {
        let high = self.u64()?;
        Ok(u128::from(high) << 64 | u128::from(self.u64()?))
    }

    fn blob(&mut self) -> Result<&'a [u8], FlatError> {
        let length = self.u32()? as usize;
        self.take(length)
    }

    fn text(&mut self) -> Result<&'a str, FlatError> {
        let at = self.at;
        std::str::from_utf8(self.blob()?).map_err(|_| FlatError::Malformed(at))
    }

    fn name(&mut self) -> Result<Name<'a>, FlatError> {
        let at = self.at;
        let number = i32::from_le_bytes(self.array()?);
        if number >= 0 {
            return Ok(Name::Number(number as u32));
        }
        let text = self.take((-1 - i64::from(number)) as usize)?;
        Ok(Name::Text(
            std::str::from_utf8(text).map_err(|_| FlatError::Malformed(at))?,
        ))
    }

    fn space(&mut self) -> Result<Space, FlatError> {
        match self.u8()? {
            0 => Ok(Space::Sensory),
            1 => Ok(Space::ShortTerm),
            _ => Err(FlatError::Malformed(self.at - 1)),
        }
    }
}

impl Reader<'_> {
    fn step(&mut self) -> Result<Step, FlatError> {
        match self.u8()? {
            0 => Ok(Step::Execute),
            1 => Ok(Step::Reconcile),
            2 => Ok(Step::Return),
            3 => Ok(Step::Raise),
            _ => Err(FlatError::Malformed(self.at - 1)),
        }
    }
}

fn node(code: u8, bytes: &[u8]) -> Node<'_> {
    match code {
        0 => Node::Absent,
        1 => Node::Object,
        _ => Node::Value(bytes),
    }
}

/// What a host's records are, for who watches over the worker.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Contents {
    /// How many run a task.
    pub(crate) runs: u32,
    /// Whether listeners or a logger are told of something.
    pub(crate) observed: bool,
}

/// Turns a host's records into frames, and says what they are.
///
/// # Errors
/// When they are malformed or one is too large; `out` then holds those before it.
pub(crate) fn to_frames(records: &[u8], out: &mut Vec<u8>) -> Result<Contents, FlatError> {
    let mut reader = Reader { bytes: records, at: 0 };
    let mut contents = Contents::default();
    while reader.at < records.len() {
        let kind = reader.u8()?;
        let number = reader.u64()?;
        let frame = match kind {
            1 => {
                contents.runs += 1;
                ToWorker::Run(run(number, &mut reader)?)
            }
            2 => ToWorker::Resume { task: number },
            4 => {
                let space = reader.space()?;
                let code = reader.u8()?;
                let path = reader.name()?;
                ToWorker::Node {
                    task: number,
                    space,
                    path,
                    node: node(code, reader.blob()?),
                }
            }
            5 => {
                let count = reader.u32()?;
                let names = (0..count).map(|_| reader.text()).collect::<Result<_, _>>()?;
                ToWorker::Names { task: number, names }
            }
            6 => ToWorker::RunEnded { slot: number as u32 },
            7 => ToWorker::Forget { slot: number as u32 },
            8 => ToWorker::Name {
                number: number as u32,
                text: reader.text()?,
            },
            9 => ToWorker::CallReady {
                task: number,
                call: reader.u32()?,
                step: reader.step()?,
                key: reader.text()?,
                payload: reader.blob()?,
            },
            10 => {
                contents.observed = true;
                ToWorker::Observed(observed(number, &mut reader)?)
            }
            _ => return Err(FlatError::Malformed(reader.at - 9)),
        };
        stream::put(&frame, out)?;
    }
    Ok(contents)
}

fn run<'a>(task: u64, reader: &mut Reader<'a>) -> Result<Run<'a>, FlatError> {
    let action = reader.u32()?;
    let slot = reader.u32()?;
    let flags = reader.u8()?;
    let event = reader.id()?;
    let upstream = upstream(flags, reader)?;
    let key = reader.text()?;
    let kind = reader.name()?;
    Ok(Run {
        task,
        action,
        slot,
        fresh: flags & 1 != 0,
        key,
        event,
        kind,
        attributes: reader.blob()?,
        upstream,
        known: known(reader)?,
    })
}

fn upstream<'a>(flags: u8, reader: &mut Reader<'a>) -> Result<Option<Upstream<'a>>, FlatError> {
    if flags & 2 == 0 {
        return Ok(None);
    }
    Ok(Some(Upstream {
        event: reader.id()?,
        action: reader.name()?,
    }))
}

fn observed<'a>(micros: u64, reader: &mut Reader<'a>) -> Result<Observed<'a>, FlatError> {
    let flags = reader.u8()?;
    let event = reader.id()?;
    let upstream = upstream(flags, reader)?;
    Ok(Observed {
        observer: if flags & 1 == 0 {
            Observer::Listeners
        } else {
            Observer::Logger
        },
        micros,
        event,
        upstream,
        kind: reader.name()?,
        attributes: reader.blob()?,
        trace: reader.blob()?,
    })
}

fn known<'a>(reader: &mut Reader<'a>) -> Result<Vec<Known<'a>>, FlatError> {
    let count = reader.u8()?;
    (0..count)
        .map(|_| {
            let code = reader.u8()?;
            let path = reader.name()?;
            let node = node(code, reader.blob()?);
            Ok(Known { path, node })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::frames::{Call, Outcome};
    use super::*;

    fn record(kind: u8, number: u64, rest: &[u8]) -> Vec<u8> {
        let mut out = vec![kind];
        out.extend_from_slice(&number.to_le_bytes());
        out.extend_from_slice(rest);
        out
    }

    #[test]
    fn a_hosts_records_become_frames() {
        let mut run = Vec::new();
        run.extend_from_slice(&5_u32.to_le_bytes());
        run.extend_from_slice(&9_u32.to_le_bytes());
        run.push(3);
        run.extend_from_slice(&1_u64.to_le_bytes());
        run.extend_from_slice(&2_u64.to_le_bytes());
        run.extend_from_slice(&[0; 16]);
        run.extend_from_slice(&4_i32.to_le_bytes());
        put_blob(b"s:k", &mut run);
        put_name(&Name::Text("e1"), &mut run);
        put_blob(&[12, 0], &mut run);
        run.extend_from_slice(&[1, 1, 4, 0, 0, 0, 0, 0, 0, 0]);
        let mut records = record(8, 4, b"\x01\0\0\0a");
        records.extend(record(1, 77, &run));
        records.extend(record(6, 9, &[]));
        let mut bytes = Vec::new();
        let one = Contents {
            runs: 1,
            observed: false,
        };
        assert_eq!(to_frames(&records, &mut bytes), Ok(one));

        let mut received = stream::Received::default();
        received.room()[..bytes.len()].copy_from_slice(&bytes);
        received.filled(bytes.len());
        let mut texts = Vec::new();
        while let Some(frame) = received.frame().unwrap() {
            texts.push(format!("{:?}", stream::read::<ToWorker<'_>>(frame).unwrap()));
        }
        assert_eq!(texts[0], "Name { number: 4, text: \"a\" }");
        assert!(
            texts[1].contains("task: 77, action: 5, slot: 9, fresh: true, key: \"s:k\", event: 18446744073709551618")
        );
        assert!(texts[1].contains("action: Number(4)"), "{}", texts[1]);
        assert_eq!(texts[2], "RunEnded { slot: 9 }");
    }

    #[test]
    fn a_call_of_the_worker_becomes_a_record_and_its_answer_a_frame() {
        let mut records = Vec::new();
        put(
            &FromWorker::Call(Call {
                task: 7,
                scope: 2,
                call: 3,
                function: Name::Number(5),
                digest: Some([9; 16]),
                reconcilable: true,
                in_place: false,
            }),
            &mut records,
        );
        let mut rest = vec![2, 0, 0, 0, 3, 0, 0, 0, 5];
        rest.extend_from_slice(&[9; 16]);
        rest.extend_from_slice(&[5, 0, 0, 0]);
        assert_eq!(records, record(12, 7, &rest));

        records.clear();
        put(
            &FromWorker::CallEnd {
                task: 7,
                call: 3,
                outcome: Outcome::Failure,
                payload: b"no",
            },
            &mut records,
        );
        assert_eq!(records, record(13, 7, b"\x03\0\0\0\x02\x02\0\0\0no"));

        let answer = record(9, 7, b"\x03\0\0\0\x02\x01\0\0\0k\x02\0\0\0ok");
        let mut bytes = Vec::new();
        assert_eq!(to_frames(&answer, &mut bytes), Ok(Contents::default()));
        let mut received = stream::Received::default();
        received.room()[..bytes.len()].copy_from_slice(&bytes);
        received.filled(bytes.len());
        let frame = received.frame().unwrap().unwrap();
        assert_eq!(
            stream::read::<ToWorker<'_>>(frame).unwrap(),
            ToWorker::CallReady {
                task: 7,
                call: 3,
                step: Step::Return,
                key: "k",
                payload: b"ok",
            }
        );
        let unknown = record(9, 7, b"\x03\0\0\0\x04");
        assert_eq!(to_frames(&unknown, &mut Vec::new()), Err(FlatError::Malformed(13)));
    }

    #[test]
    fn an_exception_of_an_action_becomes_a_record_of_its_texts() {
        let mut records = Vec::new();
        put(
            &FromWorker::Threw {
                task: 7,
                kind: "a.B",
                message: "no",
                what: "B: no",
                trace: "",
            },
            &mut records,
        );
        let texts = b"\x03\0\0\0a.B\x02\0\0\0no\x05\0\0\0B: no\0\0\0\0";
        assert_eq!(records, record(17, 7, texts));
    }

    #[test]
    fn an_event_that_was_processed_becomes_a_frame_and_runs_nothing() {
        let mut rest = vec![3];
        rest.extend_from_slice(&1_u64.to_le_bytes());
        rest.extend_from_slice(&2_u64.to_le_bytes());
        rest.extend_from_slice(&[0; 16]);
        put_name(&Name::Text("act"), &mut rest);
        put_name(&Name::Text("e1"), &mut rest);
        put_blob(&[12, 0], &mut rest);
        put_blob(b"trace", &mut rest);
        let mut bytes = Vec::new();
        let observed = Contents {
            runs: 0,
            observed: true,
        };
        assert_eq!(to_frames(&record(10, 1_000_001, &rest), &mut bytes), Ok(observed));
        let mut received = stream::Received::default();
        received.room()[..bytes.len()].copy_from_slice(&bytes);
        received.filled(bytes.len());
        let frame = received.frame().unwrap().unwrap();
        assert_eq!(
            stream::read::<ToWorker<'_>>(frame).unwrap(),
            ToWorker::Observed(Observed {
                observer: Observer::Logger,
                micros: 1_000_001,
                event: 1 << 64 | 2,
                kind: Name::Text("e1"),
                attributes: &[12, 0],
                upstream: Some(Upstream {
                    event: 0,
                    action: Name::Text("act"),
                }),
                trace: b"trace",
            })
        );
    }

    #[test]
    fn malformed_records_are_told_with_their_place() {
        for length in 1..9 {
            let cut = &record(2, 1, &[])[..length];
            assert!(
                matches!(to_frames(cut, &mut Vec::new()), Err(FlatError::Malformed(_))),
                "{length}"
            );
        }
        assert_eq!(
            to_frames(&record(99, 1, &[]), &mut Vec::new()),
            Err(FlatError::Malformed(0))
        );
        let cut_name = record(4, 1, &[0, 2, 0xf0, 0xff, 0xff, 0xff]);
        assert!(matches!(
            to_frames(&cut_name, &mut Vec::new()),
            Err(FlatError::Malformed(_))
        ));
    }
}
