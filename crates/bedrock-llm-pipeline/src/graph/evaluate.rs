//! How an item goes through a graph.

use std::borrow::Cow;
use std::sync::Arc;

use futures_util::StreamExt as _;
use futures_util::stream::{self, FuturesUnordered};
use tokio::sync::Semaphore;

use super::parcel::Parcel;
use super::step::{Condition, Slot, Step};
use crate::probe::{Probe, Tally};
use crate::stage::guarded;
use crate::{BoxError, ItemError, Node as _};

/// The nodes of a graph, connected.
pub(super) struct Nodes {
    pub(super) nodes: Vec<FlowNode>,
    /// Those that take the input.
    pub(super) entries: Vec<usize>,
}

pub(super) struct FlowNode {
    pub(super) probe: Arc<Probe>,
    pub(super) step: Step,
    /// How many values of one input are in it at once.
    pub(super) width: usize,
    /// How many values of all inputs of a run are in it at once, where that is bounded.
    pub(super) parallel: Option<usize>,
    pub(super) incoming: Vec<Incoming>,
    pub(super) outgoing: Vec<Outgoing>,
    pub(super) gives_results: bool,
}

/// What a node has for each run.
pub(super) struct OfRun {
    tally: Tally,
    permits: Option<Semaphore>,
}

pub(super) struct Incoming {
    /// The node's that it comes from.
    pub(super) name: Arc<str>,
}

pub(super) struct Outgoing {
    pub(super) to: usize,
    /// Its place among the edges that lead there.
    pub(super) port: usize,
    pub(super) condition: Option<Arc<Condition>>,
    pub(super) name: Arc<str>,
}

/// For one input, the nodes before a join gave different numbers of values, so that they cannot be paired.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the parts do not pair: {}", counts.iter().map(|(node, count)| format!("`{node}` gave {count}")).collect::<Vec<_>>().join(", "))]
#[non_exhaustive]
pub struct UnequalParts {
    /// The nodes that lead to the join, and how many values each gave.
    pub counts: Vec<(String, usize)>,
}

/// What is waiting before a node until all nodes that lead to it are done.
struct Inbox {
    ports: Vec<Vec<Slot>>,
    missing: usize,
}

impl Nodes {
    /// Takes one value through all nodes; what has no order to keep happens side by side.
    pub(super) async fn evaluate(
        &self,
        run: &[OfRun],
        index: u64,
        input: Parcel,
    ) -> Vec<Result<Parcel, ItemError>> {
        let mut inboxes: Vec<_> = self
            .nodes
            .iter()
            .map(|node| Inbox { ports: vec![Vec::new(); node.incoming.len()], missing: node.incoming.len() })
            .collect();
        let mut results = vec![Vec::new(); self.nodes.len()];
        let mut working = FuturesUnordered::new();
        for &place in &self.entries {
            working.push(self.work(run, index, place, vec![vec![Slot::Good(input.clone())]]));
        }
        drop(input);
        while let Some((place, mut slots)) = working.next().await {
            let Some(node) = self.nodes.get(place) else { continue };
            let edges = node.outgoing.len();
            for (at, edge) in node.outgoing.iter().enumerate() {
                let taken = if at + 1 == edges && !node.gives_results {
                    edge.take(index, std::mem::take(&mut slots).into_iter().map(Cow::Owned))
                } else {
                    edge.take(index, slots.iter().map(Cow::Borrowed))
                };
                let Some(inbox) = inboxes.get_mut(edge.to) else { continue };
                if let Some(port) = inbox.ports.get_mut(edge.port) {
                    *port = taken;
                }
                inbox.missing -= 1;
                if inbox.missing == 0 {
                    let ports = std::mem::take(&mut inbox.ports);
                    working.push(self.work(run, index, edge.to, ports));
                }
            }
            if node.gives_results
                && let Some(of_node) = results.get_mut(place)
            {
                *of_node = slots;
            }
        }
        told_once(results)
    }

    /// Takes through one node all that one input brings it.
    async fn work(
        &self,
        run: &[OfRun],
        index: u64,
        place: usize,
        ports: Vec<Vec<Slot>>,
    ) -> (usize, Vec<Slot>) {
        let (Some(node), Some(run)) = (self.nodes.get(place), run.get(place)) else {
            return (place, Vec::new());
        };
        let tasks: Vec<Task> = match &node.step {
            Step::Join(_) => node.pair(&run.tally, index, ports),
            Step::Node(_) | Step::Expand(_) => ports.into_iter().flatten().map(Task::One).collect(),
        };
        let slots = stream::iter(tasks).map(|task| node.step_of(run, index, task)).buffered(node.width).fold(
            Vec::new(),
            async |mut slots, made| {
                slots.extend(made);
                slots
            },
        );
        (place, slots.await)
    }
}

