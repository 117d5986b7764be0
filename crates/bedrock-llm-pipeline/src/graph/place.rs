//! What is said of a node when it is added.

use std::fmt;

use super::GraphNode;

/// A node that was just added, to say more of it.
pub struct Placed<'a> {
    pub(super) node: &'a mut GraphNode,
}

impl Placed<'_> {
    /// How many values may be in the node at once, over all inputs of all runs. 0 means 1.
    ///
    /// Without, the values of one input follow each other, so that there are at most as many at once as
    /// [inputs](super::Graph::concurrency).
    #[expect(clippy::must_use_candidate, reason = "the node is in the graph, whatever else is said of it")]
    pub fn parallel(self, values: usize) -> Self {
        self.node.parallel = Some(values.max(1));
        self
    }
}

impl fmt::Debug for Placed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Placed").field(&self.node.name()).finish()
    }
}
