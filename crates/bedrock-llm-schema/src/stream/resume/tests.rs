//! Which streams can be resumed, and that joined ones read as one.

use proptest::prelude::*;

use super::*;
use crate::Usage;
use crate::stream::{ContentBlockStart, ReasoningDelta, ToolUseStart};
use crate::{Catalog, Reasoning, StopReason};

const PREFILLS: &str = "anthropic.claude-3-5-haiku-20241022-v1:0";

fn answer(events: impl IntoIterator<Item = StreamEvent>) -> Accumulator {
    let mut answer = Accumulator::new();
    events.into_iter().for_each(|event| answer.push(&event));
    answer
}

fn plan(model: &str, events: impl IntoIterator<Item = StreamEvent>) -> ResumePlan {
    let request = ChatRequest::new(model).message("Count.").max_tokens(100);
    ResumePlan::of(&answer(events), &request, &Catalog::builtin().profile(&request.model))
}

#[test]
fn text_goes_on_where_the_model_can() {
    let events = [StreamEvent::message_start(), StreamEvent::text(0, "one, two, ")];
    let ResumePlan::Continue(request, _) = plan(PREFILLS, events.clone()) else { panic!("it can") };
    assert_eq!(request.messages.last(), Some(&Message::assistant("one, two,")));
    assert_eq!(request.inference_config.unwrap().max_tokens, Some(96), "less what was said");
    // its profile says no; its profile says nothing
    for model in ["us.anthropic.claude-opus-4-6-v1", "us.amazon.nova-lite-v1:0"] {
        assert!(matches!(plan(model, events.clone()), ResumePlan::Restart(_)), "{model}");
    }
}

#[test]
fn nothing_but_one_open_text_is_spliced() {
    let tool = ContentBlockStart::ToolUse(ToolUseStart {
        tool_use_id: "t".into(),
        name: "n".into(),
        ..ToolUseStart::default()
    });
    let reasoning = ContentBlockDelta::ReasoningContent(ReasoningDelta::Text("hm".into()));
    for events in [
        vec![],
        vec![StreamEvent::text(0, " \n")],
        vec![StreamEvent::text(0, "a"), StreamEvent::block_stop(0)],
        vec![StreamEvent::text(0, "a"), StreamEvent::start(1, tool.clone())],
        vec![StreamEvent::start(0, tool)],
        vec![StreamEvent::delta(0, reasoning), StreamEvent::text(1, "a")],
    ] {
        assert!(matches!(plan(PREFILLS, events.clone()), ResumePlan::Restart(_)), "{events:?}");
    }
    let request = ChatRequest { reasoning: Some(Reasoning::Budget(2000)), ..ChatRequest::new(PREFILLS) };
    let profile = Catalog::builtin().profile(&request.model);
    let plan = ResumePlan::of(&answer([StreamEvent::text(0, "a")]), &request, &profile);
    assert!(matches!(plan, ResumePlan::Restart(_)));
}

#[test]
fn a_beginning_of_the_caller_s_is_kept() {
    let request = ChatRequest::new(PREFILLS).message("Count.").message(Message::assistant("one,"));
    let profile = Catalog::builtin().profile(&request.model);
    let plan = ResumePlan::of(&answer([StreamEvent::text(0, " two")]), &request, &profile);
    let ResumePlan::Continue(next, _) = plan else { panic!("it can") };
    assert_eq!((next.messages.len(), next.messages[1].text().as_str()), (2, "one, two"));
}

#[test]
fn the_ending_says_what_can_be_done() {
    let request = ChatRequest::new("us.amazon.nova-lite-v1:0").message("Hi");
    let profile = Catalog::builtin().profile(&request.model);
    let conclude = |kind: ErrorKind| {
        let part = answer([StreamEvent::text(0, "a")]);
        let response = part.response();
        Conclusion::new(part, response, Some(Error::new(kind, "")))
    };
    for (kind, ending, gives_up) in [
        (ErrorKind::StreamTruncated, Ending::Truncated, false),
        (ErrorKind::StreamStalled, Ending::Stalled, false),
        (ErrorKind::ModelStreamError, Ending::Failed, false),
        (ErrorKind::Validation, Ending::Failed, true),
    ] {
        let conclusion = conclude(kind);
        assert_eq!(conclusion.ending, ending);
        assert_eq!(conclusion.resume(&request, &profile) == ResumePlan::GiveUp, gives_up);
        assert_eq!((conclusion.response.text().as_str(), conclusion.usage()), ("a", None));
    }
    let whole = answer([
        StreamEvent::text(0, "a"),
        StreamEvent::message_stop(StopReason::EndTurn),
        StreamEvent::metadata(Usage::new(1, 1), 1),
    ]);
    let conclusion = Conclusion::new(whole.clone(), whole.response(), None);
    assert_eq!(conclusion.resume(&request, &profile), ResumePlan::Done);
    assert_eq!(conclusion.usage().map(Usage::total), Some(2));
}

#[test]
fn a_continuation_that_calls_a_tool_follows_the_text() {
    let ResumePlan::Continue(_, mut splice) = plan(PREFILLS, [StreamEvent::text(0, "Let me see")]) else {
        panic!("it can")
    };
    let tool = ContentBlockStart::ToolUse(ToolUseStart {
        tool_use_id: "t".into(),
        name: "n".into(),
        ..ToolUseStart::default()
    });
    let continued = [
        StreamEvent::message_start(),
        StreamEvent::start(0, tool),
        StreamEvent::block_stop(0),
        StreamEvent::message_stop(StopReason::ToolUse),
    ];
    let mut whole = answer([StreamEvent::text(0, "Let me see")]);
    continued.into_iter().flat_map(|event| splice.map(event)).for_each(|event| whole.push(&event));
    assert_eq!((whole.ending(), whole.response().text().as_str()), (Ending::Complete, "Let me see"));
    assert_eq!(whole.response().message.tool_uses().count(), 1);
}

proptest! {
    /// A text cut anywhere, whose model says again the white space that the beginning had to go without, reads as it
    /// would have without the cut, however the pieces fall.
    #[test]
    fn joined_text_reads_as_one(
        text in "[ab]{1,3}([ \n]{0,3}[abé]{1,4}){0,5}",
        cut in 0_usize..30,
        sizes in prop::collection::vec(1_usize..4, 1..40),
    ) {
        let letters: Vec<char> = text.chars().collect();
        let cut = cut.clamp(1, letters.len());
        let said: String = letters[..cut].iter().collect();
        let ResumePlan::Continue(request, mut splice) = plan(PREFILLS, [StreamEvent::text(0, said.clone())]) else {
            return Err(TestCaseError::fail("it can"));
        };
        let prefill = request.messages.last().unwrap().text();
        let rest: Vec<char> = text[prefill.len()..].chars().collect();
        let mut whole = answer([StreamEvent::text(0, said)]);
        let mut events = vec![StreamEvent::message_start()];
        let (mut at, mut sizes) = (0, sizes.into_iter().cycle());
        while at < rest.len() {
            let end = (at + sizes.next().unwrap()).min(rest.len());
            events.push(StreamEvent::text(0, rest[at..end].iter().collect::<String>()));
            at = end;
        }
        events.extend([StreamEvent::block_stop(0), StreamEvent::message_stop(StopReason::EndTurn)]);
        events.into_iter().flat_map(|event| splice.map(event)).for_each(|event| whole.push(&event));
        prop_assert_eq!(whole.response().text(), text);
        prop_assert_eq!(whole.response().message.content.len(), 1);
    }
}
