//! A run as a value: what is to be done next, and what has come of it. No I/O happens here.

mod answer;
mod call;
mod calls;
mod limits;
mod model_use;
mod progress;
mod repeats;

use std::fmt;
use std::time::Duration;

use bedrock_llm_schema::conversation::ConversationError;
use bedrock_llm_schema::{Conversation, Message, Role, ToolResultBlock};
use serde::{Deserialize, Serialize};

pub use call::{IllegalTransition, ToolCall, ToolCallState};
pub use limits::{AgentStop, Budget, OnMaxTokens, RunLimits, Spent};
pub use model_use::ModelUse;
use progress::Phase;
pub use progress::Progress;

/// A run: a conversation in which a model calls tools until it has answered.
///
/// It is a state machine that does nothing by itself: [`step`](Self::step) says what is to be done, the other methods take
/// what came of it. Its serde form can be kept and gone on with in another process. The conversation in it is sound at
/// every moment; only the calls of its last turn may wait for their results.
///
/// ```
/// use bedrock_llm_agent::run::{AgentStop, Run, RunLimits, Step};
/// use bedrock_llm_schema::{ChatResponse, Conversation, Message, StopReason, ToolResultBlock, ToolUseBlock, Usage};
/// use serde_json::json;
///
/// let mut conversation = Conversation::new();
/// conversation.push("What is 1 + 2?")?;
/// let mut run = Run::new(conversation, RunLimits::default())?;
///
/// assert_eq!(run.step(), Step::CallModel);
/// let call = Message::assistant(ToolUseBlock::new("t1", "add", json!({"a": 1, "b": 2})));
/// run.answered(ChatResponse::new(call, StopReason::ToolUse, Usage::new(10, 5)), None)?;
///
/// assert_eq!(run.step(), Step::CallTools(vec!["t1".to_owned()]));
/// run.start("t1")?;
///
/// // stored here, gone on with elsewhere
/// let mut run: Run = serde_json::from_str(&serde_json::to_string(&run)?)?;
/// assert_eq!(run.step(), Step::Await(vec!["t1".to_owned()]));
/// run.complete("t1", ToolResultBlock::text("t1", "3"))?;
///
/// assert_eq!(run.step(), Step::CallModel);
/// run.answered(ChatResponse::new(Message::assistant("3."), StopReason::EndTurn, Usage::new(20, 2)), None)?;
/// assert_eq!(run.step(), Step::Done(AgentStop::EndTurn));
/// assert_eq!(run.conversation().messages().len(), 4);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Written", rename_all = "camelCase")]
pub struct Run {
    conversation: Conversation,
    /// All calls, in the order in which the model asked for them; the last are those of the round under way.
    calls: Vec<ToolCall>,
    progress: Progress,
    /// What the model said last, as far as it came.
    message: Option<Message>,
    /// What was said since it was asked last, for a transcript.
    #[serde(skip)]
    said: Vec<Message>,
}

/// A run as it is read, before it is known to be one that can be.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Written {
    conversation: Conversation,
    calls: Vec<ToolCall>,
    progress: Progress,
    message: Option<Message>,
}

impl TryFrom<Written> for Run {
    type Error = RunError;

    fn try_from(written: Written) -> Result<Self, RunError> {
        let Written { conversation, calls, progress, message } = written;
        Ok(Self { message, ..Self::restore(conversation, calls, progress)? })
    }
}

