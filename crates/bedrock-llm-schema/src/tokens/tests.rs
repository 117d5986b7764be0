//! The estimate's parts.

use proptest::prelude::*;

use super::*;
use crate::content::media::ImageFormat;
use crate::{DocumentBlock, ReasoningTextBlock, ToolSpec};

#[test]
fn words_and_marks_are_pieces() {
    assert_eq!(pieces("Hello there, you! ").collect::<Vec<_>>(), ["Hello", " there", ",", " you", "! "]);
    assert_eq!(pieces("internationally").collect::<Vec<_>>(), ["internat", "ionally"]);
    assert_eq!(pieces("東京 x").collect::<Vec<_>>(), ["東", "京", " x"]);
    assert_eq!(pieces("  ").collect::<Vec<_>>(), ["  "]);
    assert_eq!(pieces("").count(), 0);
}

#[test]
fn white_space_is_looked_at_once() {
    let blanks = " ".repeat(100_000);
    let text = format!("{}{blanks}", "a.".repeat(100_000));
    assert_eq!(of_text(&text), 200_000);
    assert_eq!(of_text(&format!("a{blanks}b{blanks}").repeat(20)), 40);
}

#[test]
fn families_add_what_their_templates_add() {
    let tokens = |model: &str, tool: bool| {
        let mut request = ChatRequest::new(model).message("Hello, world!");
        if tool {
            request = request.tool(ToolSpec::new("clock", "The time", serde_json::json!({"type": "object"})));
        }
        request.estimate_tokens().tokens()
    };
    assert_eq!(tokens("us.amazon.nova-lite-v1:0", false), 4);
    assert_eq!(tokens("m", false), 11);
    let tools = |model| tokens(model, true) - tokens(model, false);
    assert_eq!(tools("us.amazon.nova-2-lite-v1:0") - tools("us.amazon.nova-lite-v1:0"), 530);
    assert!(tools("anthropic.claude-sonnet-5") > 350 && tools("mistral.devstral-2-123b") < 60);
}

#[test]
fn signatures_and_cache_points_are_no_tokens_and_media_are_not_their_base64() {
    let of = |block: ContentBlock| of_block(&block);
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
    assert_eq!(native("no JSON").tokens(), 9);
}

proptest! {
    #[test]
    fn pieces_joined_are_the_text(text in "\\PC*|[ a-zé\\n東.,]{0,60}") {
        prop_assert_eq!(pieces(&text).collect::<String>(), text.clone());
        prop_assert!(pieces(&text).all(|piece| !piece.is_empty()));
    }
}
