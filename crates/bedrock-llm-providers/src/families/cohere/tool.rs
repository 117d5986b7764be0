//! Tools: parameters with Python's names of types, calls without ids.

use bedrock_llm_schema::content::tool::{
    Tool, ToolChoice, ToolConfig, ToolInputSchema, ToolResultContentBlock, ToolResultStatus,
};
use bedrock_llm_schema::wire::Extra;
use bedrock_llm_schema::{ToolResultBlock, ToolSpec};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::CodecError;
use crate::families::common::refuse_members;
use crate::families::common::setting::read_with_serde;
use crate::json::Lowering;

/// A tool.
#[serde_with::skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ToolDefinition {
    name: String,
    description: Option<String>,
    parameter_definitions: Option<Map<String, Value>>,
}

/// A tool's parameter.
#[serde_with::skip_serializing_none]
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Parameter {
    description: Option<String>,
    r#type: Option<String>,
    required: Option<bool>,
    #[serde(flatten)]
    extra: Extra,
}

/// A call. Its answer names it by repeating it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Call {
    pub(super) name: String,
    #[serde(default)]
    pub(super) parameters: Value,
    #[serde(flatten)]
    pub(super) extra: Extra,
}

/// What a tool answered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct CallResult {
    pub(super) call: Call,
    pub(super) outputs: Vec<Value>,
    #[serde(flatten)]
    pub(super) extra: Extra,
}

read_with_serde!(ToolDefinition, CallResult);

/// Python's name of a JSON type, and the other way round.
const TYPES: &[(&str, &str)] = &[
    ("str", "string"),
    ("int", "integer"),
    ("float", "number"),
    ("bool", "boolean"),
    ("list", "array"),
    ("dict", "object"),
];

/// The JSON type that a type's name, in any spelling, stands for.
pub(super) fn json_type(name: &str) -> &str {
    let lower = name.split('[').next().unwrap_or(name).to_ascii_lowercase();
    TYPES.iter().find(|(python, json)| lower == *python || lower == *json).map_or(name, |(_, json)| json)
}

pub(super) fn lower_config(
    config: &ToolConfig,
    lowering: &mut Lowering,
) -> Result<Vec<ToolDefinition>, CodecError> {
    refuse_members(&config.extra, "toolConfig.", lowering)?;
    match &config.tool_choice {
        None | Some(ToolChoice::Auto(_)) => {}
        Some(choice) => {
            lowering.unsupported(format!("toolConfig.toolChoice.{}", choice.tag()), "tool choice")?;
        }
    }
    let mut tools = Vec::new();
    for (index, tool) in config.tools.iter().enumerate() {
        let path = format!("toolConfig.tools[{index}].{}", tool.tag());
        match tool {
            Tool::ToolSpec(spec) => tools.push(lower_spec(spec, &path, lowering)?),
            other => lowering.unsupported(path, other.tag())?,
        }
    }
    Ok(tools)
}

fn lower_spec(spec: &ToolSpec, path: &str, lowering: &mut Lowering) -> Result<ToolDefinition, CodecError> {
    lowering.refuse(spec.strict.as_ref().filter(|strict| **strict), &format!("{path}.strict"))?;
    refuse_members(&spec.extra, &format!("{path}."), lowering)?;
    let path = format!("{path}.inputSchema.json");
    let empty = Map::new();
    let schema = spec.schema().as_object().unwrap_or(&empty);
    for name in schema.keys().filter(|name| !SCHEMA_MEMBERS.contains(&name.as_str())) {
        lowering.unsupported(format!("{path}.{name}"), format!("{name} in a tool's schema"))?;
    }
    let required: Vec<&str> = schema
        .get("required")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    let mut parameters = Map::new();
    for (name, property) in schema.get("properties").and_then(Value::as_object).unwrap_or(&empty) {
        let path = format!("{path}.properties.{name}");
        let property = property.as_object().unwrap_or(&empty);
        for member in property
            .keys()
            .filter(|member| !["type", "description", "items", "title"].contains(&member.as_str()))
        {
            lowering.unsupported(format!("{path}.{member}"), format!("{member} in a tool's schema"))?;
        }
        let mut definition = Map::new();
        definition.extend(property.get("description").map(|text| ("description".to_owned(), text.clone())));
        if let Some(kind) = property.get("type").and_then(Value::as_str) {
            definition
                .insert("type".to_owned(), python_type(kind, property.get("items"), &path, lowering)?.into());
        }
        if required.contains(&name.as_str()) {
            definition.insert("required".to_owned(), true.into());
        }
        parameters.insert(name.clone(), definition.into());
    }
    let parameter_definitions = (!parameters.is_empty()).then_some(parameters);
    Ok(ToolDefinition {
        name: spec.name.clone(),
        description: spec.description.clone(),
        parameter_definitions,
    })
}

