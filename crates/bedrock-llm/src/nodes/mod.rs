//! Nodes of pipelines that call models: a client, an embedder, a reranker or an agent as a step.
//!
//! Each is a [`pipeline::Node`](crate::pipeline::Node), so it goes wherever one goes: `.node(…)`, `join`, `branch`,
//! `Graph::add`, with `parallel`, `cached` and `rate_limit` after it. Retries, timeouts and limits of the service are
//! the client's own: they need no `retry` in the pipeline.
//!
//! | node | takes | gives |
//! |---|---|---|
//! | [`Chat`] | a `ChatRequest` | the `ChatResponse` |
//! | [`Ask`] | a question | the text of the answer |
//! | [`Embed`] | a text | its vector |
//! | [`embed_batch`], for `batch_each` | any items, and what text they have | each with its vector |
//! | [`Rerank`] | a query and its documents | the documents that answer best, the best first |
//! | [`RunAgent`] | an input | the agent's `AgentResponse` |
//!
//! `register_kinds` makes kinds of them for pipelines declared in TOML.
//!
//! ```
//! use bedrock_llm::local::LocalBedrock;
//! use bedrock_llm::nodes::Ask;
//! use bedrock_llm::pipeline::Pipeline;
//! use bedrock_llm::{ChatRequest, Client};
//! use futures_util::{StreamExt, stream};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let local = LocalBedrock::start().await?; // leave it and `endpoint_url` out for the real service
//! let client = Client::builder()
//!     .endpoint_url(local.endpoint())
//!     .region("us-east-1")
//!     .credentials("local", "local", None)
//!     .build()
//!     .await?;
//!
//! let request = ChatRequest::new("amazon.nova-micro-v1:0").system("Answer in one word.");
//! let answers = Pipeline::new().node(Ask::new(client, request)).named("ask").parallel(8);
//! let questions = stream::iter(["Is it raining?".to_owned(), "What is the capital of France?".to_owned()]);
//! let mut results = answers.run(questions);
//! while let Some(answer) = results.next().await {
//!     println!("{}", answer?);
//! }
//! # Ok(())
//! # }
//! ```

#[cfg(feature = "agent")]
mod agent;
#[cfg(feature = "client")]
mod chat;
#[cfg(feature = "embeddings")]
mod embed;
#[cfg(all(feature = "embeddings", feature = "pipeline-toml"))]
mod kinds;
#[cfg(feature = "embeddings")]
mod rerank;

#[cfg(feature = "agent")]
pub use agent::RunAgent;
#[cfg(feature = "client")]
pub use chat::{Ask, Chat, NoText};
#[cfg(feature = "embeddings")]
pub use embed::{Embed, EmbeddedBatch, embed_batch};
#[cfg(all(feature = "embeddings", feature = "pipeline-toml"))]
pub use kinds::register_kinds;
#[cfg(feature = "embeddings")]
pub use rerank::{Rerank, Reranked};
