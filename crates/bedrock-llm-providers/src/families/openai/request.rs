//! Requests.

use bedrock_llm_schema::content::tool::{SpecificToolChoice, ToolInputSchema};
use bedrock_llm_schema::request::{
    JsonSchemaDefinition, OutputConfig, OutputFormat, OutputFormatStructure, OutputFormatType,
};
use bedrock_llm_schema::wire::Extra;
use bedrock_llm_schema::{ChatRequest, Message, Tool, ToolChoice, ToolConfig, ToolSpec};
use serde_json::{Number, Value, json};

use super::wire::{Request, Stop};
use super::{Dialect, messages};
use crate::families::common::spelling::{Rules, apply, equal, learn};
use crate::families::common::{additional_fields, refuse_members, with_additional_fields};
use crate::families::settings::Settings;
use crate::families::{bare_prompt, nulls};
use crate::json::{self, Lowering};
use crate::{CodecError, Decoded, EncodeOptions, Encoded, Spelling};
use bedrock_llm_schema::OnUnsupported;

/// The member of a spelling that says the body is a bare prompt.
const PROMPT: &str = "prompt";
const MAX_TOKENS: &str = "max_tokens";
const MAX_COMPLETION_TOKENS: &str = "max_completion_tokens";

const RULES: Rules = Rules {
    aliases: &[(MAX_TOKENS, MAX_COMPLETION_TOKENS), (MAX_COMPLETION_TOKENS, MAX_TOKENS)],
    constants: &[("type", "function")],
    same,
};

fn same(usual: &Value, body: &Value) -> bool {
    match (usual, body) {
        (Value::String(usual), Value::String(body)) => {
            matches!((usual.as_str(), body.as_str()), ("system", "developer") | ("{}", ""))
        }
        // texts for those who take one text only
        (Value::String(usual), Value::Array(parts)) => {
            let text = |part: &Value| {
                let is_text = part.as_object()?.len() == 2 && part.get("type")? == "text";
                part.get("text")?.as_str().filter(|_| is_text).map(str::to_owned)
            };
            let texts: Option<Vec<String>> = parts.iter().map(text).collect();
            texts.is_some_and(|texts| texts.join("\n\n") == *usual)
        }
        // one stop sequence
        (Value::Array(usual), Value::String(_)) => usual.as_slice() == [body.clone()],
        // arguments as JSON in place of its text
        (Value::String(usual), Value::Object(_)) => {
            serde_json::from_str::<Value>(usual).is_ok_and(|usual| equal(&usual, body))
        }
        _ => false,
    }
}

/// Whether a spelling is that of a bare prompt.
pub(super) fn is_prompt(spelling: Option<&Spelling>) -> bool {
    spelling.is_some_and(|spelling| spelling.0.contains_key(PROMPT))
}

pub(super) fn encode(
    request: &ChatRequest,
    dialect: Dialect,
    options: &EncodeOptions,
) -> Result<Encoded, CodecError> {
    let mut lowering = Lowering::new(dialect.name(), options);
    let settings = Settings::lower(request, &mut lowering)?;
    let mut body = Request {
        temperature: settings.temperature,
        top_p: settings.top_p,
        stop: settings.stop_sequences.map(Stop::Many),
        ..Request::default()
    };
    if is_prompt(options.spelling.as_ref()) {
        lowering.refuse(request.tool_config.as_ref(), "toolConfig")?;
        lowering.refuse(request.output_config.as_ref(), "outputConfig")?;
        body.prompt = Some(bare_prompt::lower(dialect.name(), request, &mut lowering)?);
        body.max_tokens = settings.max_tokens;
    } else {
        body.messages = Some(messages::lower(request, dialect, &mut lowering)?);
        if dialect == Dialect::GptOss {
            body.max_completion_tokens = settings.max_tokens;
        } else {
            body.max_tokens = settings.max_tokens;
        }
        if let Some(config) = &request.tool_config {
            lower_tools(config, &mut body, &mut lowering)?;
        }
        if let Some(config) = &request.output_config {
            lower_output(config, dialect, &mut body, &mut lowering)?;
        }
    }
    let mut body = with_additional_fields(dialect.name(), &body, request)?;
    apply(&mut body, options.spelling.as_ref());
    lowering.finish(&body)
}

