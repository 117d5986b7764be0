//! What a run makes of the model's answer.

use std::collections::BTreeSet;

use bedrock_llm_schema::conversation::{ConversationError, Refusal};
use bedrock_llm_schema::model::Cost;
use bedrock_llm_schema::response::{IncompleteCause, IncompleteToolUse};
use bedrock_llm_schema::{
    ChatResponse, ContentBlock, Message, StopReason, ToolResultBlock, ToolUseBlock, Usage,
};
use serde_json::json;

use super::{AgentStop, OnMaxTokens, Phase, Run, RunError, ToolCall, ToolCallState};

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
            broken.push((call.tool_use_id.clone(), complaint(call)));
            message.content.push(ContentBlock::ToolUse(block));
        }
        give_own_ids(&mut message);

        let grows = matches!(self.progress.limits.on_max_tokens, OnMaxTokens::Grow(most) if self.progress.grown < most);
        if is_cut_off && grows {
            self.count(&usage, cost);
            self.progress.grown += 1;
            self.progress.message = Some(message);
            return Ok(());
        }

        let calls: Vec<ToolCall> = message
            .tool_uses()
            .filter(|call| !call.is_run_by_service())
            .cloned()
            .map(ToolCall::new)
            .collect();
        match self.conversation.push(message.clone()) {
            Ok(()) => self.said.push(message.clone()),
            // an answer without content is none, and the history does without it
            Err(error) if says_nothing(&error) => {}
            Err(error) => return Err(error.into()),
        }
        self.count(&usage, cost);
        self.progress.message = Some(message);
        self.progress.calls = calls;
        if self.progress.calls.is_empty() {
            self.progress.phase = Phase::Done(stop_of(stop_reason));
            return Ok(());
        }
        self.progress.phase = Phase::Tools;
        if is_cut_off && !tells {
            self.end(AgentStop::MaxTokens, "the answer reached max_tokens");
            return Ok(());
        }
        for (id, complaint) in broken {
            self.fail(&id, "bad_arguments", ToolResultBlock::error(id.as_str(), complaint))?;
        }
        self.refuse_repeats()
    }

    fn refuse_repeats(&mut self) -> Result<(), RunError> {
        let most = self.progress.limits.max_repeats;
        let refused = self.progress.repeats.take(&self.progress.calls, most);
        let ids: Vec<String> = self.progress.calls.iter().map(|call| call.id().to_owned()).collect();
        for (id, _) in ids.iter().zip(refused).filter(|(_, is_refused)| *is_refused) {
            if self.call(id).is_some_and(|call| call.state() == ToolCallState::Pending) {
                self.deny(id, "this call was made before with the same arguments, again and again, and its result will be the same; do something else, or answer with what you know")?;
            }
        }
        Ok(())
    }

    fn count(&mut self, usage: &Usage, cost: Option<Cost>) {
        if self.progress.iterations == 0 {
            self.progress.usage = usage.clone();
        } else {
            self.progress.usage += usage;
        }
        self.progress.iterations = self.progress.iterations.saturating_add(1);
        self.progress.cost = self.progress.cost.zip(cost).map(|(sum, more)| sum + more);
    }
}

fn is_invalid(call: &IncompleteToolUse) -> bool {
    matches!(call.cause, IncompleteCause::InvalidJson(_))
}

fn says_nothing(error: &ConversationError) -> bool {
    matches!(error.refusal(), Refusal::SaysNothing)
}

/// Some models count their calls anew, or leave ids empty; within a turn each call needs one of its own.
fn give_own_ids(message: &mut Message) {
    let mut taken = BTreeSet::new();
    for (place, block) in message.content.iter_mut().enumerate() {
        let ContentBlock::ToolUse(call) = block else { continue };
        if call.tool_use_id.is_empty() || taken.contains(&call.tool_use_id) {
            call.tool_use_id = format!("{}-{place}", call.tool_use_id);
        }
        taken.insert(call.tool_use_id.clone());
    }
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
