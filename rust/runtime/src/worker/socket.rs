//! The socket by which a worker finds its host: in a directory that nobody else can enter, and gone once it is used.

use std::fs::DirBuilder;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::DirBuilderExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Longest path a socket may have, with its final zero.
const LONGEST: usize = 108;

/// A listening socket with its directory, which is removed on drop.
pub(crate) struct Door {
    listener: UnixListener,
    directory: PathBuf,
}

impl Door {
    /// Makes one below `parent`, or below the system's directory for temporary files where the path would be too long.
    pub(crate) fn open(parent: &Path) -> io::Result<Door> {
        let directory = match private_directory(parent) {
            Ok(directory) => directory,
            Err(error) if error.kind() == io::ErrorKind::InvalidFilename => private_directory(&std::env::temp_dir())?,
            Err(error) => return Err(error),
        };
        match UnixListener::bind(directory.join("s")) {
            Ok(listener) => {
                listener.set_nonblocking(true)?;
                Ok(Door { listener, directory })
            }
            Err(error) => {
                let _ = std::fs::remove_dir_all(&directory);
                Err(error)
            }
        }
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.directory.join("s")
    }

    /// Waits for a peer of this user, but no longer than `limit`; `None` when none came. Others are turned away.
    pub(crate) fn accept(&self, limit: Duration) -> io::Result<Option<UnixStream>> {
        let mut ready = [rustix::event::PollFd::from_borrowed_fd(
            self.listener.as_fd(),
            rustix::event::PollFlags::IN,
        )];
        let limit = rustix::event::Timespec {
            tv_sec: limit.as_secs() as i64,
            tv_nsec: i64::from(limit.subsec_nanos()),
        };
        match rustix::event::poll(&mut ready, Some(&limit)) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        let stream = match self.listener.accept() {
            Ok((stream, _)) => stream,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(None),
            Err(error) => return Err(error),
        };
        stream.set_nonblocking(false)?;
        let peer = rustix::net::sockopt::socket_peercred(&stream)?;
        Ok((peer.uid == rustix::process::geteuid()).then_some(stream))
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        // What cannot be removed is an empty directory of this user in a directory for temporary files.
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

fn private_directory(parent: &Path) -> io::Result<PathBuf> {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    loop {
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |time| time.subsec_nanos());
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let directory = parent.join(format!("fa-{}-{number}-{now:x}", std::process::id()));
        if directory.as_os_str().len() + 3 > LONGEST {
            return Err(io::ErrorKind::InvalidFilename.into());
        }
        // Fails where somebody has made one of this name before: never uses what is not its own.
        match DirBuilder::new().mode(0o700).create(&directory) {
            Ok(()) => return Ok(directory),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn the_directory_is_private_and_goes_with_the_door() {
        let door = Door::open(&std::env::temp_dir()).unwrap();
        let directory = door.directory.clone();
        assert_eq!(
            std::fs::metadata(&directory).unwrap().permissions().mode() & 0o777,
            0o700
        );
        assert!(door.accept(Duration::ZERO).unwrap().is_none());
        let _client = UnixStream::connect(door.path()).unwrap();
        assert!(door.accept(Duration::from_secs(10)).unwrap().is_some());
        drop(door);
        assert!(!directory.exists());
    }

    #[test]
    fn a_parent_with_a_long_name_is_passed_over() {
        let door = Door::open(Path::new(&format!("/tmp/{}", "x".repeat(120)))).unwrap();
        assert!(door.path().starts_with(std::env::temp_dir()));
    }
}
