//! Nodes that may take only so long.

use std::sync::Arc;
use std::time::Duration;

use crate::pipeline::Linked;
use crate::plan::Plan;
use crate::stage::Chain;
use crate::{BoxError, ConfigError, Node, Stage};

/// A node that may take only so long for an item; made by [`Pipeline::timeout`](crate::Pipeline::timeout).
#[derive(Clone, Debug)]
pub struct Timeout<N> {
    node: Arc<N>,
    after: Duration,
}

/// The node took too long for the item, and was stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("took longer than {after:?}")]
#[non_exhaustive]
pub struct TimedOut {
    /// How long it might have taken.
    pub after: Duration,
}

impl<N> Timeout<N> {
    pub(crate) fn new(node: Arc<N>, after: Duration) -> Result<Self, ConfigError> {
        if after.is_zero() {
            return Err(ConfigError::out_of_range("timeout", after, "give an item some time"));
        }
        Ok(Self { node, after })
    }
}

impl<In: Send, Out, N: Node<In, Out>> Node<In, Out> for Timeout<N> {
    async fn call(&self, input: In) -> Result<Out, BoxError> {
        match tokio::time::timeout(self.after, self.node.call(input)).await {
            Ok(outcome) => outcome,
            Err(_) => Err(TimedOut { after: self.after }.into()),
        }
    }

    fn inside(&self) -> Vec<Plan> {
        self.node.inside()
    }
}

/// With a bound on the time of the node that was added last.
type InTime<In, Out, A, Mid, C, N, Last> = Result<Linked<In, Out, A, Mid, C, Timeout<N>, Last>, ConfigError>;

impl<In, Mid, Last, Out, A, C, N> Linked<In, Out, A, Mid, C, N, Last>
where
    A: Stage<In, Mid>,
    C: Chain<Mid, Last>,
    N: Node<Last, Out>,
    In: Send + 'static,
    Mid: Send + 'static,
    Last: Send + 'static,
    Out: Send + 'static,
{
    /// Stops the node that was added last when it takes longer than this for an item, which then fails with
    /// [`TimedOut`]. It needs a Tokio runtime with time.
    ///
    /// The order is what it says: `.timeout(t)?.retry(r)?` gives each attempt this time, `.retry(r)?.timeout(t)?` all
    /// attempts and the pauses between them together.
    ///
    /// Work that does not wait for anything cannot be stopped: a function that computes comes back when it is done.
    ///
    /// ```
    /// use std::time::Duration;
    /// use bedrock_llm_pipeline::{BoxError, Pipeline, TimedOut};
    ///
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let fetch = Pipeline::new()
    ///     .then(async |url: String| {
    ///         tokio::time::sleep(Duration::from_secs(60)).await;
    ///         Ok::<_, BoxError>(url)
    ///     })
    ///     .timeout(Duration::from_secs(5))?;
    /// let error = fetch.execute("https://slow".to_owned()).await.unwrap_err();
    /// assert!(error.cause().is::<TimedOut>());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// If the time is zero.
    pub fn timeout(self, after: Duration) -> InTime<In, Out, A, Mid, C, N, Last> {
        self.try_wrap(|node, _| Timeout::new(node, after))
    }
}
