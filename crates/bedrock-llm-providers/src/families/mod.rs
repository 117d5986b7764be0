//! One module per family.

pub mod agent_runtime;
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
pub mod rerank;
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
        .register_embed(|model| starts_with(model, "amazon.titan-embed-"), titan::TitanEmbed::text_v2())
        .register_embed(is_titan_text_v1, titan::TitanEmbed::text_v1())
        .register_embed(
            |model| starts_with(model, "amazon.titan-embed-image-"),
            titan::TitanEmbed::multimodal(),
        )
        .register_embed(|model| starts_with(model, "cohere.embed-"), cohere::CohereEmbed::v4())
        .register_embed(is_cohere_v3, cohere::CohereEmbed::v3())
        .register_embed(is_nova_embed, nova::NovaEmbed)
        .register_rerank(|model| starts_with(model, "cohere.rerank-"), rerank::InvokeRerank::cohere())
        .register_rerank(|model| starts_with(model, "amazon.rerank-"), rerank::InvokeRerank::amazon())
}

/// Whether a model is of a family, and not one of those that do something else than chat.
fn is(model: &ModelId, family: &Family, but_not: &[&str]) -> bool {
    let base = model.base().unwrap_or_default();
    model.family() == *family && !but_not.iter().any(|kind| base.contains(kind))
}

fn starts_with(model: &ModelId, beginning: &str) -> bool {
    model.base().is_some_and(|base| base.starts_with(beginning))
}

fn is_titan_text_v1(model: &ModelId) -> bool {
    ["amazon.titan-embed-text-v1", "amazon.titan-embed-g1-text-"].iter().any(|base| starts_with(model, base))
}

fn is_cohere_v3(model: &ModelId) -> bool {
    ["cohere.embed-english-v3", "cohere.embed-multilingual-v3"].iter().any(|base| starts_with(model, base))
}

fn is_nova_embed(model: &ModelId) -> bool {
    model.family() == Family::AmazonNova && model.base().is_some_and(|base| base.contains("embeddings"))
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