/// What is said of a call that had begun to run and whose end nobody saw.
pub(crate) const UNKNOWN_EFFECT: &str = "this had begun to run, and nobody knows whether it took effect";

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
    #[error("what was said does not fit the conversation")]
    Conversation(#[from] ConversationError),
    /// The call is in a state that does not allow it.
    #[error(transparent)]
    Transition(#[from] IllegalTransition),
    /// The round under way has no such call.
    #[error("there is no tool call {0} in this round")]
    NoCall(String),
    /// An answer came that was not asked for.
    #[error("no answer of the model was asked for; `step` says what is")]
    NotAsked,
    /// The model has not ended its turn.
    #[error("the run goes on only after the model has ended its turn")]
    NotEnded,
    /// The conversation is not one that a model can answer.
    #[error("a run begins with a conversation whose last turn is the user's")]
    NothingAsked,
    /// The calls of the round are not those that the conversation waits for.
    #[error("the run's calls are not those that its conversation waits for")]
    Inconsistent,
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
        let progress = Progress::new(limits);
        Ok(Self { conversation, calls: Vec::new(), progress, message: None, said: Vec::new() })
    }

    /// Puts a run together again from what a store keeps of it: what the model is told, all calls of the run, and how far
    /// it had come.
    ///
    /// # Errors
    /// [`RunError::Inconsistent`].
    pub fn restore(
        conversation: Conversation,
        calls: Vec<ToolCall>,
        progress: Progress,
    ) -> Result<Self, RunError> {
        let message = conversation.messages().iter().rfind(|said| said.role == Role::Assistant).cloned();
        let message = message.filter(|_| progress.iterations > 0);
        let run = Self { conversation, calls, progress, message, said: Vec::new() };
        let waits: Vec<&str> = run.conversation.pending().map(|call| call.tool_use_id.as_str()).collect();
        let round: Vec<&str> = run.round().iter().map(ToolCall::id).collect();
        if waits == round { Ok(run) } else { Err(RunError::Inconsistent) }
    }

    /// What is to be done next. Asking twice changes nothing.
    pub fn step(&mut self) -> Step {
        match &self.progress.phase {
            Phase::Done(stop) => Step::Done(stop.clone()),
            Phase::Model => match self.progress.spent() {
                Some(stop) => {
                    self.progress.phase = Phase::Done(stop.clone());
                    Step::Done(stop)
                }
                None => Step::CallModel,
            },
            Phase::Tools => self.next_of_round(),
        }
    }

    fn next_of_round(&mut self) -> Step {
        let ids = |is_wanted: fn(&ToolCall) -> bool| -> Vec<String> {
            self.round().iter().filter(|call| is_wanted(call)).map(|call| call.id().to_owned()).collect()
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
        self.step()
    }

    /// Gives the model the results and goes on, or stops where a tool or a loop says so.
    fn end_round(&mut self) {
        let stops_on = |call: &&ToolCall| {
            call.state() == ToolCallState::Complete && self.progress.limits.stop_on.contains(call.name())
        };
        let phase = match (self.round().iter().find(stops_on), self.progress.repeats.looping()) {
            (Some(call), _) => Phase::Done(AgentStop::Tool(call.name().to_owned())),
            (None, Some(tool)) => Phase::Done(AgentStop::Loop(tool.to_owned())),
            (None, None) => Phase::Model,
        };
        self.give_results(phase);
    }

    fn give_results(&mut self, phase: Phase) {
        let results = self.round().iter().filter_map(|call| call.result().cloned());
        let results = Message::new(Role::User, results);
        (self.progress.phase, self.progress.round) = (phase, 0);
        // the calls of a round are those the conversation waits for, and each has a result now
        let pushed = self.conversation.push(results.clone());
        debug_assert!(pushed.is_ok(), "{pushed:?}");
        self.said.push(results);
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
    /// A run that has stopped stays as it is. Gives the calls that were cancelled.
    pub fn cancel(&mut self, reason: &str) -> Vec<ToolCall> {
        self.end(AgentStop::Cancelled, reason)
    }

    /// Ends the run for another reason than its own.
    pub(crate) fn end(&mut self, stop: AgentStop, reason: &str) -> Vec<ToolCall> {
        if matches!(self.progress.phase, Phase::Done(_)) {
            return Vec::new();
        }
        let mut cancelled = Vec::new();
        for call in self.round_mut().iter_mut().filter(|call| !call.state().is_final()) {
            // one that had begun may have taken effect, and the model has to know
            let (kind, told) = match call.state() {
                ToolCallState::Running => ("interrupted", format!("interrupted: {reason}; {UNKNOWN_EFFECT}")),
                _ => ("cancelled", format!("cancelled: {reason}")),
            };
            let told = ToolResultBlock::error(call.id(), told);
            if call.finish(ToolCallState::Cancelled, Some(kind.to_owned()), told).is_ok() {
                cancelled.push(call.clone());
            }
        }
        match self.progress.phase {
            Phase::Tools => self.give_results(Phase::Done(stop)),
            Phase::Model | Phase::Done(_) => self.progress.phase = Phase::Done(stop),
        }
        cancelled
    }

    /// Adds to the time at work.
    pub fn spend(&mut self, time: Duration) {
        self.progress.time = self.progress.time.saturating_add(time);
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

    /// The conversation, to keep.
    #[must_use]
    pub fn into_conversation(self) -> Conversation {
        self.conversation
    }

    /// What the model said last, as far as it came.
    #[must_use]
    pub fn message(&self) -> Option<&Message> {
        self.message.as_ref()
    }

    /// How far it has come.
    #[must_use]
    pub fn progress(&self) -> &Progress {
        &self.progress
    }

    /// Hands over the turns that were said since it was asked last.
    pub(crate) fn take_said(&mut self) -> Vec<Message> {
        std::mem::take(&mut self.said)
    }
}

/// Counts, and never shows what was said.
impl fmt::Debug for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Run")
            .field("conversation", &self.conversation)
            .field("calls", &self.calls)
            .field("progress", &self.progress)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
