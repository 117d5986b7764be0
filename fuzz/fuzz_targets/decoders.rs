//! Any bytes, as a request, a response and a stream, to every codec of chats, embeddings and rankings: none may panic.
#![no_main]

use std::sync::LazyLock;

use bedrock_llm_providers::families::agent_runtime::AgentRuntimeRerank;
use bedrock_llm_providers::{
    EmbedCodec, EncodeOptions, InvocationMetrics, Provider, Registry, RerankCodec, Spelling,
};
use libfuzzer_sys::fuzz_target;

static REGISTRY: LazyLock<Registry> = LazyLock::new(Registry::builtin);

fuzz_target!(|bytes: &[u8]| {
    REGISTRY.providers().for_each(|codec| chat(codec, bytes));
    REGISTRY.embed_codecs().for_each(|codec| embed(codec, bytes));
    REGISTRY.rerank_codecs().for_each(|codec| rerank(codec, bytes));
    rerank(&AgentRuntimeRerank, bytes);
});

fn chat(provider: &dyn Provider, bytes: &[u8]) {
    let _ = provider.rewrite_request(bytes);
    let mut spelling = Spelling::default();
    if let Ok(decoded) = provider.decode_request(bytes) {
        let options = EncodeOptions::new(true).spelling(decoded.spelling.clone());
        let _ = provider.encode_request(&decoded.request, &options);
        spelling = decoded.spelling;
    }
    if let Ok(response) = provider.decode_response(bytes, &InvocationMetrics::default()) {
        let _ = provider.encode_response(&response, &spelling);
    }
    // a chunk a line, and what was understood written again
    let mut decoder = provider.stream_decoder();
    let mut encoder = provider.stream_encoder(&spelling);
    let mut events = Vec::new();
    for chunk in bytes.split(|byte| *byte == b'\n') {
        events.extend(decoder.chunk(chunk).unwrap_or_default());
    }
    events.extend(decoder.finish());
    for event in &events {
        let _ = encoder.event(event);
    }
}

/// What was read is written, and read again: the same.
fn embed(codec: &dyn EmbedCodec, bytes: &[u8]) {
    if let Ok(request) = codec.decode_request(bytes)
        && let Ok(body) = codec.encode_request(&request, &request.model)
    {
        assert_eq!(codec.decode_request(&body).ok().map(|again| again.inputs), Some(request.inputs));
    }
    // what one version answers, another may not
    if let Ok(response) = codec.decode_response(bytes, &InvocationMetrics::default())
        && let Ok(body) = codec.encode_response(&response, &Default::default())
    {
        let again = codec.decode_response(&body, &InvocationMetrics::default()).unwrap();
        assert_eq!(again.vectors.len(), response.vectors.len());
        assert!(again.vectors.iter().all(|vectors| response.vectors.contains(vectors)));
    }
}

fn rerank(codec: &dyn RerankCodec, bytes: &[u8]) {
    if let Ok(request) = codec.decode_request(bytes) {
        let body = codec.encode_request(&request, &request.model).unwrap();
        assert_eq!(codec.decode_request(&body).ok().map(|again| again.query), Some(request.query));
    }
    if let Ok(response) = codec.decode_response(bytes, &InvocationMetrics::default()) {
        let body = codec.encode_response(&response).unwrap();
        let again = codec.decode_response(&body, &InvocationMetrics::default()).unwrap();
        assert_eq!(again.results.len(), response.results.len());
    }
}
