//! What an agent keeps in mind of a long conversation.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use bedrock_llm_client::Client;
use bedrock_llm_schema::model::ModelProfile;
use bedrock_llm_schema::{Conversation, Error, Usage};
use serde::{Deserialize, Serialize};

/// Decides what of a conversation its model is still told.
///
/// An agent asks it before each answer of the model. It may take units out of the conversation and put others in their
/// place; the conversation sees to it that calls and results stay together. What it takes out is gone from what the model
/// is told, not from a session's transcript.
pub trait Memory: Send + Sync + 'static {
    /// Shortens the conversation where that is needed, and says what it did. Its last unit is what the model is asked:
    /// it has to stay.
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
