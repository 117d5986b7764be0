//! Kinds that work on one field of a JSON object.

use std::sync::Arc;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::super::json::{JsonError, Object};
use super::super::step::{AnyNode, Opened};
use super::{Registered, Registry};
use crate::plan::Plan;
use crate::{BoxError, Node};

/// How a kind works on a field.
pub(super) struct OnField {
    /// Where the result goes, if nothing else is said.
    into: String,
    lift: Arc<dyn Fn(AnyNode, Fields) -> AnyNode + Send + Sync>,
}

/// Which field, and where the result goes.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Fields {
    #[serde(default = "text")]
    field: String,
    into: Option<String>,
}

fn text() -> String {
    "text".to_owned()
}

impl OnField {
    /// The settings of its own, beside those of the kind.
    pub(super) const SETTINGS: [&str; 2] = ["field", "into"];

    fn new<In, Out>(into: &str) -> Self
    where
        In: DeserializeOwned + Clone + Send + 'static,
        Out: Serialize + Send + 'static,
    {
        let lift = |node, Fields { field, into }: Fields| {
            let into = into.unwrap_or_else(|| field.clone());
            AnyNode::new(Lifted { node: Opened::<In, Out>::new(node), field, into })
        };
        Self { into: into.to_owned(), lift: Arc::new(lift) }
    }

    pub(super) fn lift(&self, node: AnyNode, fields: Fields) -> AnyNode {
        let into = fields.into.or_else(|| Some(self.into.clone()));
        (self.lift)(node, Fields { into, ..fields })
    }
}

/// A node of a field as a node of the object.
struct Lifted<In, Out> {
    node: Opened<In, Out>,
    field: String,
    into: String,
}

impl<In, Out> Node<Value, Value> for Lifted<In, Out>
where
    In: DeserializeOwned + Clone + Send + 'static,
    Out: Serialize + Send + 'static,
{
    async fn call(&self, value: Value) -> Result<Value, BoxError> {
        let mut object = Object::of(value)?;
        let input = In::deserialize(object.get(&self.field)?)
            .map_err(|source| JsonError::Field { field: self.field.clone(), source })?;
        let output = serde_json::to_value(self.node.call(input).await?)?;
        object.set(&self.into, output);
        Ok(object.into())
    }

    fn inside(&self) -> Vec<Plan> {
        self.node.inside()
    }
}

impl Registry {
    /// Registers a kind of [`Node`] of one field of a JSON object: the object goes on with the result in the field
    /// `into`. The file may say otherwise: `with = { field = "text", into = "vector" }` beside the settings of the kind;
    /// the field is `text` unless it says so.
    ///
    /// What the file says of the node (`cache`, `retry`, …) is meant of the field: two objects with the same text share a
    /// result in the cache, and keep their other fields.
    ///
    /// ```
    /// use bedrock_llm_pipeline::graph::{NoSettings, Registry};
    /// use bedrock_llm_pipeline::{BoxError, map_fn};
    /// use serde_json::{Value, json};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let mut registry = Registry::json();
    /// let length = |NoSettings {}| Ok::<_, BoxError>(map_fn(|text: String| text.len()));
    /// registry.field("length", "length", length).cached_by(String::clone);
    /// let graph = registry.load("[nodes.a]\nuse = 'length'\nwith = { field = 'name' }\ncache = { max_items = 9 }")?;
    /// let pipeline = graph.build::<Value, Value>()?;
    /// let found = pipeline.execute_all(json!({"id": 7, "name": "tea"})).await?;
    /// assert_eq!(found, [json!({"id": 7, "name": "tea", "length": 3})]);
    /// # Ok(())
    /// # }
    /// ```
    pub fn field<S, N, In, Out, E>(
        &mut self,
        kind: &str,
        into: &str,
        make: impl Fn(S) -> Result<N, E> + Send + Sync + 'static,
    ) -> Registered<'_, In, Out>
    where
        S: DeserializeOwned,
        N: Node<In, Out>,
        E: Into<BoxError>,
        In: DeserializeOwned + Clone + Send + 'static,
        Out: Serialize + Clone + Send + 'static,
    {
        let registered = self.node(kind, make);
        registered.kind.on_field = Some(OnField::new::<In, Out>(into));
        registered
    }

    /// Registers a function that takes many values of a field at once, and gives a result or an error for each; see
    /// [`batch_each`](Self::batch_each) and [`field`](Self::field).
    pub fn field_batch<S, F, Fut, In, Out, E, F2>(
        &mut self,
        kind: &str,
        into: &str,
        make: impl Fn(S) -> Result<F, E> + Send + Sync + 'static,
    ) -> Registered<'_, In, Out>
    where
        S: DeserializeOwned,
        F: Fn(Vec<In>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Vec<Result<Out, F2>>> + Send,
        E: Into<BoxError>,
        F2: Into<BoxError>,
        In: DeserializeOwned + Clone + Send + 'static,
        Out: Serialize + Clone + Send + 'static,
    {
        let registered = self.batch_each(kind, make);
        registered.kind.on_field = Some(OnField::new::<In, Out>(into));
        registered
    }
}
