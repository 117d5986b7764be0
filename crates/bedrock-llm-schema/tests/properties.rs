//! Properties: serde keeps whatever is in a request; the accumulator does not care how a stream is cut.

use bedrock_llm_schema::content::ContentKind;
use bedrock_llm_schema::content::citation::{Citation, CitationGeneratedContent, CitationsContentBlock};
use bedrock_llm_schema::request::{PerformanceLatency, ServiceTierType};
use bedrock_llm_schema::stream::{ContentBlockDelta, Ending, ReasoningDelta};
use bedrock_llm_schema::wire::Extra;
use bedrock_llm_schema::{
    Accumulator, Blob, CachePointBlock, CacheTtl, ChatRequest, ContentBlock, DocumentBlock, Effort,
    GuardrailConfig, ImageBlock, ImageFormat, Message, ReasoningContentBlock, ReasoningTextBlock, Role,
    StopReason, StreamEvent, ToolChoice, ToolResultBlock, ToolSpec, ToolUseBlock,
};
use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::{Value, json};

fn text() -> impl Strategy<Value = String> {
    any::<String>()
}

fn json_object() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        (-1e9..1e9f64).prop_map(Value::from),
        text().prop_map(Value::from),
    ];
    let value = leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::from),
            vec((text(), inner), 0..4).prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    });
    vec((text(), value), 0..4).prop_map(|members| Value::Object(members.into_iter().collect()))
}

fn unknown() -> impl Strategy<Value = Extra> {
    ("[x-z][a-z]{3,8}", json_object()).prop_map(|(name, value)| Extra::from_iter([(name, value)]))
}

fn bytes() -> impl Strategy<Value = Blob> {
    vec(any::<u8>(), 1..40).prop_map(Blob::from)
}

fn reasoning() -> impl Strategy<Value = ContentBlock> {
    prop_oneof![
        text().prop_map(|text| ReasoningContentBlock::from(ReasoningTextBlock::new(text)).into()),
        (text(), text()).prop_map(|(text, proof)| ReasoningContentBlock::from(
            ReasoningTextBlock::new(text).signed(proof)
        )
        .into()),
        bytes().prop_map(|bytes| ReasoningContentBlock::RedactedContent(bytes).into()),
    ]
}

fn tool_use() -> impl Strategy<Value = ContentBlock> {
    ("[a-z]{1,8}", "[a-z]{1,8}", json_object())
        .prop_map(|(id, name, input)| ToolUseBlock::new(id, name, input).into())
}

fn citations() -> impl Strategy<Value = ContentBlock> {
    (text(), vec(text(), 1..3)).prop_map(|(text, titles)| {
        let citation = |title| Citation { title: Some(title), ..Citation::default() };
        ContentBlock::CitationsContent(CitationsContentBlock {
            content: Some(vec![CitationGeneratedContent::Text(text)]),
            citations: Some(titles.into_iter().map(citation).collect()),
            extra: Extra::new(),
        })
    })
}

/// What a model can say.
fn answer_block() -> impl Strategy<Value = ContentBlock> {
    prop_oneof![text().prop_map(ContentBlock::Text), reasoning(), tool_use(), citations()]
}

/// What a request can hold.
fn block() -> impl Strategy<Value = ContentBlock> {
    prop_oneof![
        answer_block(),
        bytes().prop_map(|bytes| ImageBlock::new(ImageFormat::Png, bytes).into()),
        (text(), text()).prop_map(|(name, text)| DocumentBlock::from_text(name, text).citations(true).into()),
        (text(), text()).prop_map(|(id, text)| ToolResultBlock::error(id, text).into()),
        (text(), json_object()).prop_map(|(id, value)| ToolResultBlock::json(id, value).into()),
        Just(ContentBlock::cache_point()),
        Just(CachePointBlock::with_ttl(CacheTtl::OneHour).into()),
        unknown().prop_map(ContentBlock::Unknown),
    ]
}

fn message() -> impl Strategy<Value = Message> {
    let role = prop_oneof![
        Just(Role::User),
        Just(Role::Assistant),
        Just(Role::System),
        Just(Role::Unknown("tool".into()))
    ];
    (role, vec(block(), 0..4), unknown())
        .prop_map(|(role, content, extra)| Message { extra, ..Message::new(role, content) })
}

