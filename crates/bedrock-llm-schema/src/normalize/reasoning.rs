//! Reasoning as a family is asked for it, and what it does not go together with.

mod ask;
mod conflict;
pub(super) mod replay;

use serde_json::Value;

use super::{Changes, Normalizer};
use crate::ChatRequest;
use crate::model::ModelProfile;
use crate::model::facts::ReasoningStyle;
use crate::wire::Extra;

pub use conflict::{ReasoningConflict, reasons};

const RULE: &str = "R-REASONING";

/// The least budget Claude takes: <https://docs.aws.amazon.com/bedrock/latest/userguide/claude-messages-extended-thinking.html>.
const LEAST_BUDGET: u32 = 1024;

pub(super) fn lower(
    request: &mut ChatRequest,
    profile: &ModelProfile,
    how: &Normalizer,
    changes: &mut Changes,
) {
    ask::write(request, profile, how, changes);
    conflict::settle(request, profile, how.reasoning_conflict, changes);
}

/// The member of `additionalModelRequestFields` by which a family is asked to reason.
fn switch(style: ReasoningStyle) -> Option<&'static str> {
    match style {
        ReasoningStyle::ThinkingBudget | ReasoningStyle::ThinkingAdaptive => Some("thinking"),
        ReasoningStyle::ReasoningConfigEffort => Some("reasoningConfig"),
        ReasoningStyle::ReasoningEffort => Some("reasoning_effort"),
        ReasoningStyle::ReasoningConfigText => Some("reasoning_config"),
        ReasoningStyle::Fixed => None,
    }
}

/// A member of the family's fields; `null` is none.
fn field<'a>(request: &'a ChatRequest, name: &str) -> Option<&'a Value> {
    request.additional_model_request_fields.as_ref()?.get(name).filter(|value| !value.is_null())
}

/// The family's fields, to write in; `None` where what is there is no object.
fn fields(request: &mut ChatRequest) -> Option<&mut Extra> {
    let fields = request.additional_model_request_fields.get_or_insert_default();
    if fields.is_null() {
        *fields = Value::Object(Extra::new());
    }
    fields.as_object_mut()
}

/// The words for effort a model takes, least first.
fn efforts(profile: &ModelProfile) -> Vec<String> {
    let known = profile.reasoning.efforts.clone();
    known.unwrap_or_else(|| ["low", "medium", "high"].map(String::from).to_vec())
}

/// Three quarters, so that an answer has room beside the reasoning.
fn most_of(tokens: u32) -> u32 {
    tokens - tokens.div_ceil(4)
}

#[cfg(test)]
mod tests;
