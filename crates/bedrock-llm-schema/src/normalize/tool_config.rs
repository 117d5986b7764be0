//! `toolConfig` derived from history where there is none: the service wants it beside tool blocks.

use serde_json::json;

use super::Changes;
use crate::content::tool::{Tool, ToolChoice, ToolConfig};
use crate::model::ModelIdKind;
use crate::{ChatRequest, Message, ToolSpec};

/// What a derived tool says of itself, so that the model does not call it again.
const DESCRIPTION: &str = "Used earlier in this conversation; no longer available.";

/// Declares each tool that history calls where no tool of the caller's is declared; drops a `toolConfig` without
/// tools that nothing needs.
pub(super) fn derive(request: &mut ChatRequest, changes: &mut Changes) {
    let is_declared = request.tool_config.as_ref().is_some_and(|config| {
        config.tools.iter().any(|tool| matches!(tool, Tool::ToolSpec(_) | Tool::Unknown(_)))
    });
    let is_forced = request.tool_config.as_ref().is_some_and(|config| {
        config.tools.is_empty() && !matches!(config.tool_choice, None | Some(ToolChoice::Auto(_)))
    });
    // a managed prompt has its own tools, and the service takes none beside it; a choice that forces a tool where
    // there is none would force one that only history knows
    if is_declared || is_forced || request.model.kind() == ModelIdKind::Prompt {
        return;
    }
    let mut names: Vec<&str> = Vec::new();
    for call in request.messages.iter().flat_map(Message::tool_uses) {
        if !names.contains(&call.name.as_str()) {
            names.push(&call.name);
        }
    }
    if names.is_empty() {
        if request.tool_config.as_ref().is_some_and(says_nothing) {
            request.tool_config = None;
            changes.mended("R-TOOLS", "toolConfig", "left out: it has no tools");
        }
        return;
    }
    let listed = names.join("`, `");
    let specs = names.iter().map(|name| ToolSpec::new(*name, DESCRIPTION, json!({"type": "object"})).into());
    let specs: Vec<Tool> = specs.collect();
    request.tool_config.get_or_insert_default().tools.splice(0..0, specs);
    changes.mended("R-TOOL-CONFIG", "toolConfig", format!("declares tools that history calls: `{listed}`"));
}

/// Whether there is neither a tool nor a choice that asks for one.
pub(super) fn says_nothing(config: &ToolConfig) -> bool {
    config.tools.iter().all(|tool| matches!(tool, Tool::CachePoint(_)))
        && matches!(config.tool_choice, None | Some(ToolChoice::Auto(_)))
        && config.extra.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::content::tool::{SystemTool, ToolUseType};
    use crate::normalize::Change;
    use crate::{ToolResultBlock, ToolUseBlock};

    fn history() -> ChatRequest {
        let call = |id, name| ToolUseBlock::new(id, name, json!({}));
        ChatRequest::new("m")
            .message("hi")
            .message(Message::assistant(call("1", "b")).with(call("2", "a")).with(call("3", "b")))
            .message(ToolResultBlock::text("1", "x"))
    }

    fn derived(mut request: ChatRequest) -> (ChatRequest, Vec<Change>) {
        let mut changes = Changes::default();
        derive(&mut request, &mut changes);
        (request, changes.into_list())
    }

    fn names(request: &ChatRequest) -> Vec<&str> {
        request.tool_config.iter().flat_map(ToolConfig::specs).map(|spec| spec.name.as_str()).collect()
    }

    #[test]
    fn tools_of_history_are_declared_once_each() {
        let (request, changes) = derived(history());
        assert_eq!(names(&request), ["b", "a"]);
        assert_eq!(changes[0].rule, "R-TOOL-CONFIG");
        assert_eq!(derived(request.clone()), (request, vec![]));
    }

    #[test]
    fn a_list_without_specs_gets_them() {
        let system = Tool::SystemTool(SystemTool { name: "search".into(), ..SystemTool::default() });
        let (request, _) = derived(history().tool(system));
        assert_eq!(names(&request), ["b", "a"]);
        assert_eq!(request.tool_config.unwrap().tools.len(), 3);
    }

    #[test]
    fn declared_tools_stay_as_they_are() {
        let request = history().tool(ToolSpec::new("z", "d", json!({})));
        assert_eq!(derived(request.clone()), (request, vec![]));
    }

    #[test]
    fn calls_that_the_service_runs_need_no_tool() {
        let mut call = ToolUseBlock::new("1", "search", json!({}));
        call.r#type = Some(ToolUseType::ServerToolUse);
        let request = ChatRequest::new("m").message("hi").message(Message::assistant(call));
        assert_eq!(derived(request.clone()), (request, vec![]));
    }

    #[test]
    fn an_empty_list_goes_unless_a_tool_is_forced() {
        let mut empty = ChatRequest::new("m").message("hi");
        empty.tool_config = Some(ToolConfig::default());
        let (request, changes) = derived(empty.clone());
        assert_eq!((request.tool_config, changes[0].rule), (None, "R-TOOLS"));
        let forced = empty.tool_choice(ToolChoice::any());
        assert_eq!(derived(forced.clone()), (forced, vec![]));
    }

    #[test]
    fn no_tool_that_only_history_knows_is_forced() {
        let call = ToolUseBlock::new("t", "f", json!({}));
        let request = || {
            ChatRequest::new("m")
                .message("a")
                .message(Message::assistant(call.clone()))
                .message(ToolResultBlock::text("t", "b"))
                .tool_choice(ToolChoice::any())
        };
        let profile = crate::model::ModelProfile::default();
        let refused = crate::Normalizer::new().normalize(request(), &profile);
        let violations = refused.request.validate().unwrap_err();
        assert_eq!(violations.0[0].rule, "R-TOOLS");
        let degrading = crate::Normalizer::new().on_unsupported(crate::OnUnsupported::Degrade);
        let config = degrading.normalize(request(), &profile).request.tool_config.unwrap();
        assert_eq!((config.tools.len(), config.tool_choice), (1, None));
    }
}
