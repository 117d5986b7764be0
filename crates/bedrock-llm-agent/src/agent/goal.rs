//! What a typed run is after: an answer that fits, asked for again where it does not.

use std::marker::PhantomData;
use std::sync::Arc;

use bedrock_llm_client::extract::{AnswerViolation, Road, Shape, strongest_choice};
use bedrock_llm_schema::model::ModelProfile;
use bedrock_llm_schema::{ChatRequest, Message, ToolChoice, ToolSpec};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::run::{AgentStop, Run, RunError, ToolCallState};
use crate::tool::ArgumentViolation;
use crate::{Context, Tool, ToolError, ToolOutput};

/// What a typed run is after.
pub(super) struct Goal {
    pub(super) shape: Arc<Shape>,
    road: Road,
    judge: fn(&Shape, &str) -> Vec<AnswerViolation>,
    /// How often the model may answer in vain and be asked again.
    max_retries: u32,
    /// How often it was asked again because of what it said in words.
    asked: u32,
}

impl Goal {
    pub(super) fn new<T: DeserializeOwned>(shape: Arc<Shape>, road: Road, max_retries: u32) -> Self {
        let judge = |shape: &Shape, text: &str| shape.read::<T>(text).err().unwrap_or_default();
        Self { shape, road, judge, max_retries, asked: 0 }
    }

    /// How often the model has answered in vain.
    fn failures(&self, run: &Run) -> u32 {
        let vain = run
            .calls()
            .iter()
            .filter(|call| call.name() == self.shape.name() && call.state() != ToolCallState::Complete);
        self.asked.saturating_add(u32::try_from(vain.count()).unwrap_or(u32::MAX))
    }

    /// Whether the model is not to be asked once more.
    pub(super) fn is_missed(&self, run: &Run) -> bool {
        self.failures(run) > self.max_retries
    }

    /// Goes on with a run whose answer, in words, does not fit; says whether it did.
    pub(super) fn ask_again(&mut self, run: &mut Run, stop: &AgentStop) -> Result<bool, RunError> {
        if !matches!(stop, AgentStop::EndTurn | AgentStop::StopSequence) {
            return Ok(false);
        }
        let said = run.message().map(Message::text).unwrap_or_default();
        let violations = (self.judge)(&self.shape, &said);
        if violations.is_empty() || self.failures(run) >= self.max_retries {
            return Ok(false);
        }
        self.asked += 1;
        let ask = match self.road {
            Road::Tool => format!("Give your answer by calling the tool {}.", self.shape.name()),
            _ => {
                let mut ask = String::from("This does not fit the schema:");
                for violation in violations {
                    ask.push_str(&format!("\n- {}", violation.told()));
                }
                ask + "\nGive the whole answer again, corrected, as JSON and nothing else."
            }
        };
        run.say(Message::user(ask))?;
        Ok(true)
    }

    /// Asks for the answer in its form.
    pub(super) fn prepare(
        &self,
        mut request: ChatRequest,
        run: &Run,
        profile: &ModelProfile,
        is_prompted: bool,
    ) -> ChatRequest {
        if self.road != Road::Tool {
            return self.road.prepare(&request, &self.shape, profile);
        }
        let name = self.shape.name();
        // by and by the model has to answer, where that is all it can do from the start
        let is_alone = request.tool_config.as_ref().is_some_and(|config| config.tools.len() == 1);
        let choice =
            if is_prompted { ToolChoice::tool(name) } else { strongest_choice(&request, name, profile) };
        if let Some(config) = &mut request.tool_config
            && (is_alone || self.failures(run) > 0)
        {
            config.tool_choice = Some(choice);
        }
        let text = format!("When you have your answer, give it only by calling the tool {name}, once.");
        request.instruct(text, profile)
    }
}

/// The tool whose arguments are the answer.
pub(super) struct AnswerTool<T> {
    shape: Arc<Shape>,
    of: PhantomData<fn() -> T>,
}

impl<T> AnswerTool<T> {
    pub(super) fn new(shape: Arc<Shape>) -> Self {
        Self { shape, of: PhantomData }
    }
}

impl<T: DeserializeOwned + 'static> Tool for AnswerTool<T> {
    fn spec(&self) -> ToolSpec {
        self.shape.tool()
    }

    async fn call(&self, arguments: Value, _context: Context) -> Result<ToolOutput, ToolError> {
        match self.shape.value::<T>(arguments) {
            Ok(_) => Ok(ToolOutput::text("(taken)")),
            Err(violations) => Err(ToolError::BadArguments(violations.into_iter().map(argument).collect())),
        }
    }
}

fn argument(violation: AnswerViolation) -> ArgumentViolation {
    ArgumentViolation { path: violation.path, message: violation.message }
}
