//! Every recorded native exchange of Nova, Titan text, Cohere Command, Llama and Mistral, through their codecs.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::fs;
use std::path::PathBuf;

use bedrock_llm_providers::{EncodeOptions, InvocationMetrics, Provider, Registry, Spelling};
use bedrock_llm_schema::content::tool::ToolResultBlock;
use bedrock_llm_schema::{
    Accumulator, ChatRequest, ChatResponse, ContentBlock, DocumentBlock, ImageBlock, ImageFormat, Message,
    ModelId, StopReason, StreamEvent, ToolChoice, ToolSpec, ToolUseBlock, Usage,
};
use proptest::prelude::*;
use serde_json::{Value, json};

const FAMILIES: [&str; 5] = ["amazon-nova", "amazon-titan", "cohere", "meta", "mistral"];

/// Equality of JSON in which numbers are equal by value.
fn same(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Number(left), Value::Number(right)) => left.as_f64() == right.as_f64(),
        (Value::Array(left), Value::Array(right)) => {
            left.len() == right.len() && left.iter().zip(right).all(|(left, right)| same(left, right))
        }
        (Value::Object(left), Value::Object(right)) => {
            left.len() == right.len()
                && left.iter().all(|(name, value)| right.get(name).is_some_and(|other| same(value, other)))
        }
        _ => left == right,
    }
}

fn parsed(bytes: &[u8]) -> Value {
    serde_json::from_slice(bytes).unwrap()
}

struct Exchange {
    file: String,
    model: ModelId,
    record: Value,
}

impl Exchange {
    fn request(&self) -> Vec<u8> {
        self.record["request"]["body"].to_string().into_bytes()
    }

    fn metrics(&self) -> InvocationMetrics {
        let headers = self.record["response"]["headers"].as_object().unwrap();
        InvocationMetrics::from_headers(
            headers.iter().map(|(name, value)| (name.as_str(), value.as_str().unwrap_or_default())),
        )
    }

    fn chunks(&self) -> Vec<Value> {
        let events = self.record["response"]["events"].as_array().into_iter().flatten();
        events
            .map(|event| event["payload"]["bytes_decoded"].clone())
            .filter(|chunk| !chunk.is_null())
            .collect()
    }
}

/// The recordings of our families in a folder; none, and a word about it, where they are missing.
fn exchanges(operation: &str) -> Vec<Exchange> {
    let home = std::env::var("BEDROCK_LLM_RECORDINGS").map_or_else(
        |_| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/recordings"),
        PathBuf::from,
    );
    let Ok(folder) = fs::read_dir(home.join(operation)) else {
        println!("skipped: no recordings in {}", home.display());
        return Vec::new();
    };
    let registry = Registry::builtin();
    let mut found = Vec::new();
    for path in folder.map(|entry| entry.unwrap().path()) {
        let record = parsed(&fs::read(&path).unwrap());
        let model = ModelId::from(record["model_id"].as_str().unwrap());
        let is_ours = registry.get(&model).is_ok_and(|provider| FAMILIES.contains(&provider.name()));
        if is_ours && record["request"]["body"].is_object() {
            found.push(Exchange {
                file: path.file_name().unwrap().to_string_lossy().into_owned(),
                model,
                record,
            });
        }
    }
    found.sort_by(|left, right| left.file.cmp(&right.file));
    println!("{operation}: {} exchanges", found.len());
    found
}

fn provider(model: &ModelId) -> std::sync::Arc<dyn Provider> {
    Registry::builtin().get(model).unwrap()
}

#[test]
fn requests_are_written_as_they_were() {
    for exchange in [exchanges("invoke-model"), exchanges("invoke-model-with-response-stream")].concat_all() {
        let (file, provider) = (&exchange.file, provider(&exchange.model));
        let body = exchange.request();
        assert!(same(&parsed(&provider.rewrite_request(&body).unwrap()), &parsed(&body)), "{file}");

        let decoded = provider.decode_request(&body).unwrap();
        let mut request = decoded.request.clone();
        request.model = exchange.model.clone();
        let options = EncodeOptions::default().spelling(decoded.spelling.clone());
        let again = parsed(&provider.encode_request(&request, &options).unwrap().body);
        // bare prompts too: a codec of ours forgets nothing
        assert!(same(&again, &parsed(&body)), "{file}: {again}");

        // the request survives our own form as well, unless the model's template lacks what a bare prompt says
        let encoded = provider.encode_request(&request, &EncodeOptions::default()).unwrap();
        let unspelt = provider.decode_request(&encoded.body).unwrap();
        assert_eq!(unspelt.request.inference_config, decoded.request.inference_config, "{file}");
        if decoded.is_chat {
            assert_eq!(unspelt.request.messages, decoded.request.messages, "{file}");
            assert_eq!(unspelt.request.system, decoded.request.system, "{file}");
            assert_eq!(unspelt.request.tool_config, decoded.request.tool_config, "{file}");
        }
    }
}

