//! What the client makes of a request for its model, over a socket.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "helpers of tests")]

mod common;

use bedrock_llm_client::{ApiMode, OnUnsupported};
use bedrock_llm_local::{LocalBedrock, Reply};
use bedrock_llm_schema::rules::Violations;
use bedrock_llm_schema::{
    Catalog, ChangeKind, ChatRequest, ContentBlock, ErrorKind, Message, ToolResultBlock, ToolSpec,
    ToolUseBlock,
};
use common::{CLAUDE, NOVA, builder, chat, start};
use serde_json::json;

const TITAN: &str = "amazon.titan-text-express-v1";

/// A history with a tool whose name no family takes, and turns that no service takes.
fn untidy(model: &str) -> ChatRequest {
    let call = ToolUseBlock::new("t1", "files.read", json!({"path": "a"}));
    ChatRequest::new(model)
        .max_tokens(100)
        .tool(ToolSpec::new("files.read", "Reads a file", json!({"type": "object"})))
        .message("What is in a?")
        .message(Message::assistant("").with(call))
        .message(ToolResultBlock::text("t1", ""))
        .message("And in b?")
}

#[tokio::test]
async fn a_tool_travels_under_an_alias_and_comes_back_under_its_name() {
    for mode in [ApiMode::Converse, ApiMode::Invoke] {
        let script = LocalBedrock::builder();
        let local = script.start().await.unwrap();
        let client = builder(&local.endpoint()).api_mode(mode).build().await.unwrap();
        // the alias as it is on the wire, for the scripted model to call
        client.chat(untidy(CLAUDE)).await.unwrap();
        let sent = local.received()[0].json.clone();
        let alias = if mode == ApiMode::Converse {
            sent["toolConfig"]["tools"][0]["toolSpec"]["name"].clone()
        } else {
            sent["tools"][0]["name"].clone()
        };
        let alias = alias.as_str().unwrap();
        assert!(
            alias.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-'),
            "{alias}"
        );
        assert!(!sent.to_string().contains("files.read"), "{sent}");

        let call = || Reply::tool_use("t2", alias, json!({"path": "b"}));
        local.add_reply(call());
        local.add_reply(call());
        let response = client.chat(untidy(CLAUDE)).await.unwrap();
        assert_eq!(response.message.tool_uses().next().unwrap().name, "files.read");
        assert!(response.changes.iter().any(|change| change.rule == "R-TOOL-NAME"), "{:?}", response.changes);
        let mut stream = client.chat_stream(untidy(CLAUDE)).await.unwrap();
        assert!(!stream.changes().is_empty());
        while let Some(event) = stream.next().await {
            event.unwrap();
        }
        assert_eq!(stream.response().message.tool_uses().next().unwrap().name, "files.read");
    }
}

#[tokio::test]
async fn what_is_sent_keeps_the_rules_and_the_answer_says_what_was_changed() {
    let local = LocalBedrock::builder().always_check(true).start().await.unwrap();
    let client = builder(&local.endpoint()).build().await.unwrap();
    let response = client.chat(untidy(CLAUDE)).await.unwrap();
    let messages = &local.received()[0].json["messages"];
    assert_eq!(messages.as_array().unwrap().len(), 3, "{messages}");
    assert_eq!(messages[2]["content"][1]["text"], "And in b?");
    assert!(
        response.changes.iter().all(|change| change.kind == ChangeKind::Mended),
        "{:?}",
        response.changes
    );

    let clean = client.chat(chat(CLAUDE)).await.unwrap();
    assert_eq!(clean.changes, []);
}

#[tokio::test]
async fn both_switches_off_send_what_was_given() {
    let local = LocalBedrock::builder().start().await.unwrap();
    let client = builder(&local.endpoint()).normalize(false).validate(false).build().await.unwrap();
    let error = client.chat(untidy(CLAUDE)).await.unwrap_err();
    assert_eq!(error.status(), Some(400));
    let sent = serde_json::to_value(ChatRequest { model: "".into(), ..untidy(CLAUDE) }).unwrap();
    assert_eq!(local.received()[0].json, sent);
}

