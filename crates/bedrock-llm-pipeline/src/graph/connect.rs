//! Edges, checked when they are drawn.

use std::collections::VecDeque;
use std::sync::Arc;

use super::error::similar;
use super::parcel::{Takes, Type};
use super::step::{Condition, examine};
use super::{Edge, Graph, GraphError, GraphNode};

impl Graph {
    /// Lets what `from` gives go to `to`.
    ///
    /// # Errors
    ///
    /// [`GraphError::Unknown`] for a name that no node has, [`GraphError::Types`] where `to` takes something else,
    /// [`GraphError::Cycle`] where a value could come back, [`GraphError::Connected`] for the same edge twice, and
    /// [`GraphError::Full`] for one too many to a join.
    pub fn connect(&mut self, from: &str, to: &str) -> Result<&mut Self, GraphError> {
        self.edge(from, to, None)
    }

    /// Lets those values go from `from` to `to` for which the condition is true. A value that no edge takes ends there.
    ///
    /// ```
    /// use bedrock_llm_pipeline::{Graph, map_fn};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let mut graph = Graph::new();
    /// graph.add("number", map_fn(|number: u32| number))?;
    /// graph.add("half", map_fn(|number: u32| number / 2))?;
    /// graph.add("triple", map_fn(|number: u32| number * 3 + 1))?;
    /// graph.connect_if("number", "half", |number: &u32| number % 2 == 0)?;
    /// graph.connect_if("number", "triple", |number: &u32| number % 2 == 1)?;
    /// graph.outputs(["half", "triple"])?;
    /// let step = graph.build::<u32, u32>()?;
    /// assert_eq!((step.execute_all(6).await?, step.execute_all(3).await?), (vec![3], vec![10]));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`connect`](Self::connect), and [`GraphError::Condition`] where the condition looks at another type than
    /// `from` gives.
    pub fn connect_if<T: 'static>(
        &mut self,
        from: &str,
        to: &str,
        condition: impl Fn(&T) -> bool + Send + Sync + 'static,
    ) -> Result<&mut Self, GraphError> {
        let gives = self.known(self.find(from)?)?.gives;
        let looks_at = Type::of::<T>();
        if looks_at != gives {
            let (looks_at, gives) = (looks_at.name, gives.name);
            return Err(GraphError::Condition { from: from.to_owned(), to: to.to_owned(), looks_at, gives });
        }
        self.edge(from, to, Some(Arc::new(move |parcel| examine(parcel, &condition))))
    }

    /// Declares which nodes take the graph's input, where more than one has no edge to it; each gets a copy.
    ///
    /// # Errors
    ///
    /// [`GraphError::Unknown`] for a name that no node has.
    pub fn inputs<'a>(&mut self, names: impl IntoIterator<Item = &'a str>) -> Result<&mut Self, GraphError> {
        self.inputs = Some(self.find_all(names)?);
        Ok(self)
    }

    /// Declares which nodes give results, where more than one leads nowhere, or where one that leads elsewhere gives
    /// results as well.
    ///
    /// # Errors
    ///
    /// [`GraphError::Unknown`] for a name that no node has.
    pub fn outputs<'a>(&mut self, names: impl IntoIterator<Item = &'a str>) -> Result<&mut Self, GraphError> {
        self.outputs = Some(self.find_all(names)?);
        Ok(self)
    }

    fn find_all<'a>(&self, names: impl IntoIterator<Item = &'a str>) -> Result<Vec<usize>, GraphError> {
        let mut places = names.into_iter().map(|name| self.find(name)).collect::<Result<Vec<_>, _>>()?;
        places.sort_unstable();
        places.dedup();
        Ok(places)
    }

    pub(super) fn find(&self, name: &str) -> Result<usize, GraphError> {
        self.names().position(|known| known == name).ok_or_else(|| GraphError::Unknown {
            name: name.to_owned(),
            similar: similar(name, self.names()),
            all: self.names().map(str::to_owned).collect(),
        })
    }

    /// The node at a place that was found.
    fn known(&self, place: usize) -> Result<&GraphNode, GraphError> {
        self.nodes.get(place).ok_or(GraphError::Empty)
    }

    fn edge(
        &mut self,
        from_name: &str,
        to_name: &str,
        condition: Option<Arc<Condition>>,
    ) -> Result<&mut Self, GraphError> {
        let (from, to) = (self.find(from_name)?, self.find(to_name)?);
        let names = || (from_name.to_owned(), to_name.to_owned());
        if self.edges.iter().any(|edge| edge.from == from && edge.to == to) {
            let (from, to) = names();
            return Err(GraphError::Connected { from, to });
        }
        if let Some(mut path) = self.path(to, from) {
            path.push(to);
            let path = path.into_iter().filter_map(|place| self.nodes.get(place));
            return Err(GraphError::Cycle { path: path.map(|node| node.name().to_owned()).collect() });
        }
        let takes = match &self.known(to)?.takes {
            Takes::One(takes) | Takes::All(takes) => *takes,
            Takes::Each(parts) => {
                let next = self.edges.iter().filter(|edge| edge.to == to).count();
                *parts.get(next).ok_or_else(|| {
                    let (from, join) = names();
                    GraphError::Full { join, parts: parts.len(), from }
                })?
            }
        };
        let gives = self.known(from)?.gives;
        if gives != takes {
            let (from, to) = names();
            return Err(GraphError::Types { from, gives: gives.name, to, takes: takes.name });
        }
        self.edges.push(Edge { from, to, condition });
        Ok(self)
    }

    /// The shortest way from one node to another, with both.
    fn path(&self, from: usize, to: usize) -> Option<Vec<usize>> {
        let mut before = vec![None; self.nodes.len()];
        let mut next = VecDeque::from([from]);
        while let Some(place) = next.pop_front() {
            if place == to {
                let mut path = vec![to];
                let mut at = to;
                while at != from {
                    at = before.get(at).copied().flatten()?;
                    path.push(at);
                }
                path.reverse();
                return Some(path);
            }
            for edge in self.edges.iter().filter(|edge| edge.from == place && edge.to != from) {
                if let Some(known @ None) = before.get_mut(edge.to) {
                    *known = Some(place);
                    next.push_back(edge.to);
                }
            }
        }
        None
    }
}
