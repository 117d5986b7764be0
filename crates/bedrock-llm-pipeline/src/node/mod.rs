//! Nodes: one value in, one out, or an error.

mod branch;
#[cfg(feature = "cache")]
mod cached;
#[cfg(feature = "compute")]
mod compute;
mod function;
mod join;
mod part;
mod rate_limit;
mod retry;
mod timeout;
mod turns;

pub use branch::{Branch, Cases, TwoWay, branch};
#[cfg(feature = "cache")]
pub use cached::{CacheConfig, CacheStats, Cached, CachedBy, NodeCache};
#[cfg(feature = "compute")]
pub use compute::{ComputeConfig, ComputeNode, ComputePool, TryComputeNode, compute_fn, try_compute_fn};
pub use function::{FnNode, MapNode, TryMapNode, map_fn, node_fn, try_map_fn};
pub use join::{Join, Zip, join, zip};
pub(crate) use part::{Nodes, Part};
pub use rate_limit::{RateLimit, RateLimited};
pub use retry::{Retry, RetryConfig};
pub use timeout::{TimedOut, Timeout};

use std::sync::Arc;

use crate::BoxError;
use crate::plan::Plan;

/// A step that makes one `Out` of one `In`, or fails.
///
/// Implement it for a type that keeps state; functions and closures become nodes by [`node_fn`] (async), [`map_fn`]
/// and [`try_map_fn`], and a [`Pipeline`](crate::Pipeline) of one-to-one nodes is a node itself. Several items may be
/// in a node at once, so it is called by reference.
///
/// ```
/// use bedrock_llm_pipeline::{BoxError, Node, Pipeline};
/// use std::sync::atomic::{AtomicU64, Ordering};
///
/// /// Gives every text a number.
/// #[derive(Default)]
/// struct Number(AtomicU64);
///
/// impl Node<String, (u64, String)> for Number {
///     async fn call(&self, text: String) -> Result<(u64, String), BoxError> {
///         Ok((self.0.fetch_add(1, Ordering::Relaxed), text))
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let numbered = Pipeline::new().node(Number::default());
/// assert_eq!(numbered.execute("a".to_owned()).await?.0, 0);
/// assert_eq!(numbered.execute("b".to_owned()).await?.0, 1);
/// # Ok(())
/// # }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no node from `{In}` to `{Out}`",
    label = "takes or gives something else",
    note = "a node must take what the node before it gives; make nodes of functions by `node_fn`, `map_fn` or `try_map_fn`"
)]
pub trait Node<In, Out>: Send + Sync + 'static {
    /// Does the step for one item.
    ///
    /// # Errors
    ///
    /// Whatever the step fails with; it becomes the [`cause`](crate::ItemError::cause) of that item's error, and the
    /// others go on. A panic is caught and becomes one too.
    fn call(&self, input: In) -> impl Future<Output = Result<Out, BoxError>> + Send;

    /// The pipelines inside, if it is made of some.
    #[doc(hidden)]
    fn inside(&self) -> Vec<Plan> {
        Vec::new()
    }

    /// What it is named for, until it is named.
    #[doc(hidden)]
    fn kind(&self) -> &'static str {
        "node"
    }
}

impl<In, Out, N: Node<In, Out>> Node<In, Out> for Arc<N> {
    fn call(&self, input: In) -> impl Future<Output = Result<Out, BoxError>> + Send {
        N::call(self, input)
    }

    fn inside(&self) -> Vec<Plan> {
        N::inside(self)
    }

    fn kind(&self) -> &'static str {
        N::kind(self)
    }
}
