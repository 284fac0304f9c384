//! Frames on a byte stream: four bytes of length, least significant first, then the frame.

use super::frames::MAX_FRAME;
use serde::{Deserialize, Serialize};

/// What is wrong with the bytes of a peer, or with a frame to be sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// A frame would be too large.
    #[error("a message of {size} bytes, where {MAX_FRAME} are the most")]
    TooLarge {
        /// Its size.
        size: usize,
    },
    /// Not a frame.
    #[error("{length} bytes that are no message (they begin with {begin}): {reason}")]
    Garbage {
        /// Length of the frame.
        length: usize,
        /// Its first bytes, in hexadecimal.
        begin: String,
        /// Why it is none.
        reason: String,
    },
}

/// Appends a frame to `out`.
///
/// # Errors
/// When it is larger than [`MAX_FRAME`]; `out` is as it was then.
pub fn put<T: Serialize>(frame: &T, out: &mut Vec<u8>) -> Result<(), FrameError> {
    let start = out.len();
    out.extend_from_slice(&[0; 4]);
    let mut taken = std::mem::take(out);
    let fits = match postcard::to_extend(frame, taken) {
        Ok(bytes) => {
            taken = bytes;
            let size = taken.len() - start - 4;
            if size <= MAX_FRAME {
                taken[start..start + 4].copy_from_slice(&(size as u32).to_le_bytes());
                Ok(())
            } else {
                taken.truncate(start);
                Err(FrameError::TooLarge { size })
            }
        }
        Err(error) => {
            return Err(FrameError::Garbage {
                length: 0,
                begin: String::new(),
                reason: error.to_string(),
            });
        }
    };
    *out = taken;
    fits
}

/// Reads the bytes of one frame.
///
/// # Errors
/// When they are none.
pub fn read<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, FrameError> {
    let garbage = |reason: String| FrameError::Garbage {
        length: bytes.len(),
        begin: bytes
            .iter()
            .take(16)
            .map(|byte| format!("{byte:02x}"))
            .collect::<Vec<_>>()
            .join(" "),
        reason,
    };
    match postcard::take_from_bytes(bytes) {
        Ok((frame, [])) => Ok(frame),
        Ok((_, rest)) => Err(garbage(format!("{} are left over", rest.len()))),
        Err(error) => Err(garbage(error.to_string())),
    }
}

/// Bytes that were received and not used yet.
#[derive(Debug, Default)]
pub struct Received {
    bytes: Vec<u8>,
    start: usize,
    end: usize,
}

/// Room offered to each read.
const CHUNK: usize = 64 << 10;

impl Received {
    /// Where the next bytes go; tell with [`Received::filled`] how many came.
    pub fn room(&mut self) -> &mut [u8] {
        if self.start == self.end {
            self.start = 0;
            self.end = 0;
            if self.bytes.len() > 16 * CHUNK {
                // One large message must not be paid for ever.
                self.bytes = Vec::new();
            }
        }
        if self.bytes.len() - self.end < CHUNK {
            self.bytes.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
            // What a large frame still needs is got in as few reads as possible.
            let wanted = self.wanted().max(self.end + CHUNK);
            if self.bytes.len() < wanted {
                self.bytes.resize(wanted, 0);
            }
        }
        &mut self.bytes[self.end..]
    }

    /// Length of the frame that is being received, with its head; trusted up to a megabyte beyond what has come.
    fn wanted(&self) -> usize {
        match self.bytes[self.start..self.end].first_chunk::<4>() {
            Some(length) => (u32::from_le_bytes(*length) as usize + 4).min(self.end - self.start + (1 << 20)),
            None => 0,
        }
    }

    /// `count` bytes came into [`Received::room`].
    pub fn filled(&mut self, count: usize) {
        self.end += count;
    }

    /// The next complete frame.
    ///
    /// # Errors
    /// When its length is beyond the limit.
    pub fn frame(&mut self) -> Result<Option<&[u8]>, FrameError> {
        let waiting = &self.bytes[self.start..self.end];
        let Some((length, rest)) = waiting.split_first_chunk::<4>() else {
            return Ok(None);
        };
        let size = u32::from_le_bytes(*length) as usize;
        if size > MAX_FRAME {
            return Err(FrameError::TooLarge { size });
        }
        if rest.len() < size {
            return Ok(None);
        }
        let from = self.start + 4;
        self.start = from + size;
        Ok(Some(&self.bytes[from..from + size]))
    }

