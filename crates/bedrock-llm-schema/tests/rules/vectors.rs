//! The rules of embeddings and rankings against their counter-examples, and against whatever comes.

use bedrock_llm_schema::embed::{EmbedPurpose, EmbedTruncation, EmbeddingType};
use bedrock_llm_schema::model::ModelProfile;
use bedrock_llm_schema::rerank::{RerankApi, RerankDocument};
use bedrock_llm_schema::rules::{check_embed, check_rerank};
use bedrock_llm_schema::{Catalog, EmbedRequest, ModelId, RerankRequest, Violations};
use proptest::prelude::*;
use serde::Deserialize;
use serde_json::Value;

/// A request that breaks one rule, and nothing else.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CounterExample {
    pub(crate) rule: String,
    #[serde(default = "any_model")]
    model: ModelId,
    embed: Option<Value>,
    rerank: Option<Value>,
    #[serde(default)]
    profile: ModelProfile,
    pub(crate) says: Option<String>,
}

/// One that the catalog does not know, so that the facts are the example's own.
fn any_model() -> ModelId {
    "amazon.titan-embed-x-v9:0".into()
}

pub(crate) fn counter_examples() -> Vec<CounterExample> {
    serde_json::from_str(include_str!("../data/vector_counter_examples.json")).unwrap()
}

impl CounterExample {
    fn check(&self, profile: &ModelProfile) -> Result<(), Violations> {
        match (&self.embed, &self.rerank) {
            (Some(embed), None) => {
                let request: EmbedRequest = serde_json::from_value(embed.clone()).unwrap();
                check_embed(&request, &self.model, profile)
            }
            (None, Some(rerank)) => {
                let request: RerankRequest = serde_json::from_value(rerank.clone()).unwrap();
                check_rerank(&request, &self.model, profile)
            }
            _ => panic!("{}: one request is wanted", self.rule),
        }
    }
}

#[test]
fn every_counter_example_breaks_its_rule_alone() {
    for (place, example) in counter_examples().into_iter().enumerate() {
        let rule = &example.rule;
        let mut profile = example.profile.clone();
        profile.id = example.model.clone();
        let found = example.check(&profile).expect_err(&format!("{rule}, {place}: nothing was found"));
        assert_eq!(found.0.len(), 1, "{rule}, {place}: {found}");
        let violation = &found.0[0];
        assert_eq!((violation.rule, &violation.service_message), (rule.as_str(), &example.says), "{place}");
        assert!(!violation.to_string().contains("SECRET"), "{rule} shows the text: {violation}");
        assert!(!violation.fix.is_empty() && !violation.message.is_empty());
        let request = example.embed.as_ref().or(example.rerank.as_ref()).unwrap();
        super::names_a_place(request, &violation.path);
        // a profile that knows nothing refuses it only where the rule is for every model
        if example.profile != ModelProfile::default() {
            let unknown = ModelProfile::new(example.model.clone());
            assert_eq!(example.check(&unknown), Ok(()), "{rule}, {place}");
        }
    }
}

