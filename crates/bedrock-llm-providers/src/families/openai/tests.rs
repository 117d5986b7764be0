//! Tests of the OpenAI codec.

use bedrock_llm_schema::stream::ReasoningDelta;
use bedrock_llm_schema::{
    Accumulator, ContentBlock, DocumentBlock, ImageBlock, ImageFormat, Message, ReasoningContentBlock,
    ReasoningTextBlock, StopReason, StreamEvent, ToolChoice, ToolResultBlock, ToolSpec, ToolUseBlock, Usage,
};
use serde_json::{Value, json};

use super::*;
use crate::families::common::spelling::equal;
use bedrock_llm_schema::OnUnsupported;

fn round_trip(provider: OpenAi, body: &Value) -> Decoded {
    let bytes = body.to_string();
    let same = |again: &Bytes| {
        assert!(
            equal(&serde_json::from_slice(again).unwrap(), body),
            "{}\n{body}",
            String::from_utf8_lossy(again)
        );
    };
    same(&provider.rewrite_request(bytes.as_bytes()).unwrap());
    let decoded = provider.decode_request(bytes.as_bytes()).unwrap();
    let options = EncodeOptions::new(false).spelling(decoded.spelling.clone());
    same(&provider.encode_request(&decoded.request, &options).unwrap().body);
    decoded
}

#[test]
fn writes_the_documented_form() {
    let request = ChatRequest::new("openai.gpt-oss-20b-1:0")
        .system("Be brief.")
        .message(Message::user("What is this?").with(ImageBlock::new(ImageFormat::Png, vec![1, 2, 3])))
        .message(
            Message::assistant(ReasoningContentBlock::from(ReasoningTextBlock::new("Hm.")))
                .with(ToolUseBlock::new("c1", "look", json!({"x": 1})))
                .with(ToolUseBlock::new("c2", "look", json!({}))),
        )
        .message(
            Message::user(ToolResultBlock::text("c1", "a cat"))
                .with(ToolResultBlock::json("c2", json!({"a": 1})))
                .with("So?"),
        )
        .tool(ToolSpec::new("look", "Looks", json!({"type": "object"})))
        .tool_choice(ToolChoice::any())
        .max_tokens(100)
        .stop_sequence("|")
        .json_schema("answer", &json!({"type": "object"}))
        .effort("low")
        .additional_field("seed", 5);
    let body = OpenAi::gpt_oss().encode_request(&request, &EncodeOptions::default()).unwrap().body;
    let body: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(
        body,
        json!({
            "messages": [
                {"role": "system", "content": "Be brief."},
                {"role": "user", "content": [{"type": "text", "text": "What is this?"},
                    {"type": "image_url", "image_url": {"url": "data:image/png;base64,AQID"}}]},
                {"role": "assistant", "reasoning_content": "Hm.", "tool_calls": [
                    {"id": "c1", "type": "function", "function": {"name": "look", "arguments": "{\"x\":1}"}},
                    {"id": "c2", "type": "function", "function": {"name": "look", "arguments": "{}"}}]},
                {"role": "tool", "content": "a cat", "tool_call_id": "c1"},
                {"role": "tool", "content": "{\"a\":1}", "tool_call_id": "c2"},
                {"role": "user", "content": "So?"},
            ],
            "max_completion_tokens": 100, "stop": ["|"], "reasoning_effort": "low", "seed": 5,
            "tools": [{"type": "function", "function": {"name": "look", "description": "Looks", "parameters": {"type": "object"}}}],
            "tool_choice": "required",
            "response_format": {"type": "json_schema", "json_schema": {"name": "answer", "schema": {"type": "object"}}},
        })
    );
    round_trip(OpenAi::gpt_oss(), &body);
}

