//! [`first_difference`]: what keeps two requests from sharing their beginning.

use std::fmt;

use serde::Serialize;
use serde_json::Value;

use super::DifferenceKind::{Added, Changed, Removed, Reordered};
use crate::content::tool::Tool;
use crate::{ChatRequest, ContentBlock, SystemContentBlock};

/// A part of a request, in the order in which the service reads them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum PrefixPart {
    /// The model: caches are not shared between models, nor between regions.
    Model,
    /// The tools.
    Tools,
    /// The system prompt.
    System,
    /// `toolChoice`, `additionalModelRequestFields`, `reasoning`, `outputConfig` and `promptVariables`: they do not
    /// change what the tools and the system prompt left in the cache on every family, but what the messages left.
    Settings,
    /// The conversation.
    Messages,
}

/// What happened at the place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum DifferenceKind {
    /// Something else stands there.
    Changed,
    /// Something stands there that was not there.
    Added,
    /// What stood there is gone.
    Removed,
    /// The same things stand there in another order; so do an object's keys, whose order is part of the bytes.
    Reordered,
}

/// The first place at which two requests differ. `Debug` and `Display` show no prompt texts.
#[derive(Clone, PartialEq)]
#[non_exhaustive]
pub struct PrefixDifference {
    /// Where, as a JSON path into the later request (into the earlier one for what was removed):
    /// `messages[2].content[0].document.name`.
    pub path: String,
    /// In which part.
    pub part: PrefixPart,
    /// What happened.
    pub kind: DifferenceKind,
    /// The same in words, with the likely cause where it shows. Names tools and keys, never shows prompt texts.
    pub explanation: String,
    before: Option<Value>,
    after: Option<Value>,
}

impl PrefixDifference {
    /// What stood there in the earlier request: prompt text, so think before you log it.
    #[must_use]
    pub fn before(&self) -> Option<&Value> {
        self.before.as_ref()
    }

    /// What stands there in the later request: prompt text, so think before you log it.
    #[must_use]
    pub fn after(&self) -> Option<&Value> {
        self.after.as_ref()
    }

    /// How many bytes of JSON stood there, and stand there now.
    #[must_use]
    pub fn lengths(&self) -> (usize, usize) {
        let length = |value: &Option<Value>| value.as_ref().map_or(0, |value| value.to_string().len());
        (length(&self.before), length(&self.after))
    }
}

impl fmt::Debug for PrefixDifference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PrefixDifference")
            .field("path", &self.path)
            .field("part", &self.part)
            .field("kind", &self.kind)
            .field("explanation", &self.explanation)
            .field("lengths", &self.lengths())
            .finish()
    }
}

impl fmt::Display for PrefixDifference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (before, after) = self.lengths();
        write!(f, "{}: {} ({before} bytes before, {after} now)", self.path, self.explanation)
    }
}

/// The first place at which a request stops having the beginning of an earlier one, so that nothing behind it is read
/// from the cache. `None` where the later request only goes on from the earlier one.
///
/// Looks at what the model reads, in its order: model id, tools, system prompt, settings, messages. Cache points do not
/// count, nor do settings that are not part of the prompt, such as `maxTokens`. On Claude an image that is added in a
/// later turn, to a conversation without images, also makes the messages be read anew; that is not looked for.
///
/// ```
/// use bedrock_llm_schema::{ChatRequest, first_difference};
///
/// let at = |time: &str| ChatRequest::new("m").system(format!("It is {time}. Be brief.")).message("Hello!");
/// let difference = first_difference(&at("10:41"), &at("10:42")).unwrap();
/// assert_eq!(difference.path, "system[0].text");
/// assert_eq!(
///     difference.explanation,
///     "the system prompt changed at character 10, in a number: a time, date or counter belongs behind what is cached"
/// );
/// let later = at("10:41").message(bedrock_llm_schema::Message::assistant("Hi!"));
/// assert!(first_difference(&at("10:41"), &later).is_none());
/// ```
#[must_use]
pub fn first_difference(previous: &ChatRequest, next: &ChatRequest) -> Option<PrefixDifference> {
    let (before, after) = (ids(previous), ids(next));
    same_items(PrefixPart::Model, &before, &after, false)
        .or_else(|| tool_order(previous, next))
        .or_else(|| same_items(PrefixPart::Tools, &tools(previous), &tools(next), false))
        .or_else(|| same_items(PrefixPart::System, &system(previous), &system(next), false))
        .or_else(|| same_settings(&settings(previous), &settings(next)))
        .or_else(|| same_items(PrefixPart::Messages, &messages(previous), &messages(next), true))
}

/// A piece of a request and where it stands.
struct Item {
    path: String,
    value: Value,
}

impl Item {
    fn new(path: impl Into<String>, value: &impl Serialize) -> Self {
        Self { path: path.into(), value: serde_json::to_value(value).unwrap_or_default() }
    }
}

fn ids(request: &ChatRequest) -> Vec<Item> {
    vec![Item::new("modelId", &request.model)]
}

