//! One scripted reply.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bedrock_llm_schema::content::reasoning::ReasoningTextBlock;
use bedrock_llm_schema::{
    ChatResponse, ContentBlock, Message, Operation, ReasoningContentBlock, Role, StopReason, StreamEvent,
    ToolUseBlock, Usage,
};
use bytes::Bytes;
use serde_json::Value;

use crate::answer::{Answer, Damage, Delivery, Mishap};
use crate::{Exception, ReceivedRequest};

type Predicate = Arc<dyn Fn(&ReceivedRequest) -> bool + Send + Sync>;

/// A reply and the requests it is for. It fits every request and is used once, unless it is told otherwise.
///
/// A reply in Converse's terms (text, tool calls, reasoning, events) is given in the form the request asks for:
/// whole or streamed, in Converse's form or in the model's own.
///
/// ```
/// use std::time::Duration;
///
/// use bedrock_llm_local::{Exception, Reply};
/// use bedrock_llm_schema::Operation;
/// use serde_json::json;
///
/// // a tool call for one model only
/// let call = Reply::tool_use("t1", "get_weather", json!({"city": "Paris"})).model("amazon.nova-lite-v1:0");
/// // a stream that breaks after two frames
/// let broken = Reply::text("Hello there.").on(Operation::ConverseStream)
///     .exception_after(2, Exception::new("ModelStreamErrorException"));
/// // slow and throttled, twice
/// let slow = Reply::exception("ThrottlingException").header("retry-after", "2").delay(Duration::from_secs(1)).times(2);
/// ```
#[derive(Clone)]
pub struct Reply {
    pub(crate) payload: Payload,
    pub(crate) delivery: Delivery,
    pub(crate) times: Option<usize>,
    status: Option<u16>,
    headers: Vec<(String, String)>,
    operation: Option<Operation>,
    model: Option<String>,
    predicate: Option<Predicate>,
}

/// What a reply says.
#[derive(Debug, Clone)]
pub(crate) enum Payload {
    /// Content, from which the rest follows where it is not given.
    Content {
        blocks: Vec<ContentBlock>,
        stop_reason: Option<StopReason>,
        usage: Option<Usage>,
    },
    /// An answer as it is.
    Response(Box<ChatResponse>),
    Events(Vec<StreamEvent>),
    Json(Value),
    Chunks(Vec<Value>),
    Bytes {
        content_type: String,
        body: Bytes,
    },
    Exception(Exception),
}

impl Reply {
    fn new(payload: Payload) -> Self {
        Self {
            payload,
            delivery: Delivery::default(),
            times: Some(1),
            status: None,
            headers: Vec::new(),
            operation: None,
            model: None,
            predicate: None,
        }
    }

    /// Blocks of content, more of which follow by [`with`](Self::with). The stop reason is `tool_use` where a tool
    /// is called, else `end_turn`; the usage is estimated; both can be set.
    pub fn content(blocks: impl IntoIterator<Item = impl Into<ContentBlock>>) -> Self {
        let blocks = blocks.into_iter().map(Into::into).collect();
        Self::new(Payload::Content { blocks, stop_reason: None, usage: None })
    }

    /// Text.
    pub fn text(text: impl Into<String>) -> Self {
        Self::content([text.into()])
    }

    /// A call of a tool.
    pub fn tool_use(id: impl Into<String>, name: impl Into<String>, input: impl Into<Value>) -> Self {
        Self::content([ToolUseBlock::new(id, name, input)])
    }

    /// Reasoning with its signature; the answer proper follows by [`with`](Self::with).
    pub fn reasoning(text: impl Into<String>, signature: impl Into<String>) -> Self {
        Self::content([ReasoningContentBlock::from(ReasoningTextBlock::new(text).signed(signature))])
    }

    /// A whole answer as it is.
    #[must_use]
    pub fn response(response: ChatResponse) -> Self {
        Self::new(Payload::Response(Box::new(response)))
    }

    /// These stream events as they are, be they in a sensible order or not.
    pub fn events(events: impl IntoIterator<Item = StreamEvent>) -> Self {
        Self::new(Payload::Events(events.into_iter().collect()))
    }

    /// A JSON body as it is: a native answer, or that of any operation. In a native stream it is the only chunk.
    pub fn json(body: impl Into<Value>) -> Self {
        Self::new(Payload::Json(body.into()))
    }

    /// The chunks of a native stream as they are.
    pub fn chunks(chunks: impl IntoIterator<Item = Value>) -> Self {
        Self::new(Payload::Chunks(chunks.into_iter().collect()))
    }

    /// A body as it is, be it JSON or not.
    pub fn bytes(content_type: impl Into<String>, body: impl Into<Bytes>) -> Self {
        Self::new(Payload::Bytes { content_type: content_type.into(), body: body.into() })
    }

    /// An error instead of an answer, by its name (`"ThrottlingException"`) or with all its parts.
    pub fn exception(exception: impl Into<Exception>) -> Self {
        Self::new(Payload::Exception(exception.into()))
    }

    /// No answer at all: the connection is closed. Over HTTP/2 it is the request's stream that is reset, here and wherever
    /// a connection is said to be closed.
    #[must_use]
    pub fn hang_up() -> Self {
        Self::text("").mishap(Mishap::HangUp)
    }

    /// The same with one more block of content; replies that are no content stay as they are.
    #[must_use]
    pub fn with(mut self, block: impl Into<ContentBlock>) -> Self {
        if let Payload::Content { blocks, .. } = &mut self.payload {
            blocks.push(block.into());
        }
        self
    }