#[test]
fn keeps_whatever_a_body_says() {
    let decoded = round_trip(
        OpenAi::compatible(),
        &json!({
            "model": "m", "stream": false, "max_completion_tokens": 5.0, "top_p": null, "stop": "|", "logit_bias": {"a": null}, "n": 2,
            "messages": [
                {"role": "developer", "content": [{"type": "text", "text": "a"}]},
                {"role": "system", "content": "b", "name": "x"},
                {"role": "user", "name": "joe", "content": [{"type": "text", "text": "a"}]},
                {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "https://a", "detail": "low"}},
                    {"type": "text", "text": "a", "hologram": 1}]},
                {"role": "assistant", "content": null, "refusal": null, "tool_calls": [
                    {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{ \"x\": 1 }"}},
                    {"id": "c2", "type": "function", "function": {"name": "f", "arguments": ""}},
                    {"id": "c3", "type": "function", "function": {"name": "f", "arguments": "{\"cut"}}]},
                {"role": "tool", "tool_call_id": "c1", "content": [{"type": "text", "text": "x"}]},
                {"role": "tool", "tool_call_id": "c2", "content": "y", "name": "f"},
                {"role": "user", "content": ""},
                {"role": "assistant", "content": "<reasoning>x</reasoning>y", "tool_calls": []},
                {"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]},
            ],
            "tools": [{"type": "function", "function": {"name": "f", "description": null, "parameters": {"default": null}, "strict": true}},
                {"type": "function", "function": {"name": "bare"}}],
            "tool_choice": {"type": "function", "function": {"name": "f"}},
            "response_format": {"type": "json_object"}, "reasoning_effort": null,
        }),
    );
    assert_eq!(decoded.request.inference_config.as_ref().unwrap().max_tokens, Some(5));
    assert_eq!(decoded.request.system_text().as_deref(), Some("a"));
    assert_eq!(decoded.request.messages[3].tool_uses().count(), 3);
    assert_eq!(decoded.request.messages[4].tool_results().count(), 2);
    for more in [
        json!({"max_tokens": 1, "max_completion_tokens": 2}),
        json!({"tools": [], "tool_choice": "none"}),
        json!({"tool_choice": "odd", "prompt": "beside"}),
        json!({"response_format": {"type": "json_schema", "json_schema": {"name": "a", "description": "d", "schema": {}}}}),
    ] {
        let mut body = json!({"messages": [{"role": "user", "content": "a"}]});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        round_trip(OpenAi::gpt_oss(), &body);
        round_trip(OpenAi(Dialect::Jamba), &body);
    }
    let prompt = round_trip(OpenAi::compatible(), &json!({"prompt": "Hi", "max_tokens": 100, "topP": 2}));
    assert!(!prompt.is_chat);
    assert_eq!(prompt.request.messages, [Message::user("Hi")]);
}

#[test]
fn says_what_a_dialect_does_not_have() {
    let request = ChatRequest::new("m")
        .message(
            Message::user(DocumentBlock::from_text("a", "b"))
                .with(ImageBlock::new(ImageFormat::Png, vec![1])),
        )
        .message(Message::assistant(ReasoningContentBlock::from(
            ReasoningTextBlock::new("Hm.").signed("c2ln"),
        )))
        .message(ToolResultBlock::error("a", "b"))
        .effort("low");
    let dropped = |provider: OpenAi| {
        assert!(provider.encode_request(&request, &EncodeOptions::default()).is_err());
        let options = EncodeOptions::default().on_unsupported(OnUnsupported::Degrade);
        provider.encode_request(&request, &options).unwrap().dropped
    };
    assert_eq!(
        dropped(OpenAi::gpt_oss()),
        [
            "messages[0].content[0].document",
            "messages[1].content[0].reasoningContent.reasoningText.signature",
            "messages[2].content[0].toolResult.status",
        ]
    );
    assert_eq!(
        dropped(OpenAi(Dialect::Jamba)),
        [
            "messages[0].content[0].document",
            "messages[0].content[1].image",
            "messages[1].content[0].reasoningContent",
            "messages[2].content[0].toolResult.status",
            "outputConfig.effort",
        ]
    );
}

#[test]
fn answers_bring_reasoning_tools_and_cached_tokens_both_ways() {
    for (provider, message) in [
        (
            OpenAi::gpt_oss(),
            json!({"role": "assistant", "content": "<reasoning>Hm.</reasoning>Hi", "tool_calls": null}),
        ),
        (
            OpenAi::compatible(),
            json!({"role": "assistant", "content": "Hi", "reasoning_content": "Hm.", "tool_calls": [
            {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{\"a\":1}"}}]}),
        ),
    ] {
        let body = json!({
            "id": "x", "object": "chat.completion", "created": 1, "model": "m", "system_fingerprint": null,
            "choices": [{"index": 0, "message": message, "finish_reason": "stop", "stop_reason": "|", "logprobs": null}],
            "usage": {"prompt_tokens": 10.0, "completion_tokens": 2, "total_tokens": 12, "prompt_tokens_details": {"cached_tokens": 4}}
        });
        let response =
            provider.decode_response(body.to_string().as_bytes(), &InvocationMetrics::default()).unwrap();
        assert_eq!((response.text().as_str(), response.message.reasoning().as_str()), ("Hi", "Hm."));
        assert_eq!(
            (response.usage.input_tokens, response.usage.cache_read(), response.usage.total_tokens),
            (6, 4, 12)
        );
        assert_eq!(response.stop_reason, StopReason::StopSequence);
        let again = provider.encode_response(&response, &Spelling::default()).unwrap();
        assert_eq!(provider.decode_response(&again, &InvocationMetrics::default()).unwrap(), response);
    }
    for body in ["{}", r#"{"choices":[]}"#, "[]", ""] {
        assert!(OpenAi::gpt_oss().decode_response(body.as_bytes(), &InvocationMetrics::default()).is_err());
    }
}

