#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod batch;
mod error;
mod item;
mod node;
mod pipeline;
mod plan;
mod probe;
mod run;
pub mod stage;

pub use batch::{Batch, BatchConfig, BatchNode, batch_each_fn, batch_fn};
pub use error::{BatchError, BoxError, ConfigError, ItemError, Panicked};
pub use node::{FnNode, MapNode, Node, TryMapNode, map_fn, node_fn, try_map_fn};
pub use pipeline::Pipeline;
pub use probe::{Event, EventKind, Events, NodeStats, PipelineStats};
pub use run::{OnError, RunHandle, Runner, Running};
pub use stage::{BoxOne, BoxStage, Concurrency, One, Stage};
