//! What a tool answers.

use bedrock_llm_schema::{DocumentBlock, ImageBlock, ToolResultBlock, ToolResultContentBlock};
use serde::Serialize;
use serde_json::{Value, json};

use super::ToolError;

/// What a tool answers: text, JSON, images, documents, or several of them.
///
/// ```
/// use bedrock_llm_agent::ToolOutput;
/// use serde_json::json;
///
/// let output = ToolOutput::text("21 degrees").and(json!({"wind": "calm"}));
/// assert_eq!(output.content().len(), 2);
/// ```
#[derive(Clone, Default, PartialEq)]
pub struct ToolOutput {
    content: Vec<ToolResultContentBlock>,
}

/// Counts the blocks, and shows none.
impl std::fmt::Debug for ToolOutput {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ToolOutput").field("blocks", &self.content.len()).finish()
    }
}

/// What a tool's function may return: [`ToolOutput`], or anything that serialises.
///
/// A string becomes text, an object JSON. What is neither (a number, a list, nothing) is put into an object as its
/// `result`, since the service takes objects alone as a tool's JSON.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is nothing that a tool can answer",
    note = "derive `serde::Serialize` for it, or return `ToolOutput`"
)]
pub trait IntoToolOutput {
    /// The output.
    ///
    /// # Errors
    /// [`ToolError::Failed`] when it does not serialise.
    fn into_tool_output(self) -> Result<ToolOutput, ToolError>;
}

impl<T: Serialize> IntoToolOutput for T {
    fn into_tool_output(self) -> Result<ToolOutput, ToolError> {
        match serde_json::to_value(self) {
            Ok(value) => Ok(ToolOutput::json(value)),
            Err(error) => Err(ToolError::Failed {
                message: "the tool's answer is no JSON".to_owned(),
                is_retryable: false,
                source: Some(error.into()),
            }),
        }
    }
}

impl IntoToolOutput for ToolOutput {
    fn into_tool_output(self) -> Result<ToolOutput, ToolError> {
        Ok(self)
    }
}

impl ToolOutput {
    /// Text.
    pub fn text(text: impl Into<String>) -> Self {
        Self { content: vec![ToolResultContentBlock::Text(text.into())] }
    }

    /// A JSON value: text where it is a string, an object as it is, all else as the `result` of an object.
    pub fn json(value: impl Into<Value>) -> Self {
        let block = match value.into() {
            Value::String(text) => ToolResultContentBlock::Text(text),
            object @ Value::Object(_) => ToolResultContentBlock::Json(object),
            other => ToolResultContentBlock::Json(json!({"result": other})),
        };
        Self { content: vec![block] }
    }

    /// An image.
    #[must_use]
    pub fn image(image: ImageBlock) -> Self {
        Self { content: vec![image.into()] }
    }

    /// A document.
    #[must_use]
    pub fn document(document: DocumentBlock) -> Self {
        Self { content: vec![document.into()] }
    }

    /// The same with one more piece.
    #[must_use]
    pub fn and(mut self, piece: impl Into<ToolResultContentBlock>) -> Self {
        self.content.push(piece.into());
        self
    }

    /// The pieces, in order.
    #[must_use]
    pub fn content(&self) -> &[ToolResultContentBlock] {
        &self.content
    }

    /// The result that tells the model. What has no pieces says so, since the service takes no empty result.
    pub fn into_result(self, tool_use_id: impl Into<String>) -> ToolResultBlock {
        let content = if self.content.is_empty() { vec!["(no output)".into()] } else { self.content };
        ToolResultBlock { tool_use_id: tool_use_id.into(), content, ..ToolResultBlock::default() }
    }
}

impl From<ToolResultContentBlock> for ToolOutput {
    fn from(block: ToolResultContentBlock) -> Self {
        Self { content: vec![block] }
    }
}

impl FromIterator<ToolResultContentBlock> for ToolOutput {
    fn from_iter<I: IntoIterator<Item = ToolResultContentBlock>>(blocks: I) -> Self {
        Self { content: blocks.into_iter().collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_serialises_is_an_output() {
        let block = |value: ToolOutput| value.content()[0].clone();
        let json = ToolResultContentBlock::Json;
        assert_eq!(block("hi".into_tool_output().unwrap()), ToolResultContentBlock::Text("hi".into()));
        assert_eq!(block(7.into_tool_output().unwrap()), json(json!({"result": 7})));
        assert_eq!(block(().into_tool_output().unwrap()), json(json!({"result": null})));
        assert_eq!(block([1, 2].into_tool_output().unwrap()), json(json!({"result": [1, 2]})));
        assert_eq!(block(json!({"a": 1}).into_tool_output().unwrap()), json(json!({"a": 1})));
        let output = ToolOutput::text("x");
        assert_eq!(output.clone().into_tool_output().unwrap(), output);
    }

    #[test]
    fn what_is_no_json_is_a_failure() {
        let unfit = std::collections::BTreeMap::from([((1, 2), 3)]);
        let error = unfit.into_tool_output().unwrap_err();
        assert!(!error.is_retryable() && error.kind() == "failed", "{error}");
    }

    #[test]
    fn an_empty_output_says_so() {
        let result = ToolOutput::default().into_result("call_1");
        assert_eq!(result.content, [ToolResultContentBlock::Text("(no output)".into())]);
        assert_eq!(result.status, None);
    }
}