fn folded(provider: OpenAi, chunks: &[Bytes]) -> (ChatResponse, Vec<StreamEvent>) {
    let mut decoder = provider.stream_decoder();
    let mut events: Vec<_> = chunks.iter().flat_map(|chunk| decoder.chunk(chunk).unwrap()).collect();
    events.extend(decoder.finish());
    let mut answer = Accumulator::new();
    events.iter().for_each(|event| answer.push(event));
    (answer.response(), events)
}

#[test]
fn streams_bring_reasoning_and_tools_both_ways() {
    let delta = |delta: Value| json!({"id": "x", "object": "chat.completion.chunk", "choices": [{"index": 0, "delta": delta, "finish_reason": null}]});
    let chunks = [
        delta(json!({"role": "assistant", "content": ""})),
        delta(json!({"reasoning_content": "Hm"})),
        delta(json!({"reasoning": "."})),
        delta(json!({"content": "Hi"})),
        delta(
            json!({"tool_calls": [{"index": 0, "id": "c1", "type": "function", "function": {"name": "f", "arguments": ""}}]}),
        ),
        delta(json!({"tool_calls": [{"index": 0, "function": {"arguments": "{\"a\":"}}]})),
        delta(json!({"tool_calls": [{"index": 0, "function": {"arguments": "1}"}}]})),
        delta(
            json!({"tool_calls": [{"index": 1, "id": "c2", "type": "function", "function": {"name": "g", "arguments": "{}"}}]}),
        ),
        json!({"choices": [{"index": 1, "delta": {"content": "another"}}, {"index": 0, "delta": {}, "finish_reason": "tool_calls"}]}),
        json!({"choices": [], "usage": {"prompt_tokens": 5, "completion_tokens": 6}}),
        json!({"amazon-bedrock-invocationMetrics": {"inputTokenCount": 5, "outputTokenCount": 6, "invocationLatency": 9, "firstByteLatency": 1}}),
    ];
    let mut chunks: Vec<Bytes> = chunks.iter().map(|chunk| chunk.to_string().into()).collect();
    chunks.push("[DONE]".into());
    for provider in [OpenAi::gpt_oss(), OpenAi::compatible()] {
        let (response, events) = folded(provider, &chunks);
        assert_eq!((response.text().as_str(), response.message.reasoning().as_str()), ("Hi", "Hm."));
        let calls: Vec<_> =
            response.message.tool_uses().map(|call| (call.name.as_str(), &call.input)).collect();
        assert_eq!(calls, [("f", &json!({"a": 1})), ("g", &json!({}))]);
        assert_eq!((response.usage.total_tokens, response.metrics.latency_ms), (11, 9));
        assert_eq!(
            events.iter().filter(|event| matches!(event, StreamEvent::ContentBlockStop(_))).count(),
            4
        );
        let mut encoder = provider.stream_encoder(&Spelling::default());
        let again: Vec<_> = events.iter().flat_map(|event| encoder.event(event).unwrap()).collect();
        assert_eq!(folded(provider, &again).0, response);
    }
}

