//! Command R's request body. Turns before the last are `chat_history`; calls of tools have no ids, so calls and
//! results are told apart by name and parameters, and get ids of ours (`call_0`, …) in Converse's form.

use std::collections::BTreeMap;

use bedrock_llm_schema::content::SystemContentBlock;
use bedrock_llm_schema::content::media::{DocumentFormat, DocumentSource};
use bedrock_llm_schema::content::tool::ToolResultContentBlock;
use bedrock_llm_schema::wire::Extra;
use bedrock_llm_schema::{
    ChatRequest, ContentBlock, DocumentBlock, InferenceConfig, Message, Role, ToolResultBlock, ToolUseBlock,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::tool::{self, Call, CallResult, ToolDefinition, json_type};
use super::{FAMILY, FORM};
use crate::families::common::setting::{Setting, Take, known, present, read_with_serde};
use crate::families::common::spelling::{self, Rules};
use crate::families::common::{
    additional_fields, from_value, inference, lift_inference, refuse_unplaced, with_additional_fields,
};
use crate::json::Lowering;
use crate::{CodecError, Decoded, EncodeOptions, Encoded, Spelling};

/// The body of a request.
#[serde_with::skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Chat {
    message: String,
    #[serde(default, deserialize_with = "present")]
    chat_history: Option<Setting<Vec<Turn>>>,
    #[serde(default, deserialize_with = "present")]
    preamble: Option<Setting<String>>,
    #[serde(default, deserialize_with = "present")]
    documents: Option<Setting<Vec<Snippet>>>,
    #[serde(default, deserialize_with = "present")]
    tools: Option<Setting<Vec<ToolDefinition>>>,
    #[serde(default, deserialize_with = "present")]
    tool_results: Option<Setting<Vec<CallResult>>>,
    #[serde(default, deserialize_with = "present")]
    max_tokens: Option<Setting<u32>>,
    #[serde(default, deserialize_with = "present")]
    temperature: Option<Setting<f64>>,
    #[serde(default, deserialize_with = "present")]
    p: Option<Setting<f64>>,
    #[serde(default, deserialize_with = "present")]
    stop_sequences: Option<Setting<Vec<String>>>,
    /// `k`, `seed`, `prompt_truncation`, `search_queries_only`, penalties, `raw_prompting`, …
    #[serde(flatten)]
    extra: Extra,
}

/// A turn of the history: of `USER`, `CHATBOT`, `SYSTEM` or `TOOL`.
#[serde_with::skip_serializing_none]
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Turn {
    role: String,
    message: Option<String>,
    tool_calls: Option<Vec<Call>>,
    tool_results: Option<Vec<CallResult>>,
    #[serde(flatten)]
    extra: Extra,
}

/// A document in its plainest form; others stay native.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Snippet {
    title: String,
    snippet: String,
}

read_with_serde!(Turn, Snippet);

const RULES: Rules = Rules {
    aliases: &[],
    constants: &[],
    same: |left, right| match (left, right) {
        (Value::String(left), Value::String(right)) => {
            json_type(left) == json_type(right) && json_type(left) != left.as_str()
        }
        _ => false,
    },
};

/// The member of a tool result's `extra` with the call as the result repeats it, where that is not the call as it
/// was made.
const CALL: &str = "call";

/// Marks a spelling in which a tool's answer comes with the question that led to the call, and no history of
/// the call.
const SINGLE_STEP: &str = "single_step";

pub(super) fn encode(request: &ChatRequest, options: &EncodeOptions) -> Result<Encoded, CodecError> {
    let mut lowering = Lowering::new(FAMILY, options);
    let spelling = options.spelling.as_ref();
    let mut body = lower(request, spelling, &mut lowering)?;
    spelling::apply(&mut body, spelling);
    lowering.finish(&body)
}

