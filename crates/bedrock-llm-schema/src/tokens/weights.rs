//! What the families' templates and tokenizers make of a chat.
//!
//! The numbers are fitted to `usage.inputTokens` of recorded calls, by kinds of models and never by recordings;
//! `cargo xtask conformance` says how well. What Anthropic documents is taken from there:
//! <https://docs.anthropic.com/en/docs/tool-use-pricing-and-tokens>.

use crate::{Family, ModelId};

/// What a template adds, in tokens, and how a tokenizer cuts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Weights {
    /// Added to a request.
    pub(super) request: u64,
    /// Added to a turn.
    pub(super) turn: u64,
    /// Added to a request with tools: how to call them.
    pub(super) tools: u64,
    /// Added instead where the model must call one.
    pub(super) forced_tools: u64,
    /// Added to each tool's own text.
    pub(super) tool: u64,
    /// Added to a call.
    pub(super) tool_use: u64,
    /// Added to a result.
    pub(super) tool_result: u64,
    /// Added where the model is told to think (`thinking.type: enabled`).
    pub(super) thinking: u64,
    /// How the schema of the answer is told to the model.
    pub(super) schema: Schema,
    /// What is forgotten of turns before the user's last question.
    pub(super) forgets: Forgets,
    /// The most digits that are one token.
    pub(super) digits: u64,
    /// The tokens of a text, in percent of what most tokenizers make of it.
    pub(super) density: u64,
}

/// How the schema of the answer is told to the model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Schema {
    /// Not at all: the service holds the answer to it.
    Untold,
    /// As it is.
    Told,
    /// Written out over many lines, with instructions.
    Explained,
}

/// What is forgotten of turns before the user's last question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Forgets {
    Nothing,
    /// Blocks of reasoning.
    Reasoning,
    /// These, and text up to a `</think>`.
    ReasoningAndTags,
}

/// Most models: a few marks around a request and its turns, tools as JSON in the shape of OpenAI's.
const COMMON: Weights = Weights {
    request: 3,
    turn: 4,
    tools: 0,
    forced_tools: 0,
    tool: 8,
    tool_use: 0,
    tool_result: 0,
    thinking: 0,
    schema: Schema::Untold,
    forgets: Forgets::Nothing,
    digits: 3,
    density: 100,
};

/// Claude 3.7 and 4.
const CLAUDE: Weights = Weights {
    tools: 313,
    forced_tools: 313,
    tool: 0,
    tool_use: 25,
    tool_result: 17,
    thinking: 28,
    schema: Schema::Told,
    forgets: Forgets::Reasoning,
    ..COMMON
};
const CLAUDE_3_HAIKU: Weights = Weights { tools: 264, forced_tools: 340, ..CLAUDE };
const CLAUDE_3_SONNET: Weights = Weights { tools: 159, forced_tools: 235, ..CLAUDE };
const CLAUDE_3_OPUS: Weights = Weights { tools: 530, forced_tools: 281, ..CLAUDE };
const CLAUDE_4_5: Weights = Weights { tools: 496, forced_tools: 600, schema: Schema::Explained, ..CLAUDE };
/// From Opus 4.5 on, reasoning of earlier turns is kept:
/// <https://docs.anthropic.com/en/docs/build-with-claude/extended-thinking>.
const CLAUDE_4_6: Weights = Weights { forgets: Forgets::Nothing, ..CLAUDE_4_5 };
/// Opus 4.7, Sonnet 5 and what comes after them cut texts finer.
const CLAUDE_NEXT: Weights =
    Weights { tools: 360, forced_tools: 450, tool_use: 18, tool_result: 10, density: 135, ..CLAUDE_4_6 };

const NOVA: Weights = Weights {
    request: 0,
    turn: 0,
    tools: 330,
    forced_tools: 340,
    tool: 0,
    tool_use: 16,
    tool_result: 12,
    digits: 1,
    ..COMMON
};
const NOVA_2: Weights = Weights { tools: 840, forced_tools: 890, tool_use: 25, tool_result: 15, ..NOVA };

/// Parts of a family's ids, and the weights of models whose ids have one of them.
type Generation = (Family, &'static [&'static str], Weights);

/// The first that fits holds.
const GENERATIONS: &[Generation] = &[
    (Family::Anthropic, &["claude-3-haiku", "claude-3-5-haiku"], CLAUDE_3_HAIKU),
    (Family::Anthropic, &["claude-3-sonnet"], CLAUDE_3_SONNET),
    (Family::Anthropic, &["claude-3-opus"], CLAUDE_3_OPUS),
    (Family::Anthropic, &["claude-opus-4-5", "-4-6"], CLAUDE_4_6),
    (Family::Anthropic, &["-4-5"], CLAUDE_4_5),
    (Family::Anthropic, &["claude-v", "claude-instant", "claude-3", "-4-2025", "-4-1-"], CLAUDE),
    (Family::Anthropic, &[""], CLAUDE_NEXT),
    (Family::AmazonNova, &["nova-2"], NOVA_2),
    (Family::AmazonNova, &[""], NOVA),
    (Family::AmazonTitan, &[""], Weights { turn: 0, ..COMMON }),
    // R1 and Qwen 3 leave out what they thought, by their templates
    (Family::DeepSeek, &[""], Weights { turn: 1, forgets: Forgets::ReasoningAndTags, ..COMMON }),
    (Family::Qwen, &[""], Weights { request: 6, forgets: Forgets::ReasoningAndTags, ..COMMON }),
    (Family::Meta, &["llama4"], Weights { tools: 90, forced_tools: 90, ..COMMON }),
    // with the day, and up to when the model knows of the world
    (Family::Meta, &[""], Weights { request: 26, tools: 47, forced_tools: 47, ..COMMON }),
    (Family::MiniMax, &[""], Weights { request: 17, ..COMMON }),
    (Family::Mistral, &[""], Weights { request: 2, turn: 1, tools: 8, forced_tools: 8, ..COMMON }),
    (Family::Nvidia, &[""], Weights { request: 10, ..COMMON }),
    // what OpenAI's models are, the day, and the channels to answer in
    (Family::OpenAi, &[""], Weights { request: 64, ..COMMON }),
];

impl Weights {
    pub(crate) fn of(model: &ModelId) -> Self {
        let family = model.family();
        let base = model.base().unwrap_or_default();
        let mut generations = GENERATIONS.iter();
        generations
            .find(|(of, parts, _)| *of == family && parts.iter().any(|part| base.contains(part)))
            .map_or(COMMON, |(.., weights)| *weights)
    }
}
