//! Tools that give what was recorded.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bedrock_llm_agent::{Context, Tool, ToolError, ToolOutput};
use bedrock_llm_schema::{ToolResultBlock, ToolResultContentBlock, ToolResultStatus, ToolSpec, ToolUseBlock};
use serde_json::Value;

/// A call that was recorded, with its result.
pub(super) struct RecordedCall {
    call: ToolUseBlock,
    result: ToolResultBlock,
    is_given: AtomicBool,
}

impl RecordedCall {
    pub(super) fn new(call: ToolUseBlock, result: ToolResultBlock) -> Self {
        Self { call, result, is_given: AtomicBool::new(false) }
    }

    fn output(&self) -> Result<ToolOutput, ToolError> {
        match (self.result.status == Some(ToolResultStatus::Error), self.result.content.as_slice()) {
            (true, [ToolResultContentBlock::Text(text)]) => Err(ToolError::permanent(text.as_str())),
            (_, content) => Ok(content.iter().cloned().collect()),
        }
    }
}

/// A tool of a recorded request. A call gets the result that was recorded for its name and arguments, each once; of
/// several the one with its id.
pub(super) struct RecordedTool {
    pub(super) spec: ToolSpec,
    pub(super) calls: Arc<Vec<RecordedCall>>,
}

impl Tool for RecordedTool {
    fn spec(&self) -> ToolSpec {
        self.spec.clone()
    }

    async fn call(&self, arguments: Value, context: Context) -> Result<ToolOutput, ToolError> {
        let is_left = |recorded: &&RecordedCall| !recorded.is_given.load(Ordering::Relaxed);
        let same = |recorded: &&RecordedCall| {
            recorded.call.name == self.spec.name && recorded.call.input == arguments
        };
        let mut fitting = self.calls.iter().filter(is_left).filter(same).peekable();
        let first = fitting.peek().copied();
        let own = fitting.find(|recorded| recorded.call.tool_use_id == context.tool_use_id());
        match own.or(first) {
            Some(recorded) => {
                recorded.is_given.store(true, Ordering::Relaxed);
                recorded.output()
            }
            None => Err(ToolError::permanent("no such call was recorded")),
        }
    }
}