fn tool_list(request: &ChatRequest) -> impl Iterator<Item = (usize, &Tool)> {
    let tools = request.tool_config.iter().flat_map(|config| &config.tools);
    tools.enumerate().filter(|(_, tool)| !matches!(tool, Tool::CachePoint(_)))
}

fn tools(request: &ChatRequest) -> Vec<Item> {
    tool_list(request).map(|(at, tool)| Item::new(format!("toolConfig.tools[{at}]"), tool)).collect()
}

fn system(request: &ChatRequest) -> Vec<Item> {
    let blocks = request.system.iter().flatten().enumerate();
    let blocks = blocks.filter(|(_, block)| !matches!(block, SystemContentBlock::CachePoint(_)));
    blocks.map(|(at, block)| Item::new(format!("system[{at}]"), block)).collect()
}

fn settings(request: &ChatRequest) -> [Option<Item>; 5] {
    fn item(path: &str, value: Option<&impl Serialize>) -> Option<Item> {
        value.map(|value| Item::new(path, value))
    }
    let choice = request.tool_config.as_ref().and_then(|config| config.tool_choice.as_ref());
    [
        item("toolConfig.toolChoice", choice),
        item("additionalModelRequestFields", request.additional_model_request_fields.as_ref()),
        item("reasoning", request.reasoning.as_ref()),
        item("outputConfig", request.output_config.as_ref()),
        item("promptVariables", request.prompt_variables.as_ref()),
    ]
}

/// Turns and their blocks in one row, so that a block added to the last turn counts as going on.
fn messages(request: &ChatRequest) -> Vec<Item> {
    let mut items = Vec::new();
    for (turn, message) in request.messages.iter().enumerate() {
        items.push(Item::new(format!("messages[{turn}].role"), &message.role));
        for (at, block) in message.content.iter().enumerate() {
            if !matches!(block, ContentBlock::CachePoint(_)) {
                items.push(Item::new(format!("messages[{turn}].content[{at}]"), block));
            }
        }
    }
    items
}

/// The name of a tool, whoever runs it.
fn name(tool: &Tool) -> &str {
    match tool {
        Tool::ToolSpec(spec) => &spec.name,
        Tool::SystemTool(tool) => &tool.name,
        Tool::CachePoint(_) | Tool::Unknown(_) => "",
    }
}

/// The first tool that is not the one that stood there: the list's own kind of difference, told by names.
fn tool_order(previous: &ChatRequest, next: &ChatRequest) -> Option<PrefixDifference> {
    let before: Vec<_> = tool_list(previous).collect();
    let after: Vec<_> = tool_list(next).collect();
    let place = (0..before.len().max(after.len())).find(|place| {
        before.get(*place).map(|(_, tool)| name(tool)) != after.get(*place).map(|(_, tool)| name(tool))
    })?;
    // what comes before is compared first
    let heads = |request| tools(request).into_iter().take(place).collect::<Vec<_>>();
    if let Some(earlier) = same_items(PrefixPart::Tools, &heads(previous), &heads(next), false) {
        return Some(earlier);
    }
    let (old, new) = (before.get(place), after.get(place));
    let still_there = |(_, old): &&(usize, &Tool)| after.iter().any(|(_, new)| name(new) == name(old));
    let was_there = |(_, new): &&(usize, &Tool)| before.iter().any(|(_, old)| name(old) == name(new));
    let quoted = |tool: &(usize, &Tool)| format!("tool `{}`", name(tool.1));
    let (kind, at, explanation) = match (old, new) {
        (Some(old), None) => (Removed, old.0, format!("{} was removed", quoted(old))),
        (None, Some(new)) => (Added, new.0, format!("{} was added", quoted(new))),
        (Some(old), Some(new)) => match (still_there(&old), was_there(&new)) {
            (true, true) => (Reordered, new.0, format!("tool order changed: {} stands here", quoted(new))),
            (true, false) => (Added, new.0, format!("{} was added in front of others", quoted(new))),
            (false, true) => (Removed, old.0, format!("{} was removed", quoted(old))),
            (false, false) => (Changed, new.0, format!("{} gave way to {}", quoted(old), quoted(new))),
        },
        (None, None) => return None,
    };
    let value = |side: Option<&(usize, &Tool)>| side.and_then(|(_, tool)| serde_json::to_value(tool).ok());
    let path = format!("toolConfig.tools[{at}]");
    let (before, after) = (value(old), value(new));
    Some(PrefixDifference { path, part: PrefixPart::Tools, kind, explanation, before, after })
}

fn same_settings(before: &[Option<Item>], after: &[Option<Item>]) -> Option<PrefixDifference> {
    before.iter().zip(after).find_map(|(before, after)| {
        let before: Vec<_> = before.iter().collect();
        let after: Vec<_> = after.iter().collect();
        compare_rows(PrefixPart::Settings, &before, &after, false)
    })
}

fn same_items(
    part: PrefixPart,
    before: &[Item],
    after: &[Item],
    may_go_on: bool,
) -> Option<PrefixDifference> {
    compare_rows(part, &before.iter().collect::<Vec<_>>(), &after.iter().collect::<Vec<_>>(), may_go_on)
}

