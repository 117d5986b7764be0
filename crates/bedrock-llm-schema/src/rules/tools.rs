//! Rules about tools and how they are described.

use serde_json::Value;

use super::place;
use super::rule::{RuleReport, Subject};
use crate::model::ModelIdKind;
use crate::model::facts::ToolChoiceKind;
use crate::normalize::tool_pairs::{as_call, as_result};
use crate::{ContentBlock, Operation, Tool, ToolChoice, ToolSpec};

/// A managed prompt brings its tools along, and what the service ran by itself needs none that it is known of.
pub(super) fn config(subject: &Subject<'_>, report: &mut RuleReport<'_>) {
    let request = subject.request;
    if request.tool_config.is_some() || request.model.kind() == ModelIdKind::Prompt {
        return;
    }
    let is_tool = |block: &ContentBlock| as_call(block).is_some() || as_result(block).is_some();
    if let Some((place, _)) = place::blocks(request).find(|(_, block)| is_tool(block)) {
        let message = format!("no tools are given, but {} has a tool call or result", place.path());
        report.add("toolConfig", message, "give the tools that the conversation uses");
    }
}

pub(super) fn present(subject: &Subject<'_>, report: &mut RuleReport<'_>) {
    if subject.request.tool_config.as_ref().is_some_and(|config| config.tools.is_empty()) {
        report.add("toolConfig.tools", "no tools", "add one or leave toolConfig out");
    }
}

pub(super) fn usable(subject: &Subject<'_>, report: &mut RuleReport<'_>) {
    let has_tools = subject.request.tool_config.as_ref().is_some_and(|config| !config.tools.is_empty());
    if has_tools && subject.takes_no_tools() {
        report.add("toolConfig", "the model takes no tools", "leave them out or choose a model that does");
    }
}

fn specs<'a>(subject: &Subject<'a>) -> impl Iterator<Item = (usize, &'a ToolSpec)> + Clone {
    let tools = subject.request.tool_config.as_ref().map_or(&[][..], |config| &config.tools);
    tools.iter().enumerate().filter_map(|(index, tool)| match tool {
        Tool::ToolSpec(spec) => Some((index, spec)),
        _ => None,
    })
}

pub(super) fn names(subject: &Subject<'_>, report: &mut RuleReport<'_>) {
    for (index, spec) in specs(subject) {
        let path = || format!("toolConfig.tools[{index}].toolSpec.name");
        name_form(
            &spec.name,
            path,
            || format!("toolConfig.tools.{}.member.toolSpec.name", index + 1),
            report,
        );
    }
    for (index, name) in place::repeated(specs(subject).map(|(index, spec)| (index, spec.name.as_str()))) {
        let path = format!("toolConfig.tools[{index}].toolSpec.name");
        report.add_saying(path, format!("another tool is named {name}"), "rename one", None);
    }
    for (place, block) in place::blocks(subject.request) {
        if let ContentBlock::ToolUse(call) = block {
            let path = || format!("{}.toolUse.name", place.path());
            name_form(&call.name, path, || format!("{}.toolUse.name", place.member()), report);
        }
    }
    let choice = subject.request.tool_config.as_ref().and_then(|config| config.tool_choice.as_ref());
    if let Some(ToolChoice::Tool(choice)) = choice {
        let path = || "toolConfig.toolChoice.tool.name".to_owned();
        name_form(&choice.name, path, path, report);
    }
}

/// As the API has it for every model. What a model's own alphabet lacks is not refused: Nova takes a tool with a hyphen,
/// and fails when it is to call it, so that [normalising](crate::Normalizer) alone minds that.
fn name_form(
    name: &str,
    path: impl Fn() -> String,
    member: impl Fn() -> String,
    report: &mut RuleReport<'_>,
) {
    const MAX: usize = 64;
    let is_legal = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    let mut add = |message: String, constraint: &str| {
        report.add_constraint(path(), message, "rename it", &member(), constraint);
    };
    if name.is_empty() {
        add("a tool without a name".to_owned(), "have length greater than or equal to 1");
    } else if name.len() > MAX {
        add(format!("{name} is longer than {MAX} characters"), "have length less than or equal to 64");
    } else if let Some(c) = name.chars().find(|c| !is_legal(*c)) {
        add(format!("{name} has {c:?}"), "satisfy regular expression pattern: [a-zA-Z0-9_-]+");
    }
}

pub(super) fn description(subject: &Subject<'_>, report: &mut RuleReport<'_>) {
    for (index, spec) in specs(subject).filter(|(_, spec)| spec.description.as_deref() == Some("")) {
        let (path, member) = (
            format!("toolConfig.tools[{index}].toolSpec.description"),
            format!("toolConfig.tools.{}.member.toolSpec.description", index + 1),
        );
        let message = format!("the description of {} is empty", spec.name);
        let constraint = "have length greater than or equal to 1";
        report.add_constraint(path, message, "say what it does or leave it out", &member, constraint);
    }
}

