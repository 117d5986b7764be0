//! Every recorded exchange of Anthropic, AI21 and OpenAI-style models, through the codecs and back.

#![allow(clippy::unwrap_used, reason = "a test")]

use std::path::PathBuf;

use bedrock_llm_providers::{EncodeOptions, InvocationMetrics, Provider, Registry};
use bedrock_llm_schema::stream::Ending;
use bedrock_llm_schema::{Accumulator, ChatResponse, ModelId, StreamEvent};
use proptest::prelude::*;
use serde_json::{Value, json};

const TRAILER: &str = "amazon-bedrock-invocationMetrics";
const OURS: [&str; 4] = ["anthropic", "openai", "openai-compatible", "ai21"];

struct Recording {
    file: String,
    exchange: Value,
    provider: std::sync::Arc<dyn Provider>,
}

fn recordings() -> Vec<Recording> {
    let default = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/recordings");
    let root = std::env::var_os("BEDROCK_LLM_RECORDINGS").map_or(default, PathBuf::from);
    let registry = Registry::builtin();
    let mut found = Vec::new();
    for folder in ["invoke-model", "invoke-model-with-response-stream"] {
        let Ok(entries) = std::fs::read_dir(root.join(folder)) else {
            eprintln!("skipped: no recordings in {}", root.display());
            return Vec::new();
        };
        for entry in entries {
            let path = entry.unwrap().path();
            let exchange: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
            let model = ModelId::from(exchange["model_id"].as_str().unwrap());
            let Ok(provider) = registry.get(&model) else { continue };
            if OURS.iter().any(|name| provider.name().starts_with(name))
                && exchange["request"]["body"].is_object()
            {
                found.push(Recording {
                    file: format!("{folder}/{}", path.file_name().unwrap().display()),
                    exchange,
                    provider,
                });
            }
        }
    }
    assert!(!found.is_empty(), "no recording of ours in {}", root.display());
    found.sort_by(|a, b| a.file.cmp(&b.file));
    found
}

impl Recording {
    fn request(&self) -> &Value {
        &self.exchange["request"]["body"]
    }

    fn succeeded(&self) -> bool {
        self.exchange["response"]["status"] == 200
    }

    fn metrics(&self) -> InvocationMetrics {
        let headers = self.exchange["response"]["headers"].as_object().unwrap();
        InvocationMetrics::from_headers(
            headers.iter().filter_map(|(name, value)| Some((name.as_str(), value.as_str()?))),
        )
    }

    fn response(&self) -> Option<&Value> {
        Some(&self.exchange["response"]["body"]).filter(|body| self.succeeded() && body.is_object())
    }

    fn chunks(&self) -> Vec<Value> {
        let events = self.exchange["response"]["events"].as_array();
        events
            .into_iter()
            .flatten()
            .filter_map(|event| event["payload"].get("bytes_decoded").cloned())
            .collect()
    }

    fn spelling(&self) -> bedrock_llm_providers::Spelling {
        self.provider.decode_request(self.request().to_string().as_bytes()).unwrap().spelling
    }
}

fn equal(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Number(left), Value::Number(right)) => left == right || left.as_f64() == right.as_f64(),
        (Value::Array(left), Value::Array(right)) => {
            left.len() == right.len() && left.iter().zip(right).all(|(left, right)| equal(left, right))
        }
        (Value::Object(left), Value::Object(right)) => {
            left.len() == right.len()
                && left.iter().all(|(name, value)| right.get(name).is_some_and(|other| equal(value, other)))
        }
        _ => left == right,
    }
}

#[test]
fn requests_are_read_and_written_back() {
    for recording in recordings() {
        let file = &recording.file;
        let body = recording.request().to_string();
        let again = recording.provider.rewrite_request(body.as_bytes()).unwrap();
        assert!(equal(&serde_json::from_slice(&again).unwrap(), recording.request()), "{file}");
        let decoded = recording.provider.decode_request(body.as_bytes()).unwrap();
        assert!(decoded.is_chat || recording.request().get("messages").is_none(), "{file}");
        assert!(!decoded.request.messages.is_empty(), "{file}");
        if decoded.is_chat {
            let options = EncodeOptions::new(false).spelling(decoded.spelling);
            let again = recording.provider.encode_request(&decoded.request, &options).unwrap();
            assert!(equal(&serde_json::from_slice(&again.body).unwrap(), recording.request()), "{file}");
            assert!(again.dropped.is_empty(), "{file}");
        }
    }
}

/// The text of a native response, read without our codecs.
fn native_text(body: &Value) -> String {
    let texts = |list: &Value, pointer: &str| -> String {
        list.as_array().into_iter().flatten().filter_map(|item| item.pointer(pointer)?.as_str()).collect()
    };
    let first = body.pointer("/choices/0").or(body.pointer("/completions/0"));
    let one = |pointer: &str| first.and_then(|first| first.pointer(pointer)?.as_str()).map(str::to_owned);
    (body["completion"].as_str().map(str::to_owned))
        .or_else(|| one("/message/content"))
        .or_else(|| one("/text"))
        .or_else(|| one("/data/text"))
        .unwrap_or_else(|| texts(&body["content"], "/text"))
}

