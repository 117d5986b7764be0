//! Tests of the Anthropic codec.

use bedrock_llm_schema::content::media::VideoFormat;
use bedrock_llm_schema::content::tool::{SystemTool, Tool};
use bedrock_llm_schema::content::{CacheTtl, reasoning::ReasoningTextBlock};
use bedrock_llm_schema::{
    Accumulator, Blob, CachePointBlock, ContentBlock, DocumentBlock, DocumentFormat, ImageBlock, ImageFormat,
    Message, ReasoningContentBlock, StreamEvent, ToolChoice, ToolResultBlock, ToolSpec, ToolUseBlock,
    VideoBlock,
};
use serde_json::json;

use super::*;
use crate::families::common::spelling::equal;
use bedrock_llm_schema::OnUnsupported;

fn encoded(request: &ChatRequest) -> Value {
    let encoded = Anthropic.encode_request(request, &EncodeOptions::new(false)).unwrap();
    serde_json::from_slice(&encoded.body).unwrap()
}

fn round_trip(body: &Value) -> Decoded {
    let bytes = body.to_string();
    let same = |again: &Bytes| {
        assert!(equal(&serde_json::from_slice(again).unwrap(), body), "{}", String::from_utf8_lossy(again));
    };
    same(&Anthropic.rewrite_request(bytes.as_bytes()).unwrap());
    let decoded = Anthropic.decode_request(bytes.as_bytes()).unwrap();
    let options = EncodeOptions::new(false).spelling(decoded.spelling.clone());
    let again = Anthropic.encode_request(&decoded.request, &options).unwrap();
    same(&again.body);
    assert_eq!(again.dropped, Vec::<String>::new());
    // the request also survives Converse's own JSON
    let converse = serde_json::to_string(&decoded.request).unwrap();
    assert_eq!(serde_json::from_str::<ChatRequest>(&converse).unwrap(), decoded.request);
    decoded
}

#[test]
fn writes_the_documented_form() {
    let request = ChatRequest::new("anthropic.claude-sonnet-4-20250514-v1:0")
        .system("Be brief.")
        .system(CachePointBlock::with_ttl(CacheTtl::OneHour))
        .message(
            Message::user("What is this?")
                .with(ImageBlock::new(ImageFormat::Png, vec![1, 2, 3]))
                .with(DocumentBlock::new("Notes", DocumentFormat::Md, "# a").citations(true))
                .with(ContentBlock::cache_point()),
        )
        .message(
            Message::assistant(ReasoningContentBlock::from(ReasoningTextBlock::new("Hm.").signed("c2ln")))
                .with(ReasoningContentBlock::RedactedContent(Blob::from("hi")))
                .with(ToolUseBlock::new("t1", "look", json!({"x": null}))),
        )
        .message(ToolResultBlock::error("t1", "no"))
        .tool(ToolSpec::new("look", "Looks", json!({"type": "object"})).strict(true))
        .tool(CachePointBlock::default())
        .tool_choice(ToolChoice::tool("look"))
        .max_tokens(100)
        .temperature(0.5)
        .stop_sequence("|")
        .json_schema("answer", &json!({"type": "object"}))
        .effort("low")
        .additional_field("thinking", json!({"type": "enabled", "budget_tokens": 1024}))
        .additional_field("top_k", 5);
    let body = encoded(&request);
    assert_eq!(
        body,
        json!({
            "anthropic_version": "bedrock-2023-05-31", "max_tokens": 100, "temperature": 0.5, "stop_sequences": ["|"], "top_k": 5,
            "thinking": {"type": "enabled", "budget_tokens": 1024},
            "output_config": {"effort": "low", "format": {"type": "json_schema", "schema": {"type": "object", "title": "answer"}}},
            "system": [{"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral", "ttl": "1h"}}],
            "messages": [
                {"role": "user", "content": [
                    {"type": "text", "text": "What is this?"},
                    {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AQID"}},
                    {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "# a"}, "title": "Notes",
                        "citations": {"enabled": true}, "cache_control": {"type": "ephemeral"}},
                ]},
                {"role": "assistant", "content": [
                    {"type": "thinking", "thinking": "Hm.", "signature": "c2ln"},
                    {"type": "redacted_thinking", "data": "aGk="},
                    {"type": "tool_use", "id": "t1", "name": "look", "input": {"x": null}},
                ]},
                {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t1", "is_error": true,
                    "content": [{"type": "text", "text": "no"}]}]},
            ],
            "tools": [{"name": "look", "description": "Looks", "input_schema": {"type": "object"}, "strict": true,
                "cache_control": {"type": "ephemeral"}}],
            "tool_choice": {"type": "tool", "name": "look"},
        })
    );
    round_trip(&body);
}

