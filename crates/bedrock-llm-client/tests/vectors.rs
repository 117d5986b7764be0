//! Embeddings and rankings over HTTP.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "helpers of tests")]

mod common;

use bedrock_llm_client::Client;
use bedrock_llm_local::{LocalBedrock, Reply};
use bedrock_llm_schema::{
    EmbedRequest, ErrorKind, Operation, Request as _, RerankRequest, Response as _, ThrottleScope,
};
use common::{builder, default_builder, start};
use serde_json::json;

const TITAN: &str = "amazon.titan-embed-text-v2:0";
const COHERE: &str = "cohere.rerank-v3-5:0";

fn texts() -> EmbedRequest {
    EmbedRequest::new(TITAN).input("A cat sits on the mat.").dimensions(256)
}

fn ranking() -> RerankRequest {
    RerankRequest::new(COHERE, "What is the capital of the United States?")
        .documents([
            "Carson City is the capital of Nevada.",
            "Washington, D.C. is the capital of the United States.",
            "Capital letters start a sentence.",
        ])
        .top_n(2)
}

async fn indexes(client: &Client, request: RerankRequest) -> Vec<usize> {
    client.rerank(request).await.unwrap().results.iter().map(|result| result.index).collect()
}

#[tokio::test]
async fn embeddings_come_as_floats_with_what_they_cost() {
    let (local, client) = start(LocalBedrock::builder()).await;
    let given = client.embed(texts()).await.unwrap();
    let matrix = given.view::<f32>().unwrap();
    assert_eq!((matrix.len(), matrix.width()), (1, 256));
    let length: f32 = matrix.as_slice().iter().map(|number| number * number).sum();
    assert!((length - 1.0).abs() < 1e-4);
    assert!(given.request_id.is_some());
    assert_eq!(given.usage().unwrap().input_tokens, given.input_tokens.unwrap());
    let sent = local.received();
    assert_eq!((sent[0].operation, sent[0].model_id.as_str()), (Some(Operation::InvokeModel), TITAN));
    assert_eq!(sent[0].json, json!({"inputText": "A cat sits on the mat.", "dimensions": 256}));
    assert_eq!(sent[0].header("accept"), Some("application/json"));
}

#[tokio::test]
async fn a_ranking_comes_with_the_best_first() {
    let (local, client) = start(LocalBedrock::builder()).await;
    let given = client.rerank(ranking()).await.unwrap();
    assert_eq!(given.results.len(), 2);
    assert_eq!(given.results[0].index, 1);
    assert!(given.results[0].relevance_score > given.results[1].relevance_score);
    assert!(given.request_id.is_some());
    assert_eq!(local.received()[0].operation, Some(Operation::InvokeModel));
}

#[tokio::test]
async fn what_is_no_embedding_or_ranking_is_refused_before_it_is_sent() {
    let (local, client) = start(LocalBedrock::builder()).await;
    let chat = client.embed(EmbedRequest::new("amazon.nova-lite-v1:0").input("x")).await.unwrap_err();
    assert_eq!(chat.kind(), &ErrorKind::Unsupported, "{chat}");
    let chat = client.rerank(RerankRequest::new(TITAN, "x").document("y")).await.unwrap_err();
    assert_eq!(chat.kind(), &ErrorKind::Unsupported, "{chat}");
    let none = client.embed(EmbedRequest::default().input("x")).await.unwrap_err();
    assert_eq!(none.kind(), &ErrorKind::InvalidRequest, "{none}");
    assert!(local.received().is_empty());
}

#[tokio::test]
async fn the_stack_retries_embeddings_and_rankings() {
    let throttled = || Reply::exception("ThrottlingException").times(2);
    let script = LocalBedrock::builder().reply(throttled());
    let local = script.start().await.unwrap();
    let client = default_builder(&local.endpoint()).build().await.unwrap();
    assert!(client.embed(texts()).await.is_ok());
    local.add_reply(throttled());
    assert_eq!(indexes(&client, ranking()).await.first(), Some(&1));
    assert_eq!(local.received().len(), 6);
    local.assert_done();
    local.add_reply(throttled());
    let client = builder(&local.endpoint()).build().await.unwrap();
    let error = client.embed(texts()).await.unwrap_err();
    assert_eq!(error.kind(), &ErrorKind::Throttled(ThrottleScope::Requests));
    assert_eq!(error.operation(), Some(Operation::InvokeModel));
    assert_eq!(error.model().map(ToString::to_string).as_deref(), Some(TITAN));
}

