//! Rules about the model and how it is called.

use super::rule::RuleReport;
use crate::model::{ModelIdKind, ModelProfile};
use crate::{Family, ModelId, Operation};

/// No provider and no ARN (recordings 45ced562fb34, 840e6eb7abc2), or a revision that is no number (33cc8efe9605): the
/// service has no such model.
pub(super) fn id(model: &ModelId, _: &ModelProfile, _: Operation, report: &mut RuleReport<'_>) {
    if model.is_empty() {
        return; // for whoever sends the request to say
    }
    let revision =
        model.base().filter(|_| !model.is_arn()).and_then(|base| base.split_once(':')).map(|(_, it)| it);
    let has_no_maker = !model.is_arn() && model.family() == Family::Unknown;
    let is_bad = has_no_maker
        || model.kind() == ModelIdKind::Unknown
        || model.as_str().parse::<ModelId>().is_err()
        || revision.is_some_and(|it| !it.starts_with(|c: char| c.is_ascii_digit()));
    if is_bad {
        report.add("modelId", format!("`{model}` is no id of a Bedrock model"), "correct it");
    }
}

/// CountTokens takes the plain id of models that cannot be called by it (recording 0c77f1024436).
pub(super) fn on_demand(
    model: &ModelId,
    profile: &ModelProfile,
    operation: Operation,
    report: &mut RuleReport<'_>,
) {
    let is_plain = model.kind() == ModelIdKind::Foundation && model.geography().is_none();
    if is_plain && profile.access.on_demand == Some(false) && operation != Operation::CountTokens {
        report.add_with(
            "modelId",
            format!("`{model}` cannot be called by its plain id"),
            "put the geography of your region before it, as in us., eu. or global.",
            &[("model", model.as_str())],
        );
    }
}

pub(super) fn operation(
    model: &ModelId,
    profile: &ModelProfile,
    operation: Operation,
    report: &mut RuleReport<'_>,
) {
    let Some(carried) = profile.access.operations.as_ref().filter(|them| !them.contains(&operation)) else {
        return;
    };
    let says = match operation {
        // github.com/aws-samples/amazon-bedrock-client-for-mac/issues/112
        Operation::ConverseStream if carried.contains(&Operation::Converse) => {
            Some("The model is unsupported for streaming.")
        }
        Operation::CountTokens => Some(NO_COUNT),
        _ => None,
    };
    let names: Vec<_> = carried.iter().map(|it| it.as_str()).collect();
    let fix = if names.is_empty() {
        "choose another model".to_owned()
    } else {
        format!("use {} or another model", names.join(", "))
    };
    let message = format!("`{model}` is not served by {operation}");
    report.add_saying("modelId", message, fix, says.map(str::to_owned));
}

/// Recording 1424d1877034.
pub(super) const NO_COUNT: &str = "The provided model doesn't support counting tokens.";

pub(super) fn count_id(
    model: &ModelId,
    profile: &ModelProfile,
    operation: Operation,
    report: &mut RuleReport<'_>,
) {
    if operation != Operation::CountTokens || profile.access.count_tokens_id.as_ref() == Some(model) {
        return;
    }
    let is_plain = matches!(model.kind(), ModelIdKind::Foundation | ModelIdKind::Unknown);
    if !is_plain || model.geography().is_some() {
        let fix = match (&profile.access.count_tokens_id, model.without_geography()) {
            (Some(id), _) => format!("ask with `{id}`"),
            (None, Some(id)) => format!("ask with the model's plain id `{id}`"),
            (None, None) => "ask with the plain id of the model behind it".to_owned(),
        };
        report.add("modelId", format!("CountTokens does not take `{model}`"), fix);
    }
}
