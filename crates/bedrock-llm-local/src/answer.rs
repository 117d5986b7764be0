//! An answer on its way out: status, headers, body or frames, and what goes wrong on the way.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use bedrock_llm_providers::InvocationMetrics;
use bytes::Bytes;
use futures_util::stream;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper::body::Frame;
use hyper::header::{HeaderName, HeaderValue};
use hyper::{HeaderMap, Response, StatusCode};

use crate::socket::Line;
use crate::{Exception, frame};

pub(crate) type Body = UnsyncBoxBody<Bytes, io::Error>;

const EVENT_STREAM: &str = "application/vnd.amazon.eventstream";

/// What is not JSON, and looks like it for a while.
const GARBAGE: &[u8] = b"{\"output\": }{ not JSON \xff";

/// What is sent, before anything goes wrong with it.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) content: Content,
}

#[derive(Debug, Clone)]
pub(crate) enum Content {
    /// A body of known length.
    Whole(Bytes),
    /// Frames of a stream, each sent on its own.
    Frames(Vec<Bytes>),
}

/// When and how far an answer is sent.
#[derive(Debug, Clone, Default)]
pub(crate) struct Delivery {
    /// The pause before the answer.
    pub(crate) delay: Duration,
    /// The pause before each frame but the first.
    pub(crate) pace: Duration,
    pub(crate) mishap: Option<Mishap>,
}

/// What goes wrong on the way. Frames are counted from 0; a whole body counts as one frame.
#[derive(Debug, Clone)]
pub(crate) enum Mishap {
    /// The connection is closed instead of an answer.
    HangUp,
    /// The connection is reset instead of an answer.
    ResetBeforeHead,
    /// Neither an answer nor an end.
    StallBeforeHead,
    /// The status line, and the rest after this pause. Only over HTTP/1.
    SlowHead(Duration),
    /// The head, then the connection is reset.
    Reset,
    /// This many frames, then nothing more for ever.
    Stall(usize),
    /// This many frames, then the connection is closed.
    Cut(usize),
    /// This many frames and half of the next, then the connection is closed.
    CutInside(usize),
    /// This frame, or the last, is not as it should be.
    Damage(usize, Damage),
    /// This many frames, then an exception as the last.
    Exception(usize, Box<Exception>),
}

/// What is wrong with a frame.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Damage {
    /// Its last byte, which is of the checksum.
    Checksum,
    /// Its payload, which is not JSON.
    Garbage,
    /// Its payload, which ends in the middle.
    Truncated,
}

enum Step {
    Send(Bytes),
    Pause(Duration),
    Stall,
    Cut,
    Reset,
}

impl Answer {
    /// A JSON body.
    pub(crate) fn json(body: impl Into<Bytes>) -> Self {
        Self::whole("application/json", body)
    }

    pub(crate) fn whole(content_type: &str, body: impl Into<Bytes>) -> Self {
        let headers = vec![("content-type".to_owned(), content_type.to_owned())];
        Self { status: 200, headers, content: Content::Whole(body.into()) }
    }

    /// An event stream.
    pub(crate) fn stream(frames: Vec<Bytes>) -> Self {
        let headers = vec![("content-type".to_owned(), EVENT_STREAM.to_owned())];
        Self { status: 200, headers, content: Content::Frames(frames) }
    }

