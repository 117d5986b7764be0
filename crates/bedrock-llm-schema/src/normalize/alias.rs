//! Tool names outside a family's alphabet travel under another name and come back as they were.

use std::collections::{BTreeMap, BTreeSet};

use super::Changes;
use crate::content::tool::{Tool, ToolChoice, ToolReference, ToolUseType};
use crate::model::{Alphabet, ModelProfile};
use crate::stream::ContentBlockStart;
use crate::{ChatRequest, ChatResponse, ContentBlock, Message, StreamEvent};

/// The names under which tools travel.
///
/// ```
/// use bedrock_llm_schema::model::ModelProfile;
/// use bedrock_llm_schema::{ChatRequest, Message, Normalizer, ToolSpec, ToolUseBlock};
/// use serde_json::json;
///
/// let tool = ToolSpec::new("weather.now", "Current weather", json!({"type": "object"}));
/// let request = ChatRequest::new("amazon.nova-lite-v1:0").message("Rain?").tool(tool);
/// let normalized = Normalizer::new().normalize(request, &ModelProfile::default());
/// let sent: Vec<_> = normalized.request.tool_config.iter().flat_map(|c| c.specs()).map(|s| &s.name).collect();
/// assert_eq!(sent, ["weather_now"]);
///
/// let mut answer = Message::assistant(ToolUseBlock::new("tooluse_1", "weather_now", json!({})));
/// normalized.aliases.restore_message(&mut answer);
/// assert_eq!(answer.tool_uses().next().unwrap().name, "weather.now");
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ToolAliases {
    /// Alias and own name.
    pairs: Vec<(String, String)>,
}

impl ToolAliases {
    /// Whether every tool travels under its own name.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.pairs.is_empty()
    }

    /// Each alias with the tool's own name.
    #[must_use]
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &str)> {
        self.pairs.iter().map(|(alias, own)| (alias.as_str(), own.as_str()))
    }

    /// Gives the tools in an answer their own names back.
    pub fn restore_response(&self, response: &mut ChatResponse) {
        self.restore_message(&mut response.message);
        for call in &mut response.incomplete_tool_uses {
            self.restore(&mut call.name);
        }
    }

    /// Gives the tools in a turn their own names back.
    pub fn restore_message(&self, message: &mut Message) {
        for name in message.content.iter_mut().filter_map(name_in) {
            self.restore(name);
        }
    }

    /// Gives the tool in a stream event its own name back.
    pub fn restore_event(&self, event: &mut StreamEvent) {
        if let StreamEvent::ContentBlockStart(event) = event
            && let ContentBlockStart::ToolUse(start) = &mut event.start
            && start.r#type != Some(ToolUseType::ServerToolUse)
        {
            self.restore(&mut start.name);
        }
    }

    fn restore(&self, name: &mut String) {
        if let Some((_, own)) = self.pairs.iter().find(|(alias, _)| alias == name) {
            name.clone_from(own);
        }
    }
}

/// Gives every tool whose name the family does not take an alias: in the list of tools, in history and in
/// `toolChoice` alike. Tools that the service runs keep their names.
///
/// An alias is the name with `_` for what is not taken, cut to length, and numbered where it is another's. Declared
/// tools come first, then history in its order: a turn that is added changes no alias that was given before.
pub(super) fn give(request: &mut ChatRequest, profile: &ModelProfile, changes: &mut Changes) -> ToolAliases {
    let form = NameForm::of(profile);
    let mut fits = true;
    each_name(request, |name, _| fits &= form.fits(name));
    if fits {
        return ToolAliases::default();
    }
    let mut names = Names { form, own: BTreeSet::new(), aliases: BTreeMap::new() };
    for tool in request.tool_config.iter().flat_map(|config| &config.tools) {
        match tool {
            Tool::ToolSpec(spec) if names.form.fits(&spec.name) => names.own.insert(spec.name.clone()),
            Tool::SystemTool(tool) => names.own.insert(tool.name.clone()),
            _ => false,
        };
    }
    let mut pairs = Vec::new();
    each_name(request, |name, path| {
        let Some((alias, is_new)) = names.alias(name) else { return };
        if is_new {
            changes.mended("R-TOOL-NAME", path(), format!("tool {name:?} travels as `{alias}`"));
            pairs.push((alias.clone(), name.clone()));
        }
        *name = alias;
    });
    ToolAliases { pairs }
}