trait ConcatAll {
    fn concat_all(self) -> Vec<Exchange>;
}

impl<const N: usize> ConcatAll for [Vec<Exchange>; N] {
    fn concat_all(self) -> Vec<Exchange> {
        self.into_iter().flatten().collect()
    }
}

/// The text of a recorded body or chunk of any family; of the first generation where there are several.
fn native_text(body: &Value) -> String {
    let string = |pointer: &str| body.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
    if let Some(blocks) = body.pointer("/output/message/content").and_then(Value::as_array) {
        return blocks.iter().filter_map(|block| block["text"].as_str()).collect();
    }
    if body.get("index").is_some_and(|index| index.as_f64() != Some(0.0)) {
        return String::new();
    }
    let pointers = [
        "/results/0/outputText",
        "/outputText",
        "/generations/0/text",
        "/text",
        "/generation",
        "/outputs/0/text",
        "/choices/0/message/content",
        "/contentBlockDelta/delta/text",
    ];
    pointers.iter().map(|pointer| string(pointer)).find(|text| !text.is_empty()).unwrap_or_default()
}

fn stop_reason(body: &Value) -> Option<&str> {
    let pointers = [
        "/stopReason",
        "/results/0/completionReason",
        "/completionReason",
        "/generations/0/finish_reason",
        "/finish_reason",
        "/stop_reason",
        "/outputs/0/stop_reason",
        "/messageStop/stopReason",
    ];
    pointers.iter().find_map(|pointer| body.pointer(pointer).and_then(Value::as_str))
}

fn expected_stop(native: &str, text_calls_tools: bool) -> StopReason {
    match native {
        "max_tokens" | "LENGTH" | "MAX_TOKENS" | "length" => StopReason::MaxTokens,
        "end_turn" | "FINISH" | "COMPLETE" | "stop" if !text_calls_tools => StopReason::EndTurn,
        "tool_use" | "COMPLETE" => StopReason::ToolUse,
        other => StopReason::from(other),
    }
}

#[test]
fn responses_say_what_was_recorded() {
    for exchange in exchanges("invoke-model") {
        if exchange.record["response"]["status"] != 200 {
            continue;
        }
        let (file, provider) = (&exchange.file, provider(&exchange.model));
        let body = &exchange.record["response"]["body"];
        let metrics = exchange.metrics();
        let response = provider.decode_response(body.to_string().as_bytes(), &metrics).unwrap();
        assert_eq!(response.text(), native_text(body), "{file}");
        let calls_tools = response.message.tool_uses().next().is_some();
        assert_eq!(
            Some(response.stop_reason.clone()),
            stop_reason(body).map(|stop| expected_stop(stop, calls_tools)),
            "{file}"
        );
        assert_eq!(Some(response.usage.input_tokens), metrics.input_token_count, "{file}");
        assert_eq!(Some(response.usage.output_tokens), metrics.output_token_count, "{file}");
        assert_eq!(Some(response.metrics.latency_ms), metrics.invocation_latency, "{file}");
        for member in ["amazon-bedrock-trace", "amazon-bedrock-guardrailAction"] {
            assert_eq!(response.extra.get(member), body.get(member), "{file}");
        }

        let spelling = provider.decode_request(&exchange.request()).unwrap().spelling;
        let written = provider.encode_response(&response, &spelling).unwrap();
        assert_same_answer(&provider.decode_response(&written, &metrics).unwrap(), &response, file);
        let streamed = through_a_stream(&*provider, &response, &spelling);
        assert_eq!(
            (streamed.text(), &streamed.stop_reason),
            (response.text(), &response.stop_reason),
            "{file}"
        );
        assert_eq!((&streamed.usage, &streamed.metrics), (&response.usage, &response.metrics), "{file}");
    }
}

