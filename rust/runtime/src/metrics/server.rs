//! A page served on this machine: `http://127.0.0.1:<port>/metrics`, for a Prometheus that runs beside.
//!
//! *Owned state*: the listening socket, a thread, and what was published last. *Lifecycle*: from [`Server::start`] until it is
//! dropped. *Constraint*: one request at a time, each within seconds; what is published is written as a page when it is asked for,
//! so that publishing costs next to nothing.

use super::{page, read};
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// Name of the option that asks for it.
pub const OPTION: &str = "prometheus.port";

const PATIENCE: Duration = Duration::from_secs(2);
const LONGEST_REQUEST: usize = 8192;

/// See the head of the file.
pub struct Server {
    address: SocketAddr,
    published: Arc<Mutex<Vec<u8>>>,
    ended: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Serves on a port of 127.0.0.1; 0 takes a free one.
    ///
    /// # Errors
    /// When the port cannot be listened at; the text names the option.
    pub fn start(port: u16) -> Result<Server, String> {
        let failed = |error: io::Error| {
            format!(
                "The page of metrics cannot be served at 127.0.0.1:{port}: {error}. Another process, or another run of this one, may have \
                 the port: choose another one by {OPTION}, 0 for any that is free"
            )
        };
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let published = Arc::new(Mutex::new(b"[]".to_vec()));
        let ended = Arc::new(AtomicBool::new(false));
        let (content, end) = (Arc::clone(&published), Arc::clone(&ended));
        let thread = thread::Builder::new()
            .name("flink-agents-metrics".to_owned())
            .spawn(move || serve(&listener, &content, &end))
            .map_err(failed)?;
        Ok(Server {
            address,
            published,
            ended,
            thread: Some(thread),
        })
    }

    /// The port it listens at.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// Replaces what is shown: a list of snapshots, see [`read`].
    pub fn publish(&self, json: Vec<u8>) {
        *self.published.lock().unwrap_or_else(PoisonError::into_inner) = json;
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Release);
        // Whoever waits for a connection gets one.
        let woken = TcpStream::connect_timeout(&self.address, PATIENCE);
        if let Some(thread) = self.thread.take()
            && woken.is_ok()
        {
            let _ = thread.join();
        }
    }
}

fn serve(listener: &TcpListener, published: &Mutex<Vec<u8>>, ended: &AtomicBool) {
    while !ended.load(Ordering::Acquire) {
        match listener.accept() {
            Ok((connection, _)) if !ended.load(Ordering::Acquire) => {
                // A client that goes away is no matter of the run.
                let _ = answer(connection, published);
            }
            Ok(_) => {}
            // Out of descriptors, perhaps for a moment: not in a busy loop.
            Err(_) => thread::sleep(Duration::from_millis(100)),
        }
    }
}

fn answer(mut connection: TcpStream, published: &Mutex<Vec<u8>>) -> io::Result<()> {
    connection.set_write_timeout(Some(PATIENCE))?;
    let Some(request) = request_line(&mut connection)? else {
        return Ok(());
    };
    let mut words = request.split(' ');
    let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let path = target.split('?').next().unwrap_or_default();
    let (status, kind, body) = if method != "GET" && method != "HEAD" {
        (
            "405 Method Not Allowed",
            "text/plain; charset=utf-8",
            "Only GET and HEAD.\n".to_owned(),
        )
    } else if path != "/metrics" && path != "/" {
        (
            "404 Not Found",
            "text/plain; charset=utf-8",
            "The metrics are at /metrics.\n".to_owned(),
        )
    } else {
        let json = published.lock().unwrap_or_else(PoisonError::into_inner).clone();
        match read(&json) {
            Ok(snapshots) => ("200 OK", "text/plain; version=0.0.4; charset=utf-8", page(&snapshots)),
            Err(error) => (
                "500 Internal Server Error",
                "text/plain; charset=utf-8",
                format!("{error}\n"),
            ),
        }
    };
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    connection.write_all(head.as_bytes())?;
    if method != "HEAD" {
        connection.write_all(body.as_bytes())?;
    }
    connection.flush()
}

