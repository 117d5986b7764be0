//! Groups of facts that a [`ModelProfile`](super::ModelProfile) is made of: every one of them may be unknown.

use serde::{Deserialize, Serialize};

use crate::content::media::{DocumentFormat, ImageFormat, VideoFormat};
use crate::content::{ContentBlock, ContentKind};
use crate::embed::{EmbedPurpose, EmbedTruncation, EmbeddingType};
use crate::{CacheTtl, ModelId, Operation};

/// Declares a group of facts: each is `None` while unknown, and one group can be laid over another.
macro_rules! facts {
    ($(
        $(#[$meta:meta])*
        pub struct $name:ident {
            $( $(#[$field_meta:meta])* pub $field:ident : $type:ty ),* $(,)?
        }
    )*) => {$(
        $(#[$meta])*
        #[serde_with::skip_serializing_none]
        #[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
        #[serde(default, deny_unknown_fields)]
        #[non_exhaustive]
        pub struct $name {
            $( $(#[$field_meta])* pub $field: Option<$type>, )*
        }

        impl $name {
            /// Lets every fact that is known in `over` win.
            pub(super) fn overlay(&mut self, over: &Self) {
                $( if over.$field.is_some() { self.$field.clone_from(&over.$field); } )*
            }

            pub(super) fn is_unknown(&self) -> bool {
                true $( && self.$field.is_none() )*
            }
        }
    )*};
}

facts! {
    /// What a model can do: `Some(true)` it can, `Some(false)` it cannot, `None` unknown.
    pub struct Features {
        /// Reasoning whose depth the model chooses itself.
        pub adaptive_thinking: bool,
        /// Continuing a last message of the assistant's.
        pub assistant_prefill: bool,
        /// Audio in the input.
        pub audio_input: bool,
        /// Embedding of images.
        pub embedding_image_input: bool,
        /// System messages in the middle of a conversation.
        pub mid_conversation_system: bool,
        /// A switch for calling several tools in one turn.
        pub parallel_tool_use_config: bool,
        /// PDF documents in the input.
        pub pdf_input: bool,
        /// Cache points.
        pub prompt_caching: bool,
        /// Reasoning before the answer.
        pub reasoning: bool,
        /// Answers that follow a JSON schema, be it natively or by way of a tool.
        pub response_schema: bool,
        /// Answers held to a JSON schema by the service itself (`outputConfig.textFormat`).
        pub structured_output: bool,
        /// System prompts.
        pub system_messages: bool,
        /// Being told which tool to use (`toolChoice`).
        pub tool_choice: bool,
        /// Tools.
        pub tool_use: bool,
        /// Video in the input.
        pub video_input: bool,
        /// Images in the input.
        pub vision: bool,
        /// Documents in the input.
        pub document_input: bool,
    }

    /// How a model is called.
    pub struct AccessFacts {
        /// The operations that carry the model.
        pub operations: Vec<Operation>,
        /// Whether the model can be called by its plain id; where not, an inference profile is wanted.
        pub on_demand: bool,
        /// The id that CountTokens takes; where unknown, the model's plain id.
        pub count_tokens_id: ModelId,
    }

    /// The order of turns.
    pub struct TurnFacts {
        /// Whether the assistant may have the first turn.
        pub first_assistant: bool,
        /// Whether one role may have two turns in a row.
        pub consecutive: bool,
    }

    /// Sampling, and where settings that Converse does not have are put.
    pub struct SamplingFacts {
        /// Whether `temperature` is taken.
        pub temperature: bool,
        /// Whether `topP` is taken.
        pub top_p: bool,
        /// Whether both may be given at once.
        pub temperature_with_top_p: bool,
        /// Where top-k goes: a JSON pointer into `additionalModelRequestFields`. Empty where there is none.
        pub top_k: String,
        /// The most stop sequences; 0 where none are taken.
        pub max_stop_sequences: u32,
    }

    /// Tools.
    pub struct ToolFacts {
        /// The forms of `toolChoice` that are taken.
        pub choice: Vec<ToolChoiceKind>,
        /// Whether `strict` is taken.
        pub strict: bool,
        /// The characters a tool's name may have.
        pub name_alphabet: Alphabet,
        /// The most characters in a tool's name.
        pub name_max: u32,
        /// What a tool result may hold.
        pub result_content: Vec<ContentKind>,
        /// Whether a tool result's `status` is taken.
        pub result_status: bool,
        /// What may stand beside a tool result in one turn.
        pub result_company: Vec<ContentKind>,
        /// The tools that the service itself runs for this model, by name.
        pub system_tools: Vec<String>,
        /// Whether a tool's schema may have `$ref` and `$defs`.
        pub schema_refs: bool,
        /// Whether tools are taken in streams.
        pub streaming: bool,
        /// Whether a tool's schema may have `anyOf`, `oneOf` or `allOf` at its root.
        pub root_unions: bool,
    }

    /// Images.
    pub struct ImageFacts {
        /// The formats.
        pub formats: Vec<ImageFormat>,
        /// Whether an image may be named by its S3 URI.
        pub s3: bool,
        /// The most images in one request.
        pub max_count: u32,
        /// The most bytes of one image, counted as [`counts_base64`](Self::counts_base64) says.
        pub max_bytes: u64,
        /// Whether the size that counts is that of the base64 text: 4 bytes for every 3 of the file.
        pub counts_base64: bool,
        /// The most pixels a side may have.
        pub max_side: u32,
        /// The number of images above which [`max_side_of_many`](Self::max_side_of_many) holds.
        pub many: u32,
        /// The most pixels a side may have where there are many images.
        pub max_side_of_many: u32,
    }

    /// Documents.
    pub struct DocumentFacts {
        /// The formats.
        pub formats: Vec<DocumentFormat>,
        /// Whether a document in a turn may be named by its S3 URI. In a tool result Claude takes it and does not read
        /// it (recording 3b7528d4db95).
        pub s3: bool,
        /// The most documents in one request.
        pub max_count: u32,
        /// The most bytes of one document.
        pub max_bytes: u64,
        /// Whether answers can cite documents.
        pub citations: bool,
    }

    /// Videos.
    pub struct VideoFacts {
        /// The formats.
        pub formats: Vec<VideoFormat>,
        /// Whether a video may be named by its S3 URI.
        pub s3: bool,
        /// The most videos in one request.
        pub max_count: u32,
        /// The most bytes of one video in the request's body.
        pub max_bytes: u64,
    }

    /// Prompt caching.
    pub struct CacheFacts {
        /// Where cache points may stand.
        pub places: Vec<CachePlace>,
        /// The most cache points in one request.
        pub max_points: u32,
        /// The fewest tokens before a cache point for it to take effect.
        pub min_tokens: u64,
        /// The lives an entry may be given.
        pub ttls: Vec<CacheTtl>,
        /// The blocks right after which no cache point may stand.
        pub not_after: Vec<ContentKind>,
        /// The formats of documents right after which no cache point may stand.
        pub not_after_documents: Vec<DocumentFormat>,
    }

    /// How calls count against the quotas.
    pub struct QuotaFacts {
        /// How many tokens of the quota one output token burns at the end of a call; 1 where unknown.
        pub output_burndown: u32,
    }

    /// Reasoning.
    pub struct ReasoningFacts {
        /// How reasoning is asked for.
        pub request: ReasoningStyle,
        /// The fewest tokens a budget may have.
        pub min_budget: u32,
        /// The words for effort that are taken, least first.
        pub efforts: Vec<String>,
        /// Whether the model always reasons, so that it cannot be turned off.
        pub always: bool,
        /// Whether reasoning that is sent back must carry its signature.
        pub signed: bool,
        /// Whether reasoning may be sent back at all.
        pub replay: bool,
        /// Whether a forced tool (`toolChoice` of `any` or `tool`) goes together with reasoning.
        pub with_forced_tool: bool,
        /// Whether `temperature`, `topP` and top-k go together with reasoning.
        pub with_sampling: bool,
        /// Whether `maxTokens`, `temperature` and `topP` go together with reasoning at high effort.
        pub with_max_tokens_at_high: bool,
    }

    /// What an embedding model takes in one call, and what it gives. What it takes of an image, its [`ImageFacts`] say.
    pub struct EmbeddingFacts {
        /// The lengths its vectors may have, the longest first, which is the usual one; where there is one only, it
        /// cannot be asked for.
        pub dimensions: Vec<u32>,
        /// The types of number it gives, the usual one first.
        pub types: Vec<EmbeddingType>,
        /// The purposes it tells apart. Empty where it does not ask.
        pub purposes: Vec<EmbedPurpose>,
        /// Purposes that it is said to take beside those. Whoever gives one is not refused, but none is chosen for them.
        pub other_purposes: Vec<EmbedPurpose>,
        /// Whether it must be told a purpose.
        pub needs_purpose: bool,
        /// What it can do with texts that are too long, if told. Empty where it always refuses them.
        pub truncations: Vec<EmbedTruncation>,
        /// Whether it can be told to scale vectors to length 1, or not to.
        pub normalize: bool,
        /// Whether its vectors have length 1 if nothing is said.
        pub is_normalized: bool,
        /// Whether a vector's beginning, scaled to length 1, is a shorter vector of the same text.
        pub is_matryoshka: bool,
        /// The most inputs in one call.
        pub max_inputs: u32,
        /// The most images in one call; 0 where it takes none.
        pub max_images: u32,
        /// Whether texts and images go together: in one input, or in the inputs of one call where it takes several.
        pub mixed: bool,
        /// The most parts of one mixed input: 2 for a text and an image.
        pub max_parts: u32,
        /// The most characters of one text; more are refused, whatever becomes of too many tokens.
        pub max_characters: u32,
        /// The most tokens of one text.
        pub max_tokens: u32,
        /// The most tokens of all texts of one call.
        pub max_call_tokens: u32,
    }

    /// What a reranking model takes in one call.
    pub struct RerankFacts {
        /// The most documents in one call.
        pub max_documents: u32,
        /// Whether its native body names a version of the API: if so, then it must, and if not, it must not.
        pub api_version: bool,
        /// The most tokens of a query and one document together; what is more is cut off.
        pub max_tokens: u32,
    }
}

impl CacheFacts {
    /// Whether no cache point may stand right after a block.
    pub(crate) fn bars_points_after(&self, block: &ContentBlock) -> bool {
        let format = match block {
            ContentBlock::Document(document) => document.format.as_ref(),
            _ => None,
        };
        let is_in = |formats: &Vec<DocumentFormat>| format.is_some_and(|format| formats.contains(format));
        self.not_after.as_ref().is_some_and(|kinds| kinds.contains(&block.kind()))
            || self.not_after_documents.as_ref().is_some_and(is_in)
    }
}

/// A form of `toolChoice`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ToolChoiceKind {
    /// The model decides.
    Auto,
    /// The model must call at least one tool.
    Any,
    /// The model must call a certain tool.
    Tool,
}

/// A part of a request in which cache points may stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum CachePlace {
    /// `toolConfig.tools`: comes first in what the model reads.
    Tools,
    /// `system`.
    System,
    /// `messages`.
    Messages,
}

/// How a family is asked to reason, in `additionalModelRequestFields`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ReasoningStyle {
    /// `{"thinking": {"type": "enabled", "budget_tokens": 1024}}`: Claude up to 4.5.
    ThinkingBudget,
    /// `{"thinking": {"type": "adaptive"}, "output_config": {"effort": "high"}}`: Claude from 4.6.
    ThinkingAdaptive,
    /// `{"reasoningConfig": {"type": "enabled", "maxReasoningEffort": "high"}}`: Nova 2.
    ReasoningConfigEffort,
    /// `{"reasoning_effort": "high"}`: gpt-oss.
    ReasoningEffort,
    /// `{"reasoning_config": "high"}`: Qwen, and others served in the same way.
    ReasoningConfigText,
    /// There is nothing to ask for: the model reasons always or never.
    Fixed,
}

/// A set of characters, written as in a regular expression's brackets: `a-zA-Z0-9_-`.
///
/// A `-` at the end stands for itself.
///
/// ```
/// use bedrock_llm_schema::model::Alphabet;
///
/// let names = Alphabet::from("a-zA-Z0-9_");
/// assert!("get_weather".chars().all(|c| names.has(c)));
/// assert!(!names.has('-'));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Alphabet(String);

impl Alphabet {
    /// Whether the character is in the set.
    #[must_use]
    pub fn has(&self, character: char) -> bool {
        let mut rest = self.0.chars();
        while let Some(first) = rest.next() {
            let mut ahead = rest.clone();
            if ahead.next() == Some('-')
                && let Some(last) = ahead.next()
            {
                if (first..=last).contains(&character) {
                    return true;
                }
                rest = ahead;
            } else if first == character {
                return true;
            }
        }
        false
    }

    /// The set as it is written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&str> for Alphabet {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alphabet_has_its_ranges_and_single_characters() {
        let names = Alphabet::from("a-cX0-9_-");
        for (character, is_in) in [
            ('a', true),
            ('b', true),
            ('c', true),
            ('d', false),
            ('X', true),
            ('Y', false),
            ('5', true),
            ('_', true),
            ('-', true),
            ('.', false),
            ('é', false),
        ] {
            assert_eq!(names.has(character), is_in, "{character}");
        }
        assert!(!Alphabet::from("").has('a'));
    }
}
