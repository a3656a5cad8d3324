//! A small HTTP/1.1 server for tests: objects with ranges and tags, and everything that can go wrong.
#![cfg(feature = "remote-files")]

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// What is asked for.
pub(crate) struct Request {
    method: String,
    target: String,
    headers: BTreeMap<String, String>,
}

impl Request {
    /// The path without what follows it.
    pub(crate) fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or(&self.target)
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.headers.contains_key(name)
    }

    /// `bytes=a-b`: both ends are in it.
    fn range(&self, size: usize) -> Option<(usize, usize)> {
        let (from, to) = self.header("range")?.strip_prefix("bytes=")?.split_once('-')?;
        let to = to.parse().unwrap_or(usize::MAX).min(size.saturating_sub(1));
        Some((from.parse().ok()?, to))
    }
}

/// What is answered.
pub(crate) struct Answer {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
    /// The connection ends, or nothing more comes, after so many bytes of the body.
    cut: Option<usize>,
    stall: Option<usize>,
}

impl Answer {
    fn new(status: u16, headers: Vec<(&'static str, String)>, body: Vec<u8>) -> Self {
        Answer { status, headers, body, cut: None, stall: None }
    }

    /// Nothing but a status.
    pub(crate) fn status(status: u16) -> Self {
        Self::new(status, Vec::new(), Vec::new())
    }

    /// Another place.
    pub(crate) fn redirect(to: &str) -> Self {
        Self::new(302, vec![("Location", to.to_owned())], Vec::new())
    }

    /// All of an object, whatever is asked for.
    pub(crate) fn whole(bytes: &[u8], tag: &str) -> Self {
        let headers = if tag.is_empty() { Vec::new() } else { vec![("ETag", tag.to_owned())] };
        Self::new(200, headers, bytes.to_vec())
    }

    /// What is asked for of an object with that tag.
    pub(crate) fn object(request: &Request, bytes: &[u8], tag: &str) -> Self {
        // A weak tag matches nothing.
        if request.header("if-match").is_some_and(|t| t != tag || tag.starts_with("W/")) {
            return Self::status(412);
        }
        let Some((from, to)) = request.range(bytes.len()) else { return Self::whole(bytes, tag) };
        if from > to {
            return Self::status(416);
        }
        let range = format!("bytes {from}-{to}/{}", bytes.len());
        Self::new(206, vec![("ETag", tag.to_owned()), ("Content-Range", range)], bytes[from..=to].to_vec())
    }

    pub(crate) fn cut_after(mut self, bytes: usize) -> Self {
        self.cut = Some(bytes);
        self
    }

    pub(crate) fn stalling_after(mut self, bytes: usize) -> Self {
        self.stall = Some(bytes);
        self
    }
}

/// The server, until the test ends.
pub(crate) struct Server {
    address: SocketAddr,
    sent: Arc<AtomicU64>,
}

impl Server {
    /// Answers every request by `answer`, connections in parallel.
    pub(crate) fn start(answer: impl Fn(&Request) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("an address");
        let (answer, sent) = (Arc::new(answer), Arc::new(AtomicU64::new(0)));
        let counted = sent.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (answer, sent) = (answer.clone(), counted.clone());
                std::thread::spawn(move || serve(&stream, answer.as_ref(), &sent));
            }
        });
        Server { address, sent }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Bytes of bodies that have been sent.
    pub(crate) fn sent(&self) -> u64 {
        self.sent.load(Ordering::SeqCst)
    }
}

/// Serves a connection until it ends.
fn serve(stream: &TcpStream, answer: &dyn Fn(&Request) -> Answer, sent: &AtomicU64) {
    let mut reader = BufReader::new(stream);
    while let Some(request) = next_request(&mut reader) {
        if respond(stream, &request, &answer(&request), sent).is_none() {
            return;
        }
    }
}

fn next_request(reader: &mut impl BufRead) -> Option<Request> {
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|n| *n > 0)?;
    let mut words = line.split(' ');
    let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
    let mut headers = BTreeMap::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        match line.trim_end().split_once(": ") {
            Some((name, value)) => headers.insert(name.to_ascii_lowercase(), value.to_owned()),
            None => return Some(Request { method, target, headers }),
        };
    }
}

fn respond(mut stream: &TcpStream, request: &Request, answer: &Answer, sent: &AtomicU64) -> Option<()> {
    let mut head = format!("HTTP/1.1 {} Said\r\nContent-Length: {}\r\n", answer.status, answer.body.len());
    for (name, value) in &answer.headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    stream.write_all(format!("{head}\r\n").as_bytes()).ok()?;
    if request.method == "HEAD" {
        return Some(());
    }
    let end = answer.cut.or(answer.stall).unwrap_or(answer.body.len()).min(answer.body.len());
    for piece in answer.body[..end].chunks(64 << 10) {
        stream.write_all(piece).ok()?;
        sent.fetch_add(piece.len() as u64, Ordering::SeqCst);
    }
    if answer.stall.is_some() {
        std::thread::sleep(Duration::from_secs(30));
    }
    (answer.cut.is_none() && answer.stall.is_none()).then_some(())
}