/// The first line of a request whose head has come whole; nothing if it has not in time, or is too long.
fn request_line(connection: &mut TcpStream) -> io::Result<Option<String>> {
    let until = Instant::now() + PATIENCE;
    let mut head = Vec::new();
    let mut piece = [0; 1024];
    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() || head.len() > LONGEST_REQUEST {
            return Ok(None);
        }
        connection.set_read_timeout(Some(left))?;
        let read = connection.read(&mut piece)?;
        if read == 0 {
            return Ok(None);
        }
        head.extend_from_slice(piece.get(..read).unwrap_or_default());
    }
    let head = String::from_utf8_lossy(&head);
    Ok(head.lines().next().map(str::to_owned))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &[u8] = br#"[{"agent":"a","metrics":[{"scope":[],"name":"x","kind":"counter","count":1}]}]"#;

    fn ask(server: &Server, request: &str) -> String {
        let mut connection = TcpStream::connect(("127.0.0.1", server.port())).unwrap();
        connection.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        connection.read_to_string(&mut answer).unwrap();
        answer
    }

    #[test]
    fn what_was_published_last_is_served() {
        let server = Server::start(0).unwrap();
        let empty = ask(&server, "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n");
        assert!(empty.starts_with("HTTP/1.1 200 OK\r\n"), "{empty}");
        server.publish(ONE.to_vec());
        let answer = ask(&server, "GET /metrics?x=1 HTTP/1.1\r\nHost: x\r\n\r\n");
        assert!(
            answer.contains("Content-Type: text/plain; version=0.0.4; charset=utf-8\r\n"),
            "{answer}"
        );
        assert!(answer.ends_with("\r\n\r\n# HELP flink_agents_x x (the agent's own)\n# TYPE flink_agents_x gauge\nflink_agents_x{agent=\"a\"} 1\n"), "{answer}");
        let head = ask(&server, "HEAD / HTTP/1.1\r\n\r\n");
        assert!(
            head.ends_with("\r\n\r\n") && head.contains("Content-Length: 9"),
            "{head}"
        );
    }

    #[test]
    fn other_requests_are_refused_and_bad_ones_dropped() {
        let server = Server::start(0).unwrap();
        assert!(ask(&server, "POST /metrics HTTP/1.1\r\n\r\n").starts_with("HTTP/1.1 405 "));
        assert!(ask(&server, "GET /other HTTP/1.1\r\n\r\n").starts_with("HTTP/1.1 404 "));
        // More than a head may have: given up before it ends.
        let mut connection = TcpStream::connect(("127.0.0.1", server.port())).unwrap();
        let _ = connection.write_all(&vec![b'x'; 3 * LONGEST_REQUEST]);
        let mut answer = Vec::new();
        let _ = connection.read_to_end(&mut answer);
        assert!(answer.is_empty());
        // It serves on.
        assert!(ask(&server, "GET / HTTP/1.1\r\n\r\n").starts_with("HTTP/1.1 200 "));
    }

    #[test]
    fn a_port_that_is_taken_is_named_with_the_option() {
        let server = Server::start(0).unwrap();
        let refusal = Server::start(server.port()).err().unwrap();
        assert!(refusal.contains(&format!("127.0.0.1:{}", server.port())), "{refusal}");
        assert!(refusal.contains("prometheus.port"), "{refusal}");
    }

    #[test]
    fn the_port_is_free_when_the_server_is_dropped() {
        let server = Server::start(0).unwrap();
        let port = server.port();
        // A client that says nothing is not waited for longer than it may take.
        let _silent = TcpStream::connect(("127.0.0.1", port)).unwrap();
        drop(server);
        assert!(TcpListener::bind(("127.0.0.1", port)).is_ok());
    }
}