    pub(crate) fn with_header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        let name = name.into();
        self.headers.retain(|(known, _)| !known.eq_ignore_ascii_case(&name));
        self.headers.push((name, value.into()));
        self
    }

    /// The same with the headers in which the service counts.
    pub(crate) fn with_metrics(self, metrics: &InvocationMetrics) -> Self {
        metrics.to_headers().fold(self, |answer, (name, value)| answer.with_header(name, value))
    }

    /// Whether it is an event stream.
    pub(crate) fn is_stream(&self) -> bool {
        matches!(self.content, Content::Frames(_))
    }

    /// A stream that came in one piece, as from a recording, in its frames.
    pub(crate) fn split(&mut self) {
        let is_stream = |(name, value): &(String, String)| {
            name.eq_ignore_ascii_case("content-type") && value == EVENT_STREAM
        };
        if let (Content::Whole(bytes), true) = (&self.content, self.headers.iter().any(is_stream)) {
            self.content = Content::Frames(frame::split(bytes.clone()));
        }
    }

    /// Which frame comes after this many: of a whole body, which is the only one, that.
    pub(crate) fn place(&self, frames: usize) -> usize {
        if self.is_stream() { frames } else { 0 }
    }

    fn damage(&mut self, place: usize, damage: Damage) {
        match &mut self.content {
            Content::Whole(body) => {
                *body = match damage {
                    Damage::Checksum => spoil(body),
                    Damage::Garbage => Bytes::from_static(GARBAGE),
                    Damage::Truncated => half(body),
                }
            }
            Content::Frames(frames) => {
                let last = frames.len().saturating_sub(1);
                let Some(bytes) = frames.get_mut(place.min(last)) else { return };
                *bytes = match damage {
                    Damage::Checksum => spoil(bytes),
                    Damage::Garbage => frame::with_payload(bytes, |_| Bytes::from_static(GARBAGE)),
                    Damage::Truncated => frame::with_payload(bytes, half),
                }
            }
        }
    }

    /// Sends it; `None` closes the connection without a word.
    pub(crate) async fn deliver(
        mut self,
        request_id: &str,
        delivery: Delivery,
        line: &Arc<Line>,
    ) -> Option<Response<Body>> {
        if !delivery.delay.is_zero() {
            tokio::time::sleep(delivery.delay).await;
        }
        match &delivery.mishap {
            Some(Mishap::HangUp) => return None,
            Some(Mishap::ResetBeforeHead) => {
                line.reset();
                return std::future::pending().await;
            }
            Some(Mishap::StallBeforeHead) => return std::future::pending().await,
            Some(Mishap::SlowHead(pause)) => line.pause_after_status_line(*pause),
            Some(Mishap::Damage(place, damage)) => self.damage(*place, *damage),
            _ => {}
        }
        let mut headers = HeaderMap::new();
        for (name, value) in [("x-amzn-requestid", request_id)]
            .into_iter()
            .chain(self.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())))
        {
            if let (Ok(name), Ok(value)) = (name.parse::<HeaderName>(), value.parse::<HeaderValue>()) {
                headers.insert(name, value);
            }
        }
        let plain = delivery.mishap.is_none() && delivery.pace.is_zero();
        let body = match self.content {
            Content::Whole(body) if plain => Full::new(body).map_err(never).boxed_unsync(),
            Content::Whole(body) => {
                headers.insert(hyper::header::CONTENT_LENGTH, body.len().into());
                send(steps(vec![body], &delivery), line)
            }
            Content::Frames(frames) => send(steps(frames, &delivery), line),
        };
        let mut response = Response::new(body);
        *response.status_mut() =
            StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        *response.headers_mut() = headers;
        Some(response)
    }
}

impl From<&Exception> for Answer {
    fn from(exception: &Exception) -> Self {
        let answer = Self::json(exception.body()).with_header("x-amzn-errortype", exception.error_type());
        Self { status: exception.status(), ..answer }
    }
}

impl From<Exception> for Answer {
    fn from(exception: Exception) -> Self {
        Self::from(&exception)
    }
}

fn never(never: Infallible) -> io::Error {
    match never {}
}

fn steps(frames: Vec<Bytes>, delivery: &Delivery) -> VecDeque<Step> {
    let mut steps = VecDeque::with_capacity(frames.len() + 2);
    for (place, frame) in frames.into_iter().enumerate() {
        if place > 0 && !delivery.pace.is_zero() {
            steps.push_back(Step::Pause(delivery.pace));
        }
        if let Some(ending) = ending(delivery.mishap.as_ref(), place, &frame) {
            steps.extend(ending);
            return steps;
        }
        steps.push_back(Step::Send(frame));
    }
    // a mishap beyond the last frame happens after it
    steps.extend(ending(delivery.mishap.as_ref(), usize::MAX, &Bytes::new()).into_iter().flatten());
    steps
}

/// What takes the place of frame `place` and all that follow, if the mishap is due.
fn ending(mishap: Option<&Mishap>, place: usize, frame: &Bytes) -> Option<Vec<Step>> {
    match mishap? {
        Mishap::Reset => Some(vec![Step::Reset]),
        Mishap::Stall(after) if *after <= place => Some(vec![Step::Stall]),
        Mishap::Cut(after) if *after <= place => Some(vec![Step::Cut]),
        Mishap::CutInside(after) if *after <= place => Some(vec![Step::Send(half(frame)), Step::Cut]),
        Mishap::Exception(after, exception) if *after <= place => {
            Some(vec![Step::Send(frame::exception(exception))])
        }
        _ => None,
    }
}

fn half(bytes: &Bytes) -> Bytes {
    bytes.slice(..bytes.len() / 2)
}

/// The same, its last byte changed.
fn spoil(bytes: &Bytes) -> Bytes {
    let mut bytes = bytes.to_vec();
    if let Some(last) = bytes.last_mut() {
        *last = !*last;
    }
    bytes.into()
}

fn send(steps: VecDeque<Step>, line: &Arc<Line>) -> Body {
    let line = Arc::clone(line);
    let frames = stream::unfold((steps, line), async |(mut steps, line)| {
        loop {
            let item = match steps.pop_front()? {
                Step::Send(bytes) if bytes.is_empty() => continue,
                Step::Send(bytes) => Ok(Frame::data(bytes)),
                Step::Pause(pause) => {
                    tokio::time::sleep(pause).await;
                    continue;
                }
                Step::Stall => std::future::pending().await,
                Step::Cut => {
                    // what was sent before reaches the client first
                    tokio::task::yield_now().await;
                    Err(io::Error::new(io::ErrorKind::ConnectionAborted, "cut off as scripted"))
                }
                Step::Reset => {
                    line.reset();
                    std::future::pending().await
                }
            };
            return Some((item, (steps, line)));
        }
    });
    StreamBody::new(frames).boxed_unsync()
}
