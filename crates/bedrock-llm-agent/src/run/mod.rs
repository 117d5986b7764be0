//! A run as a value: what is to be done next, and what has come of it. No I/O happens here.

mod answer;
mod call;
mod limits;
mod model_use;
mod repeats;

use std::fmt;
use std::time::Duration;

use bedrock_llm_schema::conversation::ConversationError;
use bedrock_llm_schema::model::Cost;
use bedrock_llm_schema::{Conversation, Message, Role, ToolResultBlock, Usage};
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use call::{IllegalTransition, ToolCall, ToolCallState};
pub use limits::{AgentStop, Budget, OnMaxTokens, RunLimits, Spent};
pub use model_use::ModelUse;
use repeats::Repeats;

use crate::ToolError;

/// A run: a conversation in which a model calls tools until it has answered.
///
/// It is a state machine that does nothing by itself: [`next`](Self::next) says what is to be done, the other methods take
/// what came of it. Its serde form can be kept and gone on with in another process. The conversation in it is sound at
/// every moment; only the calls of its last turn may wait for their results.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Run {
    conversation: Conversation,
    /// The calls of earlier rounds.
    #[serde(default)]
    finished: Vec<ToolCall>,
    progress: Progress,
    /// What was said since it was asked last, for a transcript.
    #[serde(skip)]
    said: Vec<Message>,
}

/// How far a run has come, beside its conversation and its finished calls.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Progress {
    limits: RunLimits,
    phase: Phase,
    /// The calls of the round under way, in the order in which the model asked for them.
    calls: Vec<ToolCall>,
    repeats: Repeats,
    iterations: u32,
    /// How often `max_tokens` was doubled.
    grown: u32,
    usage: Usage,
    /// None where a price was not known.
    cost: Option<Cost>,
    #[serde(default, skip_serializing_if = "ModelUse::is_nothing")]
    used_by_tools: ModelUse,
    time: Duration,
    /// What the model said last.
    message: Option<Message>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Phase {
    Model,
    Tools,
    Done(AgentStop),
}

/// What a run wants next.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Step {
    /// The model's answer to the conversation: [`Run::answered`].
    CallModel,
    /// These calls to be run, by id, in the model's order: [`Run::start`], then how each came out.
    CallTools(Vec<String>),
    /// How these calls, which are running, came out. After a restart nobody runs them any more: [`Run::start`] them again
    /// or [`Run::fail`] them.
    Await(Vec<String>),
    /// A human's word on these calls: [`Run::allow`] or [`Run::deny`].
    Approve(Vec<String>),
    /// Nothing: it has stopped.
    Done(AgentStop),
}

