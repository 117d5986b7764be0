//! Converse's stream events.

use serde_json::Value;

use crate::Blob;
use crate::content::Role;
use crate::content::citation::Citation;
use crate::content::media::{ErrorBlock, ImageFormat, MediaSource};
use crate::content::tool::{ToolResultStatus, ToolUseType};
use crate::request::{PerformanceConfig, ServiceTier};
use crate::response::{Metrics, StopReason, Trace, Usage};
use crate::wire::{Extra, wire_struct, wire_union};

wire_union! {
    /// One event of a streamed answer. Exceptions inside a stream are errors, not events.
    pub enum StreamEvent {
        /// The answer begins.
        MessageStart(MessageStartEvent) = "messageStart",
        /// A block begins that says more than its deltas do.
        ContentBlockStart(ContentBlockStartEvent) = "contentBlockStart",
        /// A piece of a block.
        ContentBlockDelta(ContentBlockDeltaEvent) = "contentBlockDelta",
        /// A block is whole.
        ContentBlockStop(ContentBlockStopEvent) = "contentBlockStop",
        /// The answer is whole.
        MessageStop(MessageStopEvent) = "messageStop",
        /// What the call used.
        Metadata(Box<MetadataEvent>) = "metadata",
    }

    /// What a block is, where its deltas do not say it.
    pub enum ContentBlockStart {
        /// A tool call.
        ToolUse(ToolUseStart) = "toolUse",
        /// The result of a tool that the service ran.
        ToolResult(ToolResultStart) = "toolResult",
        /// An image.
        Image(ImageBlockStart) = "image",
    }

    /// A piece of a block.
    pub enum ContentBlockDelta {
        /// Text.
        Text(String) = "text",
        /// JSON text of a tool's arguments.
        ToolUse(ToolUseDelta) = "toolUse",
        /// Pieces of a tool's result.
        ToolResult(Vec<ToolResultDelta>) = "toolResult",
        /// Reasoning.
        ReasoningContent(ReasoningDelta) = "reasoningContent",
        /// A source of the text in this block.
        Citation(Box<Citation>) = "citation",
        /// Bytes of an image.
        Image(ImageBlockDelta) = "image",
    }

    /// A piece of reasoning.
    pub enum ReasoningDelta {
        /// Words.
        Text(String) = "text",
        /// The provider's proof that the words are its own.
        Signature(String) = "signature",
        /// Reasoning the provider encrypted.
        RedactedContent(Blob) = "redactedContent",
    }

    /// A piece of a tool's result.
    pub enum ToolResultDelta {
        /// Text.
        Text(String) = "text",
        /// A JSON value.
        Json(Value) = "json",
    }
}

wire_struct! {
    /// The answer begins.
    pub struct MessageStartEvent {
        /// Who speaks: the model.
        pub role: Role,
    }

    /// A block begins.
    pub struct ContentBlockStartEvent {
        /// What it is.
        pub start: ContentBlockStart,
        /// Its place in the message, counted from 0.
        pub content_block_index: u32,
    }

    /// A piece of a block.
    pub struct ContentBlockDeltaEvent {
        /// The piece.
        pub delta: ContentBlockDelta,
        /// The block's place in the message, counted from 0.
        pub content_block_index: u32,
    }

    /// A block is whole.
    #[derive(Default)]
    pub struct ContentBlockStopEvent {
        /// Its place in the message, counted from 0.
        pub content_block_index: u32,
    }

    /// The answer is whole.
    pub struct MessageStopEvent {
        /// Why the model stopped.
        pub stop_reason: StopReason,
        /// Members of the native response that were asked for.
        pub additional_model_response_fields: Option<Value>,
    }

    /// What the call used.
    #[derive(Default)]
    pub struct MetadataEvent {
        /// Tokens.
        #[serde(default, deserialize_with = "crate::wire::or_default")]
        pub usage: Usage,
        /// Time.
        #[serde(default, deserialize_with = "crate::wire::or_default")]
        pub metrics: Metrics,
        /// What happened inside the service.
        pub trace: Option<Trace>,
        /// How fast the answer was asked for.
        pub performance_config: Option<PerformanceConfig>,
        /// The tier in which the request ran.
        pub service_tier: Option<ServiceTier>,
    }

    /// A tool call begins.
    #[derive(Default)]
    pub struct ToolUseStart {
        /// The call's id.
        pub tool_use_id: String,
        /// The tool's name.
        pub name: String,
        /// Set when the service runs the tool itself.
        pub r#type: Option<ToolUseType>,
    }

    /// A tool's result begins.
    #[derive(Default)]
    pub struct ToolResultStart {
        /// The id of the call it answers.
        pub tool_use_id: String,
        /// The kind of result.
        pub r#type: Option<String>,
        /// Whether the tool did its work.
        pub status: Option<ToolResultStatus>,
    }

    /// An image begins.
    pub struct ImageBlockStart {
        /// Its format.
        pub format: ImageFormat,
    }

    /// JSON text of a tool's arguments; the pieces joined are the whole.
    #[derive(Default)]
    pub struct ToolUseDelta {
        /// The piece.
        pub input: String,
    }

    /// Bytes of an image; the pieces joined are the whole.
    #[derive(Default)]
    pub struct ImageBlockDelta {
        /// The piece.
        pub source: Option<MediaSource>,
        /// Why the image could not be made.
        pub error: Option<ErrorBlock>,
    }
}