/// Members of a schema that a tool's definition has, or that say no more than it does.
const SCHEMA_MEMBERS: [&str; 6] =
    ["type", "properties", "required", "additionalProperties", "$schema", "title"];

fn python_type(
    kind: &str,
    items: Option<&Value>,
    path: &str,
    lowering: &mut Lowering,
) -> Result<String, CodecError> {
    let name = |kind: &str| {
        TYPES.iter().find(|(_, json)| *json == kind).map_or(kind, |(python, _)| python).to_owned()
    };
    let Some(items) = items.and_then(Value::as_object) else { return Ok(name(kind)) };
    for member in items.keys().filter(|member| *member != "type") {
        lowering.unsupported(format!("{path}.items.{member}"), format!("{member} in a tool's schema"))?;
    }
    Ok(items
        .get("type")
        .and_then(Value::as_str)
        .map_or_else(|| name(kind), |item| format!("List[{}]", name(item))))
}

/// The tools as specs; `None` where one says what a spec cannot.
pub(super) fn lift_definitions(tools: &[ToolDefinition]) -> Option<ToolConfig> {
    let specs = tools.iter().map(|tool| lift_definition(tool).map(Tool::ToolSpec)).collect::<Option<_>>()?;
    Some(ToolConfig { tools: specs, ..ToolConfig::default() })
}

fn lift_definition(tool: &ToolDefinition) -> Option<ToolSpec> {
    let mut properties = Map::new();
    let mut required = Vec::new();
    for (name, definition) in tool.parameter_definitions.iter().flatten() {
        let parameter =
            Parameter::deserialize(definition).ok().filter(|parameter| parameter.extra.is_empty())?;
        let mut property = Map::new();
        if let Some(kind) = &parameter.r#type {
            property.insert("type".to_owned(), json_type(kind).into());
            // other generics, such as `Optional[str]`, are no lists
            if let Some(item) = kind
                .split_once('[')
                .filter(|(list, _)| list.eq_ignore_ascii_case("list"))
                .and_then(|(_, item)| item.strip_suffix(']'))
                .filter(|item| !item.contains([',', '[']))
            {
                property.insert("items".to_owned(), json!({"type": json_type(item)}));
            }
        }
        property.extend(parameter.description.map(|text| ("description".to_owned(), text.into())));
        if parameter.required == Some(true) {
            required.push(Value::from(name.as_str()));
        }
        properties.insert(name.clone(), property.into());
    }
    let mut schema =
        Map::from_iter([("type".to_owned(), "object".into()), ("properties".to_owned(), properties.into())]);
    if !required.is_empty() {
        schema.insert("required".to_owned(), required.into());
    }
    let input_schema = ToolInputSchema::Json(schema.into());
    let (name, description) = (tool.name.clone(), tool.description.clone());
    Some(ToolSpec { name, description, input_schema, strict: None, extra: Extra::new() })
}

/// The outputs of a tool result: objects, text as `{"text": …}`.
pub(super) fn lower_outputs(
    result: &ToolResultBlock,
    path: &str,
    lowering: &mut Lowering,
) -> Result<Vec<Value>, CodecError> {
    if result.status == Some(ToolResultStatus::Error) {
        lowering.unsupported(format!("{path}.status"), "a tool result's status")?;
    }
    let mut outputs = Vec::new();
    for (place, block) in result.content.iter().enumerate() {
        match block {
            ToolResultContentBlock::Json(value) => outputs.push(value.clone()),
            ToolResultContentBlock::Text(text) => outputs.push(json!({"text": text})),
            ToolResultContentBlock::Unknown(map) => outputs.push(map.clone().into()),
            other => lowering.unsupported(format!("{path}.content[{place}].{}", other.tag()), other.tag())?,
        }
    }
    Ok(outputs)
}
