//! Whether a model takes a request, as far as is known.

use bedrock_llm_schema::model::ModelProfile;
use bedrock_llm_schema::rules::{check_chat, check_model};
use bedrock_llm_schema::{Catalog, ChatRequest, ModelId, Normalizer, Operation, Request, Violations};

use crate::bedrock::native_only;

/// Checks a request against a model it was not made for: a chat is normalised for it and held to its rules. What is not
/// known of a model is no lack.
///
/// # Errors
/// What it lacks.
pub(super) fn takes<R: Request>(
    request: &R,
    model: &ModelId,
    catalog: &Catalog,
    normalizer: &Normalizer,
) -> Result<(), String> {
    let profile = catalog.profile(model);
    if let Some(chat) = request.chat() {
        fits_window(request, model, &profile)?;
        return takes_chat(chat, model, R::OPERATION, &profile, normalizer);
    }
    // bodies in a model's native form, and counts, which are another model's own
    let is_same =
        request.model().is_some_and(|own| own == model || own.base() == model.base() && own.base().is_some());
    if !is_same {
        return Err("it is another model, and the request is made for its own".to_owned());
    }
    check_model(model, &profile, R::OPERATION).map_err(|violations| first(&violations))
}

fn fits_window<R: Request>(request: &R, model: &ModelId, profile: &ModelProfile) -> Result<(), String> {
    let Some(most) = profile.max_input_tokens else { return Ok(()) };
    let tokens = request.estimate_input_tokens_of(model);
    if tokens > most {
        return Err(format!("the input is about {tokens} tokens, and it takes {most}"));
    }
    Ok(())
}

fn takes_chat(
    chat: &ChatRequest,
    model: &ModelId,
    operation: Operation,
    profile: &ModelProfile,
    normalizer: &Normalizer,
) -> Result<(), String> {
    let operation = match (native_only(model), operation) {
        (true, Operation::Converse) => Operation::InvokeModel,
        (true, Operation::ConverseStream) => Operation::InvokeModelWithResponseStream,
        (_, other) => other,
    };
    let mut chat = chat.clone();
    chat.model = model.clone();
    let normalized = normalizer.normalize(chat, profile);
    check_chat(&normalized.request, profile, operation)
        .or_else(|violations| violations.except_warned(&normalized.changes))
        .map_err(|violations| first(&violations))
}

/// The place and the rule of the first violation; its message may quote the request.
fn first(violations: &Violations) -> String {
    violations.0.first().map_or_else(String::new, |violation| {
        format!("it does not take {} [{}]", violation.path, violation.rule)
    })
}

/// Whether a model is known to take more input than another whose limit was passed.
pub(super) fn is_larger(model: &ModelId, than: &ModelId, catalog: &Catalog) -> bool {
    let most = |id| catalog.profile(id).max_input_tokens;
    most(model).zip(most(than)).is_some_and(|(most, other)| most > other)
}