fn lower(
    request: &ChatRequest,
    spelling: Option<&Spelling>,
    lowering: &mut Lowering,
) -> Result<Value, CodecError> {
    refuse_unplaced(request, lowering)?;
    let config = inference(request, lowering)?;
    for (index, block) in request.system.iter().flatten().enumerate() {
        if !matches!(block, SystemContentBlock::Text(_)) {
            lowering.unsupported(format!("system[{index}].{}", block.tag()), block.tag())?;
        }
    }
    let mut writer = Writer::default();
    for (index, message) in request.messages.iter().enumerate() {
        writer.message(message, &format!("messages[{index}]"), lowering)?;
    }
    let mut turns = writer.turns;
    let path = format!("messages[{}]", request.messages.len().saturating_sub(1));
    let missing = || CodecError::Missing {
        family: FAMILY,
        what: "a turn of the user at the end".to_owned(),
        path: path.clone(),
    };
    let last = turns.pop().ok_or_else(missing)?;
    let (mut message, tool_results) = match last.role.as_str() {
        "USER" => {
            // a turn of results and text is two turns of the history, but one at the end
            let results = if turns.last().is_some_and(|turn| turn.role == "TOOL") && writer.last_is_mixed {
                turns.pop().and_then(|turn| turn.tool_results)
            } else {
                None
            };
            (last.message.unwrap_or_default(), results)
        }
        "TOOL" => (String::new(), last.tool_results),
        _ => return Err(missing()),
    };
    let single_step = spelling.is_some_and(|spelling| spelling.0.contains_key(SINGLE_STEP));
    if let (true, [.., question, calls]) = (single_step, turns.as_slice())
        && calls.tool_calls.is_some()
        && question.role == "USER"
    {
        message = question.message.clone().unwrap_or_default();
        turns.truncate(turns.len() - 2);
    }
    let tools = match &request.tool_config {
        Some(config) => Some(tool::lower_config(config, lowering)?),
        None => None,
    };
    let body = Chat {
        message,
        chat_history: known((!turns.is_empty()).then_some(turns)),
        preamble: known(request.system_text()),
        documents: known((!writer.documents.is_empty()).then_some(writer.documents)),
        tools: known(tools),
        tool_results: known(tool_results),
        max_tokens: known(config.max_tokens),
        temperature: known(config.temperature),
        p: known(config.top_p),
        stop_sequences: known(config.stop_sequences),
        extra: Extra::new(),
    };
    with_additional_fields(FAMILY, &body, request)
}

/// Writes messages as turns.
#[derive(Default)]
struct Writer {
    turns: Vec<Turn>,
    documents: Vec<Snippet>,
    calls: BTreeMap<String, Call>,
    last_is_mixed: bool,
}

impl Writer {
    fn message(&mut self, message: &Message, path: &str, lowering: &mut Lowering) -> Result<(), CodecError> {
        let mut texts: Vec<&str> = Vec::new();
        let (mut calls, mut results) = (Vec::new(), Vec::new());
        for (place, block) in message.content.iter().enumerate() {
            let path = format!("{path}.content[{place}].{}", block.tag());
            match block {
                ContentBlock::Text(text) => texts.push(text),
                ContentBlock::Document(document) => match snippet(document) {
                    Some(snippet) => self.documents.push(snippet),
                    None => lowering.unsupported(path, "a document that is not text")?,
                },
                ContentBlock::ToolUse(block) => {
                    let call = Call {
                        name: block.name.clone(),
                        parameters: block.input.clone(),
                        extra: block.extra.clone(),
                    };
                    self.calls.insert(block.tool_use_id.clone(), call.clone());
                    calls.push(call);
                }
                ContentBlock::ToolResult(block) => {
                    let outputs = tool::lower_outputs(block, &path, lowering)?;
                    let mut extra = block.extra.clone();
                    let own = extra.shift_remove(CALL).and_then(|call| Call::deserialize(call).ok());
                    let call = own.or_else(|| self.calls.get(&block.tool_use_id).cloned());
                    let what = "the call that a tool result answers".to_owned();
                    let call = call.ok_or_else(|| CodecError::Missing {
                        family: FAMILY,
                        what,
                        path: format!("{path}.toolUseId"),
                    })?;
                    results.push(CallResult { call, outputs, extra });
                }
                other => lowering.unsupported(path, other.tag())?,
            }
        }
        let role = match &message.role {
            Role::User => "USER",
            Role::Assistant => "CHATBOT",
            Role::System => "SYSTEM",
            Role::Unknown(role) => role,
            _ => "USER",
        };
        self.last_is_mixed = !results.is_empty() && !texts.is_empty();
        if !results.is_empty() {
            let mut turn = Turn { role: "TOOL".to_owned(), tool_results: Some(results), ..Turn::default() };
            if texts.is_empty() {
                turn.extra.clone_from(&message.extra);
                self.turns.push(turn);
                return Ok(());
            }
            self.turns.push(turn);
        }
        let tool_calls = (!calls.is_empty()).then_some(calls);
        let message_text = (!texts.is_empty() || tool_calls.is_none()).then(|| texts.join("\n\n"));
        self.turns.push(Turn {
            role: role.to_owned(),
            message: message_text,
            tool_calls,
            extra: message.extra.clone(),
            ..Turn::default()
        });
        Ok(())
    }
}