#[test]
fn streams_say_what_was_recorded() {
    for exchange in exchanges("invoke-model-with-response-stream") {
        if exchange.record["response"]["status"] != 200 {
            continue;
        }
        let (file, provider) = (&exchange.file, provider(&exchange.model));
        let chunks = exchange.chunks();
        assert!(!chunks.is_empty(), "{file}");
        let texts: Vec<Vec<u8>> = chunks.iter().map(|chunk| chunk.to_string().into_bytes()).collect();
        let events = decode_stream(&*provider, &texts);
        let kinds: Vec<&str> = events.iter().map(StreamEvent::tag).collect();
        assert_eq!(kinds.iter().filter(|kind| **kind == "messageStart").count(), 1, "{file}");
        assert_eq!(kinds[0], "messageStart", "{file}");
        assert_eq!(kinds[kinds.len() - 2..], ["messageStop", "metadata"], "{file}");
        let response = fold(&events);
        assert_eq!(response.text(), chunks.iter().map(native_text).collect::<String>(), "{file}");
        assert!(response.incomplete_tool_uses.is_empty(), "{file}");
        let calls_tools = response.message.tool_uses().next().is_some();
        let stop = chunks.iter().rev().find_map(stop_reason).unwrap();
        assert_eq!(response.stop_reason, expected_stop(stop, calls_tools), "{file}");
        let trailer = &chunks.last().unwrap()["amazon-bedrock-invocationMetrics"];
        assert_eq!(json!(response.usage.input_tokens), trailer["inputTokenCount"], "{file}");
        assert_eq!(json!(response.usage.output_tokens), trailer["outputTokenCount"], "{file}");
        assert_eq!(json!(response.metrics.latency_ms), trailer["invocationLatency"], "{file}");

        // our own stream of the same events
        let spelling = provider.decode_request(&exchange.request()).unwrap().spelling;
        let mut encoder = provider.stream_encoder(&spelling);
        let written: Vec<Vec<u8>> = events
            .iter()
            .flat_map(|event| encoder.event(event).unwrap())
            .map(|chunk| chunk.to_vec())
            .collect();
        assert!(parsed(written.last().unwrap()).get("amazon-bedrock-invocationMetrics").is_some(), "{file}");
        let again = fold(&decode_stream(&*provider, &written));
        assert_same_answer(&again, &response, file);

        // a cut stream never ends well
        for length in 0..texts.len() - 1 {
            let cut = decode_stream(&*provider, &texts[..length]);
            let has_stopped = chunks[..length].iter().any(|chunk| stop_reason(chunk).is_some());
            assert_eq!(
                cut.iter().any(|event| event.tag() == "messageStop"),
                has_stopped,
                "{file} cut at {length}"
            );
        }
    }
}

#[test]
fn further_generations_are_kept_apart() {
    let provider = provider(&"cohere.command-light-text-v14".into());
    let chunks = [
        json!({"index": 0, "is_finished": false, "text": "a"}),
        json!({"index": 1, "is_finished": false, "text": "x"}),
        json!({"index": 0, "is_finished": false, "text": "b"}),
        json!({"finish_reason": "COMPLETE", "is_finished": true}),
        json!({"amazon-bedrock-invocationMetrics": {"inputTokenCount": 1.0, "outputTokenCount": 2}}),
    ];
    let response = fold(&decode_stream(&*provider, &chunks.map(|chunk| chunk.to_string().into_bytes())));
    assert_eq!((response.text(), response.usage.total_tokens), ("ab".to_owned(), 3));
    let fields = response.additional_model_response_fields.unwrap();
    assert_eq!(fields, json!({"generations": [{"index": 1, "text": "x"}]}));
}

fn decode_stream(provider: &dyn Provider, chunks: &[Vec<u8>]) -> Vec<StreamEvent> {
    let mut decoder = provider.stream_decoder();
    let mut events: Vec<StreamEvent> =
        chunks.iter().flat_map(|chunk| decoder.chunk(chunk).unwrap()).collect();
    events.extend(decoder.finish());
    events
}

fn fold(events: &[StreamEvent]) -> ChatResponse {
    let mut accumulator = Accumulator::new();
    events.iter().for_each(|event| accumulator.push(event));
    accumulator.response()
}