/// What a node is called for.
enum Task {
    One(Slot),
    Parts(Vec<Parcel>),
}

impl FlowNode {
    /// The bound is that of one run: a run that nobody reads must not hold up another.
    pub(super) fn of_run(&self) -> OfRun {
        let permits = self.parallel.map(|values| Semaphore::new(values.min(Semaphore::MAX_PERMITS)));
        OfRun { tally: Tally::of_run(&self.probe), permits }
    }

    async fn step_of(&self, run: &OfRun, index: u64, task: Task) -> Vec<Slot> {
        if let Task::One(failed @ Slot::Failed(_)) = task {
            return vec![failed];
        }
        let OfRun { tally, permits } = run;
        let _permit = match permits {
            Some(permits) => permits.acquire().await.ok(),
            None => None,
        };
        let started = tally.enter(index);
        let outcome = match (&self.step, task) {
            (Step::Node(node), Task::One(Slot::Good(parcel))) => {
                guarded(async { node.call(parcel).await }).await
            }
            (Step::Join(node), Task::Parts(parts)) => {
                guarded(async { node.call(Parcel::new(parts)).await }).await
            }
            (Step::Expand(function), Task::One(Slot::Good(parcel))) => {
                let values = function(parcel);
                if let Some(started) = started {
                    tally.time(started);
                }
                let slots = values.into_iter().map(|value| match value {
                    Ok(value) => {
                        tally.give(1);
                        Slot::Good(value)
                    }
                    Err(cause) => Slot::Failed(vec![tally.fail(index, cause)]),
                });
                return slots.collect();
            }
            _ => Err(BoxError::from("the node was called for something else: a mistake in the graph itself")),
        };
        match tally.leave(index, started, outcome) {
            Ok(value) => vec![Slot::Good(value)],
            Err(error) => vec![Slot::Failed(vec![error])],
        }
    }

    /// Parts that belong together, by their places.
    fn pair(&self, tally: &Tally, index: u64, ports: Vec<Vec<Slot>>) -> Vec<Task> {
        let counts: Vec<_> = ports.iter().map(Vec::len).collect();
        let rows = counts.iter().copied().max().unwrap_or(0);
        if counts.iter().any(|count| *count != rows) {
            let mut failures: Vec<_> = ports.into_iter().flatten().flat_map(Slot::failures).collect();
            if failures.is_empty() {
                let names = self.incoming.iter().map(|edge| edge.name.to_string());
                let error = UnequalParts { counts: names.zip(counts).collect() };
                failures.push(tally.fail(index, error.into()));
            }
            return vec![Task::One(Slot::Failed(failures))];
        }
        let mut ports: Vec<_> = ports.into_iter().map(Vec::into_iter).collect();
        let row = |_| {
            let (mut parts, mut failures) = (Vec::with_capacity(ports.len()), Vec::new());
            for slot in ports.iter_mut().filter_map(Iterator::next) {
                match slot {
                    Slot::Good(parcel) => parts.push(parcel),
                    Slot::Failed(errors) => failures.extend(errors),
                }
            }
            if failures.is_empty() { Task::Parts(parts) } else { Task::One(Slot::Failed(failures)) }
        };
        (0..rows).map(row).collect()
    }
}

impl Outgoing {
    /// What of the values goes along this edge; only that is copied.
    fn take<'a>(&self, index: u64, slots: impl Iterator<Item = Cow<'a, Slot>>) -> Vec<Slot> {
        let taken = slots.filter_map(|slot| match (&self.condition, &*slot) {
            (None, _) | (_, Slot::Failed(_)) => Some(slot.into_owned()),
            (Some(condition), Slot::Good(parcel)) => match condition(parcel) {
                Ok(true) => Some(slot.into_owned()),
                Ok(false) => None,
                Err(cause) => Some(Slot::Failed(vec![ItemError::new(&self.name, index, cause)])),
            },
        });
        taken.collect()
    }
}

impl Slot {
    fn failures(self) -> Vec<ItemError> {
        match self {
            Self::Good(_) => Vec::new(),
            Self::Failed(errors) => errors,
        }
    }
}

/// Results in order; a failure that comes by several ways is told where it comes first.
fn told_once(results: Vec<Vec<Slot>>) -> Vec<Result<Parcel, ItemError>> {
    let mut told: Vec<ItemError> = Vec::new();
    let mut outcomes = Vec::new();
    for slot in results.into_iter().flatten() {
        match slot {
            Slot::Good(parcel) => outcomes.push(Ok(parcel)),
            Slot::Failed(errors) => {
                for error in errors {
                    if !told.iter().any(|known| known.is_same(&error)) {
                        told.push(error.clone());
                        outcomes.push(Err(error));
                    }
                }
            }
        }
    }
    outcomes
}