pub(super) fn schema(subject: &Subject<'_>, report: &mut RuleReport<'_>) {
    for (index, spec) in specs(subject) {
        let crate::content::tool::ToolInputSchema::Json(schema) = &spec.input_schema else { continue };
        let path = || format!("toolConfig.tools[{index}].toolSpec.inputSchema.json");
        let name = &spec.name;
        if schema.get("type").and_then(Value::as_str) != Some("object") {
            let message = format!("the schema of {name} is not of type object");
            report.add_with(
                format!("{}.type", path()),
                message,
                "give the root `\"type\": \"object\"`",
                &[("index", &index.to_string())],
            );
        }
        if schema.get("properties").is_some_and(Value::is_null) {
            let message = format!("the properties of {name} are null");
            report.add_saying(
                format!("{}.properties", path()),
                message,
                "give an object or leave them out",
                None,
            );
        }
        if subject.profile.tools.schema_refs == Some(false) && has_refs(schema) {
            let message = format!("the schema of {name} has references; the model takes none");
            // github.com/lastmile-ai/mcp-agent/pull/126
            let says = (subject.is_nova() && schema.get("$defs").is_some())
                .then(|| malformed(&format!("/toolConfig/tools/{index}/toolSpec/inputSchema/json"), "$defs"));
            report.add_saying(path(), message, "put what they refer to in their place", says);
        }
    }
}

/// How Amazon's models refuse what they do not know (recording 422a9686572d).
pub(super) fn malformed(pointer: &str, key: &str) -> String {
    format!(
        "The model returned the following errors: Malformed input request: #{pointer}: extraneous key [{key}] is not permitted, please reformat your input and try again."
    )
}

fn has_refs(schema: &Value) -> bool {
    match schema {
        Value::Object(members) => members.iter().any(|(name, value)| {
            (name == "$ref" && value.is_string()) || (name == "$defs" && value.is_object()) || has_refs(value)
        }),
        Value::Array(items) => items.iter().any(has_refs),
        _ => false,
    }
}

pub(super) fn strict(subject: &Subject<'_>, report: &mut RuleReport<'_>) {
    if subject.takes_no_tools() || subject.profile.tools.strict != Some(false) {
        return;
    }
    for (index, spec) in specs(subject).filter(|(_, spec)| spec.strict == Some(true)) {
        let path = format!("toolConfig.tools[{index}].toolSpec.strict");
        report.add(
            path,
            format!("{} is strict; the model takes no strict tools", spec.name),
            "leave `strict` out",
        );
    }
}

pub(super) fn choice(subject: &Subject<'_>, report: &mut RuleReport<'_>) {
    let Some(config) = subject.request.tool_config.as_ref().filter(|_| !subject.takes_no_tools()) else {
        return;
    };
    let (kind, name) = match &config.tool_choice {
        Some(ToolChoice::Auto(_)) => (ToolChoiceKind::Auto, None),
        Some(ToolChoice::Any(_)) => (ToolChoiceKind::Any, None),
        Some(ToolChoice::Tool(choice)) => (ToolChoiceKind::Tool, Some(choice.name.as_str())),
        _ => return,
    };
    let is_taken = match &subject.profile.tools.choice {
        Some(taken) => taken.contains(&kind),
        None => kind == ToolChoiceKind::Auto || subject.profile.features.tool_choice != Some(false),
    };
    let form = config.tool_choice.as_ref().map_or("", ToolChoice::tag);
    if !is_taken {
        let (path, message) =
            (format!("toolConfig.toolChoice.{form}"), format!("the model takes no toolChoice of {form}"));
        report.add_with(path, message, "leave it out", &[("form", form)]);
    }
    let is_given = |wanted: &str| {
        config.tools.iter().any(|tool| match tool {
            Tool::ToolSpec(spec) => spec.name == wanted,
            Tool::SystemTool(tool) => tool.name == wanted,
            Tool::CachePoint(_) => false,
            Tool::Unknown(_) => true,
        })
    };
    if let Some(name) = name.filter(|name| !config.tools.is_empty() && !is_given(name)) {
        let path = "toolConfig.toolChoice.tool.name";
        report.add_saying(path, format!("no tool is named {name}"), "choose one that is given", None);
    }
}

pub(super) fn system_tools(subject: &Subject<'_>, report: &mut RuleReport<'_>) {
    let known = subject.profile.tools.system_tools.as_ref().filter(|_| !subject.takes_no_tools());
    let Some(known) = known else { return };
    for (index, tool) in subject.request.tool_config.iter().flat_map(|config| &config.tools).enumerate() {
        if let Tool::SystemTool(tool) = tool
            && !known.contains(&tool.name)
        {
            let path = format!("toolConfig.tools[{index}].systemTool.name");
            let message = format!("the service runs no tool {} for this model", tool.name);
            report.add(path, message, "leave it out");
        }
    }
}

/// Llama's tools are for Converse alone.
pub(super) fn streamed(subject: &Subject<'_>, report: &mut RuleReport<'_>) {
    let has_tools = subject.request.tool_config.as_ref().is_some_and(|config| !config.tools.is_empty());
    if has_tools
        && subject.operation == Operation::ConverseStream
        && subject.profile.tools.streaming == Some(false)
    {
        report.add("toolConfig", "the model takes no tools in streams", "use Converse, or leave them out");
    }
}
