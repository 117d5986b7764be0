//! Every operation, over a real socket, in both API modes.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "helpers of tests")]

mod common;

use bedrock_llm_client::{ApiMode, OnUnsupported};
use bedrock_llm_local::{LocalBedrock, Reply};
use bedrock_llm_schema::guardrail::{GuardrailConfig, GuardrailStreamProcessingMode, GuardrailTrace};
use bedrock_llm_schema::request::{PerformanceLatency, ServiceTierType};
use bedrock_llm_schema::{
    ChatRequest, ErrorKind, InvokeRequest, Operation, StopReason, StreamEvent, ToolSpec, Usage,
};
use common::{CLAUDE, NOVA, builder, chat, count, every_operation, guard, invoke, start, start_in};
use serde_json::json;

#[tokio::test]
async fn every_operation_reaches_its_path_and_comes_back() {
    let (local, client) = start(LocalBedrock::builder()).await;
    for (operation, outcome) in every_operation(&client, CLAUDE).await {
        outcome.unwrap_or_else(|error| panic!("{operation}: {error}"));
    }
    let received = local.received();
    let paths: Vec<&str> = received.iter().map(|request| request.path.as_str()).collect();
    assert_eq!(
        paths,
        [
            "/model/anthropic.claude-3-haiku-20240307-v1%3A0/converse",
            "/model/anthropic.claude-3-haiku-20240307-v1%3A0/converse-stream",
            "/model/anthropic.claude-3-haiku-20240307-v1%3A0/count-tokens",
            "/guardrail/gr1abcdefghi/version/DRAFT/apply",
            "/model/anthropic.claude-3-haiku-20240307-v1%3A0/invoke",
            "/model/anthropic.claude-3-haiku-20240307-v1%3A0/invoke-with-response-stream",
        ]
    );
    for request in &received {
        assert_eq!(request.method, "POST");
        assert_eq!(request.header("content-type"), Some("application/json"));
        assert_eq!(request.header("content-length"), Some(request.body.len().to_string().as_str()));
        let signature = request.header("authorization").unwrap();
        assert!(signature.starts_with("AWS4-HMAC-SHA256 Credential=AKIDLOCAL/"), "{signature}");
        assert!(signature.contains("/us-east-1/bedrock/aws4_request"), "{signature}");
        assert!(request.json.get("modelId").is_none() && request.json.get("guardrailIdentifier").is_none());
    }
}

#[tokio::test]
async fn a_chat_is_the_same_on_both_roads() {
    for (mode, model) in [
        (ApiMode::Converse, NOVA),
        (ApiMode::Invoke, NOVA),
        (ApiMode::Invoke, CLAUDE),
        (ApiMode::Converse, CLAUDE),
    ] {
        let reply =
            || Reply::text("Rayleigh scattering.").usage(Usage::new(7, 3)).stop_reason(StopReason::EndTurn);
        let (local, client) = start_in(mode, LocalBedrock::builder().reply(reply().times(2))).await;

        let whole = client.chat(chat(model)).await.unwrap();
        assert_eq!(whole.text(), "Rayleigh scattering.", "{mode:?} {model}");
        assert_eq!((whole.usage.input_tokens, whole.usage.output_tokens), (7, 3), "{mode:?} {model}");
        assert_eq!(whole.stop_reason, StopReason::EndTurn);
        assert!(whole.request_id.is_some());

        let mut stream = client.chat_stream(chat(model)).await.unwrap();
        assert!(stream.request_id().is_some());
        let mut events = 0;
        while let Some(event) = stream.next().await {
            event.unwrap();
            events += 1;
        }
        assert!(events >= 5, "{events} events");
        let streamed = stream.response();
        assert_eq!(streamed.text(), whole.text(), "{mode:?} {model}");
        assert_eq!((streamed.usage.input_tokens, streamed.usage.output_tokens), (7, 3), "{mode:?} {model}");

        let operations: Vec<_> = local.received().iter().filter_map(|request| request.operation).collect();
        let wanted = match mode {
            ApiMode::Invoke => [Operation::InvokeModel, Operation::InvokeModelWithResponseStream],
            _ => [Operation::Converse, Operation::ConverseStream],
        };
        assert_eq!(operations, wanted);
        local.assert_done();
    }
}