#[test]
fn responses_are_read_and_written_back() {
    for recording in recordings() {
        let Some(body) = recording.response() else { continue };
        let (file, metrics) = (&recording.file, recording.metrics());
        let response = recording.provider.decode_response(body.to_string().as_bytes(), &metrics).unwrap();
        assert_eq!(response.text(), native_text(body), "{file}");
        let calls = body["content"]
            .as_array()
            .into_iter()
            .flatten()
            .filter(|block| block["type"] == "tool_use")
            .count();
        assert_eq!(response.message.tool_uses().count(), calls, "{file}");
        let usage = &response.usage;
        assert_eq!(metrics.input_token_count.unwrap(), usage.input_tokens, "{file}");
        assert_eq!(metrics.output_token_count.unwrap(), usage.output_tokens, "{file}");
        assert_eq!(metrics.cache_read_input_token_count.unwrap_or(0), usage.cache_read(), "{file}");
        assert_eq!(metrics.cache_write_input_token_count.unwrap_or(0), usage.cache_write(), "{file}");
        assert_eq!(metrics.invocation_latency.unwrap(), response.metrics.latency_ms, "{file}");
        let reason =
            body["stop_reason"].as_str().or(body.pointer("/choices/0/finish_reason").and_then(Value::as_str));
        let expected = match reason
            .or(body.pointer("/completions/0/finishReason/reason").and_then(Value::as_str))
            .unwrap()
        {
            "stop" | "endoftext" => "end_turn",
            "length" => "max_tokens",
            other => other,
        };
        assert_eq!(response.stop_reason.as_str(), expected, "{file}");

        let again = recording.provider.encode_response(&response, &recording.spelling()).unwrap();
        assert_eq!(recording.provider.decode_response(&again, &metrics).unwrap(), response, "{file}");
    }
}

fn decode(
    provider: &dyn Provider,
    chunks: impl IntoIterator<Item = Vec<u8>>,
) -> (Vec<StreamEvent>, ChatResponse, Ending) {
    let mut decoder = provider.stream_decoder();
    let mut events = Vec::new();
    for chunk in chunks {
        events.extend(decoder.chunk(&chunk).unwrap());
    }
    events.extend(decoder.finish());
    let mut answer = Accumulator::new();
    events.iter().for_each(|event| answer.push(event));
    (events, answer.response(), answer.ending())
}

#[test]
fn streams_are_read_and_written_back() {
    for recording in recordings() {
        let (file, chunks) = (&recording.file, recording.chunks());
        if chunks.is_empty() {
            continue;
        }
        let (events, response, ending) =
            decode(&*recording.provider, chunks.iter().map(|chunk| chunk.to_string().into_bytes()));
        assert_eq!(ending, Ending::Complete, "{file}");
        let said: String = chunks
            .iter()
            .filter_map(|chunk| {
                let pieces = ["/completion", "/delta/text", "/choices/0/delta/content", "/choices/0/text"];
                pieces.iter().find_map(|pointer| chunk.pointer(pointer)?.as_str())
            })
            .collect();
        assert_eq!(response.text(), said, "{file}");
        let calls = chunks.iter().filter(|chunk| chunk["content_block"]["type"] == "tool_use").count();
        assert_eq!(response.message.tool_uses().count(), calls, "{file}");
        let trailer = chunks.iter().find_map(|chunk| chunk.get(TRAILER)).unwrap();
        let usage = &response.usage;
        assert_eq!(json!(usage.input_tokens), trailer["inputTokenCount"], "{file}");
        assert_eq!(json!(usage.output_tokens), trailer["outputTokenCount"], "{file}");
        assert_eq!(
            json!(usage.cache_read()),
            *trailer.get("cacheReadInputTokenCount").unwrap_or(&json!(0)),
            "{file}"
        );
        assert_eq!(json!(response.metrics.latency_ms), trailer["invocationLatency"], "{file}");
        let reasons = ["/delta/stop_reason", "/stop_reason", "/choices/0/finish_reason"];
        let reason = chunks
            .iter()
            .find_map(|chunk| reasons.iter().find_map(|pointer| chunk.pointer(pointer)?.as_str()));
        assert_eq!(
            response.stop_reason.as_str(),
            reason.map(|reason| if reason == "stop" { "end_turn" } else { reason }).unwrap(),
            "{file}"
        );
        let starts = events.iter().filter(|event| matches!(event, StreamEvent::MessageStart(_))).count();
        assert!(starts == 1 && matches!(events.last(), Some(StreamEvent::Metadata(_))), "{file}");

        let mut encoder = recording.provider.stream_encoder(&recording.spelling());
        let again: Vec<_> = events.iter().flat_map(|event| encoder.event(event).unwrap()).collect();
        assert!(String::from_utf8_lossy(again.last().unwrap()).contains(TRAILER), "{file}");
        let (_, same, _) = decode(&*recording.provider, again.iter().map(|chunk| chunk.to_vec()));
        assert_eq!(same, response, "{file}");

        // cut before its end, it stays without one
        let cut = chunks.iter().take(chunks.len() / 2).map(|chunk| chunk.to_string().into_bytes());
        assert_eq!(decode(&*recording.provider, cut).2, Ending::Truncated, "{file}");
    }
}

