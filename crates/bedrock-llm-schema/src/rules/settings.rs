//! Rules about settings.

use serde_json::Value;

use super::rule::{RuleReport, Subject};
use crate::request::OutputFormatStructure;
use crate::{InferenceConfig, Operation};

pub(super) fn ranges(subject: &Subject<'_>, report: &mut RuleReport<'_>) {
    let request = subject.request;
    if let Some(config) = &request.inference_config {
        inference_ranges(config, report);
    }
    let paths = request.additional_model_response_field_paths.as_deref().unwrap_or_default();
    let whole = "additionalModelResponseFieldPaths";
    if paths.len() > 10 {
        let (message, constraint) =
            (format!("{} are more than 10", paths.len()), "have length less than or equal to 10");
        report.add_constraint(whole, message, "leave some out", whole, constraint);
    }
    for (place, _) in paths.iter().enumerate().filter(|(_, path)| !(1..=256).contains(&path.chars().count()))
    {
        report.add(format!("{whole}[{place}]"), "its length is outside 1 to 256", "correct it");
    }
    let effort = request.output_config.as_ref().and_then(|config| config.effort.as_deref());
    if effort.is_some_and(|effort| effort.chars().count() > 16) {
        report.add("outputConfig.effort", "longer than 16 characters", "choose a word such as `high`");
    }
}

fn inference_ranges(config: &InferenceConfig, report: &mut RuleReport<'_>) {
    if config.max_tokens == Some(0) {
        report.add("inferenceConfig.maxTokens", "0 is below 1", "ask for at least 1");
    }
    for (name, value) in [("temperature", config.temperature), ("topP", config.top_p)] {
        if let Some(value) = value.filter(|value| !(0.0..=1.0).contains(value)) {
            let path = format!("inferenceConfig.{name}");
            report.add(path, format!("{value} is outside 0 to 1"), "choose a value between");
        }
    }
    let stops = config.stop_sequences.as_deref().unwrap_or_default();
    if stops.len() > 2500 {
        let path = "inferenceConfig.stopSequences";
        let (message, constraint) =
            (format!("{} are more than 2,500", stops.len()), "have length less than or equal to 2500");
        report.add_constraint(path, message, "leave some out", path, constraint);
    }
    if let Some(place) = stops.iter().position(String::is_empty) {
        report.add(format!("inferenceConfig.stopSequences[{place}]"), "an empty stop sequence", "drop it");
    }
}

pub(super) fn metadata(subject: &Subject<'_>, report: &mut RuleReport<'_>) {
    let Some(labels) = &subject.request.request_metadata else { return };
    if labels.is_empty() {
        let (path, constraint) = ("requestMetadata", "have length greater than or equal to 1");
        report.add_constraint(path, "no labels", "leave it out", path, constraint);
    }
    if labels.len() > 16 {
        let path = "requestMetadata";
        let (message, constraint) =
            (format!("{} labels are more than 16", labels.len()), "have length less than or equal to 16");
        report.add_constraint(path, message, "leave some out", path, constraint);
    }
    let is_legal =
        |c: char| c.is_ascii_alphanumeric() || c.is_ascii_whitespace() || ":_@$#=/+,-.".contains(c);
    for (name, value) in labels {
        let lengths = (name.chars().count(), value.chars().count());
        let is_short = (1..=256).contains(&lengths.0) && lengths.1 <= 256;
        if !is_short || !name.chars().chain(value.chars()).all(is_legal) {
            let message = "a label's name or value is too long, or has characters that are not allowed";
            let fix = "use letters, digits, white space and :_@$#=/+,-. in at most 256 characters";
            report.add(format!("requestMetadata[{name:?}]"), message, fix);
        }
    }
}

pub(super) fn guardrail(subject: &Subject<'_>, report: &mut RuleReport<'_>) {
    let Some(config) = &subject.request.guardrail_config else { return };
    let plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    let is_arn = |text: &str| text.starts_with("arn:aws") && text.contains(":guardrail/");
    let id = config.guardrail_identifier.as_deref().unwrap_or_default();
    if id.len() > 2048 || !(plain(id) || is_arn(id)) {
        let path = "guardrailConfig.guardrailIdentifier";
        report.add(
            path,
            "no id or ARN of a guardrail",
            "write its id, lower-case letters and digits, or its ARN",
        );
    }
    let version = config.guardrail_version.as_deref().unwrap_or_default();
    let is_number = version.len() <= 8 && version.bytes().all(|byte| byte.is_ascii_digit());
    if version != "DRAFT" && (!is_number || version.starts_with('0')) {
        let path = "guardrailConfig.guardrailVersion";
        report.add(path, "no version of a guardrail", "write `DRAFT` or a number from 1 on");
    }
}

pub(super) fn stream_mode(subject: &Subject<'_>, report: &mut RuleReport<'_>) {
    let guardrail = subject.request.guardrail_config.as_ref();
    let mode = guardrail.and_then(|config| config.stream_processing_mode.as_ref());
    let is_stream =
        matches!(subject.operation, Operation::ConverseStream | Operation::InvokeModelWithResponseStream);
    if mode.is_some() && !is_stream {
        report.add("guardrailConfig.streamProcessingMode", "only streams have it", "leave it out or stream");
    }
}

