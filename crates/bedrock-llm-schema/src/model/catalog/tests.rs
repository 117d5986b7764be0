//! Tests of the catalog.

mod families;

use super::super::{Family, Mode, ModelIdKind};
use super::*;

fn find(id: &str) -> Option<&'static ModelProfile> {
    Catalog::builtin().get(&ModelId::from(id))
}

#[test]
fn every_id_of_the_catalog_parses_and_has_a_family() {
    assert_eq!(Catalog::builtin().len(), 350);
    assert_eq!(Catalog::builtin().taken(), "2026-11");
    for profile in Catalog::builtin().iter() {
        let id = &profile.id;
        assert_eq!(id.as_str().parse::<ModelId>().as_ref(), Ok(id));
        assert!(
            !matches!(id.family(), Family::Unknown | Family::Other(_)),
            "{id} has family {}",
            id.family()
        );
        assert_eq!(find(id.as_str()).unwrap().id, *id);
        assert!(profile.mode.is_some(), "{id}");
        let base = id.base().unwrap();
        match id.geography() {
            Some(geography) => {
                assert!(!matches!(geography, Geography::Other(_)), "{id}");
                assert_eq!(format!("{geography}.{base}"), id.as_str());
                assert_eq!(id.kind(), ModelIdKind::InferenceProfile, "{id}");
            }
            None => assert_eq!(base, id.as_str()),
        }
        assert!(ModelId::from(base).geography().is_none(), "{id}");
        // The one entry that lacks its provider is the only one not a foundation model or a profile.
        assert_eq!(
            id.kind() == ModelIdKind::Unknown,
            id.as_str() == "claude-sonnet-4-5-20250929-v1:0",
            "{id}"
        );
    }
}

#[test]
fn a_lookup_goes_from_the_exact_id_to_its_base() {
    for (asked, found) in [
        ("us.amazon.nova-lite-v1:0", Some("us.amazon.nova-lite-v1:0")),
        ("ca.amazon.nova-lite-v1:0", Some("amazon.nova-lite-v1:0")),
        ("us.amazon.nova-lite-v1:0:24k", Some("us.amazon.nova-lite-v1:0")),
        ("anthropic.claude-v2:1:18k", Some("anthropic.claude-v2:1")),
        ("anthropic.claude-instant-v1:2:100k", Some("anthropic.claude-instant-v1")),
        ("cohere.embed-english-v3:0:512", Some("cohere.embed-english-v3")),
        ("arn:aws:bedrock:us-east-1::foundation-model/amazon.nova-lite-v1:0", Some("amazon.nova-lite-v1:0")),
        (
            "arn:aws:bedrock:eu-west-1:123456789012:inference-profile/eu.amazon.nova-lite-v1:0",
            Some("eu.amazon.nova-lite-v1:0"),
        ),
        ("arn:aws:bedrock:us-east-1:123456789012:custom-model/amazon.nova-lite-v1:0/abcdefghijkl", None),
        ("arn:aws:bedrock:us-east-1:123456789012:provisioned-model/abcdefghijkl", None),
        ("does-not-exist", None),
        ("", None),
    ] {
        assert_eq!(find(asked).map(|profile| profile.id.as_str()), found, "{asked}");
    }
}

#[test]
fn facts_come_through_as_recorded() {
    let sonnet = find("us.anthropic.claude-sonnet-4-5-20250929-v1:0").unwrap();
    assert_eq!(
        (sonnet.mode, sonnet.max_input_tokens, sonnet.max_output_tokens),
        (Some(Mode::Chat), Some(200_000), Some(64_000))
    );
    assert_eq!((sonnet.features.vision, sonnet.features.audio_input), (Some(true), None));
    let price = |price: Option<super::super::Price>| price.unwrap().to_string();
    assert_eq!(price(sonnet.prices.input), "0.0000033");
    assert_eq!(price(sonnet.prices.cache_write_1h), "0.0000066");
    assert_eq!(price(sonnet.prices.batch.output), "0.00000825");
    assert_eq!(sonnet.prices.flex.input, None);
    assert_eq!(sonnet.prices.long_context[0].above, 200_000);
    assert_eq!(price(sonnet.prices.long_context[0].output), "0.00002475");
    assert_eq!(find("amazon.titan-embed-text-v2:0").unwrap().output_vector_size, Some(1024));
}

