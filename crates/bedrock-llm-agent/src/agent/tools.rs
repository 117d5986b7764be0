//! Running the tools of a round.

use std::collections::VecDeque;
use std::sync::Arc;

use bedrock_llm_schema::ToolResultBlock;
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;

use super::drive::{Drive, GivenUp};
use super::hook::ToolVerdict;
use super::{AgentError, AgentEvent, OnInterrupted};
use crate::run::{Run, UNKNOWN_EFFECT};
use crate::{ToolError, ToolOutput};

impl Drive {
    /// Runs calls side by side, as many as may be. That they run is kept before they do.
    pub(super) async fn run_tools(&mut self, run: &mut Run, ids: Vec<String>) -> Result<(), AgentError> {
        let mut waiting = VecDeque::new();
        for id in ids {
            if self.may_run(run, &id).await? {
                waiting.push_back(id);
            }
            if run.progress().stop().is_some() {
                return Ok(());
            }
        }
        self.work_off(run, waiting).await
    }

    /// Takes up calls that ran when their process ended.
    pub(super) async fn take_up(&mut self, run: &mut Run, ids: Vec<String>) -> Result<(), AgentError> {
        let mut again = VecDeque::new();
        for id in ids {
            let Some(call) = run.call(&id) else { continue };
            let is_idempotent = || self.agent.shared.tools.is_idempotent(call.name());
            let runs_again = match self.agent.shared.on_interrupted {
                OnInterrupted::RunAll => true,
                OnInterrupted::RunIdempotent => is_idempotent(),
                OnInterrupted::RunNone => false,
            };
            if runs_again {
                again.push_back(id);
                continue;
            }
            tracing::warn!(tool = call.name(), "a call was interrupted and is not run again");
            let told = format!("interrupted: the process ended; {UNKNOWN_EFFECT}, and it was not run again");
            let told = ToolResultBlock::error(id.as_str(), told);
            let call = run.fail(&id, "interrupted", told)?.clone();
            self.emit(AgentEvent::ToolFinished(call)).await;
        }
        self.work_off(run, again).await
    }

    async fn work_off(&mut self, run: &mut Run, mut waiting: VecDeque<String>) -> Result<(), AgentError> {
        let shared = Arc::clone(&self.agent.shared);
        let context = self.context.clone();
        let mut running = FuturesUnordered::new();
        loop {
            let mut has_begun = false;
            while running.len() < shared.max_parallel
                && let Some(id) = waiting.pop_front()
            {
                let call = run.start(&id)?.clone();
                if call.starts() > 1 {
                    tracing::warn!(
                        tool = call.name(),
                        starts = call.starts(),
                        "a call that was interrupted runs again"
                    );
                }
                self.emit(AgentEvent::ToolStarted(call.clone())).await;
                let (tools, context) = (&shared.tools, &context);
                running.push(async move { (id, tools.invoke(call.request(), context).await) });
                has_begun = true;
            }
            if has_begun {
                self.commit(run).await?;
            }
            let waited = self.wait(run, running.next()).await;
            self.collect_charges(run);
            let (id, invoked) = match waited {
                Ok(Some(done)) => done,
                Ok(None) => return Ok(()),
                Err(why) => {
                    if matches!(why, GivenUp::Late) {
                        context.cancellation().cancel();
                    }
                    self.give_up(run, &why).await;
                    return Ok(());
                }
            };
            self.settle(run, &id, invoked.result).await?;
            let is_idempotent = run.call(&id).is_some_and(|call| shared.tools.is_idempotent(call.name()));
            // what must not run twice is kept at once, whatever becomes of the others
            let is_last = running.is_empty() && waiting.is_empty();
            if !is_idempotent && !is_last {
                self.commit(run).await?;
            }
        }
    }

    async fn settle(
        &mut self,
        run: &mut Run,
        id: &str,
        outcome: Result<ToolOutput, ToolError>,
    ) -> Result<(), AgentError> {
        let (mut result, failure) = match outcome {
            Ok(output) => (output.into_result(id), None),
            Err(error) => (error.to_result(id), Some(error)),
        };
        if let Some(call) = run.call(id) {
            for hook in &self.agent.shared.hooks {
                if self.wait(run, hook.after_tool(call, &mut result, run)).await.is_err() {
                    // the tool has answered; the run ends at its next step
                    break;
                }
            }
        }
        let call = run.settle(id, failure.as_ref(), result)?.clone();
        self.emit(AgentEvent::ToolFinished(call)).await;
        Ok(())
    }

    /// What the hooks say of a call; whether it is to be run now.
    async fn may_run(&mut self, run: &mut Run, id: &str) -> Result<bool, AgentError> {
        let shared = Arc::clone(&self.agent.shared);
        for hook in &shared.hooks {
            let Some(call) = run.call(id) else { break };
            let is_approved = call.is_approved();
            let verdict = match self.wait(run, hook.before_tool(call, run)).await {
                Ok(verdict) => verdict,
                Err(why) => {
                    self.give_up(run, &why).await;
                    return Ok(false);
                }
            };
            match verdict {
                ToolVerdict::Run => {}
                // a human has said so; what others deny stays denied
                ToolVerdict::Ask(_) if is_approved => {}
                ToolVerdict::RunWith(input) => run.change(id, input)?,
                ToolVerdict::Deny(reason) => {
                    let call = run.deny(id, &reason)?.clone();
                    self.emit(AgentEvent::ToolFinished(call)).await;
                    return Ok(false);
                }
                ToolVerdict::Answer(output) => {
                    run.start(id)?;
                    self.settle(run, id, Ok(output)).await?;
                    return Ok(false);
                }
                ToolVerdict::Ask(question) => {
                    let call = run.ask(id, question)?.clone();
                    self.emit(AgentEvent::ApprovalRequested(call)).await;
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }
}
