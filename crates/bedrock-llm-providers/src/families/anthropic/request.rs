//! Requests of the Messages API.

use bedrock_llm_schema::content::tool::{SpecificToolChoice, ToolInputSchema};
use bedrock_llm_schema::request::{
    JsonSchemaDefinition, OutputConfig, OutputFormat, OutputFormatStructure, OutputFormatType,
};
use bedrock_llm_schema::wire::Extra;
use bedrock_llm_schema::{
    ChatRequest, ContentBlock, Message, Role, SystemContentBlock, Tool, ToolChoice, ToolConfig, ToolSpec,
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::spelling::Manner;
use super::wire::{Block, CacheControl, Content, Request, Turn};
use super::{NAME, lower, raise};
use crate::families::common::{additional_fields, with_additional_fields};
use crate::families::nulls;
use crate::families::settings::Settings;
use crate::json::Lowering;
use crate::{CodecError, Decoded, EncodeOptions, Encoded};

/// The only version of the API that Bedrock has.
const VERSION: &str = "bedrock-2023-05-31";
const NAMES: [&str; 3] = ["max_tokens", "temperature", "top_p"];

#[derive(Deserialize)]
struct NativeTool {
    name: String,
    description: Option<String>,
    input_schema: Value,
    strict: Option<bool>,
    cache_control: Option<CacheControl>,
    #[serde(flatten)]
    extra: Extra,
}

pub(super) fn encode(
    request: &ChatRequest,
    options: &EncodeOptions,
    manner: &Manner,
) -> Result<Encoded, CodecError> {
    let mut lowering = Lowering::new(NAME, options);
    let settings = Settings::lower(request, &mut lowering)?;
    let mut messages = Vec::with_capacity(request.messages.len());
    for (index, message) in request.messages.iter().enumerate() {
        let in_message = |place: &String| place.strip_prefix(&format!("{index}."))?.parse().ok();
        let as_text = manner.text.iter().filter_map(in_message).collect();
        let blocks =
            lower::blocks(&message.content, &format!("messages[{index}].content"), &as_text, &mut lowering)?;
        let content = Content::new(blocks, manner.text.contains(&index.to_string()));
        messages.push(Turn { role: message.role.as_str().to_owned(), content, extra: message.extra.clone() });
    }
    let system = match &request.system {
        None => None,
        Some(system) => {
            Some(Content::new(lower::system(system, &mut lowering)?, manner.text.contains("system")))
        }
    };
    let (tools, tool_choice) = match &request.tool_config {
        None => (None, None),
        Some(config) => lower_tools(config, &mut lowering)?,
    };
    let body = Request {
        anthropic_version: (!manner.absent.contains("anthropic_version")).then(|| VERSION.to_owned()),
        max_tokens: settings.max_tokens,
        // an empty list is no system prompt; a client that writes it natively gets it back
        system: system.filter(|system| *system != Content::Blocks(Vec::new()) || manner.text.contains("[]")),
        messages,
        temperature: settings.temperature,
        top_p: settings.top_p,
        stop_sequences: settings.stop_sequences,
        tools,
        tool_choice,
        output_config: request
            .output_config
            .as_ref()
            .map(|config| lower_output(config, &mut lowering))
            .transpose()?,
        extra: Extra::new(),
    };
    let mut body = with_additional_fields(NAME, &body, request)?;
    manner.limit(&body, "max_tokens")?;
    nulls::put_back(&mut body, &manner.nulls);
    lowering.finish(&body)
}

pub(super) fn decode(body: &[u8]) -> Result<Decoded, CodecError> {
    let (body, nulls) = nulls::read::<Request>(NAME, "request", body)?;
    let mut manner = Manner { nulls, ..Manner::default() };
    let mut fields = body.extra;
    match body.anthropic_version.as_deref() {
        None => drop(manner.absent.insert("anthropic_version".to_owned())),
        Some(VERSION) => {}
        Some(other) => drop(fields.insert("anthropic_version".to_owned(), other.into())),
    }
    if body.max_tokens.is_none() {
        manner.absent.insert("max_tokens".to_owned());
    }
    let mut request = ChatRequest::default();
    for (index, turn) in body.messages.into_iter().enumerate() {
        let (blocks, as_text) = turn.content.into_blocks();
        if as_text {
            manner.text.insert(index.to_string());
        }
        let mut content = Vec::with_capacity(blocks.len());
        for (place, mut block) in blocks.into_iter().enumerate() {
            let cache = block.cache_control().and_then(Option::take);
            let (block, as_text) = raise::request_block(block);
            if as_text {
                manner.text.insert(format!("{index}.{place}"));
            }
            content.push(block);
            content.extend(cache.map(|control| ContentBlock::CachePoint(raise::cache_point(control))));
        }
        request.messages.push(Message { role: Role::from(turn.role.as_str()), content, extra: turn.extra });
    }
    if let Some(system) = body.system {
        let (blocks, as_text) = system.into_blocks();
        if as_text || blocks.is_empty() {
            manner.text.insert(if as_text { "system" } else { "[]" }.to_owned());
        }
        request.system = Some(raise_system(blocks));
    }
    let settings = Settings {
        max_tokens: body.max_tokens,
        temperature: body.temperature,
        top_p: body.top_p,
        stop_sequences: body.stop_sequences,
    };
    request.inference_config = settings.raise(NAMES, &mut fields);
    request.tool_config = raise_tools(body.tools, body.tool_choice, &mut fields);
    if let Some(native) = body.output_config {
        request.output_config = raise_output(&native);
        if request.output_config.is_none() {
            fields.insert("output_config".to_owned(), native);
        }
    }
    request.additional_model_request_fields = additional_fields(fields);
    Ok(Decoded { request, spelling: manner.into_spelling(), is_chat: true })
}

fn raise_system(blocks: Vec<Block>) -> Vec<SystemContentBlock> {
    let mut system = Vec::with_capacity(blocks.len());
    for mut block in blocks {
        let cache = block.cache_control().and_then(Option::take);
        system.push(raise::system_block(block));
        system.extend(cache.map(|control| SystemContentBlock::CachePoint(raise::cache_point(control))));
    }
    system
}

type NativeTools = (Option<Vec<Extra>>, Option<Value>);

fn lower_tools(config: &ToolConfig, lowering: &mut Lowering) -> Result<NativeTools, CodecError> {
    let mut tools: Vec<Extra> = Vec::with_capacity(config.tools.len());
    for name in config.extra.keys() {
        lowering.unsupported(format!("toolConfig.{name}"), name)?;
    }
    for (index, tool) in config.tools.iter().enumerate() {
        let path = format!("toolConfig.tools[{index}]");
        match tool {
            Tool::ToolSpec(spec) => match &spec.input_schema {
                ToolInputSchema::Json(_) => tools.push(native_tool(spec)),
                other => lowering.unsupported(format!("{path}.toolSpec.inputSchema"), other.tag())?,
            },
            Tool::CachePoint(point) => match tools.last_mut() {
                Some(tool) if !tool.contains_key("cache_control") => {
                    let control = nulls::to_value(NAME, "request", &lower::cache_control(point))?;
                    tool.insert("cache_control".to_owned(), control);
                }
                _ => lowering.unsupported(format!("{path}.cachePoint"), "a cache point here")?,
            },
            Tool::Unknown(raw) if lower::is_native(raw) => tools.push(raw.clone()),
            other => lowering.unsupported(format!("{path}.{}", other.tag()), other.tag())?,
        }
    }
    let choice = match &config.tool_choice {
        None => None,
        Some(choice) => match lower_choice(choice) {
            None => {
                lowering.unsupported("toolConfig.toolChoice", choice.tag())?;
                None
            }
            native => native,
        },
    };
    Ok(((!tools.is_empty()).then_some(tools), choice))
}

fn native_tool(spec: &ToolSpec) -> Extra {
    let mut tool = Extra::from_iter([("name".to_owned(), Value::from(spec.name.as_str()))]);
    tool.extend(spec.description.as_ref().map(|text| ("description".to_owned(), text.as_str().into())));
    tool.insert("input_schema".to_owned(), spec.schema().clone());
    tool.extend(spec.strict.map(|strict| ("strict".to_owned(), strict.into())));
    tool.extend(spec.extra.clone());
    tool
}

fn lower_choice(choice: &ToolChoice) -> Option<Value> {
    let (kind, name, extra) = match choice {
        ToolChoice::Auto(choice) => ("auto", None, choice.extra.clone()),
        ToolChoice::Any(choice) => ("any", None, choice.extra.clone()),
        ToolChoice::Tool(choice) => ("tool", Some(choice.name.clone()), choice.extra.clone()),
        ToolChoice::Unknown(raw) if lower::is_native(raw) => return Some(Value::Object(raw.clone())),
        ToolChoice::Unknown(_) => return None,
        _ => return None,
    };
    let mut native = Extra::from_iter([("type".to_owned(), Value::from(kind))]);
    native.extend(name.map(|name| ("name".to_owned(), name.into())));
    native.extend(extra);
    Some(Value::Object(native))
}

fn raise_tools(tools: Option<Vec<Extra>>, choice: Option<Value>, fields: &mut Extra) -> Option<ToolConfig> {
    let mut config = ToolConfig::default();
    match tools {
        None => {}
        // Converse has no empty list of tools
        Some(tools) if tools.is_empty() => drop(fields.insert("tools".to_owned(), json!([]))),
        Some(tools) => tools.into_iter().for_each(|tool| raise_tool(tool, &mut config.tools)),
    }
    if let Some(native) = choice {
        config.tool_choice =
            raise_choice(&native).filter(|choice| lower_choice(choice).as_ref() == Some(&native));
        if config.tool_choice.is_none() {
            fields.insert("tool_choice".to_owned(), native);
        }
    }
    (config != ToolConfig::default()).then_some(config)
}

fn raise_choice(native: &Value) -> Option<ToolChoice> {
    let mut extra = native.as_object()?.clone();
    match extra.shift_remove("type")?.as_str()? {
        "auto" => Some(ToolChoice::Auto(bedrock_llm_schema::content::tool::Empty { extra })),
        "any" => Some(ToolChoice::Any(bedrock_llm_schema::content::tool::Empty { extra })),
        "tool" => {
            let name = extra.shift_remove("name")?.as_str()?.to_owned();
            Some(ToolChoice::Tool(SpecificToolChoice { name, extra }))
        }
        // `none` among them
        _ => Some(ToolChoice::Unknown(native.as_object()?.clone())),
    }
}

/// Tools with a schema are the caller's; those of Anthropic's own (`computer_…`, `bash_…`) are kept raw.
fn raise_tool(tool: Extra, tools: &mut Vec<Tool>) {
    let is_custom = tool.get("type").is_none_or(|kind| kind == "custom");
    match NativeTool::deserialize(Value::Object(tool.clone())) {
        Ok(native) if is_custom => {
            let NativeTool { name, description, input_schema, strict, cache_control, extra } = native;
            tools.push(Tool::ToolSpec(ToolSpec {
                name,
                description,
                input_schema: ToolInputSchema::Json(input_schema),
                strict,
                extra,
            }));
            tools.extend(cache_control.map(|control| Tool::CachePoint(raise::cache_point(control))));
        }
        _ => tools.push(Tool::Unknown(tool)),
    }
}

/// The schema's name and description, which the native form has no members for, become its own `title` and
/// `description`.
fn lower_output(config: &OutputConfig, lowering: &mut Lowering) -> Result<Value, CodecError> {
    let mut native = Extra::new();
    native.extend(config.effort.clone().map(|effort| ("effort".to_owned(), effort.into())));
    if let Some(format) = &config.text_format {
        match (&format.r#type, &format.structure) {
            (OutputFormatType::JsonSchema, OutputFormatStructure::JsonSchema(definition)) => {
                let path = "outputConfig.textFormat.structure.jsonSchema.schema";
                let mut schema: Value = serde_json::from_str(&definition.schema)
                    .map_err(|error| nulls::malformed(NAME, "request", path, error))?;
                if let Value::Object(schema) = &mut schema {
                    for (name, text) in
                        [("title", &definition.name), ("description", &definition.description)]
                    {
                        if let Some(text) = text {
                            schema.entry(name).or_insert_with(|| text.as_str().into());
                        }
                    }
                }
                native.insert("format".to_owned(), json!({"type": "json_schema", "schema": schema}));
            }
            _ => lowering.unsupported("outputConfig.textFormat", format.r#type.as_str())?,
        }
    }
    for name in config.extra.keys() {
        lowering.unsupported(format!("outputConfig.{name}"), name)?;
    }
    Ok(Value::Object(native))
}

/// Only a native form that Converse says all of.
fn raise_output(native: &Value) -> Option<OutputConfig> {
    let effort = native.get("effort").and_then(Value::as_str).map(str::to_owned);
    let text_format = native.pointer("/format/schema").map(|schema| OutputFormat {
        r#type: OutputFormatType::JsonSchema,
        structure: OutputFormatStructure::JsonSchema(JsonSchemaDefinition {
            schema: schema.to_string(),
            ..Default::default()
        }),
        extra: Extra::new(),
    });
    let config = OutputConfig { text_format, effort, extra: Extra::new() };
    let again = lower_output(&config, &mut Lowering::new(NAME, &EncodeOptions::default())).ok()?;
    (again == *native).then_some(config)
}