/// A document whose text can be read, as title and snippet.
fn snippet(document: &DocumentBlock) -> Option<Snippet> {
    let is_text = matches!(
        document.format,
        None | Some(DocumentFormat::Txt | DocumentFormat::Md | DocumentFormat::Csv)
    );
    let snippet = match &document.source {
        DocumentSource::Text(text) => text.clone(),
        DocumentSource::Bytes(bytes) if is_text => std::str::from_utf8(bytes.as_bytes()).ok()?.to_owned(),
        _ => return None,
    };
    Some(Snippet { title: document.name.clone(), snippet })
}

pub(super) fn decode(body: &Value) -> Result<Decoded, CodecError> {
    let mut spelling = Spelling::default();
    spelling.0.insert(FORM.to_owned(), "chat".into());
    let request = lift(from_value(FAMILY, "request", body.clone())?, &mut spelling);
    if let Ok(usual) = lower(&request, Some(&spelling), &mut Lowering::new(FAMILY, &EncodeOptions::default()))
    {
        spelling::learn(&usual, body, &RULES, &mut spelling);
    }
    Ok(Decoded { request, spelling, is_chat: true })
}

fn lift(body: Chat, spelling: &mut Spelling) -> ChatRequest {
    let mut rest = body.extra;
    let mut request = ChatRequest::default();
    if let Some(preamble) = body.preamble.take("preamble", &mut rest) {
        request = request.system(preamble);
    }
    let mut reader = Reader::default();
    for turn in body.chat_history.take("chat_history", &mut rest).unwrap_or_default() {
        request.messages.push(reader.turn(turn));
    }
    let documents = body.documents.take("documents", &mut rest).unwrap_or_default();
    let mut last: Vec<ContentBlock> = documents
        .into_iter()
        .map(|document| ContentBlock::Document(DocumentBlock::from_text(document.title, document.snippet)))
        .collect();
    let results = body.tool_results.take("tool_results", &mut rest).unwrap_or_default();
    if results.is_empty() {
        last.push(body.message.into());
    } else if results.iter().all(|result| reader.is_open(&result.call)) {
        last.extend(results.into_iter().map(|result| ContentBlock::ToolResult(reader.result(result))));
        if !body.message.is_empty() {
            last.push(body.message.into());
        }
    } else {
        spelling.0.insert(SINGLE_STEP.to_owned(), true.into());
        let calls: Vec<_> =
            results.iter().map(|result| ContentBlock::ToolUse(reader.call(result.call.clone()))).collect();
        request = request.message(body.message).message(Message::new(Role::Assistant, calls));
        last.extend(results.into_iter().map(|result| ContentBlock::ToolResult(reader.result(result))));
    }
    request.messages.push(Message::new(Role::User, last));
    if let Some(tools) = body.tools.take("tools", &mut rest) {
        request.tool_config = tool::lift_definitions(&tools);
        if request.tool_config.is_none() {
            rest.extend(serde_json::to_value(tools).ok().map(|tools| ("tools".to_owned(), tools)));
        }
    }
    request.inference_config = lift_inference(InferenceConfig {
        max_tokens: body.max_tokens.take("max_tokens", &mut rest),
        temperature: body.temperature.take("temperature", &mut rest),
        top_p: body.p.take("p", &mut rest),
        stop_sequences: body.stop_sequences.take("stop_sequences", &mut rest),
        extra: Extra::new(),
    });
    request.additional_model_request_fields = additional_fields(rest);
    request
}

/// Reads turns as messages, giving ids to calls.
#[derive(Default)]
struct Reader {
    given: usize,
    open: Vec<(String, Call)>,
    answered: Vec<(String, Call)>,
}

/// Whether a result's call is this one.
fn is_call(call: &Call, other: &Call) -> bool {
    call.name == other.name && call.parameters == other.parameters
}

impl Reader {
    fn turn(&mut self, mut turn: Turn) -> Message {
        let has_results = turn.tool_results.as_ref().is_some_and(|results| !results.is_empty());
        let role = match turn.role.as_str() {
            "TOOL" if has_results => {
                // text beside results would be a turn of its own
                let text = turn.message.take().filter(|text| !text.is_empty());
                turn.extra.extend(text.map(|text| ("message".to_owned(), text.into())));
                Role::User
            }
            "USER" => Role::User,
            "CHATBOT" => Role::Assistant,
            "SYSTEM" => Role::System,
            other => Role::Unknown(other.to_owned()),
        };
        let mut blocks: Vec<ContentBlock> =
            turn.message.filter(|text| !text.is_empty()).map(ContentBlock::Text).into_iter().collect();
        blocks
            .extend(turn.tool_calls.into_iter().flatten().map(|call| ContentBlock::ToolUse(self.call(call))));
        blocks.extend(
            turn.tool_results
                .into_iter()
                .flatten()
                .map(|result| ContentBlock::ToolResult(self.result(result))),
        );
        Message { extra: turn.extra, ..Message::new(role, blocks) }
    }