#[test]
fn texts_stream_to_whoever_sent_a_prompt() {
    let provider = OpenAi::compatible();
    let spelling = provider.decode_request(br#"{"prompt":"Hi"}"#).unwrap().spelling;
    let mut encoder = provider.stream_encoder(&spelling);
    let events = [
        StreamEvent::message_start(),
        StreamEvent::text(0, "Ho"),
        StreamEvent::block_stop(0),
        StreamEvent::message_stop(StopReason::MaxTokens),
        StreamEvent::metadata(Usage::new(1, 2), 3),
    ];
    let chunks: Vec<_> = events.iter().flat_map(|event| encoder.event(event).unwrap()).collect();
    assert!(String::from_utf8_lossy(&chunks[0]).contains("\"text\":\"Ho\""));
    let (response, decoded) = folded(provider, &chunks);
    assert_eq!(decoded, events);
    assert!(encoder.event(&StreamEvent::reasoning(0, ReasoningDelta::Text("a".into()))).is_err());
    let body = provider.encode_response(&response, &spelling).unwrap();
    assert!(String::from_utf8_lossy(&body).contains("text_completion"));
    assert_eq!(provider.decode_response(&body, &InvocationMetrics::default()).unwrap().text(), "Ho");
}

#[test]
fn a_cut_stream_has_no_end() {
    let (response, events) =
        folded(OpenAi::gpt_oss(), &[r#"{"choices":[{"delta":{"content":"<reasoning>a</reas"}}]}"#.into()]);
    assert_eq!(response.message.reasoning(), "a</reas");
    assert!(!events.iter().any(|event| matches!(event, StreamEvent::MessageStop(_))));
    assert_eq!(
        response.message.content.iter().map(ContentBlock::tag).collect::<Vec<_>>(),
        ["reasoningContent"]
    );
}

#[test]
fn calls_of_a_stream_are_told_apart() {
    let call = |index: Value, id: Value, name: Value, arguments: &str| -> Bytes {
        let call = json!({"index": index, "id": id, "function": {"name": name, "arguments": arguments}});
        json!({"choices": [{"delta": {"tool_calls": [call]}}]}).to_string().into()
    };
    let none = Value::Null;
    let sequences = [
        // no index, each call whole
        vec![
            call(none.clone(), json!("a"), json!("f"), "{\"x\":1}"),
            call(none.clone(), json!("b"), json!("g"), "{}"),
        ],
        // neither index nor id
        vec![
            call(none.clone(), none.clone(), json!("f"), "{\"x\":"),
            call(none.clone(), none.clone(), none.clone(), "1}"),
            call(none.clone(), none.clone(), json!("g"), "{}"),
        ],
        // always index 0
        vec![
            call(json!(0), json!("a"), json!("f"), "{\"x\":1}"),
            call(json!(0), json!("b"), json!("g"), "{}"),
        ],
        // mixed
        vec![
            call(json!(0), json!("a"), json!("f"), "{\"x\":"),
            call(json!(1), json!("b"), json!("g"), "{"),
            call(json!(0), json!(""), none.clone(), "1}"),
            call(json!(1), json!("b"), json!("g"), "}"),
        ],
    ];
    for chunks in sequences {
        let mut chunks = chunks;
        chunks.push(r#"{"choices":[{"delta":{},"finish_reason":"tool_calls"}]}"#.into());
        let (response, _) = folded(OpenAi::compatible(), &chunks);
        let calls: Vec<_> =
            response.message.tool_uses().map(|call| (call.name.as_str(), &call.input)).collect();
        assert_eq!(calls, [("f", &json!({"x": 1})), ("g", &json!({}))], "{chunks:?}");
    }
}

#[test]
fn gives_back_what_a_dialect_cannot_say_otherwise() {
    let image = json!({"type": "image_url", "image_url": {"url": "data:image/png;base64,AQID"}});
    let body = json!({"messages": [
        {"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]},
        {"role": "user", "content": [{"type": "text", "text": "a"}, image]},
        {"role": "assistant", "content": "c", "reasoning_content": "Hm.", "tool_calls": [
            {"id": "c1", "index": 0, "function": {"name": "f", "arguments": "{}", "parsed": 1}},
            {"id": "c2", "type": "custom", "function": {"name": "f", "arguments": "{}"}}]},
        {"role": "tool", "tool_call_id": "c1", "content": [{"type": "text", "text": "x"}, image]},
    ], "tools": [{"function": {"name": "f", "parameters": {}}}]});
    for dialect in [Dialect::GptOss, Dialect::Imported, Dialect::Jamba] {
        let decoded = round_trip(OpenAi(dialect), &body);
        assert_eq!(decoded.request.messages[0].text(), "ab");
        assert_eq!(decoded.request.messages[2].tool_uses().count(), 2);
        assert_eq!(decoded.request.messages[3].tool_results().count(), 1);
    }
}
