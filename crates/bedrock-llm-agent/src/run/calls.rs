//! What happens to a run's calls.

use bedrock_llm_schema::ToolResultBlock;
use serde_json::Value;

use super::{ModelUse, Run, RunError, ToolCall, ToolCallState};
use crate::ToolError;

impl Run {
    /// All calls of the run, in the order in which the model asked for them.
    #[must_use]
    pub fn calls(&self) -> &[ToolCall] {
        &self.calls
    }

    /// The calls of the round under way; none between rounds.
    #[must_use]
    pub fn round(&self) -> &[ToolCall] {
        self.calls.get(self.round_begins()..).unwrap_or_default()
    }

    pub(super) fn round_mut(&mut self) -> &mut [ToolCall] {
        let begin = self.round_begins();
        self.calls.get_mut(begin..).unwrap_or_default()
    }

    pub(super) fn round_begins(&self) -> usize {
        self.calls.len().saturating_sub(self.progress.round)
    }

    /// A call of the round under way.
    #[must_use]
    pub fn call(&self, id: &str) -> Option<&ToolCall> {
        self.round().iter().find(|call| call.id() == id)
    }

    /// A call used models. It counts against the run's budget.
    ///
    /// # Errors
    /// When the run has no such call.
    pub fn charge(&mut self, id: &str, used: &ModelUse) -> Result<(), RunError> {
        // some models count their calls anew in each round
        let call = self.calls.iter_mut().rfind(|call| call.id() == id);
        call.ok_or_else(|| RunError::NoCall(id.to_owned()))?.charge(used);
        self.progress.charge(used);
        Ok(())
    }

    /// The memory used models, for the budget.
    pub(crate) fn charge_memory(&mut self, used: &ModelUse) {
        self.progress.charge_memory(used);
    }

    /// A call begins to run, or to run again after it was interrupted.
    ///
    /// # Errors
    /// When it is not in this round, or is done.
    pub fn start(&mut self, id: &str) -> Result<&ToolCall, RunError> {
        let call = self.call_mut(id)?;
        call.start()?;
        Ok(call)
    }

    /// A tool answered.
    ///
    /// # Errors
    /// When the call is not running.
    pub fn complete(&mut self, id: &str, result: ToolResultBlock) -> Result<&ToolCall, RunError> {
        self.finish(id, ToolCallState::Complete, None, result)
    }

    /// A tool did not answer; `kind` as [`ToolError::kind`](crate::ToolError::kind) names it.
    ///
    /// # Errors
    /// When the call is done.
    pub fn fail(&mut self, id: &str, kind: &str, result: ToolResultBlock) -> Result<&ToolCall, RunError> {
        self.finish(id, ToolCallState::Failed, Some(kind.to_owned()), result)
    }

    /// A call may not be run. The model is told why.
    ///
    /// # Errors
    /// When the call is done.
    pub fn deny(&mut self, id: &str, reason: &str) -> Result<&ToolCall, RunError> {
        let result = ToolResultBlock::error(id, format!("denied: {reason}"));
        self.finish(id, ToolCallState::Denied, Some("denied".to_owned()), result)
    }

    /// A call waits for a human's word.
    ///
    /// # Errors
    /// When the call is not pending.
    pub fn ask(&mut self, id: &str, question: impl Into<String>) -> Result<&ToolCall, RunError> {
        let call = self.call_mut(id)?;
        call.ask(question.into())?;
        Ok(call)
    }

    /// A human lets a call be run, with these arguments where they are not the model's. The history keeps the model's.
    ///
    /// # Errors
    /// When the call is not pending.
    pub fn allow(&mut self, id: &str, input: Option<Value>) -> Result<(), RunError> {
        let call = self.call_mut(id)?;
        call.allow()?;
        match input {
            Some(input) => Ok(call.change(input)?),
            None => Ok(()),
        }
    }

    /// A call is to be run with other arguments. The history keeps the model's.
    ///
    /// # Errors
    /// When the call is not pending.
    pub fn change(&mut self, id: &str, input: Value) -> Result<(), RunError> {
        Ok(self.call_mut(id)?.change(input)?)
    }

    /// A call came out, with this told to the model.
    pub(crate) fn settle(
        &mut self,
        id: &str,
        failure: Option<&ToolError>,
        result: ToolResultBlock,
    ) -> Result<&ToolCall, RunError> {
        let state = match failure {
            None => ToolCallState::Complete,
            Some(ToolError::Denied { .. }) => ToolCallState::Denied,
            Some(ToolError::Cancelled) => ToolCallState::Cancelled,
            Some(_) => ToolCallState::Failed,
        };
        self.finish(id, state, failure.map(|error| error.kind().to_owned()), result)
    }

    fn finish(
        &mut self,
        id: &str,
        state: ToolCallState,
        failure: Option<String>,
        result: ToolResultBlock,
    ) -> Result<&ToolCall, RunError> {
        let call = self.call_mut(id)?;
        call.finish(state, failure, result)?;
        Ok(call)
    }

    fn call_mut(&mut self, id: &str) -> Result<&mut ToolCall, RunError> {
        let call = self.round_mut().iter_mut().find(|call| call.id() == id);
        call.ok_or_else(|| RunError::NoCall(id.to_owned()))
    }
}
