//! Asking the model.

use bedrock_llm_schema::stream::{ContentBlockDelta, ReasoningDelta};
use bedrock_llm_schema::{ChatRequest, ChatResponse, Error, ErrorKind, StreamEvent};

use super::drive::{Drive, give_up};
use super::hook::ModelVerdict;
use super::prompted::{Shown, in_words, next_number, with_calls};
use super::{AgentError, AgentErrorKind, AgentEvent};
use crate::memory::MemoryContext;
use crate::run::{AgentStop, ModelUse, Run};

impl Drive {
    pub(super) async fn ask_model(&mut self, run: &mut Run) -> Result<(), AgentError> {
        // results of tools are kept before anything else can fail
        self.commit(run).await?;
        self.prune(run).await?;
        let mut request = self.request(run);
        for hook in &self.agent.shared.hooks {
            if let ModelVerdict::Stop(reason) = hook.before_model(&mut request, run).await {
                run.end(AgentStop::Hook(reason), "the run was stopped");
                return Ok(());
            }
        }
        self.emit(AgentEvent::Iteration(run.progress().iterations().saturating_add(1))).await;
        let mut response = match self.wait(run, self.ask(request)).await {
            Ok(answer) => answer?,
            Err(why) => {
                give_up(run, &why);
                return Ok(());
            }
        };
        let mut stopped = None;
        for hook in &self.agent.shared.hooks {
            if let ModelVerdict::Stop(reason) = hook.after_model(&mut response, run).await {
                stopped = Some(reason);
                break;
            }
        }
        let tier = response.service_tier.as_ref().map(|tier| &tier.r#type);
        let cost = self.agent.shared.profile.prices.cost(&response.usage, tier);
        self.charge_parent(ModelUse::of(&response.usage, cost));
        run.answered(response, cost)?;
        for call in run.calls() {
            self.emit(AgentEvent::ToolRequested(call.clone())).await;
            if call.state().is_final() {
                self.emit(AgentEvent::ToolFinished(call.clone())).await;
            }
        }
        if let Some(reason) = stopped {
            run.end(AgentStop::Hook(reason), "the run was stopped");
        }
        Ok(())
    }

    async fn prune(&mut self, run: &mut Run) -> Result<(), AgentError> {
        let Some(memory) = self.agent.shared.memory.clone() else { return Ok(()) };
        let shared = std::sync::Arc::clone(&self.agent.shared);
        let context = MemoryContext { client: &shared.client, profile: &shared.profile };
        // on a copy, so that one that is given up half way leaves nothing behind
        let mut conversation = run.conversation().clone();
        let updates = match self.wait(run, memory.prune(&mut conversation, &context)).await {
            Ok(pruned) => pruned.map_err(AgentErrorKind::Memory).map_err(AgentError::new)?,
            Err(why) => {
                give_up(run, &why);
                return Ok(());
            }
        };
        if updates.is_empty() {
            return Ok(());
        }
        *run.conversation_mut() = conversation;
        if let Some(ledger) = &mut self.ledger {
            ledger.note_pruned();
        }
        for update in updates {
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
        if let (Some(config), 0) = (&mut request.tool_config, run.progress().iterations()) {
            config.tool_choice.clone_from(&shared.tool_choice);
        }
        let factor = run.progress().max_tokens_factor();
        if factor > 1 {
            let inference = request.inference_config.get_or_insert_default();
            // a model whose default was reached has said so many tokens
            let before = inference.max_tokens.unwrap_or(4096);
            let most = shared.profile.max_output_tokens.and_then(|most| u32::try_from(most).ok());
            inference.max_tokens = Some(before.saturating_mul(factor).min(most.unwrap_or(u32::MAX)));
        }
        match &self.goal {
            Some(goal) => goal.prepare(request, run, &shared.profile, shared.is_prompted),
            None => request,
        }
    }

    async fn ask(&self, mut request: ChatRequest) -> Result<ChatResponse, Error> {
        let shared = &self.agent.shared;
        if shared.is_prompted {
            let number = next_number(&request.messages);
            request = in_words(request, &shared.profile);
            return Ok(with_calls(self.ask_natively(request).await?, number));
        }
        self.ask_natively(request).await
    }

    async fn ask_natively(&self, request: ChatRequest) -> Result<ChatResponse, Error> {
        let shared = &self.agent.shared;
        let streams = self.is_heard()
            && (request.tool_config.is_none() || shared.profile.tools.streaming != Some(false));
        let answer = if streams { self.read(request).await } else { shared.client.chat(request).await };
        match answer {
            // the run tells the model what is wrong with its call
            Err(mut error) if *error.kind() == ErrorKind::ToolInputInvalid => {
                error.take_partial().ok_or(error)
            }
            answer => answer,
        }
    }

    async fn read(&self, request: ChatRequest) -> Result<ChatResponse, Error> {
        let is_prompted = self.agent.shared.is_prompted;
        let mut shown = Shown::default();
        let mut stream = self.agent.shared.client.chat_stream(request.streaming()).await?;
        while let Some(event) = stream.next().await {
            match event? {
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
        Ok(stream.response())
    }

    async fn show(&self, text: String) {
        if !text.is_empty() {
            self.emit(AgentEvent::Text(text)).await;
        }
    }
}
