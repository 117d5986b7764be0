//! Clients, and conversations to shorten.

use aws_config::{BehaviorVersion, Region, SdkConfig};
use bedrock_llm_agent::memory::{Memory, MemoryContext, MemoryUpdate};
use bedrock_llm_client::layers::RetryConfig;
use bedrock_llm_client::{Client, ClientBuilder};
use bedrock_llm_local::{Builder, LocalBedrock};
use bedrock_llm_schema::{Conversation, Error, Message, ModelId};

pub(crate) const NOVA: &str = "us.amazon.nova-lite-v1:0";
pub(crate) const SMALL: &str = "us.amazon.nova-micro-v1:0";

/// A builder that reads no environment, of a client that tries once.
pub(crate) fn builder(endpoint: &str) -> ClientBuilder {
    let sdk = SdkConfig::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .region(Region::new("us-east-1"))
        .build();
    let builder = Client::builder().sdk_config(&sdk).credentials("AKIDLOCAL", "secret", None);
    let once = RetryConfig::default().max_attempts(1);
    builder.endpoint_url(endpoint).retry(once)
}

pub(crate) async fn client(endpoint: &str) -> Client {
    builder(endpoint).build().await.unwrap()
}

/// A client whose calls nobody answers.
pub(crate) async fn lonely() -> Client {
    client("http://127.0.0.1:9").await
}

/// An endpoint with this script, and a client on it.
pub(crate) async fn start(script: Builder) -> (LocalBedrock, Client) {
    let local = script.start().await.unwrap();
    let client = client(&local.endpoint()).await;
    (local, client)
}

pub(crate) async fn prune(
    memory: &impl Memory,
    conversation: &mut Conversation,
    client: &Client,
) -> Result<Vec<MemoryUpdate>, Error> {
    let profile = client.profile(&ModelId::from(NOVA));
    memory.prune(conversation, &MemoryContext::new(client, &profile)).await
}

/// So many questions, numbered, with their answers, and a last question.
pub(crate) fn talk(questions: usize) -> Conversation {
    let mut conversation = Conversation::new();
    for number in 0..questions {
        conversation.push(format!("{number} ask")).unwrap();
        conversation.push(Message::assistant(format!("{number} say"))).unwrap();
    }
    conversation.push("last").unwrap();
    conversation
}

/// The first word of each unit, without the summary.
pub(crate) fn units(conversation: &Conversation) -> String {
    let mut conversation = conversation.clone();
    conversation.take_summary();
    let word = |unit: &[Message]| unit[0].text().split(' ').next().unwrap_or_default().to_owned();
    conversation.units().map(word).collect::<Vec<_>>().join(" ")
}