    fn call(&mut self, call: Call) -> ToolUseBlock {
        let id = format!("call_{}", self.given);
        self.given += 1;
        self.open.push((id.clone(), call.clone()));
        ToolUseBlock { extra: call.extra, ..ToolUseBlock::new(id, call.name, call.parameters) }
    }

    fn is_open(&self, call: &Call) -> bool {
        self.open.iter().any(|(_, open)| is_call(open, call))
    }

    fn result(&mut self, result: CallResult) -> ToolResultBlock {
        if let Some(place) = self.open.iter().position(|(_, open)| is_call(open, &result.call)) {
            self.answered.push(self.open.remove(place));
        }
        // a second result of one call has its id again
        let made = self.answered.iter().rfind(|(_, call)| is_call(call, &result.call));
        let mut extra = result.extra;
        if made.is_none_or(|(_, call)| call.extra != result.call.extra) {
            extra.extend(serde_json::to_value(&result.call).ok().map(|call| (CALL.to_owned(), call)));
        }
        let tool_use_id = made.map(|(id, _)| id.clone()).unwrap_or_default();
        let content = result.outputs.into_iter().map(ToolResultContentBlock::Json).collect();
        ToolResultBlock { tool_use_id, content, extra, ..ToolResultBlock::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn round_trip(body: &Value) -> Decoded {
        let decoded = decode(body).unwrap();
        let options = EncodeOptions::default().spelling(decoded.spelling.clone());
        let again: Value = serde_json::from_slice(&encode(&decoded.request, &options).unwrap().body).unwrap();
        assert!(spelling::equal(&again, body), "{again}\n{body}");
        decoded
    }

    #[test]
    fn calls_keep_what_else_they_say() {
        let call = json!({"name": "f", "parameters": {"x": 1}, "generation_id": "g"});
        let bare = json!({"name": "f", "parameters": {"x": 1}});
        for repeated in [&call, &bare] {
            let decoded = round_trip(&json!({
                "message": "",
                "chat_history": [{"role": "USER", "message": "Hi"}, {"role": "CHATBOT", "tool_calls": [call]}],
                "tool_results": [{"call": repeated, "outputs": [{"a": 1}]}],
            }));
            let made = decoded.request.messages[1].tool_uses().next().unwrap();
            assert_eq!(made.extra["generation_id"], "g");
            assert_eq!(decoded.request.messages[2].tool_results().next().unwrap().tool_use_id, "call_0");
        }
    }

    #[test]
    fn results_may_share_a_call_and_stand_beside_text() {
        let call = json!({"name": "f", "parameters": {}});
        let result = |n: i32| json!({"call": call, "outputs": [{"a": n}]});
        let decoded = round_trip(&json!({
            "message": "So?",
            "chat_history": [
                {"role": "USER", "message": "Hi"},
                {"role": "CHATBOT", "message": "I look.", "tool_calls": [call]},
                {"role": "TOOL", "message": "beside", "tool_results": [result(1), result(2)]},
                {"role": "TOOL", "message": "alone"},
                {"role": "TOOL", "tool_results": [{"call": {"name": "unasked", "parameters": {}}, "outputs": []}]},
            ],
        }));
        let ids: Vec<_> =
            decoded.request.messages[2].tool_results().map(|it| it.tool_use_id.as_str()).collect();
        assert_eq!(ids, ["call_0", "call_0"]);
    }

    #[test]
    fn only_lists_have_items() {
        let parameters = json!({
            "a": {"type": "Optional[str]"}, "b": {"type": "list[int]"}, "c": {"type": "List[str]"},
            "d": {"type": "Dict[str, int]"},
        });
        let tool = json!({"name": "f", "description": "d", "parameter_definitions": parameters});
        let decoded = round_trip(&json!({"message": "Hi", "tools": [tool]}));
        let config = serde_json::to_value(decoded.request.tool_config).unwrap();
        let schema = config.pointer("/tools/0/toolSpec/inputSchema/json/properties").unwrap();
        assert_eq!(schema["a"], json!({"type": "Optional[str]"}));
        assert_eq!(schema["b"], json!({"type": "array", "items": {"type": "integer"}}));
    }
}