fn feed(provider: &dyn Provider, bytes: &[u8]) {
    if let Ok(decoded) = provider.decode_request(bytes) {
        let options = EncodeOptions::new(true).spelling(decoded.spelling);
        let _ = provider.encode_request(&decoded.request, &options);
    }
    let _ = provider.rewrite_request(bytes);
    let _ = provider.decode_response(bytes, &InvocationMetrics::default());
    let mut decoder = provider.stream_decoder();
    let mut events = decoder.chunk(bytes).unwrap_or_default();
    events.extend(decoder.chunk(bytes).unwrap_or_default());
    events.extend(decoder.finish());
    let mut encoder = provider.stream_encoder(&Default::default());
    for event in &events {
        let _ = encoder.event(event);
    }
}

/// Bodies and chunks of the recordings, the shorter ones: mutations of long texts find nothing more.
fn samples() -> Vec<Vec<u8>> {
    let mut samples = vec![
        br#"{"messages":[{"role":"user","content":[{"type":"tool_result","tool_use_id":"a","content":"b"}]}],"max_tokens":1}"#.to_vec(),
        br#"{"type":"content_block_start","index":1,"content_block":{"type":"tool_use","id":"a","name":"b","input":{}}}"#.to_vec(),
        br#"{"choices":[{"delta":{"content":"<reasoning>a</reasoning>b","tool_calls":[{"id":"a","function":{"arguments":"{"}}]}}]}"#.to_vec(),
        br#"{"type":"message","content":[],"usage":{"input_tokens":18446744073709551615,"output_tokens":1}}"#.to_vec(),
        br#"{"type":"message_delta","delta":{},"usage":{"input_tokens":18446744073709551615,"output_tokens":1}}"#.to_vec(),
        br#"{"choices":[{"message":{"content":"a"}}],"usage":{"prompt_tokens":18446744073709551615,"completion_tokens":1}}"#.to_vec(),
        br#"{"choices":[],"usage":{"prompt_tokens":1,"completion_tokens":18446744073709551615,"total_tokens":18446744073709551615}}"#.to_vec(),
        "{\"prompt\":\"é\\n\\nHuman: é\\n\\nAssistant: \\n\",\"max_tokens_to_sample\":5}".into(),
    ];
    for recording in recordings() {
        samples.push(recording.request().to_string().into_bytes());
        samples.extend(recording.response().map(|body| body.to_string().into_bytes()));
        samples.extend(recording.chunks().iter().map(|chunk| chunk.to_string().into_bytes()));
    }
    samples.retain(|sample| sample.len() < 4000);
    samples
}

#[test]
fn mutated_recordings_never_panic() {
    let (samples, registry) = (samples(), Registry::builtin());
    let models = [
        "anthropic.claude-v2",
        "openai.gpt-oss-20b-1:0",
        "ai21.jamba-1-5-mini-v1:0",
        "ai21.j2-mid-v1",
        "qwen.qwen3-32b-v1:0",
    ];
    let providers: Vec<_> =
        models.iter().map(|model| registry.get(&ModelId::from(*model)).unwrap()).collect();
    let pick = || any::<prop::sample::Index>();
    let mutation = (pick(), pick(), pick(), any::<u8>(), 0..4u8);
    proptest!(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() }, |(mutations in prop::collection::vec(mutation, 1..5), first in pick())| {
        let mut bytes = first.get(&samples).clone();
        for (at, other, cut, byte, kind) in mutations {
            let at = if bytes.is_empty() { 0 } else { at.index(bytes.len()) };
            match kind {
                0 if !bytes.is_empty() => bytes[at] = byte,
                1 => bytes.truncate(at),
                2 => {
                    let other = other.get(&samples);
                    bytes.truncate(at);
                    bytes.extend_from_slice(&other[cut.index(other.len())..]);
                }
                _ => bytes.insert(at, byte),
            }
        }
        for provider in &providers {
            feed(&**provider, &bytes);
        }
    });
    for sample in &samples {
        for provider in &providers {
            feed(&**provider, sample); // whole ones, also to the codecs of other families
        }
    }
}