#[tokio::test]
async fn an_embedding_stays_with_its_model() {
    use bedrock_llm_client::layers::{FailoverConfig, FailoverTarget};

    let down = Reply::exception("ServiceUnavailableException").model("us.cohere.embed-v4:0").forever();
    let local = LocalBedrock::builder().reply(down).start().await.unwrap();
    let config = FailoverConfig::default()
        .home_region("us-east-1")
        .target(FailoverTarget::model("cohere.embed-english-v3"))
        .target(FailoverTarget::model("global.cohere.embed-v4:0"));
    let client = builder(&local.endpoint()).failover(config).build().await.unwrap();
    let request = EmbedRequest::new("us.cohere.embed-v4:0")
        .input("A cat")
        .purpose(bedrock_llm_schema::embed::EmbedPurpose::Document);
    let given = client.embed(request).await.unwrap();
    assert_eq!(given.answered_by.unwrap().model.as_str(), "global.cohere.embed-v4:0");
    let asked: Vec<_> = local.received().iter().map(|sent| sent.model_id.clone()).collect();
    assert_eq!(asked, ["us.cohere.embed-v4:0", "global.cohere.embed-v4:0"]);
}

#[tokio::test]
async fn the_answer_cache_keeps_embeddings_and_rankings() {
    use bedrock_llm_client::layers::CacheConfig;

    let local = LocalBedrock::start().await.unwrap();
    let client = builder(&local.endpoint()).cache(CacheConfig::default()).build().await.unwrap();
    for is_replayed in [false, true] {
        let embedded = client.embed(texts()).await.unwrap();
        assert_eq!(embedded.is_replayed, is_replayed);
        assert_eq!(embedded.usage().unwrap().is_replayed, is_replayed);
        assert_eq!(client.rerank(ranking()).await.unwrap().is_replayed, is_replayed);
    }
    assert_eq!(local.received().len(), 2);
    // another length is another vector
    assert!(!client.embed(texts().dimensions(512)).await.unwrap().is_replayed);
}

#[tokio::test]
async fn the_rate_limit_counts_the_texts_tokens() {
    use std::time::Duration;

    use bedrock_llm_client::layers::{ModelLimits, RateLimitConfig};

    let local = LocalBedrock::start().await.unwrap();
    let long = EmbedRequest::new(TITAN).input("word ".repeat(400));
    let estimate = long.estimate_input_tokens();
    assert!((300..900).contains(&estimate), "{estimate}");
    let limits = ModelLimits::new(TITAN).tokens_per_minute(1000);
    let config = RateLimitConfig::new().limit(limits).max_wait(Duration::ZERO);
    let client = builder(&local.endpoint()).rate_limit(config).build().await.unwrap();
    let mut refused = 0;
    for _ in 0..6 {
        match client.embed(long.clone()).await {
            Ok(_) => {}
            Err(error) => {
                assert_eq!(error.kind(), &ErrorKind::Overloaded, "{error}");
                refused += 1;
            }
        }
    }
    assert!((3..=4).contains(&refused), "{refused}");
}

#[cfg(not(feature = "agent-runtime"))]
#[tokio::test]
async fn without_the_feature_the_agent_runtime_is_refused_with_its_name() {
    use bedrock_llm_schema::rerank::RerankApi;

    let (local, client) = start(LocalBedrock::builder()).await;
    let error = client.rerank(ranking().api(RerankApi::AgentRuntime)).await.unwrap_err();
    assert_eq!(error.kind(), &ErrorKind::Unsupported);
    assert!(error.hint().unwrap().contains("`agent-runtime`"), "{error:?}");
    assert!(local.received().is_empty());
}

#[cfg(feature = "agent-runtime")]
mod agent_runtime {
    use std::time::Duration;

    use aws_config::{BehaviorVersion, Region};
    use aws_types::service_config::{LoadServiceConfig, ServiceConfigKey};
    use bedrock_llm_schema::rerank::{RerankApi, RerankDocument};
    use bedrock_llm_schema::{Call, Request as _};
    use serde_json::Map;

    use super::*;
    use crate::common::offline;

    fn by_agent() -> RerankRequest {
        ranking().api(RerankApi::AgentRuntime)
    }

    /// The region in the credential scope: `Credential=AKID/20260101/us-east-1/bedrock/aws4_request`.
    fn scope(request: &bedrock_llm_local::ReceivedRequest) -> String {
        let scope = request.header("authorization").unwrap().split("Credential=").nth(1).unwrap();
        scope.split('/').skip(2).take(2).collect::<Vec<_>>().join("/")
    }

    #[tokio::test]
    async fn both_apis_give_the_same_ranking() {
        let (local, client) = start(LocalBedrock::builder()).await;
        let by_agent = client.rerank(by_agent()).await.unwrap();
        let by_model = client.rerank(ranking()).await.unwrap();
        assert_eq!(by_agent.results, by_model.results);
        assert!(by_agent.request_id.is_some());
        let sent = local.received();
        let arn = "arn:aws:bedrock:us-east-1::foundation-model/cohere.rerank-v3-5:0";
        assert_eq!((sent[0].path.as_str(), sent[0].model_id.as_str()), ("/rerank", arn));
        assert_eq!(sent[0].operation, Some(Operation::Rerank));
        assert_eq!(scope(&sent[0]), "us-east-1/bedrock");
        assert!(sent[0].header("x-amz-user-agent").unwrap().contains("api/bedrockagentruntime"));
    }