prop_compose! {
    fn request()(
        messages in vec(message(), 0..4),
        system in proptest::option::of(vec(text(), 0..3)),
        tool in proptest::option::of(("[a-z]{1,9}", text(), json_object())),
        sampling in proptest::option::of((1..9999u32, 0.0..1.0f64)),
        fields in proptest::option::of(json_object()),
        extra in unknown(),
        more in any::<bool>(),
    ) -> ChatRequest {
        let mut request = ChatRequest::new("us.amazon.nova-lite-v1:0").messages(messages);
        request.system = system.map(|texts| texts.into_iter().map(Into::into).collect());
        if let Some((name, description, schema)) = tool {
            request = request.tool(ToolSpec::new(name, description, schema).strict(true)).tool_choice(ToolChoice::any());
        }
        if let Some((max_tokens, temperature)) = sampling {
            request = request.max_tokens(max_tokens).temperature(temperature).stop_sequence("|");
        }
        if more {
            request = request
                .guardrail(GuardrailConfig::new("g", "1"))
                .prompt_variable("a", "b")
                .request_metadata("c", "d")
                .response_field_path("/x")
                .performance(PerformanceLatency::Optimized)
                .service_tier(ServiceTierType::Flex)
                .json_schema("s", &json!({"type": "object"}))
                .effort("low")
                .reasoning(Effort::Low);
        }
        request.additional_model_request_fields = fields;
        request.extra = extra;
        request
    }
}

/// Cuts a text at arbitrary characters; joined, the pieces are the text.
fn pieces(text: &str, cuts: &[usize]) -> Vec<String> {
    let chars: Vec<char> = text.chars().collect();
    let mut at: Vec<usize> = cuts.iter().map(|cut| cut % (chars.len() + 1)).chain([0, chars.len()]).collect();
    at.sort_unstable();
    at.windows(2).map(|ends| chars[ends[0]..ends[1]].iter().collect()).collect()
}

/// The events of one block, as the service sends them.
fn block_events(index: u32, block: &ContentBlock, cuts: &[usize]) -> Vec<StreamEvent> {
    let mut events = Vec::new();
    match block {
        ContentBlock::Text(text) => {
            events.extend(pieces(text, cuts).into_iter().map(|piece| StreamEvent::text(index, piece)));
        }
        ContentBlock::ReasoningContent(ReasoningContentBlock::ReasoningText(block)) => {
            let deltas = pieces(&block.text, cuts).into_iter().map(ReasoningDelta::Text);
            events.extend(deltas.map(|delta| StreamEvent::reasoning(index, delta)));
            if let Some(signature) = &block.signature {
                let deltas = pieces(signature, cuts).into_iter().map(ReasoningDelta::Signature);
                events.extend(deltas.map(|delta| StreamEvent::reasoning(index, delta)));
            }
        }
        ContentBlock::ReasoningContent(ReasoningContentBlock::RedactedContent(bytes)) => {
            let (first, rest) = bytes.as_bytes().split_at(cuts.first().unwrap_or(&0) % (bytes.0.len() + 1));
            for piece in [first, rest] {
                let delta = ReasoningDelta::RedactedContent(Blob::from(piece.to_vec()));
                events.push(StreamEvent::reasoning(index, delta));
            }
        }
        ContentBlock::ToolUse(call) => {
            events.push(StreamEvent::tool_use_start(index, &call.tool_use_id, &call.name));
            let input = if call.input == json!({}) { String::new() } else { call.input.to_string() };
            events
                .extend(pieces(&input, cuts).into_iter().map(|piece| StreamEvent::tool_input(index, piece)));
        }
        ContentBlock::CitationsContent(block) => {
            let citations = block.citations.iter().flatten();
            events.extend(
                citations
                    .map(|c| StreamEvent::delta(index, ContentBlockDelta::Citation(Box::new(c.clone())))),
            );
            events
                .extend(pieces(&block.text(), cuts).into_iter().map(|piece| StreamEvent::text(index, piece)));
        }
        other => panic!("no model says {other:?}"),
    }
    events.push(StreamEvent::block_stop(index));
    events
}

/// All events of an answer, the blocks' own order kept and the blocks interleaved by `picks`.
fn interleaved(blocks: &[ContentBlock], cuts: &[usize], picks: &[usize]) -> Vec<StreamEvent> {
    let mut queues: Vec<std::collections::VecDeque<StreamEvent>> =
        (0..).zip(blocks).map(|(index, block)| block_events(index, block, cuts).into()).collect();
    let (mut events, mut picks) = (vec![StreamEvent::message_start()], picks.iter().cycle());
    while queues.iter().any(|queue| !queue.is_empty()) {
        let waiting: Vec<usize> = (0..queues.len()).filter(|&queue| !queues[queue].is_empty()).collect();
        let chosen = waiting[picks.next().unwrap_or(&0) % waiting.len()];
        events.extend(queues[chosen].pop_front());
    }
    events
}

