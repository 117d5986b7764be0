//! Every rule's counter-example is refused over HTTP, in the service's words.

mod common;

use bedrock_llm_local::{LocalBedrock, Reply};
use bedrock_llm_schema::model::ModelProfile;
use bedrock_llm_schema::{Catalog, ModelId, Operation};
use common::{CLAUDE, converse, send};
use hyper::Method;
use serde_json::Value;

/// The counter-examples that the schema crate proves its table with.
const EXAMPLES: &str = include_str!("../../bedrock-llm-schema/tests/data/counter_examples.json");

#[tokio::test]
async fn each_counter_example_is_refused_in_the_service_s_words() {
    let examples: Vec<Value> = serde_json::from_str(EXAMPLES).unwrap();
    assert!(examples.len() > 50);
    for example in examples {
        let model = ModelId::from(example["model"].as_str().unwrap());
        let mut catalog = Catalog::builtin().clone();
        if let Some(facts) = example.get("profile") {
            let mut profile: ModelProfile = serde_json::from_value(facts.clone()).unwrap();
            profile.id = model.clone();
            catalog.insert(profile);
        }
        let local = LocalBedrock::builder().catalog(catalog).start().await.unwrap();
        let operation: Operation = serde_json::from_value(example["operation"].clone()).unwrap();
        let verb = match operation {
            Operation::Converse => "converse",
            Operation::ConverseStream => "converse-stream",
            Operation::CountTokens => "count-tokens",
            other => panic!("{other} is not sent here"),
        };
        let path = format!("/model/{}/{verb}", model.as_str().replace('/', "%2F"));
        let got = send(&local, Method::POST, &path, example["request"].to_string()).await.unwrap();
        let (code, status, message) = got.error();
        assert_eq!((code.as_str(), status), ("ValidationException", 400), "{example}: {message}");
        match example["says"].as_str() {
            Some(says) => assert_eq!(message, says, "{example}"),
            None => assert!(message.contains(example["rule"].as_str().unwrap()), "{example}: {message}"),
        }
    }
}

#[tokio::test]
async fn scripted_answers_too_are_kept_from_what_is_refused_where_that_is_asked_for() {
    let script = || LocalBedrock::builder().reply(Reply::text("Hello"));
    let lenient = script().start().await.unwrap();
    assert_eq!(converse(&lenient, CLAUDE, " ").await.status, 200);
    let strict = script().always_check(true).start().await.unwrap();
    assert_eq!(converse(&strict, CLAUDE, " ").await.status, 400);
    assert_eq!(strict.pending().len(), 1, "a refused request uses up no answer");
    assert_eq!(converse(&strict, CLAUDE, "Hi").await.status, 200);
    strict.assert_done();
}
