//! One module per family.

pub mod ai21;
pub mod anthropic;
mod bare_prompt;
pub mod cohere;
mod common;
pub mod meta;
pub mod mistral;
pub mod nova;
mod nulls;
pub mod openai;
mod settings;
pub mod titan;

use bedrock_llm_schema::model::ModelIdKind;
use bedrock_llm_schema::{Family, ModelId};

use crate::Registry;

/// Adds every codec of this crate, the more special after the more general.
pub(crate) fn register(registry: Registry) -> Registry {
    registry
        .register(speaks_openai, openai::OpenAi::compatible())
        .register(|model| model.family() == Family::OpenAi, openai::OpenAi::gpt_oss())
        .register(|model| model.family() == Family::Anthropic, anthropic::Anthropic)
        .register(|model| model.family() == Family::Ai21, ai21::jamba())
        .register(is_jurassic, ai21::Jurassic2)
        .register(
            |model| is(model, &Family::AmazonNova, &["embeddings", "canvas", "reel", "sonic"]),
            nova::Nova,
        )
        .register(|model| is(model, &Family::AmazonTitan, &["embed", "image"]), titan::Titan)
        .register(|model| is(model, &Family::Cohere, &["embed", "rerank"]), cohere::Cohere)
        .register(|model| model.family() == Family::Meta, meta::Meta)
        .register(|model| model.family() == Family::Mistral, mistral::Mistral)
        .register_embed(|model| starts_with(model, "amazon.titan-embed-text"), titan::TitanEmbed)
}

/// Whether a model is of a family, and not one of those that do something else than chat.
fn is(model: &ModelId, family: &Family, but_not: &[&str]) -> bool {
    let base = model.base().unwrap_or_default();
    model.family() == *family && !but_not.iter().any(|kind| base.contains(kind))
}

fn starts_with(model: &ModelId, beginning: &str) -> bool {
    model.base().is_some_and(|base| base.starts_with(beginning))
}

/// Whether a model that is no family of ours speaks Chat Completions: imported ones and SageMaker endpoints as a
/// rule (other formats are the user's to register), and these makers' by their pages in the Bedrock user guide.
fn speaks_openai(model: &ModelId) -> bool {
    use Family::{DeepSeek, Google, MiniMax, Moonshot, Nvidia, Qwen, Writer, Zai};
    matches!(model.kind(), ModelIdKind::ImportedModel | ModelIdKind::SageMakerEndpoint)
        || matches!(model.family(), DeepSeek | Google | MiniMax | Moonshot | Nvidia | Qwen | Writer | Zai)
}

fn is_jurassic(model: &ModelId) -> bool {
    model.family() == Family::Ai21 && model.base().is_some_and(|base| base.starts_with("ai21.j2"))
}
