//! Settings that a model does not take: sampling, stop sequences, the answer's length and form.

use super::Settler;
use crate::ChatRequest;
use crate::request::{OutputConfig, OutputFormatStructure};

pub(super) fn settle(request: &mut ChatRequest, settler: &mut Settler<'_>) {
    sampling(request, settler);
    stop(request, settler);
    max_tokens(request, settler);
    json_schema(request, settler);
}

fn sampling(request: &mut ChatRequest, settler: &mut Settler<'_>) {
    let Some(config) = &mut request.inference_config else { return };
    let facts = &settler.profile.sampling;
    for (name, value, is_taken) in [
        ("temperature", &mut config.temperature, facts.temperature),
        ("topP", &mut config.top_p, facts.top_p),
    ] {
        if is_taken == Some(false) && value.is_some() {
            let path = format!("inferenceConfig.{name}");
            if settler.degrades("R-SAMPLING", path, &format!("the model takes no {name}"), "left out") {
                *value = None;
            }
        }
    }
    let has_too_many =
        facts.temperature_with_top_p == Some(false) && config.temperature.is_some() && config.top_p.is_some();
    let cannot = "the model does not take both temperature and topP";
    if has_too_many && settler.degrades("R-SAMPLING-BOTH", "inferenceConfig.topP", cannot, "left out") {
        config.top_p = None;
    }
}

fn stop(request: &mut ChatRequest, settler: &mut Settler<'_>) {
    let max = settler.profile.sampling.max_stop_sequences.and_then(|max| usize::try_from(max).ok());
    let (Some(max), Some(config)) = (max, &mut request.inference_config) else { return };
    let Some(stops) = config.stop_sequences.as_mut().filter(|stops| stops.len() > max) else { return };
    let cannot = format!("the model takes {max} stop sequences, not {}", stops.len());
    if settler.degrades("R-STOP", "inferenceConfig.stopSequences", &cannot, "the last ones left out") {
        stops.truncate(max);
        if max == 0 {
            config.stop_sequences = None;
        }
    }
}

/// A beta may raise the limit, so that with one nothing is known.
fn max_tokens(request: &mut ChatRequest, settler: &mut Settler<'_>) {
    let fields = request.additional_model_request_fields.as_ref();
    if fields.is_some_and(|fields| fields.get("anthropic_beta").is_some()) {
        return;
    }
    let max =
        settler.profile.max_output_tokens.and_then(|max| u32::try_from(max).ok()).filter(|&max| max > 0);
    let asked = request.inference_config.as_mut().and_then(|config| config.max_tokens.as_mut());
    let (Some(max), Some(asked)) = (max, asked) else { return };
    let cannot = format!("the model gives at most {max} tokens, not {asked}");
    if *asked > max && settler.degrades("R-MAX-TOKENS", "inferenceConfig.maxTokens", &cannot, "lowered") {
        *asked = max;
    }
}

/// The nearest thing to a schema that the service holds the answer to is one that the model is told of.
fn json_schema(request: &mut ChatRequest, settler: &mut Settler<'_>) {
    if settler.profile.features.structured_output != Some(false) {
        return;
    }
    let Some(config) = request.output_config.as_mut().filter(|config| config.text_format.is_some()) else {
        return;
    };
    let cannot = "the service holds no answer of this model to a schema";
    if !settler.degrades("R-JSON-SCHEMA", "outputConfig.textFormat", cannot, "asked for in the system prompt")
    {
        return;
    }
    let format = config.text_format.take();
    if *config == OutputConfig::default() {
        request.output_config = None;
    }
    if let Some(OutputFormatStructure::JsonSchema(definition)) = format.map(|format| format.structure) {
        let instruction = format!(
            "Answer with JSON only, without any words around it. It must be valid by this JSON Schema:\n{}",
            definition.schema
        );
        request.system.get_or_insert_default().push(instruction.into());
    }
}
