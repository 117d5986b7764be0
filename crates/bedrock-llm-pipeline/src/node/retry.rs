//! Nodes that are tried again when they fail.

use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use backon::{BackoffBuilder as _, ExponentialBackoff, ExponentialBuilder};

use crate::error::root_of;
use crate::pipeline::Linked;
use crate::plan::Plan;
use crate::probe::Probe;
use crate::stage::Chain;
use crate::{BoxError, ConfigError, Node, Panicked, Stage};

/// What a node failed with, as questions about it get it.
type Cause = dyn Error + Send + Sync + 'static;

/// Whether a failure is worth another attempt.
type When = Arc<dyn Fn(&Cause) -> bool + Send + Sync>;

/// How long to wait, if the failure says so.
type DelayFrom = Arc<dyn Fn(&Cause) -> Option<Duration> + Send + Sync>;

/// How often, when and how soon a node that failed is tried again.
///
/// Pauses grow from `min_delay` by `factor` up to `max_delay`, and each is made longer by a random part of itself, up
/// to double, so that items which failed together do not come back together.
#[derive(Clone)]
pub struct RetryConfig {
    attempts: usize,
    min_delay: Duration,
    max_delay: Duration,
    factor: f32,
    when: Option<When>,
    delay_from: Option<DelayFrom>,
}

impl RetryConfig {
    /// So many attempts in all, the first included; at least 1.
    #[must_use]
    pub fn attempts(attempts: usize) -> Self {
        Self {
            attempts,
            min_delay: Duration::from_millis(200),
            max_delay: Duration::from_secs(10),
            factor: 2.0,
            when: None,
            delay_from: None,
        }
    }

    /// Sets the first pause, before its random part; 200 ms.
    #[must_use]
    pub fn min_delay(mut self, delay: Duration) -> Self {
        self.min_delay = delay;
        self
    }

    /// Sets the longest pause, before its random part; 10 s.
    #[must_use]
    pub fn max_delay(mut self, delay: Duration) -> Self {
        self.max_delay = delay;
        self
    }

    /// Sets how many times as long each pause is as the one before; 2, at least 1.
    #[must_use]
    pub fn factor(mut self, factor: f32) -> Self {
        self.factor = factor;
        self
    }

