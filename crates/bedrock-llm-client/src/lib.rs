#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

pub mod batch;
mod bedrock;
mod blocking;
mod client;
mod config;
mod counter;
#[cfg(feature = "extract")]
pub mod extract;
#[cfg(feature = "fetch")]
pub mod fetch;
pub mod layers;
mod transport;

#[doc(inline)]
pub use batch::{Batch, BatchHandle, BatchItem, BlockingBatch};
pub use bedrock::{ApiMode, Bedrock, ResponseFuture, native_only};
pub use blocking::{BlockingChatStream, BlockingClient, BlockingInvokeStream, BlockingTextStream};
pub use client::{Client, ClientBuilder, ClientLayer, ClientRequest, ClientService};
pub use config::{ClientConfig, ClientSettings, Switch, TimeoutConfig};
#[cfg(feature = "fetch")]
#[doc(inline)]
pub use fetch::{FetchError, Fetcher};

/// The codecs of native forms, for [`ClientBuilder::registry`].
pub use bedrock_llm_providers::Registry;
/// What to do about what a model cannot do, for [`ClientBuilder::on_unsupported`].
pub use bedrock_llm_schema::OnUnsupported;
