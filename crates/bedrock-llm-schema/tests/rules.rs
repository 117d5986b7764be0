//! The table of rules against its counter-examples, against every recording, and against whatever comes.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod recorded;
#[path = "rules/vectors.rs"]
mod vectors;

use std::collections::BTreeSet;

use bedrock_llm_schema::model::ModelProfile;
use bedrock_llm_schema::rules::{RULES, check_chat, check_model};
use bedrock_llm_schema::{Catalog, ChatRequest, ModelId, Normalizer, Operation, Violations};
use proptest::prelude::*;
use recorded::recordings;
use serde::Deserialize;
use serde_json::Value;

/// A request that breaks one rule, and nothing else. Other crates send the same over HTTP.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CounterExample {
    rule: String,
    operation: Operation,
    model: ModelId,
    request: Value,
    /// Facts that are laid over what the catalog knows of the model.
    #[serde(default)]
    profile: ModelProfile,
    /// What the service says, where it is known.
    says: Option<String>,
}

fn counter_examples() -> Vec<CounterExample> {
    serde_json::from_str(include_str!("data/counter_examples.json")).unwrap()
}

fn check(
    model: &ModelId,
    body: &Value,
    profile: &ModelProfile,
    operation: Operation,
) -> Result<(), Violations> {
    let request = || ChatRequest { model: model.clone(), ..serde_json::from_value(body.clone()).unwrap() };
    match operation {
        Operation::Converse => request().check(profile),
        Operation::ConverseStream => request().streaming().check(profile),
        _ => check_model(model, profile, operation),
    }
}

#[test]
fn ids_are_unique_and_every_rule_says_how_it_is_mended() {
    let ids: BTreeSet<_> = RULES.iter().map(|rule| rule.id).collect();
    assert_eq!(ids.len(), RULES.len());
    for rule in RULES {
        let is_id = |c: char| c.is_ascii_uppercase() || c == '-' || c.is_ascii_digit();
        assert!(rule.id.starts_with("R-") && rule.id.chars().all(is_id), "{}", rule.id);
        for text in [rule.checks, rule.applies_to, rule.source, rule.mend] {
            assert!(!text.trim().is_empty(), "{}", rule.id);
        }
    }
}

#[test]
fn every_rule_has_a_counter_example_that_breaks_it_alone() {
    let mut shown = BTreeSet::new();
    for (place, example) in counter_examples().into_iter().enumerate() {
        let CounterExample { rule, operation, model, request, mut profile, says } = example;
        profile.id = model.clone();
        let mut catalog = Catalog::builtin().clone();
        catalog.insert(profile);
        let found = check(&model, &request, &catalog.profile(&model), operation);
        let found = found.expect_err(&format!("{rule}, counter-example {place}: nothing was found"));
        assert!(found.0.iter().all(|violation| violation.rule == rule), "{rule}, {place}: {found}");
        assert_eq!(found.0[0].service_message, says, "{rule}, {place}");
        for violation in &found.0 {
            assert!(!violation.to_string().contains("SECRET"), "{rule} shows the prompt: {violation}");
            if operation != Operation::CountTokens {
                names_a_place(&request, &violation.path);
            }
        }
        shown.insert(rule);
    }
    shown.extend(vectors::counter_examples().into_iter().map(|example| example.rule));
    let all: BTreeSet<_> = RULES.iter().map(|rule| rule.id.to_owned()).collect();
    assert_eq!(shown, all);
}

#[test]
fn what_the_table_calls_mended_is_what_normalising_mends() {
    let mut mended = BTreeSet::new();
    for example in counter_examples() {
        let CounterExample { rule, operation, model, request, mut profile, .. } = example;
        if !matches!(operation, Operation::Converse | Operation::ConverseStream) {
            continue;
        }
        profile.id = model.clone();
        let mut catalog = Catalog::builtin().clone();
        catalog.insert(profile);
        let profile = catalog.profile(&model);
        let request = ChatRequest { model: model.clone(), ..serde_json::from_value(request).unwrap() };
        let normalized = Normalizer::new().normalize(request, &profile);
        match check_chat(&normalized.request, &profile, operation) {
            Ok(()) => {
                assert!(!normalized.changes.is_empty(), "{rule}");
                mended.insert(rule);
            }
            Err(left) => assert!(left.0.iter().all(|violation| violation.rule == rule), "{rule}: {left}"),
        }
    }
    let said: BTreeSet<_> = RULES.iter().filter(|rule| rule.is_mended).map(|rule| rule.id).collect();
    let mended: BTreeSet<_> = mended.iter().map(String::as_str).collect();
    assert_eq!(said, mended);
}

