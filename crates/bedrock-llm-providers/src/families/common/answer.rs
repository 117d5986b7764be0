//! Answers in plain text: one form of body, one of chunk, both read into and written from a [`Piece`].

use std::marker::PhantomData;

use bedrock_llm_schema::stream::{ContentBlockDelta, ContentBlockStart};
use bedrock_llm_schema::wire::Extra;
use bedrock_llm_schema::{ChatResponse, ContentBlock, Message, Role, StopReason, StreamEvent, Usage};
use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::events::Events;
use super::{cannot_answer, from_value};
use crate::metrics::TRAILER;
use crate::{CodecError, InvocationMetrics, StreamDecoder, StreamEncoder, json};

/// What an answer, or a chunk of one, says.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Piece {
    pub(crate) text: String,
    pub(crate) stop: Option<StopReason>,
    /// Tokens, where the body counts them.
    pub(crate) input: Option<u64>,
    pub(crate) output: Option<u64>,
    /// What Converse returns as `additionalModelResponseFields`, such as further generations.
    pub(crate) fields: Extra,
    /// Members without a name in Converse, such as the guardrail's.
    pub(crate) extra: Extra,
}

/// A body or chunk of a family that answers in plain text.
pub(crate) trait Answer: Serialize + DeserializeOwned + Send + 'static {
    /// The family's name.
    const FAMILY: &'static str;

    fn into_piece(self) -> Piece;
    fn from_piece(piece: Piece) -> Self;

    /// Chunks for what goes with `messageStop` and is not part of the last chunk.
    fn before_last(_fields: &Extra) -> Vec<Self> {
        Vec::new()
    }
}

/// Reads a whole answer.
pub(crate) fn decode<A: Answer>(
    body: &[u8],
    metrics: &InvocationMetrics,
) -> Result<ChatResponse, CodecError> {
    let piece = json::read::<A>(A::FAMILY, "response", body)?.into_piece();
    let text = Some(piece.text).filter(|text| !text.is_empty());
    let message = Message::new(Role::Assistant, text.map(ContentBlock::Text));
    let mut response = respond(message, piece.stop, (piece.input, piece.output), metrics);
    response.additional_model_response_fields =
        (!piece.fields.is_empty()).then_some(Value::Object(piece.fields));
    response.extra = piece.extra;
    Ok(response)
}

/// A response with the tokens and times that its body and headers tell; the unknown reason `""` where the
/// body does not say why the model stopped.
pub(crate) fn respond(
    message: Message,
    stop: Option<StopReason>,
    (input, output): (Option<u64>, Option<u64>),
    metrics: &InvocationMetrics,
) -> ChatResponse {
    let mut usage = Usage::default();
    metrics.fill(&mut usage, input, output);
    let mut response = ChatResponse::new(message, stop.unwrap_or(StopReason::Unknown(String::new())), usage);
    response.metrics.latency_ms = metrics.invocation_latency.unwrap_or_default();
    response
}

/// Writes a whole answer.
pub(crate) fn encode<A: Answer>(response: &ChatResponse) -> Result<Bytes, CodecError> {
    let alien = |block: &&ContentBlock| block.as_text().is_none();
    if let Some((index, block)) = response.message.content.iter().enumerate().find(|(_, block)| alien(block))
    {
        return Err(cannot_answer(A::FAMILY, block.tag(), format!("output.message.content[{index}]")));
    }
    let fields = match &response.additional_model_response_fields {
        Some(Value::Object(fields)) => fields.clone(),
        _ => Extra::new(),
    };
    let piece = Piece {
        text: response.text(),
        stop: Some(response.stop_reason.clone()),
        input: Some(response.usage.input_tokens),
        output: Some(response.usage.output_tokens),
        fields,
        extra: response.extra.clone(),
    };
    json::write(A::FAMILY, "response", &A::from_piece(piece))
}

/// Reads a chunk's JSON: its members without the trailer, and the trailer.
pub(crate) fn open_chunk(
    family: &'static str,
    chunk: &[u8],
) -> Result<(Extra, Option<InvocationMetrics>), CodecError> {
    let mut members: Extra = json::read(family, "chunk", chunk)?;
    let metrics = InvocationMetrics::take_from(&mut members);
    Ok((members, metrics))
}

/// Reads streamed plain text.
#[derive(Debug)]
pub(crate) struct TextDecoder<A> {
    events: Events,
    form: PhantomData<fn() -> A>,
}

