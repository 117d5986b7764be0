//! Runs whose answer is a value of a type.

use std::fmt;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bedrock_llm_client::extract::{AnswerViolation, Road, Shape};
use futures_core::Stream;
use schemars::JsonSchema;
use serde::de::DeserializeOwned;

use super::drive::Drive;
use super::goal::{AnswerTool, Goal};
use super::{Agent, AgentError, AgentErrorKind, AgentEvent, AgentInput, AgentResponse, AgentStream, Shared};
use crate::run::{AgentStop, ToolCallState};

/// What came of a run that was after a value.
#[derive(Clone)]
#[non_exhaustive]
pub struct Typed<T> {
    /// The value.
    pub value: T,
    /// The run's response. Its last call is the one that gave the value, where a tool did; the conversation, in a session
    /// too, can go on from there.
    pub response: AgentResponse,
}

/// Shows no value.
impl<T> fmt::Debug for Typed<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Typed").field("response", &self.response).finish_non_exhaustive()
    }
}

/// Why a run that was after a value has none. Neither `Display` nor `Debug` shows what the model said.
#[derive(Clone)]
#[non_exhaustive]
pub struct NoAnswer {
    /// What the model gave last: the arguments of its call of the answer's tool, or its words.
    pub raw: String,
    /// What was wrong with it; empty where the run was stopped by something else: see [`AgentResponse::stop`].
    pub violations: Vec<AnswerViolation>,
    /// The run's response, with its usage and its conversation.
    pub response: AgentResponse,
}

impl fmt::Display for NoAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "no answer of the type in {} answers of the model ({:?})",
            self.response.iterations, self.response.stop
        )?;
        for (place, violation) in self.violations.iter().enumerate() {
            write!(f, "{}{violation}", if place == 0 { "; it " } else { ", " })?;
        }
        Ok(())
    }
}

impl fmt::Debug for NoAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NoAnswer")
            .field("raw_bytes", &self.raw.len())
            .field("violations", &self.violations)
            .field("response", &self.response)
            .finish()
    }
}

impl std::error::Error for NoAnswer {}

impl Agent {
    /// [`run`](Self::run), whose answer is a value of a type. The type's documentation goes with its schema: describe its
    /// members.
    ///
    /// The model gives it by calling a tool whose arguments are the type's, beside the agent's own; a call of it that fits
    /// ends the run. One that does not goes back to the model with what is wrong. Words in its place are read as JSON where
    /// they are some; else the model is asked once more and has to call the tool, as far as its profile lets it be made to.
    /// An agent without tools whose model takes none is held to the schema by the service or told it. How often the
    /// model is asked again is set by [`max_answer_retries`](super::AgentBuilder::max_answer_retries). Hooks see the tool as any other.
    ///
    /// ```no_run
    /// # async fn run(agent: bedrock_llm_agent::Agent) -> Result<(), bedrock_llm_agent::AgentError> {
    /// /// How a day is to be spent.
    /// #[derive(serde::Deserialize, schemars::JsonSchema)]
    /// struct Plan {
    ///     /// In the order in which they are to be seen.
    ///     sights: Vec<String>,
    ///     umbrella: bool,
    /// }
    ///
    /// let plan = agent.run_typed::<Plan>("Plan my day in Paris.").await?;
    /// println!("{} sights for {} tokens", plan.value.sights.len(), plan.response.usage.total());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`run`](Self::run); and [`AgentErrorKind::NoAnswer`] where the run stopped without a value, with what the model
    /// gave last.
    pub async fn run_typed<T>(&self, input: impl Into<AgentInput>) -> Result<Typed<T>, AgentError>
    where
        T: DeserializeOwned + JsonSchema + 'static,
    {
        let (agent, goal) = self.after::<T>()?;
        let shape = Arc::clone(&goal.shape);
        let mut drive = Drive::new(agent, None);
        drive.goal = Some(goal);
        let response = drive.run(input.into()).await?;
        typed(&shape, response)
    }

    /// [`run_typed`](Self::run_typed), and says what happens.
    ///
    /// # Errors
    /// Where the type has no schema, or the agent has a tool named as the answer's. What happens later is an item of the stream.
    pub fn stream_typed<T>(&self, input: impl Into<AgentInput>) -> Result<TypedStream<T>, AgentError>
    where
        T: DeserializeOwned + JsonSchema + 'static,
    {
        let (agent, goal) = self.after::<T>()?;
        let shape = Arc::clone(&goal.shape);
        Ok(TypedStream { events: AgentStream::new(agent, input.into(), Some(goal)), shape, of: PhantomData })
    }