proptest! {
    #[test]
    fn requests_round_trip(request in request()) {
        let text = serde_json::to_string(&request).unwrap();
        let parsed: ChatRequest = serde_json::from_str(&text).unwrap();
        prop_assert_eq!(serde_json::to_string(&parsed).unwrap(), text);
        prop_assert!(parsed == request);
        let _ = request.validate(); // never panics
    }

    #[test]
    fn any_cut_and_interleaving_gives_the_same_answer(
        blocks in vec(answer_block(), 0..5),
        cuts in vec(any::<usize>(), 0..6),
        picks in vec(any::<usize>(), 1..20),
    ) {
        let mut answer = Accumulator::new();
        for event in interleaved(&blocks, &cuts, &picks) {
            prop_assert_eq!(answer.ending(), Ending::Truncated);
            // through the wire form, as it comes
            let (kind, payload) = event.to_frame().unwrap();
            answer.push(&StreamEvent::from_frame(kind, &payload).unwrap());
        }
        answer.push(&StreamEvent::message_stop(StopReason::ToolUse));
        prop_assert_eq!(answer.ending(), Ending::Complete);
        prop_assert_eq!(answer.response().message.content, blocks);
    }

    #[test]
    fn a_cut_stream_loses_no_text_and_gives_no_half_tool_call_or_signature(
        blocks in vec(answer_block(), 1..5),
        cuts in vec(any::<usize>(), 0..6),
        picks in vec(any::<usize>(), 1..20),
        at in any::<prop::sample::Index>(),
    ) {
        let events = interleaved(&blocks, &cuts, &picks);
        let (mut answer, mut text) = (Accumulator::new(), 0);
        for event in &events[..at.index(events.len())] {
            answer.push(event);
            text += event.as_text().map_or(0, str::len);
        }
        prop_assert_eq!(answer.ending(), Ending::Truncated);
        let response = answer.response();
        prop_assert_eq!(response.text().len(), text);
        for call in response.message.tool_uses() {
            prop_assert!(blocks.iter().any(|block| block.as_tool_use() == Some(call)));
        }
        for block in &response.message.content {
            let is_signed = block.as_reasoning().is_some_and(|block| block.signature.is_some());
            let is_opaque = block.kind() == ContentKind::ReasoningContent && block.as_reasoning().is_none();
            prop_assert!(!(is_signed || is_opaque) || blocks.contains(block));
        }
    }

    #[test]
    fn any_frame_is_an_event_or_an_error(kind in "[a-zA-Z]{0,20}", payload in vec(any::<u8>(), 0..60)) {
        let known = ["messageStart", "contentBlockStart", "contentBlockDelta", "contentBlockStop", "messageStop", "metadata"];
        for kind in known.iter().copied().chain([kind.as_str()]) {
            if let Ok(event) = StreamEvent::from_frame(kind, &payload) {
                let mut answer = Accumulator::new();
                answer.push(&event);
                let _ = answer.response();
            }
        }
    }
}

#[test]
fn tool_input_that_never_becomes_whole_is_kept_apart() {
    let stream = |raw: &str, stop: Option<StopReason>| {
        let mut answer = Accumulator::new();
        answer.push(&StreamEvent::tool_use_start(0, "id", "tool"));
        answer.push(&StreamEvent::tool_input(0, raw));
        answer.push(&StreamEvent::block_stop(0));
        if let Some(stop) = stop {
            answer.push(&StreamEvent::message_stop(stop));
        }
        answer
    };
    let cut = stream(r#"{"city": "Par"#, Some(StopReason::MaxTokens));
    assert_eq!(cut.ending(), Ending::Complete, "cut by max tokens is no failure");
    let call = &cut.response().incomplete_tool_uses[0];
    assert_eq!((call.raw.as_str(), cut.response().message.content.len()), (r#"{"city": "Par"#, 0));
    assert_eq!(stream("", Some(StopReason::MaxTokens)).response().message.content, []);

    let broken = stream(r#"{"city": }"#, Some(StopReason::ToolUse));
    assert_eq!(broken.ending(), Ending::Failed);
    assert_eq!(broken.invalid_tool_use().unwrap().raw, r#"{"city": }"#);

    assert_eq!(
        stream("", Some(StopReason::ToolUse)).response().message.tool_uses().next().unwrap().input,
        json!({})
    );
}
