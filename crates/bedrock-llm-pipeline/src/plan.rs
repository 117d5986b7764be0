//! Which nodes a pipeline has and how they hang together: for drawings, statistics and events.

use std::sync::Arc;

use crate::probe::{NodeStats, Probe};

/// The nodes of a pipeline and the edges between them.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    pub(crate) nodes: Vec<PlanNode>,
    /// From one node to another, by their places.
    pub(crate) edges: Vec<(usize, usize)>,
}

/// One node, and the pipelines inside it.
#[derive(Clone, Debug)]
pub(crate) struct PlanNode {
    pub(crate) probe: Arc<Probe>,
    pub(crate) inside: Vec<Plan>,
}

impl Plan {
    /// The probe of a node to be added: its name is its kind, with a number if there is one of that name.
    pub(crate) fn new_probe(&self, kind: &'static str) -> Arc<Probe> {
        let taken = |name: &str| self.nodes.iter().any(|node| &**node.probe.name() == name);
        let mut name = kind.to_owned();
        let mut number = 2;
        while taken(&name) {
            name = format!("{kind}-{number}");
            number += 1;
        }
        Probe::new(kind, name)
    }

    /// Adds a node after the last.
    pub(crate) fn push(&mut self, probe: Arc<Probe>, inside: Vec<Plan>) {
        let place = self.nodes.len();
        if let Some(before) = place.checked_sub(1) {
            self.edges.push((before, place));
        }
        self.nodes.push(PlanNode { probe, inside });
    }

    /// All nodes with their paths, those inside after the one they are in.
    pub(crate) fn each(&self, visit: &mut impl FnMut(Arc<str>, &Arc<Probe>)) {
        fn walk(plan: &Plan, path: &str, visit: &mut impl FnMut(Arc<str>, &Arc<Probe>)) {
            for node in &plan.nodes {
                let name = node.probe.name();
                let name =
                    if path.is_empty() { Arc::clone(name) } else { Arc::from(format!("{path}/{name}")) };
                visit(Arc::clone(&name), &node.probe);
                for inside in &node.inside {
                    walk(inside, &name, visit);
                }
            }
        }
        walk(self, "", visit);
    }

    pub(crate) fn stats(&self) -> Vec<NodeStats> {
        let mut stats = Vec::new();
        self.each(&mut |name, probe| stats.push(probe.stats(name)));
        stats
    }
}
