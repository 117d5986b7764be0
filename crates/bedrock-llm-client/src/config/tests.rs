//! Tests of configurations.

use std::path::PathBuf;

use bedrock_llm_schema::ErrorKind;
use serde_json::Value;

use super::*;
use crate::{BlockingClient, Client};

/// Every key once.
const FULL: &str = r#"
    model = "us.amazon.nova-lite-v1:0"
    max_tokens = 500
    temperature = 0.5
    top_p = 0.9
    stop_sequences = ["END"]
    system = "Be brief."
    streaming = true
    timeout = "90s"
    additional_model_request_fields = { inferenceConfig = { topK = 5 } }

    region = "eu-west-1"
    profile = "12"
    endpoint_url = "http://127.0.0.1:8080"
    api_mode = "converse"
    normalize = false
    validate = false
    on_unsupported = "degrade"
    chat_by_stream = true
    stream_recovery = "continue"

    [timeouts]
    connect = "2s"
    read = "3m"
    attempt = "4m"
    operation = "5m"
    first_event = "6s"
    stream_idle = "7s"

    [retry]
    max_attempts = 6
    base_delay = "100ms"
    max_delay = "30s"
    max_retry_after = "45s"
    timeouts = true
    budget = { ttl = "5s", min_per_second = 3, percent = 10.0 }

    [circuit_breaker]
    failure_rate = 0.25
    slow_call = "1m"
    slow_call_rate = 0.75
    throttle_rate = 0.5
    window = "30s"
    window_calls = 50
    min_calls = 5
    open_for = "10s"
    half_open_probes = 2

    [rate_limit]
    requests_per_minute = 200
    tokens_per_minute = 100000
    adaptive = false
    max_wait = "20s"

    [[rate_limit.limits]]
    model = "us.amazon.nova-pro-v1:0"
    region = "us-east-1"
    requests_per_minute = 50
    tokens_per_minute = 20000
    output_burndown = 5

    [concurrency]
    max_concurrency = 20
    max_queue = 200
    age = "5s"
    max_wait = "15s"

    [failover]
    targets = [{ model = "eu.amazon.nova-lite-v1:0", region = "eu-central-1" }]
    fence = ["eu"]
    home_region = "eu-west-1"
    failures = 3
    window = "50s"
    cooldown = "20s"
    access = true
    context_overflow = true
    timeouts = true
    home_wait = "5s"
    second_price = "0.02"

    [failover.models]
    "us.amazon.nova-pro-v1:0" = [{ model = "us.amazon.nova-lite-v1:0", region = "us-east-2" }]

    [cache]
    policy = "always"
    max_bytes = 1048576
    ttl = "10m"
    tti = "5m"
    stream_wait = "10s"
"#;

fn full() -> ClientConfig {
    ClientConfig::from_toml_str(FULL).unwrap()
}

/// Every value with the keys that lead to it, sections apart; lists and what is under free keys are one value.
fn leaves(path: &[String], value: &Value, out: &mut Vec<(Vec<String>, Value)>) {
    let is_free = |path: &[String]| {
        path.last().is_some_and(|key| key == "additional_model_request_fields")
            || path == ["failover", "models"]
    };
    match value {
        Value::Object(members) if !is_free(path) => {
            for (key, value) in members {
                leaves(&[path, std::slice::from_ref(key)].concat(), value, out);
            }
        }
        _ => out.push((path.to_vec(), value.clone())),
    }
}

fn full_leaves() -> Vec<(Vec<String>, Value)> {
    let config = full();
    let mut out = Vec::new();
    leaves(&[], &serde_json::to_value(&config.model).unwrap(), &mut out);
    leaves(&[], &serde_json::to_value(&config.client).unwrap(), &mut out);
    out
}

fn variable(path: &[String]) -> String {
    format!("BEDROCK_LLM_{}", path.join("__").to_uppercase())
}

fn vars(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(name, value)| (format!("BEDROCK_LLM_{name}"), (*value).to_owned())).collect()
}

fn from_env(pairs: &[(&str, &str)]) -> Result<ClientConfig, ConfigError> {
    ClientConfig::from_sources(None, vars(pairs))
}

/// A file of this test's, gone after it.
struct File(PathBuf);