#[test]
fn what_may_be_accepted_is_not_refused() {
    let of = |model: &str| Catalog::builtin().profile(&model.into()).into_owned();
    let titan = "amazon.titan-embed-text-v2:0";
    let cohere = "us.cohere.embed-v4:0";
    let nova = "amazon.nova-2-multimodal-embeddings-v1:0";
    let one = |model: &str| EmbedRequest::new(model).input("a");
    let document = |model: &str| one(model).purpose(EmbedPurpose::Document);
    let mut sound = EmbedRequest::new(nova).purpose(EmbedPurpose::Document);
    sound.extra.insert("singleEmbeddingParams".to_owned(), serde_json::json!({"audio": {}}));
    for request in [
        // Titan is not told of purposes, and refuses what is too long in any case
        one(titan).purpose(EmbedPurpose::AudioQuery).truncation(EmbedTruncation::Refuse),
        one(titan)
            .dimensions(256)
            .normalize(false)
            .r#type(EmbeddingType::Binary)
            .r#type(EmbeddingType::Float),
        // 50,000 characters in more bytes, and about as many tokens as it takes
        EmbedRequest::new(titan).input("é ".repeat(10_000)),
        document(cohere).inputs(vec!["b"; 95]).dimensions(256).r#type(EmbeddingType::Ubinary),
        // white space is a text
        EmbedRequest::new(titan).input(" \n"),
        // a purpose that only Cohere's own pages have for it
        one(cohere).purpose(EmbedPurpose::Image),
        // a value that is not known may be new
        document(cohere).r#type(EmbeddingType::Unknown("int4".into())),
        one(cohere)
            .purpose(EmbedPurpose::Unknown("new".into()))
            .truncation(EmbedTruncation::Unknown("LEFT".into())),
        // far too long, but it is cut
        EmbedRequest::new(nova)
            .purpose(EmbedPurpose::Query)
            .input("word ".repeat(30_000))
            .truncation(EmbedTruncation::End),
        sound,
    ] {
        assert_eq!(check_embed(&request, &request.model, &of(request.model.as_str())), Ok(()), "{request:?}");
    }
    let rerank = RerankRequest::new("cohere.rerank-v3-5:0", "q").documents(["a", "b"]).top_n(5);
    assert_eq!(check_rerank(&rerank, &rerank.model, &of("cohere.rerank-v3-5:0")), Ok(()));
    let mut fields = RerankRequest { api: RerankApi::AgentRuntime, ..rerank }.top_n(1);
    fields.extra.insert("api_version".to_owned(), 2.into());
    assert_eq!(check_rerank(&fields, &fields.model, &of("amazon.rerank-v1:0")), Ok(()));
    let long = RerankRequest::new("amazon.rerank-v1:0", "q").document("word ".repeat(10_000));
    assert_eq!(check_rerank(&long, &long.model, &of("amazon.rerank-v1:0")), Ok(()));
    let refused =
        check_rerank(&long.clone().api(RerankApi::AgentRuntime), &long.model, &of("amazon.rerank-v1:0"));
    assert_eq!(refused.unwrap_err().0[0].rule, "R-RERANK-DOCUMENTS");
}

/// A profile that refuses all it can.
fn strictest() -> ModelProfile {
    let mut profile = serde_json::to_value(ModelProfile::new("m")).unwrap();
    for example in counter_examples() {
        super::merge(&mut profile, serde_json::to_value(&example.profile).unwrap());
    }
    serde_json::from_value(profile).unwrap()
}

proptest! {
    #[test]
    fn a_check_never_panics_and_a_profile_only_adds(
        texts in prop::collection::vec("[a \u{e9}]{0,9}", 0..4), dimensions in prop::option::of(any::<u32>()),
        normalize in prop::option::of(any::<bool>()), top_n in prop::option::of(0..5_u32), agent in any::<bool>(),
    ) {
        let (model, strictest) = ("amazon.titan-embed-x-v9:0".into(), strictest());
        let embed = EmbedRequest { dimensions, normalize, ..EmbedRequest::default() }.inputs(texts.clone());
        if check_embed(&embed, &model, &ModelProfile::default()).is_err() {
            prop_assert!(check_embed(&embed, &model, &strictest).is_err());
        }
        let api = if agent { RerankApi::AgentRuntime } else { RerankApi::InvokeModel };
        let query = texts.first().cloned().unwrap_or_default();
        let rerank = RerankRequest { top_n, api, ..RerankRequest::new("", query) };
        let rerank = rerank.documents(texts.into_iter().map(RerankDocument::from));
        if check_rerank(&rerank, &model, &ModelProfile::default()).is_err() {
            prop_assert!(check_rerank(&rerank, &model, &strictest).is_err());
        }
    }
}