    /// Only failures for which the function is true are tried again; by default all are, save panics.
    ///
    /// The function gets what [`ItemError::cause`](crate::ItemError::cause) gives.
    #[must_use]
    pub fn when(
        mut self,
        when: impl Fn(&(dyn Error + Send + Sync + 'static)) -> bool + Send + Sync + 'static,
    ) -> Self {
        self.when = Some(Arc::new(when));
        self
    }

    /// Lets the failure say how long to wait, as a service's `retry-after` does. What it says is taken as it is, in
    /// place of the pause that would have come, even if it is longer than `max_delay`.
    #[must_use]
    pub fn delay_from(
        mut self,
        delay: impl Fn(&(dyn Error + Send + Sync + 'static)) -> Option<Duration> + Send + Sync + 'static,
    ) -> Self {
        self.delay_from = Some(Arc::new(delay));
        self
    }

    fn check(&self) -> Result<(), ConfigError> {
        if self.attempts == 0 {
            return Err(ConfigError::out_of_range(
                "RetryConfig::attempts",
                self.attempts,
                "give at least 1, which tries once and no more",
            ));
        }
        if !(self.factor.is_finite() && self.factor >= 1.0) {
            return Err(ConfigError::out_of_range(
                "RetryConfig::factor",
                self.factor,
                "give a number from 1 on, so that pauses do not get shorter",
            ));
        }
        if self.min_delay > self.max_delay {
            return Err(ConfigError::out_of_range(
                "RetryConfig::min_delay",
                self.min_delay,
                "give at most `max_delay`, or raise that",
            ));
        }
        Ok(())
    }

    fn pauses(&self) -> ExponentialBackoff {
        ExponentialBuilder::new()
            .with_jitter()
            .with_min_delay(self.min_delay)
            .with_max_delay(self.max_delay)
            .with_factor(self.factor)
            .with_max_times(self.attempts.saturating_sub(1))
            .build()
    }

    fn is_worth_another(&self, cause: &Cause) -> bool {
        !cause.is::<Panicked>() && self.when.as_ref().is_none_or(|when| when(cause))
    }
}

impl fmt::Debug for RetryConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RetryConfig")
            .field("attempts", &self.attempts)
            .field("min_delay", &self.min_delay)
            .field("max_delay", &self.max_delay)
            .field("factor", &self.factor)
            .finish_non_exhaustive()
    }
}

/// A node that is tried again when it fails; made by [`Pipeline::retry`](crate::Pipeline::retry).
#[derive(Clone, Debug)]
pub struct Retry<N> {
    node: Arc<N>,
    config: RetryConfig,
    probe: Arc<Probe>,
}

impl<N> Retry<N> {
    pub(crate) fn new(node: Arc<N>, config: RetryConfig, probe: &Arc<Probe>) -> Result<Self, ConfigError> {
        config.check()?;
        Ok(Self { node, config, probe: Arc::clone(probe) })
    }
}

impl<In: Clone + Send, Out, N: Node<In, Out>> Node<In, Out> for Retry<N> {
    async fn call(&self, input: In) -> Result<Out, BoxError> {
        let mut pauses = None;
        for attempt in 1..self.config.attempts {
            let copy = input.clone();
            let cause = match self.node.call(copy).await {
                Ok(value) => return Ok(value),
                Err(cause) => cause,
            };
            let delay = {
                let root = root_of(&cause);
                if !self.config.is_worth_another(root) {
                    return Err(cause);
                }
                let pause = pauses.get_or_insert_with(|| self.config.pauses()).next();
                let told = self.config.delay_from.as_ref().and_then(|delay| delay(root));
                told.or(pause).unwrap_or_default()
            };
            drop(cause);
            self.probe.retried(attempt + 1, delay);
            tokio::time::sleep(delay).await;
        }
        self.node.call(input).await
    }

    fn inside(&self) -> Vec<Plan> {
        self.node.inside()
    }
}

/// With the node that was added last tried again.
type Retried<In, Out, A, Mid, C, N, Last> = Result<Linked<In, Out, A, Mid, C, Retry<N>, Last>, ConfigError>;

impl<In, Mid, Last, Out, A, C, N> Linked<In, Out, A, Mid, C, N, Last>
where
    A: Stage<In, Mid>,
    C: Chain<Mid, Last>,
    N: Node<Last, Out>,
    In: Send + 'static,
    Mid: Send + 'static,
    Last: Clone + Send + 'static,
    Out: Send + 'static,
{
    /// Tries the node that was added last again when it fails. The last failure is the item's, as it is; a panic is
    /// not tried again. Pauses need a Tokio runtime with time.
    ///
    /// While an item waits for its next attempt it holds its place in the node: let the node have several with
    /// [`parallel`](crate::Pipeline::parallel) after this.
    ///
    /// ```
    /// use std::sync::atomic::{AtomicU32, Ordering};
    /// use bedrock_llm_pipeline::{BoxError, Pipeline, RetryConfig};
    ///
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let calls = AtomicU32::new(0);
    /// let pipeline = Pipeline::new()
    ///     .try_map(move |text: String| {
    ///         if calls.fetch_add(1, Ordering::Relaxed) < 2 { Err("busy") } else { Ok(text) }
    ///     })
    ///     .retry(RetryConfig::attempts(3).when(|cause| cause.to_string() == "busy"))?;
    /// assert_eq!(pipeline.execute("a".to_owned()).await?, "a");
    /// assert_eq!(pipeline.stats().nodes[0].retries, 2);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// If there are no attempts, if pauses would get shorter, or if the first is longer than the longest.
    pub fn retry(self, config: RetryConfig) -> Retried<In, Out, A, Mid, C, N, Last> {
        self.try_wrap(|node, probe| Retry::new(node, config, probe))
    }
}