fn compare_rows(
    part: PrefixPart,
    before: &[&Item],
    after: &[&Item],
    may_go_on: bool,
) -> Option<PrefixDifference> {
    let found = before.iter().zip(after).find_map(|(old, new)| compare(&new.path, &old.value, &new.value));
    let found = found.or_else(|| {
        let shared = before.len().min(after.len());
        match (before.get(shared), after.get(shared)) {
            // a turn's role stands for the turn
            (Some(old), _) => {
                let path = old.path.trim_end_matches(".role");
                Some(Found::new(path, Removed, Some(&old.value), None))
            }
            (_, Some(new)) if !may_go_on => Some(Found::new(&new.path, Added, None, Some(&new.value))),
            _ => None,
        }
    })?;
    Some(found.told(part))
}

/// A difference inside one piece.
struct Found<'a> {
    path: String,
    kind: DifferenceKind,
    before: Option<&'a Value>,
    after: Option<&'a Value>,
}

impl<'a> Found<'a> {
    fn new(path: &str, kind: DifferenceKind, before: Option<&'a Value>, after: Option<&'a Value>) -> Self {
        Self { path: path.to_owned(), kind, before, after }
    }

    fn told(self, part: PrefixPart) -> PrefixDifference {
        let explanation = explain(&self, part);
        let (before, after) = (self.before.cloned(), self.after.cloned());
        PrefixDifference { path: self.path, part, kind: self.kind, explanation, before, after }
    }
}

/// Compares as the bytes would: in order, keys included.
fn compare<'a>(path: &str, before: &'a Value, after: &'a Value) -> Option<Found<'a>> {
    match (before, after) {
        (Value::Object(old), Value::Object(new)) => {
            for ((old_key, old_value), (new_key, new_value)) in old.iter().zip(new) {
                if old_key == new_key {
                    if let Some(found) = compare(&format!("{path}.{new_key}"), old_value, new_value) {
                        return Some(found);
                    }
                } else if !old.contains_key(new_key) {
                    return Some(Found::new(&format!("{path}.{new_key}"), Added, None, Some(new_value)));
                } else if !new.contains_key(old_key) {
                    return Some(Found::new(&format!("{path}.{old_key}"), Removed, Some(old_value), None));
                } else {
                    return Some(Found::new(path, Reordered, Some(before), Some(after)));
                }
            }
            let shared = old.len().min(new.len());
            let gone = old.iter().nth(shared).map(|(key, value)| (key, Removed, Some(value), None));
            let come = new.iter().nth(shared).map(|(key, value)| (key, Added, None, Some(value)));
            let (key, kind, before, after) = gone.or(come)?;
            Some(Found::new(&format!("{path}.{key}"), kind, before, after))
        }
        (Value::Array(old), Value::Array(new)) => {
            let inner = old.iter().zip(new).enumerate();
            let mut inner = inner.map(|(at, (old, new))| compare(&format!("{path}[{at}]"), old, new));
            if let Some(found) = inner.find_map(|found| found) {
                return Some(found);
            }
            let shared = old.len().min(new.len());
            let gone = old.get(shared).map(|value| (Removed, Some(value), None));
            let (kind, before, after) =
                gone.or_else(|| new.get(shared).map(|value| (Added, None, Some(value))))?;
            Some(Found::new(&format!("{path}[{shared}]"), kind, before, after))
        }
        _ if before == after => None,
        _ => Some(Found::new(path, Changed, Some(before), Some(after))),
    }
}

fn explain(found: &Found<'_>, part: PrefixPart) -> String {
    let what = match part {
        PrefixPart::Model => "the model".to_owned(),
        PrefixPart::Tools => "the tools".to_owned(),
        PrefixPart::System => "the system prompt".to_owned(),
        PrefixPart::Messages if found.path.ends_with("document.name") => "a document's name".to_owned(),
        PrefixPart::Messages => "an earlier turn".to_owned(),
        PrefixPart::Settings => format!("the setting `{}`", found.path),
    };
    match (found.kind, found.before, found.after) {
        (Reordered, ..) => {
            format!("{what} changed in the order of an object's keys: write them in a fixed order")
        }
        (Added, ..) => format!("{what} got something new here"),
        (Removed, ..) => format!("{what} lost something here"),
        (Changed, Some(Value::String(before)), Some(Value::String(after))) => {
            let (at, is_number) = first_character(before, after);
            let cause = if is_number && part != PrefixPart::Model {
                ", in a number: a time, date or counter belongs behind what is cached"
            } else {
                ""
            };
            format!("{what} changed at character {at}{cause}")
        }
        (Changed, ..) => format!("{what} changed"),
    }
}

/// Where two texts part, counted from 0, and whether both have a digit there.
fn first_character(before: &str, after: &str) -> (usize, bool) {
    let shared = before.chars().zip(after.chars()).take_while(|(old, new)| old == new).count();
    let is_digit = |text: &str| text.chars().nth(shared).is_some_and(|c| c.is_ascii_digit());
    (shared, is_digit(before) && is_digit(after))
}

#[cfg(test)]
mod tests;
