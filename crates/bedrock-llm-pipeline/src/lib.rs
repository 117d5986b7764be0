#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod error;
pub mod graph;
mod item;
mod node;
mod pipeline;
mod plan;
mod probe;
mod run;
pub mod stage;

pub use error::{BoxError, ItemError, Panicked};
pub use graph::{Graph, GraphError};
pub use node::{FnNode, MapNode, Node, TryMapNode, map_fn, node_fn, try_map_fn};
pub use pipeline::Pipeline;
pub use probe::{Event, EventKind, Events, NodeStats, PipelineStats};
pub use run::{OnError, RunHandle, Runner, Running};
pub use stage::{BoxOne, BoxStage, Concurrency, One, Stage};
