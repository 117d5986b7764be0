//! The estimate's parts.

use super::prompt::{PER_LARGE_IMAGE, PER_MEDIUM};
use super::*;
use crate::content::media::ImageFormat;
use crate::{
    ContentBlock, DocumentBlock, ImageBlock, Message, ReasoningContentBlock, ReasoningTextBlock, ToolChoice,
    ToolResultBlock, ToolSpec, ToolUseBlock,
};

fn tokens(request: &ChatRequest) -> u64 {
    request.estimate_tokens().tokens()
}

#[test]
fn families_add_what_their_templates_add() {
    let clock = || ToolSpec::new("clock", "The time", serde_json::json!({"type": "object"}));
    let hello = |model: &str| ChatRequest::new(model).message("Hello, world!");
    assert_eq!(tokens(&hello("us.amazon.nova-lite-v1:0")), 4);
    assert_eq!(tokens(&hello("m")), 11);
    let tools = |model| tokens(&hello(model).tool(clock())) - tokens(&hello(model));
    assert_eq!(tools("us.amazon.nova-2-lite-v1:0") - tools("us.amazon.nova-lite-v1:0"), 510);
    assert!(tools("anthropic.claude-sonnet-5") > 350 && tools("mistral.devstral-2-123b") < 60);
    let forced =
        |model| tokens(&hello(model).tool(clock()).tool_choice(ToolChoice::any())) - tokens(&hello(model));
    let haiku = "anthropic.claude-3-haiku-20240307-v1:0";
    assert_eq!(forced(haiku) - tools(haiku), 76, "as Anthropic documents");
    let thinking = hello(haiku).additional_field("thinking", serde_json::json!({"type": "enabled"}));
    assert_eq!(tokens(&thinking) - tokens(&hello(haiku)), 28);
}

#[test]
fn generations_of_claude_are_told_apart() {
    let weights = |id: &str| Weights::of(&id.into());
    let same = |ids: &[&str]| ids.iter().all(|id| weights(id) == weights(ids[0]));
    assert!(same(&[
        "anthropic.claude-sonnet-5",
        "us.anthropic.claude-opus-4-8",
        "anthropic.claude-opus-6-v1:0"
    ]));
    assert!(same(&["anthropic.claude-sonnet-4-6", "anthropic.claude-opus-4-5-20251101-v1:0"]));
    assert!(same(&[
        "anthropic.claude-haiku-4-5-20251001-v1:0",
        "eu.anthropic.claude-sonnet-4-5-20250929-v1:0"
    ]));
    assert!(same(&["anthropic.claude-opus-4-20250514-v1:0", "anthropic.claude-3-7-sonnet-20250219-v1:0"]));
    assert_ne!(
        weights("anthropic.claude-3-haiku-20240307-v1:0"),
        weights("anthropic.claude-haiku-4-5-20251001-v1:0")
    );
}

#[test]
fn what_a_template_forgets_of_earlier_turns_is_not_counted() {
    let thought = ReasoningContentBlock::from(ReasoningTextBlock::new("one two three"));
    let answer = || Message::assistant(thought.clone()).with("yes");
    let earlier = |model: &str, answer: Message| {
        let request = ChatRequest::new(model).message("a").message(answer).message("b");
        tokens(&request)
            - tokens(&ChatRequest::new(model).message("a").message(Message::assistant("yes")).message("b"))
    };
    assert_eq!(earlier("anthropic.claude-sonnet-4-20250514-v1:0", answer()), 0);
    assert_eq!(earlier("anthropic.claude-sonnet-4-6", answer()), 3);
    let tagged = Message::assistant("one </think>").with("two <think> three</think>yes");
    assert_eq!(earlier("us.deepseek.r1-v1:0", tagged.clone()), 0);
    assert_eq!(earlier("qwen.qwen3-32b-v1:0", tagged.clone()), 0);
    assert!(earlier("us.amazon.nova-lite-v1:0", tagged) > 5);

    // in the middle of a tool's round nothing is forgotten
    let round = |model: &str, thought: Option<ReasoningContentBlock>| {
        let mut call = Message::assistant("yes");
        call.content.extend(thought.map(ContentBlock::from));
        let call = call.with(ToolUseBlock::new("t", "clock", serde_json::json!({})));
        let result = Message::user(ToolResultBlock::text("t", "noon"));
        tokens(&ChatRequest::new(model).message("a").message(call).message(result))
    };
    let model = "anthropic.claude-sonnet-4-20250514-v1:0";
    assert_eq!(round(model, Some(thought.clone())) - round(model, None), 3);
}

#[test]
fn signatures_and_cache_points_are_no_tokens_and_media_are_not_their_base64() {
    let of = |block: ContentBlock| Weights::of(&"m".into()).block(&block);
    let signed = ReasoningTextBlock::new("I think.").signed("c2lnbmF0dXJl".repeat(50));
    assert_eq!(of(ReasoningContentBlock::from(signed).into()), 3);
    assert_eq!(of(ContentBlock::cache_point()), 0);
    let mut png = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\x01\x90\0\0\x01\x2d".to_vec();
    png.resize(100_000, 7);
    assert_eq!(of(ImageBlock::new(ImageFormat::Png, png).into()), 160);
    assert_eq!(of(ImageBlock::from_s3(ImageFormat::Png, "s3://b/k").into()), PER_MEDIUM);
    assert_eq!(of(DocumentBlock::from_text("d", "three short words").into()), 3);
    let huge = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\xff\xff\xff\xff\xff\xff\xff\xff".to_vec();
    assert_eq!(of(ImageBlock::new(ImageFormat::Png, huge).into()), PER_LARGE_IMAGE);
}

#[test]
fn a_request_to_count_is_estimated_as_the_request_itself() {
    let request = ChatRequest::new("anthropic.claude-sonnet-5").system("Be brief.").message("Hello, world!");
    let expected = request.estimate_tokens();
    assert_eq!(CountTokensRequest::from(request).estimate_tokens(), expected);
    let native = |body: &str| {
        let body = body.as_bytes().to_vec();
        CountTokensRequest::invoke_model("anthropic.claude-sonnet-5", body).estimate_tokens()
    };
    let body = r#"{"anthropic_version": "bedrock-2023-05-31", "max_tokens": 9, "system": "Be brief.",
        "messages": [{"role": "user", "content": [{"type": "text", "text": "Hello, world!"}]}]}"#;
    assert_eq!(native(body), expected);
    assert_eq!(native("no JSON").tokens(), 10);
}
