//! Tools for models that have none: described to them in words, called by them in words.

mod read;
mod write;

use bedrock_llm_schema::response::{IncompleteCause, IncompleteToolUse};
use bedrock_llm_schema::{ChatResponse, ContentBlock, StopReason, ToolUseBlock};
use read::{Piece, Reader};
pub(super) use write::{in_words, next_number};

/// Whether tools are described to the model in words, and called by it in words.
///
/// The model reads of them in its system prompt and calls them by JSON between tags. Events, calls and history are what they
/// are with native tools; only requests are not. Models call less surely in this way than by tools of their own.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum PromptTools {
    /// Never: an agent with tools and a model that takes none is an error when it is built.
    #[default]
    Never,
    /// For models that are known to take no tools (`features.tool_use` of their profile).
    IfNeeded,
    /// For all models.
    Always,
}

/// A stream's text without the calls in it.
#[derive(Debug, Default)]
pub(super) struct Shown(Reader);

impl Shown {
    /// What of the text is to be shown by now.
    pub(super) fn push(&mut self, more: &str) -> String {
        words(self.0.push(more))
    }

    /// The block is over: what else of it is to be shown.
    pub(super) fn finish(&mut self) -> String {
        words(self.0.finish())
    }
}

fn words(pieces: Vec<Piece>) -> String {
    let words = pieces.into_iter().filter_map(|piece| match piece {
        Piece::Text(text) => Some(text),
        _ => None,
    });
    words.collect()
}

/// The answer with the calls that its text has as blocks, behind everything else; their ids are numbered from here.
pub(super) fn with_calls(mut response: ChatResponse, mut number: usize) -> ChatResponse {
    let mut calls: Vec<ContentBlock> = Vec::new();
    let mut content = Vec::new();
    let is_cut_off = response.stop_reason == StopReason::MaxTokens;
    for block in std::mem::take(&mut response.message.content) {
        let ContentBlock::Text(text) = block else {
            content.push(block);
            continue;
        };
        let mut reader = Reader::default();
        let mut pieces = reader.push(&text);
        pieces.extend(reader.finish());
        let mut said = String::new();
        for piece in pieces {
            let id = format!("{}{number}", write::ID);
            match piece {
                Piece::Text(words) => said.push_str(&words),
                Piece::Call { name, input } => {
                    calls.push(ToolUseBlock::new(id, name, input).into());
                    number += 1;
                }
                Piece::Broken { raw, message, is_open } => {
                    let cause = if is_open && is_cut_off {
                        IncompleteCause::MaxTokens
                    } else {
                        IncompleteCause::InvalidJson(message)
                    };
                    let name = read::name_in(&raw);
                    response.incomplete_tool_uses.push(IncompleteToolUse::new(id, name, raw, cause));
                    number += 1;
                }
            }
        }
        if calls.is_empty() && response.incomplete_tool_uses.is_empty() {
            content.push(said.into());
        } else if !said.trim().is_empty() {
            content.push(said.trim_end().into());
        }
    }
    let is_ended = matches!(response.stop_reason, StopReason::EndTurn | StopReason::StopSequence);
    if is_ended && !(calls.is_empty() && response.incomplete_tool_uses.is_empty()) {
        response.stop_reason = StopReason::ToolUse;
    }
    content.extend(calls);
    response.message.content = content;
    response
}

#[cfg(test)]
mod tests {
    use bedrock_llm_schema::model::ModelProfile;
    use bedrock_llm_schema::{ChatRequest, Message, Usage};
    use proptest::prelude::*;
    use serde_json::{Map, Value};

    use super::*;

    fn answer(text: &str) -> ChatResponse {
        ChatResponse::new(Message::assistant(text), StopReason::EndTurn, Usage::new(1, 1))
    }

    fn json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            ".{0,12}".prop_map(Value::from),
            prop_oneof![Just("</tool_call>"), Just("<tool_call>{"), Just("<tool_result>"), Just("```")]
                .prop_map(Value::from),
        ];
        leaf.prop_recursive(3, 16, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::vec((".{0,6}", inner), 0..4)
                    .prop_map(|members| Value::Object(members.into_iter().collect::<Map<_, _>>())),
            ]
        })
    }

    fn calls() -> impl Strategy<Value = Vec<(String, Map<String, Value>)>> {
        let input = prop::collection::vec(("[a-z]{1,6}", json()), 0..4).prop_map(|m| m.into_iter().collect());
        prop::collection::vec(("[a-zA-Z0-9_-]{1,12}", input), 1..4)
    }

    proptest! {
        #[test]
        fn what_history_shows_of_calls_reads_as_those_calls(calls in calls(), said in "[a-z .!]{0,20}[a-z]?") {
            let blocks = calls.iter().enumerate().map(|(place, (name, input))| {
                ToolUseBlock::new(format!("prompted_{place}"), name.clone(), Value::Object(input.clone()))
            });
            let mut message = Message::assistant(said.trim_end());
            message.content.extend(blocks.map(ContentBlock::from));
            if said.trim().is_empty() {
                message.content.remove(0);
            }
            let request = ChatRequest::new("m").message("hi").message(message.clone());
            let shown = in_words(request, &ModelProfile::new("m")).messages[1].clone();
            prop_assert!(shown.tool_uses().next().is_none());
            let read = with_calls(ChatResponse::new(shown, StopReason::EndTurn, Usage::new(1, 1)), 0);
            prop_assert_eq!(read.message, message);
            prop_assert_eq!(read.stop_reason, StopReason::ToolUse);
        }

        #[test]
        fn no_answer_is_too_odd(text in prop::collection::vec(prop_oneof![
            Just("<tool_call>"), Just("</tool_call>"), Just("{\"name\":"), Just("\"a\"}"), Just("{"), Just("é "),
        ], 0..20)) {
            let read = with_calls(answer(&text.concat()), 1);
            let ids: std::collections::BTreeSet<_> = read.message.tool_uses().map(|call| &call.tool_use_id).collect();
            prop_assert_eq!(ids.len(), read.message.tool_uses().count());
        }
    }

    #[test]
    fn broken_calls_keep_their_names_and_words() {
        let written = r#"Well: <tool_call>{"name": "add", "arguments": {}} or {"b": 1}</tool_call>"#;
        let read = with_calls(answer(written), 3);
        assert_eq!(read.message.text(), "Well:");
        let [broken] = &read.incomplete_tool_uses[..] else { panic!("{read:?}") };
        assert_eq!((broken.name.as_str(), broken.tool_use_id.as_str()), ("add", "prompted_3"));
        assert!(matches!(broken.cause, IncompleteCause::InvalidJson(_)) && broken.raw.contains("} or {"));
        let mut cut = answer(r#"<tool_call>{"name": "add", "arguments": {"a": 1"#);
        cut.stop_reason = StopReason::MaxTokens;
        let read = with_calls(cut, 1);
        assert_eq!(read.incomplete_tool_uses[0].cause, IncompleteCause::MaxTokens);
        assert_eq!(read.stop_reason, StopReason::MaxTokens);
    }
}
