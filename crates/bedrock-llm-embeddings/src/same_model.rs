//! Whether what two ids of models made can be compared.

use bedrock_llm_schema::ModelId;

/// Whether two ids are of one model, in whatever region and however it is named.
pub(crate) fn is_same_model(one: &ModelId, other: &ModelId) -> bool {
    match (one.base(), other.base()) {
        (Some(one), Some(other)) => one == other,
        _ => one == other,
    }
}
