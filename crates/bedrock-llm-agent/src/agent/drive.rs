//! Drives a run: does what it asks for, until it has stopped.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use bedrock_llm_schema::{Conversation, Message};
use tokio::sync::mpsc::Sender;
use tokio::time::Instant;
use tokio_util::sync::DropGuard;

use super::commit::{Begun, Ledger};
use super::goal::Goal;
use super::hook::Approval;
use super::{Agent, AgentError, AgentEvent, AgentInput, AgentResponse, Resume};
use crate::memory::MemoryUpdate;
use crate::run::{AgentStop, ModelUse, Run, RunError, Spent, Step};
use crate::{Context, State, StateChange};

/// One run being driven.
pub(super) struct Drive {
    pub(super) agent: Agent,
    events: Option<Sender<AgentEvent>>,
    pub(super) context: Context,
    pub(super) ledger: Option<Ledger>,
    pub(super) updates: Vec<MemoryUpdate>,
    pub(super) changes: Vec<StateChange>,
    /// What a typed run is after.
    pub(super) goal: Option<Goal>,
    /// When the time at work was added up last.
    clock: Instant,
    /// Tools that nobody can drop see that the run is over, however it ended.
    _over: DropGuard,
}

/// Why waiting for something was given up.
pub(super) enum GivenUp {
    Cancelled,
    Late,
}

impl Drive {
    pub(super) fn new(agent: Agent, events: Option<Sender<AgentEvent>>) -> Self {
        let most = agent.shared.max_depth;
        let depth = agent.parent.as_ref().map_or(most, |call| call.depth_left().saturating_sub(1).min(most));
        let cancellation = agent.cancellation.child_token();
        let over = cancellation.clone().drop_guard();
        let context =
            Context::new().with_data(agent.data.clone()).with_cancellation(cancellation).with_depth(depth);
        Self {
            agent,
            events,
            context,
            ledger: None,
            updates: Vec::new(),
            changes: Vec::new(),
            goal: None,
            clock: Instant::now(),
            _over: over,
        }
    }

    pub(super) async fn run(mut self, input: AgentInput) -> Result<AgentResponse, AgentError> {
        let mut run = self.begin(input).await?;
        self.clock = Instant::now();
        match self.work(&mut run).await {
            Ok(stop) => Ok(AgentResponse::new(run, stop, self.updates, self.changes)),
            Err(error) => Err(error.with_run(run)),
        }
    }

    /// The run, from where it is.
    async fn begin(&mut self, input: AgentInput) -> Result<Run, AgentError> {
        match input {
            AgentInput::Say(message) => self.begin_with(Begin::Say(message)).await,
            AgentInput::Converse(conversation) => self.begin_with(Begin::Converse(conversation)).await,
            AgentInput::Resume(resume) => self.resume(resume).await,
        }
    }

    async fn begin_with(&mut self, begin: Begin) -> Result<Run, AgentError> {
        let limits = self.agent.shared.limits.clone();
        let Some(session) = self.agent.session.clone() else {
            let conversation = match begin {
                Begin::Say(message) => {
                    let mut conversation = Conversation::new();
                    conversation.push(message).map_err(RunError::from)?;
                    conversation
                }
                Begin::Converse(conversation) => conversation,
            };
            return Ok(Run::new(conversation, limits)?);
        };
        let store = Arc::clone(&self.agent.shared.store);
        let policy = &self.agent.shared.on_conflict;
        let begun = Ledger::begin(store, &session, policy, &begin, &limits).await?;
        Ok(self.enter(begun))
    }

    async fn resume(&mut self, resume: Resume) -> Result<Run, AgentError> {
        let mut run = match (resume.run, self.agent.session.clone()) {
            (Some(run), None) => *run,
            (None, Some(session)) => {
                let store = Arc::clone(&self.agent.shared.store);
                let begun = Ledger::open(store, &session).await?;
                self.enter(begun)
            }
            (Some(_), Some(_)) => {
                let message = "the session keeps its run itself; resume it by `Resume::session`";
                return Err(AgentError::config("resume", message));
            }
            (None, None) => {
                let message = "give the run that is to go on, or name a session";
                return Err(AgentError::config("resume", message));
            }
        };
        if let Some(goal) = &self.goal {
            run.stop_on(goal.shape.name());
        }
        for (id, approval) in resume.approvals {
            if let Err(error) = self.decide(&mut run, &id, approval).await {
                return Err(error.with_run(run));
            }
        }
        Ok(run)
    }

    /// Takes up a run in its session.
    fn enter(&mut self, begun: Begun) -> Run {
        self.ledger = Some(begun.ledger);
        self.context = self.context.clone().with_state(State::new(begun.state));
        begun.run
    }

