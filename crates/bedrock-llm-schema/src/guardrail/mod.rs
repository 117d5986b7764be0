//! Guardrails: what they are asked to look at, how they are set, what they found.

mod apply;
pub mod assessment;
pub mod reasoning;

pub use apply::{
    ApplyGuardrailRequest, ApplyGuardrailResponse, GuardrailAction, GuardrailContent, GuardrailImageBlock,
    GuardrailOutput, GuardrailOutputScope, GuardrailSource, GuardrailTextBlock,
};
pub use assessment::GuardrailAssessment;

use crate::Blob;
use crate::content::media::ImageFormat;
use crate::wire::{Extra, wire_enum, wire_struct, wire_union};

wire_enum! {
    /// What a piece of guarded content is.
    pub enum GuardContentQualifier {
        /// What answers must be grounded in.
        GroundingSource = "grounding_source",
        /// The user's question.
        Query = "query",
        /// Content to check.
        GuardContent = "guard_content",
    }

    /// How much of the assessment comes back.
    pub enum GuardrailTrace {
        /// What was found.
        Enabled = "enabled",
        /// Nothing.
        Disabled = "disabled",
        /// Everything, findings or not.
        EnabledFull = "enabled_full",
    }

    /// Whether a stream waits for its guardrail.
    pub enum GuardrailStreamProcessingMode {
        /// Each chunk is checked before it is sent.
        Sync = "sync",
        /// Chunks are sent at once and checked beside.
        Async = "async",
    }
}

wire_union! {
    /// Content that a guardrail should look at.
    pub enum GuardContentBlock {
        /// Text.
        Text(GuardTextBlock) = "text",
        /// An image.
        Image(GuardImageBlock) = "image",
    }

    /// Where a guarded image is.
    pub enum GuardImageSource {
        /// In the request itself.
        Bytes(Blob) = "bytes",
    }
}

wire_struct! {
    /// Text that a guardrail should look at.
    #[derive(Default)]
    pub struct GuardTextBlock {
        /// The text.
        pub text: String,
        /// What it is.
        pub qualifiers: Option<Vec<GuardContentQualifier>>,
    }

    /// An image that a guardrail should look at: PNG or JPEG.
    pub struct GuardImageBlock {
        /// Its format.
        pub format: ImageFormat,
        /// Where its bytes are.
        pub source: GuardImageSource,
    }

    /// The guardrail a request is held to.
    #[derive(Default)]
    pub struct GuardrailConfig {
        /// Id or ARN, at most 2,048 characters.
        pub guardrail_identifier: Option<String>,
        /// Its version, or `DRAFT`.
        pub guardrail_version: Option<String>,
        /// How much of the assessment comes back.
        pub trace: Option<GuardrailTrace>,
        /// Whether a stream waits for it. Only streams take this.
        pub stream_processing_mode: Option<GuardrailStreamProcessingMode>,
    }
}

impl GuardContentBlock {
    /// Text to check.
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text(GuardTextBlock { text: text.into(), ..GuardTextBlock::default() })
    }
}

impl GuardrailConfig {
    /// A guardrail by id or ARN and version (`DRAFT` or a number).
    pub fn new(identifier: impl Into<String>, version: impl Into<String>) -> Self {
        Self {
            guardrail_identifier: Some(identifier.into()),
            guardrail_version: Some(version.into()),
            trace: None,
            stream_processing_mode: None,
            extra: Extra::new(),
        }
    }

    /// The same with this much of the assessment in the response.
    #[must_use]
    pub fn trace(mut self, trace: GuardrailTrace) -> Self {
        self.trace = Some(trace);
        self
    }
}
