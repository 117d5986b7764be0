//! The request bodies: `prompt`, and chat.

use bedrock_llm_schema::content::SystemContentBlock;
use bedrock_llm_schema::content::tool::{Tool, ToolChoice, ToolConfig, ToolInputSchema};
use bedrock_llm_schema::wire::Extra;
use bedrock_llm_schema::{ChatRequest, ContentBlock, InferenceConfig, Message, ModelId, Role, ToolSpec};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::message::{self, ChatMessage, Content};
use super::{FAMILY, FORM};
use crate::families::common::setting::{Setting, Take, known, present, read_with_serde};
use crate::families::common::spelling::{self, Rules};
use crate::families::common::template::{self, Mark, Script, Turn, joined};
use crate::families::common::{
    additional_fields, from_value, inference, lift_inference, refuse_members, refuse_unplaced,
    with_additional_fields,
};
use crate::json::Lowering;
use crate::{CodecError, Decoded, EncodeOptions, Encoded, Spelling};

/// The body of the instruct models.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Prompt {
    prompt: String,
    #[serde(flatten)]
    settings: Settings,
}

/// The body of a chat.
#[serde_with::skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Chat {
    messages: Vec<ChatMessage>,
    #[serde(default, deserialize_with = "present")]
    tools: Option<Setting<Vec<FunctionTool>>>,
    #[serde(default, deserialize_with = "present")]
    tool_choice: Option<Setting<String>>,
    #[serde(flatten)]
    settings: Settings,
}

/// What both forms have.
#[serde_with::skip_serializing_none]
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Settings {
    #[serde(default, deserialize_with = "present")]
    max_tokens: Option<Setting<u32>>,
    #[serde(default, deserialize_with = "present")]
    stop: Option<Setting<Vec<String>>>,
    #[serde(default, deserialize_with = "present")]
    temperature: Option<Setting<f64>>,
    #[serde(default, deserialize_with = "present")]
    top_p: Option<Setting<f64>>,
    #[serde(flatten)]
    extra: Extra,
}

/// A tool that the caller runs.
#[serde_with::skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct FunctionTool {
    r#type: Option<String>,
    function: FunctionSpec,
}

#[serde_with::skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct FunctionSpec {
    name: String,
    description: Option<String>,
    parameters: Option<Value>,
    strict: Option<bool>,
    #[serde(flatten)]
    extra: Extra,
}

read_with_serde!(FunctionTool);

const MARKS: &[(&str, Mark)] = &[
    ("<s>", Mark::Closes),
    ("</s>", Mark::Closes),
    ("[INST]", Mark::Opens(Role::User)),
    ("[/INST]", Mark::Opens(Role::Assistant)),
];

const RULES: Rules = Rules { aliases: &[], constants: &[("type", "function")], same: message::same };

/// Models that take a `prompt`. Mistral Large 2402 takes both forms.
fn takes_prompt(model: &ModelId) -> bool {
    let base = model.base().unwrap_or_default();
    ["mistral-7b", "mixtral", "mistral-large-2402", "mistral-small-2402"]
        .iter()
        .any(|name| base.contains(name))
}

pub(super) fn encode(request: &ChatRequest, options: &EncodeOptions) -> Result<Encoded, CodecError> {
    let mut lowering = Lowering::new(FAMILY, options);
    let spelling = options.spelling.as_ref();
    let chat = match spelling {
        Some(spelling) if spelling.0.contains_key(FORM) => super::is_chat(spelling),
        _ => {
            !takes_prompt(&request.model)
                || (request.tool_config.is_some()
                    && request.model.base().is_some_and(|base| base.contains("mistral-large-2402")))
        }
    };
    let mut body = if chat {
        lower_chat(request, &mut lowering)?
    } else {
        lower_prompt(request, spelling, &mut lowering)?
    };
    spelling::apply(&mut body, spelling);
    lowering.finish(&body)
}