    /// Whether a frame has begun and not ended.
    pub fn is_half(&self) -> bool {
        self.start < self.end
    }
}

#[cfg(test)]
mod tests {
    use super::super::frames::{FromWorker, Known, Name, Node, Run, Space, ToWorker, Upstream};
    use super::*;

    fn frames() -> Vec<ToWorker<'static>> {
        vec![
            ToWorker::Name {
                number: 3,
                text: "count",
            },
            ToWorker::Run(Run {
                task: 1 << 40,
                action: 2,
                slot: 7,
                fresh: true,
                key: "s:ä",
                event: u128::MAX - 5,
                kind: Name::Text("e1"),
                attributes: &[1, 2, 3],
                upstream: Some(Upstream {
                    event: 9,
                    action: Name::Number(3),
                }),
                known: vec![Known {
                    path: Name::Number(3),
                    node: Node::Object,
                }],
            }),
            ToWorker::Node {
                task: 7,
                space: Space::Sensory,
                path: Name::Number(3),
                node: Node::Value(&[0; 300]),
            },
            ToWorker::Names {
                task: 4,
                names: vec!["a", "b"],
            },
            ToWorker::Stop,
        ]
    }

    #[test]
    fn frames_come_out_as_they_went_in_however_the_bytes_are_cut() {
        let mut bytes = Vec::new();
        for frame in frames() {
            put(&frame, &mut bytes).unwrap();
        }
        for piece in [1, 2, 3, 7, 64, bytes.len()] {
            let mut received = Received::default();
            let mut seen = 0;
            for part in bytes.chunks(piece) {
                received.room()[..part.len()].copy_from_slice(part);
                received.filled(part.len());
                while let Some(frame) = received.frame().unwrap() {
                    assert_eq!(read::<ToWorker<'_>>(frame).unwrap(), frames()[seen]);
                    seen += 1;
                }
            }
            assert_eq!(seen, frames().len());
            assert!(!received.is_half());
        }
    }

    #[test]
    fn a_length_beyond_the_limit_is_refused_before_memory_is_taken_for_it() {
        let mut received = Received::default();
        received.room()[..4].copy_from_slice(&u32::MAX.to_le_bytes());
        received.filled(4);
        assert_eq!(
            received.frame(),
            Err(FrameError::TooLarge {
                size: u32::MAX as usize
            })
        );
        assert!(received.bytes.len() < 4 << 20);
    }

    #[test]
    fn no_bytes_make_the_reader_panic_or_give_a_frame_with_a_rest() {
        let mut state = 1_u64;
        let mut whole = Vec::new();
        for frame in frames() {
            put(&frame, &mut whole).unwrap();
        }
        for _ in 0..20_000 {
            let mut bytes = whole[4..].to_vec();
            for _ in 0..3 {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                let at = (state >> 33) as usize % bytes.len();
                bytes[at] = (state >> 24) as u8;
            }
            bytes.truncate((state >> 40) as usize % bytes.len());
            let _ = read::<ToWorker<'_>>(&bytes);
            let _ = read::<FromWorker<'_>>(&bytes);
        }
        let error = read::<FromWorker<'_>>(&[200, 1, 2]).unwrap_err().to_string();
        assert!(
            error.starts_with("3 bytes that are no message (they begin with c8 01 02)"),
            "{error}"
        );
    }

    #[test]
    fn a_frame_that_is_too_large_leaves_the_buffer_as_it_was() {
        let large = vec![0; MAX_FRAME];
        let mut bytes = vec![1, 2];
        let node = FromWorker::Send {
            task: 1,
            event: 2,
            kind: Name::Number(1),
            attributes: &large,
        };
        assert!(matches!(put(&node, &mut bytes), Err(FrameError::TooLarge { .. })));
        assert_eq!(bytes, [1, 2]);
    }
}
