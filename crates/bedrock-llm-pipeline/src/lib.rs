#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod batch;
mod error;
pub mod graph;
mod item;
pub mod job;
mod node;
mod pipeline;
mod plan;
mod probe;
#[cfg(feature = "progress")]
mod progress;
mod run;
pub mod sink;
pub mod source;
pub mod stage;
mod window;

pub use batch::{Batch, BatchConfig, BatchNode, batch_each_fn, batch_fn};
pub use error::{BatchError, BoxError, ConfigError, ItemError, Panicked};
pub use graph::{Graph, GraphError};
pub use node::{Branch, Cases, Join, TwoWay, Zip, branch, join, zip};
#[cfg(feature = "cache")]
pub use node::{CacheConfig, CacheStats, Cached, CachedBy, NodeCache};
#[cfg(feature = "compute")]
pub use node::{ComputeConfig, ComputeNode, ComputePool, TryComputeNode, compute_fn, try_compute_fn};
pub use node::{FnNode, MapNode, Node, TryMapNode, map_fn, node_fn, try_map_fn};
pub use node::{RateLimit, RateLimited, Retry, RetryConfig, TimedOut, Timeout};
pub use pipeline::{AnyPipeline, Pipeline};
pub use probe::{Event, EventKind, Events, NodeStats, PipelineStats, StatsHandle};
#[cfg(feature = "progress")]
pub use progress::Progress;
pub use run::{OnError, RunHandle, Runner, Running};
pub use stage::{BoxOne, BoxStage, Concurrency, One, Stage};
pub use window::{Sliding, Tumbling, Window};
