//! A call of a tool, and the states it passes.

use bedrock_llm_schema::{ToolResultBlock, ToolUseBlock};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::ModelUse;

/// Where a call of a tool is.
///
/// `Pending` goes to any other state: a call may be refused, or its arguments found bad, before it runs. `Running` goes to
/// all but `Pending`, and to itself when a call that was interrupted is run again. From the last four nothing goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ToolCallState {
    /// The model asked for it.
    Pending,
    /// It is being run, or was when its process ended.
    Running,
    /// The tool answered.
    Complete,
    /// The tool did not answer, or could not be asked.
    Failed,
    /// Somebody did not let it be run.
    Denied,
    /// The run ended before it had.
    Cancelled,
}

impl ToolCallState {
    /// Whether nothing goes on from here.
    #[must_use]
    pub fn is_final(self) -> bool {
        !matches!(self, Self::Pending | Self::Running)
    }

    /// As it is written.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Running => "running",
            Self::Complete => "complete",
            Self::Failed => "failed",
            Self::Denied => "denied",
            Self::Cancelled => "cancelled",
        }
    }

    fn may_become(self, next: Self) -> bool {
        match self {
            Self::Pending => next != Self::Pending && next != Self::Complete,
            Self::Running => next != Self::Pending,
            _ => false,
        }
    }
}

/// A call of a tool that a model asked for.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Written", rename_all = "camelCase")]
pub struct ToolCall {
    #[serde(flatten)]
    request: ToolUseBlock,
    /// Its place among the run's calls: ids may come again in later rounds.
    number: usize,
    state: ToolCallState,
    starts: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    failure: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    question: Option<String>,
    is_approved: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    result: Option<ToolResultBlock>,
    #[serde(skip_serializing_if = "ModelUse::is_nothing")]
    used: ModelUse,
}

/// A step that a call's state does not allow.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("tool call {tool_use_id} is {} and cannot become {}", .from.as_str(), .to.as_str())]
#[non_exhaustive]
pub struct IllegalTransition {
    /// The call.
    pub tool_use_id: String,
    /// Its state.
    pub from: ToolCallState,
    /// The state it was to have.
    pub to: ToolCallState,
}

impl ToolCall {
    /// A call as the model asks for it.
    #[must_use]
    pub fn new(request: ToolUseBlock) -> Self {
        Self {
            request,
            number: 0,
            state: ToolCallState::Pending,
            starts: 0,
            failure: None,
            question: None,
            is_approved: false,
            result: None,
            used: ModelUse::default(),
        }
    }

