//! Several items as one: windows, one after the other or sliding.

mod sliding;
#[cfg(test)]
mod tests;
mod tumbling;

use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

pub use sliding::Sliding;
pub use tumbling::Tumbling;

use crate::pipeline::Behind;
use crate::stage::{Chain, Segment, Stage, Until};
use crate::{ConfigError, Pipeline};

/// When a window is complete: by the count of its items, by time, or by what comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    count: Option<usize>,
    time: Option<Duration>,
}

impl Window {
    /// Windows of so many items; at least 1.
    #[must_use]
    pub const fn count(items: usize) -> Self {
        Self { count: Some(items), time: None }
    }

    /// Windows of all items that come within this time of the first of them; more than zero. Its memory grows with
    /// what comes in that time.
    #[must_use]
    pub const fn time(time: Duration) -> Self {
        Self { count: None, time: Some(time) }
    }

    /// Completes a window when this time is over since its first item, even if it has fewer; more than zero.
    #[must_use]
    pub const fn within(mut self, time: Duration) -> Self {
        self.time = Some(time);
        self
    }

    fn until(self) -> Result<Until, ConfigError> {
        if self.count == Some(0) {
            return Err(ConfigError::out_of_range("count", 0, "a window has at least one item"));
        }
        if self.time == Some(Duration::ZERO) {
            let advice = "a window needs some time for its items";
            return Err(ConfigError::out_of_range("time", Duration::ZERO, advice));
        }
        Ok(Until {
            size: self.count.unwrap_or(usize::MAX),
            wait: self.time.unwrap_or(Duration::MAX),
            least: 1,
            by_clock: self.time.is_some(),
            // what failed waits in its place, whatever that takes
            passing: usize::MAX,
        })
    }
}

/// With windows of `Last` added behind `S`, if the settings can be.
type Windowed<In, Last, W> = Result<Behind<In, Vec<Last>, W>, ConfigError>;

impl<In, Mid, A, C, Out> Pipeline<In, Out, Segment<A, C, Mid>>
where
    A: Stage<In, Mid>,
    C: Chain<Mid, Out>,
    In: Send + 'static,
    Mid: Send + 'static,
    Out: Send + 'static,
{
    /// Puts items together to windows, each item into one. The last window has what is left when the input ends.
    ///
    /// Items that failed are in no window; they keep their places among the results, so those that fail while a window
    /// is open come after it. An input is done with when its window is out. Windows by time need a Tokio runtime, which
    /// has the clock; without, a window is complete when nothing more is ready.
    ///
    /// ```
    /// use bedrock_llm_pipeline::{Pipeline, Window};
    /// use futures_util::{TryStreamExt, stream};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let sums = Pipeline::new().window(Window::count(2))?.map(|pair: Vec<u32>| pair.iter().sum::<u32>());
    /// let sums: Vec<u32> = sums.run(stream::iter(1..=5)).try_collect().await?;
    /// assert_eq!(sums, [1 + 2, 3 + 4, 5]);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// If a window could have no items.
    pub fn window(self, window: Window) -> Windowed<In, Out, Tumbling<Segment<A, C, Mid>>> {
        let until = window.until()?;
        let mut plan = self.plan;
        let probe = plan.new_probe("window");
        plan.push(Arc::clone(&probe), Vec::new());
        Ok(Pipeline::behind(Tumbling { before: self.stage, probe, until }, plan))
    }

    /// Puts items together to windows of `size` that begin at every `step`th item, so that an item is in several if
    /// `step` is less than `size`, and in none if it falls between two.
    ///
    /// When the input ends, what is left is a last, smaller window if it has items that were in none. An input is done
    /// with when the last window it is in is out. For items that failed see [`window`](Self::window).
    ///
    /// ```
    /// use bedrock_llm_pipeline::Pipeline;
    /// use futures_util::{TryStreamExt, stream};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let windows = Pipeline::new().sliding_window(3, 2)?;
    /// let windows: Vec<Vec<u32>> = windows.run(stream::iter(1..=6)).try_collect().await?;
    /// assert_eq!(windows, [vec![1, 2, 3], vec![3, 4, 5], vec![5, 6]]);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// If `size` or `step` is 0.
    pub fn sliding_window(
        self,
        size: usize,
        step: usize,
    ) -> Windowed<In, Out, Sliding<Segment<A, C, Mid>, Out>>
    where
        Out: Clone,
    {
        if size == 0 {
            return Err(ConfigError::out_of_range("size", 0, "a window has at least one item"));
        }
        if step == 0 {
            return Err(ConfigError::out_of_range(
                "step",
                0,
                "the next window begins at least one item later",
            ));
        }
        let mut plan = self.plan;
        let probe = plan.new_probe("sliding_window");
        plan.push(Arc::clone(&probe), Vec::new());
        let stage = Sliding { before: self.stage, probe, size, step, types: PhantomData };
        Ok(Pipeline::behind(stage, plan))
    }
}
