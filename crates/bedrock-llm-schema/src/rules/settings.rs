//! Rules about settings.

use super::rule::{RuleReport, Subject};
use crate::Operation;

pub(super) fn ranges(subject: &Subject<'_>, report: &mut RuleReport<'_>) {
    let request = subject.request;
    if let Some(config) = &request.inference_config {
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
            let message = format!("{} are more than 2,500", stops.len());
            report.add("inferenceConfig.stopSequences", message, "leave some out");
        }
        if let Some(place) = stops.iter().position(String::is_empty) {
            let path = format!("inferenceConfig.stopSequences[{place}]");
            report.add(path, "an empty stop sequence", "drop it");
        }
    }
    let paths = request.additional_model_response_field_paths.as_deref().unwrap_or_default();
    if paths.len() > 10 {
        let message = format!("{} are more than 10", paths.len());
        report.add("additionalModelResponseFieldPaths", message, "leave some out");
    }
}

pub(super) fn stream_mode(subject: &Subject<'_>, report: &mut RuleReport<'_>) {
    let guardrail = subject.request.guardrail_config.as_ref();
    let mode = guardrail.and_then(|config| config.stream_processing_mode.as_ref());
    if mode.is_some() && subject.operation != Operation::ConverseStream {
        report.add("guardrailConfig.streamProcessingMode", "only streams have it", "leave it out or stream");
    }
}