/// Changes and violations are compared by their ids, so that no code may make up one of its own.
#[test]
fn every_id_in_the_sources_is_in_the_table() {
    let ids: BTreeSet<_> = RULES.iter().map(|rule| rule.id).collect();
    let mut folders = vec![concat!(env!("CARGO_MANIFEST_DIR"), "/src").into()];
    let mut found = BTreeSet::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir::<std::path::PathBuf>(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let source = std::fs::read_to_string(&path).unwrap_or_default();
            for rest in source.split("\"R-").skip(1) {
                let id = format!("R-{}", rest.split('"').next().unwrap());
                assert!(ids.contains(id.as_str()), "{} has {id}", path.display());
                found.insert(id);
            }
        }
    }
    assert_eq!(found.len(), ids.len());
}

/// What the path names, or would stand in, is in the request.
fn names_a_place(request: &Value, path: &str) {
    let pointer = format!("/{}", path.replace('[', "/").replace(']', "").replace('.', "/"));
    let parent = pointer.rsplit_once('/').map_or("", |(parent, _)| parent);
    let is_member = !path.contains('.') || path.starts_with("requestMetadata[");
    let is_there = |pointer: &str| request.pointer(pointer).is_some();
    assert!(is_member || is_there(&pointer) || is_there(parent), "{path} is not in {request}");
}

#[test]
fn sentences_leave_nothing_to_fill_in() {
    for example in counter_examples() {
        assert!(!example.says.unwrap_or_default().contains(['{', '}']), "{}", example.rule);
    }
    for rule in RULES.iter().filter(|rule| rule.says.is_some()) {
        let of_chats = counter_examples().into_iter().map(|it| (it.rule, it.says));
        let of_vectors = vectors::counter_examples().into_iter().map(|it| (it.rule, it.says));
        let says = of_chats.chain(of_vectors).filter(|(id, _)| id == rule.id).filter_map(|(_, says)| says);
        let says: Vec<_> = says.collect();
        let opening = rule.says.unwrap().split('{').next().unwrap();
        assert!(says.iter().any(|says| says.starts_with(opening)), "{}: {says:?}", rule.id);
    }
}

/// What no rule can know: what is withdrawn by now, and who may call.
const UNKNOWABLE: [u64; 2] = [403, 404];