    #[tokio::test]
    async fn a_given_client_keeps_its_endpoint() {
        let runtime = LocalBedrock::start().await.unwrap();
        let failing = Reply::exception("ThrottlingException").times(1);
        let agent = LocalBedrock::builder().reply(failing).start().await.unwrap();
        let config = aws_sdk_bedrockagentruntime::Config::builder()
            .behavior_version(BehaviorVersion::v2026_01_12())
            .region(Region::new("eu-west-1"))
            .credentials_provider(aws_credential_types::Credentials::new(
                "agent", "secret", None, None, "test",
            ))
            .endpoint_url(agent.endpoint())
            .build();
        let given = aws_sdk_bedrockagentruntime::Client::from_conf(config);
        let client = builder(&runtime.endpoint())
            .pool_idle_timeout(Duration::from_secs(5))
            .agent_sdk_client(given)
            .build()
            .await
            .unwrap();
        // its retries are off
        assert!(client.rerank(by_agent()).await.is_err());
        assert_eq!((agent.received().len(), runtime.received().len()), (1, 0));
        client.rerank(by_agent()).await.unwrap();
        client.rerank(ranking()).await.unwrap();
        let sent = agent.received();
        assert_eq!((sent.len(), runtime.received().len()), (2, 1));
        assert!(sent[1].header("authorization").unwrap().contains("Credential=agent/"));
        assert_eq!(scope(&sent[1]), "us-east-1/bedrock");
        drop(agent);
        let gone = client.rerank(by_agent()).await.unwrap_err();
        assert!(gone.message().contains("bedrock-agent-runtime in us-east-1"), "{gone}");
    }

    #[tokio::test]
    async fn documents_may_be_json() {
        let (_local, client) = start(LocalBedrock::builder()).await;
        let json = |title: &str| Map::from_iter([("title".to_owned(), title.into())]);
        let request = RerankRequest::new("amazon.rerank-v1:0", "cat")
            .documents([json("dog"), json("cat")].map(RerankDocument::from))
            .api(RerankApi::AgentRuntime);
        assert_eq!(indexes(&client, request).await, [1, 0]);
    }

    #[tokio::test]
    async fn a_call_goes_to_the_region_it_names() {
        let (local, client) = start(LocalBedrock::builder()).await;
        let mut call = Call::new(by_agent());
        call.set_region("eu-central-1");
        let bedrock = builder(&local.endpoint()).build_bedrock().await.unwrap();
        tower::ServiceExt::oneshot(bedrock, call).await.unwrap();
        let sent = local.received();
        assert_eq!(scope(&sent[0]), "eu-central-1/bedrock");
        assert_eq!(sent[0].model_id, "arn:aws:bedrock:eu-central-1::foundation-model/cohere.rerank-v3-5:0");
        // an ARN is sent as it is
        let arn = "arn:aws:bedrock:us-west-2::foundation-model/amazon.rerank-v1:0";
        let mut request = by_agent();
        request.set_model(arn.into());
        client.rerank(request).await.unwrap();
        assert_eq!(local.received()[1].model_id, arn);
    }

    #[tokio::test]
    async fn errors_are_of_their_kind() {
        for (name, kind) in [
            ("ThrottlingException", ErrorKind::Throttled(ThrottleScope::Requests)),
            ("ValidationException", ErrorKind::Validation),
            ("AccessDeniedException", ErrorKind::AccessDenied),
            ("InternalServerException", ErrorKind::Internal),
            ("BadGatewayException", ErrorKind::Unavailable),
        ] {
            let refuse = Reply::exception(name).header("retry-after", "3").on(Operation::Rerank);
            let (local, client) = start(LocalBedrock::builder().reply(refuse)).await;
            let error = client.rerank(by_agent()).await.unwrap_err();
            assert_eq!((error.kind(), error.code()), (&kind, Some(name)), "{error}");
            assert_eq!(error.retry_after(), Some(Duration::from_secs(3)));
            assert_eq!(error.operation(), Some(Operation::Rerank));
            assert!(error.request_id().is_some());
            assert_eq!(local.received().len(), 1, "nobody below retries");
        }
        let closed = {
            let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
            format!("http://{}", listener.local_addr().unwrap())
        };
        let error = builder(&closed).build().await.unwrap().rerank(by_agent()).await.unwrap_err();
        assert_eq!(error.kind(), &ErrorKind::Connect, "{error}");
    }

