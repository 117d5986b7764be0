//! Rules about the model and how it is called.

use super::rule::RuleReport;
use crate::model::{ModelIdKind, ModelProfile};
use crate::{ModelId, Operation};

/// No provider and no ARN, or a revision that is no number: the service has no such model.
pub(super) fn id(model: &ModelId, _: &ModelProfile, _: Operation, report: &mut RuleReport<'_>) {
    if model.is_empty() {
        return; // for whoever sends the request to say
    }
    let revision =
        model.base().filter(|_| !model.is_arn()).and_then(|base| base.split_once(':')).map(|(_, it)| it);
    let is_bad = model.kind() == ModelIdKind::Unknown
        || model.as_str().parse::<ModelId>().is_err()
        || revision.is_some_and(|it| !it.starts_with(|c: char| c.is_ascii_digit()));
    if is_bad {
        report.add("modelId", format!("`{model}` is no id of a Bedrock model"), "correct it");
    }
}

pub(super) fn on_demand(
    model: &ModelId,
    profile: &ModelProfile,
    operation: Operation,
    report: &mut RuleReport<'_>,
) {
    let is_plain = model.kind() == ModelIdKind::Foundation && model.geography().is_none();
    // CountTokens wants the plain id (recordings 09fa6dd91b7c, 1424d1877034)
    if is_plain && operation != Operation::CountTokens && profile.access.on_demand == Some(false) {
        report.add_with(
            "modelId",
            format!("`{model}` cannot be called by its plain id"),
            "put the geography of your region before it, as in us., eu. or global.",
            &[("model", model.as_str())],
        );
    }
}
