//! What several families share: settings that keep odd values, prompt templates, plain-text answers, spelling.

pub(crate) mod answer;
pub(crate) mod events;
pub(crate) mod numbers;
pub(crate) mod overlay;
pub(crate) mod picture;
pub(crate) mod setting;
pub(crate) mod spelling;
pub(crate) mod template;
pub(crate) mod vectors;

use bedrock_llm_schema::wire::Extra;
use bedrock_llm_schema::{ChatRequest, InferenceConfig};
use serde::Serialize;
use serde_json::Value;

use crate::CodecError;
use crate::json::Lowering;

/// Refuses the members of a request that no native body has a place for. What travels in headers
/// (guardrail, performance, tier, metadata) is the transport's affair.
pub(crate) fn refuse_unplaced(request: &ChatRequest, lowering: &mut Lowering) -> Result<(), CodecError> {
    lowering.refuse(request.prompt_variables.as_ref(), "promptVariables")?;
    let paths = request.additional_model_response_field_paths.as_ref();
    lowering.refuse(paths, "additionalModelResponseFieldPaths")?;
    lowering.refuse(request.output_config.as_ref(), "outputConfig")?;
    lowering.refuse(request.reasoning.as_ref(), "reasoning")?;
    refuse_members(&request.extra, "", lowering)
}

/// Refuses members that the schema itself does not know.
pub(crate) fn refuse_members(extra: &Extra, prefix: &str, lowering: &mut Lowering) -> Result<(), CodecError> {
    extra.keys().try_for_each(|name| lowering.unsupported(format!("{prefix}{name}"), name.as_str()))
}

/// The inference settings, unknown members refused.
pub(crate) fn inference(
    request: &ChatRequest,
    lowering: &mut Lowering,
) -> Result<InferenceConfig, CodecError> {
    let config = request.inference_config.clone().unwrap_or_default();
    refuse_members(&config.extra, "inferenceConfig.", lowering)?;
    Ok(config)
}

/// The inference settings a body has, if it has any.
pub(crate) fn lift_inference(config: InferenceConfig) -> Option<InferenceConfig> {
    (config != InferenceConfig::default()).then_some(config)
}

/// The native body as JSON with the request's additional fields merged in, which win.
pub(crate) fn with_additional_fields<T: Serialize>(
    family: &'static str,
    body: &T,
    request: &ChatRequest,
) -> Result<Value, CodecError> {
    let malformed = |source| CodecError::Malformed { family, what: "request", path: ".".to_owned(), source };
    let mut body = serde_json::to_value(body).map_err(malformed)?;
    match &request.additional_model_request_fields {
        None | Some(Value::Null) => {}
        Some(fields @ Value::Object(_)) => merge(&mut body, fields),
        Some(_) => {
            let path = "additionalModelRequestFields".to_owned();
            return Err(CodecError::Missing { family, what: "an object".to_owned(), path });
        }
    }
    Ok(body)
}

/// Lays `over` over `base`: objects member by member, anything else whole.
fn merge(base: &mut Value, over: &Value) {
    match (base, over) {
        (Value::Object(base), Value::Object(over)) => {
            for (name, value) in over {
                merge(base.entry(name.as_str()).or_insert(Value::Null), value);
            }
        }
        (base, over) => *base = over.clone(),
    }
}

/// What is left of a body's members, as a request's additional fields.
pub(crate) fn additional_fields(rest: Extra) -> Option<Value> {
    (!rest.is_empty()).then_some(Value::Object(rest))
}

/// What says something of an answer's members.
pub(crate) fn told(mut extra: Extra) -> Extra {
    extra.retain(|_, value| !value.is_null() && !value.as_array().is_some_and(Vec::is_empty));
    extra
}

/// Reads a typed form out of JSON that was parsed already; an error names the place.
pub(crate) fn from_value<T: serde::de::DeserializeOwned>(
    family: &'static str,
    what: &'static str,
    value: Value,
) -> Result<T, CodecError> {
    serde_path_to_error::deserialize(value).map_err(|error| CodecError::Malformed {
        family,
        what,
        path: error.path().to_string(),
        source: error.into_inner(),
    })
}

/// What an answer has that the family's answers cannot carry.
pub(crate) fn cannot_answer(family: &'static str, what: &str, path: impl Into<String>) -> CodecError {
    CodecError::Unsupported { family, what: format!("{what} in its answers"), path: path.into() }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn additional_fields_win_and_merge_deeply() {
        let body = json!({"inferenceConfig": {"maxTokens": 5, "topP": 1}, "a": [1]});
        let request =
            ChatRequest::new("m").additional_field("inferenceConfig", json!({"topK": 20, "topP": 0.5}));
        let request = request.additional_field("a", json!([2]));
        let merged = with_additional_fields("test", &body, &request).unwrap();
        assert_eq!(merged, json!({"inferenceConfig": {"maxTokens": 5, "topP": 0.5, "topK": 20}, "a": [2]}));
        let request =
            ChatRequest { additional_model_request_fields: Some(json!([1])), ..ChatRequest::new("m") };
        let error = with_additional_fields("test", &body, &request).unwrap_err();
        assert!(error.to_string().contains("additionalModelRequestFields"), "{error}");
    }
}