/// Every name of a tool that the caller runs: of the list, of history, of `toolChoice`; each with its path.
fn each_name(request: &mut ChatRequest, mut visit: impl FnMut(&mut String, &dyn Fn() -> String)) {
    for (place, tool) in request.tool_config.iter_mut().flat_map(|config| &mut config.tools).enumerate() {
        if let Tool::ToolSpec(spec) = tool {
            visit(&mut spec.name, &|| format!("toolConfig.tools[{place}].toolSpec.name"));
        }
    }
    for (turn, message) in request.messages.iter_mut().enumerate() {
        for (place, block) in message.content.iter_mut().enumerate() {
            let kind = block.kind();
            if let Some(name) = name_in(block) {
                visit(name, &|| format!("messages[{turn}].content[{place}].{kind}"));
            }
        }
    }
    let Some(config) = &mut request.tool_config else { return };
    let is_served =
        |name: &str| config.tools.iter().any(|it| matches!(it, Tool::SystemTool(it) if it.name == name));
    if let Some(ToolChoice::Tool(choice)) = &mut config.tool_choice
        && !is_served(&choice.name)
    {
        visit(&mut choice.name, &|| "toolConfig.toolChoice.tool.name".to_owned());
    }
}

/// The name of the tool in a block, where the caller runs it.
fn name_in(block: &mut ContentBlock) -> Option<&mut String> {
    match block {
        ContentBlock::ToolUse(call) if !call.is_run_by_service() => Some(&mut call.name),
        ContentBlock::ToolAddition(block) | ContentBlock::ToolRemoval(block) => match &mut block.tool {
            ToolReference { name, server_name: None, .. } => name.as_mut(),
            _ => None,
        },
        _ => None,
    }
}

/// The names given so far.
struct Names {
    form: NameForm,
    /// Names that are taken, be it as they are or as aliases.
    own: BTreeSet<String>,
    /// Alias by own name.
    aliases: BTreeMap<String, String>,
}

impl Names {
    /// The alias of a name and whether it is a new one; nothing where the name stays.
    fn alias(&mut self, name: &str) -> Option<(String, bool)> {
        if let Some(alias) = self.aliases.get(name) {
            return Some((alias.clone(), false));
        }
        let is_alias = |name: &str| self.aliases.values().any(|alias| alias == name);
        if self.form.fits(name) && !is_alias(name) {
            self.own.insert(name.to_owned());
            return None;
        }
        let alias = self.form.bent(name, &self.own)?;
        self.own.insert(alias.clone());
        self.aliases.insert(name.to_owned(), alias.clone());
        Some((alias, true))
    }
}

/// What a tool's name may look like.
struct NameForm {
    alphabet: Alphabet,
    max: usize,
}

impl NameForm {
    /// The family's, or the one that every model takes.
    fn of(profile: &ModelProfile) -> Self {
        let alphabet = profile.tools.name_alphabet.clone().unwrap_or_else(|| "a-zA-Z0-9_-".into());
        let max = profile.tools.name_max.and_then(|max| usize::try_from(max).ok()).unwrap_or(64);
        Self { alphabet, max }
    }

    fn fits(&self, name: &str) -> bool {
        !name.is_empty() && name.chars().count() <= self.max && name.chars().all(|c| self.alphabet.has(c))
    }

    /// The name bent into the form and unlike all that are taken; nothing where the form has no room for it.
    fn bent(&self, name: &str, taken: &BTreeSet<String>) -> Option<String> {
        let filler = ['_', '-'].into_iter().find(|&c| self.alphabet.has(c));
        let bend = |name: &str| -> String {
            name.chars().filter_map(|c| if self.alphabet.has(c) { Some(c) } else { filler }).collect()
        };
        let mut stem = bend(name.trim());
        if !stem.contains(char::is_alphanumeric) {
            stem = bend("tool");
        }
        let numbers = (1_usize..).map(|number| match (number, filler) {
            (1, _) => String::new(),
            (_, Some(filler)) => format!("{filler}{number}"),
            (_, None) => number.to_string(),
        });
        let rooms = numbers.map_while(|number| Some((self.max.checked_sub(number.len())?, number)));
        rooms
            .map(|(room, number)| stem.chars().take(room).collect::<String>() + &number)
            .take(taken.len() + 2) // at most two are alike, so that not all are taken
            .find(|alias| self.fits(alias) && !taken.contains(alias))
    }
}

#[cfg(test)]
mod tests;