/// Writes an answer as a stream, a word at a time, and reads it.
fn through_a_stream(provider: &dyn Provider, response: &ChatResponse, spelling: &Spelling) -> ChatResponse {
    let mut events = vec![StreamEvent::message_start()];
    for (index, block) in (0..).zip(&response.message.content) {
        match block {
            ContentBlock::ToolUse(call) => {
                events.push(StreamEvent::tool_use_start(index, &call.tool_use_id, &call.name));
                let input = call.input.to_string();
                let (first, second) = input.split_at(input.len() / 2);
                events.extend([first, second].map(|piece| StreamEvent::tool_input(index, piece)));
            }
            block => {
                let text = block.as_text().unwrap_or_default();
                events.extend(text.split_inclusive(' ').map(|word| StreamEvent::text(index, word)));
            }
        }
        events.push(StreamEvent::block_stop(index));
    }
    events.push(StreamEvent::message_stop(response.stop_reason.clone()));
    events.push(StreamEvent::metadata(response.usage.clone(), response.metrics.latency_ms));
    let mut encoder = provider.stream_encoder(spelling);
    let chunks: Vec<Vec<u8>> =
        events.iter().flat_map(|event| encoder.event(event).unwrap()).map(|chunk| chunk.to_vec()).collect();
    fold(&decode_stream(provider, &chunks))
}

fn assert_same_answer(left: &ChatResponse, right: &ChatResponse, file: &str) {
    assert_eq!(left.text(), right.text(), "{file}");
    assert_eq!(
        left.message.tool_uses().collect::<Vec<_>>(),
        right.message.tool_uses().collect::<Vec<_>>(),
        "{file}"
    );
    assert_eq!((&left.stop_reason, &left.usage), (&right.stop_reason, &right.usage), "{file}");
    assert_eq!((&left.metrics, &left.extra), (&right.metrics, &right.extra), "{file}");
    assert_eq!(left.additional_model_response_fields, right.additional_model_response_fields, "{file}");
}

const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR";

fn weather() -> ToolSpec {
    let city = json!({"type": "string", "description": "The city"});
    let days = json!({"type": "array", "items": {"type": "integer"}});
    let schema = json!({"type": "object", "properties": {"city": city, "days": days}, "required": ["city"]});
    ToolSpec::new("weather", "Weather in a city", schema)
}

#[test]
fn a_tool_goes_round() {
    for model in ["amazon.nova-lite-v1:0", "cohere.command-r-plus-v1:0", "mistral.mistral-large-2407-v1:0"] {
        let provider = provider(&model.into());
        let request = ChatRequest::new(model)
            .system("Be brief.")
            .message("Weather in Paris and Rome?")
            .message(
                Message::assistant("Let me see.")
                    .with(ToolUseBlock::new("call_0", "weather", json!({"city": "Paris"})))
                    .with(ToolUseBlock::new("call_1", "weather", json!({"city": "Rome"}))),
            )
            .message(
                Message::user(ToolResultBlock::json("call_0", json!({"degrees": 21})))
                    .with(ToolResultBlock::json("call_1", json!({"degrees": 30}))),
            )
            .tool(weather())
            .max_tokens(100);
        let body = provider.encode_request(&request, &EncodeOptions::default()).unwrap().body;
        let decoded = provider.decode_request(&body).unwrap();
        assert!(decoded.is_chat);
        assert_eq!(decoded.request.tool_config, request.tool_config, "{model}");
        assert_eq!(decoded.request.messages[..2], request.messages[..2], "{model}");
        let ids = |request: &ChatRequest| {
            request.messages[2].tool_results().map(|it| it.tool_use_id.clone()).collect::<Vec<_>>()
        };
        assert_eq!(ids(&decoded.request), ids(&request), "{model}");
        let again = provider
            .encode_request(&decoded.request, &EncodeOptions::default().spelling(decoded.spelling.clone()))
            .unwrap();
        assert_eq!(parsed(&again.body), parsed(&body), "{model}");

        let call = ToolUseBlock::new("call_0", "weather", json!({"city": "Oslo", "days": [1]}));
        let answer = Message::assistant("I shall look.").with(call);
        let response = ChatResponse::new(answer, StopReason::ToolUse, Usage::new(3, 4));
        let metrics = InvocationMetrics {
            input_token_count: Some(3),
            output_token_count: Some(4),
            ..Default::default()
        };
        let written = provider.encode_response(&response, &decoded.spelling).unwrap();
        assert_same_answer(&provider.decode_response(&written, &metrics).unwrap(), &response, model);
        assert_same_answer(&through_a_stream(&*provider, &response, &decoded.spelling), &response, model);
    }
}