#[test]
fn keeps_whatever_a_body_says() {
    let decoded = round_trip(&json!({
        "anthropic_version": "bedrock-2023-05-31", "anthropic_beta": ["x"], "max_tokens": 100.0, "temperature": null, "top_k": 5.0,
        "metadata": {"user_id": null}, "system": [{"type": "text", "text": "a"}], "mcp_servers": [],
        "messages": [
            {"role": "user", "content": [
                {"type": "text", "text": "a", "citations": null}, {"type": "text", "text": "b", "hologram": 1},
                {"type": "image", "source": {"type": "url", "url": "https://a"}},
                {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "no base64"}},
                {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": "aGk="}, "context": "c"},
                {"type": "document", "source": {"type": "content", "content": [{"type": "text", "text": "a"}]}, "title": "t"},
                {"type": "document", "source": {"type": "content", "content": "a"}},
                {"type": "search_result", "source": "s", "title": "t", "content": [{"type": "text", "text": "x"}],
                    "citations": {"enabled": true}, "cache_control": {"type": "ephemeral", "ttl": "5m"}},
            ]},
            {"role": "assistant", "content": [
                {"type": "text", "text": "x", "citations": []},
                {"type": "text", "text": "x", "citations": [{"type": "page_location", "cited_text": "a", "document_index": 0,
                    "document_title": null, "start_page_number": 1, "end_page_number": 2}]},
                {"type": "tool_use", "id": "1", "name": "f", "input": {}, "caller": {"type": "direct"}},
                {"type": "tool_use", "id": "2", "name": "f", "input": {"a": null}, "cache_control": {"type": "ephemeral"}},
                {"type": "server_tool_use", "id": "3", "name": "web_search", "input": {}},
                {"type": "web_search_tool_result", "tool_use_id": "3", "content": [{"x": null}]},
                {"type": "redacted_thinking", "data": "not base64!"},
            ]},
            {"role": "user", "content": [
                {"type": "tool_result", "tool_use_id": "1", "content": "text", "is_error": false},
                {"type": "tool_result", "tool_use_id": "2"},
                {"type": "tool_result", "tool_use_id": "2", "content": []},
                {"type": "tool_result", "tool_use_id": "2", "content": [{"type": "text", "text": "a"},
                    {"type": "text", "text": "a", "cache_control": {"type": "ephemeral"}},
                    {"type": "image", "source": {"type": "base64", "media_type": "image/jpeg", "data": "aGk="}}]},
            ]},
            {"role": "user", "content": ""}, {"role": "user", "content": []},
        ],
        "tools": [{"type": "custom", "name": "f", "input_schema": {"type": "object", "default": null}},
            {"name": "g", "description": null, "input_schema": {}, "cache_control": {"type": "ephemeral"}, "defer_loading": true},
            {"type": "bash_20250124", "name": "bash", "cache_control": {"type": "ephemeral"}}],
        "tool_choice": {"type": "auto", "disable_parallel_tool_use": true},
        "output_config": {"effort": "low", "hologram": 1},
    }));
    let fields = decoded.request.additional_model_request_fields.unwrap();
    assert_eq!(fields["top_k"], json!(5.0));
    assert_eq!(decoded.request.inference_config.unwrap().max_tokens, Some(100));
    let raw = |message: &Message| {
        message.content.iter().filter(|block| matches!(block, ContentBlock::Unknown(_))).count()
    };
    assert_eq!(decoded.request.messages.iter().map(raw).collect::<Vec<_>>(), [4, 2, 1, 0, 0]);

    let body = |more: Value| {
        let mut body = json!({"messages": [{"role": "user", "content": "a"}]});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body
    };
    for more in [
        json!({}),
        json!({"max_tokens": 1.5, "system": "s"}),
        json!({"max_tokens": 1, "anthropic_version": "another", "system": []}),
        json!({"tools": [], "tool_choice": {"type": "none"}}),
        json!({"tool_choice": {"type": "any"}, "tools": [{"odd": 1, "type": "x"}], "output_config": {}}),
        json!({"output_config": {"format": {"type": "json_schema", "schema": {"type": "object"}}}}),
    ] {
        round_trip(&body(more));
    }
}

