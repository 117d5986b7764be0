//! Asking the model.

use bedrock_llm_schema::model::Cost;
use bedrock_llm_schema::stream::{ContentBlockDelta, ReasoningDelta};
use bedrock_llm_schema::{
    ChatRequest, ChatResponse, ContentBlock, Error, ErrorKind, ReasoningContentBlock, StreamEvent,
};

use super::drive::{Drive, GivenUp};
use super::hook::ModelVerdict;
use super::prompted::{Shown, in_words, next_number, with_calls};
use super::{AgentError, AgentErrorKind, AgentEvent};
use crate::memory::MemoryContext;
use crate::run::{AgentStop, ModelUse, Run, Step};

impl Drive {
    pub(super) async fn ask_model(&mut self, run: &mut Run) -> Result<(), AgentError> {
        // results of tools are kept before anything else can fail
        self.commit(run).await?;
        self.prune(run).await?;
        // what the memory used counts too
        if run.step() != Step::CallModel {
            return Ok(());
        }
        let mut request = self.request(run);
        for hook in &self.agent.shared.hooks {
            match self.wait(run, hook.before_model(&mut request, run)).await {
                Ok(ModelVerdict::Go) => {}
                Ok(ModelVerdict::Stop(reason)) => {
                    self.end(run, AgentStop::Hook(reason), "the run was stopped").await;
                    return Ok(());
                }
                Err(why) => {
                    self.give_up(run, &why).await;
                    return Ok(());
                }
            }
        }
        self.emit(AgentEvent::Iteration(run.progress().iterations().saturating_add(1))).await;
        // in a box, so that whoever awaits a run does not carry a call of the client's
        let mut response = match Box::pin(self.ask(run, request)).await? {
            Answer::Whole(response) => response,
            Answer::Part(why, part) => {
                part.into_iter().for_each(|part| run.broke_off(part));
                self.give_up(run, &why).await;
                return Ok(());
            }
        };
        let mut stopped = None;
        for hook in &self.agent.shared.hooks {
            match self.wait(run, hook.after_model(&mut response, run)).await {
                Ok(ModelVerdict::Go) => {}
                Ok(ModelVerdict::Stop(reason)) => {
                    stopped = Some(reason);
                    break;
                }
                // the answer is paid and part of the run, which ends at its next step
                Err(_) => break,
            }
        }
        let cost = self.cost(&response);
        self.charge_parent(ModelUse::of(&response.usage, cost));
        run.answered(response, cost)?;
        for call in run.round() {
            self.emit(AgentEvent::ToolRequested(call.clone())).await;
            if call.state().is_final() {
                self.emit(AgentEvent::ToolFinished(call.clone())).await;
            }
        }
        if let Some(reason) = stopped {
            self.end(run, AgentStop::Hook(reason), "the run was stopped").await;
        }
        Ok(())
    }

    async fn prune(&mut self, run: &mut Run) -> Result<(), AgentError> {
        let Some(memory) = self.agent.shared.memory.clone() else { return Ok(()) };
        let shared = std::sync::Arc::clone(&self.agent.shared);
        let answer = run.progress().max_tokens().or(shared
            .request
            .inference_config
            .as_ref()
            .and_then(|it| it.max_tokens));
        let reserved = shared.front.saturating_add(answer.map_or(0, u64::from));
        let context = MemoryContext::new(&shared.client, &shared.profile).reserve(reserved);
        // not on a copy: that would be made, and its turns counted, before every answer
        let mut conversation = std::mem::take(run.conversation_mut());
        let pruned = self.wait(run, memory.prune(&mut conversation, &context)).await;
        *run.conversation_mut() = conversation;
        let updates = match pruned {
            Ok(pruned) => pruned.map_err(AgentErrorKind::Memory).map_err(AgentError::new)?,
            Err(why) => {
                self.give_up(run, &why).await;
                return Ok(());
            }
        };
        if updates.is_empty() {
            return Ok(());
        }
        if let Some(ledger) = &mut self.ledger {
            ledger.note_pruned();
        }
        for update in updates {
            if let Some(used) = update.used() {
                run.charge_memory(&used);
                self.charge_parent(used);
            }
            self.updates.push(update.clone());
            self.emit(AgentEvent::Memory(update)).await;
        }
        Ok(())
    }

