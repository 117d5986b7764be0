//! Which road a chat takes: Converse, or the model's native form.

use std::sync::Arc;

use bedrock_llm_schema::ModelId;
use bedrock_llm_schema::model::ModelIdKind;

/// Which operations carry a chat. Everything else has one road only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ApiMode {
    /// Converse and ConverseStream, for every model.
    Converse,
    /// InvokeModel and `InvokeModelWithResponseStream`, in the native form that the registry knows.
    Invoke,
    /// Converse, but for models that do not have it: see [`native_only`].
    #[default]
    Auto,
}

/// A caller's rule in the place of [`native_only`].
pub(crate) type NativeModels = Arc<dyn Fn(&ModelId) -> bool + Send + Sync>;

/// Kinds of id whose models [`ApiMode::Auto`] calls natively.
const KINDS: &[(ModelIdKind, &str)] = &[
    // API reference of Converse, member modelId
    (ModelIdKind::ImportedModel, "\"The Converse API doesn't support imported models.\""),
    // User guide, "Model compatibility" of Bedrock Marketplace
    (
        ModelIdKind::SageMakerEndpoint,
        "\"All models can use the InvokeModel operation. Some models can use the Converse operation.\"",
    ),
];

/// Beginnings of base ids whose models [`ApiMode::Auto`] calls natively.
///
/// Source: user guide, "Supported models and model features" of the Converse API.
const BASES: &[(&str, &str)] = &[
    ("ai21.j2-", "Converse: \"Limited. No chat support\"; ConverseStream: No"),
    ("cohere.command-text", "Converse and ConverseStream: \"Limited. No chat support\""),
    ("cohere.command-light-text", "Converse and ConverseStream: \"Limited. No chat support\""),
];

/// Whether [`ApiMode::Auto`] calls a model natively, because Converse does not have it or has no chat for it:
/// imported models, SageMaker endpoints, AI21 Jurassic-2, the first Cohere Command. Models whose id does not tell
/// go by Converse. [`ClientBuilder::native_models`](crate::ClientBuilder::native_models) puts another rule here.
///
/// ```
/// use bedrock_llm_client::native_only;
///
/// assert!(native_only(&"arn:aws:bedrock:us-east-1:123456789012:imported-model/abcdefghijkl".into()));
/// assert!(native_only(&"cohere.command-text-v14".into()));
/// assert!(!native_only(&"cohere.command-r-v1:0".into()));
/// ```
#[must_use]
pub fn native_only(model: &ModelId) -> bool {
    let kind = model.kind();
    KINDS.iter().any(|(native, _)| *native == kind)
        || model.base().is_some_and(|base| BASES.iter().any(|(native, _)| base.starts_with(native)))
}
