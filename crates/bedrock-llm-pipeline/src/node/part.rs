//! A node inside another, with a name and numbers of its own.

use std::fmt;
use std::sync::Arc;

use crate::plan::Plan;
use crate::probe::{Probe, Tally};
use crate::stage::guarded;
use crate::{BoxError, Node};

/// A node inside another. Errors, statistics and drawings name it for its place there.
pub struct Part<N> {
    node: N,
    probe: Arc<Probe>,
}

impl<N> Part<N> {
    pub(crate) fn new(node: N, place: impl Into<String>) -> Self {
        Self { node, probe: Probe::new("part", place.into()) }
    }

    pub(crate) async fn call<In, Out>(&self, input: In) -> Result<Out, BoxError>
    where
        N: Node<In, Out>,
    {
        let tally = Tally::of_call(&self.probe);
        let started = tally.enter(0);
        let outcome = guarded(async { self.node.call(input).await }).await;
        tally.leave(0, started, outcome).map_err(Into::into)
    }

    pub(crate) fn plan<In, Out>(&self) -> Plan
    where
        N: Node<In, Out>,
    {
        let mut plan = Plan::default();
        plan.push(Arc::clone(&self.probe), self.node.inside());
        plan
    }
}

impl<N> fmt::Debug for Part<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Part").field(self.probe.name()).finish()
    }
}

/// Two to four nodes, each of which becomes a [`Part`].
pub trait Nodes {
    #[doc(hidden)]
    type Parts;

    #[doc(hidden)]
    fn parts(self) -> Self::Parts;
}

macro_rules! nodes {
    ($($node:ident $place:literal),+) => {
        impl<$($node),+> Nodes for ($($node,)+) {
            type Parts = ($(Part<$node>,)+);

            fn parts(self) -> Self::Parts {
                #[allow(non_snake_case, reason = "a value for each type")]
                let ($($node,)+) = self;
                ($(Part::new($node, $place),)+)
            }
        }
    };
}

nodes!(A "1", B "2");
nodes!(A "1", B "2", C "3");
nodes!(A "1", B "2", C "3", D "4");