#[tokio::test]
async fn what_the_rules_refuse_never_leaves_and_all_places_are_named() {
    let (local, client) = start(LocalBedrock::builder()).await;
    let bad = chat("deepseek.r1-v1:0").temperature(3.0);
    for error in
        [client.chat(bad.clone()).await.unwrap_err(), client.chat_stream(bad.streaming()).await.unwrap_err()]
    {
        assert_eq!(error.kind(), &ErrorKind::InferenceProfileRequired);
        assert!(error.hint().unwrap().contains("us.deepseek.r1-v1:0"), "{error}");
        let source = std::error::Error::source(&error).unwrap().downcast_ref::<Violations>().unwrap();
        let rules: Vec<_> = source.0.iter().map(|violation| violation.rule).collect();
        assert_eq!(rules, ["R-ON-DEMAND", "R-RANGE"]);
    }
    assert!(local.received().is_empty());
}

#[tokio::test]
async fn what_a_model_cannot_do_is_refused_left_out_or_sent_by_choice() {
    let ask = || ChatRequest::new(TITAN).system("Be brief.").message("Hi");
    let (local, client) = start(LocalBedrock::builder()).await;
    let error = client.chat(ask()).await.unwrap_err();
    assert!(error.message().contains("R-SYSTEM"), "{error}");
    assert!(local.received().is_empty());

    let degrading = builder(&local.endpoint()).on_unsupported(OnUnsupported::Degrade).build().await.unwrap();
    let response = degrading.chat(ask()).await.unwrap();
    assert_eq!(response.changes[0].kind, ChangeKind::Degraded);
    let sent = &local.received()[0].json;
    assert!(sent.get("system").is_none() && sent["messages"].to_string().contains("Be brief."), "{sent}");

    let warning = builder(&local.endpoint()).on_unsupported(OnUnsupported::Warn).build().await.unwrap();
    let error = warning.chat(ask()).await.unwrap_err();
    assert_eq!(error.status(), Some(400), "sent as it is, refused by the endpoint: {error}");
}

#[tokio::test]
async fn an_opaque_profile_has_no_quirks_until_its_model_is_known() {
    let mine = "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/1arbu5hu2sjr";
    let (local, client) = start(LocalBedrock::builder()).await;
    let ask = || ChatRequest::new(mine).system("Be brief.").message("Hi");
    client.chat(ask()).await.unwrap();
    assert_eq!(client.profile(&mine.into()).features.system_messages, None);

    let mut catalog = Catalog::builtin().clone();
    catalog.set_base_model(mine, TITAN);
    let client = builder(&local.endpoint()).catalog(catalog).build().await.unwrap();
    assert!(client.chat(ask()).await.unwrap_err().message().contains("R-SYSTEM"));
}

#[tokio::test]
async fn reasoning_that_cannot_be_replayed_stays_whole_or_goes() {
    let (local, client) = start(LocalBedrock::builder()).await;
    let signed = json!({"reasoningContent": {"reasoningText": {"text": "Hm.", "signature": "c2ln"}}});
    let block: ContentBlock = serde_json::from_value(signed.clone()).unwrap();
    let request = chat(NOVA).message(Message::assistant(block).with("Rayleigh.")).message("Who?");
    client.chat(request).await.unwrap();
    assert_eq!(local.received()[0].json["messages"][1]["content"][0], signed);
}

#[tokio::test]
async fn a_model_without_converse_is_asked_natively_where_that_is_the_way() {
    let mut catalog = Catalog::builtin().clone();
    let facts = "[models.\"anthropic.claude-native-only\"]\naccess.operations = [\"InvokeModel\"]\nmax_output_tokens = 4096\n";
    catalog.extend_toml(facts).unwrap();
    let local = LocalBedrock::builder().start().await.unwrap();
    let converse = builder(&local.endpoint()).catalog(catalog.clone()).build().await.unwrap();
    let error = converse.chat(chat("anthropic.claude-native-only")).await.unwrap_err();
    assert!(error.message().contains("R-OPERATION"), "{error}");
    let native = builder(&local.endpoint()).catalog(catalog).api_mode(ApiMode::Invoke).build().await.unwrap();
    assert!(!native.chat(chat("anthropic.claude-native-only")).await.unwrap().text().is_empty());
    let error = native.chat_stream(chat("anthropic.claude-native-only")).await.unwrap_err();
    assert!(error.message().contains("InvokeModelWithResponseStream"), "{error}");
}