    #[tokio::test]
    async fn the_stack_retries() {
        let throttled = Reply::exception("ThrottlingException").times(2);
        let local = LocalBedrock::builder().reply(throttled).start().await.unwrap();
        let client = default_builder(&local.endpoint()).build().await.unwrap();
        assert_eq!(indexes(&client, by_agent()).await.first(), Some(&1));
        assert_eq!(local.received().len(), 3);
    }

    #[tokio::test]
    async fn profiles_are_refused_before_they_are_sent() {
        let (local, client) = start(LocalBedrock::builder()).await;
        let mut request = by_agent();
        request.set_model("us.cohere.rerank-v3-5:0".into());
        let error = client.rerank(request).await.unwrap_err();
        assert_eq!(error.kind(), &ErrorKind::InvalidRequest, "{error}");
        assert!(local.received().is_empty());
    }

    /// What `AWS_ENDPOINT_URL_BEDROCK_AGENT_RUNTIME` says, without the environment.
    #[derive(Debug)]
    struct Elsewhere(String);

    impl LoadServiceConfig for Elsewhere {
        fn load_config(&self, key: ServiceConfigKey<'_>) -> Option<String> {
            let is_it = key.env() == "AWS_ENDPOINT_URL" && key.service_id() == "Bedrock Agent Runtime";
            is_it.then(|| self.0.clone())
        }
    }

    #[tokio::test]
    async fn the_service_s_own_endpoint_is_found() {
        let (runtime, agent) = (LocalBedrock::start().await.unwrap(), LocalBedrock::start().await.unwrap());
        let config = offline().into_builder().service_config(Elsewhere(agent.endpoint()));
        let config = config.endpoint_url(runtime.endpoint()).build();
        let client = Client::bare().sdk_config(&config).credentials("a", "b", None).build().await.unwrap();
        client.rerank(by_agent()).await.unwrap();
        client.rerank(ranking()).await.unwrap();
        let operations =
            |local: &LocalBedrock| local.received().iter().map(|it| it.operation).collect::<Vec<_>>();
        assert_eq!(operations(&agent), [Some(Operation::Rerank)]);
        assert_eq!(operations(&runtime), [Some(Operation::InvokeModel)]);
    }

    #[tokio::test]
    async fn who_has_no_credentials_hears_that_keys_do_not_do() {
        let builder = Client::bare().sdk_config(&offline()).endpoint_url("http://127.0.0.1:1");
        let error = builder.build().await.unwrap().rerank(by_agent()).await.unwrap_err();
        assert_eq!(error.kind(), &ErrorKind::MissingCredentials);
        assert!(error.hint().unwrap().contains("does not take Bedrock API keys"), "{error:?}");
    }

    #[tokio::test]
    async fn api_keys_and_ready_clients_say_what_is_missing() {
        let local = LocalBedrock::start().await.unwrap();
        let keyed = Client::builder().sdk_config(&offline()).endpoint_url(local.endpoint()).api_key("k");
        let error = keyed.build().await.unwrap().rerank(by_agent()).await.unwrap_err();
        assert_eq!(error.kind(), &ErrorKind::Unsupported);
        assert!(error.message().contains("API keys"), "{error}");

        let keys = aws_credential_types::Credentials::new("AKID", "secret", None, None, "test");
        let provider = aws_credential_types::provider::SharedCredentialsProvider::new(keys);
        let config = offline().into_builder().credentials_provider(provider).build();
        let given = || {
            let ready = aws_sdk_bedrockruntime::Client::new(&config);
            Client::builder().sdk_client(ready).endpoint_url(local.endpoint())
        };
        let error = given().build().await.unwrap().rerank(by_agent()).await.unwrap_err();
        assert_eq!(error.kind(), &ErrorKind::Unsupported);
        assert!(error.hint().unwrap().contains("agent_sdk_client"), "{error:?}");
        assert!(local.received().is_empty());

        let away = aws_sdk_bedrockagentruntime::Config::builder()
            .behavior_version(BehaviorVersion::v2026_01_12())
            .region(Region::new("us-west-2"))
            .credentials_provider(aws_credential_types::Credentials::for_tests())
            .endpoint_url(local.endpoint())
            .build();
        let agent = aws_sdk_bedrockagentruntime::Client::from_conf(away);
        let client = given().agent_sdk_client(agent).build().await.unwrap();
        assert_eq!(indexes(&client, by_agent()).await.first(), Some(&1));
        // by its own identity, in the client's region
        let sent = local.received();
        assert!(sent[0].header("authorization").unwrap().contains("Credential=ANOTREAL/"));
        assert_eq!(scope(&sent[0]), "us-east-1/bedrock");
    }
}