#[test]
fn says_what_the_family_does_not_have() {
    let request = ChatRequest::new("anthropic.claude-v2")
        .system(CachePointBlock::default())
        .message(Message::user("a").with(VideoBlock::new(VideoFormat::Mp4, vec![1])))
        .message(Message::user(ImageBlock::from_s3(ImageFormat::Png, "s3://a/b")))
        .tool(Tool::SystemTool(SystemTool { name: "nova_grounding".into(), ..SystemTool::default() }));
    let error =
        Anthropic.encode_request(&ChatRequest::new("m").message("a"), &EncodeOptions::default()).unwrap_err();
    assert!(matches!(error, CodecError::Missing { .. }), "{error}");
    let request = request.max_tokens(10);
    let error = Anthropic.encode_request(&request, &EncodeOptions::default()).unwrap_err();
    assert!(matches!(error, CodecError::Unsupported { .. }), "{error}");
    let options = EncodeOptions::default().on_unsupported(OnUnsupported::Degrade);
    let encoded = Anthropic.encode_request(&request, &options).unwrap();
    assert_eq!(
        encoded.dropped,
        [
            "messages[0].content[1].video",
            "messages[1].content[0].image.source",
            "system[0].cachePoint",
            "toolConfig.tools[0].systemTool",
        ]
    );
}

fn events(chunks: &[Value]) -> Vec<StreamEvent> {
    let mut decoder = Anthropic.stream_decoder();
    let mut events = Vec::new();
    for chunk in chunks {
        events.extend(decoder.chunk(chunk.to_string().as_bytes()).unwrap());
    }
    events.extend(decoder.finish());
    events
}

fn folded(events: &[StreamEvent]) -> ChatResponse {
    let mut answer = Accumulator::new();
    events.iter().for_each(|event| answer.push(event));
    answer.response()
}

#[test]
fn streams_bring_every_kind_of_block_both_ways() {
    let delta =
        |index: u32, delta: Value| json!({"type": "content_block_delta", "index": index, "delta": delta});
    let start = |index: u32, block: Value| json!({"type": "content_block_start", "index": index, "content_block": block});
    let stop = |index: u32| json!({"type": "content_block_stop", "index": index});
    let chunks = [
        json!({"type": "message_start", "message": {"id": "m", "type": "message", "role": "assistant", "model": "c", "content": [],
            "stop_reason": null, "usage": {"input_tokens": 9, "cache_creation": {"ephemeral_1h_input_tokens": 4}, "output_tokens": 1}}}),
        start(0, json!({"type": "thinking", "thinking": "", "signature": ""})),
        delta(0, json!({"type": "thinking_delta", "thinking": "Hm."})),
        delta(0, json!({"type": "signature_delta", "signature": "c2ln"})),
        stop(0),
        start(1, json!({"type": "redacted_thinking", "data": "aGk="})),
        stop(1),
        json!({"type": "ping"}),
        start(2, json!({"type": "text", "text": "", "citations": []})),
        delta(2, json!({"type": "text_delta", "text": "Hi"})),
        delta(
            2,
            json!({"type": "citations_delta", "citation": {"type": "char_location", "cited_text": "H", "document_index": 0,
            "start_char_index": 0, "end_char_index": 1}}),
        ),
        stop(2),
        start(3, json!({"type": "tool_use", "id": "t", "name": "f", "input": {}})),
        delta(3, json!({"type": "input_json_delta", "partial_json": "{\"a\""})),
        delta(3, json!({"type": "input_json_delta", "partial_json": ":1}"})),
        stop(3),
        start(4, json!({"type": "server_tool_use", "id": "s", "name": "web_search", "input": {}})),
        stop(4),
        start(5, json!({"type": "web_search_tool_result", "tool_use_id": "s", "content": []})),
        stop(5),
        json!({"type": "message_delta", "delta": {"stop_reason": "tool_use", "stop_sequence": null}, "usage": {"output_tokens": 12}}),
        json!({"type": "message_stop", "amazon-bedrock-invocationMetrics": {"inputTokenCount": 9, "outputTokenCount": 10,
            "cacheWriteInputTokenCount": 4, "invocationLatency": 77, "firstByteLatency": 5}}),
    ];
    let first = events(&chunks);
    let response = folded(&first);
    assert_eq!(
        response.message.content.iter().map(ContentBlock::tag).collect::<Vec<_>>(),
        ["reasoningContent", "reasoningContent", "citationsContent", "toolUse", "toolUse", "type"]
    );
    assert_eq!(
        (response.usage.output_tokens, response.usage.cache_write(), response.metrics.latency_ms),
        (10, 4, 77)
    );
    assert_eq!(response.message.tool_uses().next().unwrap().input, json!({"a": 1}));
    assert_eq!((&response.extra["id"], &response.extra["model"]), (&json!("m"), &json!("c")));

    let mut encoder = Anthropic.stream_encoder(&Spelling::default());
    let again: Vec<_> = first.iter().flat_map(|event| encoder.event(event).unwrap()).collect();
    let again: Vec<Value> = again.iter().map(|chunk| serde_json::from_slice(chunk).unwrap()).collect();
    assert_eq!(again.last().unwrap()["type"], "message_stop");
    assert_eq!(folded(&events(&again)), response);
}