pub(super) fn sampling(subject: &Subject<'_>, report: &mut RuleReport<'_>) {
    let (taken, Some(config)) = (&subject.profile.sampling, &subject.request.inference_config) else {
        return;
    };
    // Claude takes the value it has anyway (https://platform.claude.com/docs/en/about-claude/models/whats-new-claude-4-7)
    let is_default = |value: f64| subject.is_anthropic() && (value - 1.0).abs() < f64::EPSILON;
    for (name, value, is_taken) in
        [("temperature", config.temperature, taken.temperature), ("topP", config.top_p, taken.top_p)]
    {
        if is_taken == Some(false) && value.is_some_and(|value| !is_default(value)) {
            let (path, message) = (format!("inferenceConfig.{name}"), format!("the model takes no {name}"));
            if !subject.is_anthropic() {
                report.add_with(path, message, "leave it out", &[("field", name)]);
            } else {
                // github.com/NousResearch/hermes-agent/pull/111438
                let says =
                    "The model returned the following errors: `temperature` is deprecated for this model.";
                report.add_saying(
                    path,
                    message,
                    "leave it out",
                    (name == "temperature").then(|| says.to_owned()),
                );
            }
        }
    }
}

pub(super) fn temperature_with_top_p(subject: &Subject<'_>, report: &mut RuleReport<'_>) {
    let config = subject.request.inference_config.as_ref();
    if config.is_some_and(|config| config.temperature.is_some() && config.top_p.is_some())
        && subject.profile.sampling.temperature_with_top_p == Some(false)
    {
        let (path, message) = ("inferenceConfig.topP", "temperature and topP at once");
        if subject.is_anthropic() {
            report.add(path, message, "give one of them");
        } else {
            report.add_saying(path, message, "give one of them", None);
        }
    }
}

/// How families spell top-k in `additionalModelRequestFields`.
pub(crate) const TOP_K: [&str; 4] = ["/top_k", "/topK", "/inferenceConfig/topK", "/k"];

pub(super) fn top_k(subject: &Subject<'_>, report: &mut RuleReport<'_>) {
    let fields = subject.request.additional_model_request_fields.as_ref();
    let (Some(own), Some(fields)) = (subject.profile.sampling.top_k.as_deref(), fields) else { return };
    for other in TOP_K.into_iter().filter(|&spelling| spelling != own) {
        if fields.pointer(other).is_some_and(Value::is_number) {
            let path = format!("additionalModelRequestFields{}", other.replace('/', "."));
            if own.is_empty() {
                report.add(path, "the model takes no top-k", "leave it out");
            } else {
                report.add(path, "the model has top-k elsewhere", format!("write it as `{own}`"));
            }
        }
    }
}

/// A beta may raise the limit, so that with one nothing is known.
pub(super) fn max_tokens(subject: &Subject<'_>, report: &mut RuleReport<'_>) {
    let request = subject.request;
    let fields = request.additional_model_request_fields.as_ref();
    if fields.is_some_and(|fields| fields.get("anthropic_beta").is_some()) {
        return;
    }
    let asked = request.inference_config.as_ref().and_then(|config| config.max_tokens).map(u64::from);
    if let (Some(asked), Some(limit)) = (asked, subject.profile.max_output_tokens)
        && asked > limit
    {
        let message = format!("{asked} tokens; the model gives at most {limit}");
        let values = limit.to_string();
        report.add_with("inferenceConfig.maxTokens", message, "ask for fewer", &[("limit", &values)]);
    }
}

pub(super) fn stops(subject: &Subject<'_>, report: &mut RuleReport<'_>) {
    let config = subject.request.inference_config.as_ref();
    let stops = config.and_then(|config| config.stop_sequences.as_deref()).unwrap_or_default().len();
    let most = subject.profile.sampling.max_stop_sequences;
    if let Some(most) = most.filter(|most| usize::try_from(*most).is_ok_and(|most| stops > most)) {
        let path = "inferenceConfig.stopSequences";
        let message = format!("{stops} stop sequences; the model takes {most}");
        if most == 0 {
            report.add(path, message, "leave them out");
        } else {
            report.add_saying(path, message, "leave some out", None);
        }
    }
}

pub(super) fn json_schema(subject: &Subject<'_>, report: &mut RuleReport<'_>) {
    let format = subject.request.output_config.as_ref().and_then(|config| config.text_format.as_ref());
    let Some(format) = format else { return };
    if subject.profile.features.structured_output == Some(false) {
        let fix = "force a tool with the schema instead, or choose a model that holds answers to one";
        report.add("outputConfig.textFormat", "the model does not hold answers to a schema", fix);
    }
    if let OutputFormatStructure::JsonSchema(definition) = &format.structure
        && let Err(error) = serde_json::from_str::<serde::de::IgnoredAny>(&definition.schema)
    {
        let path = "outputConfig.textFormat.structure.jsonSchema.schema";
        let message = format!("no JSON at line {} column {}", error.line(), error.column());
        report.add_saying(path, message, "write the schema as JSON text", None);
    }
}
