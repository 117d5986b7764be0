//! What the examples share: a client that talks to AWS where the environment says so, and to the local endpoint
//! where it does not, so that each example runs anywhere.

use anyhow::Result;
use bedrock_llm::Client;
use bedrock_llm::client::ClientBuilder;
use bedrock_llm::local::LocalBedrock;

/// A builder for a client. Set `BEDROCK_LLM_EXAMPLES=aws` to talk to AWS; otherwise keep the endpoint alive as
/// long as the client is used.
pub async fn connect() -> Result<(ClientBuilder, Option<LocalBedrock>)> {
    if std::env::var("BEDROCK_LLM_EXAMPLES").is_ok_and(|place| place == "aws") {
        return Ok((Client::builder(), None));
    }
    eprintln!("(local endpoint: rule-based answers; BEDROCK_LLM_EXAMPLES=aws talks to AWS)");
    let local = LocalBedrock::start().await?;
    let builder = Client::builder()
        .region("us-east-1")
        .credentials("local", "local", None)
        .endpoint_url(local.endpoint());
    Ok((builder, Some(local)))
}

/// The program in the README compiles.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
pub struct Readme;

/// The programs in the book's chapter on models compile and run.
#[cfg(doctest)]
#[doc = include_str!("../../docs/src/models.md")]
pub struct Models;

/// The programs in the book's chapter on configuration and batches compile.
#[cfg(doctest)]
#[doc = include_str!("../../docs/src/configuration.md")]
pub struct Configuration;

/// The programs in the book's chapter on agents compile.
#[cfg(doctest)]
#[doc = include_str!("../../docs/src/agents.md")]
pub struct Agents;

/// The programs in the book's chapter on embeddings compile.
#[cfg(doctest)]
#[doc = include_str!("../../docs/src/embeddings.md")]
pub struct Embeddings;

/// The programs in the book's chapter on pipelines compile, and the last one runs.
#[cfg(doctest)]
#[doc = include_str!("../../docs/src/pipelines.md")]
pub struct Pipelines;
