//! What an agent keeps in mind of a long conversation.
//!
//! A [`Memory`] shortens the conversation before each answer of the model. Those here are [`Strategy`]s: each chooses whole
//! units of a [`Draft`] that go, and only when all have chosen the conversation is changed, so that no call is parted from
//! its result, the last unit stays, and what fails or is cancelled leaves the conversation as it was.
//!
//! | strategy | what goes |
//! |---|---|
//! | [`Window`] | all but the last units |
//! | [`TokenBudget`] | the oldest units, until the rest is within the model's window, or a number of tokens |
//! | [`Importance`] | of either, the least important units first: [`Window::by_importance`], [`TokenBudget::by_importance`] |
//! | [`Strategy::pin`], [`Strategy::keep_first`] | not these |
//! | [`Strategy::then`] | what one strategy says, and of the rest what the other says |
//! | [`Strategy::summarize`] | the same, and a summary that a model writes comes in its place |
//! | [`MemoryConfig`] | what a configuration says |
//!
//! All of them let a conversation grow for a while and then cut more than they must. So the work is constant for each turn
//! on the average, however long the conversation gets, and its beginning, which prompt caches live on, seldom changes.
//!
//! ```
//! use bedrock_llm_agent::memory::{Memory as _, MemoryContext, Strategy as _, TokenBudget, Window};
//! use bedrock_llm_client::Client;
//! use bedrock_llm_schema::{Conversation, Message};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // the task at the beginning, what is marked, and the last ten questions, or fewer where they are long
//! let memory = Window::new(10)
//!     .then(TokenBudget::of_window())
//!     .keep_first(1)
//!     .pin(|message| message.text().contains("Remember:"));
//!
//! let mut conversation = Conversation::new();
//! for number in 0..100 {
//!     conversation.push(format!("Question {number}{}", if number == 50 { "; Remember: I am Ada" } else { "" }))?;
//!     conversation.push(Message::assistant("Answer"))?;
//! }
//! conversation.push("And now?")?;
//! # let sdk = aws_config::SdkConfig::builder().behavior_version(aws_config::BehaviorVersion::latest());
//! # let sdk = sdk.region(aws_config::Region::new("us-east-1")).build();
//! # let client = Client::builder().sdk_config(&sdk).credentials("AKIDLOCAL", "secret", None).build().await?;
//! let profile = client.profile(&"us.amazon.nova-lite-v1:0".into());
//! let updates = memory.prune(&mut conversation, &MemoryContext::new(&client, &profile)).await?;
//! assert_eq!((updates[0].strategy.as_str(), updates[0].removed), ("window", 178));
//! let kept: Vec<String> = conversation.units().map(|unit| unit[0].text()).collect();
//! assert_eq!((kept.len(), kept[0].as_str(), kept[1].as_str()), (12, "Question 0", "Question 50; Remember: I am Ada"));
//! # Ok(())
//! # }
//! ```

mod compose;
mod config;
mod draft;
mod importance;
mod limit;
mod score;
mod strategy;
mod summarize;

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use bedrock_llm_client::Client;
use bedrock_llm_schema::model::{Cost, ModelProfile};
use bedrock_llm_schema::{Conversation, Error, ModelId, Usage};
use serde::{Deserialize, Serialize};

use crate::run::ModelUse;

pub use compose::{Pinned, Then};
pub use config::MemoryConfig;
pub use draft::Draft;
pub use importance::Importance;
pub use limit::{TokenBudget, Window};
pub use score::ModelScorer;
pub use strategy::{OnFailure, Strategy};
pub use summarize::Summarized;

/// Decides what of a conversation its model is still told.
///
/// An agent asks it before each answer of the model. It may take units out of the conversation and put others in their
/// place; the conversation sees to it that calls and results stay together. What it takes out is gone from what the model
/// is told, not from a session's transcript.
pub trait Memory: Send + Sync + 'static {
    /// Shortens the conversation where that is needed, and says what it did. Its last unit is what the model is asked:
    /// it has to stay. A run that is cancelled drops the future: until the last wait is over, the conversation has to be as
    /// it was.
    ///
    /// # Errors
    /// Where a model was asked for help and failed, and nothing else can be done. The conversation is as it was then.
    fn prune(
        &self,
        conversation: &mut Conversation,
        context: &MemoryContext<'_>,
    ) -> impl Future<Output = Result<Vec<MemoryUpdate>, Error>> + Send;
}

/// For whom a [`Memory`] works.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct MemoryContext<'a> {
    /// Asks models: for summaries, for scores.
    pub client: &'a Client,
    /// The model the conversation is for.
    pub profile: &'a ModelProfile,
    /// How many tokens of the model's window are for other things: the system prompt, the tools, the answer. At most
    /// half of the window.
    pub reserved: u64,
}

impl<'a> MemoryContext<'a> {
    /// For a conversation with this model, which has all of its window.
    #[must_use]
    pub fn new(client: &'a Client, profile: &'a ModelProfile) -> Self {
        Self { client, profile, reserved: 0 }
    }

    /// Sets how many tokens of the model's window are for other things: the system prompt, the tools, the answer.
    #[must_use]
    pub fn reserve(mut self, tokens: u64) -> Self {
        self.reserved = tokens;
        self
    }
}

/// What a [`Memory`] did to a conversation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct MemoryUpdate {
    /// The strategy, such as `window`.
    pub strategy: String,
    /// How many turns were taken out.
    pub removed: usize,
    /// How many turns a summary or another note stands for now; 0 where nothing was put in.
    pub summarized: usize,
    /// What a model used for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usage: Option<Usage>,
    /// What that cost; `None` where no model was asked, or its price is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost: Option<Cost>,
    /// Why a model that was asked did not help, where the memory went on without; see [`OnFailure`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed: Option<String>,
}

impl MemoryUpdate {
    /// Of a strategy that has done nothing yet.
    #[must_use]
    pub fn of(strategy: impl Into<String>) -> Self {
        Self { strategy: strategy.into(), removed: 0, summarized: 0, usage: None, cost: None, failed: None }
    }
}

impl MemoryUpdate {
    fn note(&mut self, used: ModelUse) {
        if !used.is_nothing() {
            (self.usage, self.cost) = (Some(used.usage), used.cost);
        }
    }

    /// What models used for it.
    pub(crate) fn used(&self) -> Option<ModelUse> {
        Some(ModelUse::of(self.usage.as_ref()?, self.cost))
    }
}

impl MemoryContext<'_> {
    /// An answer of a model that helps, by its own prices.
    fn used(&self, model: &ModelId, usage: &Usage) -> ModelUse {
        ModelUse::of(usage, self.client.profile(model).prices.cost(usage, None))
    }
}

/// [`Memory`] without its type.
pub(crate) trait ErasedMemory: Send + Sync + 'static {
    fn prune<'a>(
        &'a self,
        conversation: &'a mut Conversation,
        context: &'a MemoryContext<'a>,
    ) -> Pin<Box<dyn Future<Output = Result<Vec<MemoryUpdate>, Error>> + Send + 'a>>;
}

impl<M: Memory> ErasedMemory for M {
    fn prune<'a>(
        &'a self,
        conversation: &'a mut Conversation,
        context: &'a MemoryContext<'a>,
    ) -> Pin<Box<dyn Future<Output = Result<Vec<MemoryUpdate>, Error>> + Send + 'a>> {
        Box::pin(Memory::prune(self, conversation, context))
    }
}

/// A memory of any type.
pub(crate) type DynMemory = Arc<dyn ErasedMemory>;

impl fmt::Debug for dyn ErasedMemory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Memory")
    }
}