/// Bodies of the documented forms, with what clients add to them.
#[test]
fn chat_bodies_come_back_unchanged() {
    let mistral = json!({
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": [
                {"type": "text", "text": "What is this?"},
                {"type": "image_url", "image_url": {"url": "data:image/png;base64,aGk="}},
                {"type": "image_url", "image_url": "https://example.com/a.png"}
            ]},
            {"role": "assistant", "content": "", "tool_calls": [
                {"id": "abc123DEF", "type": "function", "function": {"name": "look", "arguments": "{ \"at\": 1 }"}}
            ]},
            {"role": "tool", "tool_call_id": "abc123DEF", "name": "look", "content": "a dot"},
            {"role": "tool", "tool_call_id": "other", "content": [{"type": "text", "text": "no"}]},
            {"role": "assistant", "content": null, "prefix": true}
        ],
        "tools": [{"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}],
        "tool_choice": "any", "max_tokens": 10, "temperature": 0, "top_p": 1, "safe_prompt": false, "stop": null
    });
    let parts = json!({"messages": [{"role": "user", "content": [{"type": "text", "text": "hi"}]}], "tool_choice": "none"});
    let cohere = json!({
        "message": "And tomorrow?", "preamble": "Be brief.", "p": 0.5, "k": 10, "search_queries_only": false,
        "chat_history": [
            {"role": "USER", "message": "Weather?"},
            {"role": "CHATBOT", "message": "", "tool_calls": [{"name": "weather", "parameters": {"city": "Paris"}}]},
            {"role": "TOOL", "tool_results": [{"call": {"name": "weather", "parameters": {"city": "Paris"}}, "outputs": [{"degrees": "21"}]}]},
            {"role": "CHATBOT", "message": "21"}
        ],
        "documents": [{"title": "Notes", "snippet": "It rains."}],
        "tools": [{"name": "weather", "description": "Weather", "parameter_definitions": {
            "city": {"description": "The city", "type": "string", "required": true},
            "days": {"type": "List[int]", "required": false}, "more": {"type": "dict"}
        }}]
    });
    let single_step = json!({
        "message": "Weather?", "tools": [{"name": "weather", "description": "Weather", "parameter_definitions": {}}],
        "tool_results": [{"call": {"name": "weather", "parameters": {}}, "outputs": [{"degrees": "21"}]}]
    });
    let llama = "<|begin_of_text|><|header_start|>system<|header_end|>\n\nBe brief.<|eot|>\n<|header_start|>user<|header_end|>\n\nhi<|eot|><|header_start|>assistant<|header_end|>\n";
    let instruct = " <s>[INST] hi [/INST] hello</s> [INST]bye[/INST]";
    for (model, body) in [
        ("mistral.pixtral-large-2502-v1:0", mistral),
        ("mistral.mistral-large-2407-v1:0", parts),
        ("cohere.command-r-v1:0", cohere),
        ("cohere.command-r-v1:0", single_step),
        ("meta.llama4-scout-17b-instruct-v1:0", json!({"prompt": llama, "max_gen_len": 5, "images": []})),
        ("mistral.mixtral-8x7b-instruct-v0:1", json!({"prompt": instruct, "top_k": 50, "stop": "x"})),
        (
            "amazon.titan-text-express-v1",
            json!({"inputText": "User: hi\n\nBot: ", "textGenerationConfig": {"topP": null, "x": 1}}),
        ),
    ] {
        let provider = provider(&model.into());
        let bytes = body.to_string().into_bytes();
        assert!(same(&parsed(&provider.rewrite_request(&bytes).unwrap()), &body), "{model}");
        let decoded = provider.decode_request(&bytes).unwrap();
        assert!(decoded.is_chat, "{model}");
        let options = EncodeOptions::default().spelling(decoded.spelling);
        let again = parsed(&provider.encode_request(&decoded.request, &options).unwrap().body);
        assert!(same(&again, &body), "{model}:\n{again}\n{body}");
    }
}