/// A delta as it nearly always comes, without members to keep. Reading these, of which an answer has hundreds, takes
/// half the time without the buffer that unknown members need (`cargo xtask bench chat`).
#[derive(serde::Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct PlainDelta {
    content_block_index: u32,
    delta: ContentBlockDelta,
    #[serde(rename = "p", default)]
    _padding: serde::de::IgnoredAny,
}

/// The member that tells an answer's second beginning from its first.
const RESTARTED: &str = "bedrock-llm:restarted";

impl StreamEvent {
    /// The beginning of the model's turn.
    #[must_use]
    pub fn message_start() -> Self {
        Self::MessageStart(MessageStartEvent { role: Role::Assistant, extra: Extra::new() })
    }

    /// The beginning of the model's turn anew: what came before is to be discarded. A client's own, never the
    /// service's; see [`StreamRecovery`](crate::request::StreamRecovery).
    #[must_use]
    pub fn message_restart() -> Self {
        let extra = Extra::from_iter([(RESTARTED.to_owned(), true.into())]);
        Self::MessageStart(MessageStartEvent { role: Role::Assistant, extra })
    }

    /// Whether the answer begins anew with this event, and what came before is to be discarded.
    #[must_use]
    pub fn is_restart(&self) -> bool {
        matches!(self, Self::MessageStart(start) if start.extra.contains_key(RESTARTED))
    }

    /// The beginning of a block.
    #[must_use]
    pub fn start(index: u32, start: ContentBlockStart) -> Self {
        Self::ContentBlockStart(ContentBlockStartEvent {
            start,
            content_block_index: index,
            extra: Extra::new(),
        })
    }

    /// The beginning of a tool call.
    pub fn tool_use_start(index: u32, tool_use_id: impl Into<String>, name: impl Into<String>) -> Self {
        let start =
            ToolUseStart { tool_use_id: tool_use_id.into(), name: name.into(), ..ToolUseStart::default() };
        Self::start(index, ContentBlockStart::ToolUse(start))
    }

    /// A piece of a block.
    #[must_use]
    pub fn delta(index: u32, delta: ContentBlockDelta) -> Self {
        Self::ContentBlockDelta(ContentBlockDeltaEvent {
            delta,
            content_block_index: index,
            extra: Extra::new(),
        })
    }

    /// A piece of text.
    pub fn text(index: u32, text: impl Into<String>) -> Self {
        Self::delta(index, ContentBlockDelta::Text(text.into()))
    }

    /// A piece of a tool call's arguments.
    pub fn tool_input(index: u32, input: impl Into<String>) -> Self {
        Self::delta(
            index,
            ContentBlockDelta::ToolUse(ToolUseDelta { input: input.into(), extra: Extra::new() }),
        )
    }

    /// A piece of reasoning.
    #[must_use]
    pub fn reasoning(index: u32, delta: ReasoningDelta) -> Self {
        Self::delta(index, ContentBlockDelta::ReasoningContent(delta))
    }

    /// The end of a block.
    #[must_use]
    pub fn block_stop(index: u32) -> Self {
        Self::ContentBlockStop(ContentBlockStopEvent { content_block_index: index, extra: Extra::new() })
    }

    /// The end of the answer.
    #[must_use]
    pub fn message_stop(stop_reason: StopReason) -> Self {
        Self::MessageStop(MessageStopEvent {
            stop_reason,
            additional_model_response_fields: None,
            extra: Extra::new(),
        })
    }

    /// What the call used and how many milliseconds it took.
    #[must_use]
    pub fn metadata(usage: Usage, latency_ms: u64) -> Self {
        let metrics = Metrics { latency_ms, extra: Extra::new() };
        Self::Metadata(Box::new(MetadataEvent { usage, metrics, ..MetadataEvent::default() }))
    }

