//! What a run makes of the model's answer.

use std::collections::BTreeSet;

use bedrock_llm_schema::conversation::Refusal;
use bedrock_llm_schema::model::Cost;
use bedrock_llm_schema::response::{IncompleteCause, IncompleteToolUse};
use bedrock_llm_schema::{ChatResponse, ContentBlock, Message, StopReason, ToolResultBlock, ToolUseBlock};
use serde_json::json;

use super::progress::Phase;
use super::{AgentStop, OnMaxTokens, Run, RunError, ToolCall, ToolCallState};

impl Run {
    /// The model answered; `cost` is `None` where it is not known.
    ///
    /// Calls whose arguments are not JSON are failed ones: the model reads why, with what it had written. Calls that
    /// `max_tokens` cut off go by [`RunLimits::on_max_tokens`](super::RunLimits::on_max_tokens). Calls that the service
    /// runs itself are left alone.
    ///
    /// # Errors
    /// When no answer was asked for, or it does not fit the conversation. The run is as it was then.
    pub fn answered(&mut self, response: ChatResponse, cost: Option<Cost>) -> Result<(), RunError> {
        if self.progress.phase != Phase::Model {
            return Err(RunError::NotAsked);
        }
        let ChatResponse { mut message, stop_reason, usage, incomplete_tool_uses, .. } = response;
        let is_cut_off = incomplete_tool_uses.iter().any(|call| !is_invalid(call));
        let tells = self.progress.limits.on_max_tokens == OnMaxTokens::Tell;
        let mut broken = Vec::new();
        for call in incomplete_tool_uses.iter().filter(|call| is_invalid(call) || tells) {
            let block = ToolUseBlock::new(call.tool_use_id.as_str(), call.name.as_str(), json!({}));
            broken.push(complaint(call));
            message.content.push(ContentBlock::ToolUse(block));
        }
        self.give_own_ids(&mut message);

        if is_cut_off
            && matches!(self.progress.limits.on_max_tokens, OnMaxTokens::Grow(most) if self.progress.grown < most)
        {
            // as many were not enough
            let said = u32::try_from(usage.output_tokens).unwrap_or(u32::MAX);
            self.progress.max_tokens = Some(said.saturating_mul(2));
            self.progress.grown += 1;
            self.progress.count(&usage, cost);
            self.message = Some(message);
            return Ok(());
        }

        match self.conversation.push(message.clone()) {
            Ok(()) => self.said.push(message.clone()),
            // an answer without content is none, and the history does without it
            Err(error) if matches!(error.refusal(), Refusal::SaysNothing) => {}
            Err(error) => return Err(error.into()),
        }
        self.progress.count(&usage, cost);
        let before = self.calls.len();
        let calls = message.tool_uses().cloned().map(ToolCall::new);
        self.calls.extend(calls.enumerate().map(|(place, call)| call.numbered(before + place)));
        self.progress.round = self.calls.len() - before;
        self.message = Some(message);
        if self.progress.round == 0 {
            self.progress.phase = Phase::Done(stop_of(stop_reason));
            return Ok(());
        }
        self.progress.phase = Phase::Tools;
        if is_cut_off && !tells {
            self.end(AgentStop::MaxTokens, "the answer reached max_tokens");
            return Ok(());
        }
        // they were put behind the others, and have ids of their own by now
        let ids: Vec<String> =
            self.round().iter().rev().take(broken.len()).map(|call| call.id().to_owned()).collect();
        for (id, complaint) in ids.into_iter().rev().zip(broken) {
            self.fail(&id, "bad_arguments", ToolResultBlock::error(id.as_str(), complaint))?;
        }
        self.refuse_repeats()
    }

    /// What came of an answer that was given up: its text becomes part of the history, since somebody may have read it.
    /// Calls and reasoning that are not whole cannot.
    pub(crate) fn broke_off(&mut self, response: ChatResponse) {
        let mut message = response.message;
        message.content.retain(|block| matches!(block, ContentBlock::Text(text) if !text.trim().is_empty()));
        if self.conversation.push(message.clone()).is_ok() {
            self.said.push(message.clone());
            self.message = Some(message);
        }
    }

    /// Some models repeat ids or leave them empty; within a turn each call needs one of its own. Those that are made here
    /// are not taken in the whole run.
    fn give_own_ids(&self, message: &mut Message) {
        let earlier: BTreeSet<&str> = self.calls.iter().map(ToolCall::id).collect();
        let mut taken = BTreeSet::new();
        for block in &mut message.content {
            let ContentBlock::ToolUse(call) = block else { continue };
            let said = std::mem::take(&mut call.tool_use_id);
            let is_free = !said.is_empty() && !taken.contains(&said);
            let made = (1..).map(|number| format!("{said}-{number}"));
            let free = made.into_iter().find(|id| !taken.contains(id) && !earlier.contains(id.as_str()));
            call.tool_use_id = if is_free { said } else { free.unwrap_or_default() };
            taken.insert(call.tool_use_id.clone());
        }
    }

    fn refuse_repeats(&mut self) -> Result<(), RunError> {
        let most = self.progress.limits.max_repeats;
        let begin = self.round_begins();
        let refused = self.progress.repeats.take(self.calls.get(begin..).unwrap_or_default(), most);
        let pending = |call: &ToolCall| call.state() == ToolCallState::Pending;
        let ids: Vec<String> = self
            .round()
            .iter()
            .zip(refused)
            .filter(|(call, is_refused)| *is_refused && pending(call))
            .map(|(call, _)| call.id().to_owned())
            .collect();
        for id in ids {
            self.deny(&id, REPEATED)?;
        }
        Ok(())
    }
}

const REPEATED: &str = "this call was made again and again with the same arguments; its result is known and will be the \
                        same. Do something else, or answer with what you know";

fn is_invalid(call: &IncompleteToolUse) -> bool {
    matches!(call.cause, IncompleteCause::InvalidJson(_))
}

fn complaint(call: &IncompleteToolUse) -> String {
    match &call.cause {
        IncompleteCause::InvalidJson(message) => {
            format!("bad arguments: not JSON ({message}); you wrote: {}", call.raw)
        }
        _ => "the call was cut off because the answer reached its limit of tokens; ask for less at once"
            .to_owned(),
    }
}

fn stop_of(reason: StopReason) -> AgentStop {
    match reason {
        // a model that says it calls a tool and calls none has nothing more to say
        StopReason::EndTurn | StopReason::ToolUse => AgentStop::EndTurn,
        StopReason::StopSequence => AgentStop::StopSequence,
        StopReason::MaxTokens => AgentStop::MaxTokens,
        StopReason::GuardrailIntervened => AgentStop::GuardrailIntervened,
        StopReason::ContentFiltered => AgentStop::ContentFiltered,
        StopReason::ModelContextWindowExceeded => AgentStop::ContextWindowExceeded,
        StopReason::MalformedModelOutput | StopReason::MalformedToolUse => AgentStop::Malformed,
        other => AgentStop::Other(other.as_str().to_owned()),
    }
}
