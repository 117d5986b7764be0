//! [`Strategy`]: chooses what goes.

use std::future::Future;

use bedrock_llm_schema::context::Summary;
use bedrock_llm_schema::{Conversation, Error, Message};
use serde::{Deserialize, Serialize};

use super::{Draft, Memory, MemoryContext, MemoryUpdate, Pinned, Summarized, Then};

/// Chooses which units of a conversation go. Every strategy is a [`Memory`].
///
/// ```
/// use bedrock_llm_agent::memory::{Draft, MemoryContext, Strategy, Window};
/// use bedrock_llm_schema::Error;
///
/// /// Forgets small talk.
/// struct NoSmallTalk;
///
/// impl Strategy for NoSmallTalk {
///     async fn plan(&self, draft: &mut Draft<'_>, _: &MemoryContext<'_>) -> Result<(), Error> {
///         for unit in draft.candidates() {
///             let is_small = draft.unit(unit).iter().all(|message| message.text().len() < 20);
///             if is_small {
///                 draft.remove(unit, "no_small_talk");
///             }
///         }
///         Ok(())
///     }
/// }
///
/// let memory = Window::new(50).then(NoSmallTalk).keep_first(1);
/// # let _ = memory;
/// ```
pub trait Strategy: Send + Sync + 'static {
    /// Takes units out of the draft.
    ///
    /// # Errors
    /// Where a model was asked for help and failed, and nothing else can be done. Nothing is taken out then.
    fn plan(
        &self,
        draft: &mut Draft<'_>,
        context: &MemoryContext<'_>,
    ) -> impl Future<Output = Result<(), Error>> + Send;

    /// Lets another strategy choose of what this one leaves.
    fn then<S: Strategy>(self, next: S) -> Then<Self, S>
    where
        Self: Sized,
    {
        Then::new(self, next)
    }

    /// Keeps units with a turn that the function says yes to. It is asked once for each turn, and not shown a summary.
    fn pin(self, is_pinned: impl Fn(&Message) -> bool + Send + Sync + 'static) -> Pinned<Self>
    where
        Self: Sized,
    {
        Pinned::turns(self, is_pinned)
    }

    /// Keeps the first units, such as the task at the beginning.
    fn keep_first(self, units: usize) -> Pinned<Self>
    where
        Self: Sized,
    {
        Pinned::first(self, units)
    }

    /// Has a model sum up what this strategy takes out; the summary stands at the beginning of the conversation, and the
    /// next one builds on it. Takes a model's id, or a [`Summary`] that says how.
    ///
    /// ```
    /// use bedrock_llm_agent::memory::{OnFailure, Strategy as _, Window};
    /// use bedrock_llm_schema::context::Summary;
    ///
    /// let memory = Window::new(20).summarize("us.amazon.nova-micro-v1:0");
    /// let short = Summary::by("us.amazon.nova-micro-v1:0").max_tokens(200);
    /// let careful = Window::new(20).summarize(short).on_failure(OnFailure::Fail);
    /// # let _ = (memory, careful);
    /// ```
    fn summarize(self, summary: impl Into<Summary>) -> Summarized<Self>
    where
        Self: Sized,
    {
        Summarized::new(self, summary.into())
    }
}

impl<S: Strategy> Memory for S {
    async fn prune(
        &self,
        conversation: &mut Conversation,
        context: &MemoryContext<'_>,
    ) -> Result<Vec<MemoryUpdate>, Error> {
        let mut draft = Draft::new(conversation);
        self.plan(&mut draft, context).await?;
        Ok(draft.apply())
    }
}

/// What happens when a model that is asked for help fails.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum OnFailure {
    /// The memory goes on without, and says so in [`MemoryUpdate::failed`].
    #[default]
    GoOn,
    /// It is an error, and the conversation stays as it was.
    Fail,
}