    fn request(&self, run: &Run) -> ChatRequest {
        let shared = &self.agent.shared;
        let mut request = shared.request.clone();
        request.messages = run.conversation().messages().to_vec();
        request.tool_config.clone_from(&shared.config);
        // held on to, it would never end
        if let (Some(config), Some(choice), []) = (&mut request.tool_config, &shared.tool_choice, run.calls())
        {
            config.tool_choice = Some(choice.clone());
        }
        if let Some(more) = run.progress().max_tokens() {
            let most = shared.profile.max_output_tokens.and_then(|most| u32::try_from(most).ok());
            let inference = request.inference_config.get_or_insert_default();
            inference.max_tokens =
                Some(more.min(most.unwrap_or(u32::MAX)).max(inference.max_tokens.unwrap_or(0)));
        }
        match &self.goal {
            Some(goal) => goal.prepare(request, run, &shared.profile, shared.is_prompted),
            None => request,
        }
    }

    /// What an answer cost, by the prices of the model that gave it.
    fn cost(&self, response: &ChatResponse) -> Option<Cost> {
        let shared = &self.agent.shared;
        let tier = response.service_tier.as_ref().map(|tier| &tier.r#type);
        match &response.answered_by {
            Some(by) => shared.client.profile(&by.model).prices.cost(&response.usage, tier),
            None => shared.profile.prices.cost(&response.usage, tier),
        }
    }

    async fn ask(&self, run: &Run, request: ChatRequest) -> Result<Answer, Error> {
        let shared = &self.agent.shared;
        if !shared.is_prompted {
            return self.ask_natively(run, request).await;
        }
        let number = next_number(&request.messages);
        let answer = self.ask_natively(run, in_words(request, &shared.profile)).await?;
        Ok(match answer {
            Answer::Whole(response) => Answer::Whole(with_calls(response, number)),
            Answer::Part(why, part) => Answer::Part(why, part.map(|part| with_calls(part, number))),
        })
    }

    async fn ask_natively(&self, run: &Run, request: ChatRequest) -> Result<Answer, Error> {
        let shared = &self.agent.shared;
        let streams = self.is_heard()
            && shared.streaming
            && (request.tool_config.is_none() || shared.profile.tools.streaming != Some(false));
        let answer = if streams {
            self.read(run, request).await
        } else {
            match self.wait(run, shared.client.chat(request)).await {
                Ok(answer) => {
                    if let Ok(response) = &answer {
                        self.tell(response).await;
                    }
                    answer.map(Answer::Whole)
                }
                Err(why) => Ok(Answer::Part(why, None)),
            }
        };
        match answer {
            // the run tells the model what is wrong with its call
            Err(mut error) if *error.kind() == ErrorKind::ToolInputInvalid => {
                error.take_partial().map(Answer::Whole).ok_or(error)
            }
            answer => answer,
        }
    }

    /// What was said in an answer that came whole.
    async fn tell(&self, response: &ChatResponse) {
        for block in &response.message.content {
            match block {
                ContentBlock::Text(text) => self.emit(AgentEvent::Text(text.clone())).await,
                ContentBlock::ReasoningContent(ReasoningContentBlock::ReasoningText(reasoning)) => {
                    self.emit(AgentEvent::Reasoning(reasoning.text.clone())).await;
                }
                _ => {}
            }
        }
    }

    async fn read(&self, run: &Run, request: ChatRequest) -> Result<Answer, Error> {
        let opening = self.agent.shared.client.chat_stream(request.streaming());
        let mut stream = match self.wait(run, opening).await {
            Ok(stream) => stream?,
            Err(why) => return Ok(Answer::Part(why, None)),
        };
        let is_prompted = self.agent.shared.is_prompted;
        let mut shown = Shown::default();
        loop {
            let event = match self.wait(run, stream.next()).await {
                Ok(Some(event)) => event?,
                Ok(None) => return Ok(Answer::Whole(stream.response())),
                Err(why) => return Ok(Answer::Part(why, Some(stream.response()))),
            };
            match event {
                event if event.is_restart() => {
                    shown = Shown::default();
                    self.emit(AgentEvent::Restarted).await;
                }
                StreamEvent::ContentBlockDelta(delta) => match delta.delta {
                    ContentBlockDelta::Text(text) => {
                        self.show(if is_prompted { shown.push(&text) } else { text }).await;
                    }
                    ContentBlockDelta::ReasoningContent(ReasoningDelta::Text(text)) => {
                        self.emit(AgentEvent::Reasoning(text)).await;
                    }
                    _ => {}
                },
                StreamEvent::ContentBlockStop(_) if is_prompted => self.show(shown.finish()).await,
                _ => {}
            }
        }
    }

    async fn show(&self, text: String) {
        if !text.is_empty() {
            self.emit(AgentEvent::Text(text)).await;
        }
    }
}

/// What came of asking the model.
enum Answer {
    Whole(ChatResponse),
    /// Waiting was given up; what had come of it.
    Part(GivenUp, Option<ChatResponse>),
}
