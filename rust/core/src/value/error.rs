//! What can be wrong with a value or its bytes.

use super::{FORMAT_VERSION, MAX_DEPTH};

/// Why a value could not be read or written. Offsets count bytes from the start of the slice that was given.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ValueError {
    /// The bytes end inside a value.
    #[error("value is cut off: {what} at byte {offset} needs {needed} byte(s), only {left} left")]
    Truncated {
        /// Where the missing part should start.
        offset: usize,
        /// The part that is missing.
        what: &'static str,
        /// Bytes it needs at least.
        needed: u64,
        /// Bytes there are.
        left: usize,
    },
    /// A tag this version does not know.
    #[error("unknown value tag {tag} at byte {offset}: written by a newer version, or not a value")]
    UnknownTag {
        /// Where the tag is.
        offset: usize,
        /// The tag.
        tag: u8,
    },
    /// A standalone value of another format version.
    #[error(
        "value has format version {version}, this build reads version {FORMAT_VERSION}: use the build that wrote it, or a newer one"
    )]
    UnknownVersion {
        /// The version found.
        version: u8,
    },
    /// Bytes after the value.
    #[error("{count} byte(s) too many after the value, from byte {offset}")]
    TrailingBytes {
        /// Where the value ends.
        offset: usize,
        /// Bytes after it.
        count: usize,
    },
    /// Containers nest deeper than [`MAX_DEPTH`].
    #[error("value at byte {offset} nests deeper than {MAX_DEPTH} levels")]
    TooDeep {
        /// Where the container starts that is one too many.
        offset: usize,
    },
    /// Text that is not UTF-8.
    #[error("text at byte {offset} is not valid UTF-8")]
    InvalidUtf8 {
        /// First byte that is wrong.
        offset: usize,
    },
    /// A length that is no varint of 32 bits in shortest form.
    #[error("length at byte {offset} is not a varint of at most 32 bits in its shortest form")]
    BadLength {
        /// Where the length starts.
        offset: usize,
    },
    /// A part has a value that its type does not allow.
    #[error("{what} at byte {offset} is out of range")]
    OutOfRange {
        /// Where the part starts.
        offset: usize,
        /// The part.
        what: &'static str,
    },
    /// A text, byte string or container too long to be written.
    #[error("a value of {length} elements cannot be stored: at most 4294967295 are possible")]
    TooLong {
        /// Its length.
        length: usize,
    },
}
