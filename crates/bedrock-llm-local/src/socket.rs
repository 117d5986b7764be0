//! A connection's socket, and what a request may do to it.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio::time::Sleep;

/// The end of a connection that its requests hold.
#[derive(Debug, Default)]
pub(crate) struct Line {
    is_reset: AtomicBool,
    reset: Notify,
    /// A pause after the status line of the next answer.
    pause: Mutex<Option<Duration>>,
}

impl Line {
    /// Resets the connection as soon as what was written before is sent.
    pub(crate) fn reset(&self) {
        self.is_reset.store(true, Ordering::Release);
        self.reset.notify_one();
    }

    /// Waits until a request resets the connection.
    pub(crate) async fn resets(&self) {
        self.reset.notified().await;
    }

    /// Pauses after the next status line; the next bytes that are written must begin with it.
    pub(crate) fn pause_after_status_line(&self, pause: Duration) {
        *self.pause.lock().unwrap_or_else(PoisonError::into_inner) = Some(pause);
    }
}

/// The socket of a connection.
#[derive(Debug)]
pub(crate) struct Socket {
    stream: TcpStream,
    line: Arc<Line>,
    status_line: Option<StatusLine>,
}

/// A status line that goes ahead of what follows it.
#[derive(Debug)]
enum StatusLine {
    /// Some of it is still to be written, then comes this pause.
    Due(Duration),
    Sent(Pin<Box<Sleep>>),
}

impl Socket {
    pub(crate) fn new(stream: TcpStream, line: Arc<Line>) -> Self {
        Self { stream, line, status_line: None }
    }

    fn take_pause(&mut self) {
        if let Some(pause) = self.line.pause.lock().unwrap_or_else(PoisonError::into_inner).take() {
            self.status_line = Some(StatusLine::Due(pause));
        }
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        // a socket that does not linger is closed by RST
        if self.line.is_reset.load(Ordering::Acquire)
            && let Err(error) = self.stream.set_zero_linger()
        {
            tracing::warn!(%error, "a connection is closed that should be reset");
        }
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Socket {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.take_pause();
        match &mut self.status_line {
            None => {}
            Some(StatusLine::Due(pause)) => {
                let (pause, end) = (*pause, bytes.iter().position(|byte| *byte == b'\n'));
                let rest = end.and_then(|end| bytes.get(..=end)).unwrap_or(bytes);
                let written = ready!(Pin::new(&mut self.stream).poll_write(cx, rest))?;
                if end.is_some() && written == rest.len() {
                    self.status_line = Some(StatusLine::Sent(Box::pin(tokio::time::sleep(pause))));
                }
                return Poll::Ready(Ok(written));
            }
            Some(StatusLine::Sent(sleep)) => {
                ready!(sleep.as_mut().poll(cx));
                self.status_line = None;
            }
        }
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.take_pause();
        if self.status_line.is_some() {
            let first = slices.iter().find(|slice| !slice.is_empty());
            return self.poll_write(cx, first.map_or(&[][..], |slice| slice));
        }
        Pin::new(&mut self.stream).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
