//! A live view of a pipeline on a terminal.

use std::io::IsTerminal as _;
use std::sync::Arc;
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use tokio::task::AbortHandle;
use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::{NodeStats, PipelineStats, StatsHandle};

/// How often it is drawn.
const EVERY: Duration = Duration::from_millis(100);

/// A live view of a pipeline: a line for each node with what went in and out, what failed, items a second, times, what
/// waits and how busy it is; and a line that names the bottleneck.
///
/// It is drawn on standard error, where that is a terminal, until it is dropped, and leaves the last view there.
///
/// ```
/// use bedrock_llm_pipeline::{Pipeline, Progress};
/// use futures_util::{StreamExt, stream};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let pipeline = Pipeline::new().map(|number: u64| number * 2);
/// let progress = Progress::show(pipeline.stats_handle(), Some(1_000));
/// let results = pipeline.run(stream::iter(0..1_000)).count().await;
/// progress.finish();
/// # assert_eq!(results, 1_000);
/// # }
/// ```
#[derive(Debug)]
pub struct Progress {
    view: Arc<View>,
    drawing: Option<AbortHandle>,
}

#[derive(Debug)]
struct View {
    stats: StatsHandle,
    total: Option<u64>,
    since: Instant,
    lines: Vec<ProgressBar>,
    summary: ProgressBar,
}

impl Progress {
    /// Shows a pipeline. `total` is how many items there will be, where that is known.
    #[must_use]
    pub fn show(stats: StatsHandle, total: Option<u64>) -> Self {
        if std::io::stderr().is_terminal() {
            Self::on(ProgressDrawTarget::stderr(), stats, total)
        } else {
            Self::on(ProgressDrawTarget::hidden(), stats, total)
        }
    }

    fn on(target: ProgressDrawTarget, stats: StatsHandle, total: Option<u64>) -> Self {
        let hidden = target.is_hidden();
        let bars = MultiProgress::with_draw_target(target);
        // the only key there is, so that it cannot fail to be read
        let style =
            || ProgressStyle::with_template("{msg}").unwrap_or_else(|_| ProgressStyle::default_spinner());
        let line = || bars.add(ProgressBar::new_spinner().with_style(style()));
        let lines = stats.stats().nodes.iter().map(|_| line()).collect();
        let view = Arc::new(View { stats, total, since: Instant::now(), lines, summary: line() });
        // without a runtime there is nobody to draw
        let runtime = tokio::runtime::Handle::try_current().ok().filter(|_| !hidden);
        let drawing = runtime.map(|runtime| {
            let view = Arc::clone(&view);
            let task = runtime.spawn(async move {
                let mut every = interval(EVERY);
                every.set_missed_tick_behavior(MissedTickBehavior::Skip);
                loop {
                    every.tick().await;
                    view.draw();
                }
            });
            task.abort_handle()
        });
        Self { view, drawing }
    }

    /// Draws it once more and leaves it; dropping does the same.
    pub fn finish(self) {}
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(drawing) = &self.drawing {
            drawing.abort();
            self.view.draw();
        }
        for line in self.view.lines.iter().chain([&self.view.summary]) {
            line.abandon();
        }
    }
}

impl View {
    fn draw(&self) {
        let stats = self.stats.stats();
        let elapsed = self.since.elapsed();
        let width = stats.nodes.iter().map(|node| node.name.chars().count()).max().unwrap_or_default();
        let busiest = stats.bottleneck().map(|node| Arc::clone(&node.name));
        for (line, node) in self.lines.iter().zip(&stats.nodes) {
            let is_busiest = busiest.as_ref() == Some(&node.name);
            line.set_message(told(node, width, elapsed, is_busiest));
        }
        self.summary.set_message(summary(&stats, self.total, elapsed));
    }
}

/// One node: `> embed   1024 → 1000   3 failed   98.3/s   p50 1.2ms   p99 3.4ms   7 queued   ████░░░░ 52%`.
fn told(node: &NodeStats, width: usize, elapsed: Duration, is_busiest: bool) -> String {
    let mark = if is_busiest { '>' } else { ' ' };
    let rate = node.left as f64 / elapsed.as_secs_f64().max(f64::MIN_POSITIVE);
    let filled = (node.busy * 8.0).round() as usize;
    let bar: String = (0..8).map(|place| if place < filled { '█' } else { '░' }).collect();
    let mut line = format!(
        "{mark} {:<width$}  {} → {}  {bar} {:>3.0}%  {rate:.1}/s",
        node.name,
        node.entered,
        node.left,
        node.busy * 100.0
    );
    let mut also = |told: std::fmt::Arguments<'_>| line.push_str(&told.to_string());
    if let (Some(p50), Some(p99)) = (node.p50, node.p99) {
        also(format_args!("  p50 {p50:.1?}  p99 {p99:.1?}"));
    }
    for (count, what) in [
        (node.failed, "failed"),
        (node.retries, "tried again"),
        (node.cache_hits, "cached"),
        (node.queued as u64, "queued"),
    ] {
        if count > 0 {
            also(format_args!("  {count} {what}"));
        }
    }
    line
}

fn summary(stats: &PipelineStats, total: Option<u64>, elapsed: Duration) -> String {
    let taken = stats.nodes.first().map_or(0, |node| node.entered);
    let mut line = format!("  {taken}");
    let mut also = |told: std::fmt::Arguments<'_>| line.push_str(&told.to_string());
    if let Some(total) = total {
        also(format_args!(" of {total}"));
    }
    also(format_args!(" items in {elapsed:.1?}"));
    if let Some(total) = total.filter(|total| taken > 0 && taken < *total) {
        let left = elapsed.mul_f64((total - taken) as f64 / taken as f64);
        also(format_args!(", {left:.0?} to go"));
    }
    if let Some(node) = stats.bottleneck() {
        also(format_args!("; the bottleneck is {}", node.name));
    }
    line
}

#[cfg(test)]
mod tests {
    use futures_util::{StreamExt as _, stream};
    use indicatif::{InMemoryTerm, TermLike};
    use tokio::time::sleep;

    use super::*;
    use crate::{BoxError, Pipeline};

    #[tokio::test(start_paused = true)]
    async fn the_view_has_a_line_for_each_node_and_names_the_bottleneck() {
        let pipeline = Pipeline::new()
            .map(|number: u64| number)
            .named("quick")
            .then(async |number: u64| {
                sleep(Duration::from_millis(100)).await;
                if number == 3 { Err(BoxError::from("three")) } else { Ok(number) }
            })
            .named("slow");
        let term = InMemoryTerm::new(10, 120);
        let shown: Box<dyn TermLike> = Box::new(term.clone());
        let progress = Progress::on(ProgressDrawTarget::term_like(shown), pipeline.stats_handle(), Some(10));
        let mut results = pipeline.run(stream::iter(0..10));
        for _ in 0..5 {
            drop(results.next().await);
        }
        drop(progress);
        let view = term.contents();
        let lines: Vec<&str> = view.lines().collect();
        assert!(lines[0].starts_with("  quick  5 → 5  ░░░░░░░░   0%  "), "{view}");
        assert!(lines[1].starts_with("> slow   5 → 4  ████████ 100%  8.0/s  p50 1"), "{view}");
        assert!(lines[1].ends_with("  1 failed"), "{view}");
        assert_eq!(lines[2], "  5 of 10 items in 500.0ms, 500ms to go; the bottleneck is slow", "{view}");
    }
}
