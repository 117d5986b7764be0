//! Which nodes a pipeline has and how they hang together: for drawings, statistics and events.

mod dot;
mod mermaid;

use std::borrow::Cow;
use std::sync::Arc;

use crate::probe::{NodeStats, Probe};

/// The nodes of a pipeline and the edges between them.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    pub(crate) nodes: Vec<PlanNode>,
    pub(crate) edges: Vec<PlanEdge>,
    /// Nodes that lead elsewhere and whose values are results all the same.
    pub(crate) outputs: Vec<usize>,
}

/// One node, and the pipelines inside it.
#[derive(Clone, Debug)]
pub(crate) struct PlanNode {
    pub(crate) probe: Arc<Probe>,
    /// What a drawing says that it is.
    pub(crate) kind: Cow<'static, str>,
    pub(crate) inside: Vec<Plan>,
}

impl PlanNode {
    /// The kind, where the name does not say it and it says something: parts of a node are named for what they are.
    fn shown_kind(&self) -> Option<&str> {
        Some(&*self.kind).filter(|kind| *kind != "part" && **kind != **self.probe.name())
    }
}

/// From one node to another, by their places.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PlanEdge {
    pub(crate) from: usize,
    pub(crate) to: usize,
    /// Whether only some values take it.
    pub(crate) conditional: bool,
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
            self.edges.push(PlanEdge { from: before, to: place, conditional: false });
        }
        let kind = Cow::Borrowed(probe.kind());
        self.nodes.push(PlanNode { probe, kind, inside });
    }

    /// Whether the pipeline's input goes to this node.
    fn is_entry(&self, place: usize) -> bool {
        !self.edges.iter().any(|edge| edge.to == place)
    }

    /// Whether what this node gives is the pipeline's output.
    fn is_exit(&self, place: usize) -> bool {
        self.outputs.contains(&place) || !self.edges.iter().any(|edge| edge.from == place)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Node as _, Pipeline, branch};

    /// A branch behind a conditional edge, with a pipeline of two nodes and one of none.
    pub(super) fn composite() -> Plan {
        let two = Pipeline::new().map(|number: u8| number).named("end").map(|number| number);
        let none = Pipeline::<u8, u8, _>::new();
        let branch = branch(|number: &u8| *number > 3, two, none);
        let mut plan = Plan::default();
        plan.push(Probe::new("flat_map", "split \"it\"".to_owned()), Vec::new());
        plan.push(Probe::new("branch", "which".to_owned()), branch.inside());
        for edge in &mut plan.edges {
            edge.conditional = true;
        }
        plan
    }

    #[test]
    fn nodes_inside_have_paths() {
        let mut names = Vec::new();
        composite().each(&mut |name, _| names.push(name.to_string()));
        assert_eq!(
            names,
            ["split \"it\"", "which", "which/yes", "which/yes/end", "which/yes/map", "which/no"]
        );
    }
}