    /// Does what the run asks for until it has stopped or waits for a human.
    async fn work(&mut self, run: &mut Run) -> Result<AgentStop, AgentError> {
        loop {
            self.tick(run);
            if self.agent.cancellation.is_cancelled() {
                self.give_up(run, &GivenUp::Cancelled).await;
            }
            match run.step() {
                Step::CallModel if self.goal.as_ref().is_some_and(|goal| goal.is_missed(run)) => {
                    run.end(AgentStop::NoAnswer, "no answer fitted");
                }
                Step::CallModel => self.ask_model(run).await?,
                Step::CallTools(ids) => self.run_tools(run, ids).await?,
                Step::Await(ids) => self.take_up(run, ids).await?,
                Step::Approve(ids) => {
                    if !self.ask_human(run, &ids).await? {
                        self.commit(run).await?;
                        return Ok(AgentStop::Suspended);
                    }
                }
                Step::Done(stop) => {
                    if let Some(goal) = &mut self.goal
                        && goal.ask_again(run, &stop)?
                    {
                        continue;
                    }
                    self.commit(run).await?;
                    return Ok(stop);
                }
            }
        }
    }

    /// Asks whoever approves at once; says whether there is somebody.
    async fn ask_human(&mut self, run: &mut Run, ids: &[String]) -> Result<bool, AgentError> {
        let Some(approver) = self.agent.shared.approver.clone() else { return Ok(false) };
        // it may take hours, and what has run is known by now
        self.commit(run).await?;
        for id in ids {
            let Some(call) = run.call(id).cloned() else { continue };
            match self.wait(run, approver(call)).await {
                Ok(approval) => self.decide(run, id, approval).await?,
                Err(why) => {
                    self.give_up(run, &why).await;
                    break;
                }
            }
        }
        Ok(true)
    }

    async fn decide(&mut self, run: &mut Run, id: &str, approval: Approval) -> Result<(), AgentError> {
        match approval {
            Approval::Allow => run.allow(id, None)?,
            Approval::AllowWith(input) => run.allow(id, Some(input))?,
            Approval::Deny(reason) => {
                let call = run.deny(id, &reason)?.clone();
                self.emit(AgentEvent::ToolFinished(call)).await;
            }
        }
        Ok(())
    }

    /// Ends a run that may not wait any longer.
    pub(super) async fn give_up(&self, run: &mut Run, why: &GivenUp) {
        match why {
            GivenUp::Cancelled => self.end(run, AgentStop::Cancelled, "the run was cancelled").await,
            GivenUp::Late => self.end(run, AgentStop::Budget(Spent::Time), "the run's time is over").await,
        }
    }

    /// Ends a run; the calls that are cancelled by that are told.
    pub(super) async fn end(&self, run: &mut Run, stop: AgentStop, reason: &str) {
        for call in run.end(stop, reason) {
            self.emit(AgentEvent::ToolFinished(call)).await;
        }
    }

    /// Waits for something as long as the run may.
    pub(super) async fn wait<T>(&self, run: &Run, work: impl Future<Output = T>) -> Result<T, GivenUp> {
        let left = self.time_left(run);
        if left.is_some_and(|left| left.is_zero()) {
            return Err(GivenUp::Late);
        }
        let late = async {
            match left {
                Some(left) => tokio::time::sleep(left).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            () = self.agent.cancellation.cancelled() => Err(GivenUp::Cancelled),
            outcome = work => Ok(outcome),
            () = late => Err(GivenUp::Late),
        }
    }

    pub(super) fn time_left(&self, run: &Run) -> Option<Duration> {
        let most = run.progress().limits().budget.time?;
        Some(most.saturating_sub(run.progress().time()).saturating_sub(self.clock.elapsed()))
    }

    /// Counts what tools used of models, for this run and for the one whose tool it is.
    pub(super) fn collect_charges(&self, run: &mut Run) {
        for (id, used) in self.context.take_charges() {
            if let Err(error) = run.charge(&id, &used) {
                tracing::warn!(%error, "a model was used for no call of this run");
            }
            self.charge_parent(used);
        }
    }

    pub(super) fn charge_parent(&self, used: ModelUse) {
        if let Some(call) = &self.agent.parent {
            call.charge_all(used);
        }
    }

    fn tick(&mut self, run: &mut Run) {
        run.spend(self.clock.elapsed());
        self.clock = Instant::now();
    }

    pub(super) async fn emit(&self, event: AgentEvent) {
        if let Some(events) = &self.events {
            // whoever dropped the stream has dropped this run with it
            let _ = events.send(event).await;
        }
    }

    /// Whether anybody reads along.
    pub(super) fn is_heard(&self) -> bool {
        self.events.is_some()
    }

    /// Keeps what has come since the last turn that was kept.
    pub(super) async fn commit(&mut self, run: &mut Run) -> Result<(), AgentError> {
        let changes = self.context.state().take_changes();
        let state = (!changes.is_empty()).then(|| self.context.state().values());
        self.changes.extend(changes);
        match &mut self.ledger {
            Some(ledger) => Ok(ledger.commit(run, state).await?),
            None => {
                drop(run.take_said());
                Ok(())
            }
        }
    }
}

/// What a run begins with.
pub(super) enum Begin {
    Say(Message),
    Converse(Conversation),
}
