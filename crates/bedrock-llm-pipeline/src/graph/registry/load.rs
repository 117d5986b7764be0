//! From a file to a graph.

use std::num::NonZeroUsize;

use serde_json::Value;
use toml::Table;

use super::field::OnField;
use super::file::{self, Declared, File, Settings};
use super::{BATCH, Kind, LoadError, Refused, Registry};
use crate::graph::error::similar;
use crate::graph::parcel::{Takes, Type};
use crate::graph::step::Step;
use crate::graph::{Graph, GraphError, GraphNode};
use crate::{BatchConfig, Concurrency};

impl Registry {
    /// Reads a graph from a file's text; what is loose is found when it is [built](Graph::build).
    ///
    /// # Errors
    ///
    /// What is wrong, with the node and the field.
    pub fn load(&self, text: &str) -> Result<Graph, LoadError> {
        let table: Table = text
            .parse()
            .map_err(|error: toml::de::Error| LoadError::Syntax { message: error.to_string() })?;
        let File { graph: settings, nodes } = file::read(table, "")?;
        let settings: Settings = file::read(settings, "graph")?;
        let mut graph = Graph::new();
        let mut edges = Vec::new();
        let mut width = graph.concurrency.width.get();
        for (name, node) in nodes {
            let at = format!("nodes.{name}");
            let toml::Value::Table(node) = node else {
                let message = format!("must be a table, not {}", node.type_str());
                return Err(LoadError::Field { at, message });
            };
            let mut declared: Declared = file::read(node, &at)?;
            let from = std::mem::take(&mut declared.from);
            let node = self.node_of(&name, declared)?;
            width = width.max(node.width);
            graph.insert(node).map_err(|error| LoadError::Graph { at, error })?;
            edges.extend(from.into_iter().map(|from| (from, name.clone())));
        }
        for (from, to) in edges {
            let connected = graph.connect(&from, &to);
            connected.map_err(|error| LoadError::Graph { at: format!("nodes.{to}.from"), error })?;
        }
        let concurrency = Concurrency::new(settings.concurrency.map_or(width, NonZeroUsize::get));
        graph.concurrency(if settings.ordered { concurrency } else { concurrency.as_completed() });
        let said = |field: &str| {
            let at = format!("graph.{field}");
            |error: GraphError| LoadError::Graph { at, error }
        };
        if let Some(inputs) = &settings.inputs {
            graph.inputs(inputs.iter().map(String::as_str)).map_err(said("inputs"))?;
        }
        if let Some(outputs) = &settings.outputs {
            graph.outputs(outputs.iter().map(String::as_str)).map_err(said("outputs"))?;
        }
        Ok(graph)
    }

    fn node_of(&self, name: &str, declared: Declared) -> Result<GraphNode, LoadError> {
        let Declared { r#use: kind_name, with, from: _, parallel, timeout, rate_limit, retry, cache, batch } =
            declared;
        let field = |field: &str| format!("nodes.{name}.{field}");
        let kind = self.kinds.get(&kind_name).ok_or_else(|| LoadError::Kind {
            node: name.to_owned(),
            kind: kind_name.clone(),
            similar: similar(&kind_name, self.kinds()),
            all: self.kinds().map(str::to_owned).collect(),
        })?;
        if batch.is_some() && !kind.batches {
            let message = format!("`{kind_name}` takes one value at a time, it has no batches");
            return Err(LoadError::Field { at: field("batch"), message });
        }
        let batch = batch.map_or_else(|| BatchConfig::new(BATCH), BatchConfig::from);
        let (with, fields) = fields_of(kind, with);
        let mut node = (kind.make)(name, with, batch).map_err(|refused| match refused {
            Refused::Field(error) => error,
            Refused::Settings(source) => {
                LoadError::Settings { node: name.to_owned(), kind: kind_name.clone(), source }
            }
        })?;
        node.parallel = parallel.map(NonZeroUsize::get);
        if kind.batches {
            node.width = batch.batch_size;
        }
        let said = |option: &str| {
            let at = field(option);
            |error: GraphError| LoadError::Graph { at, error }
        };
        if let Some(after) = timeout {
            node.timeout(after).map_err(said("timeout"))?;
        }
        if let Some(rate) = rate_limit {
            node.rate_limit(rate.into()).map_err(said("rate_limit"))?;
        }
        if let Some(retry) = retry {
            node.retry(retry.into()).map_err(said("retry"))?;
        }
        if let Some(cache) = cache {
            let Some(put) = &kind.cache else {
                let message = format!("`{kind_name}` has no key by which results could be kept");
                return Err(LoadError::Field { at: field("cache"), message });
            };
            put(&mut node, cache).map_err(said("cache"))?;
        }
        if let (Some(on_field), Some(fields)) = (&kind.on_field, fields) {
            let fields = file::read(fields, &field("with"))?;
            if let Step::Node(inner) = node.step {
                node.step = Step::Node(on_field.lift(inner, fields));
                node.takes = Takes::One(Type::of::<Value>());
                node.gives = Type::of::<Value>();
            }
        }
        Ok(node)
    }
}

/// The settings of the kind, and apart from them those that say on which field it works.
fn fields_of(kind: &Kind, mut with: Table) -> (Table, Option<Table>) {
    if kind.on_field.is_none() {
        return (with, None);
    }
    let mut fields = Table::new();
    for setting in OnField::SETTINGS {
        if let Some(value) = with.remove(setting) {
            fields.insert(setting.to_owned(), value);
        }
    }
    (with, Some(fields))
}