#[tokio::test]
async fn auto_goes_natively_only_where_it_must() {
    let (local, client) = start(LocalBedrock::builder()).await;
    client.chat(chat(NOVA)).await.unwrap();
    client.chat(chat("cohere.command-text-v14")).await.unwrap();
    let imported = "arn:aws:bedrock:us-east-1:123456789012:imported-model/abcdefghijkl";
    client.chat(chat(imported)).await.unwrap();
    let operations: Vec<_> = local.received().iter().filter_map(|request| request.operation).collect();
    assert_eq!(operations, [Operation::Converse, Operation::InvokeModel, Operation::InvokeModel]);

    let client = builder(&local.endpoint()).native_models(|_| false).build().await.unwrap();
    client.chat(chat("cohere.command-text-v14")).await.unwrap();
    assert_eq!(local.received().last().unwrap().operation, Some(Operation::Converse));
}

#[tokio::test]
async fn the_body_on_the_wire_is_the_request_s_serde_form() {
    let local = LocalBedrock::builder().reply(Reply::text("Hi").forever()).start().await.unwrap();
    let client = builder(&local.endpoint()).normalize(false).validate(false).build().await.unwrap();
    let body = json!({
        "messages": [
            {"role": "user", "content": [{"text": "Hi"}, {"hologram": {"depth": 3}}], "mood": "curious"},
        ],
        "system": [{"text": "Be brief."}, {"cachePoint": {"type": "default", "ttl": "1h"}}],
        "inferenceConfig": {"maxTokens": 5, "temperature": 0.1, "topQ": 0.3},
        "toolConfig": {"tools": [{"toolSpec": {"name": "f", "inputSchema": {"json": {"type": "object", "z": 1, "a": 2}}}}]},
        "additionalModelRequestFields": {"thinking": {"type": "enabled", "budget_tokens": 1024}},
        "brandNew": [null, 1.5],
    });
    let mut request: ChatRequest = serde_json::from_value(body.clone()).unwrap();
    request.model = NOVA.into();
    client.chat(request.clone()).await.unwrap();
    client.chat_stream(request).await.unwrap().collect().await.unwrap();
    for received in local.received() {
        assert_eq!(received.json, body);
        // members in the order they came
        let order = String::from_utf8(received.body.to_vec()).unwrap();
        assert!(order.find("\"z\"") < order.find("\"a\""), "{order}");
    }
}

#[tokio::test]
async fn unknown_members_of_a_response_come_back() {
    let answer = json!({
        "output": {"message": {"role": "assistant", "content": [{"text": "Hi"}, {"hologram": {"depth": 3}}]}},
        "stopReason": "brand_new_reason",
        "usage": {"inputTokens": 1, "outputTokens": 2, "totalTokens": 3, "dreamTokens": 9},
        "metrics": {"latencyMs": 12},
        "brandNew": {"a": 1},
    });
    let (_local, client) = start(LocalBedrock::builder().reply(Reply::json(answer.clone()))).await;
    let response = client.chat(chat(NOVA)).await.unwrap();
    assert_eq!(serde_json::to_value(&response).unwrap(), answer);
    assert_eq!(response.stop_reason, StopReason::Unknown("brand_new_reason".into()));
}

#[tokio::test]
async fn unknown_events_of_a_stream_come_through() {
    let odd = StreamEvent::Unknown([("hologramDelta".to_owned(), json!({"depth": 3}))].into_iter().collect());
    let events = [
        StreamEvent::message_start(),
        StreamEvent::text(0, "Hi"),
        odd,
        StreamEvent::block_stop(0),
        StreamEvent::message_stop(StopReason::EndTurn),
        StreamEvent::metadata(Usage::new(1, 1), 5),
    ];
    let (_local, client) = start(LocalBedrock::builder().reply(Reply::events(events))).await;
    let mut stream = client.chat_stream(chat(NOVA)).await.unwrap();
    let mut seen = Vec::new();
    while let Some(event) = stream.next().await {
        seen.push(event.unwrap());
    }
    let depth = |event: &StreamEvent| matches!(event, StreamEvent::Unknown(map) if map["hologramDelta"]["depth"] == 3);
    assert!(seen.iter().any(depth), "{seen:?}");
}

