//! Tests of model ids.

use proptest::prelude::*;

use super::ModelIdKind::*;
use super::*;

const ACCOUNT: &str = "123456789012";

#[test]
fn plain_ids_and_profiles() {
    // id, kind, geography, base, family, version
    for (id, kind, geography, base, family, version) in [
        ("amazon.nova-lite-v1:0", Foundation, None, "amazon.nova-lite-v1:0", "amazon-nova", Some("v1:0")),
        (
            "amazon.nova-2-multimodal-embeddings-v1:0",
            Foundation,
            None,
            "amazon.nova-2-multimodal-embeddings-v1:0",
            "amazon-nova",
            Some("v1:0"),
        ),
        (
            "amazon.titan-embed-text-v1",
            Foundation,
            None,
            "amazon.titan-embed-text-v1",
            "amazon-titan",
            Some("v1"),
        ),
        ("amazon.titan-tg1-large", Foundation, None, "amazon.titan-tg1-large", "amazon-titan", None),
        ("amazon.rerank-v1:0", Foundation, None, "amazon.rerank-v1:0", "amazon-rerank", Some("v1:0")),
        (
            "amazon.titan-embed-text-v1:2:8k",
            Foundation,
            None,
            "amazon.titan-embed-text-v1:2:8k",
            "amazon-titan",
            Some("v1:2"),
        ),
        ("anthropic.claude-v2", Foundation, None, "anthropic.claude-v2", "anthropic", Some("v2")),
        ("anthropic.claude-v2:1", Foundation, None, "anthropic.claude-v2:1", "anthropic", Some("v2:1")),
        (
            "anthropic.claude-3-sonnet-20240229-v1:0:28k",
            Foundation,
            None,
            "anthropic.claude-3-sonnet-20240229-v1:0:28k",
            "anthropic",
            Some("v1:0"),
        ),
        (
            "us.anthropic.claude-opus-4-8",
            InferenceProfile,
            Some("us"),
            "anthropic.claude-opus-4-8",
            "anthropic",
            None,
        ),
        (
            "us-gov.openai.gpt-oss-120b-1:0",
            InferenceProfile,
            Some("us-gov"),
            "openai.gpt-oss-120b-1:0",
            "openai",
            Some("1:0"),
        ),
        (
            "apac.amazon.nova-pro-v1:0:24k",
            InferenceProfile,
            Some("apac"),
            "amazon.nova-pro-v1:0:24k",
            "amazon-nova",
            Some("v1:0"),
        ),
        (
            "cohere.command-text-v14:7:4k",
            Foundation,
            None,
            "cohere.command-text-v14:7:4k",
            "cohere",
            Some("v14:7"),
        ),
        (
            "cohere.embed-english-v3:0:512",
            Foundation,
            None,
            "cohere.embed-english-v3:0:512",
            "cohere",
            Some("v3:0"),
        ),
        ("cohere.rerank-v3-5:0", Foundation, None, "cohere.rerank-v3-5:0", "cohere", Some("v3-5:0")),
        ("us.deepseek.v3.2", InferenceProfile, Some("us"), "deepseek.v3.2", "deepseek", None),
        ("moonshot.kimi-k2-thinking", Foundation, None, "moonshot.kimi-k2-thinking", "moonshot", None),
        ("in.moonshotai.kimi-k3", InferenceProfile, Some("in"), "moonshotai.kimi-k3", "moonshot", None),
        ("zai.glm-4.7-flash", Foundation, None, "zai.glm-4.7-flash", "zai", None),
        ("newcomer.model-v2:0", Foundation, None, "newcomer.model-v2:0", "newcomer", Some("v2:0")),
        (
            "claude-sonnet-4-5-20250929-v1:0",
            Unknown,
            None,
            "claude-sonnet-4-5-20250929-v1:0",
            "anthropic",
            Some("v1:0"),
        ),
        ("does-not-exist", Unknown, None, "does-not-exist", "unknown", None),
        (
            "us.does-not-exist-model-v1:0",
            InferenceProfile,
            Some("us"),
            "does-not-exist-model-v1:0",
            "unknown",
            Some("v1:0"),
        ),
        // A capital O for a zero, as someone once recorded: kept, and no version.
        (
            "us.amazon.nova-micro-v1:O",
            InferenceProfile,
            Some("us"),
            "amazon.nova-micro-v1:O",
            "amazon-nova",
            None,
        ),
    ] {
        let parsed: ModelId = id.parse().unwrap();
        assert_eq!(parsed.kind(), kind, "{id}");
        assert_eq!(parsed.geography().as_ref().map(Geography::as_str), geography, "{id}");
        assert_eq!(parsed.base(), Some(base), "{id}");
        assert_eq!(parsed.family().as_str(), family, "{id}");
        assert_eq!(parsed.version(), version, "{id}");
        assert_eq!((parsed.is_arn(), parsed.region()), (false, None), "{id}");
    }
}

