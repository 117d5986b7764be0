//! Tests of the Mistral codec.

use bedrock_llm_schema::{Accumulator, ContentBlock, Message, StopReason};
use serde_json::json;

use super::*;
use crate::families::common::spelling::equal;

fn round_trip(body: &Value) -> Decoded {
    let bytes = body.to_string();
    let again: Value = serde_json::from_slice(&Mistral.rewrite_request(bytes.as_bytes()).unwrap()).unwrap();
    assert!(equal(&again, body), "{again}\n{body}");
    let decoded = Mistral.decode_request(bytes.as_bytes()).unwrap();
    let options = EncodeOptions::default().spelling(decoded.spelling.clone());
    let again = Mistral.encode_request(&decoded.request, &options).unwrap().body;
    let again: Value = serde_json::from_slice(&again).unwrap();
    assert!(equal(&again, body), "{again}\n{body}");
    decoded
}

#[test]
fn turns_keep_what_else_they_say() {
    let image = json!({"type": "image_url", "image_url": {"url": "data:image/png;base64,AQID"}});
    let thinking = json!({"type": "thinking", "thinking": [{"type": "text", "text": "Hm."}]});
    let decoded = round_trip(&json!({"messages": [
        {"role": "user", "content": [{"type": "text", "text": "a"}, image], "tool_call_id": "odd"},
        {"role": "assistant", "content": [thinking, image, {"type": "thinking", "thinking": "odd"}], "tool_calls": [
            {"id": "c1", "index": 0, "type": "function", "function": {"name": "f", "arguments": "{}", "parsed": 1}},
            {"function": {"name": "g", "arguments": "{\"x\":1}"}}]},
        {"role": "tool", "tool_call_id": "c1", "name": "f", "content": [{"type": "text", "text": "b"}, image]},
        {"role": "tool", "content": "c"},
        {"role": "user", "content": "d", "tool_calls": [{"id": "odd", "function": {"name": "h"}}]},
    ]}));
    let messages = &decoded.request.messages;
    let tags =
        |message: &Message| message.content.iter().map(ContentBlock::tag).collect::<Vec<_>>().join(" ");
    assert_eq!(tags(&messages[0]), "text image");
    assert_eq!(messages[1].reasoning(), "Hm.");
    let ids: Vec<_> = messages[1].tool_uses().map(|call| call.tool_use_id.as_str()).collect();
    assert_eq!(ids, ["c1", ""], "no id of ours");
    assert_eq!(messages[2].tool_results().count(), 2);
}

fn streamed(chunks: &[Value]) -> (ChatResponse, Vec<bedrock_llm_schema::StreamEvent>) {
    let mut decoder = Mistral.stream_decoder();
    let mut events: Vec<_> =
        chunks.iter().flat_map(|chunk| decoder.chunk(chunk.to_string().as_bytes()).unwrap()).collect();
    events.extend(decoder.finish());
    let mut answer = Accumulator::new();
    events.iter().for_each(|event| answer.push(event));
    (answer.response(), events)
}

#[test]
fn a_choice_may_say_its_reason_twice() {
    for (members, reason) in [
        (json!({"finish_reason": "stop", "stop_reason": null}), StopReason::EndTurn),
        (json!({"finish_reason": "length", "stop_reason": 2}), StopReason::MaxTokens),
        (json!({"finish_reason": null, "stop_reason": "tool_calls"}), StopReason::ToolUse),
        (json!({"stop_reason": "stop"}), StopReason::EndTurn),
    ] {
        let mut choice = json!({"index": 0, "message": {"content": "Hi"}, "delta": null});
        choice.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
        let body = json!({"choices": [choice]});
        let response =
            Mistral.decode_response(body.to_string().as_bytes(), &InvocationMetrics::default()).unwrap();
        assert_eq!((response.text().as_str(), &response.stop_reason), ("Hi", &reason));
        let (response, _) = streamed(&[body]);
        assert_eq!((response.text().as_str(), &response.stop_reason), ("Hi", &reason));
    }
}

#[test]
fn answers_bring_reasoning_and_what_else_they_say() {
    let thinking = json!([{"type": "thinking", "thinking": [{"type": "text", "text": "Hm."}]}, {"type": "text", "text": "Hi"}]);
    for message in [
        json!({"role": "assistant", "content": "Hi", "reasoning_content": "Hm.", "refusal": null, "x": 1}),
        json!({"role": "assistant", "content": "Hi", "reasoning": "Hm.", "x": 1}),
        json!({"role": "assistant", "content": thinking, "x": 1}),
    ] {
        let body = json!({"choices": [{"index": 0, "message": message, "finish_reason": "stop", "y": 2, "logprobs": null}]});
        let response =
            Mistral.decode_response(body.to_string().as_bytes(), &InvocationMetrics::default()).unwrap();
        assert_eq!((response.text().as_str(), response.message.reasoning().as_str()), ("Hi", "Hm."));
        assert_eq!(Value::Object(response.extra.clone()), json!({"x": 1, "y": 2}));
        let again = response::encode_chat(&response).unwrap();
        assert_eq!(Mistral.decode_response(&again, &InvocationMetrics::default()).unwrap(), response);

        let (streamed_response, events) = streamed(&[body]);
        assert_eq!(streamed_response.message, response.message);
        let Some(bedrock_llm_schema::StreamEvent::Metadata(metadata)) = events.last() else {
            panic!("no metadata")
        };
        assert_eq!(Value::Object(metadata.extra.clone()), json!({"x": 1, "y": 2}));
        let mut encoder = stream::ChatEncoder::default();
        let chunks: Vec<Value> = events
            .iter()
            .flat_map(|event| encoder.event(event).unwrap())
            .map(|chunk| serde_json::from_slice(&chunk).unwrap())
            .collect();
        assert_eq!(streamed(&chunks).0.message, response.message);

        // what it thought can be told again
        let request = ChatRequest::new("mistral.magistral-small-2509").message(response.message);
        let body = Mistral.encode_request(&request, &EncodeOptions::default()).unwrap().body;
        assert!(String::from_utf8_lossy(&body).contains(r#""type":"thinking""#));
    }
}

#[test]
fn a_late_piece_of_a_call_is_no_piece_of_the_next() {
    use bedrock_llm_schema::StreamEvent;
    let mut encoder = stream::ChatEncoder::default();
    for event in [
        StreamEvent::tool_use_start(0, "a", "f"),
        StreamEvent::block_stop(0),
        StreamEvent::tool_use_start(1, "b", "g"),
        StreamEvent::tool_input(1, "{}"),
    ] {
        encoder.event(&event).unwrap();
    }
    assert!(encoder.event(&StreamEvent::tool_input(0, "1}")).is_err());
}
