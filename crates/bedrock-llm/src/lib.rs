#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(feature = "pipeline")]
pub mod nodes;

#[cfg(feature = "agent")]
pub use bedrock_llm_agent as agent;
#[cfg(feature = "client")]
pub use bedrock_llm_client as client;
#[cfg(feature = "embeddings")]
pub use bedrock_llm_embeddings as embeddings;
#[cfg(feature = "local")]
pub use bedrock_llm_local as local;
#[cfg(feature = "pipeline")]
pub use bedrock_llm_pipeline as pipeline;
pub use bedrock_llm_providers as providers;
pub use bedrock_llm_schema as schema;

#[cfg(feature = "agent")]
#[doc(inline)]
pub use agent::Agent;
#[cfg(feature = "client")]
#[doc(inline)]
pub use client::{BlockingClient, Client};
#[cfg(feature = "embeddings")]
#[doc(inline)]
pub use embeddings::{Embedder, rerank::Reranker};
#[cfg(feature = "pipeline")]
#[doc(inline)]
pub use pipeline::Pipeline;
#[doc(inline)]
pub use schema::{
    Catalog, ChatRequest, ChatResponse, ChatStream, Conversation, Error, ErrorKind, Message, ModelId, Result,
    StreamEvent, ToolSpec,
};