#[test]
fn a_profile_is_offered_for_the_region() {
    for (id, region, profile) in [
        ("deepseek.r1-v1:0", "us-east-1", Some("us.deepseek.r1-v1:0")),
        ("deepseek.r1-v1:0", "eu-west-1", None),
        ("us.deepseek.r1-v1:0", "us-west-2", Some("us.deepseek.r1-v1:0")),
        ("anthropic.claude-sonnet-5", "ap-northeast-1", Some("jp.anthropic.claude-sonnet-5")),
        ("anthropic.claude-sonnet-5", "ap-southeast-2", Some("au.anthropic.claude-sonnet-5")),
        ("anthropic.claude-sonnet-5", "ap-southeast-1", Some("apac.anthropic.claude-sonnet-5")),
        ("anthropic.claude-sonnet-5", "ap-south-1", Some("apac.anthropic.claude-sonnet-5")),
        ("anthropic.claude-sonnet-5", "us-gov-west-1", Some("us-gov.anthropic.claude-sonnet-5")),
        ("anthropic.claude-sonnet-5", "ca-central-1", Some("us.anthropic.claude-sonnet-5")),
        ("anthropic.claude-sonnet-5", "sa-east-1", Some("global.anthropic.claude-sonnet-5")),
        ("anthropic.claude-sonnet-5", "af-south-1", Some("global.anthropic.claude-sonnet-5")),
        ("anthropic.claude-opus-4-7", "us-gov-west-1", None),
        ("anthropic.claude-sonnet-5", "cn-north-1", None),
        ("amazon.nova-lite-v1:0", "ap-northeast-1", Some("apac.amazon.nova-lite-v1:0")),
        ("moonshotai.kimi-k3", "ap-south-1", Some("in.moonshotai.kimi-k3")),
        (
            "arn:aws:bedrock:us-east-1::foundation-model/deepseek.r1-v1:0",
            "us-east-1",
            Some("us.deepseek.r1-v1:0"),
        ),
        ("arn:aws:bedrock:us-east-1:123456789012:imported-model/abcdefghijkl", "us-east-1", None),
    ] {
        let offered = Catalog::builtin().inference_profile_for(&ModelId::from(id), region);
        assert_eq!(offered.as_ref().map(ModelId::as_str), profile, "{id} in {region}");
    }
    let of_r1: Vec<_> =
        Catalog::builtin().inference_profiles_for("deepseek.r1-v1:0").map(ModelId::as_str).collect();
    assert_eq!(of_r1, ["us.deepseek.r1-v1:0"]);
}

#[test]
fn an_extension_wins_member_by_member() {
    let mut catalog = Catalog::builtin().clone();
    catalog
        .extend_toml(
            r#"
            [models."amazon.nova-lite-v1:0"]
            max_output_tokens = 1
            features.vision = false
            prices = { output = 0.5, flex = { input = "0.25" } }

            [models."arn:aws:bedrock:us-east-1:123456789012:provisioned-model/abcdefghijkl"]
            base_model = "mine.model"

            [models."mine.model"]
            mode = "chat"
            max_input_tokens = 7
            "#,
        )
        .unwrap();
    let before = find("amazon.nova-lite-v1:0").unwrap();
    let after = catalog.get(&ModelId::from("amazon.nova-lite-v1:0")).unwrap();
    assert_eq!((after.max_output_tokens, after.max_input_tokens), (Some(1), before.max_input_tokens));
    assert_eq!((after.features.vision, after.features.tool_use), (Some(false), before.features.tool_use));
    assert_eq!((after.prices.input, after.prices.output), (before.prices.input, "0.5".parse().ok()));
    assert_eq!(after.prices.flex.input, "0.25".parse().ok());
    assert_eq!(after.prices.batch, before.prices.batch);

    // An entry builds on another of the same text, whichever comes first.
    let arn = ModelId::from("arn:aws:bedrock:us-east-1:123456789012:provisioned-model/abcdefghijkl");
    let provisioned = catalog.get(&arn).unwrap();
    assert_eq!(
        (&provisioned.id, provisioned.mode, provisioned.max_input_tokens),
        (&arn, Some(Mode::Chat), Some(7))
    );
    assert_eq!(catalog.len(), 352);
}