#[test]
fn a_cut_stream_stays_cut_and_an_error_is_one() {
    let cut = events(&[
        json!({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Hi"}}),
    ]);
    assert_eq!(cut, [StreamEvent::message_start(), StreamEvent::text(0, "Hi")]);
    let mut decoder = Anthropic.stream_decoder();
    let error = decoder
        .chunk(br#"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}"#)
        .unwrap_err();
    assert!(std::error::Error::source(&error).unwrap().to_string().contains("Overloaded"));
    for chunk in ["", "{", "[1]", r#"{"type":"content_block_delta"}"#, r#"{"type":"content_block_stop"}"#] {
        assert!(decoder.chunk(chunk.as_bytes()).is_err(), "{chunk}");
    }
    let trailer = json!({"amazon-bedrock-invocationMetrics": {"inputTokenCount": 1, "outputTokenCount": 2}});
    let bare = events(&[json!({"completion": "Hi", "stop_reason": "max_tokens", "stop": null}), trailer]);
    assert_eq!(folded(&bare).usage.total_tokens, 3);
}

#[test]
fn the_old_form_is_written_to_whoever_spells_so() {
    let body = br#"{"prompt": "\n\nHuman: Hi\n\nAssistant:", "max_tokens_to_sample": 50}"#;
    let spelling = Anthropic.decode_request(body).unwrap().spelling;
    let said = [
        StreamEvent::message_start(),
        StreamEvent::text(0, "Hi"),
        StreamEvent::block_stop(0),
        StreamEvent::message_stop(bedrock_llm_schema::StopReason::MaxTokens),
        StreamEvent::metadata(bedrock_llm_schema::Usage::new(1, 2), 3),
    ];
    let mut encoder = Anthropic.stream_encoder(&spelling);
    let chunks: Vec<_> = said.iter().flat_map(|event| encoder.event(event).unwrap()).collect();
    let chunks: Vec<Value> = chunks.iter().map(|chunk| serde_json::from_slice(chunk).unwrap()).collect();
    assert_eq!(
        chunks[0],
        json!({"type": "completion", "completion": "Hi", "stop_reason": null, "stop": null})
    );
    let response = folded(&events(&chunks));
    assert_eq!(response, folded(&said));
    let body: Value =
        serde_json::from_slice(&Anthropic.encode_response(&response, &spelling).unwrap()).unwrap();
    assert_eq!(
        body,
        json!({"type": "completion", "completion": "Hi", "stop_reason": "max_tokens", "stop": null})
    );
    let tool_use =
        ChatResponse { message: Message::assistant(ToolUseBlock::new("a", "b", json!({}))), ..response };
    assert!(Anthropic.encode_response(&tool_use, &spelling).is_err());
    assert!(encoder.event(&StreamEvent::tool_use_start(0, "a", "b")).is_err());
}
