//! Tools that a model does not take: all, a choice among them, `strict`, those that the service runs.

use serde_json::Value;

use super::Settler;
use super::media::{in_message, is_media};
use crate::content::ContentKind;
use crate::content::tool::{Tool, ToolConfig, ToolReferenceBlock};
use crate::model::facts::ToolChoiceKind;
use crate::normalize::tool_config::says_nothing;
use crate::{
    ChatRequest, ContentBlock, ToolChoice, ToolResultBlock, ToolResultContentBlock, ToolResultStatus,
};

pub(super) fn settle(request: &mut ChatRequest, settler: &mut Settler<'_>) {
    if settler.profile.features.tool_use == Some(false) {
        return without(request, settler);
    }
    let Some(config) = &mut request.tool_config else { return };
    let was_silent = says_nothing(config);
    let has_lost = system_tools(config, settler);
    strict(config, settler);
    choice(config, settler);
    if has_lost && config.tools.iter().all(is_cache_point) || !was_silent && says_nothing(config) {
        request.tool_config = None;
    }
}

fn is_cache_point(tool: &Tool) -> bool {
    matches!(tool, Tool::CachePoint(_))
}

/// Drops the list of tools and puts calls and results in words, so that nothing said is lost.
fn without(request: &mut ChatRequest, settler: &mut Settler<'_>) {
    let cannot = "the model takes no tools";
    if request.tool_config.is_some() && settler.degrades("R-TOOL-USE", "toolConfig", cannot, "left out") {
        request.tool_config = None;
    }
    for (turn, message) in request.messages.iter_mut().enumerate() {
        let mut content = Vec::with_capacity(message.content.len());
        for (place, block) in std::mem::take(&mut message.content).into_iter().enumerate() {
            let kind = block.kind();
            let path = || format!("messages[{turn}].content[{place}].{kind}");
            if is_of_tools(kind) && settler.degrades("R-TOOL-USE", path(), cannot, "put in words") {
                in_words(block, &mut content);
            } else {
                content.push(block);
            }
        }
        message.content = content;
    }
}

fn is_of_tools(kind: ContentKind) -> bool {
    use ContentKind::{ToolAddition, ToolRemoval, ToolResult, ToolUse};
    matches!(kind, ToolUse | ToolResult | ToolAddition | ToolRemoval)
}

/// The same in words; images and the like stay as they are behind them.
fn in_words(block: ContentBlock, content: &mut Vec<ContentBlock>) {
    match block {
        ContentBlock::ToolUse(call) => {
            content.push(format!("[tool call {}: {}]", call.name, json_words(&call.input)).into());
        }
        ContentBlock::ToolResult(result) => result_in_words(result, content),
        ContentBlock::ToolAddition(block) => content.push(reference_in_words(&block, "available").into()),
        ContentBlock::ToolRemoval(block) => {
            content.push(reference_in_words(&block, "no longer available").into());
        }
        other => content.push(other),
    }
}

fn reference_in_words(block: &ToolReferenceBlock, state: &str) -> String {
    format!("[tool {} is {state}]", block.tool.name.as_deref().unwrap_or("without a name"))
}

fn result_in_words(result: ToolResultBlock, content: &mut Vec<ContentBlock>) {
    let mut words = Vec::new();
    let mut media = Vec::new();
    for piece in result.content {
        if is_media(&piece) {
            media.extend(in_message(piece));
        } else {
            words.push(piece_words(&piece));
        }
    }
    let outcome = if result.status == Some(ToolResultStatus::Error) { "error" } else { "result" };
    content.push(format!("[tool {outcome}: {}]", words.join("\n")).into());
    content.extend(media);
}

/// A piece of a tool result that is no image or the like, in words.
pub(super) fn piece_words(piece: &ToolResultContentBlock) -> String {
    match piece {
        ToolResultContentBlock::Text(text) => text.clone(),
        ToolResultContentBlock::Json(value) => json_words(value),
        ToolResultContentBlock::SearchResult(found) => {
            let texts = found.content.iter().map(|piece| piece.text.as_str());
            [found.title.as_str(), &found.source].into_iter().chain(texts).collect::<Vec<_>>().join("\n")
        }
        other => serde_json::to_string(other).unwrap_or_default(),
    }
}