    /// The call's id, as the model gave it.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.request.tool_use_id
    }

    /// The tool's name, as the model gave it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.request.name
    }

    /// The arguments.
    #[must_use]
    pub fn input(&self) -> &Value {
        &self.request.input
    }

    /// What the model said.
    #[must_use]
    pub fn request(&self) -> &ToolUseBlock {
        &self.request
    }

    /// Whether another record is of the same call, at another time.
    pub(crate) fn is_same_call(&self, other: &Self) -> bool {
        (self.number, self.id()) == (other.number, other.id())
    }

    /// Where it is.
    #[must_use]
    pub fn state(&self) -> ToolCallState {
        self.state
    }

    /// How often it began to run. More than 1 where it was interrupted and run again.
    #[must_use]
    pub fn starts(&self) -> u32 {
        self.starts
    }

    /// The kind of its failure, as [`ToolError::kind`](crate::ToolError::kind) names it, or `interrupted`.
    #[must_use]
    pub fn failure(&self) -> Option<&str> {
        self.failure.as_deref()
    }

    /// What a human is asked before it may run; none once that is answered.
    #[must_use]
    pub fn question(&self) -> Option<&str> {
        self.question.as_deref()
    }

    /// Whether a human let it be run.
    #[must_use]
    pub fn is_approved(&self) -> bool {
        self.is_approved
    }

    /// What the model is told; there in every final state.
    #[must_use]
    pub fn result(&self) -> Option<&ToolResultBlock> {
        self.result.as_ref()
    }

    /// What it used of models: nothing, unless the tool is an agent or says so by
    /// [`Context::charge`](crate::Context::charge).
    #[must_use]
    pub fn used(&self) -> &ModelUse {
        &self.used
    }

    pub(super) fn numbered(mut self, number: usize) -> Self {
        self.number = number;
        self
    }

    pub(super) fn charge(&mut self, used: &ModelUse) {
        self.used.add(used);
    }

    pub(super) fn ask(&mut self, question: String) -> Result<(), IllegalTransition> {
        self.expect_pending()?;
        self.question = Some(question);
        Ok(())
    }

    pub(super) fn allow(&mut self) -> Result<(), IllegalTransition> {
        self.expect_pending()?;
        (self.question, self.is_approved) = (None, true);
        Ok(())
    }

    pub(super) fn change(&mut self, input: Value) -> Result<(), IllegalTransition> {
        self.expect_pending()?;
        self.request.input = input;
        Ok(())
    }

    pub(super) fn start(&mut self) -> Result<(), IllegalTransition> {
        if self.question.is_some() {
            // nobody has said yet that it may
            return Err(self.illegal(ToolCallState::Running));
        }
        self.become_(ToolCallState::Running)?;
        self.starts = self.starts.saturating_add(1);
        Ok(())
    }

    pub(super) fn finish(
        &mut self,
        state: ToolCallState,
        failure: Option<String>,
        mut result: ToolResultBlock,
    ) -> Result<(), IllegalTransition> {
        self.become_(state)?;
        result.tool_use_id.clone_from(&self.request.tool_use_id);
        (self.failure, self.question, self.result) = (failure, None, Some(result));
        Ok(())
    }

    fn expect_pending(&self) -> Result<(), IllegalTransition> {
        if self.state == ToolCallState::Pending { Ok(()) } else { Err(self.illegal(ToolCallState::Pending)) }
    }

    fn become_(&mut self, next: ToolCallState) -> Result<(), IllegalTransition> {
        if !self.state.may_become(next) {
            return Err(self.illegal(next));
        }
        self.state = next;
        Ok(())
    }

    fn illegal(&self, to: ToolCallState) -> IllegalTransition {
        IllegalTransition { tool_use_id: self.id().to_owned(), from: self.state, to }
    }
}

/// Shows neither arguments nor results.
impl std::fmt::Debug for ToolCall {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ToolCall")
            .field("id", &self.id())
            .field("name", &self.name())
            .field("state", &self.state)
            .field("starts", &self.starts)
            .field("failure", &self.failure)
            .finish_non_exhaustive()
    }
}

/// A call as it is read, before it is known to be one that can be.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Written {
    #[serde(flatten)]
    request: ToolUseBlock,
    #[serde(default)]
    number: usize,
    state: ToolCallState,
    starts: u32,
    failure: Option<String>,
    question: Option<String>,
    #[serde(default)]
    is_approved: bool,
    result: Option<ToolResultBlock>,
    #[serde(default)]
    used: ModelUse,
}

impl TryFrom<Written> for ToolCall {
    type Error = String;

    fn try_from(written: Written) -> Result<Self, String> {
        let Written { request, number, state, starts, failure, question, is_approved, result, used } =
            written;
        let id = &request.tool_use_id;
        if state.is_final() != result.is_some() {
            return Err(format!(
                "tool call {id} is {} but {}",
                state.as_str(),
                match result {
                    Some(_) => "has a result",
                    None => "has no result",
                }
            ));
        }
        if result.as_ref().is_some_and(|result| result.tool_use_id != *id) {
            return Err(format!("the result of tool call {id} names another call"));
        }
        if question.is_some() && state != ToolCallState::Pending {
            return Err(format!("tool call {id} is {} but waits for an approval", state.as_str()));
        }
        if matches!(state, ToolCallState::Running | ToolCallState::Complete) && starts == 0 {
            return Err(format!("tool call {id} is {} but never began", state.as_str()));
        }
        Ok(Self { request, number, state, starts, failure, question, is_approved, result, used })
    }
}
