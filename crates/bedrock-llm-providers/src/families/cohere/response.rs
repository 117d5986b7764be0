//! Command R's response body.

use bedrock_llm_schema::content::citation::{
    Citation, CitationGeneratedContent, CitationSourceContent, CitationsContentBlock,
};
use bedrock_llm_schema::wire::Extra;
use bedrock_llm_schema::{ChatResponse, ContentBlock, Message, Role, ToolUseBlock};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::tool::Call;
use super::{FAMILY, lift_stop, lower_stop};
use crate::families::common::answer::respond;
use crate::families::common::{cannot_answer, from_value};
use crate::json::{self, count};
use crate::{CodecError, InvocationMetrics};

/// The body of a response; the last chunk of a stream has it too.
#[serde_with::skip_serializing_none]
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Answer {
    pub(super) text: Option<String>,
    pub(super) generation_id: Option<String>,
    pub(super) finish_reason: Option<String>,
    pub(super) tool_calls: Option<Vec<Call>>,
    pub(super) citations: Option<Vec<Extra>>,
    pub(super) meta: Option<Meta>,
    #[serde(flatten)]
    pub(super) extra: Extra,
}

#[serde_with::skip_serializing_none]
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Meta {
    pub(super) billed_units: Option<Tokens>,
    #[serde(flatten)]
    extra: Extra,
}

/// Tokens as they are paid, and as Bedrock's headers count them; `meta.tokens` counts the model's own template
/// too (73 beside 7 in 381db65dc814).
#[serde_with::skip_serializing_none]
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Tokens {
    #[serde(default, deserialize_with = "count")]
    pub(super) input_tokens: Option<u64>,
    #[serde(default, deserialize_with = "count")]
    pub(super) output_tokens: Option<u64>,
    #[serde(flatten)]
    extra: Extra,
}

impl Answer {
    pub(super) fn tokens(&self) -> (Option<u64>, Option<u64>) {
        let tokens = self.meta.as_ref().and_then(|meta| meta.billed_units.as_ref());
        tokens.map_or((None, None), |tokens| (tokens.input_tokens, tokens.output_tokens))
    }
}

/// An id for a call, of which there are none here: unique by the answer's.
pub(super) fn call_id(generation_id: Option<&str>, place: usize) -> String {
    format!("{}_{place}", generation_id.unwrap_or("call"))
}

/// Leaves out the conversation so far: it is the request and this answer, so nothing new.
pub(super) fn without_history(mut extra: Extra) -> Extra {
    extra.shift_remove("chat_history");
    extra
}

/// A citation, its native members kept.
pub(super) fn lift_citation(citation: Extra) -> Citation {
    let words = citation.get("text").and_then(Value::as_str).unwrap_or_default().to_owned();
    let ids = citation
        .get("document_ids")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str);
    let source = ids.collect::<Vec<_>>().join(", ");
    Citation {
        source: (!source.is_empty()).then_some(source),
        source_content: Some(vec![CitationSourceContent::Text(words)]),
        extra: citation,
        ..Citation::default()
    }
}

pub(super) fn decode(body: Value, metrics: &InvocationMetrics) -> Result<ChatResponse, CodecError> {
    let body: Answer = from_value(FAMILY, "response", body)?;
    let tokens = body.tokens();
    let mut blocks: Vec<ContentBlock> = Vec::new();
    let citations: Vec<Citation> = body.citations.into_iter().flatten().map(lift_citation).collect();
    match body.text.filter(|text| !text.is_empty()) {
        Some(text) if citations.is_empty() => blocks.push(text.into()),
        Some(text) => blocks.push(ContentBlock::CitationsContent(CitationsContentBlock {
            content: Some(vec![CitationGeneratedContent::Text(text)]),
            citations: Some(citations),
            extra: Extra::new(),
        })),
        None => {}
    }
    let calls = body.tool_calls.unwrap_or_default();
    let stop = body.finish_reason.map(|reason| lift_stop(&reason, !calls.is_empty()));
    for (place, call) in calls.into_iter().enumerate() {
        let id = call_id(body.generation_id.as_deref(), place);
        let block = ToolUseBlock::new(id, call.name, call.parameters);
        blocks.push(ToolUseBlock { extra: call.extra, ..block }.into());
    }
    let mut response = respond(Message::new(Role::Assistant, blocks), stop, tokens, metrics);
    response.extra = without_history(body.extra);
    response.extra.extend(body.generation_id.map(|id| ("generation_id".to_owned(), id.into())));
    Ok(response)
}

pub(super) fn encode(response: &ChatResponse) -> Result<Bytes, CodecError> {
    let mut calls = Vec::new();
    let mut citations = Vec::new();
    for (index, block) in response.message.content.iter().enumerate() {
        match block {
            ContentBlock::Text(_) => {}
            ContentBlock::CitationsContent(block) => {
                citations.extend(block.citations.iter().flatten().map(|citation| citation.extra.clone()));
            }
            ContentBlock::ToolUse(block) => {
                calls.push(Call {
                    name: block.name.clone(),
                    parameters: block.input.clone(),
                    extra: block.extra.clone(),
                });
            }
            other => {
                return Err(cannot_answer(FAMILY, other.tag(), format!("output.message.content[{index}]")));
            }
        }
    }
    let body = Answer {
        text: Some(response.text()),
        finish_reason: Some(lower_stop(&response.stop_reason)),
        tool_calls: (!calls.is_empty()).then_some(calls),
        citations: (!citations.is_empty()).then_some(citations),
        extra: response.extra.clone(),
        ..Answer::default()
    };
    json::write(FAMILY, "response", &body)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Provider;
    use bedrock_llm_schema::Accumulator;
    use serde_json::json;

    #[test]
    fn calls_keep_what_else_they_say() {
        let call = json!({"name": "f", "parameters": {"x": 1}, "generation_id": "g"});
        let body = json!({"text": "", "finish_reason": "COMPLETE", "tool_calls": [call]});
        let response = decode(body.clone(), &InvocationMetrics::default()).unwrap();
        assert_eq!(response.message.tool_uses().next().unwrap().extra["generation_id"], "g");
        let again: Value = serde_json::from_slice(&encode(&response).unwrap()).unwrap();
        assert_eq!(again["tool_calls"], body["tool_calls"]);

        let chunks = [
            json!({"event_type": "tool-calls-generation", "tool_calls": [call]}),
            json!({"event_type": "stream-end", "finish_reason": "COMPLETE"}),
        ];
        let mut decoder = super::super::Cohere.stream_decoder();
        let mut events: Vec<_> =
            chunks.iter().flat_map(|chunk| decoder.chunk(chunk.to_string().as_bytes()).unwrap()).collect();
        events.extend(decoder.finish());
        let mut answer = Accumulator::new();
        events.iter().for_each(|event| answer.push(event));
        let calls = answer.response().message;
        assert_eq!(calls.tool_uses().next().unwrap().extra["generation_id"], "g");
        let mut encoder = super::super::stream::ChatEncoder::default();
        let again: Vec<_> = events
            .iter()
            .flat_map(|event| crate::StreamEncoder::event(&mut encoder, event).unwrap())
            .collect();
        assert!(again.iter().any(|chunk| String::from_utf8_lossy(chunk).contains(r#""generation_id":"g""#)));
    }
}