fn lower_settings(request: &ChatRequest, lowering: &mut Lowering) -> Result<Settings, CodecError> {
    refuse_unplaced(request, lowering)?;
    let config = inference(request, lowering)?;
    Ok(Settings {
        max_tokens: known(config.max_tokens),
        stop: known(config.stop_sequences),
        temperature: known(config.temperature),
        top_p: known(config.top_p),
        extra: Extra::new(),
    })
}

fn lower_prompt(
    request: &ChatRequest,
    spelling: Option<&Spelling>,
    lowering: &mut Lowering,
) -> Result<Value, CodecError> {
    let settings = lower_settings(request, lowering)?;
    lowering.refuse(request.tool_config.as_ref(), "toolConfig")?;
    let turns = template::turns(FAMILY, request, lowering, |_| None)?;
    let prompt = template::write_spelled(&turns, spelling).unwrap_or_else(|| instruct(&turns));
    with_additional_fields(FAMILY, &Prompt { prompt, settings }, request)
}

/// `<s>[INST] … [/INST] …</s>[INST] … [/INST]`. The template has no system prompt; Mistral AI's own tokeniser
/// puts it before the user's turn, and so do we.
fn instruct(turns: &[Turn]) -> String {
    let mut turns = turns.to_vec();
    for turn in &mut turns {
        if turn.role == Role::System {
            turn.role = Role::User;
        }
    }
    let turns = joined(&turns);
    let mut prompt = "<s>".to_owned();
    for (place, Turn { role, text }) in turns.iter().enumerate() {
        prompt.push_str(&match role {
            Role::Assistant if place + 1 == turns.len() => format!(" {text}"),
            Role::Assistant => format!(" {text}</s>"),
            _ => format!("[INST] {text} [/INST]"),
        });
    }
    prompt
}

fn lower_chat(request: &ChatRequest, lowering: &mut Lowering) -> Result<Value, CodecError> {
    let settings = lower_settings(request, lowering)?;
    let mut messages = Vec::new();
    for (index, block) in request.system.iter().flatten().enumerate() {
        match block {
            SystemContentBlock::Text(text) => messages.push(ChatMessage {
                role: Some("system".to_owned()),
                content: Some(Content::Text(text.clone())),
                ..ChatMessage::default()
            }),
            other => lowering.unsupported(format!("system[{index}].{}", other.tag()), other.tag())?,
        }
    }
    for (index, message) in request.messages.iter().enumerate() {
        message::lower(message, &format!("messages[{index}]"), lowering, &mut messages)?;
    }
    let (tools, tool_choice) = match &request.tool_config {
        None => (None, None),
        Some(config) => (Some(lower_tools(config, lowering)?), lower_choice(config, lowering)?),
    };
    let body = Chat { messages, tools: known(tools), tool_choice: known(tool_choice), settings };
    with_additional_fields(FAMILY, &body, request)
}

