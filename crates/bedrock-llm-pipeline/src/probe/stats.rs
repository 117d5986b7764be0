//! What the numbers of a pipeline's nodes are at a moment.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use super::{Counters, Probe, locked};
use crate::plan::Plan;

/// The numbers of all nodes of a pipeline, over all its runs and calls so far. `Display` is a table.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct PipelineStats {
    /// The nodes in order, those inside others after them.
    pub nodes: Vec<NodeStats>,
}

/// The numbers of one node.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct NodeStats {
    /// The node's name; `outer/inner` for one inside another.
    pub name: Arc<str>,
    /// What it is: `map`, `batch`, …
    pub kind: &'static str,
    /// Items that went in.
    pub entered: u64,
    /// Items that came out.
    pub left: u64,
    /// Items that failed here.
    pub failed: u64,
    /// Items that its cache answered.
    pub cache_hits: u64,
    /// Items that its cache did not have.
    pub cache_misses: u64,
    /// How many times items were tried again.
    pub retries: u64,
    /// The median time of an item in the node, within 1 %. Of a node quicker than 10 µs one item in 256 is timed.
    pub p50: Option<Duration>,
    /// 99 % of items took no longer.
    pub p99: Option<Duration>,
    /// Results that wait for the next node. A node that others wait for has a full queue before it.
    pub queued: usize,
    /// How much of the time since its first item it was at work, from 0 to 1, over all items it may hold at once.
    pub busy: f64,
}

/// Reads the numbers of a pipeline's nodes; cheap to clone. Made by
/// [`Pipeline::stats_handle`](crate::Pipeline::stats_handle).
#[derive(Clone, Debug)]
pub struct StatsHandle(Plan);

impl StatsHandle {
    pub(crate) fn new(plan: Plan) -> Self {
        Self(plan)
    }

    /// The numbers now.
    #[must_use]
    pub fn stats(&self) -> PipelineStats {
        PipelineStats { nodes: self.0.stats() }
    }
}

impl PipelineStats {
    /// The node that holds the others up: the busiest.
    #[must_use]
    pub fn bottleneck(&self) -> Option<&NodeStats> {
        self.nodes.iter().filter(|node| node.busy > 0.0).max_by(|a, b| a.busy.total_cmp(&b.busy))
    }

    /// The node of this name.
    #[must_use]
    pub fn node(&self, name: &str) -> Option<&NodeStats> {
        self.nodes.iter().find(|node| &*node.name == name)
    }
}

impl Probe {
    pub(crate) fn stats(&self, name: Arc<str>) -> NodeStats {
        let total = Counters::default();
        {
            // held while reading, so that a run that ends now is neither missed nor counted twice
            let runs = locked(&self.runs);
            total.take_in(&self.counters);
            for run in &*runs {
                total.take_in(run);
            }
        }
        let quantile = |q: f64| {
            let times = locked(&self.times);
            let times = times.as_ref().filter(|times| !times.is_empty())?;
            Some(Duration::from_nanos(times.value_at_quantile(q)))
        };
        let busy = self.since.get().map_or(0.0, |since| {
            let whole = since.elapsed().as_secs_f64() * self.width.load(Relaxed) as f64;
            let busy = Duration::from_nanos(total.busy_nanos.load(Relaxed)).as_secs_f64();
            if whole > 0.0 { (busy / whole).min(1.0) } else { 0.0 }
        });
        NodeStats {
            name,
            kind: self.kind,
            entered: total.entered.load(Relaxed),
            left: total.left.load(Relaxed),
            failed: total.failed.load(Relaxed),
            cache_hits: total.cache_hits.load(Relaxed),
            cache_misses: total.cache_misses.load(Relaxed),
            retries: total.retries.load(Relaxed),
            p50: quantile(0.5),
            p99: quantile(0.99),
            queued: self.queued(),
            busy,
        }
    }
}

impl fmt::Display for PipelineStats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.nodes.iter().map(|node| node.name.chars().count()).max().unwrap_or(4).max(4);
        writeln!(
            f,
            "{:<width$}  {:>10} {:>10} {:>7} {:>8} {:>9} {:>9} {:>6} {:>5}",
            "node", "in", "out", "failed", "cached", "p50", "p99", "queued", "busy"
        )?;
        for node in &self.nodes {
            let time =
                |time: Option<Duration>| time.map_or_else(|| "-".to_owned(), |time| format!("{time:.1?}"));
            writeln!(
                f,
                "{:<width$}  {:>10} {:>10} {:>7} {:>8} {:>9} {:>9} {:>6} {:>4.0}%",
                node.name,
                node.entered,
                node.left,
                node.failed,
                node.cache_hits,
                time(node.p50),
                time(node.p99),
                node.queued,
                node.busy * 100.0
            )?;
        }
        Ok(())
    }
}