fn json_words(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// Whether any was left out.
fn system_tools(config: &mut ToolConfig, settler: &mut Settler<'_>) -> bool {
    let Some(known) = &settler.profile.tools.system_tools else { return false };
    let ToolConfig { tools, tool_choice, .. } = config;
    let before = tools.len();
    let mut place = 0..;
    tools.retain(|tool| {
        let place = place.next().unwrap_or_default();
        let Tool::SystemTool(tool) = tool else { return true };
        let path = || format!("toolConfig.tools[{place}].systemTool");
        let cannot = || format!("the service does not run `{}` for this model", tool.name);
        if known.contains(&tool.name) || !settler.degrades("R-SYSTEM-TOOL", path(), &cannot(), "left out") {
            return true;
        }
        if matches!(tool_choice, Some(ToolChoice::Tool(choice)) if choice.name == tool.name) {
            *tool_choice = None;
        }
        false
    });
    tools.len() < before
}

fn strict(config: &mut ToolConfig, settler: &mut Settler<'_>) {
    if settler.profile.tools.strict != Some(false) {
        return;
    }
    for (place, tool) in config.tools.iter_mut().enumerate() {
        let Tool::ToolSpec(spec) = tool else { continue };
        let path = || format!("toolConfig.tools[{place}].toolSpec.strict");
        let cannot = "the model is not held to a tool's schema";
        match spec.strict {
            Some(true) if settler.degrades("R-TOOL-STRICT", path(), cannot, "left out") => spec.strict = None,
            Some(false) => {
                settler.mended("R-TOOL-STRICT", path(), "left out: it is so anyway");
                spec.strict = None;
            }
            _ => {}
        }
    }
}

fn choice(config: &mut ToolConfig, settler: &mut Settler<'_>) {
    let profile = settler.profile;
    let taken: &[ToolChoiceKind] = match (&profile.tools.choice, profile.features.tool_choice) {
        (Some(taken), _) => taken,
        (None, Some(false)) => &[],
        (None, _) => return,
    };
    let takes = |kind| taken.contains(&kind);
    let mut tools = config.tools.iter().filter(|tool| !is_cache_point(tool));
    let is_only = matches!(
        (&config.tool_choice, tools.next(), tools.next()),
        (Some(ToolChoice::Tool(choice)), Some(Tool::ToolSpec(spec)), None) if choice.name == spec.name
    );
    let path = "toolConfig.toolChoice";
    let auto = takes(ToolChoiceKind::Auto).then(ToolChoice::auto);
    let any = takes(ToolChoiceKind::Any).then(ToolChoice::any);
    match &config.tool_choice {
        Some(ToolChoice::Auto(_)) if auto.is_none() => {
            settler.mended("R-TOOL-CHOICE", path, "left out: it is so anyway");
            config.tool_choice = None;
        }
        Some(ToolChoice::Any(_)) if any.is_none() => {
            let cannot = "the model cannot be made to call a tool";
            if settler.degrades("R-TOOL-CHOICE", path, cannot, "it is free to call none") {
                config.tool_choice = auto;
            }
        }
        Some(ToolChoice::Tool(_)) if !takes(ToolChoiceKind::Tool) => {
            let cannot = "the model cannot be made to call a certain tool";
            if any.is_some() && is_only {
                settler.mended("R-TOOL-CHOICE", path, "any tool must be called: there is but this one");
                config.tool_choice = any;
            } else if any.is_some() {
                if settler.degrades("R-TOOL-CHOICE", path, cannot, "it must call any") {
                    config.tool_choice = any;
                }
            } else if settler.degrades("R-TOOL-CHOICE", path, cannot, "it is free to call none") {
                config.tool_choice = auto;
            }
        }
        _ => {}
    }
}

/// Whom nobody knows cannot be called.
pub(super) fn settle_choice(request: &mut ChatRequest, settler: &mut Settler<'_>) {
    let Some(config) = &mut request.tool_config else { return };
    let is_given = |wanted: &str| {
        config.tools.iter().any(|tool| match tool {
            Tool::ToolSpec(spec) => spec.name == wanted,
            Tool::SystemTool(tool) => tool.name == wanted,
            Tool::CachePoint(_) => false,
            Tool::Unknown(_) => true,
        })
    };
    let (rule, path, cannot) = match &config.tool_choice {
        Some(ToolChoice::Auto(_)) => return,
        Some(_) if config.tools.is_empty() => {
            ("R-TOOLS", "toolConfig", "there is no tool to choose".to_owned())
        }
        Some(ToolChoice::Tool(choice)) if !is_given(&choice.name) => {
            ("R-TOOL-CHOICE", "toolConfig.toolChoice", format!("no tool is named {}", choice.name))
        }
        _ => return,
    };
    if settler.degrades(rule, path, &cannot, "left out") {
        config.tool_choice = None;
        if says_nothing(config) {
            request.tool_config = None;
        }
    }
}