#[test]
fn every_kind_of_arn() {
    // resource, kind, base, provider
    for (resource, kind, base, provider) in [
        (
            "foundation-model/amazon.titan-tg1-large",
            Foundation,
            Some("amazon.titan-tg1-large"),
            Some("amazon"),
        ),
        (
            "inference-profile/us.anthropic.claude-3-7-sonnet-20250219-v1:0",
            InferenceProfile,
            Some("anthropic.claude-3-7-sonnet-20250219-v1:0"),
            Some("anthropic"),
        ),
        ("application-inference-profile/1arbu5hu2sjr", ApplicationInferenceProfile, None, None),
        ("provisioned-model/abcdefghijkl", ProvisionedModel, None, None),
        ("imported-model/abcdefghijkl", ImportedModel, None, None),
        (
            "custom-model/amazon.titan-text-lite-v1:0:4k/abcdefghijkl",
            CustomModel,
            Some("amazon.titan-text-lite-v1:0:4k"),
            Some("amazon"),
        ),
        ("custom-model-deployment/abcdefghijkl", CustomModelDeployment, None, None),
        ("default-prompt-router/anthropic.claude:1", PromptRouter, None, Some("anthropic")),
        ("prompt-router/abcdefghijkl", PromptRouter, None, None),
        ("prompt/ABCDEFGHIJ:12", Prompt, None, None),
    ] {
        let account = if kind == Foundation { "" } else { ACCOUNT };
        let text = format!("arn:aws:bedrock:eu-west-1:{account}:{resource}");
        let id: ModelId = text.parse().unwrap();
        assert_eq!((id.kind(), id.base(), id.provider()), (kind, base, provider), "{id}");
        assert_eq!((id.partition(), id.region()), (Some("aws"), Some("eu-west-1")), "{id}");
        assert_eq!(
            (id.account(), id.resource()),
            (Some(account).filter(|a| !a.is_empty()), Some(resource)),
            "{id}"
        );
        assert_eq!(id.as_str(), text);
    }
    let id = ModelId::from("arn:aws:sagemaker:us-east-1:767398002385:endpoint/endpoint-quick-start-idr7y");
    assert_eq!((id.kind(), id.base(), id.family()), (SageMakerEndpoint, None, Family::Unknown));
    let id =
        ModelId::from("arn:aws-us-gov:bedrock:us-gov-west-1::foundation-model/amazon.titan-text-express-v1");
    assert_eq!((id.kind(), id.partition(), id.account()), (Foundation, Some("aws-us-gov"), None));
}

#[test]
fn what_is_no_model_id_is_refused_with_the_reason() {
    let parse = |text: &str| text.parse::<ModelId>().unwrap_err();
    assert_eq!(parse(""), ModelIdError::Empty);
    assert_eq!(parse("amazon.nova\n"), ModelIdError::IllegalCharacter { character: '\n', index: 11 });
    assert_eq!(parse("bedrock/amazon.nova"), ModelIdError::IllegalCharacter { character: '/', index: 7 });
    assert_eq!(parse(&"a".repeat(2049)), ModelIdError::TooLong { length: 2049 });
    for text in [
        "arn:",
        "arn:aws:bedrock",
        "arn:aws:bedrock:us-east-1::foundation-model/",
        "arn:aws:bedrock:us-east-1::",
    ] {
        assert_eq!(parse(text), ModelIdError::IncompleteArn, "{text}");
    }
    let error = parse("arn:aws:bedrock:us-east-1:123456789012:guardrail/abc");
    assert_eq!(error.to_string(), "bedrock ARN of type `guardrail` is not one Bedrock takes as a model");
    assert_eq!(
        parse("arn:aws:s3:::bucket").to_string(),
        "s3 ARN of type `bucket` is not one Bedrock takes as a model"
    );
}