impl File {
    fn new(name: &str, text: &str) -> Self {
        let path = std::env::temp_dir().join(format!("bedrock-llm-{}-{name}", std::process::id()));
        std::fs::write(&path, text).unwrap();
        Self(path)
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

#[test]
fn the_sample_has_every_key() {
    let text = serde_json::to_string(&full().client).unwrap();
    assert!(!text.contains("null"), "a key of the sample is not set: {text}");
    let Value::Object(members) = serde_json::to_value(full().client).unwrap() else { panic!("no object") };
    assert_eq!(members.keys().map(String::as_str).collect::<Vec<_>>(), ClientSettings::KEYS);
    let defaults = serde_json::to_value(ClientConfig::default().client).unwrap();
    for (path, value) in full_leaves() {
        let default = path.iter().try_fold(&defaults, |value, key| value.get(key));
        assert_ne!(default, Some(&value), "{path:?} has its default");
    }
}

#[test]
fn the_environment_says_the_same_as_a_file() {
    let said = full_leaves().into_iter().map(|(path, value)| {
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        (variable(&path), text)
    });
    let others = [("PATH", "/bin"), ("BEDROCK_LLM_RECORDINGS", "/x"), ("BEDROCK_LLM_CLIENTS", "/y")];
    let others = others.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let vars: Vec<_> = said.chain(others).collect();
    assert_eq!(ClientConfig::from_sources(None, vars.clone()).unwrap(), full());
    let json = serde_json::to_value(full().client).unwrap();
    assert_eq!(ClientConfig::from_json_str(&json.to_string()).unwrap().client, full().client);
    // the keys of the client do not pass for misspelt ones of the model
    assert_eq!(ModelConfig::from_env_vars(vars).unwrap(), full().model);
}

#[test]
fn an_unknown_key_is_named_at_every_level() {
    for (toml, message) in [
        ("max_token = 1", "unknown key `max_token`; did you mean `max_tokens`?"),
        ("regoin = 'x'", "unknown key `regoin`; did you mean `region`?"),
        ("timeouts.conect = '1s'", "unknown key `timeouts.conect`; did you mean `timeouts.connect`?"),
        ("retry.max_atempts = 1", "unknown key `retry.max_atempts`; did you mean `retry.max_attempts`?"),
        (
            "retry.budget.percnt = 1",
            "unknown key `retry.budget.percnt`; did you mean `retry.budget.percent`?",
        ),
        ("cache.max_byts = 1", "unknown key `cache.max_byts`; did you mean `cache.max_bytes`?"),
        (
            "circuit_breaker.open_fr = '1s'",
            "unknown key `circuit_breaker.open_fr`; did you mean `circuit_breaker.open_for`?",
        ),
        (
            "concurrency.max_concurency = 1",
            "unknown key `concurrency.max_concurency`; did you mean `concurrency.max_concurrency`?",
        ),
        (
            "failover.targets = [{modle = 'a.b'}]",
            "unknown key `failover.targets[0].modle`; did you mean `failover.targets[0].model`?",
        ),
        (
            "rate_limit.limits = [{model = 'a.b', requests_per_min = 1}]",
            "unknown key `rate_limit.limits[0].requests_per_min`; did you mean `rate_limit.limits[0].requests_per_minute`?",
        ),
    ] {
        assert_eq!(ClientConfig::from_toml_str(toml).unwrap_err().to_string(), message);
    }
    for (name, value, message) in [
        ("REGOIN", "x", "unknown key `BEDROCK_LLM_REGOIN`; did you mean `BEDROCK_LLM_REGION`?"),
        (
            "RETRY__MAX_ATEMPTS",
            "1",
            "unknown key `BEDROCK_LLM_RETRY__MAX_ATEMPTS`; did you mean `BEDROCK_LLM_RETRY__MAX_ATTEMPTS`?",
        ),
        (
            "RETY__MAX_ATTEMPTS",
            "1",
            "unknown key `BEDROCK_LLM_RETY__MAX_ATTEMPTS`; did you mean `BEDROCK_LLM_RETRY`?",
        ),
        (
            "FAILOVER__TARGETS",
            r#"[{"modle": "a.b"}]"#,
            "unknown key `BEDROCK_LLM_FAILOVER__TARGETS[0].modle`; did you mean `BEDROCK_LLM_FAILOVER__TARGETS[0].model`?",
        ),
        (
            "CACHE",
            "often",
            "`BEDROCK_LLM_CACHE`: invalid type: string \"often\", expected true, false or a table",
        ),
        ("MAX_TOKENS", "0", "`BEDROCK_LLM_MAX_TOKENS` is 0, it must be at least 1"),
    ] {
        assert_eq!(from_env(&[(name, value)]).unwrap_err().to_string(), message);
    }
    let error = ClientConfig::from_toml_str("api_key = 'a secret'").unwrap_err();
    assert!(error.to_string().starts_with("unknown key `api_key`"), "{error}");
    assert!(!format!("{error} {error:?}").contains("secret"), "what an unknown key says is not shown");
}

#[test]
fn variables_go_before_the_file_key_by_key() {
    let file = File::new(
        "a.toml",
        "max_tokens = 5\ntemperature = 0.5\n[retry]\nmax_attempts = 2\nmax_delay = '9s'\n[failover]\nfence = ['us', 'eu']\n",
    );
    let over = [
        ("MAX_TOKENS", "7"),
        ("RETRY__MAX_ATTEMPTS", "3"),
        ("FAILOVER__FENCE", r#"["eu"]"#),
        ("CONFIG", file.0.to_str().unwrap()),
    ];
    let named = from_env(&over).unwrap();
    assert_eq!((named.model.max_tokens, named.model.temperature), (Some(7), Some(0.5)));
    let retry = named.client.retry.unwrap();
    assert_eq!((retry.max_attempts, retry.max_delay), (3, Duration::from_secs(9)));
    assert_eq!(named.client.failover.unwrap().fence, ["eu"]);

    // a file that is given goes before the one that is named
    let given = File::new("b.toml", "max_tokens = 11\n");
    let vars = vars(&over[3..]);
    let config = ClientConfig::from_sources(Some(&given.0), vars).unwrap();
    assert_eq!((config.model.max_tokens, config.model.temperature), (Some(11), None));
    let error = from_env(&[("CONFIG", "/nowhere/a.toml")]).unwrap_err();
    assert!(matches!(error, ConfigError::Read { .. }), "{error}");
}

#[test]
fn sections_are_turned_on_and_off() {
    let file = File::new("c.toml", "circuit_breaker = false\n[cache]\nttl = '5s'\n");
    let with =
        |pairs: &[(&str, &str)]| ClientConfig::from_sources(Some(&file.0), vars(pairs)).unwrap().client;
    let plain = with(&[]);
    assert_eq!(plain.circuit_breaker, Some(Switch::Off));
    let ttl = |settings: ClientSettings| settings.cache.and_then(Switch::on).map(|cache| cache.ttl.as_secs());
    assert_eq!(ttl(plain), Some(5));
    assert_eq!(ttl(with(&[("CACHE", "true")])), Some(5));
    assert_eq!(ttl(with(&[("CACHE", "false")])), None);
    assert_eq!(ttl(with(&[("CACHE", "false"), ("CACHE__TTL", "6s")])), Some(6));
    let on = from_env(&[("RATE_LIMIT", "true")]).unwrap().client.rate_limit;
    assert_eq!(on, Some(Switch::On(RateLimitConfig::default())));
}

#[tokio::test]
async fn the_builder_goes_before_the_configuration() {
    let config =
        ClientConfig::from_toml_str("region = 'eu-west-1'\nmodel = 'a.b'\nmax_tokens = 5\ncache = true\n");
    let config = config.unwrap();
    let begin = || Client::builder().credentials("a", "b", None).config(config.clone());
    let client = begin().build().await.unwrap();
    assert_eq!(client.region(), Some("eu-west-1"));
    assert!(client.answer_cache().is_some() && client.circuit_breaker().is_some());
    let request = client.request();
    assert_eq!((request.model.as_str(), request.inference_config.unwrap().max_tokens), ("a.b", Some(5)));
    let client = begin().region("us-east-1").cache(None).circuit_breaker(None).build().await.unwrap();
    assert_eq!(client.region(), Some("us-east-1"));
    assert!(client.answer_cache().is_none() && client.circuit_breaker().is_none());
}

#[tokio::test]
async fn what_a_layer_refuses_is_an_error_of_the_client() {
    let config = ClientConfig::from_toml_str("region = 'eu-west-1'\nretry.max_attempts = 0\n").unwrap();
    let error = Client::builder().config(config).build().await.unwrap_err();
    assert_eq!(error.kind(), &ErrorKind::Config);
    assert!(error.message().contains("max_attempts"), "{error}");
    let broken = bedrock_llm_schema::Error::from(ClientConfig::from_toml_str("a = ").unwrap_err());
    assert_eq!(broken.kind(), &ErrorKind::Config);
    assert!(broken.message().contains("cannot be parsed: TOML"), "{broken}");
}

#[test]
fn debug_shows_no_prompt() {
    let config =
        ClientConfig::from_toml_str("system = 'secret'\nadditional_model_request_fields.key = 'secret'");
    assert!(!format!("{:?}", config.unwrap()).contains("secret"));
}

#[test]
fn a_blocking_client_takes_the_configuration_too() {
    let config = ClientConfig::from_toml_str("region = 'eu-west-1'\nmodel = 'a.b'").unwrap();
    let client: BlockingClient = Client::builder().config(config).build_blocking().unwrap();
    assert_eq!(client.request().model.as_str(), "a.b");
}

#[test]
fn the_page_names_every_key_and_its_variable() {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/src/configuration.md");
    let page = std::fs::read_to_string(page).unwrap();
    for (path, _) in full_leaves() {
        let row = format!("| `{}` | `{}` |", path.join("."), variable(&path));
        assert!(page.contains(&row), "{row}");
    }
}