    /// This agent with the tool for the answer, and what it is after.
    fn after<T: DeserializeOwned + JsonSchema + 'static>(&self) -> Result<(Self, Goal), AgentError> {
        let shape = Arc::new(Shape::of::<T>()?);
        let road = self.road();
        let goal = Goal::new::<T>(Arc::clone(&shape), road, self.shared.max_answer_retries);
        if road != Road::Tool {
            return Ok((self.clone(), goal));
        }
        let mut shared = Shared::clone(&self.shared);
        shared.tools.add(AnswerTool::<T>::new(Arc::clone(&shape)))?;
        shared.settle_tools();
        shared.limits.stop_on.insert(shape.name().to_owned());
        Ok((Self { shared: Arc::new(shared), ..self.clone() }, goal))
    }

    fn road(&self) -> Road {
        let Shared { tools, profile, is_prompted, .. } = &*self.shared;
        let takes_tools = profile.features.tool_use.unwrap_or(!tools.is_empty());
        if takes_tools || *is_prompted {
            Road::Tool
        } else if profile.features.structured_output == Some(true) {
            Road::Native
        } else {
            Road::Prompt
        }
    }
}

/// The value of a run that has stopped.
fn typed<T: DeserializeOwned>(shape: &Shape, response: AgentResponse) -> Result<Typed<T>, AgentError> {
    let calls = || response.tool_calls.iter().rev().filter(|call| call.name() == shape.name());
    let given = calls().find(|call| call.state() == ToolCallState::Complete);
    let is_said = matches!(response.stop, AgentStop::EndTurn | AgentStop::StopSequence);
    let (raw, found) = match given {
        Some(call) => (call.input().to_string(), shape.value::<T>(call.input().clone())),
        None if is_said => (response.text(), shape.read::<T>(&response.text())),
        None => {
            let last = calls().next().filter(|_| response.stop == AgentStop::NoAnswer);
            let violations = last.and_then(|call| shape.value::<T>(call.input().clone()).err());
            let raw = last.map_or_else(|| response.text(), |call| call.input().to_string());
            (raw, Err(violations.unwrap_or_default()))
        }
    };
    match found {
        Ok(value) => Ok(Typed { value, response }),
        Err(violations) => {
            let missing = NoAnswer { raw, violations, response };
            Err(AgentError::new(AgentErrorKind::NoAnswer(Box::new(missing))))
        }
    }
}

/// What happens in a run that is after a value.
#[derive(Debug)]
#[non_exhaustive]
#[expect(clippy::large_enum_variant, reason = "nearly all of them are events")]
pub enum TypedEvent<T> {
    /// What happens; never [`AgentEvent::Done`].
    Event(AgentEvent),
    /// The run is over, and this is its value.
    Done(Box<Typed<T>>),
}

/// A run that is after a value as it happens. Its last item is [`TypedEvent::Done`] or an error. Whoever asks for items
/// drives the run.
#[must_use = "a run does nothing unless it is pulled"]
pub struct TypedStream<T> {
    events: AgentStream,
    shape: Arc<Shape>,
    of: PhantomData<fn() -> T>,
}

impl<T: DeserializeOwned> TypedStream<T> {
    /// The next event; `None` after the last.
    pub async fn next(&mut self) -> Option<Result<TypedEvent<T>, AgentError>> {
        std::future::poll_fn(|cx| Pin::new(&mut *self).poll_next(cx)).await
    }
}

impl<T: DeserializeOwned> Stream for TypedStream<T> {
    type Item = Result<TypedEvent<T>, AgentError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Pin::new(&mut self.events).poll_next(cx).map(|item| {
            Some(match item? {
                Ok(AgentEvent::Done(response)) => {
                    typed(&self.shape, *response).map(|typed| TypedEvent::Done(Box::new(typed)))
                }
                Ok(event) => Ok(TypedEvent::Event(event)),
                Err(error) => Err(error),
            })
        })
    }
}

impl<T> fmt::Debug for TypedStream<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TypedStream").field("events", &self.events).finish_non_exhaustive()
    }
}
