//! The chunks of a stream: Converse's events, each under its name.

use bedrock_llm_schema::StreamEvent;
use bedrock_llm_schema::response::{Metrics, Trace};
use bedrock_llm_schema::stream::MetadataEvent;
use bedrock_llm_schema::wire::Extra;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::FAMILY;
use super::response::Tokens;
use crate::families::common::answer::{open_chunk, with_trailer};
use crate::families::common::from_value;
use crate::{CodecError, InvocationMetrics, StreamDecoder, StreamEncoder, json};

/// The chunk that ends a stream.
#[derive(Debug, Serialize, Deserialize)]
struct Last {
    metadata: Metadata,
    #[serde(flatten)]
    extra: Extra,
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct Metadata {
    usage: Option<Tokens>,
    /// Empty in every recorded stream; the trailer has the times.
    metrics: Option<Metrics>,
    trace: Option<Trace>,
    #[serde(flatten)]
    extra: Extra,
}

/// Reads a stream. Every piece of text comes as a block of its own; that is kept.
#[derive(Debug, Default)]
pub(super) struct Decoder {
    started: bool,
    stopped: bool,
    /// Guardrail members, which stand beside the events.
    extra: Extra,
    /// The metadata, until the trailer comes.
    waiting: Option<Metadata>,
    metadata_given: bool,
}

impl StreamDecoder for Decoder {
    fn chunk(&mut self, chunk: &[u8]) -> Result<Vec<StreamEvent>, CodecError> {
        let (mut members, metrics) = open_chunk(FAMILY, chunk)?;
        let aside: Vec<String> =
            members.keys().filter(|name| name.starts_with("amazon-bedrock-")).cloned().collect();
        self.extra.extend(aside.into_iter().filter_map(|name| members.shift_remove_entry(&name)));
        let mut events = Vec::new();
        if members.contains_key("metadata") {
            let last: Last = from_value(FAMILY, "chunk", Value::Object(members))?;
            self.extra.extend(last.extra);
            self.waiting = Some(last.metadata);
        } else if !members.is_empty() {
            self.event(from_value(FAMILY, "chunk", Value::Object(members))?, &mut events);
        }
        if let Some(metrics) = metrics {
            let metadata = self.waiting.take().unwrap_or_default();
            events.extend(self.metadata(metadata, &metrics));
        }
        Ok(events)
    }

    fn finish(&mut self) -> Vec<StreamEvent> {
        match self.waiting.take() {
            None if !self.stopped => Vec::new(),
            metadata => self
                .metadata(metadata.unwrap_or_default(), &InvocationMetrics::default())
                .into_iter()
                .collect(),
        }
    }
}

impl Decoder {
    /// Passes an event on: `messageStart` first and once, `messageStop` once.
    fn event(&mut self, event: StreamEvent, events: &mut Vec<StreamEvent>) {
        let is_start = matches!(event, StreamEvent::MessageStart(_));
        let was_started = std::mem::replace(&mut self.started, true);
        if !was_started && !is_start {
            events.push(StreamEvent::message_start());
        }
        let is_stop = matches!(event, StreamEvent::MessageStop(_));
        let is_again = (is_start && was_started) || (is_stop && self.stopped);
        self.stopped |= is_stop;
        if !is_again {
            events.push(event);
        }
    }

    fn metadata(&mut self, metadata: Metadata, metrics: &InvocationMetrics) -> Option<StreamEvent> {
        if std::mem::replace(&mut self.metadata_given, true) {
            return None;
        }
        let mut times = metadata.metrics.unwrap_or_default();
        times.latency_ms = metrics.invocation_latency.unwrap_or(times.latency_ms);
        let mut extra = std::mem::take(&mut self.extra);
        extra.extend(metadata.extra);
        Some(StreamEvent::Metadata(Box::new(MetadataEvent {
            usage: metadata.usage.unwrap_or_default().streamed(metrics),
            metrics: times,
            trace: metadata.trace.filter(|trace| *trace != Trace::default()),
            extra,
            ..MetadataEvent::default()
        })))
    }
}

/// Writes a stream.
#[derive(Debug)]
pub(super) struct Encoder;

impl StreamEncoder for Encoder {
    fn event(&mut self, event: &StreamEvent) -> Result<Vec<Bytes>, CodecError> {
        let StreamEvent::Metadata(event) = event else {
            return Ok(vec![json::write(FAMILY, "chunk", event)?]);
        };
        let metadata = Metadata {
            usage: Some(Tokens::from(&event.usage)),
            metrics: Some(event.metrics.clone()),
            trace: Some(event.trace.clone().unwrap_or_default()),
            extra: Extra::new(),
        };
        let last = Last { metadata, extra: event.extra.clone() };
        Ok(vec![with_trailer(FAMILY, &last, &event.usage, event.metrics.latency_ms)?])
    }
}

#[cfg(test)]
mod tests {
    use bedrock_llm_schema::Accumulator;

    use super::*;

    #[test]
    fn the_trailer_may_come_alone_or_not_at_all() {
        let metadata =
            br#"{"metadata":{"usage":{"inputTokens":3,"outputTokens":4},"metrics":{},"trace":{}}}"#;
        let mut decoder = Decoder::default();
        assert_eq!(decoder.chunk(br#"{"messageStop":{"stopReason":"end_turn"}}"#).unwrap().len(), 2);
        assert_eq!(decoder.chunk(metadata).unwrap(), []);
        let events = decoder
            .chunk(br#"{"amazon-bedrock-invocationMetrics":{"invocationLatency":9,"inputTokenCount":2}}"#)
            .unwrap();
        let mut answer = Accumulator::new();
        events.iter().for_each(|event| answer.push(event));
        let response = answer.response();
        assert_eq!((response.usage.output_tokens, response.metrics.latency_ms), (4, 9));
        assert_eq!((response.usage.input_tokens, response.usage.total_tokens), (2, 6), "the trailer's count");
        assert_eq!(decoder.finish(), []);

        let mut decoder = Decoder::default();
        decoder.chunk(metadata).unwrap();
        assert_eq!(decoder.finish().len(), 1);
        assert!(matches!(decoder.chunk(b"[]"), Err(CodecError::Malformed { .. })));
    }
}
