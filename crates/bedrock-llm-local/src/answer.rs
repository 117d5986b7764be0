//! An answer on its way out: status, headers, body or frames, and what goes wrong on the way.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::io;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper::body::Frame;
use hyper::header::{HeaderName, HeaderValue};
use hyper::{HeaderMap, Response, StatusCode};

use crate::{Exception, frame};

pub(crate) type Body = UnsyncBoxBody<Bytes, io::Error>;

const EVENT_STREAM: &str = "application/vnd.amazon.eventstream";

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
    pub(crate) fault: Option<Fault>,
}

/// What goes wrong. Frames are counted from 0; a whole body counts as one frame.
#[derive(Debug, Clone)]
pub(crate) enum Fault {
    /// The connection is closed instead of an answer.
    HangUp,
    /// This many frames, then nothing more for ever.
    Stall(usize),
    /// This many frames, then the connection is closed.
    Cut(usize),
    /// This many frames and half of the next, then the connection is closed.
    CutInside(usize),
    /// The checksum of this frame is wrong.
    Corrupt(usize),
    /// This many frames, then an exception as the last.
    Exception(usize, Box<Exception>),
}

enum Step {
    Send(Bytes),
    Pause(Duration),
    Stall,
    Cut,
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

    /// Sends it; `None` closes the connection without a word.
    pub(crate) async fn deliver(self, request_id: &str, delivery: Delivery) -> Option<Response<Body>> {
        if !delivery.delay.is_zero() {
            tokio::time::sleep(delivery.delay).await;
        }
        if matches!(delivery.fault, Some(Fault::HangUp)) {
            return None;
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
        let plain = delivery.fault.is_none() && delivery.pace.is_zero();
        let body = match self.content {
            Content::Whole(body) if plain => Full::new(body).map_err(never).boxed_unsync(),
            Content::Whole(body) => {
                headers.insert(hyper::header::CONTENT_LENGTH, body.len().into());
                send(steps(vec![body], &delivery))
            }
            Content::Frames(frames) => send(steps(frames, &delivery)),
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
        if let Some(ending) = ending(delivery.fault.as_ref(), place, &frame) {
            steps.extend(ending);
            return steps;
        }
        match &delivery.fault {
            Some(Fault::Corrupt(at)) if *at == place => steps.push_back(Step::Send(corrupt(&frame))),
            _ => steps.push_back(Step::Send(frame)),
        }
    }
    // a fault beyond the last frame happens after it
    steps.extend(ending(delivery.fault.as_ref(), usize::MAX, &Bytes::new()).into_iter().flatten());
    steps
}

/// What takes the place of frame `place` and all that follow, if the fault is due.
fn ending(fault: Option<&Fault>, place: usize, frame: &Bytes) -> Option<Vec<Step>> {
    match fault? {
        Fault::Stall(after) if *after <= place => Some(vec![Step::Stall]),
        Fault::Cut(after) if *after <= place => Some(vec![Step::Cut]),
        Fault::CutInside(after) if *after <= place => {
            Some(vec![Step::Send(frame.slice(..frame.len() / 2)), Step::Cut])
        }
        Fault::Exception(after, exception) if *after <= place => {
            Some(vec![Step::Send(frame::exception(exception))])
        }
        _ => None,
    }
}

/// The same frame, its last byte (of the message checksum) changed.
fn corrupt(frame: &Bytes) -> Bytes {
    let mut bytes = frame.to_vec();
    if let Some(last) = bytes.last_mut() {
        *last = !*last;
    }
    bytes.into()
}

fn send(steps: VecDeque<Step>) -> Body {
    let frames = stream::unfold(steps, async |mut steps| {
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
            };
            return Some((item, steps));
        }
    });
    StreamBody::new(frames).boxed_unsync()
}
