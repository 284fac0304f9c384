//! Jars, as far as they are looked into: the names of their entries, and small ones' content.

use flate2::read::DeflateDecoder;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::path::Path;

/// Larger tables of contents are refused; those of the largest jars of Flink have some megabytes.
const MAX_DIRECTORY: u64 = 64 << 20;
/// Larger entries are not read.
const MAX_ENTRY: u64 = 1 << 20;
const END: [u8; 4] = *b"PK\x05\x06";
const ENTRY: [u8; 4] = *b"PK\x01\x02";
/// Bytes of a record at the end, and what a comment behind it may have.
const END_BYTES: u64 = 22;
const MAX_COMMENT: u64 = 65_535;

/// One entry of a jar.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) name: String,
    /// Checksum of the content.
    pub(super) crc: u32,
    method: u16,
    packed: u64,
    offset: u64,
}

/// A jar that is open.
pub(super) struct Jar {
    file: File,
    pub(super) entries: Vec<Entry>,
}

fn damaged(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

fn u16_at(bytes: &[u8], at: usize) -> io::Result<u16> {
    let found = bytes.get(at..at + 2).and_then(|b| b.try_into().ok());
    found.map(u16::from_le_bytes).ok_or_else(|| damaged("it is cut off"))
}

fn u32_at(bytes: &[u8], at: usize) -> io::Result<u32> {
    let found = bytes.get(at..at + 4).and_then(|b| b.try_into().ok());
    found.map(u32::from_le_bytes).ok_or_else(|| damaged("it is cut off"))
}

impl Jar {
    /// Reads the table of contents.
    ///
    /// # Errors
    /// When it cannot be read, or is no jar.
    pub(super) fn open(path: &Path) -> io::Result<Jar> {
        let file = File::open(path)?;
        let length = file.metadata()?.len();
        let tail_length = length.min(END_BYTES + MAX_COMMENT);
        let mut tail = vec![0; tail_length as usize];
        file.read_exact_at(&mut tail, length - tail_length)?;
        let end = tail
            .windows(END.len())
            .rposition(|window| window == END)
            .ok_or_else(|| damaged("it is no jar, or was not copied to its end"))?;
        let end = &tail[end..];
        let (size, start) = (u64::from(u32_at(end, 12)?), u64::from(u32_at(end, 16)?));
        if size > MAX_DIRECTORY || start + size > length {
            return Err(damaged("its table of contents is damaged"));
        }
        let mut directory = vec![0; size as usize];
        file.read_exact_at(&mut directory, start)?;
        let mut entries = Vec::new();
        let mut at = 0;
        while directory.get(at..at + ENTRY.len()) == Some(&ENTRY) {
            let name_length = usize::from(u16_at(&directory, at + 28)?);
            let more = usize::from(u16_at(&directory, at + 30)?) + usize::from(u16_at(&directory, at + 32)?);
            let name = directory
                .get(at + 46..at + 46 + name_length)
                .ok_or_else(|| damaged("its table of contents is damaged"))?;
            entries.push(Entry {
                name: String::from_utf8_lossy(name).into_owned(),
                crc: u32_at(&directory, at + 16)?,
                method: u16_at(&directory, at + 10)?,
                packed: u64::from(u32_at(&directory, at + 20)?),
                offset: u64::from(u32_at(&directory, at + 42)?),
            });
            at += 46 + name_length + more;
        }
        Ok(Jar { file, entries })
    }

    /// The entry of a name.
    pub(super) fn entry(&self, name: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.name == name)
    }

    /// The content of a small entry, as text.
    ///
    /// # Errors
    /// When it cannot be read or is large.
    pub(super) fn text(&self, entry: &Entry) -> io::Result<String> {
        if entry.packed > MAX_ENTRY {
            return Err(damaged("the entry is too large"));
        }
        let mut head = [0; 30];
        self.file.read_exact_at(&mut head, entry.offset)?;
        let skipped = 30 + u64::from(u16_at(&head, 26)?) + u64::from(u16_at(&head, 28)?);
        let mut packed = vec![0; entry.packed as usize];
        self.file.read_exact_at(&mut packed, entry.offset + skipped)?;
        let mut content = Vec::new();
        match entry.method {
            0 => content = packed,
            8 => {
                DeflateDecoder::new(packed.as_slice())
                    .take(MAX_ENTRY)
                    .read_to_end(&mut content)?;
            }
            other => return Err(damaged(&format!("entry packed by method {other}"))),
        }
        Ok(String::from_utf8_lossy(&content).into_owned())
    }
}
