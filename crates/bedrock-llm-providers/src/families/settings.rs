//! Settings that families write alike but for their names.

use bedrock_llm_schema::wire::Extra;
use bedrock_llm_schema::{ChatRequest, InferenceConfig};
use serde_json::Number;

use crate::CodecError;
use crate::families::common::{inference, lift_inference, refuse_members};
use crate::json::{Lowering, MOST};

/// [`InferenceConfig`] in JSON's own numbers: native bodies write `512` and `512.0` alike.
#[derive(Debug, Default)]
pub(crate) struct Settings {
    pub(crate) max_tokens: Option<Number>,
    pub(crate) temperature: Option<Number>,
    pub(crate) top_p: Option<Number>,
    pub(crate) stop_sequences: Option<Vec<String>>,
}

impl Settings {
    /// The settings of a request. Refuses what no native body has: the members around the conversation that only
    /// Converse knows, and members this version does not know. What travels in headers
    /// (`guardrailConfig`, `performanceConfig`, `serviceTier`, `requestMetadata`) is left to the client.
    pub(crate) fn lower(request: &ChatRequest, lowering: &mut Lowering) -> Result<Self, CodecError> {
        lowering.refuse(request.prompt_variables.as_ref(), "promptVariables")?;
        let paths = request.additional_model_response_field_paths.as_ref();
        lowering.refuse(paths, "additionalModelResponseFieldPaths")?;
        lowering.refuse(request.reasoning.as_ref(), "reasoning")?;
        refuse_members(&request.extra, "", lowering)?;
        let config = inference(request, lowering)?;
        let mut number = |value: Option<f64>, name: &str| match value {
            None => Ok(None),
            Some(value) => match Number::from_f64(value) {
                Some(number) => Ok(Some(number)),
                None => lowering
                    .unsupported(format!("inferenceConfig.{name}"), format!("{name} {value}"))
                    .map(|()| None),
            },
        };
        Ok(Self {
            max_tokens: config.max_tokens.map(Number::from),
            temperature: number(config.temperature, "temperature")?,
            top_p: number(config.top_p, "topP")?,
            stop_sequences: config.stop_sequences,
        })
    }

    /// The settings as Converse has them. A number Converse has no room for joins the additional fields under
    /// its native name, given in the order of the members.
    pub(crate) fn raise(self, names: [&str; 3], additional: &mut Extra) -> Option<InferenceConfig> {
        let [max_tokens, temperature, top_p] = names;
        let mut keep =
            |name: &str, number: Option<Number>| drop(additional.insert(name.to_owned(), number.into()));
        let mut config =
            InferenceConfig { stop_sequences: self.stop_sequences, ..InferenceConfig::default() };
        config.max_tokens =
            self.max_tokens.as_ref().and_then(whole).and_then(|number| u32::try_from(number).ok());
        if config.max_tokens.is_none() && self.max_tokens.is_some() {
            keep(max_tokens, self.max_tokens);
        }
        config.temperature = self.temperature.as_ref().and_then(Number::as_f64);
        if config.temperature.is_none() && self.temperature.is_some() {
            keep(temperature, self.temperature);
        }
        config.top_p = self.top_p.as_ref().and_then(Number::as_f64);
        if config.top_p.is_none() && self.top_p.is_some() {
            keep(top_p, self.top_p);
        }
        lift_inference(config)
    }
}

/// A whole number, also where it is written as `28.0`; no more than 2^53, as [`json::count`](crate::json::count).
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "checked to be whole and in range"
)]
fn whole(number: &Number) -> Option<u64> {
    let fits = |number: &f64| number.fract() == 0.0 && (0.0..=MOST).contains(number);
    number.as_f64().filter(fits).map(|number| number as u64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::EncodeOptions;
    use bedrock_llm_schema::{OnUnsupported, Reasoning};
    use serde_json::{Value, json};

    #[test]
    fn numbers_keep_their_value_whatever_their_spelling() {
        let number = |value: Value| whole(value.as_number().unwrap());
        assert_eq!(
            (number(json!(512.0)), number(json!(512)), number(json!(0.5)), number(json!(-1))),
            (Some(512), Some(512), None, None)
        );
        assert_eq!((number(json!(u64::MAX)), number(json!(1_u64 << 53))), (None, Some(1 << 53)));
        let mut additional = Extra::new();
        let settings = Settings {
            max_tokens: json!(1.5).as_number().cloned(),
            top_p: Some(1.into()),
            ..Settings::default()
        };
        let config = settings.raise(["max", "t", "p"], &mut additional).unwrap();
        assert_eq!((config.max_tokens, config.top_p), (None, Some(1.0)));
        assert_eq!(Value::Object(additional), json!({"max": 1.5}));
    }

    #[test]
    fn what_no_native_body_has_is_refused_by_name() {
        let mut request =
            ChatRequest::new("m").prompt_variable("a", "b").response_field_path("/x").temperature(f64::NAN);
        request.reasoning = Some(Reasoning::Adaptive);
        request.extra.insert("hologram".into(), json!(1));
        let mut lowering =
            Lowering::new("test", &EncodeOptions::new(false).on_unsupported(OnUnsupported::Degrade));
        Settings::lower(&request, &mut lowering).unwrap();
        let dropped = [
            "promptVariables",
            "additionalModelResponseFieldPaths",
            "reasoning",
            "hologram",
            "inferenceConfig.temperature",
        ];
        assert_eq!(lowering.finish(&()).unwrap().dropped, dropped);
        assert!(Settings::lower(&request, &mut Lowering::new("test", &EncodeOptions::new(false))).is_err());
    }
}