#[test]
fn a_new_profile_starts_from_its_base_models_facts() {
    let mut catalog = Catalog::builtin().clone();
    let mut profile = ModelProfile::new("ca.amazon.nova-lite-v1:0");
    profile.max_output_tokens = Some(9);
    catalog.insert(profile);
    let found = catalog.get(&ModelId::from("ca.amazon.nova-lite-v1:0")).unwrap();
    assert_eq!((found.id.as_str(), found.max_output_tokens), ("ca.amazon.nova-lite-v1:0", Some(9)));
    assert_eq!(found.max_input_tokens, Some(300_000));
    let offered = catalog.inference_profile_for(&ModelId::from("amazon.nova-lite-v1:0"), "ca-central-1");
    assert_eq!(offered.as_ref().map(ModelId::as_str), Some("ca.amazon.nova-lite-v1:0"));
}

#[test]
fn another_base_model_brings_its_own_facts() {
    let arn =
        ModelId::from("arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/abcdefghijkl");
    let (nova, claude) = ("us.amazon.nova-lite-v1:0", "us.anthropic.claude-sonnet-4-5-20250929-v1:0");
    let mut catalog = Catalog::builtin().clone();
    let mut own = ModelProfile::new(arn.clone());
    own.max_output_tokens = Some(9);
    catalog.insert(own);
    // what was said of the id itself stays where a base model is named for the first time, or again
    for _ in 0..2 {
        catalog.set_base_model(arn.clone(), nova);
        let profile = catalog.get(&arn).unwrap();
        assert_eq!((profile.max_output_tokens, profile.max_input_tokens), (Some(9), Some(300_000)));
    }
    catalog.set_base_model(arn.clone(), claude);
    let mut wanted = find(claude).unwrap().clone();
    (wanted.id, wanted.base_model) = (arn.clone(), Some(claude.into()));
    assert_eq!(catalog.get(&arn), Some(&wanted));
}

#[test]
fn a_bad_extension_names_the_key_and_changes_nothing() {
    for (text, key, reason) in [
        ("[models.\"a.b\"]\nmax_output = 1", "models.a.b.max_output", "`max_output_tokens`"),
        ("[models.\"a.b\"]\nmax_input_tokens = \"1\"", "models.a.b.max_input_tokens", "u64"),
        (
            "[models.\"a.b\".prices.batch]\ninput = \"cheap\"",
            "models.a.b.prices.batch.input",
            "`cheap` is not a price",
        ),
        ("[model.\"a.b\"]", "model", "`models`"),
    ] {
        let mut catalog = Catalog::default();
        let error = catalog.extend_toml(text).unwrap_err().to_string();
        assert!(error.starts_with(&format!("`{key}`: ")) && error.contains(reason), "{error}");
        assert!(catalog.is_empty());
    }
    assert!(matches!(Catalog::default().extend_toml("= 1"), Err(ConfigError::Syntax { .. })));
}

#[test]
fn the_serde_form_round_trips() {
    for profile in Catalog::builtin().iter() {
        let text = serde_json::to_string(profile).unwrap();
        assert_eq!(&serde_json::from_str::<ModelProfile>(&text).unwrap(), profile);
    }
}

#[test]
fn an_overlay_forgets_no_member() {
    for profile in Catalog::builtin().iter() {
        let mut merged = ModelProfile::new(profile.id.clone());
        merged.overlay(profile);
        assert_eq!(merged, *profile);
    }
}
