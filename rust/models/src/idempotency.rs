//! The keys by which servers know a question that they were asked before.

use sha2::{Digest, Sha256};

use crate::random::written;

/// The key of one of the questions that a call asks, a UUID (version 8): the same for the same question of the same call, after
/// a restart too, and for nothing else.
pub(crate) fn key(call: &str, path: &str, body: &[u8]) -> String {
    let mut hash = Sha256::new();
    hash.update(b"flink-agents question 1");
    for part in [call.as_bytes(), path.as_bytes(), body] {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    let digest: [u8; 32] = hash.finalize().into();
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest[..16]);
    written(bytes, 8)
}
