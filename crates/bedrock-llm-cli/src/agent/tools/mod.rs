//! The tools that the command brings along.

mod calc;
mod files;
mod time;
mod weather;

use std::path::{Path, PathBuf};

use bedrock_llm_agent::agent::{Hook, ToolVerdict};
use bedrock_llm_agent::run::{Run, ToolCall};
use bedrock_llm_agent::{ToolExt as _, ToolRegistry};
use clap::ValueEnum as _;

use super::shorten::shorten;
use crate::print;

/// Tools by the name under which they are asked for.
#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum BuiltIn {
    /// Typical weather of some cities by month, from a built-in table: no forecast.
    Weather,
    /// Sums, fractions, roots, units.
    Calc,
    /// Lists, reads and writes text files below --root. Writing is asked about first.
    Files,
    /// The date and time, here or in a time zone.
    Time,
}

/// The tools of these names.
pub(crate) fn registry(tools: &[BuiltIn], root: &Path) -> anyhow::Result<ToolRegistry> {
    let mut registry = ToolRegistry::new();
    for tool in BuiltIn::value_variants().iter().filter(|tool| tools.contains(tool)) {
        match tool {
            BuiltIn::Weather => registry.add(weather::tool().group("weather"))?,
            BuiltIn::Calc => registry.add(calc::tool().group("calc"))?,
            BuiltIn::Files => files::add_to(&mut registry, root)?,
            BuiltIn::Time => registry.add(time::tool().group("time"))?,
        }
    }
    Ok(registry)
}

/// Says what there is, each under the name by which it is asked for.
pub(crate) fn list() -> anyhow::Result<()> {
    let all = registry(BuiltIn::value_variants(), Path::new("."))?;
    for tool in all.available_tools() {
        let asks = if tool.policy.is_idempotent { "" } else { " Asks first, but with --yes." };
        print::line(format_args!(
            "{:<8} {:<10}  {}{asks}",
            tool.policy.group.as_deref().unwrap_or_default(),
            tool.spec.name,
            tool.spec.description.as_deref().unwrap_or_default(),
        ))?;
    }
    Ok(())
}

/// Has a human asked before a file is written.
pub(crate) struct AskToWrite {
    pub(crate) root: PathBuf,
}

impl Hook for AskToWrite {
    async fn before_tool(&self, call: &ToolCall, _run: &Run) -> ToolVerdict {
        if call.name() != files::WRITE {
            return ToolVerdict::Run;
        }
        let member = |name: &str| call.input().get(name).and_then(serde_json::Value::as_str);
        match (member("path"), member("content")) {
            (Some(path), Some(content)) => ToolVerdict::Ask(format!(
                "write {} bytes to {} in {}?",
                content.len(),
                shorten(path, 200),
                self.root.display()
            )),
            // the tool refuses what it cannot read
            _ => ToolVerdict::Run,
        }
    }
}

#[cfg(test)]
mod tests {
    use bedrock_llm_agent::{Context, ToolRegistry};
    use bedrock_llm_schema::{ToolResultBlock, ToolUseBlock};
    use serde_json::Value;

    use super::*;

    /// What a tool tells the model: whether it is an error, and the text.
    pub(super) async fn call(tools: &ToolRegistry, name: &str, input: Value) -> (bool, String) {
        let call = ToolUseBlock::new("call_1", name, input);
        let result: ToolResultBlock = tools.invoke(&call, &Context::new()).await.into_result("call_1");
        let content = serde_json::to_string(&result.content).unwrap_or_default();
        (result.status.is_some(), content)
    }

    #[test]
    fn all_tools_go_together() {
        let all = registry(BuiltIn::value_variants(), Path::new(".")).unwrap();
        all.check().unwrap();
        let names: Vec<_> = all.specs().map(|spec| spec.name.as_str()).collect();
        assert_eq!(names, ["weather", "calc", "list_files", "read_file", "write_file", "time"]);
        assert!(!all.get("write_file").unwrap().policy.is_idempotent);
    }
}