#[tokio::test]
async fn a_tool_call_comes_back_on_both_roads() {
    for mode in [ApiMode::Converse, ApiMode::Invoke] {
        let reply = Reply::tool_use("t-1", "get_weather", json!({"city": "Paris"})).times(2);
        let (_local, client) = start_in(mode, LocalBedrock::builder().reply(reply)).await;
        let tool = ToolSpec::new(
            "get_weather",
            "Weather",
            json!({"type": "object", "properties": {"city": {"type": "string"}}}),
        );
        let request = chat(CLAUDE).tool(tool);
        let whole = client.chat(request.clone()).await.unwrap();
        let streamed = client.chat_stream(request).await.unwrap().collect().await.unwrap();
        assert_eq!(whole.stop_reason, StopReason::ToolUse);
        assert_eq!(whole.message, streamed.message, "{mode:?}");
    }
}

#[tokio::test]
async fn a_guardrail_reaches_every_operation() {
    let guardrail = || {
        let mut guardrail = GuardrailConfig::new("gr1abcdefghi", "7").trace(GuardrailTrace::Enabled);
        guardrail.stream_processing_mode = Some(GuardrailStreamProcessingMode::Async);
        guardrail
    };
    // a list of the types: a new request type must be put here or the match below does not compile
    let every = [
        Operation::Converse,
        Operation::ConverseStream,
        Operation::InvokeModel,
        Operation::InvokeModelWithResponseStream,
        Operation::ApplyGuardrail,
    ];
    for mode in [ApiMode::Converse, ApiMode::Invoke] {
        let (local, client) =
            start_in(mode, LocalBedrock::builder().reply(Reply::text("ok").forever())).await;
        for operation in every {
            let unguarded = chat(CLAUDE);
            match operation {
                Operation::Converse => drop(
                    client
                        .chat(unguarded.guardrail(
                            GuardrailConfig::new("gr1abcdefghi", "7").trace(GuardrailTrace::Enabled),
                        ))
                        .await
                        .unwrap(),
                ),
                Operation::ConverseStream => {
                    drop(
                        client
                            .chat_stream(unguarded.guardrail(guardrail()))
                            .await
                            .unwrap()
                            .collect()
                            .await
                            .unwrap(),
                    );
                }
                Operation::InvokeModel => {
                    let mut request = invoke(CLAUDE);
                    request.guardrail = Some(guardrail());
                    drop(client.invoke(request).await.unwrap());
                }
                Operation::InvokeModelWithResponseStream => {
                    let mut request = invoke(CLAUDE);
                    request.guardrail = Some(guardrail());
                    drop(client.invoke_stream(request.streaming()).await.unwrap());
                }
                Operation::ApplyGuardrail => {
                    let request = bedrock_llm_schema::ApplyGuardrailRequest {
                        guardrail_version: "7".into(),
                        ..guard()
                    };
                    let answer = client.apply_guardrail(request).await;
                    // a text reply is no guardrail's answer, and what was sent is what counts
                    assert!(answer.is_err() || answer.is_ok());
                }
                // has no guardrail in the API
                Operation::CountTokens => {}
                other => panic!("{other} needs a guardrail here"),
            }
            let received = local.received();
            let last = received.last().unwrap();
            match last.operation.unwrap() {
                Operation::Converse | Operation::ConverseStream => {
                    assert_eq!(
                        last.json["guardrailConfig"]["guardrailIdentifier"], "gr1abcdefghi",
                        "{mode:?} {operation}"
                    );
                    assert_eq!(last.json["guardrailConfig"]["guardrailVersion"], "7");
                    assert_eq!(last.json["guardrailConfig"]["trace"], "enabled");
                }
                Operation::ApplyGuardrail => {
                    assert_eq!(last.guardrail, Some(("gr1abcdefghi".to_owned(), "7".to_owned())));
                }
                _ => {
                    assert_eq!(
                        last.header("x-amzn-bedrock-guardrailidentifier"),
                        Some("gr1abcdefghi"),
                        "{mode:?} {operation}"
                    );
                    assert_eq!(last.header("x-amzn-bedrock-guardrailversion"), Some("7"));
                    assert_eq!(last.header("x-amzn-bedrock-trace"), Some("ENABLED"));
                    if operation == Operation::ConverseStream {
                        assert_eq!(
                            last.json["amazon-bedrock-guardrailConfig"]["streamProcessingMode"],
                            "ASYNCHRONOUS"
                        );
                    }
                }
            }
        }
    }
}

