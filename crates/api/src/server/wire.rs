//! A connection as hyper sees it, with two things that hyper does not do.
//!
//! What is not HTTP, or has too large a head, hyper refuses by itself, with a status and nothing else. Here such an
//! answer is given the body that every refusal has. And a client that does not take its answer is cut off.

use crate::correlation;
use crate::problem::{Problem, kinds};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

/// How long a client may not take its answer.
const STALLED_MAX: Duration = Duration::from_secs(30);

/// A stream, what is written instead of hyper's own refusal, and since when nothing could be written.
pub(super) struct Wire<S> {
    stream: S,
    instead: Option<Instead>,
    stalled: Option<Pin<Box<Sleep>>>,
}

/// An answer in place of another.
struct Instead {
    bytes: Vec<u8>,
    written: usize,
    replaces: usize,
}

impl<S: AsyncWrite + Unpin> Wire<S> {
    pub(super) fn new(stream: S) -> Self {
        Self { stream, instead: None, stalled: None }
    }

    fn poll_bytes(&mut self, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match Pin::new(&mut self.stream).poll_write(context, bytes) {
            Poll::Ready(written) => {
                self.stalled = None;
                Poll::Ready(written)
            }
            Poll::Pending => {
                let stalled = self.stalled.get_or_insert_with(|| Box::pin(sleep(STALLED_MAX)));
                ready!(stalled.as_mut().poll(context));
                Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
            }
        }
    }

    fn poll_instead(&mut self, context: &mut Context<'_>) -> Poll<io::Result<usize>> {
        loop {
            let Some(instead) = &self.instead else { return Poll::Ready(Ok(0)) };
            if instead.written == instead.bytes.len() {
                let replaces = instead.replaces;
                self.instead = None;
                return Poll::Ready(Ok(replaces));
            }
            let rest = instead.bytes[instead.written..].to_vec();
            let written = ready!(self.poll_bytes(context, &rest))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            if let Some(instead) = &mut self.instead {
                instead.written += written;
            }
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Wire<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Wire<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.instead.is_none() {
            let Some(instead) = bare_refusal(bytes).map(answer) else {
                return self.poll_bytes(context, bytes);
            };
            self.instead = Some(Instead { bytes: instead, written: 0, replaces: bytes.len() });
        }
        self.poll_instead(context)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

/// The problem of an answer that is hyper's own: a refusal without a body. Ours all have one.
fn bare_refusal(bytes: &[u8]) -> Option<Problem> {
    let rest = bytes.strip_prefix(b"HTTP/1.1 4")?;
    let bare = rest.ends_with(b"\r\n\r\n") && contains(rest, b"content-length: 0\r\n");
    let problem = match rest.get(..2)? {
        b"00" => Problem::new(&kinds::MALFORMED_HTTP, "this is not an HTTP/1.1 request"),
        b"14" => Problem::new(&kinds::URI_TOO_LONG, "path and query are limited to 8 KiB"),
        b"31" => Problem::new(&kinds::HEADERS_TOO_LARGE, "headers are limited to 16 KiB and 100 of them"),
        _ => return None,
    };
    bare.then_some(problem)
}

fn contains(bytes: &[u8], what: &[u8]) -> bool {
    bytes.windows(what.len()).any(|window| window.eq_ignore_ascii_case(what))
}

/// The whole answer, as it goes over the wire.
fn answer(problem: Problem) -> Vec<u8> {
    let correlation = correlation::made();
    let document = serde_json::to_vec(&problem.document(correlation)).expect("a problem is plain data");
    let status = problem.status();
    let mut bytes = format!(
        "HTTP/1.1 {} {}\r\ncontent-type: application/problem+json\r\ncontent-length: {}\r\n\
         x-correlation-id: {correlation}\r\nconnection: close\r\n\r\n",
        status.as_u16(),
        status.canonical_reason().unwrap_or_default(),
        document.len()
    )
    .into_bytes();
    bytes.extend(document);
    bytes
}
