//! What becomes of reasoning in the history.

use super::*;

#[test]
fn unsigned_reasoning_is_left_out_where_it_must_be_signed() {
    let signed = block(thought("kept").signed("proof"));
    let redacted = ContentBlock::from(ReasoningContentBlock::RedactedContent(vec![255].into()));
    let history = ask().messages([
        Message::assistant(block(thought("a"))).with(signed.clone()).with(redacted.clone()).with("answer"),
        Message::user("b"),
        Message::assistant(block(thought("a").signed(""))).with(ContentBlock::cache_point()).with("answer"),
        Message::user("c"),
        Message::assistant(block(thought("secret"))).with(" ").with(ContentBlock::cache_point()),
        Message::user("d"),
    ]);
    let (request, changes) = lowered(history.clone(), &claude());
    assert_eq!(request.messages[1].content, [signed, redacted, "answer".into()]);
    assert_eq!(request.messages[3].content, ["answer".into()]);
    assert!(request.messages[4..].iter().all(|message| message.role == crate::Role::User));
    let wanted = [
        "messages[1].content[0]",
        "messages[3].content[0]",
        "messages[3].content[0]",
        "messages[5].content[0]",
        "messages[5]",
    ];
    assert_eq!(paths(&changes)[..5], wanted);
    assert!(changes.iter().all(|change| change.kind == ChangeKind::Mended));
    assert!(!format!("{changes:?}").contains("secret"));
    // others take it as it is
    assert_eq!(lowered(history.clone(), &nova()), (history, vec![]));
}

#[test]
fn no_reasoning_goes_back_where_it_may_not() {
    let mut deepseek = profile(ReasoningStyle::Fixed);
    deepseek.reasoning.replay = Some(false);
    let history = ask()
        .message(Message::assistant("answer").with(block(thought("a").signed("s"))))
        .message(Message::user("b"));
    let (request, changes) = lowered(history, &deepseek);
    assert!(request == ask().message(Message::assistant("answer")).message("b"));
    assert_eq!(paths(&changes), ["messages[1].content[1]"]);
}
