//! Tests of model configurations.

use serde_json::{Value, json};

use super::*;

fn env(vars: &[(&str, &str)]) -> Result<ModelConfig, ConfigError> {
    ModelConfig::from_env_vars(vars.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())))
}

fn full() -> ModelConfig {
    ModelConfig {
        model: "us.amazon.nova-lite-v1:0".into(),
        max_tokens: Some(500),
        temperature: Some(0.7),
        top_p: Some(0.9),
        stop_sequences: vec!["END".to_owned()],
        system: Some("Be brief.".to_owned()),
        streaming: Some(true),
        timeout: Some(Duration::from_millis(1500)),
        additional_model_request_fields: Some(json!({"inferenceConfig": {"topK": 5}})),
    }
}

#[test]
fn toml_json_and_the_environment_say_the_same() {
    let toml = r#"
        model = "us.amazon.nova-lite-v1:0"
        max_tokens = 500
        temperature = 0.7
        top_p = 0.9
        stop_sequences = ["END"]
        system = "Be brief."
        streaming = true
        timeout = "1500ms"
        additional_model_request_fields.inferenceConfig.topK = 5
    "#;
    assert_eq!(ModelConfig::from_toml_str(toml).unwrap(), full());
    let json = serde_json::to_string(&full()).unwrap();
    assert_eq!(ModelConfig::from_json_str(&json).unwrap(), full());
    let vars = env(&[
        ("BEDROCK_LLM_MODEL", "us.amazon.nova-lite-v1:0"),
        ("BEDROCK_LLM_MAX_TOKENS", "500"),
        ("BEDROCK_LLM_TEMPERATURE", "0.7"),
        ("BEDROCK_LLM_TOP_P", "0.9"),
        ("BEDROCK_LLM_STOP_SEQUENCES", r#"["END"]"#),
        ("BEDROCK_LLM_SYSTEM", "Be brief."),
        ("BEDROCK_LLM_STREAMING", "true"),
        ("BEDROCK_LLM_TIMEOUT", "1500ms"),
        ("BEDROCK_LLM_ADDITIONAL_MODEL_REQUEST_FIELDS", r#"{"inferenceConfig":{"topK":5}}"#),
        ("PATH", "/bin"),
    ]);
    assert_eq!(vars.unwrap(), full());
}

#[test]
fn the_known_keys_are_the_members() {
    let Value::Object(members) = serde_json::to_value(full()).unwrap() else { panic!("not an object") };
    assert_eq!(members.keys().map(String::as_str).collect::<Vec<_>>(), ModelConfig::KEYS);
}

#[test]
fn errors_name_the_key_and_the_remedy() {
    for (toml, message) in [
        ("max_token = 1", "unknown key `max_token`; did you mean `max_tokens`?"),
        ("maxTokens = 1", "unknown key `maxTokens`; did you mean `max_tokens`?"),
        ("model_id = \"a.b\"", "unknown key `model_id`; did you mean `model`?"),
        ("stop-sequences = []", "unknown key `stop-sequences`; did you mean `stop_sequences`?"),
        ("colour = \"red\"", "unknown key `colour`"),
        ("max_tokens = \"many\"", "`max_tokens`: invalid type: string \"many\", expected u32"),
        ("max_tokens = -1", "`max_tokens`: invalid value: integer `-1`, expected u32"),
        ("max_tokens = 0", "`max_tokens` is 0, it must be at least 1"),
        ("temperature = 1.5", "`temperature` is 1.5, it must be from 0 to 1"),
        ("top_p = -0.1", "`top_p` is -0.1, it must be from 0 to 1"),
        ("top_p = nan", "`top_p`: expected a value, leave the key out where there is none"),
        ("stop_sequences = [\"a\", 1]", "`stop_sequences[1]`: invalid type: integer `1`, expected a string"),
        ("timeout = \"0s\"", "`timeout` is 0s, it must be more than 0"),
        ("timeout = \"90\"", "`timeout`: \"90\" is not a duration, write it as \"90s\" or \"2m\""),
        ("timeout = 90", "`timeout`: invalid type: integer `90`, expected a string"),
        ("model = \"my model\"", "`model`: model id has ' ' at byte 2, which Bedrock does not take"),
    ] {
        assert_eq!(ModelConfig::from_toml_str(toml).unwrap_err().to_string(), message, "{toml}");
    }
    assert!(matches!(ModelConfig::from_toml_str("model ="), Err(ConfigError::Syntax { .. })));
    assert!(matches!(ModelConfig::from_json_str("[]"), Err(ConfigError::Syntax { .. })));
}

#[test]
fn the_environments_errors_name_the_variable() {
    for (name, value, message) in [
        (
            "BEDROCK_LLM_MAX_TOKEN",
            "1",
            "unknown key `BEDROCK_LLM_MAX_TOKEN`; did you mean `BEDROCK_LLM_MAX_TOKENS`?",
        ),
        ("BEDROCK_LLM_MAX_TOKENS", "0", "`BEDROCK_LLM_MAX_TOKENS` is 0, it must be at least 1"),
        (
            "BEDROCK_LLM_MAX_TOKENS",
            "true",
            "`BEDROCK_LLM_MAX_TOKENS`: invalid type: boolean `true`, expected u32",
        ),
        (
            "BEDROCK_LLM_STOP_SEQUENCES",
            "[1]",
            "`BEDROCK_LLM_STOP_SEQUENCES[0]`: invalid type: integer `1`, expected a string",
        ),
    ] {
        assert_eq!(env(&[(name, value)]).unwrap_err().to_string(), message);
    }
    let error = env(&[("BEDROCK_LLM_STREAMING", "yes")]).unwrap_err().to_string();
    assert_eq!(error, "`BEDROCK_LLM_STREAMING`: invalid type: string \"yes\", expected a boolean");
    // Other parts' variables, and one that is set to nothing.
    let others = [("BEDROCK_LLM_TEST", "x"), ("BEDROCK_LLM_TIMEOUTS__READ", "1s"), ("BEDROCK_LLM_MODEL", "")];
    assert_eq!(env(&others).unwrap(), ModelConfig::default());
}

#[test]
fn what_is_set_above_wins() {
    let mut over = ModelConfig::new("us.amazon.nova-pro-v1:0");
    over.streaming = Some(false);
    let both = full().overlay(over);
    assert_eq!((both.model.as_str(), both.streaming), ("us.amazon.nova-pro-v1:0", Some(false)));
    assert_eq!((both.max_tokens, both.stop_sequences), (Some(500), vec!["END".to_owned()]));
    assert_eq!(full().overlay(ModelConfig::default()), full());
    assert_eq!(ModelConfig::default().overlay(full()), full());
}

#[test]
fn validation_asks_for_a_model_and_checks_what_code_has_set() {
    assert_eq!(ModelConfig::default().validate().unwrap_err().to_string(), "`model` is not set");
    let mut config = full();
    assert!(config.validate().is_ok());
    config.temperature = Some(f64::NAN);
    assert!(matches!(config.validate(), Err(ConfigError::OutOfRange { .. })));
}

#[test]
fn a_file_is_read_by_its_ending() {
    let folder = std::env::temp_dir().join(format!("bedrock-llm-config-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let toml = folder.join("a.toml");
    let json = folder.join("a.JSON");
    std::fs::write(&toml, "max_tokens = 5").unwrap();
    std::fs::write(&json, r#"{"max_tokens": 5}"#).unwrap();
    let read = [ModelConfig::from_path(&toml).unwrap(), ModelConfig::from_path(&json).unwrap()];
    std::fs::remove_dir_all(&folder).unwrap();
    assert_eq!(read.map(|config| config.max_tokens), [Some(5), Some(5)]);
    assert!(matches!(ModelConfig::from_path(&toml), Err(ConfigError::Read { .. })));
    assert!(matches!(ModelConfig::from_path("a.yaml"), Err(ConfigError::UnknownExtension { .. })));
}

#[test]
fn debug_shows_no_prompt() {
    let mut config = full();
    config.system = Some("secret".to_owned());
    config.additional_model_request_fields = Some(json!({"key": "secret"}));
    config.stop_sequences = vec!["secret".to_owned()];
    let shown = format!("{config:?}");
    assert!(shown.contains("nova-lite") && !shown.contains("secret"), "{shown}");
}
