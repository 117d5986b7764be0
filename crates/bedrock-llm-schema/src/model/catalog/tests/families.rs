//! Tests of the facts of families: the data, what they are laid over, and where each is said to come from.

use std::collections::BTreeSet;

use super::super::*;
use super::find;
use crate::model::facts::{ReasoningStyle, ToolChoiceKind};
use crate::model::{Alphabet, Mode};
use crate::{CacheTtl, Family, Operation};

const APPLICATION_PROFILE: &str =
    "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/1arbu5hu2sjr";

/// Ids that were served once, and are in recordings, but no longer in the price map.
const FORMER: &[&str] = &[
    "amazon.titan-tg1-large",
    "anthropic.claude-v2",
    "anthropic.claude-3-sonnet-20240229-v1:0",
    "cohere.command-r-v1:0",
];

fn is_iso_date(text: &str) -> bool {
    let parts: Vec<_> = text.split('-').collect();
    let [year, month, day] = parts[..] else { return false };
    let number = |part: &str, digits: usize| part.parse::<u32>().ok().filter(|_| part.len() == digits);
    number(year, 4).is_some()
        && number(month, 2).is_some_and(|month| (1..=12).contains(&month))
        && number(day, 2).is_some_and(|day| (1..=31).contains(&day))
}

#[test]
fn every_entry_says_where_and_when_it_was_learned() {
    assert!(!is_iso_date("2026-13-01") && !is_iso_date("2026-1-1") && !is_iso_date("today"));
    for facts in &Catalog::builtin().facts {
        let source = facts.source.as_str();
        let recording = source.strip_prefix("recording ");
        assert!(
            recording.is_some_and(|id| id.len() == 12 && id.chars().all(|c| c.is_ascii_hexdigit()))
                || source.starts_with("https://"),
            "{source}"
        );
        assert!(is_iso_date(&facts.date), "{source}: {}", facts.date);
        assert_ne!(facts.profile, ModelProfile::default(), "{source} says nothing");
        assert!(facts.profile.id.is_empty() && facts.profile.base_model.is_none(), "{source}");
    }
}

#[test]
fn no_pattern_is_dead() {
    let ids: BTreeSet<ModelId> =
        Catalog::builtin().models.keys().cloned().chain(FORMER.iter().map(|id| ModelId::from(*id))).collect();
    for facts in &Catalog::builtin().facts {
        for pattern in &facts.models {
            let alone = FamilyFacts { models: vec![pattern.clone()], ..facts.clone() };
            assert!(ids.iter().any(|id| alone.hold_for(id)), "{pattern} of {} is nobody's", facts.source);
        }
    }
}

#[test]
fn a_later_entry_wins_and_the_geography_is_no_part_of_a_pattern() {
    for id in [
        "anthropic.claude-3-7-sonnet-20250219-v1:0",
        "us.anthropic.claude-3-7-sonnet-20250219-v1:0",
        "arn:aws:bedrock:us-east-1:012345678901:inference-profile/us.anthropic.claude-3-7-sonnet-20250219-v1:0",
    ] {
        let claude = Catalog::builtin().profile(&ModelId::from(id));
        assert_eq!(claude.sampling.temperature_with_top_p, Some(true), "{id}");
        assert_eq!(claude.reasoning.request, Some(ReasoningStyle::ThinkingBudget), "{id}");
        assert_eq!(claude.cache.ttls, Some(vec![CacheTtl::FiveMinutes]), "{id}");
    }
    let sonnet_5 = find("global.anthropic.claude-sonnet-5").unwrap();
    assert_eq!(sonnet_5.reasoning.request, Some(ReasoningStyle::ThinkingAdaptive));
    let opus = find("us.anthropic.claude-opus-4-7").unwrap();
    assert_eq!((opus.sampling.temperature, opus.sampling.top_k.as_deref()), (Some(false), Some("")));
    let nova = find("us.amazon.nova-2-lite-v1:0").unwrap();
    assert_eq!(nova.tools.name_alphabet.as_ref().map(Alphabet::as_str), Some("a-zA-Z0-9_"));
    assert_eq!(nova.tools.name_max, Some(64), "what the later entry does not say stays");
    assert_eq!(
        find("amazon.nova-canvas-v1:0").unwrap().access.operations,
        Some(vec![Operation::InvokeModel])
    );
}

