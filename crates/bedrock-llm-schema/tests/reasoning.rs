//! Reasoning over the recordings, and what normalising never does to it.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::path::PathBuf;

use bedrock_llm_schema::model::ModelProfile;
use bedrock_llm_schema::model::facts::ReasoningStyle;
use bedrock_llm_schema::{
    Accumulator, Blob, ChatRequest, ChatResponse, ContentBlock, Effort, Message, Normalizer, Reasoning,
    ReasoningConflict, ReasoningContentBlock, ReasoningTextBlock, Role, StreamEvent, ToolResultBlock,
    ToolUseBlock,
};
use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::{Value, json};

/// The recorded exchanges of an operation that ended in 200; none where the recordings are missing.
fn accepted(operation: &str) -> Vec<(String, Value)> {
    let default = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/recordings");
    let root =
        std::env::var_os("BEDROCK_LLM_RECORDINGS").map_or_else(|| PathBuf::from(default), PathBuf::from);
    let Ok(folder) = std::fs::read_dir(root.join(operation)) else {
        println!("skipped: no recordings at {}", root.join(operation).display());
        return Vec::new();
    };
    folder
        .map(|file| file.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .map(|path| {
            let text = std::fs::read_to_string(&path).unwrap();
            (path.display().to_string(), serde_json::from_str::<Value>(&text).unwrap())
        })
        .filter(|(_, recording)| recording["response"]["status"] == 200)
        .collect()
}

/// A profile with every restriction that is known of families that are asked in this style.
fn strictest(style: ReasoningStyle) -> ModelProfile {
    let mut profile = ModelProfile::new("m");
    profile.reasoning.request = Some(style);
    profile.reasoning.min_budget = Some(1024);
    profile.reasoning.with_forced_tool = Some(false);
    profile.reasoning.with_sampling = Some(false);
    profile.reasoning.with_max_tokens_at_high = Some(false);
    let thinks = matches!(style, ReasoningStyle::ThinkingBudget | ReasoningStyle::ThinkingAdaptive);
    profile.reasoning.signed = Some(thinks);
    profile
}

fn style(fields: &Value) -> Option<ReasoningStyle> {
    Some(match fields {
        fields if fields["thinking"]["type"] == "enabled" => ReasoningStyle::ThinkingBudget,
        fields if fields["thinking"].is_object() => ReasoningStyle::ThinkingAdaptive,
        fields if fields.get("reasoning_effort").is_some() => ReasoningStyle::ReasoningEffort,
        fields if fields.get("reasoning_config").is_some() => ReasoningStyle::ReasoningConfigText,
        fields if fields.get("reasoningConfig").is_some() => ReasoningStyle::ReasoningConfigEffort,
        _ => return None,
    })
}

fn about_reasoning(normalizer: &Normalizer, request: &ChatRequest, profile: &ModelProfile) -> usize {
    let changes = normalizer.normalize(request.clone(), profile).changes;
    changes.iter().filter(|change| change.rule.starts_with("R-REASONING")).count()
}

#[test]
fn nothing_is_changed_in_what_bedrock_accepted() {
    for (file, recording) in accepted("converse").iter().chain(&accepted("converse-stream")) {
        let request: ChatRequest = serde_json::from_value(recording["request"]["body"].clone()).unwrap();
        let fields = request.additional_model_request_fields.clone().unwrap_or_default();
        let Some(style) = style(&fields) else { continue };
        for policy in [ReasoningConflict::PreferReasoning, ReasoningConflict::PreferRequest] {
            let normalizer = Normalizer::new().reasoning_conflict(policy);
            assert_eq!(about_reasoning(&normalizer, &request, &strictest(style)), 0, "{file}");
        }
    }
}

/// The fields that recorded clients wrote by hand come from `reasoning` too.
#[test]
fn recorded_fields_can_be_asked_for() {
    for (file, recording) in accepted("converse").iter().chain(&accepted("converse-stream")) {
        let recorded: ChatRequest = serde_json::from_value(recording["request"]["body"].clone()).unwrap();
        let fields = recorded.additional_model_request_fields.clone().unwrap_or_default();
        let Some(style) = style(&fields) else { continue };
        let word = fields["output_config"]["effort"]
            .as_str()
            .or(fields["reasoning_effort"].as_str())
            .or(fields["reasoning_config"].as_str());
        let effort = Effort::ALL.into_iter().find(|effort| Some(effort.as_str()) == word);
        let asked = match fields["thinking"]["budget_tokens"].as_u64() {
            Some(tokens) => Reasoning::Budget(u32::try_from(tokens).unwrap()),
            None => effort.map_or(Reasoning::Adaptive, Reasoning::from),
        };
        let mut request = ChatRequest { additional_model_request_fields: None, ..recorded };
        request = request.reasoning(asked);
        let given = Normalizer::new().normalize(request, &strictest(style)).request;
        let mut wanted = fields.clone();
        if let Some(thinking) = wanted["thinking"].as_object_mut() {
            thinking.remove("display"); // how reasoning is shown, not how much there is
        }
        for (name, value) in given.additional_model_request_fields.unwrap().as_object().unwrap() {
            assert_eq!(*value, wanted[name], "{file}");
        }
    }
}

/// An answer as a stream would bring it, in the shape of recordings c55c2c4ce173 and 9dabec7ba378.
fn streamed(message: &Message) -> Message {
    let mut answer = Accumulator::new();
    answer.push(&StreamEvent::message_start());
    for (index, block) in message.content.iter().enumerate() {
        let deltas = match block {
            ContentBlock::ReasoningContent(ReasoningContentBlock::ReasoningText(block)) => {
                let (first, rest) = block.signature.as_deref().unwrap_or_default().split_at(
                    block.signature.as_deref().unwrap_or_default().len() / 2, // base64
                );
                let mut deltas = vec![json!({"reasoningContent": {"text": block.text}})];
                if block.signature.is_some() {
                    deltas.push(json!({"reasoningContent": {"signature": first}}));
                    deltas.push(json!({"reasoningContent": {"signature": rest}}));
                }
                deltas
            }
            ContentBlock::ReasoningContent(block) => {
                vec![json!({"reasoningContent": serde_json::to_value(block).unwrap()})]
            }
            ContentBlock::Text(text) => vec![json!({"text": text})],
            ContentBlock::ToolUse(call) => {
                answer.push(&StreamEvent::tool_use_start(
                    u32::try_from(index).unwrap(),
                    &call.tool_use_id,
                    &call.name,
                ));
                vec![json!({"toolUse": {"input": call.input.to_string()}})]
            }
            other => panic!("{other:?}"),
        };
        for delta in deltas {
            let payload = json!({"contentBlockIndex": index, "delta": delta}).to_string();
            answer.push(&StreamEvent::from_frame("contentBlockDelta", payload.as_bytes()).unwrap());
        }
        answer.push(&StreamEvent::block_stop(u32::try_from(index).unwrap()));
    }
    answer.response().message
}

#[test]
fn a_streamed_turn_is_sent_back_as_the_unary_one() {
    for (file, recording) in accepted("converse") {
        let body = &recording["response"]["body"];
        let response: ChatResponse = serde_json::from_value(body.clone()).unwrap();
        if response.reasoning().is_empty() && !body.to_string().contains("redactedContent") {
            continue;
        }
        let written = serde_json::to_value(streamed(&response.message)).unwrap();
        assert_eq!(written, body["output"]["message"], "{file}");
    }
}

/// Signatures and encrypted reasoning in recorded streams come out as the very characters that came in.
#[test]
fn streams_keep_signed_and_redacted_reasoning() {
    for (file, recording) in accepted("converse-stream") {
        let Some(events) = recording["response"]["events"].as_array() else { continue };
        let mut answer = Accumulator::new();
        let mut came = Vec::new();
        for event in events {
            let payload = &event["payload"];
            let reasoning = &payload["delta"]["reasoningContent"];
            came.extend(["signature", "redactedContent"].iter().filter_map(|name| reasoning[name].as_str()));
            answer.push(
                &StreamEvent::from_frame(event["type"].as_str().unwrap(), payload.to_string().as_bytes())
                    .unwrap(),
            );
        }
        let message = serde_json::to_value(answer.response().message).unwrap();
        let kept = message["content"].as_array().unwrap().iter().filter_map(|block| {
            let reasoning = &block["reasoningContent"];
            reasoning["reasoningText"]["signature"].as_str().or(reasoning["redactedContent"].as_str())
        });
        assert_eq!(kept.collect::<Vec<_>>(), came, "{file}");
    }
}

#[test]
fn half_a_signature_is_not_given_out() {
    let delta = |name: &str, value: &str| {
        let payload =
            json!({"contentBlockIndex": 0, "delta": {"reasoningContent": {name: value}}}).to_string();
        StreamEvent::from_frame("contentBlockDelta", payload.as_bytes()).unwrap()
    };
    let mut answer = Accumulator::new();
    answer.push(&delta("text", "hm"));
    answer.push(&delta("signature", "ha"));
    let unsigned: ContentBlock = ReasoningContentBlock::from(ReasoningTextBlock::new("hm")).into();
    assert_eq!(answer.response().message.content, [unsigned]);
    answer.push(&delta("signature", "lf"));
    answer.push(&StreamEvent::block_stop(0));
    let signed: ContentBlock =
        ReasoningContentBlock::from(ReasoningTextBlock::new("hm").signed("half")).into();
    assert_eq!(answer.response().message.content, [signed]);

    for (name, value) in [("signature", "only"), ("redactedContent", "aGk=")] {
        let mut answer = Accumulator::new();
        answer.push(&delta(name, value));
        assert_eq!(answer.response().message.content, []);
        answer.push(&StreamEvent::block_stop(0));
        assert_eq!(answer.response().message.content.len(), 1);
    }
}

/// The one spelling of bytes in base64 that is read is the one that is written.
#[test]
fn redacted_reasoning_that_would_not_come_out_the_same_is_refused() {
    let block =
        |text: &str| serde_json::from_value::<ReasoningContentBlock>(json!({"redactedContent": text}));
    assert_eq!(serde_json::to_value(block("/+8=").unwrap()).unwrap(), json!({"redactedContent": "/+8="}));
    for odd in ["/+9=", "_-8=", "/+\n8="] {
        assert!(block(odd).is_err(), "{odd:?}");
    }
}

fn asked() -> impl Strategy<Value = ContentBlock> {
    prop_oneof![
        "[ -~]{0,6}".prop_map(ContentBlock::from),
        "[a-c]".prop_map(|id| ToolResultBlock::text(id, "r").into()),
        Just(ContentBlock::cache_point()),
    ]
}

fn answered() -> impl Strategy<Value = ContentBlock> {
    let text = || "[ -~]{0,6}";
    prop_oneof![
        text().prop_map(ContentBlock::from),
        text().prop_map(|text| ReasoningContentBlock::from(ReasoningTextBlock::new(text)).into()),
        (text(), text())
            .prop_map(|(text, s)| ReasoningContentBlock::from(ReasoningTextBlock::new(text).signed(s)).into()),
        vec(any::<u8>(), 1..9)
            .prop_map(|bytes| ReasoningContentBlock::RedactedContent(Blob::from(bytes)).into()),
        "[a-c]".prop_map(|id| ToolUseBlock::new(id, "t", json!({})).into()),
        Just(ContentBlock::cache_point()),
    ]
}

fn opaque(messages: &[Message]) -> Vec<ContentBlock> {
    let blocks = messages.iter().flat_map(|message| &message.content);
    blocks
        .filter(|block| match block {
            ContentBlock::ReasoningContent(ReasoningContentBlock::ReasoningText(block)) => {
                block.signature.as_deref().is_some_and(|signature| !signature.is_empty())
            }
            ContentBlock::ReasoningContent(_) => true,
            _ => false,
        })
        .cloned()
        .collect()
}

proptest! {
    #[test]
    fn signed_and_redacted_reasoning_is_never_altered(
        turns in vec((vec(answered(), 0..5), vec(asked(), 0..3)), 0..4),
        style in prop_oneof![
            Just(ReasoningStyle::ThinkingBudget),
            Just(ReasoningStyle::ThinkingAdaptive),
            Just(ReasoningStyle::ReasoningEffort),
            Just(ReasoningStyle::ReasoningConfigEffort),
        ],
        budget in proptest::option::of(0..9000u32),
        max_tokens in proptest::option::of(1..9000u32),
    ) {
        let mut request = ChatRequest::new("m").message("q");
        for (answer, question) in turns {
            let answer = Message::new(Role::Assistant, answer);
            request = request.message(answer).message(Message::new(Role::User, question));
        }
        request.reasoning = budget.map(Reasoning::Budget);
        if let Some(max_tokens) = max_tokens {
            request = request.max_tokens(max_tokens).temperature(0.5);
        }
        let before = opaque(&request.messages);
        let once = Normalizer::new().normalize(request, &strictest(style)).request;
        prop_assert_eq!(&opaque(&once.messages), &before);
        prop_assert!(once.reasoning.is_none());
        let twice = Normalizer::new().normalize(once.clone(), &strictest(style));
        prop_assert!(twice.request == once, "{:?}", twice.changes);
    }
}