fn lower_tools(config: &ToolConfig, lowering: &mut Lowering) -> Result<Vec<FunctionTool>, CodecError> {
    refuse_members(&config.extra, "toolConfig.", lowering)?;
    let mut tools = Vec::new();
    for (index, tool) in config.tools.iter().enumerate() {
        match tool {
            Tool::ToolSpec(spec) => {
                let function = FunctionSpec {
                    name: spec.name.clone(),
                    description: spec.description.clone(),
                    parameters: Some(spec.schema().clone()).filter(|schema| !schema.is_null()),
                    strict: spec.strict,
                    extra: spec.extra.clone(),
                };
                tools.push(FunctionTool { r#type: Some("function".to_owned()), function });
            }
            other => {
                lowering.unsupported(format!("toolConfig.tools[{index}].{}", other.tag()), other.tag())?;
            }
        }
    }
    Ok(tools)
}

fn lower_choice(config: &ToolConfig, lowering: &mut Lowering) -> Result<Option<String>, CodecError> {
    Ok(match &config.tool_choice {
        None => None,
        Some(ToolChoice::Auto(_)) => Some("auto".to_owned()),
        Some(ToolChoice::Any(_)) => Some("any".to_owned()),
        Some(other) => {
            lowering
                .unsupported(format!("toolConfig.toolChoice.{}", other.tag()), "the choice of one tool")?;
            None
        }
    })
}

pub(super) fn decode(body: Value) -> Result<Decoded, CodecError> {
    let mut spelling = Spelling::default();
    if body.get("messages").is_none() {
        spelling.0.insert(FORM.to_owned(), "prompt".into());
        return Ok(lift_prompt(from_value(FAMILY, "request", body)?, spelling));
    }
    spelling.0.insert(FORM.to_owned(), "chat".into());
    let request = lift_chat(from_value(FAMILY, "request", body.clone())?);
    if let Ok(usual) = lower_chat(&request, &mut Lowering::new(FAMILY, &EncodeOptions::default())) {
        spelling::learn(&usual, &body, &RULES, &mut spelling);
    }
    Ok(Decoded { request, spelling, is_chat: true })
}

fn lift_settings(settings: Settings) -> (Option<InferenceConfig>, Extra) {
    let mut rest = settings.extra;
    let config = InferenceConfig {
        max_tokens: settings.max_tokens.take("max_tokens", &mut rest),
        temperature: settings.temperature.take("temperature", &mut rest),
        top_p: settings.top_p.take("top_p", &mut rest),
        stop_sequences: settings.stop.take("stop", &mut rest),
        extra: Extra::new(),
    };
    (lift_inference(config), rest)
}

fn lift_prompt(body: Prompt, mut spelling: Spelling) -> Decoded {
    let (inference_config, rest) = lift_settings(body.settings);
    let script = template::parse(&body.prompt, MARKS, false);
    let is_chat = script.is_some();
    let script = script.unwrap_or_else(|| Script::bare(body.prompt));
    script.spell(&mut spelling);
    let mut request = script.into_request(template::text_block);
    request.inference_config = inference_config;
    request.additional_model_request_fields = additional_fields(rest);
    Decoded { request, spelling, is_chat }
}

fn lift_chat(body: Chat) -> ChatRequest {
    let mut request = ChatRequest::default();
    let (inference_config, mut rest) = lift_settings(body.settings);
    let mut last_was_tool = false;
    for message in body.messages {
        let is_tool = message.role.as_deref() == Some("tool");
        let role = Role::from(message.role.as_deref().unwrap_or_default());
        if is_tool {
            let block = ContentBlock::ToolResult(message.into_tool_result());
            match request.messages.last_mut().filter(|_| last_was_tool) {
                Some(last) => last.content.push(block),
                None => request.messages.push(Message::user(block)),
            }
        } else {
            let message = message.into_message(role);
            match (&message.role, message.content.as_slice()) {
                (Role::System, [ContentBlock::Text(text)])
                    if request.messages.is_empty() && message.extra.is_empty() =>
                {
                    request = request.system(text.as_str());
                }
                _ => request.messages.push(message),
            }
        }
        last_was_tool = is_tool;
    }
    let choice = match &body.tool_choice {
        Some(Setting::Known(choice)) if choice == "auto" => Some(ToolChoice::auto()),
        Some(Setting::Known(choice)) if choice == "any" => Some(ToolChoice::any()),
        _ => None,
    };
    let tools = body.tools.take("tools", &mut rest);
    if choice.is_none() || tools.is_none() {
        let choice = body.tool_choice.and_then(|choice| serde_json::to_value(choice).ok());
        rest.extend(choice.map(|choice| ("tool_choice".to_owned(), choice)));
    }
    request.tool_config = tools.map(|tools| ToolConfig {
        tools: tools.into_iter().map(|tool| Tool::ToolSpec(lift_tool(tool))).collect(),
        tool_choice: choice,
        extra: Extra::new(),
    });
    request.inference_config = inference_config;
    request.additional_model_request_fields = additional_fields(rest);
    request
}

fn lift_tool(tool: FunctionTool) -> ToolSpec {
    let FunctionSpec { name, description, parameters, strict, extra } = tool.function;
    ToolSpec {
        name,
        description,
        input_schema: ToolInputSchema::Json(parameters.unwrap_or_default()),
        strict,
        extra,
    }
}
