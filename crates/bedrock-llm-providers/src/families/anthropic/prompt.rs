//! Requests of the old Text Completions API, which Claude 1 and 2 take: one prompt that holds the turns.

use bedrock_llm_schema::wire::Extra;
use bedrock_llm_schema::{ChatRequest, ContentBlock, Message, Role, SystemContentBlock};
use serde::{Deserialize, Serialize};
use serde_json::Number;

use super::NAME;
use super::spelling::Manner;
use crate::families::common::{additional_fields, with_additional_fields};
use crate::families::nulls;
use crate::families::settings::Settings;
use crate::json::Lowering;
use crate::{CodecError, Decoded, EncodeOptions, Encoded};

const NAMES: [&str; 3] = ["max_tokens_to_sample", "temperature", "top_p"];
const LABELS: [(&str, Role); 2] = [("Human:", Role::User), ("Assistant:", Role::Assistant)];

#[serde_with::skip_serializing_none]
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct PromptRequest {
    prompt: String,
    max_tokens_to_sample: Option<Number>,
    temperature: Option<Number>,
    top_p: Option<Number>,
    stop_sequences: Option<Vec<String>>,
    #[serde(flatten)]
    extra: Extra,
}

/// A prompt cut at its labels.
struct Turns<'a> {
    /// What stands before the first label.
    system: &'a str,
    /// Each turn with the label before it, white space included: `"\n\nHuman: "`.
    turns: Vec<(&'a str, Role, &'a str)>,
}

pub(super) fn decode(body: &[u8]) -> Result<Decoded, CodecError> {
    let (body, nulls) = nulls::read::<PromptRequest>(NAME, "request", body)?;
    let Turns { system, turns } = cut(&body.prompt);
    let mut manner = Manner { nulls, ..Manner::default() };
    let mut request = ChatRequest::default();
    // the prompt must end with the model's turn: a bare label is the cue to begin it
    let is_chat = turns.first().is_some_and(|(_, role, _)| *role == Role::User)
        && turns.last().is_some_and(|(_, role, _)| *role == Role::Assistant);
    if is_chat {
        manner.prompt = Some(turns.iter().map(|(label, ..)| (*label).to_owned()).collect());
        request.system = (!system.is_empty()).then(|| vec![system.into()]);
        let cue = turns.len() - 1;
        let said = turns.iter().enumerate().filter(|(index, (_, _, text))| *index != cue || !text.is_empty());
        request.messages = said.map(|(_, (_, role, text))| Message::new(role.clone(), [*text])).collect();
    } else {
        manner.prompt = Some(Vec::new());
        request.messages = vec![Message::user(body.prompt.as_str())];
    }
    if body.max_tokens_to_sample.is_none() {
        manner.absent.insert("max_tokens".to_owned());
    }
    let mut fields = body.extra;
    let settings = Settings {
        max_tokens: body.max_tokens_to_sample,
        temperature: body.temperature,
        top_p: body.top_p,
        stop_sequences: body.stop_sequences,
    };
    request.inference_config = settings.raise(NAMES, &mut fields);
    request.additional_model_request_fields = additional_fields(fields);
    Ok(Decoded { request, spelling: manner.into_spelling(), is_chat })
}

pub(super) fn encode(
    request: &ChatRequest,
    labels: &[String],
    options: &EncodeOptions,
    manner: &Manner,
) -> Result<Encoded, CodecError> {
    let mut lowering = Lowering::new(NAME, options);
    let settings = Settings::lower(request, &mut lowering)?;
    lowering.refuse(request.tool_config.as_ref(), "toolConfig")?;
    lowering.refuse(request.output_config.as_ref(), "outputConfig")?;
    let body = PromptRequest {
        prompt: prompt(request, labels, &mut lowering)?,
        max_tokens_to_sample: settings.max_tokens,
        temperature: settings.temperature,
        top_p: settings.top_p,
        stop_sequences: settings.stop_sequences,
        extra: Extra::new(),
    };
    let mut body = with_additional_fields(NAME, &body, request)?;
    manner.limit(&body, NAMES[0])?;
    nulls::put_back(&mut body, &manner.nulls);
    lowering.finish(&body)
}