#[test]
fn a_pattern_is_an_id_or_a_beginning() {
    let facts = |pattern: &str| FamilyFacts {
        models: vec![pattern.to_owned()],
        source: String::new(),
        date: String::new(),
        profile: ModelProfile::default(),
    };
    for (pattern, id, holds) in [
        ("zai.glm-4.7", "zai.glm-4.7", true),
        ("zai.glm-4.7", "us.zai.glm-4.7", true),
        ("zai.glm-4.7", "zai.glm-4.7-flash", false),
        ("zai.glm-4.7*", "zai.glm-4.7-flash", true),
        ("amazon.nova-lite-v1:0", "amazon.nova-lite-v1:0:24k", true),
        ("amazon.nova-lite-v1:0", "amazon.nova-lite-v1:01", false),
        ("us.zai.glm-4.7", "us.zai.glm-4.7", false),
        ("*", "anything", true),
        ("*", APPLICATION_PROFILE, false),
    ] {
        assert_eq!(facts(pattern).hold_for(&ModelId::from(id)), holds, "{pattern} for {id}");
    }
}

#[test]
fn a_model_that_is_not_listed_has_the_facts_of_its_family() {
    let id = ModelId::from("us.anthropic.claude-opus-4-8-20270101-v1:0");
    assert!(Catalog::builtin().get(&id).is_none());
    let next = Catalog::builtin().profile(&id);
    assert_eq!((next.id.clone(), next.max_input_tokens), (id, None));
    assert_eq!(next.reasoning.request, Some(ReasoningStyle::ThinkingAdaptive));
}

#[test]
fn an_opaque_id_has_no_facts_until_its_base_model_is_given() {
    let id = ModelId::from(APPLICATION_PROFILE);
    let mut catalog = Catalog::builtin().clone();
    assert_eq!(*catalog.profile(&id), ModelProfile::new(id.clone()));
    assert_eq!(catalog.sources(&id), []);

    catalog.set_base_model(id.clone(), "us.anthropic.claude-sonnet-4-5-20250929-v1:0");
    let known = catalog.profile(&id);
    assert_eq!((&known.id, known.max_output_tokens), (&id, Some(64_000)));
    assert_eq!(known.images.s3, Some(false));
    let s3 = catalog.sources(&id).into_iter().find(|fact| fact.path == "images.s3").unwrap();
    assert_eq!(s3.source.as_deref(), Some("recording 8825215bc413"));

    // of a base model that is not listed either, the family tells
    catalog.set_base_model(
        "arn:aws:bedrock:us-east-1:123456789012:provisioned-model/abcdefghijkl",
        "xai.grok-4.6",
    );
    let provisioned = ModelId::from("arn:aws:bedrock:us-east-1:123456789012:provisioned-model/abcdefghijkl");
    assert_eq!(catalog.profile(&provisioned).sampling.temperature, Some(false));
}

#[test]
fn a_caller_corrects_families_and_single_models() {
    let mut catalog = Catalog::builtin().clone();
    catalog
        .extend_toml(
            r#"
            [[facts]]
            models = ["amazon.nova-*"]
            source = "our own tests"
            date = "2027-01-02"
            profile.tools.choice = ["auto"]
            profile.tools.strict = true

            [models."us.amazon.nova-lite-v1:0"]
            tools.choice = ["any"]
            "#,
        )
        .unwrap();
    let tools = |id: &str| catalog.profile(&ModelId::from(id)).tools.clone();
    let (micro, lite) = (tools("us.amazon.nova-micro-v1:0"), tools("us.amazon.nova-lite-v1:0"));
    assert_eq!((micro.choice, micro.strict), (Some(vec![ToolChoiceKind::Auto]), Some(true)));
    assert_eq!(
        (lite.choice, lite.strict),
        (Some(vec![ToolChoiceKind::Any]), Some(true)),
        "a single model wins"
    );
    assert_eq!(lite.name_max, Some(64), "what was known stays");
    assert_eq!(tools("amazon.nova-9-ultra-v1:0").strict, Some(true), "so for models that are not listed");

    let source = |id: &str, path: &str| {
        let facts = catalog.sources(&ModelId::from(id));
        facts.into_iter().find(|fact| fact.path == path).unwrap().source
    };
    assert_eq!(source("us.amazon.nova-micro-v1:0", "tools.choice").as_deref(), Some("our own tests"));
    assert_eq!(source("us.amazon.nova-lite-v1:0", "tools.choice"), None, "said for the model itself");
}