/// What a run cannot take.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// The conversation would not be sound.
    #[error("the model's answer does not fit the conversation")]
    Conversation(#[from] ConversationError),
    /// The call is in a state that does not allow it.
    #[error(transparent)]
    Transition(#[from] IllegalTransition),
    /// The round under way has no such call.
    #[error("there is no tool call {0} in this round")]
    NoCall(String),
    /// An answer came that was not asked for.
    #[error("no answer of the model was asked for; `next` says what is")]
    NotAsked,
    /// The model has not ended its turn.
    #[error("the run goes on only after the model has ended its turn")]
    NotEnded,
    /// The conversation is not one that a model can answer.
    #[error("a run begins with a conversation whose last turn is the user's")]
    NothingAsked,
}

impl Run {
    /// A run over a conversation whose last turn is the user's.
    ///
    /// # Errors
    /// [`RunError::NothingAsked`].
    pub fn new(conversation: Conversation, limits: RunLimits) -> Result<Self, RunError> {
        let is_asked = conversation.messages().last().is_some_and(|last| last.role == Role::User);
        if !is_asked {
            return Err(RunError::NothingAsked);
        }
        let progress = Progress {
            limits,
            phase: Phase::Model,
            calls: Vec::new(),
            repeats: Repeats::default(),
            iterations: 0,
            grown: 0,
            usage: Usage::default(),
            cost: Some(Cost::default()),
            used_by_tools: ModelUse::default(),
            time: Duration::ZERO,
            message: None,
        };
        Ok(Self { conversation, finished: Vec::new(), progress, said: Vec::new() })
    }

    /// Puts a run together again from what a store keeps of it.
    #[must_use]
    pub fn restore(conversation: Conversation, finished: Vec<ToolCall>, progress: Progress) -> Self {
        Self { conversation, finished, progress, said: Vec::new() }
    }

    /// What is to be done next. Asking twice changes nothing.
    pub fn next(&mut self) -> Step {
        match &self.progress.phase {
            Phase::Done(stop) => Step::Done(stop.clone()),
            Phase::Model => match self.progress.spent() {
                Some(stop) => self.stop(stop),
                None => Step::CallModel,
            },
            Phase::Tools => self.round(),
        }
    }

    fn round(&mut self) -> Step {
        let ids = |is_wanted: fn(&ToolCall) -> bool| -> Vec<String> {
            let wanted = self.progress.calls.iter().filter(|call| is_wanted(call));
            wanted.map(|call| call.id().to_owned()).collect()
        };
        let to_run = ids(|call| call.state() == ToolCallState::Pending && call.question().is_none());
        if !to_run.is_empty() {
            return Step::CallTools(to_run);
        }
        let running = ids(|call| call.state() == ToolCallState::Running);
        if !running.is_empty() {
            return Step::Await(running);
        }
        let asked = ids(|call| call.state() == ToolCallState::Pending);
        if !asked.is_empty() {
            return Step::Approve(asked);
        }
        self.end_round();
        self.next()
    }

    /// Gives the model the results and goes on, or stops where a tool or a loop says so.
    fn end_round(&mut self) {
        let calls = std::mem::take(&mut self.progress.calls);
        self.give_results(&calls);
        let stops_on = |call: &&ToolCall| {
            call.state() == ToolCallState::Complete && self.progress.limits.stop_on.contains(call.name())
        };
        self.progress.phase = match (calls.iter().find(stops_on), self.progress.repeats.looping()) {
            (Some(call), _) => Phase::Done(AgentStop::Tool(call.name().to_owned())),
            (None, Some(tool)) => Phase::Done(AgentStop::Loop(tool.to_owned())),
            (None, None) => Phase::Model,
        };
        self.finished.extend(calls);
    }

    fn give_results(&mut self, calls: &[ToolCall]) {
        let results = Message::new(Role::User, calls.iter().filter_map(|call| call.result().cloned()));
        // the calls of a round are those of the last turn, each with one result
        let pushed = self.conversation.push(results.clone());
        debug_assert!(pushed.is_ok(), "{pushed:?}");
        self.said.push(results);
    }

    fn stop(&mut self, stop: AgentStop) -> Step {
        self.progress.phase = Phase::Done(stop.clone());
        Step::Done(stop)
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

    /// Goes on with a run that the model ended: the user says this.
    ///
    /// # Errors
    /// [`RunError::NotEnded`] while it is under way, or where it was stopped for another reason.
    pub fn say(&mut self, message: Message) -> Result<(), RunError> {
        if !matches!(self.progress.phase, Phase::Done(AgentStop::EndTurn | AgentStop::StopSequence)) {
            return Err(RunError::NotEnded);
        }
        self.conversation.push(message.clone())?;
        self.said.push(message);
        self.progress.phase = Phase::Model;
        Ok(())
    }

    /// Stops after this tool, too.
    pub(crate) fn stop_on(&mut self, tool: &str) {
        self.progress.limits.stop_on.insert(tool.to_owned());
    }

    /// Ends the run. Calls that are not done are cancelled, and told so; the conversation is sound and can go on.
    /// A run that has stopped stays as it is.
    pub fn cancel(&mut self, reason: &str) {
        self.end(AgentStop::Cancelled, reason);
    }

    /// Ends the run for another reason than its own.
    pub(crate) fn end(&mut self, stop: AgentStop, reason: &str) {
        if matches!(self.progress.phase, Phase::Done(_)) {
            return;
        }
        let mut calls = std::mem::take(&mut self.progress.calls);
        for call in &mut calls {
            let told = ToolResultBlock::error(call.id(), format!("cancelled: {reason}"));
            // those that are done stay as they are
            drop(call.finish(ToolCallState::Cancelled, Some("cancelled".to_owned()), told));
        }
        if self.progress.phase == Phase::Tools {
            self.give_results(&calls);
        }
        self.finished.extend(calls);
        self.progress.phase = Phase::Done(stop);
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

    /// A call used models. It counts against the run's budget.
    ///
    /// # Errors
    /// When the run has no such call.
    pub fn charge(&mut self, id: &str, used: &ModelUse) -> Result<(), RunError> {
        let mut calls = self.finished.iter_mut().chain(&mut self.progress.calls).rev();
        let call = calls.find(|call| call.id() == id).ok_or_else(|| RunError::NoCall(id.to_owned()))?;
        call.charge(used);
        self.progress.used_by_tools.add(used);
        self.progress.cost = self.progress.cost.zip(used.cost).map(|(sum, more)| sum + more);
        Ok(())
    }

    /// Adds to the time at work.
    pub fn spend(&mut self, time: Duration) {
        self.progress.time = self.progress.time.saturating_add(time);
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
        let mut calls = self.progress.calls.iter_mut();
        calls.find(|call| call.id() == id).ok_or_else(|| RunError::NoCall(id.to_owned()))
    }

    /// The conversation so far.
    #[must_use]
    pub fn conversation(&self) -> &Conversation {
        &self.conversation
    }

    /// The conversation, to be pruned by a memory while the model is to be asked.
    pub(crate) fn conversation_mut(&mut self) -> &mut Conversation {
        &mut self.conversation
    }

    /// Hands over the turns that were said since it was asked last.
    pub(crate) fn take_said(&mut self) -> Vec<Message> {
        std::mem::take(&mut self.said)
    }

    /// The conversation, to keep.
    #[must_use]
    pub fn into_conversation(self) -> Conversation {
        self.conversation
    }

    /// The calls of the round under way, in the model's order.
    #[must_use]
    pub fn calls(&self) -> &[ToolCall] {
        &self.progress.calls
    }

    /// A call of the round under way.
    #[must_use]
    pub fn call(&self, id: &str) -> Option<&ToolCall> {
        self.progress.calls.iter().find(|call| call.id() == id)
    }

    /// The calls of the rounds before.
    #[must_use]
    pub fn finished_calls(&self) -> &[ToolCall] {
        &self.finished
    }

    /// How far it has come.
    #[must_use]
    pub fn progress(&self) -> &Progress {
        &self.progress
    }
}

impl Progress {
    /// What the run is held to.
    #[must_use]
    pub fn limits(&self) -> &RunLimits {
        &self.limits
    }

    /// How many answers the model gave.
    #[must_use]
    pub fn iterations(&self) -> u32 {
        self.iterations
    }

    /// What all answers used together, without what tools used.
    #[must_use]
    pub fn usage(&self) -> &Usage {
        &self.usage
    }

    /// What tools used of models.
    #[must_use]
    pub fn used_by_tools(&self) -> &ModelUse {
        &self.used_by_tools
    }

    /// What the answers and the tools cost; `None` where a price is not known.
    #[must_use]
    pub fn cost(&self) -> Option<Cost> {
        self.cost
    }

    /// The time at work.
    #[must_use]
    pub fn time(&self) -> Duration {
        self.time
    }

    /// The model's last answer, as far as it came.
    #[must_use]
    pub fn message(&self) -> Option<&Message> {
        self.message.as_ref()
    }

    /// The calls of the round under way, in the model's order.
    #[must_use]
    pub fn calls(&self) -> &[ToolCall] {
        &self.calls
    }

    /// Why it stopped, if it has.
    #[must_use]
    pub fn stop(&self) -> Option<&AgentStop> {
        match &self.phase {
            Phase::Done(stop) => Some(stop),
            Phase::Model | Phase::Tools => None,
        }
    }

    /// The factor by which `max_tokens` has grown: see [`OnMaxTokens::Grow`].
    #[must_use]
    pub fn max_tokens_factor(&self) -> u32 {
        1_u32.checked_shl(self.grown).unwrap_or(u32::MAX)
    }

    fn spent(&self) -> Option<AgentStop> {
        let Budget { tokens, cost, time } = self.limits.budget;
        let is_costly = |most: Cost| match self.cost {
            Some(cost) => cost >= most,
            None => self.iterations > 0,
        };
        let used = self.usage.total().saturating_add(self.used_by_tools.usage.total());
        if self.iterations >= self.limits.max_iterations {
            Some(AgentStop::MaxIterations)
        } else if tokens.is_some_and(|most| used >= most) {
            Some(AgentStop::Budget(Spent::Tokens))
        } else if cost.is_some_and(is_costly) {
            Some(AgentStop::Budget(Spent::Cost))
        } else if time.is_some_and(|most| self.time >= most) {
            Some(AgentStop::Budget(Spent::Time))
        } else {
            None
        }
    }
}

/// Counts, and never shows what was said.
impl fmt::Debug for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Run")
            .field("conversation", &self.conversation)
            .field("finished", &self.finished.len())
            .field("progress", &self.progress)
            .finish()
    }
}

/// Counts, and never shows what was said.
impl fmt::Debug for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Progress")
            .field("phase", &self.phase)
            .field("calls", &self.calls)
            .field("iterations", &self.iterations)
            .field("usage", &self.usage)
            .field("time", &self.time)
            .finish_non_exhaustive()
    }
}
