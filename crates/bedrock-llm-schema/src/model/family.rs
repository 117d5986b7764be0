//! Families of models: who made them and, where one maker has several, which line.

use std::fmt;

/// A family of models that share a native wire format and its quirks.
///
/// It is read from a model id, see [`ModelId::family`](crate::ModelId::family).
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Family {
    /// AI21 Labs: Jamba, Jurassic-2.
    Ai21,
    /// Amazon Nova.
    AmazonNova,
    /// Amazon's own reranker.
    AmazonRerank,
    /// Amazon Titan: text, embeddings, images.
    AmazonTitan,
    /// Anthropic: Claude.
    Anthropic,
    /// Cohere: Command, Embed, Rerank.
    Cohere,
    /// DeepSeek: R1, V3.
    DeepSeek,
    /// Google: Gemma.
    Google,
    /// Luma: Ray.
    Luma,
    /// Meta: Llama.
    Meta,
    /// `MiniMax`.
    MiniMax,
    /// Mistral AI: Mistral, Mixtral, Pixtral, Voxtral, Devstral.
    Mistral,
    /// Moonshot AI: Kimi. Its ids begin with `moonshot.` or `moonshotai.`.
    Moonshot,
    /// NVIDIA: Nemotron.
    Nvidia,
    /// OpenAI: GPT and the open-weight gpt-oss.
    OpenAi,
    /// Qwen.
    Qwen,
    /// Stability AI: Stable Diffusion, Stable Image.
    Stability,
    /// `TwelveLabs`: Marengo, Pegasus.
    TwelveLabs,
    /// Writer: Palmyra.
    Writer,
    /// xAI: Grok.
    Xai,
    /// Z.ai: GLM.
    Zai,
    /// The id names a provider, given here, that this version does not know.
    Other(String),
    /// The id does not tell: an opaque ARN, or a name without a provider.
    Unknown,
}

/// A provider's part of a model id, and the family it stands for where that is one.
const PROVIDERS: &[(&str, Option<Family>)] = &[
    ("ai21", Some(Family::Ai21)),
    ("amazon", None),
    ("anthropic", Some(Family::Anthropic)),
    ("cohere", Some(Family::Cohere)),
    ("deepseek", Some(Family::DeepSeek)),
    ("google", Some(Family::Google)),
    ("luma", Some(Family::Luma)),
    ("meta", Some(Family::Meta)),
    ("minimax", Some(Family::MiniMax)),
    ("mistral", Some(Family::Mistral)),
    ("moonshot", Some(Family::Moonshot)),
    ("moonshotai", Some(Family::Moonshot)),
    ("nvidia", Some(Family::Nvidia)),
    ("openai", Some(Family::OpenAi)),
    ("qwen", Some(Family::Qwen)),
    ("stability", Some(Family::Stability)),
    ("twelvelabs", Some(Family::TwelveLabs)),
    ("writer", Some(Family::Writer)),
    ("xai", Some(Family::Xai)),
    ("zai", Some(Family::Zai)),
];

pub(super) fn is_known_provider(text: &str) -> bool {
    PROVIDERS.iter().any(|(provider, _)| *provider == text)
}

impl Family {
    /// A short, stable name for logs and labels, such as `amazon-nova`; for [`Family::Other`] the provider's.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Ai21 => "ai21",
            Self::AmazonNova => "amazon-nova",
            Self::AmazonRerank => "amazon-rerank",
            Self::AmazonTitan => "amazon-titan",
            Self::Anthropic => "anthropic",
            Self::Cohere => "cohere",
            Self::DeepSeek => "deepseek",
            Self::Google => "google",
            Self::Luma => "luma",
            Self::Meta => "meta",
            Self::MiniMax => "minimax",
            Self::Mistral => "mistral",
            Self::Moonshot => "moonshot",
            Self::Nvidia => "nvidia",
            Self::OpenAi => "openai",
            Self::Qwen => "qwen",
            Self::Stability => "stability",
            Self::TwelveLabs => "twelvelabs",
            Self::Writer => "writer",
            Self::Xai => "xai",
            Self::Zai => "zai",
            Self::Other(provider) => provider,
            Self::Unknown => "unknown",
        }
    }

    /// The family of a provider's model: `("amazon", "nova-lite-v1:0")`.
    pub(super) fn of(provider: &str, model: &str) -> Self {
        match (provider, model) {
            ("amazon", m) if m.starts_with("nova-") => Self::AmazonNova,
            ("amazon", m) if m.starts_with("titan-") => Self::AmazonTitan,
            ("amazon", m) if m.starts_with("rerank-") => Self::AmazonRerank,
            _ => PROVIDERS
                .iter()
                .find(|(known, _)| *known == provider)
                .and_then(|(_, family)| family.clone())
                .unwrap_or_else(|| Self::Other(provider.to_owned())),
        }
    }
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
