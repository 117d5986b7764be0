//! Which tool to call, with which arguments.

use bedrock_llm_schema::{ChatRequest, Role, ToolChoice, ToolSpec, ToolUseBlock};
use serde_json::Value;

use super::fill::fill;
use super::words::{matter, tool_matter};

/// The tool call that answers what the user says, if one does.
pub(super) fn call(request: &ChatRequest, text: &str) -> Option<ToolUseBlock> {
    let config = request.tool_config.as_ref()?;
    let specs: Vec<&ToolSpec> = config.specs().collect();
    let (spec, input) = match &config.tool_choice {
        Some(ToolChoice::Tool(choice)) => {
            let spec = specs.into_iter().find(|spec| spec.name == choice.name)?;
            (spec, forced(spec, text))
        }
        Some(ToolChoice::Any(_)) => {
            let spec =
                ranked(&specs, text).first().map_or(specs.first().copied(), |(spec, _)| Some(*spec))?;
            (spec, forced(spec, text))
        }
        _ => {
            let fits =
                |(spec, _): (&ToolSpec, usize)| Some((spec.clone(), fill(spec.schema(), text, false)?));
            let (spec, input) = ranked(&specs, text).into_iter().find_map(fits)?;
            return Some(ToolUseBlock::new(id(request), spec.name, input));
        }
    };
    Some(ToolUseBlock::new(id(request), spec.name.as_str(), input))
}

/// The tool whose description fits, though the text lacks its arguments, with the names of those.
pub(super) fn wanting(request: &ChatRequest, text: &str) -> Option<(String, Vec<String>)> {
    let specs: Vec<&ToolSpec> = request.tool_config.as_ref()?.specs().collect();
    let (spec, _) = ranked(&specs, text).into_iter().next()?;
    let required = spec.schema().get("required").and_then(Value::as_array)?;
    Some((spec.name.clone(), required.iter().filter_map(Value::as_str).map(str::to_owned).collect()))
}

fn forced(spec: &ToolSpec, text: &str) -> Value {
    fill(spec.schema(), text, true).unwrap_or_else(|| Value::Object(serde_json::Map::new()))
}

/// The tools that share words with the text, the best first, then in their order.
fn ranked<'a>(specs: &[&'a ToolSpec], text: &str) -> Vec<(&'a ToolSpec, usize)> {
    let asked = matter(text);
    let mut ranked: Vec<(&ToolSpec, usize)> = specs
        .iter()
        .map(|spec| {
            let name = tool_matter(&spec.name).intersection(&asked).count();
            let description = tool_matter(spec.description.as_deref().unwrap_or_default());
            (*spec, 2 * name + description.intersection(&asked).count() + sums(spec, text))
        })
        .filter(|(_, score)| *score > 0)
        .collect();
    ranked.sort_by_key(|(_, score)| std::cmp::Reverse(*score));
    ranked
}

/// A calculator fits a text with a sum in it, whatever its words.
fn sums(spec: &ToolSpec, text: &str) -> usize {
    let name = format!("{} {}", spec.name, spec.description.as_deref().unwrap_or_default()).to_lowercase();
    let calculates = ["calc", "arithmetic", "math"].iter().any(|word| name.contains(word));
    let mut marks = text.match_indices(['+', '*', '/', '×', '÷', '^', '-']);
    let is_sum = marks.any(|(at, mark)| {
        let before = text.get(..at).unwrap_or_default().trim_end();
        let after = text.get(at + mark.len()..).unwrap_or_default().trim_start();
        before.ends_with(|c: char| c.is_ascii_digit() || c == ')')
            && after.starts_with(|c: char| c.is_ascii_digit() || c == '(')
    });
    usize::from(calculates && is_sum)
}

/// Ids tell the turn, so that they differ within a conversation and are the same each time.
fn id(request: &ChatRequest) -> String {
    let turns = request.messages.iter().filter(|message| message.role == Role::Assistant).count();
    format!("tooluse_local_{}", turns + 1)
}
