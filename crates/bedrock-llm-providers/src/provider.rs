//! The trait that a model family's codec implements.

use std::fmt;

use bedrock_llm_schema::{ChatRequest, ChatResponse, OnUnsupported, StreamEvent};
use bytes::Bytes;
use serde_json::{Map, Value};

use crate::{CodecError, InvocationMetrics};

/// A model family's native wire format. Bytes in, bytes out: no I/O, no clock, no global state.
///
/// The first four methods are what a client needs, the last four what an endpoint needs.
/// Implement it for a family of your own and [register](crate::Registry::register) it.
pub trait Provider: fmt::Debug + Send + Sync + 'static {
    /// The format's name, for messages: `anthropic`, `amazon-nova`, …
    fn name(&self) -> &'static str;

    /// Writes the native body for a request.
    ///
    /// # Errors
    /// [`CodecError`] for what the family does not have, unless `options` say to drop it.
    fn encode_request(&self, request: &ChatRequest, options: &EncodeOptions) -> Result<Encoded, CodecError>;

    /// Reads the native body of a response. `metrics` are those of the response's headers; they fill in
    /// where the body is silent.
    ///
    /// # Errors
    /// When the body is not one of the family's.
    fn decode_response(&self, body: &[u8], metrics: &InvocationMetrics) -> Result<ChatResponse, CodecError>;

    /// Begins to read a streamed response.
    fn stream_decoder(&self) -> Box<dyn StreamDecoder>;

    /// Reads the native body of a request, keeping what must not be lost: settings that Converse has no
    /// name for go to `additional_model_request_fields`, and how the body spells things to `spelling`.
    /// The request's model is left empty.
    ///
    /// # Errors
    /// When the body is not one of the family's.
    fn decode_request(&self, body: &[u8]) -> Result<Decoded, CodecError>;

    /// Writes the native body of a response to a request of this spelling.
    ///
    /// # Errors
    /// For content that the family's responses cannot carry.
    fn encode_response(&self, response: &ChatResponse, spelling: &Spelling) -> Result<Bytes, CodecError>;

    /// Begins to write a streamed response to a request of this spelling.
    fn stream_encoder(&self, spelling: &Spelling) -> Box<dyn StreamEncoder>;

    /// Reads a request body into the family's typed wire form and writes it again, for whoever wants to know
    /// that nothing of a body is lost on the way.
    ///
    /// # Errors
    /// When the body is not one of the family's.
    fn rewrite_request(&self, body: &[u8]) -> Result<Bytes, CodecError>;
}

/// Reads a streamed response chunk by chunk.
pub trait StreamDecoder: fmt::Debug + Send {
    /// Takes the JSON of the next chunk and gives the events it stands for, in Converse's order: one
    /// `messageStart`, the blocks, `messageStop`, `metadata` once the invocation metrics came.
    ///
    /// # Errors
    /// When the chunk is not one of the family's. The decoder may be asked to go on with the next.
    fn chunk(&mut self, chunk: &[u8]) -> Result<Vec<StreamEvent>, CodecError>;

    /// Says that no more chunks come, and gives the events that are still owed (such as `metadata` where the
    /// stream had no metrics). Gives no `messageStop` if the stream did not say why the model stopped.
    fn finish(&mut self) -> Vec<StreamEvent>;
}

/// Writes a streamed response, event by event.
pub trait StreamEncoder: fmt::Debug + Send {
    /// Takes the next event and gives the JSON of the chunks it stands for. The chunk for `metadata`, which is
    /// the last, carries `amazon-bedrock-invocationMetrics`.
    ///
    /// # Errors
    /// For events that the family's streams cannot carry.
    fn event(&mut self, event: &StreamEvent) -> Result<Vec<Bytes>, CodecError>;
}

/// How to write a native body.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct EncodeOptions {
    /// Whether the answer is to be streamed; some families say so in the body.
    pub streaming: bool,
    /// What to do about a parameter or content that the family does not have.
    pub on_unsupported: OnUnsupported,
    /// How to spell what can be spelt in more than one way; the family's usual way where nothing is said.
    pub spelling: Option<Spelling>,
}

/// A native body.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Encoded {
    /// The body.
    pub body: Bytes,
    /// What was left out, by its JSON path in the [`ChatRequest`].
    pub dropped: Vec<String>,
}

/// A request as read from a native body.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Decoded {
    /// The request, its model left empty.
    pub request: ChatRequest,
    /// How the body spells what can be spelt in more than one way.
    pub spelling: Spelling,
    /// Whether the body was a conversation: messages, or a prompt in the family's template. A bare prompt
    /// becomes one turn of the user, but is not written back as it was.
    pub is_chat: bool,
}

/// How a body spells what can be spelt in more than one way, such as text as a string or as a list of blocks.
/// Its members are the codec's own affair; encoding with the spelling a body was decoded with gives the same
/// body again.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Spelling(pub Map<String, Value>);

impl EncodeOptions {
    /// Options for one answer or a stream.
    #[must_use]
    pub fn new(streaming: bool) -> Self {
        Self { streaming, ..Self::default() }
    }

    /// The same with this done about what the family does not have.
    #[must_use]
    pub fn on_unsupported(mut self, on_unsupported: OnUnsupported) -> Self {
        self.on_unsupported = on_unsupported;
        self
    }

    /// The same in this spelling.
    #[must_use]
    pub fn spelling(mut self, spelling: Spelling) -> Self {
        self.spelling = Some(spelling);
        self
    }
}
