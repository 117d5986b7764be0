//! Any bytes, as a request, a response and a stream, to every codec: none may panic.
#![no_main]

use std::sync::LazyLock;

use bedrock_llm_providers::{EncodeOptions, InvocationMetrics, Registry, Spelling};
use libfuzzer_sys::fuzz_target;

static REGISTRY: LazyLock<Registry> = LazyLock::new(Registry::builtin);

fuzz_target!(|bytes: &[u8]| {
    for provider in REGISTRY.providers() {
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
});