pub(super) fn decode(body: &[u8], dialect: Dialect) -> Result<Decoded, CodecError> {
    let name = dialect.name();
    let (native, _) = nulls::read::<Request>(name, "request", body)?;
    let mut spelling = Spelling::default();
    let mut request = ChatRequest::default();
    let is_chat = native.messages.is_some();
    let mut fields = native.extra;
    match (native.messages, native.prompt) {
        (Some(turns), prompt) => {
            messages::raise(turns, dialect, &mut request);
            fields.extend(prompt.map(|prompt| (PROMPT.to_owned(), prompt.into())));
        }
        (None, Some(prompt)) => {
            spelling.0.insert(PROMPT.to_owned(), true.into());
            request.messages.push(Message::user(prompt));
        }
        (None, None) => {
            return Err(nulls::malformed(name, "request", "messages", "neither messages nor a prompt"));
        }
    }
    let max_tokens = join(native.max_tokens, native.max_completion_tokens, &mut fields);
    let settings = Settings {
        max_tokens,
        temperature: native.temperature,
        top_p: native.top_p,
        stop_sequences: native.stop.map(|stop| match stop {
            Stop::One(one) => vec![one],
            Stop::Many(many) => many,
        }),
    };
    request.inference_config = settings.raise([MAX_TOKENS, "temperature", "top_p"], &mut fields);
    request.tool_config = raise_tools(native.tools, native.tool_choice, &mut fields);
    request.output_config =
        raise_output(native.response_format, native.reasoning_effort, dialect, &mut fields);
    request.additional_model_request_fields = additional_fields(fields);

    // what has no usual form is no matter of spelling, and shows as a difference
    let options = EncodeOptions::default().on_unsupported(OnUnsupported::Degrade).spelling(spelling.clone());
    let usual = encode(&request, dialect, &options)?.body;
    let (usual, body) = (json::read(name, "request", &usual)?, json::read(name, "request", body)?);
    learn(&usual, &body, &RULES, &mut spelling);
    Ok(Decoded { request, spelling, is_chat })
}

/// Both names of the limit of tokens stand for it; the second one is kept apart where both are there.
fn join(
    max_tokens: Option<Number>,
    max_completion_tokens: Option<Number>,
    fields: &mut Extra,
) -> Option<Number> {
    match (max_tokens, max_completion_tokens) {
        (Some(first), Some(second)) => {
            fields.insert(MAX_TOKENS.to_owned(), first.clone().into());
            fields.insert(MAX_COMPLETION_TOKENS.to_owned(), second.into());
            Some(first)
        }
        (first, second) => first.or(second),
    }
}

fn lower_tools(config: &ToolConfig, body: &mut Request, lowering: &mut Lowering) -> Result<(), CodecError> {
    refuse_members(&config.extra, "toolConfig.", lowering)?;
    let mut tools = Vec::with_capacity(config.tools.len());
    for (index, tool) in config.tools.iter().enumerate() {
        let path = format!("toolConfig.tools[{index}]");
        match tool {
            Tool::ToolSpec(spec) if matches!(spec.input_schema, ToolInputSchema::Json(_)) => {
                tools.push(lower_tool(spec));
            }
            Tool::Unknown(raw) if raw.get("type").is_some_and(Value::is_string) => tools.push(raw.clone()),
            other => lowering.unsupported(format!("{path}.{}", other.tag()), other.tag())?,
        }
    }
    body.tools = (!tools.is_empty()).then_some(tools);
    match &config.tool_choice {
        None => {}
        Some(choice) => match lower_choice(choice) {
            Some(native) => body.tool_choice = Some(native),
            None => lowering.unsupported("toolConfig.toolChoice", choice.tag())?,
        },
    }
    Ok(())
}

fn lower_tool(spec: &ToolSpec) -> Extra {
    let mut function = Extra::from_iter([("name".to_owned(), Value::from(spec.name.as_str()))]);
    function.extend(spec.description.clone().map(|text| ("description".to_owned(), text.into())));
    function.insert("parameters".to_owned(), spec.schema().clone());
    function.extend(spec.strict.map(|strict| ("strict".to_owned(), strict.into())));
    function.extend(spec.extra.clone());
    Extra::from_iter([("type".to_owned(), "function".into()), ("function".to_owned(), function.into())])
}

fn raise_tool(tool: &Extra) -> Option<ToolSpec> {
    let mut function = tool.get("function")?.as_object()?.clone();
    let mut text = |name: &str| match function.shift_remove(name) {
        Some(Value::String(text)) => Some(text),
        _ => None,
    };
    let (name, description) = (text("name")?, text("description"));
    let parameters = function.shift_remove("parameters")?;
    let strict = function.shift_remove("strict").and_then(|strict| strict.as_bool());
    let spec = ToolSpec {
        name,
        description,
        input_schema: ToolInputSchema::Json(parameters),
        strict,
        extra: function,
    };
    let mut whole = tool.clone();
    whole.entry("type").or_insert_with(|| "function".into()); // it may be left out
    (lower_tool(&spec) == whole).then_some(spec)
}