#[test]
fn what_was_accepted_is_not_refused_and_what_was_refused_is_with_the_same_sentence() {
    let mut wrong = Vec::new();
    for (folder, operation) in [
        ("converse", Operation::Converse),
        ("converse-stream", Operation::ConverseStream),
        ("count-tokens", Operation::CountTokens),
        ("invoke-model", Operation::InvokeModel),
        ("invoke-model-with-response-stream", Operation::InvokeModelWithResponseStream),
    ] {
        for (file, recording) in recordings(folder) {
            let model = ModelId::from(recording["model_id"].as_str().unwrap());
            let profile = Catalog::builtin().profile(&model);
            let refused = check(&model, &recording["request"]["body"], &profile, operation).err();
            let says = refused.as_ref().and_then(|refused| refused.0[0].service_message.as_deref());
            let is_right = match recording["response"]["status"].as_u64().unwrap() {
                200 => refused.is_none(),
                status if UNKNOWABLE.contains(&status) => true,
                _ => says.is_some() && says == recording["response"]["body"]["message"].as_str(),
            };
            if !is_right {
                let refused = refused.as_ref().map(Violations::to_string);
                wrong.push(format!("{file}: {refused:?}, with {says:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Values of all kinds, with the member names that requests have.
fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "\\PC{0,8}".prop_map(Value::from),
        prop::sample::select(vec!["user", "assistant", "object", "1h", "5m", "s3://", "enabled", "default"])
            .prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 40, 4, |inner| {
        let names = prop::sample::select(vec![
            "text",
            "type",
            "json",
            "thinking",
            "budget_tokens",
            "ttl",
            "$ref",
            "properties",
            "name",
            "x",
        ]);
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((names, inner), 0..4).prop_map(|members| members
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value))
                .collect()),
        ]
    })
}

fn block() -> impl Strategy<Value = Value> {
    let text = "[a \n]{0,2}";
    prop_oneof![
        text.prop_map(|text| serde_json::json!({"text": text})),
        ("[a.é]{0,2}", "[a-c]{0,1}", value()).prop_map(
            |(name, id, input)| serde_json::json!({"toolUse": {"name": name, "toolUseId": id, "input": input}})
        ),
        ("[a-c]{0,1}", prop::collection::vec(piece(), 0..3)).prop_map(
            |(id, content)| serde_json::json!({"toolResult": {"toolUseId": id, "content": content, "status": "error"}})
        ),
        Just(serde_json::json!({"cachePoint": {"type": "default", "ttl": "1h"}})),
        Just(serde_json::json!({"cachePoint": {"type": "default"}})),
        Just(serde_json::json!({"reasoningContent": {"reasoningText": {"text": "t"}}})),
        piece(),
    ]
}

fn piece() -> impl Strategy<Value = Value> {
    prop_oneof![
        value().prop_map(|value| serde_json::json!({"json": value})),
        "[a ._é]{0,3}"
            .prop_map(|name| serde_json::json!({"document": {"name": name, "source": {"bytes": ""}}})),
        "(s3://)?[a-z./]{0,6}".prop_map(
            |uri| serde_json::json!({"image": {"format": "png", "source": {"s3Location": {"uri": uri}}}})
        ),
        Just(serde_json::json!({"video": {"format": "mp4", "source": {"bytes": "AAAA"}}})),
    ]
}

prop_compose! {
    fn body()(
        turns in prop::collection::vec((prop::sample::select(vec!["user", "assistant", "system", "x"]),
            prop::collection::vec(block(), 0..4)), 0..5),
        system in prop::option::of(Just(serde_json::json!([{"text": ""}, {"cachePoint": {"type": "default"}}]))),
        tools in prop::option::of(prop::collection::vec(("[a.]{0,2}", value()), 0..3)),
        fields in prop::option::of(value()),
        numbers in (any::<f64>(), any::<u32>()),
    ) -> Value {
        let messages: Vec<_> = turns
            .into_iter()
            .map(|(role, content)| serde_json::json!({"role": role, "content": content}))
            .collect();
        let tools = tools.map(|tools| {
            let specs: Vec<_> = tools
                .into_iter()
                .map(|(name, schema)| serde_json::json!({"toolSpec": {"name": name, "inputSchema": {"json": schema}}}))
                .collect();
            serde_json::json!({"tools": specs, "toolChoice": {"tool": {"name": "a"}}})
        });
        serde_json::json!({
            "messages": messages, "system": system, "toolConfig": tools, "additionalModelRequestFields": fields,
            "inferenceConfig": {"temperature": numbers.0, "maxTokens": numbers.1, "topP": numbers.0},
        })
    }
}

/// A profile that refuses all it can.
fn strictest() -> ModelProfile {
    let mut profile = ModelProfile::new("m");
    for example in counter_examples() {
        let mut both = serde_json::to_value(&profile).unwrap();
        merge(&mut both, serde_json::to_value(&example.profile).unwrap());
        profile = serde_json::from_value(both).unwrap();
    }
    profile
}

fn merge(into: &mut Value, from: Value) {
    match (into, from) {
        (Value::Object(into), Value::Object(from)) => {
            for (name, value) in from {
                merge(into.entry(name).or_insert(Value::Null), value);
            }
        }
        (into, from) => *into = from,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn a_check_never_panics_and_finds_the_same_again(body in body(), id in "[a-z.:/é]{0,12}") {
        let strictest = strictest();
        let request = ChatRequest { model: id.as_str().into(), ..serde_json::from_value(body).unwrap() };
        prop_assert_eq!(request.check(&strictest), request.check(&strictest));
        // a profile can but add to what holds for all
        if request.validate().is_err() {
            prop_assert!(request.check(&strictest).is_err());
            prop_assert!(request.check(&ModelProfile::default()).is_err());
        }
    }
}