impl<A> Default for TextDecoder<A> {
    fn default() -> Self {
        Self { events: Events::default(), form: PhantomData }
    }
}

impl<A: Answer + std::fmt::Debug> StreamDecoder for TextDecoder<A> {
    fn chunk(&mut self, chunk: &[u8]) -> Result<Vec<StreamEvent>, CodecError> {
        let (members, metrics) = open_chunk(A::FAMILY, chunk)?;
        if !members.is_empty() {
            let piece = from_value::<A>(A::FAMILY, "chunk", Value::Object(members))?.into_piece();
            self.events.piece(piece);
        }
        if let Some(metrics) = metrics {
            self.events.metrics(metrics);
        }
        Ok(self.events.take())
    }

    fn finish(&mut self) -> Vec<StreamEvent> {
        self.events.finish()
    }
}

impl Events {
    /// Takes a piece of plain text with all it says.
    pub(crate) fn piece(&mut self, piece: Piece) {
        self.input = piece.input.or(self.input);
        self.output = piece.output.or(self.output);
        self.extra.extend(piece.extra);
        self.fields.extend(piece.fields);
        self.text(&piece.text);
        if let Some(reason) = piece.stop {
            self.stop(reason);
        }
    }
}

/// Writes plain text as a stream. Why the model stopped waits for the last chunk, which has the trailer.
#[derive(Debug)]
pub(crate) struct TextEncoder<A> {
    last: Piece,
    form: PhantomData<fn() -> A>,
}

impl<A> Default for TextEncoder<A> {
    fn default() -> Self {
        Self { last: Piece::default(), form: PhantomData }
    }
}

impl<A: Answer + std::fmt::Debug> StreamEncoder for TextEncoder<A> {
    fn event(&mut self, event: &StreamEvent) -> Result<Vec<Bytes>, CodecError> {
        let unsupported = |what: &str, path: &str| Err(cannot_answer(A::FAMILY, what, path));
        match event {
            StreamEvent::ContentBlockStart(start) if !matches!(&start.start, ContentBlockStart::Unknown(it) if it.is_empty()) => {
                unsupported(start.start.tag(), "contentBlockStart.start")
            }
            StreamEvent::ContentBlockDelta(delta) => match &delta.delta {
                ContentBlockDelta::Text(text) => {
                    let piece = Piece { text: text.clone(), ..Piece::default() };
                    Ok(vec![json::write(A::FAMILY, "chunk", &A::from_piece(piece))?])
                }
                other => unsupported(other.tag(), "contentBlockDelta.delta"),
            },
            StreamEvent::MessageStop(stop) => {
                self.last.stop = Some(stop.stop_reason.clone());
                if let Some(Value::Object(fields)) = &stop.additional_model_response_fields {
                    self.last.fields = fields.clone();
                }
                Ok(Vec::new())
            }
            StreamEvent::Metadata(metadata) => {
                let mut piece = std::mem::take(&mut self.last);
                piece.input = Some(metadata.usage.input_tokens);
                piece.output = Some(metadata.usage.output_tokens);
                piece.extra = metadata.extra.clone();
                let before = A::before_last(&piece.fields);
                let before = before.iter().map(|chunk| json::write(A::FAMILY, "chunk", chunk));
                let mut chunks = before.collect::<Result<Vec<_>, _>>()?;
                let (last, latency) = (A::from_piece(piece), metadata.metrics.latency_ms);
                chunks.push(with_trailer(A::FAMILY, &last, &metadata.usage, latency)?);
                Ok(chunks)
            }
            _ => Ok(Vec::new()),
        }
    }
}

/// Writes a stream's last chunk, which has the trailer.
pub(crate) fn with_trailer<T: Serialize>(
    family: &'static str,
    chunk: &T,
    usage: &Usage,
    latency: u64,
) -> Result<Bytes, CodecError> {
    #[derive(Serialize)]
    struct Last<'a, T> {
        #[serde(flatten)]
        chunk: &'a T,
        #[serde(rename = "amazon-bedrock-invocationMetrics")]
        metrics: InvocationMetrics,
    }
    debug_assert_eq!(TRAILER, "amazon-bedrock-invocationMetrics");
    let metrics = InvocationMetrics { invocation_latency: Some(latency), ..InvocationMetrics::from(usage) };
    json::write(family, "chunk", &Last { chunk, metrics })
}