fn prompt(request: &ChatRequest, labels: &[String], lowering: &mut Lowering) -> Result<String, CodecError> {
    let mut prompt = String::new();
    for (index, block) in request.system.iter().flatten().enumerate() {
        match block {
            SystemContentBlock::Text(text) => prompt.push_str(text),
            other => lowering.unsupported(format!("system[{index}].{}", other.tag()), other.tag())?,
        }
    }
    let mut labels = labels.iter();
    let mut label = |role: &Role, cue: bool| {
        let (usual, _) = LABELS.iter().find(|(_, of)| of == role).unwrap_or(&LABELS[0]);
        match labels.next() {
            Some(label) if label.contains(usual) => label.clone(),
            _ if cue => format!("\n\n{usual}"),
            _ => format!("\n\n{usual} "),
        }
    };
    for (index, message) in request.messages.iter().enumerate() {
        if !matches!(message.role, Role::User | Role::Assistant) {
            lowering.unsupported(format!("messages[{index}].role"), message.role.as_str())?;
            continue;
        }
        prompt.push_str(&label(&message.role, false));
        for (place, block) in message.content.iter().enumerate() {
            match block {
                ContentBlock::Text(text) => prompt.push_str(text),
                other => {
                    let path = format!("messages[{index}].content[{place}].{}", other.tag());
                    lowering.unsupported(path, other.tag())?;
                }
            }
        }
    }
    if request.messages.last().is_none_or(|message| message.role != Role::Assistant) {
        prompt.push_str(&label(&Role::Assistant, true));
    }
    Ok(prompt)
}

/// Cuts a prompt before every label that begins a paragraph. White space around a label belongs to it.
fn cut(prompt: &str) -> Turns<'_> {
    let mut starts: Vec<(usize, usize, Role)> = Vec::new();
    for (label, role) in LABELS {
        for (found, _) in prompt.match_indices(label) {
            let before = prompt.get(..found).unwrap_or_default();
            let start = before.trim_end().len();
            if start == 0 || before.get(start..).is_some_and(|space| space.contains("\n\n")) {
                starts.push((start, found + label.len(), role.clone()));
            }
        }
    }
    starts.sort_by_key(|(start, ..)| *start);
    let system = prompt.get(..starts.first().map_or(prompt.len(), |(start, ..)| *start)).unwrap_or_default();
    let ends = starts.iter().skip(1).map(|(start, ..)| *start).chain([prompt.len()]);
    let turn = |((start, label_end, role), end): (&(usize, usize, Role), usize)| {
        let text_start = label_end + space(prompt.get(*label_end..end).unwrap_or_default());
        Some((prompt.get(*start..text_start)?, role.clone(), prompt.get(text_start..end)?))
    };
    Turns { system, turns: starts.iter().zip(ends).filter_map(turn).collect() }
}

/// How many bytes of white space a text begins with.
fn space(text: &str) -> usize {
    text.len() - text.trim_start().len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn round_trip(prompt: &str) -> Decoded {
        let body = json!({"prompt": prompt, "max_tokens_to_sample": 50, "top_k": null}).to_string();
        let decoded = decode(body.as_bytes()).unwrap();
        let manner = Manner::of(Some(&decoded.spelling));
        let labels = manner.prompt.clone().unwrap();
        let again = encode(&decoded.request, &labels, &EncodeOptions::default(), &manner).unwrap();
        if decoded.is_chat {
            assert_eq!(
                serde_json::from_slice::<Value>(&again.body).unwrap(),
                serde_json::from_str::<Value>(&body).unwrap()
            );
        }
        decoded
    }

    #[test]
    fn prompts_round_trip_in_any_spacing() {
        for prompt in [
            "\n\nHuman: Hi\n\nAssistant:",
            "\n\nHuman:Hi\n\nAssistant:",
            "Human: Hi\n\nAssistant: Sure,",
            "Be brief.\n\nHuman: Hi \n\n\nAssistant: Hello!\n\nHuman: Bye\n\nAssistant:\n",
            "\n\nHuman: \n\nAssistant:",
        ] {
            assert!(round_trip(prompt).is_chat, "{prompt:?}");
        }
        let decoded = round_trip("Be brief.\n\nHuman: Hi\n\nAssistant: Sure,");
        assert_eq!(decoded.request.system_text().as_deref(), Some("Be brief."));
        assert_eq!(decoded.request.messages, [Message::user("Hi"), Message::assistant("Sure,")]);
        for bare in ["Hi", "", "\n\nHuman: Hi", "\n\nAssistant: Hi"] {
            let decoded = round_trip(bare);
            assert!(!decoded.is_chat, "{bare:?}");
            assert_eq!(decoded.request.messages, [Message::user(bare)]);
        }
    }

    #[test]
    fn a_prompt_has_no_tools() {
        let request = ChatRequest::new("anthropic.claude-v2")
            .message("a")
            .message(Message::user(ContentBlock::cache_point()));
        let encode =
            |request: &ChatRequest| encode(request, &[], &EncodeOptions::default(), &Manner::default());
        assert!(matches!(encode(&ChatRequest::new("m").message("a")), Err(CodecError::Missing { .. })));
        let error = encode(&request.max_tokens(1)).unwrap_err().to_string();
        assert!(error.contains("messages[1].content[0].cachePoint"), "{error}");
    }
}
