//! From a graph to a pipeline, if nothing is loose.

use std::sync::Arc;

use super::evaluate::{FlowNode, Incoming, Outgoing};
use super::flow::Flow;
use super::parcel::{Takes, Type};
use super::{Graph, GraphError, GraphNode};
use crate::plan::{Plan, PlanEdge, PlanNode};
use crate::{AnyPipeline, BoxStage, Pipeline};

impl Graph {
    /// Makes a pipeline from `In` to `Out` of the graph.
    ///
    /// Without [`inputs`](Self::inputs) the one node to which nothing leads takes the input, and without
    /// [`outputs`](Self::outputs) the one node that leads nowhere gives the results.
    ///
    /// # Errors
    ///
    /// [`GraphError::Empty`]; [`GraphError::LooseEnds`] for nodes that nothing leads to or that lead nowhere, if they
    /// are neither the only one nor declared; [`GraphError::NotAnInput`]; [`GraphError::Missing`] for a join with too
    /// few edges; [`GraphError::Input`] and [`GraphError::Output`] for other types.
    pub fn build<In, Out>(self) -> Result<AnyPipeline<In, Out>, GraphError>
    where
        In: Clone + Send + 'static,
        Out: Clone + Send + 'static,
    {
        if self.nodes.is_empty() {
            return Err(GraphError::Empty);
        }
        self.check_joins()?;
        let (entries, results) = self.ends()?;
        let (given, wanted) = (Type::of::<In>(), Type::of::<Out>());
        for node in entries.iter().filter_map(|&place| self.nodes.get(place)) {
            if let Takes::One(takes) | Takes::All(takes) = node.takes
                && takes != given
            {
                let name = node.name().to_owned();
                return Err(GraphError::Input { name, takes: takes.name, given: given.name });
            }
        }
        for node in results.iter().filter_map(|&place| self.nodes.get(place)) {
            if node.gives != wanted {
                let name = node.name().to_owned();
                return Err(GraphError::Output { name, gives: node.gives.name, wanted: wanted.name });
            }
        }
        let plan = self.plan(&results);
        Ok(Pipeline::behind(BoxStage::new(self.flow(entries, &results)), plan))
    }

    fn check_joins(&self) -> Result<(), GraphError> {
        for (place, node) in self.nodes.iter().enumerate() {
            let parts = match &node.takes {
                Takes::One(_) => 0,
                Takes::All(_) => 1,
                Takes::Each(parts) => parts.len(),
            };
            let connected = self.edges.iter().filter(|edge| edge.to == place).count();
            if connected < parts {
                return Err(GraphError::Missing { join: node.name().to_owned(), parts, connected });
            }
        }
        Ok(())
    }

    /// The places of the nodes that take the input and of those that give the results.
    fn ends(&self) -> Result<(Vec<usize>, Vec<usize>), GraphError> {
        let leads_to = |place| self.edges.iter().any(|edge| edge.to == place);
        let leads_on = |place| self.edges.iter().any(|edge| edge.from == place);
        let places = 0..self.nodes.len();
        let first: Vec<_> = places.clone().filter(|&place| !leads_to(place)).collect();
        let last: Vec<_> = places.clone().filter(|&place| !leads_on(place)).collect();
        let mut without_before = undeclared(&first, self.inputs.as_deref());
        let mut without_after = undeclared(&last, self.outputs.as_deref());
        // a node that has neither is what was forgotten; the others are the ends then
        let alone = |place: &usize| without_before.contains(place) && without_after.contains(place);
        let alone: Vec<_> = places.filter(alone).collect();
        if !alone.is_empty() && self.nodes.len() > 1 {
            (without_before, without_after) = (alone.clone(), alone);
        }
        if !without_before.is_empty() || !without_after.is_empty() {
            let nothing_leads_to = self.named(&without_before);
            return Err(GraphError::LooseEnds { nothing_leads_to, lead_nowhere: self.named(&without_after) });
        }
        for &place in self.inputs.iter().flatten() {
            if let Some(edge) = self.edges.iter().find(|edge| edge.to == place) {
                let [name, from] = [place, edge.from]
                    .map(|place| self.nodes.get(place).map(GraphNode::name).unwrap_or_default().to_owned());
                return Err(GraphError::NotAnInput { name, from });
            }
        }
        Ok((first, self.outputs.clone().unwrap_or(last)))
    }

    fn named(&self, places: &[usize]) -> Vec<String> {
        let nodes = places.iter().filter_map(|&place| self.nodes.get(place));
        nodes.map(|node| node.name().to_owned()).collect()
    }

    fn plan(&self, results: &[usize]) -> Plan {
        let node = |node: &GraphNode| PlanNode {
            probe: Arc::clone(&node.probe),
            kind: node.kind.clone(),
            inside: node.step.inside(),
        };
        let edges = self.edges.iter().map(|edge| PlanEdge {
            from: edge.from,
            to: edge.to,
            conditional: edge.condition.is_some(),
        });
        Plan {
            nodes: self.nodes.iter().map(node).collect(),
            edges: edges.collect(),
            outputs: results.to_vec(),
        }
    }

    fn flow<In, Out>(self, entries: Vec<usize>, results: &[usize]) -> Flow<In, Out> {
        let Self { nodes, edges, concurrency, .. } = self;
        let names: Vec<_> = nodes.iter().map(|node| Arc::clone(node.probe.name())).collect();
        let name = |place: usize| names.get(place).cloned().unwrap_or_else(|| Arc::from(""));
        let flow_node = |(place, node): (usize, GraphNode)| {
            node.probe.set_width(node.parallel.unwrap_or(concurrency.width.get().saturating_mul(node.width)));
            let incoming = edges.iter().filter(|edge| edge.to == place);
            let outgoing = edges.iter().enumerate().filter(|(_, edge)| edge.from == place);
            FlowNode {
                incoming: incoming.map(|edge| Incoming { name: name(edge.from) }).collect(),
                outgoing: outgoing
                    .map(|(at, edge)| Outgoing {
                        to: edge.to,
                        port: edges.iter().take(at).filter(|other| other.to == edge.to).count(),
                        condition: edge.condition.clone(),
                        name: format!("{} -> {}", name(edge.from), name(edge.to)).into(),
                    })
                    .collect(),
                gives_results: results.contains(&place),
                width: node.parallel.unwrap_or(node.width),
                parallel: node.parallel,
                probe: node.probe,
                step: node.step,
            }
        };
        Flow::new(nodes.into_iter().enumerate().map(flow_node).collect(), entries, concurrency)
    }
}

/// The ends that are not as they were declared; without a declaration there may be one.
fn undeclared(ends: &[usize], declared: Option<&[usize]>) -> Vec<usize> {
    match declared {
        Some(declared) => ends.iter().copied().filter(|end| !declared.contains(end)).collect(),
        None if ends.len() > 1 => ends.to_vec(),
        None => Vec::new(),
    }
}
