//! A guardrail on its own, without a model: `ApplyGuardrail`.

use super::GuardrailAssessment;
use super::assessment::{GuardrailCoverage, GuardrailUsage};
use crate::content::media::ImageFormat;
use crate::guardrail::{GuardContentQualifier, GuardImageSource};
use crate::wire::{Extra, wire_enum, wire_struct, wire_union};

wire_enum! {
    /// Whose words are checked.
    pub enum GuardrailSource {
        /// The user's.
        Input = "INPUT",
        /// The model's.
        Output = "OUTPUT",
    }

    /// How much of the assessment comes back.
    pub enum GuardrailOutputScope {
        /// What was found.
        Interventions = "INTERVENTIONS",
        /// Everything, findings or not.
        Full = "FULL",
    }

    /// What the guardrail did.
    pub enum GuardrailAction {
        /// Nothing.
        None = "NONE",
        /// It blocked or masked something.
        Intervened = "GUARDRAIL_INTERVENED",
    }
}

wire_union! {
    /// A piece of content to check.
    pub enum GuardrailContent {
        /// Text.
        Text(GuardrailTextBlock) = "text",
        /// An image.
        Image(GuardrailImageBlock) = "image",
    }
}

wire_struct! {
    /// Text to check.
    #[derive(Default)]
    pub struct GuardrailTextBlock {
        /// The text.
        pub text: String,
        /// What it is.
        pub qualifiers: Option<Vec<GuardContentQualifier>>,
    }

    /// An image to check: PNG or JPEG.
    pub struct GuardrailImageBlock {
        /// Its format.
        pub format: ImageFormat,
        /// Where its bytes are.
        pub source: GuardImageSource,
    }

    /// What the guardrail thinks.
    pub struct ApplyGuardrailResponse {
        /// What it cost.
        #[serde(default, deserialize_with = "crate::wire::or_default")]
        pub usage: GuardrailUsage,
        /// What it did.
        pub action: GuardrailAction,
        /// Why.
        pub action_reason: Option<String>,
        /// What to show instead.
        #[serde(default, deserialize_with = "crate::wire::or_default")]
        pub outputs: Vec<GuardrailOutput>,
        /// What it found, per policy.
        #[serde(default, deserialize_with = "crate::wire::or_default")]
        pub assessments: Vec<GuardrailAssessment>,
        /// How much of the content it looked at.
        pub guardrail_coverage: Option<GuardrailCoverage>,
        /// The service's id for this call; from the response's headers.
        #[serde(skip)]
        pub request_id: Option<String>,
    }

    /// What to show instead.
    #[derive(Default)]
    pub struct GuardrailOutput {
        /// The text.
        pub text: Option<String>,
    }
}

/// Asks a guardrail what it thinks of some content.
#[serde_with::skip_serializing_none]
#[derive(Clone, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ApplyGuardrailRequest {
    /// Id or ARN; travels in the path, not in the body.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub guardrail_identifier: String,
    /// Its version, or `DRAFT`; travels in the path, not in the body.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub guardrail_version: String,
    /// Whose words these are.
    pub source: GuardrailSource,
    /// The words.
    pub content: Vec<GuardrailContent>,
    /// How much of the assessment comes back.
    pub output_scope: Option<GuardrailOutputScope>,
    /// Members this version does not know; kept and written back as they came.
    #[serde(flatten)]
    pub extra: Extra,
}

/// Names the guardrail and counts what is to be checked; never shows it, so that prompts do not reach logs.
impl std::fmt::Debug for ApplyGuardrailRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ApplyGuardrailRequest")
            .field("guardrail_identifier", &self.guardrail_identifier)
            .field("guardrail_version", &self.guardrail_version)
            .field("source", &self.source)
            .field("content", &self.content.len())
            .finish_non_exhaustive()
    }
}

impl ApplyGuardrailRequest {
    /// Asks about the user's words (`GuardrailSource::Input`) or the model's.
    pub fn new(identifier: impl Into<String>, version: impl Into<String>, source: GuardrailSource) -> Self {
        Self {
            guardrail_identifier: identifier.into(),
            guardrail_version: version.into(),
            source,
            content: Vec::new(),
            output_scope: None,
            extra: Extra::new(),
        }
    }

    /// The same with one more text to check.
    #[must_use]
    pub fn text(mut self, text: impl Into<String>) -> Self {
        let block = GuardrailTextBlock { text: text.into(), ..GuardrailTextBlock::default() };
        self.content.push(GuardrailContent::Text(block));
        self
    }

    /// The same with this much of the assessment in the response.
    #[must_use]
    pub fn output_scope(mut self, scope: GuardrailOutputScope) -> Self {
        self.output_scope = Some(scope);
        self
    }
}

impl crate::Request for ApplyGuardrailRequest {
    type Response = ApplyGuardrailResponse;
    const OPERATION: crate::Operation = crate::Operation::ApplyGuardrail;

    fn model(&self) -> Option<&crate::ModelId> {
        None
    }

    fn set_model(&mut self, _model: crate::ModelId) {}

    fn estimate_input_tokens_of(&self, _model: &crate::ModelId) -> u64 {
        0
    }

    fn write_key(&self, out: &mut dyn std::io::Write) -> std::io::Result<bool> {
        crate::request::write_sorted(self, &[], out)?;
        Ok(true)
    }
}