    /// The same with this stop reason.
    #[must_use]
    pub fn stop_reason(mut self, reason: StopReason) -> Self {
        match &mut self.payload {
            Payload::Content { stop_reason, .. } => *stop_reason = Some(reason),
            Payload::Response(response) => response.stop_reason = reason,
            _ => {}
        }
        self
    }

    /// The same with this usage.
    #[must_use]
    pub fn usage(mut self, used: Usage) -> Self {
        match &mut self.payload {
            Payload::Content { usage, .. } => *usage = Some(used),
            Payload::Response(response) => response.usage = used,
            _ => {}
        }
        self
    }

    /// Only for requests of this operation.
    #[must_use]
    pub fn on(mut self, operation: Operation) -> Self {
        self.operation = Some(operation);
        self
    }

    /// Only for requests to this model, its id as given, percent-decoded.
    #[must_use]
    pub fn model(mut self, model: impl Into<String>) -> Self {
        self.model = Some(model.into());
        self
    }

    /// Only for requests of which this is true.
    #[must_use]
    pub fn when(mut self, predicate: impl Fn(&ReceivedRequest) -> bool + Send + Sync + 'static) -> Self {
        self.predicate = Some(Arc::new(predicate));
        self
    }

    /// Used this many times.
    #[must_use]
    pub fn times(mut self, times: usize) -> Self {
        self.times = Some(times);
        self
    }

    /// Used as often as it fits.
    #[must_use]
    pub fn forever(mut self) -> Self {
        self.times = None;
        self
    }

    /// With this HTTP status.
    #[must_use]
    pub fn status(mut self, status: u16) -> Self {
        self.status = Some(status);
        self
    }

    /// With this header, which takes the place of one of the same name.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// After a pause (of tokio's clock, so that paused time works).
    #[must_use]
    pub fn delay(mut self, delay: Duration) -> Self {
        self.delivery.delay = delay;
        self
    }

    /// With a pause between the frames of a stream.
    #[must_use]
    pub fn pace(mut self, pace: Duration) -> Self {
        self.delivery.pace = pace;
        self
    }

    /// Sends this many frames, then nothing more, and keeps the connection open. A body that is no stream counts as
    /// one frame, here and below.
    #[must_use]
    pub fn stall_after(self, frames: usize) -> Self {
        self.mishap(Mishap::Stall(frames))
    }

    /// Sends this many frames, then closes the connection.
    #[must_use]
    pub fn cut_after(self, frames: usize) -> Self {
        self.mishap(Mishap::Cut(frames))
    }

    /// Sends this many frames and half of the next, then closes the connection.
    #[must_use]
    pub fn cut_inside(self, frames: usize) -> Self {
        self.mishap(Mishap::CutInside(frames))
    }

    /// Spoils the checksum of the frame after this many, or of the last where there are fewer.
    #[must_use]
    pub fn corrupt_after(self, frames: usize) -> Self {
        self.mishap(Mishap::Damage(frames, Damage::Checksum))
    }

    /// Sends this many frames, then an exception inside the stream as the last.
    #[must_use]
    pub fn exception_after(self, frames: usize, exception: impl Into<Exception>) -> Self {
        self.mishap(Mishap::Exception(frames, Box::new(exception.into())))
    }

    fn mishap(mut self, mishap: Mishap) -> Self {
        self.delivery.mishap = Some(mishap);
        self
    }

    pub(crate) fn fits(&self, request: &ReceivedRequest) -> bool {
        self.operation.is_none_or(|operation| request.operation == Some(operation))
            && self.model.as_ref().is_none_or(|model| request.model_id == *model)
            && self.predicate.as_ref().is_none_or(|predicate| predicate(request))
    }

    /// The answer with what this reply sets of it.
    pub(crate) fn finish(&self, mut answer: Answer) -> Answer {
        answer.status = self.status.unwrap_or(answer.status);
        self.headers.iter().fold(answer, |answer, (name, value)| answer.with_header(name, value))
    }
}

impl Payload {
    /// Content as a whole answer.
    pub(crate) fn into_response(self, request: &ReceivedRequest) -> Self {
        let Self::Content { blocks, stop_reason, usage } = self else { return self };
        let calls = blocks.iter().any(|block| block.as_tool_use().is_some());
        let usage = usage.unwrap_or_else(|| {
            let output = serde_json::to_string(&blocks).unwrap_or_default();
            Usage::new(
                crate::offline::count_pieces(&request.json.to_string()),
                crate::offline::count_pieces(&output),
            )
        });
        let stop_reason =
            stop_reason.unwrap_or(if calls { StopReason::ToolUse } else { StopReason::EndTurn });
        Self::Response(Box::new(ChatResponse::new(Message::new(Role::Assistant, blocks), stop_reason, usage)))
    }
}

/// What it is for: operation, model, condition.
impl fmt::Display for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.operation.map_or("any operation", Operation::as_str))?;
        if let Some(model) = &self.model {
            write!(f, " of {model}")?;
        }
        if self.predicate.is_some() {
            f.write_str(" where a condition holds")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reply")
            .field("for", &self.to_string())
            .field("payload", &self.payload)
            .field("delivery", &self.delivery)
            .field("times", &self.times)
            .finish_non_exhaustive()
    }
}

impl From<&str> for Exception {
    fn from(name: &str) -> Self {
        Self::new(name)
    }
}

impl From<String> for Exception {
    fn from(name: String) -> Self {
        Self::new(name)
    }
}
