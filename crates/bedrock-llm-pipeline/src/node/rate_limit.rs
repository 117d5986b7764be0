//! Nodes that begin only so many items a second.

use std::sync::Arc;
use std::time::Duration;

use crate::pipeline::Linked;
use crate::plan::Plan;
use crate::stage::Chain;
use crate::{BoxError, ConfigError, Node, Stage};

use super::turns::Turns;

/// Between two items at most this long passes, and no burst takes longer: more is a mistake, and clocks end.
const LONGEST: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// How many items a node may begin in a time.
#[derive(Clone, Copy, Debug)]
pub struct RateLimit {
    items: u32,
    per: Duration,
    burst: u32,
}

impl RateLimit {
    /// So many items in so much time, evenly spread.
    #[must_use]
    pub fn new(items: u32, per: Duration) -> Self {
        Self { items, per, burst: 1 }
    }

    /// So many items a second, evenly spread.
    #[must_use]
    pub fn per_second(items: u32) -> Self {
        Self::new(items, Duration::from_secs(1))
    }

    /// So many items a minute, evenly spread.
    #[must_use]
    pub fn per_minute(items: u32) -> Self {
        Self::new(items, Duration::from_secs(60))
    }

    /// Sets how many may begin at once after a time of rest; 1. Beyond some hundred a second, what falls into 2 ms may
    /// always begin at once, since timers are not finer.
    #[must_use]
    pub fn burst(mut self, items: u32) -> Self {
        self.burst = items;
        self
    }

    fn turns(self) -> Result<Turns, ConfigError> {
        let interval = self.per.checked_div(self.items).unwrap_or_default();
        if interval.is_zero() {
            let given = format_args!("{} in {:?}", self.items, self.per).to_string();
            return Err(ConfigError::OutOfRange {
                field: "RateLimit::new",
                given,
                advice: "give at least one item, and a time of at least a nanosecond for each",
            });
        }
        if self.burst == 0 {
            return Err(ConfigError::out_of_range(
                "RateLimit::burst",
                self.burst,
                "give at least 1, which spreads items evenly",
            ));
        }
        match interval.checked_mul(self.burst) {
            Some(whole) if whole <= LONGEST => Ok(Turns::new(interval, self.burst)),
            _ => Err(ConfigError::out_of_range(
                "RateLimit",
                self,
                "give a rate at which a burst is earned within a year",
            )),
        }
    }
}

/// A node that begins only so many items a second; made by [`Pipeline::rate_limit`](crate::Pipeline::rate_limit).
#[derive(Clone, Debug)]
pub struct RateLimited<N> {
    node: Arc<N>,
    turns: Arc<Turns>,
}

impl<N> RateLimited<N> {
    pub(crate) fn new(node: Arc<N>, limit: RateLimit) -> Result<Self, ConfigError> {
        Ok(Self { node, turns: Arc::new(limit.turns()?) })
    }
}

impl<In: Send, Out, N: Node<In, Out>> Node<In, Out> for RateLimited<N> {
    async fn call(&self, input: In) -> Result<Out, BoxError> {
        self.turns.wait().await;
        self.node.call(input).await
    }

    fn inside(&self) -> Vec<Plan> {
        self.node.inside()
    }
}

/// With a bound on how often the node that was added last begins.
type Limited<In, Out, A, Mid, C, N, Last> =
    Result<Linked<In, Out, A, Mid, C, RateLimited<N>, Last>, ConfigError>;

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
    /// Lets the node that was added last begin only so many items in a time. More wait for their turn, first come,
    /// first served; none is refused. The limit is that of all runs and calls of this pipeline and its clones
    /// together. It needs a Tokio runtime with time.
    ///
    /// `.rate_limit(l)?.retry(r)?` counts every attempt, `.retry(r)?.rate_limit(l)?` items.
    ///
    /// ```
    /// use bedrock_llm_pipeline::{BoxError, Pipeline, RateLimit};
    /// use futures_util::{StreamExt, stream};
    ///
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let fetch = Pipeline::new()
    ///     .then(async |url: u32| Ok::<_, BoxError>(url))
    ///     .rate_limit(RateLimit::per_second(10).burst(5))?
    ///     .parallel(8);
    /// let begun = tokio::time::Instant::now();
    /// fetch.run(stream::iter(0..25)).count().await;
    /// assert_eq!(begun.elapsed().as_secs(), 2);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// If it lets nothing through, or more than one item a nanosecond; if the burst is zero, or takes over a year to
    /// earn.
    pub fn rate_limit(self, limit: RateLimit) -> Limited<In, Out, A, Mid, C, N, Last> {
        self.try_wrap(|node, _| RateLimited::new(node, limit))
    }
}