#[test]
fn what_a_family_does_not_have_is_named() {
    let image = || Message::user(ImageBlock::new(ImageFormat::Png, PNG));
    let document = || Message::user(DocumentBlock::from_text("Notes", "It rains.")).with("Will it rain?");
    let chat = |model: &str| ChatRequest::new(model).message("hi");
    for (request, path) in [
        (chat("mistral.mistral-7b-instruct-v0:2").tool(weather()), "toolConfig"),
        (
            chat("mistral.mistral-large-2407-v1:0").tool(weather()).tool_choice(ToolChoice::tool("weather")),
            "toolConfig.toolChoice.tool",
        ),
        (chat("mistral.mistral-large-2407-v1:0").message(document()), "messages[1].content[0].document"),
        (chat("cohere.command-r-v1:0").message(image()), "messages[1].content[0].image"),
        (
            chat("cohere.command-r-v1:0").tool(weather()).tool_choice(ToolChoice::any()),
            "toolConfig.toolChoice.any",
        ),
        (chat("cohere.command-text-v14").system("Be brief."), "system"),
        (chat("amazon.titan-text-lite-v1").prompt_variable("a", "b"), "promptVariables"),
        (chat("amazon.nova-lite-v1:0").response_field_path("/a"), "additionalModelResponseFieldPaths"),
        (chat("meta.llama3-8b-instruct-v1:0").effort("low"), "outputConfig"),
        (
            chat("meta.llama3-8b-instruct-v1:0").message(Message::user(ContentBlock::cache_point())),
            "messages[1].content[0].cachePoint",
        ),
    ] {
        let provider = provider(&request.model);
        let error = provider.encode_request(&request, &EncodeOptions::default()).unwrap_err().to_string();
        assert!(error.contains(&format!("({path})")), "{path}: {error}");
    }
}

/// Every recorded body and chunk of our families, with the codec that reads it.
fn corpus() -> &'static [(ModelId, Vec<u8>)] {
    static CORPUS: std::sync::OnceLock<Vec<(ModelId, Vec<u8>)>> = std::sync::OnceLock::new();
    CORPUS.get_or_init(|| {
        let mut corpus = Vec::new();
        for exchange in
            [exchanges("invoke-model"), exchanges("invoke-model-with-response-stream")].concat_all()
        {
            corpus.push((exchange.model.clone(), exchange.request()));
            corpus
                .push((exchange.model.clone(), exchange.record["response"]["body"].to_string().into_bytes()));
            let chunks = exchange.chunks();
            let last = chunks.iter().rev().take(2);
            corpus.extend(
                chunks
                    .iter()
                    .take(2)
                    .chain(last)
                    .map(|chunk| (exchange.model.clone(), chunk.to_string().into_bytes())),
            );
        }
        corpus
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Flipped, cut and spliced bodies give an error or an answer, never a panic.
    #[test]
    fn no_bytes_make_a_decoder_panic(
        pick in any::<prop::sample::Index>(),
        other in any::<prop::sample::Index>(),
        flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
        cut in any::<prop::sample::Index>(),
        number in prop::sample::select(vec!["18446744073709551615", "-1", "1e300", "null", "[]", "{}", "\"\""]),
        how in 0..4,
    ) {
        prop_assume!(!corpus().is_empty());
        let (model, body) = pick.get(corpus());
        let (_, second) = other.get(corpus());
        let mut bytes = body.clone();
        match how {
            0 => bytes.truncate(cut.index(bytes.len() + 1)),
            1 => bytes = [&body[..cut.index(body.len())], &second[cut.index(second.len())..]].concat(),
            2 => {
                // another value in the place of a number
                let text = String::from_utf8_lossy(body).into_owned();
                let digits: Vec<usize> = text.match_indices(|c: char| c.is_ascii_digit()).map(|(at, _)| at).collect();
                if !digits.is_empty() {
                    let at = digits[cut.index(digits.len())];
                    bytes = [&text.as_bytes()[..at], number.as_bytes(), &text.as_bytes()[at + 1..]].concat();
                }
            }
            _ => {}
        }
        if !bytes.is_empty() && how != 2 {
            for (place, byte) in &flips {
                let at = place.index(bytes.len());
                bytes[at] ^= byte;
            }
        }
        let provider = provider(model);
        let _ = provider.decode_response(&bytes, &InvocationMetrics::default());
        let _ = provider.rewrite_request(&bytes);
        if let Ok(decoded) = provider.decode_request(&bytes) {
            let _ = provider.encode_request(&decoded.request, &EncodeOptions::default().spelling(decoded.spelling));
        }
        let mut decoder = provider.stream_decoder();
        let _ = decoder.chunk(&bytes);
        let _ = decoder.chunk(second);
        decoder.finish();
    }
}