fn lower_choice(choice: &ToolChoice) -> Option<Value> {
    match choice {
        ToolChoice::Auto(choice) if choice.extra.is_empty() => Some("auto".into()),
        ToolChoice::Any(choice) if choice.extra.is_empty() => Some("required".into()),
        ToolChoice::Tool(choice) if choice.extra.is_empty() => {
            Some(json!({"type": "function", "function": {"name": choice.name}}))
        }
        ToolChoice::Unknown(map) if choice.tag() == "none" && map.len() == 1 => Some("none".into()),
        _ => None,
    }
}

fn raise_choice(native: &Value) -> Option<ToolChoice> {
    let choice = match native.as_str() {
        Some("auto") => ToolChoice::auto(),
        Some("required") => ToolChoice::any(),
        Some("none") => ToolChoice::Unknown(Extra::from_iter([("none".to_owned(), json!({}))])),
        Some(_) => return None,
        None => {
            let name = native.pointer("/function/name")?.as_str()?.to_owned();
            ToolChoice::Tool(SpecificToolChoice { name, extra: Extra::new() })
        }
    };
    (lower_choice(&choice).as_ref() == Some(native)).then_some(choice)
}

fn raise_tools(tools: Option<Vec<Extra>>, choice: Option<Value>, fields: &mut Extra) -> Option<ToolConfig> {
    let mut config = ToolConfig::default();
    for tool in tools.into_iter().flatten() {
        config.tools.push(raise_tool(&tool).map_or(Tool::Unknown(tool), Tool::ToolSpec));
    }
    if let Some(native) = choice {
        config.tool_choice = raise_choice(&native);
        if config.tool_choice.is_none() {
            fields.insert("tool_choice".to_owned(), native);
        }
    }
    (config != ToolConfig::default()).then_some(config)
}

fn lower_output(
    config: &OutputConfig,
    dialect: Dialect,
    body: &mut Request,
    lowering: &mut Lowering,
) -> Result<(), CodecError> {
    refuse_members(&config.extra, "outputConfig.", lowering)?;
    if !dialect.has_reasoning() {
        lowering.refuse(config.effort.as_ref(), "outputConfig.effort")?;
        return lowering.refuse(config.text_format.as_ref(), "outputConfig.textFormat");
    }
    body.reasoning_effort = config.effort.clone().map(Value::from);
    let Some(format) = &config.text_format else { return Ok(()) };
    match (&format.r#type, &format.structure) {
        (OutputFormatType::JsonSchema, OutputFormatStructure::JsonSchema(definition)) => {
            let path = "outputConfig.textFormat.structure.jsonSchema.schema";
            let schema: Value = serde_json::from_str(&definition.schema)
                .map_err(|error| nulls::malformed(dialect.name(), "request", path, error))?;
            // the family wants a name
            let mut native =
                json!({"name": definition.name.as_deref().unwrap_or("answer"), "schema": schema});
            if let (Value::Object(native), Some(text)) = (&mut native, &definition.description) {
                native.insert("description".to_owned(), text.as_str().into());
            }
            body.response_format = Some(json!({"type": "json_schema", "json_schema": native}));
            Ok(())
        }
        _ => lowering.unsupported("outputConfig.textFormat", format.r#type.as_str()),
    }
}

/// Only native forms that Converse says all of; others stay among the additional fields.
fn raise_output(
    format: Option<Value>,
    effort: Option<Value>,
    dialect: Dialect,
    fields: &mut Extra,
) -> Option<OutputConfig> {
    let mut config = OutputConfig::default();
    let lowered = |config: &OutputConfig| {
        let mut body = Request::default();
        let mut lowering = Lowering::new(dialect.name(), &EncodeOptions::default());
        lower_output(config, dialect, &mut body, &mut lowering).ok().map(|()| body)
    };
    if let Some(format) = format {
        let member = |name: &str| format.pointer(&format!("/json_schema/{name}"));
        let text = |name: &str| member(name).and_then(Value::as_str).map(str::to_owned);
        let definition = member("schema").map(|schema| JsonSchemaDefinition {
            schema: schema.to_string(),
            name: text("name"),
            description: text("description"),
            extra: Extra::new(),
        });
        config.text_format = definition.map(|definition| OutputFormat {
            r#type: OutputFormatType::JsonSchema,
            structure: OutputFormatStructure::JsonSchema(definition),
            extra: Extra::new(),
        });
        if lowered(&config).and_then(|body| body.response_format).as_ref() != Some(&format) {
            config.text_format = None;
            fields.insert("response_format".to_owned(), format);
        }
    }
    match effort {
        Some(Value::String(effort)) if dialect.has_reasoning() => config.effort = Some(effort),
        Some(effort) => drop(fields.insert("reasoning_effort".to_owned(), effort)),
        None => {}
    }
    (config != OutputConfig::default()).then_some(config)
}
