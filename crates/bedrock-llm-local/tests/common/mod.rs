//! A small HTTP client, and frames read back.
#![allow(dead_code, clippy::unwrap_used, unreachable_pub, reason = "each test takes what it needs")]

use std::time::Duration;

use aws_smithy_eventstream::frame::{DecodedFrame, MessageFrameDecoder};
use aws_smithy_types::event_stream::Message;
use bedrock_llm_local::{LocalBedrock, Stats};
use bytes::{Buf as _, Bytes, BytesMut};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1;
use hyper::{HeaderMap, Method, Request};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::time::timeout;

pub const CLAUDE: &str = "us.anthropic.claude-sonnet-4-5-20250929-v1:0";

/// An answer as far as it came.
#[derive(Debug)]
pub struct Got {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Bytes,
    /// What broke the body off.
    pub broken: Option<hyper::Error>,
}

impl Got {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {:?}", self.body))
    }

    /// The error's name without its namespace, its status and its sentence.
    pub fn error(&self) -> (String, u16, String) {
        let name = self.header("x-amzn-errortype").unwrap_or_default().split(':').next().unwrap_or_default();
        (name.to_owned(), self.status, self.json()["message"].as_str().unwrap_or_default().to_owned())
    }

    /// The frames of the stream; an error for one with a wrong checksum.
    pub fn frames(&self) -> Result<Vec<Frame>, String> {
        Ok(self.messages()?.iter().map(Frame::from).collect())
    }

    /// The frames' payloads, be they JSON or not.
    pub fn payloads(&self) -> Vec<Bytes> {
        self.messages().unwrap().iter().map(|message| message.payload().clone()).collect()
    }

    fn messages(&self) -> Result<Vec<Message>, String> {
        let mut decoder = MessageFrameDecoder::new();
        let mut buffer = BytesMut::from(&*self.body);
        let mut messages = Vec::new();
        while buffer.has_remaining() {
            match decoder.decode_frame(&mut buffer).map_err(|error| error.to_string())? {
                DecodedFrame::Complete(message) => messages.push(message),
                DecodedFrame::Incomplete => break,
            }
        }
        Ok(messages)
    }

    pub fn kinds(&self) -> Vec<String> {
        self.frames().unwrap().into_iter().map(|frame| frame.kind).collect()
    }

    /// The JSON inside the chunks of a native stream.
    pub fn chunks(&self) -> Vec<Value> {
        let frames = self.frames().unwrap().into_iter().filter(|frame| frame.kind == "chunk");
        let bytes = frames.map(|frame| {
            serde_json::from_value::<bedrock_llm_schema::Blob>(frame.payload["bytes"].clone()).unwrap()
        });
        bytes.map(|bytes| serde_json::from_slice(bytes.as_bytes()).unwrap()).collect()
    }
}

/// A frame: message type, event or exception type, payload.
#[derive(Debug, PartialEq)]
pub struct Frame {
    pub message_type: String,
    pub kind: String,
    pub payload: Value,
}

impl From<&Message> for Frame {
    fn from(message: &Message) -> Self {
        let header = |name: &str| {
            let header = message.headers().iter().find(|header| header.name().as_str() == name);
            header.and_then(|header| header.value().as_string().ok()).map(|value| value.as_str().to_owned())
        };
        Self {
            message_type: header(":message-type").unwrap(),
            kind: header(":event-type").or_else(|| header(":exception-type")).unwrap(),
            payload: serde_json::from_slice(message.payload()).unwrap(),
        }
    }
}

pub async fn send(
    local: &LocalBedrock,
    method: Method,
    path: &str,
    body: impl Into<Bytes>,
) -> Result<Got, hyper::Error> {
    let stream = TcpStream::connect(local.address()).await.unwrap();
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    let request =
        Request::builder().method(method).uri(path).header("host", "localhost").header("X-Test", "yes");
    let response = sender.send_request(request.body(Full::new(body.into())).unwrap()).await?;
    let (parts, mut incoming) = response.into_parts();
    let mut body = BytesMut::new();
    let mut broken = None;
    while let Some(frame) = incoming.frame().await {
        match frame {
            Ok(frame) => body.extend_from_slice(frame.data_ref().unwrap_or(&Bytes::new())),
            Err(error) => {
                broken = Some(error);
                break;
            }
        }
    }
    Ok(Got { status: parts.status.as_u16(), headers: parts.headers, body: body.freeze(), broken })
}

pub async fn post(local: &LocalBedrock, path: &str, body: &Value) -> Got {
    send(local, Method::POST, path, body.to_string()).await.unwrap()
}

pub async fn converse(local: &LocalBedrock, model: &str, text: &str) -> Got {
    post(local, &format!("/model/{model}/converse"), &user(text)).await
}

pub async fn converse_stream(local: &LocalBedrock, model: &str, text: &str) -> Got {
    post(local, &format!("/model/{model}/converse-stream"), &user(text)).await
}

/// Waits until the counters are so; for tests with a paused clock, so that only the sockets take time.
pub async fn until(local: &LocalBedrock, is_so: impl Fn(&Stats) -> bool) {
    let waited = timeout(Duration::from_secs(600), async {
        while !is_so(&local.stats()) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    });
    assert!(waited.await.is_ok(), "{:?}", local.stats());
}

/// What the system said of a connection that broke.
pub fn io_kind(error: &hyper::Error) -> Option<std::io::ErrorKind> {
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        if let Some(error) = error.downcast_ref::<std::io::Error>() {
            return Some(error.kind());
        }
        cause = error.source();
    }
    None
}

/// A Converse body.
pub fn user(text: &str) -> Value {
    json!({"messages": [{"role": "user", "content": [{"text": text}]}]})
}
