//! What makes vectors comparable.

use bedrock_llm_schema::ModelId;
use bedrock_llm_schema::embed::EmbeddingType;
use bedrock_llm_schema::wire::Extra;

/// What vectors must have in common to stand in one matrix. How long texts are dealt with is not among it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Manner {
    /// The model itself, by whichever profile it is called.
    pub(crate) model: ModelId,
    pub(crate) r#type: EmbeddingType,
    /// How many dimensions the model is asked for.
    pub(crate) dimensions: Option<u32>,
    /// How many numbers are kept of each vector.
    pub(crate) keep: Option<usize>,
    /// What the model is told of lengths.
    pub(crate) normalize: Option<bool>,
    /// Whether vectors are scaled to length 1 here.
    pub(crate) scale: bool,
    pub(crate) extra: Extra,
}

impl Manner {
    /// In what another differs, in words; `None` where the vectors of both can stand together.
    pub(crate) fn difference(&self, other: &Self) -> Option<String> {
        let Self { model, r#type, dimensions, keep, normalize, scale, extra } = self;
        if *model != other.model {
            return Some(format!("the model is {}, and it was {}", other.model, model));
        }
        let setting = if *r#type != other.r#type {
            "type of the numbers"
        } else if (dimensions, keep) != (&other.dimensions, &other.keep) {
            "`dimensions` setting"
        } else if (normalize, scale) != (&other.normalize, &other.scale) {
            "`normalize` setting"
        } else if *extra != other.extra {
            "`extra` setting"
        } else {
            return None;
        };
        Some(format!("the {setting} is another"))
    }
}