#[test]
fn the_source_of_a_fact_is_named() {
    let facts = Catalog::builtin().sources(&ModelId::from("deepseek.r1-v1:0"));
    let fact = |path: &str| facts.iter().find(|fact| fact.path == path).unwrap();
    let on_demand = fact("access.on_demand");
    assert_eq!(on_demand.value, false);
    assert_eq!(on_demand.source.as_deref(), Some("recording 9fe443003d6b"));
    assert_eq!(on_demand.date.as_deref(), Some("2026-11-22"));
    assert_eq!(fact("max_input_tokens").source, None, "the price map's");
    let paths: BTreeSet<_> = facts.iter().map(|fact| &fact.path).collect();
    assert_eq!(paths.len(), facts.len(), "one path, one fact");
}

#[test]
fn what_no_source_denies_is_not_denied() {
    for profile in Catalog::builtin().iter() {
        let held = Catalog::builtin().sources(&profile.id);
        let is_sourced = |fact: &str| held.iter().any(|it| it.path == fact && it.source.is_some());
        for (fact, value) in [
            ("features.structured_output", profile.features.structured_output),
            ("features.tool_choice", profile.features.tool_choice),
        ] {
            assert!(value != Some(false) || is_sourced(fact), "{fact} of {}", profile.id);
        }
    }
    let stops = |id| Catalog::builtin().profile(&ModelId::from(id)).sampling.max_stop_sequences;
    assert_eq!((stops("qwen.qwen3-235b-a22b-2507-v1:0"), stops("qwen.qwen3-32b-v1:0")), (Some(0), None));
}

#[test]
fn what_is_known_of_reasoning_and_limits() {
    let of = |id: &str| Catalog::builtin().profile(&ModelId::from(id)).into_owned();
    assert_eq!(of("openai.gpt-oss-20b-1:0").reasoning.always, Some(true));
    assert_eq!(of("qwen.qwen3-32b-v1:0").reasoning.always, Some(false));
    assert_eq!(of("moonshot.kimi-k2-thinking").reasoning.always, None);
    assert_eq!(of("us.anthropic.claude-opus-4-7").reasoning.with_forced_tool, Some(false));
    assert_eq!(of("us.anthropic.claude-opus-4-6-v1").reasoning.with_forced_tool, None);
    for (id, tokens) in [
        ("us.anthropic.claude-3-7-sonnet-20250219-v1:0", 131_072),
        ("us.anthropic.claude-sonnet-4-6", 128_000),
        ("us.deepseek.r1-v1:0", 32_768),
        ("us.meta.llama3-1-8b-instruct-v1:0", 8192),
        ("google.gemma-3-27b-it", 8192),
    ] {
        assert_eq!(of(id).max_output_tokens, Some(tokens), "{id}");
    }
    for (id, burndown) in [
        ("us.anthropic.claude-sonnet-4-20250514-v1:0", Some(5)),
        ("us.anthropic.claude-3-7-sonnet-20250219-v1:0", Some(5)),
        ("anthropic.claude-3-5-sonnet-20241022-v2:0", None),
        ("us.amazon.nova-lite-v1:0", None),
    ] {
        assert_eq!(of(id).quota.output_burndown, burndown, "{id}");
    }
}

#[test]
fn every_model_of_embeddings_and_rankings_is_known() {
    let mut count = 0;
    for listed in Catalog::builtin().iter().filter(|profile| profile.id.family() != Family::TwelveLabs) {
        let profile = Catalog::builtin().profile(&listed.id);
        let facts = &profile.embedding;
        match profile.mode {
            Some(Mode::Embedding) => {
                let longest = facts.dimensions.as_ref().and_then(|given| given.first()).copied();
                let said = profile.output_vector_size.map(u64::from);
                assert!(said.is_none_or(|said| longest.map(u64::from) == Some(said)), "{}", profile.id);
                let named = facts.purposes.as_ref().is_some_and(|told| !told.is_empty());
                assert_eq!(facts.needs_purpose, Some(named), "{}", profile.id);
                assert!(facts.types.is_some() && facts.max_inputs.is_some(), "{}", profile.id);
                assert!(facts.truncations.is_some() && facts.normalize.is_some(), "{}", profile.id);
                assert!(facts.max_images.is_some() && facts.max_tokens.is_some(), "{}", profile.id);
            }
            Some(Mode::Rerank) => assert_eq!(profile.rerank.max_documents, Some(1000), "{}", profile.id),
            _ => continue,
        }
        count += 1;
    }
    assert!(count >= 12, "{count}");
}