#[test]
fn geographies_are_put_on_and_taken_off() {
    for (id, us, none) in [
        ("amazon.nova-lite-v1:0", Some("us.amazon.nova-lite-v1:0"), Some("amazon.nova-lite-v1:0")),
        ("eu.amazon.nova-lite-v1:0", Some("us.amazon.nova-lite-v1:0"), Some("amazon.nova-lite-v1:0")),
        (
            "arn:aws:bedrock:us-east-1::foundation-model/amazon.nova-lite-v1:0",
            Some("us.amazon.nova-lite-v1:0"),
            Some("amazon.nova-lite-v1:0"),
        ),
        (
            "arn:aws:bedrock:us-east-1:123456789012:custom-model/amazon.nova-lite-v1:0/abcdefghijkl",
            None,
            None,
        ),
        ("arn:aws:bedrock:us-east-1:123456789012:imported-model/abcdefghijkl", None, None),
        ("", None, None),
    ] {
        let id = ModelId::from(id);
        assert_eq!(id.with_geography(&Geography::Us).as_ref().map(ModelId::as_str), us, "{id}");
        assert_eq!(id.without_geography().as_ref().map(ModelId::as_str), none, "{id}");
    }
}

#[test]
fn the_serde_form_is_the_text() {
    let id = ModelId::from("us.amazon.nova-lite-v1:0");
    assert_eq!(serde_json::to_string(&id).unwrap(), "\"us.amazon.nova-lite-v1:0\"");
    assert_eq!(serde_json::from_str::<ModelId>("\"us.amazon.nova-lite-v1:0\"").unwrap(), id);
}

/// Text that is often nearly an id, so that the parser's corners are met.
#[test]
fn foundation_models_have_an_arn_in_each_region() {
    let arn = |id: &str, region: &str| ModelId::from(id).foundation_arn(region).map(|arn| arn.to_string());
    for (region, partition) in [
        ("eu-central-1", "aws"),
        ("cn-north-1", "aws-cn"),
        ("us-gov-west-1", "aws-us-gov"),
        ("us-iso-east-1", "aws-iso"),
        ("us-isob-east-1", "aws-iso-b"),
        ("eusc-de-east-1", "aws-eusc"),
    ] {
        let wanted = format!("arn:{partition}:bedrock:{region}::foundation-model/cohere.rerank-v3-5:0");
        assert_eq!(arn("cohere.rerank-v3-5:0", region).as_deref(), Some(wanted.as_str()));
        assert_eq!(ModelId::from(wanted).kind(), Foundation);
    }
    let given = "arn:aws:bedrock:us-east-1:123456789012:provisioned-model/abcdefghijkl";
    assert_eq!(arn(given, "us-west-2").as_deref(), Some(given));
    assert_eq!((arn("us.cohere.embed-v4:0", "us-east-1"), arn("", "us-east-1")), (None, None));
}

fn nearly_an_id() -> impl Strategy<Value = String> {
    let part = prop_oneof![
        Just("arn:"),
        Just("aws"),
        Just("bedrock"),
        Just(":"),
        Just("/"),
        Just("."),
        Just("-"),
        Just("us"),
        Just("v1"),
        Just("200k"),
        Just("é"),
        Just("anthropic"),
        Just("custom-model"),
        Just("inference-profile"),
        Just("0"),
        Just("foundation-model"),
        Just("default-prompt-router"),
        Just("arn:aws:bedrock:us-east-1::"),
    ];
    prop_oneof![any::<String>(), prop::collection::vec(part, 0..12).prop_map(|parts| parts.concat())]
}

proptest! {
    #[test]
    fn any_text_is_kept_and_no_view_of_it_panics(text in nearly_an_id()) {
        let id = ModelId::from(text.as_str());
        prop_assert_eq!(id.to_string(), text.as_str());
        prop_assert!(id.base().is_none_or(|base| text.contains(base)));
        prop_assert!(id.lookup_keys().all(|key| text.contains(key)));
        let _ = (id.kind(), id.family(), id.version(), id.provider(), id.geography(), id.resource());
        let _ = (id.region(), id.account(), id.partition(), id.without_geography());
        if let Ok(parsed) = text.parse::<ModelId>() {
            prop_assert_eq!(parsed, id);
        }
    }
}