    /// Reads an event as it stands in an event-stream frame: its type in a header, its members in the payload.
    /// The padding member `p`, by which the service hides the length of what the model says, is left out.
    ///
    /// # Errors
    /// When the payload is not the JSON of an event of that type. An event of a type this version does not
    /// know is kept whole in [`StreamEvent::Unknown`].
    pub fn from_frame(event_type: &str, payload: &[u8]) -> serde_json::Result<Self> {
        fn members<T: serde::de::DeserializeOwned>(
            payload: &[u8],
            extra: fn(&mut T) -> &mut Extra,
        ) -> serde_json::Result<T> {
            let mut event: T = serde_json::from_slice(payload)?;
            extra(&mut event).remove("p");
            Ok(event)
        }
        Ok(match event_type {
            "messageStart" => Self::MessageStart(members(payload, |e: &mut MessageStartEvent| &mut e.extra)?),
            "contentBlockStart" => {
                Self::ContentBlockStart(members(payload, |e: &mut ContentBlockStartEvent| &mut e.extra)?)
            }
            "contentBlockDelta" => match serde_json::from_slice(payload) {
                Ok(PlainDelta { content_block_index, delta, .. }) => Self::delta(content_block_index, delta),
                Err(_) => {
                    Self::ContentBlockDelta(members(payload, |e: &mut ContentBlockDeltaEvent| &mut e.extra)?)
                }
            },
            "contentBlockStop" => {
                Self::ContentBlockStop(members(payload, |e: &mut ContentBlockStopEvent| &mut e.extra)?)
            }
            "messageStop" => Self::MessageStop(members(payload, |e: &mut MessageStopEvent| &mut e.extra)?),
            "metadata" => Self::Metadata(Box::new(members(payload, |e: &mut MetadataEvent| &mut e.extra)?)),
            unknown => {
                Self::Unknown(Extra::from_iter([(unknown.to_owned(), serde_json::from_slice(payload)?)]))
            }
        })
    }

    /// The event as an event-stream frame has it: its type and the JSON of its members.
    ///
    /// # Errors
    /// Never in practice: every event is plain JSON.
    pub fn to_frame(&self) -> serde_json::Result<(&str, Vec<u8>)> {
        let payload = match self {
            Self::MessageStart(event) => serde_json::to_vec(event),
            Self::ContentBlockStart(event) => serde_json::to_vec(event),
            Self::ContentBlockDelta(event) => serde_json::to_vec(event),
            Self::ContentBlockStop(event) => serde_json::to_vec(event),
            Self::MessageStop(event) => serde_json::to_vec(event),
            Self::Metadata(event) => serde_json::to_vec(event),
            Self::Unknown(map) => serde_json::to_vec(map.values().next().unwrap_or(&Value::Null)),
        }?;
        Ok((self.tag(), payload))
    }

    /// The piece of text this event brings, if it brings one.
    #[must_use]
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::ContentBlockDelta(ContentBlockDeltaEvent {
                delta: ContentBlockDelta::Text(text), ..
            }) => Some(text),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_round_trip_without_padding() {
        let event = StreamEvent::from_frame(
            "contentBlockDelta",
            br#"{"contentBlockIndex":1,"delta":{"text":"a"},"p":"abc"}"#,
        )
        .unwrap();
        assert_eq!(event, StreamEvent::text(1, "a"));
        let (kind, payload) = event.to_frame().unwrap();
        assert_eq!(StreamEvent::from_frame(kind, &payload).unwrap(), event);
        let stop = StreamEvent::from_frame("messageStop", br#"{"stopReason":"end_turn","p":"a"}"#).unwrap();
        assert_eq!(stop, StreamEvent::message_stop(StopReason::EndTurn));
    }

    #[test]
    fn a_delta_with_members_of_its_own_keeps_them() {
        let payload = br#"{"delta":{"text":"a"},"new":1,"contentBlockIndex":0,"p":"abc"}"#;
        let event = StreamEvent::from_frame("contentBlockDelta", payload).unwrap();
        assert_eq!(event.to_frame().unwrap().1, br#"{"delta":{"text":"a"},"contentBlockIndex":0,"new":1}"#);
    }

    #[test]
    fn unknown_events_are_kept() {
        let event = StreamEvent::from_frame("hologram", br#"{"x":1}"#).unwrap();
        let (kind, payload) = event.to_frame().unwrap();
        assert_eq!((kind, payload.as_slice()), ("hologram", br#"{"x":1}"#.as_slice()));
        assert!(StreamEvent::from_frame("messageStop", b"{}").is_err());
        assert!(StreamEvent::from_frame("messageStop", b"not json").is_err());
    }
}