#[tokio::test]
async fn what_converse_has_in_the_body_goes_natively_by_headers() {
    let (local, client) = start_in(ApiMode::Invoke, LocalBedrock::builder()).await;
    let request = chat(CLAUDE)
        .performance(PerformanceLatency::Optimized)
        .service_tier(ServiceTierType::Flex)
        .request_metadata("team", "blue");
    client.chat(request).await.unwrap();
    let received = local.received().pop().unwrap();
    assert_eq!(received.header("x-amzn-bedrock-performanceconfig-latency"), Some("optimized"));
    assert_eq!(received.header("x-amzn-bedrock-service-tier"), Some("flex"));
    assert_eq!(received.header("x-amzn-bedrock-request-metadata"), Some(r#"{"team":"blue"}"#));
    assert_eq!(received.header("accept"), Some("application/json"));
}

#[tokio::test]
async fn raw_bodies_go_and_come_untouched() {
    let body = json!({"odd": [1, {"x": null}]});
    let reply = Reply::json(body.clone()).header("x-amzn-bedrock-input-token-count", "11");
    let chunks = [json!({"a": 1}), json!({"b": 2})];
    let (local, client) = start(
        LocalBedrock::builder()
            .reply(reply.on(Operation::InvokeModel))
            .reply(Reply::chunks(chunks.clone()).on(Operation::InvokeModelWithResponseStream)),
    )
    .await;
    let raw = "{ \"prompt\" : \"odd  spacing\" }";
    let answer = client.invoke(InvokeRequest::new(NOVA, raw)).await.unwrap();
    assert_eq!(serde_json::from_slice::<serde_json::Value>(&answer.body).unwrap(), body);
    assert_eq!(answer.header("x-amzn-bedrock-input-token-count"), Some("11"));
    assert!(answer.content_type.as_deref().unwrap().starts_with("application/json"));
    assert!(answer.request_id.is_some());

    let mut stream = client.invoke_stream(InvokeRequest::new(NOVA, raw).streaming()).await.unwrap();
    let mut seen = Vec::new();
    while let Some(chunk) = stream.next().await {
        seen.push(serde_json::from_slice::<serde_json::Value>(&chunk.unwrap()).unwrap());
    }
    assert_eq!(seen, chunks);
    assert!(local.received().iter().all(|request| request.body == raw));
}

#[tokio::test]
async fn a_bad_request_is_not_sent() {
    let (local, client) = start(LocalBedrock::builder()).await;
    for mode in [ApiMode::Converse, ApiMode::Invoke] {
        let client = builder(&local.endpoint()).api_mode(mode).build().await.unwrap();
        for error in [
            client.chat(ChatRequest::new(NOVA)).await.unwrap_err(),
            client.chat_stream(ChatRequest::new(NOVA).message("  ")).await.unwrap_err(),
            client.chat(chat("")).await.unwrap_err(),
            client.invoke(invoke("")).await.unwrap_err(),
        ] {
            assert_eq!(error.kind(), &ErrorKind::InvalidRequest, "{error}");
            assert!(error.operation().is_some());
        }
    }
    assert!(local.received().is_empty());
    // and is, where the caller wants it so
    let trusting = builder(&local.endpoint()).validate(false).build().await.unwrap();
    let _ = trusting.chat(ChatRequest::new(NOVA)).await;
    assert_eq!(local.received().len(), 1);
    drop(client);
}

#[tokio::test]
async fn what_a_family_lacks_is_refused_or_dropped() {
    let (local, client) = start_in(ApiMode::Invoke, LocalBedrock::builder()).await;
    let request = || chat("meta.llama3-8b-instruct-v1:0").stop_sequence("END");
    let error = client.chat(request()).await.unwrap_err();
    assert_eq!(error.kind(), &ErrorKind::Unsupported, "{error}");
    assert!(error.message().contains("stopSequences"), "{error}");
    assert_eq!(error.operation(), Some(Operation::InvokeModel));
    assert!(local.received().is_empty());
    let lax = builder(&local.endpoint())
        .api_mode(ApiMode::Invoke)
        .on_unsupported(OnUnsupported::Degrade)
        .build()
        .await
        .unwrap();
    lax.chat(request()).await.unwrap();
}

#[tokio::test]
async fn tokens_are_counted() {
    let (local, client) = start(LocalBedrock::builder().reply(Reply::json(json!({"inputTokens": 21})))).await;
    let counted = client.count_tokens(count(CLAUDE)).await.unwrap();
    assert_eq!(counted.input_tokens, 21);
    assert!(counted.request_id.is_some());
    assert!(local.received()[0].json["input"]["converse"]["messages"].is_array());
}
