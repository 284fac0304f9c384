//! Which files a command reads, in which order, and how a place in one is read again.

use super::reader::{self, Item};
use flate2::bufread::MultiGzDecoder;
use std::collections::HashSet;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::ops::ControlFlow;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// What log files are called in a directory: those of the file sink, and those that the SLF4J sink sets up beside the
/// TaskManager's log. Rotated and packed ones have something behind it.
fn is_log(name: &str) -> bool {
    (name.starts_with("events-") && name.contains(".log")) || name.contains(".event-log.log")
}

/// What could not be read, and why.
#[derive(Debug)]
pub(super) struct Unreadable {
    pub(super) path: PathBuf,
    pub(super) reason: String,
}

/// The files that are meant by arguments: of a directory those that are logs. A log comes before what was written later.
pub(super) fn expand(paths: &[String]) -> (Vec<PathBuf>, Vec<Unreadable>) {
    let mut files = Vec::new();
    let mut wrong = Vec::new();
    for path in paths {
        let path = PathBuf::from(path);
        let mut unreadable = |error: io::Error| {
            wrong.push(Unreadable {
                path: path.clone(),
                reason: error.to_string(),
            })
        };
        match fs::metadata(&path) {
            Ok(metadata) if metadata.is_dir() => match in_directory(&path) {
                Ok(found) => files.extend(found),
                Err(error) => unreadable(error),
            },
            Ok(_) => files.push(path),
            Err(error) => unreadable(error),
        }
    }
    let mut seen = HashSet::new();
    files.retain(|path| seen.insert(fs::canonicalize(path).unwrap_or_else(|_| path.clone())));
    let age = |path: &PathBuf| (stem(path), first_time(path).unwrap_or(i64::MAX), path.clone());
    files.sort_by_cached_key(age);
    (files, wrong)
}

fn in_directory(directory: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        if entry.file_name().to_str().is_some_and(is_log) && entry.path().is_file() {
            found.push(entry.path());
        }
    }
    Ok(found)
}

/// The name that all files of one log have in common: without a number of rotation and `.gz`. How they are numbered differs
/// (log4j counts up or down, as it is set), so that the time in them says which is older.
fn stem(path: &Path) -> PathBuf {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let kept = name
        .split('.')
        .filter(|part| *part != "gz" && !part.bytes().all(|byte| byte.is_ascii_digit()));
    path.with_file_name(kept.collect::<Vec<_>>().join("."))
}

fn first_time(path: &Path) -> Option<i64> {
    // A pipe could not be read a second time.
    if !fs::metadata(path).ok()?.is_file() {
        return None;
    }
    let mut time = None;
    let source = unpacked(BufReader::new(File::open(path).ok()?)).ok()?;
    let mut each = |item: Item<'_>| match item {
        Item::Record { record, .. } => {
            time = Some(record.time());
            ControlFlow::Break(())
        }
        _ => ControlFlow::Continue(()),
    };
    _ = reader::read(source, &mut each);
    time
}

/// The text of a file, whether it is packed or not.
fn unpacked<'a>(mut source: impl BufRead + 'a) -> io::Result<Box<dyn BufRead + 'a>> {
    // What is packed says so itself; names are given by people.
    if source.fill_buf()?.starts_with(&[0x1f, 0x8b]) {
        return Ok(Box::new(BufReader::with_capacity(1 << 16, MultiGzDecoder::new(source))));
    }
    Ok(Box::new(source))
}

/// The text of a file, which can be read again at any place.
#[derive(Debug)]
pub(super) struct Source(File);

impl Source {
    /// Opens a file. The text of one that is packed, or of a pipe, is kept in a file without a name until the end.
    ///
    /// # Errors
    /// When it cannot be read, or what is packed cannot be kept.
    pub(super) fn open(path: &Path) -> io::Result<Source> {
        let mut file = File::open(path)?;
        let regular = file.metadata()?.is_file();
        let mut magic = [0; 2];
        let packed = regular && file.read_at(&mut magic, 0)? == 2 && magic == [0x1f, 0x8b];
        if regular && !packed {
            return Ok(Source(file));
        }
        let mut kept = nameless()?;
        let mut text = unpacked(BufReader::with_capacity(1 << 16, &mut file))?;
        copy_what_can_be_read(&mut text, &mut kept)?;
        kept.seek(SeekFrom::Start(0))?;
        Ok(Source(kept))
    }

    /// Reads it from its beginning.
    pub(super) fn text(&self) -> impl BufRead {
        BufReader::with_capacity(
            1 << 18,
            At {
                file: &self.0,
                offset: 0,
            },
        )
    }

    /// Reads a place in it.
    ///
    /// # Errors
    /// When it is not there any more.
    pub(super) fn read(&self, offset: u64, length: u32, buffer: &mut Vec<u8>) -> io::Result<()> {
        buffer.resize(length as usize, 0);
        self.0.read_exact_at(buffer, offset)
    }
}

/// A packed file that was cut gives what it has.
fn copy_what_can_be_read(text: &mut impl Read, kept: &mut File) -> io::Result<()> {
    let mut buffer = vec![0; 1 << 16];
    loop {
        match text.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(length) => io::Write::write_all(kept, &buffer[..length])?,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if matches!(error.kind(), io::ErrorKind::UnexpectedEof) => return Ok(()),
            Err(error) => return Err(error),
        }
    }
}

/// A new file that goes when it is closed.
fn nameless() -> io::Result<File> {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    let directory = std::env::temp_dir();
    let name = format!(
        "flink-agents-trace-{}-{}",
        std::process::id(),
        NUMBER.fetch_add(1, Ordering::Relaxed)
    );
    let path = directory.join(name);
    let file = OpenOptions::new().read(true).write(true).create_new(true).open(&path);
    let file =
        file.map_err(|error| io::Error::new(error.kind(), format!("{} for its text: {error}", path.display())))?;
    fs::remove_file(path)?;
    Ok(file)
}

struct At<'a> {
    file: &'a File,
    offset: u64,
}

impl Read for At<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.file.read_at(buffer, self.offset)?;
        self.offset += length as u64;
        Ok(length)
    }
}
