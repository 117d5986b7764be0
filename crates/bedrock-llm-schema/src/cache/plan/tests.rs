//! Where points go, and that a growing conversation reads what it wrote.

use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::{Message, Normalizer, ToolSpec, first_difference};

fn claude() -> ModelProfile {
    let mut profile = ModelProfile::new("anthropic.claude-sonnet-4-5-20250929-v1:0");
    profile.features.prompt_caching = Some(true);
    profile.cache.places = Some(vec![CachePlace::Tools, CachePlace::System, CachePlace::Messages]);
    profile.cache.max_points = Some(4);
    profile.cache.min_tokens = Some(1000);
    profile.cache.ttls = Some(vec![CacheTtl::FiveMinutes, CacheTtl::OneHour]);
    profile.cache.not_after = Some(vec![ContentKind::ReasoningContent, ContentKind::Document]);
    profile
}

fn long() -> String {
    "word ".repeat(1200)
}

/// A request with everything: long tools, a long system prompt, three turns of the user's.
fn full() -> ChatRequest {
    ChatRequest::new("anthropic.claude-sonnet-4-5-20250929-v1:0")
        .tool(ToolSpec::new("search", long(), json!({"type": "object"})))
        .system(long())
        .messages([
            Message::user("one"),
            Message::assistant("1"),
            Message::user("two"),
            Message::assistant("2"),
        ])
        .message("three")
}

fn paths(plan: &CachePlan, request: &ChatRequest, profile: &ModelProfile) -> Vec<String> {
    let mut request = request.clone();
    plan.apply(&mut request, profile).into_iter().map(|change| change.path).collect()
}

/// The lives of all points in the order in which they are read.
fn lives(request: &ChatRequest) -> Vec<Option<CacheTtl>> {
    let tools = request.tool_config.iter().flat_map(|config| &config.tools);
    let tools = tools.filter_map(|tool| if let Tool::CachePoint(point) = tool { Some(point) } else { None });
    let system = request.system.iter().flatten();
    let system =
        system.filter_map(
            |block| if let SystemContentBlock::CachePoint(point) = block { Some(point) } else { None },
        );
    let blocks = request.messages.iter().flat_map(|message| &message.content);
    let blocks = blocks
        .filter_map(|block| if let ContentBlock::CachePoint(point) = block { Some(point) } else { None });
    tools.chain(system).chain(blocks).map(|point| point.ttl.clone()).collect()
}

#[test]
fn points_stand_after_tools_system_and_the_users_last_two_turns() {
    let all = ["toolConfig.tools[1]", "system[1]", "messages[2].content[1]", "messages[4].content[1]"];
    assert_eq!(paths(&CachePlan::auto(), &full(), &claude()), all);
    let mut request = full();
    let changes = CachePlan::auto().apply(&mut request, &claude());
    assert!(changes.iter().all(|change| change.kind == ChangeKind::Added));
    assert_eq!(count_points(&request), 4);
    assert_eq!(
        serde_json::to_value(&request).unwrap()["system"][1],
        json!({"cachePoint": {"type": "default"}})
    );
    assert_eq!(request.messages[4].content[1], ContentBlock::cache_point());
}

#[test]
fn switches_leave_places_out() {
    let plan = CachePlan::auto().tools(false).system(false).history_anchors(1);
    assert_eq!(paths(&plan, &full(), &claude()), ["messages[4].content[1]"]);
    assert_eq!(paths(&plan.history_anchors(0), &full(), &claude()), [""; 0]);
}

#[test]
fn places_and_number_are_the_models() {
    let mut nova = claude();
    nova.cache.places = Some(vec![CachePlace::System, CachePlace::Messages]);
    assert_eq!(paths(&CachePlan::auto(), &full(), &nova)[0], "system[1]");
    nova.cache.places = None; // tools only where they are known to be allowed
    assert_eq!(paths(&CachePlan::auto(), &full(), &nova)[0], "system[1]");
    let mut few = claude();
    for (max, expected) in [
        (3, &["system[1]", "messages[2].content[1]", "messages[4].content[1]"][..]),
        (2, &["system[1]", "messages[4].content[1]"]),
        (1, &["system[1]"]),
        (0, &[]),
    ] {
        few.cache.max_points = Some(max);
        assert_eq!(paths(&CachePlan::auto(), &full(), &few), expected);
    }
    few.cache.max_points = Some(4);
    let many = paths(&CachePlan::auto().history_anchors(9), &full(), &few);
    assert_eq!(
        many,
        ["toolConfig.tools[1]", "system[1]", "messages[2].content[1]", "messages[4].content[1]"]
    );
}

#[test]
fn a_prefix_below_the_minimum_gets_no_point() {
    let short = ChatRequest::new("m").system("Be brief.").message("Hello");
    assert_eq!(paths(&CachePlan::auto(), &short, &claude()), [""; 0]);
    let later = short.message(Message::assistant(long())).message("And?");
    assert_eq!(paths(&CachePlan::auto(), &later, &claude()), ["messages[2].content[1]"]);
    let mut unknown = claude();
    unknown.cache.min_tokens = None;
    assert_eq!(paths(&CachePlan::auto(), &later, &unknown), ["messages[2].content[1]"]);
    unknown.cache.min_tokens = Some(4096);
    assert_eq!(paths(&CachePlan::auto(), &later, &unknown), [""; 0]);
}

#[test]
fn no_point_stands_where_the_family_refuses_it() {
    let document = crate::DocumentBlock::from_text("report", long());
    let turn = |blocks: Vec<ContentBlock>| ChatRequest::new("m").message(Message::new(Role::User, blocks));
    // recording 08327e4d4f6c has a point after text that follows a document
    let text_last = turn(vec![document.clone().into(), long().into()]);
    assert_eq!(paths(&CachePlan::auto(), &text_last, &claude()), ["messages[0].content[2]"]);
    let before = turn(vec![long().into(), document.clone().into()]);
    assert_eq!(paths(&CachePlan::auto(), &before, &claude()), ["messages[0].content[1]"]);
    let mut unknown = claude();
    unknown.cache.not_after = None;
    assert_eq!(paths(&CachePlan::auto(), &before, &unknown), ["messages[0].content[1]"]);
    assert_eq!(paths(&CachePlan::auto(), &turn(vec![document.into()]), &claude()), [""; 0]);
}

#[test]
fn no_point_stands_where_the_rule_refuses_it() {
    let claude = crate::Catalog::builtin().profile(&"us.anthropic.claude-sonnet-4-5-20250929-v1:0".into());
    let of = |document: crate::DocumentBlock| {
        ChatRequest::new(claude.id.clone())
            .message(Message::user("word ".repeat(3000)).with(document).with(ContentBlock::cache_point()))
    };
    let text = crate::DocumentBlock::from_text("report", "text");
    let pdf = crate::DocumentBlock::new("report", crate::DocumentFormat::Pdf, b"%PDF-1.7".to_vec());
    for (document, at) in [(text, 1), (pdf, 2)] {
        let own = of(document);
        let mut plain = own.clone();
        plain.messages[0].content.pop();
        assert_eq!(paths(&CachePlan::auto(), &plain, &claude), [format!("messages[0].content[{at}]")]);
        let mut planned = plain;
        CachePlan::auto().apply(&mut planned, &claude);
        assert!(planned.check(&claude).is_ok());
        // and the rule, and what the normaliser takes away, are of the same mind
        assert_eq!(own.check(&claude).is_ok(), at == 2);
        let how = Normalizer::new().on_unsupported(crate::OnUnsupported::Degrade);
        let left = count_points(&how.normalize(own, &claude).request);
        assert_eq!(left, usize::from(at == 2));
    }
}

#[test]
fn five_minutes_are_said_only_beside_an_hour() {
    let plan = CachePlan::auto().ttl(CacheTtl::FiveMinutes);
    let five = Some(CacheTtl::FiveMinutes);
    for (known, wanted) in [
        (Some(vec![CacheTtl::FiveMinutes]), None),
        (None, None),
        (Some(vec![CacheTtl::FiveMinutes, CacheTtl::OneHour]), five),
    ] {
        let mut profile = claude();
        profile.cache.ttls = known;
        let mut request = full();
        let changes = plan.apply(&mut request, &profile);
        assert_eq!(lives(&request), vec![wanted; 4]);
        assert!(changes.iter().all(|change| change.kind == ChangeKind::Added));
    }
}

#[test]
fn longer_lives_come_first() {
    let lives_of = |plan: CachePlan, profile: &ModelProfile| {
        let mut request = full();
        let changes = plan.apply(&mut request, profile);
        (lives(&request), changes.iter().filter(|change| change.kind == ChangeKind::Degraded).count())
    };
    let (hour, five) = (Some(CacheTtl::OneHour), Some(CacheTtl::FiveMinutes));
    let plan = CachePlan::auto();
    assert_eq!(lives_of(plan.clone().ttl(CacheTtl::OneHour), &claude()).0, vec![hour.clone(); 4]);
    let mixed = plan.clone().ttl(CacheTtl::OneHour).history_ttl(CacheTtl::FiveMinutes);
    assert_eq!(lives_of(mixed, &claude()).0, [hour.clone(), hour.clone(), five.clone(), five]);
    let reversed = plan.clone().ttl(CacheTtl::FiveMinutes).history_ttl(CacheTtl::OneHour);
    assert_eq!(lives_of(reversed, &claude()).0, vec![hour.clone(); 4]);
    // a life the model does not offer is not asked for; where nobody knows it is
    let mut nova = claude();
    nova.cache.ttls = Some(vec![CacheTtl::FiveMinutes]);
    assert_eq!(lives_of(plan.clone().ttl(CacheTtl::OneHour), &nova), (vec![None; 4], 1));
    nova.cache.ttls = None;
    assert_eq!(lives_of(plan.ttl(CacheTtl::OneHour), &nova), (vec![hour; 4], 0));
}

#[test]
fn own_points_are_honoured_and_unknown_models_get_none() {
    let own = full().message(Message::user("here").with(ContentBlock::cache_point()));
    let mut request = own.clone();
    assert_eq!(CachePlan::auto().apply(&mut request, &claude()), []);
    assert_eq!(request, own);
    for (known, word) in [(None, "unknown"), (Some(false), "does not take")] {
        let mut profile = claude();
        profile.features.prompt_caching = known;
        let mut request = full();
        let changes = CachePlan::auto().apply(&mut request, &profile);
        assert_eq!(request, full());
        assert!(
            changes.len() == 1 && changes[0].kind == ChangeKind::Warned && changes[0].message.contains(word)
        );
    }
}

#[test]
fn the_normaliser_places_points_once() {
    let normalizer = Normalizer::new().cache(CachePlan::auto());
    let first = normalizer.normalize(full(), &claude());
    assert_eq!((count_points(&first.request), first.changes.len()), (4, 4));
    let again = normalizer.normalize(first.request.clone(), &claude());
    assert_eq!((again.request, again.changes), (first.request, vec![]));
    assert_eq!(count_points(&Normalizer::new().normalize(full(), &claude()).request), 0);
}

fn turns() -> impl Strategy<Value = Vec<Message>> {
    let block = prop_oneof![
        (0..3000_usize).prop_map(|words| ContentBlock::Text("word ".repeat(words))),
        Just(ContentBlock::Text("short".into())),
        Just(crate::DocumentBlock::from_text("d", "text").into()),
    ];
    vec(vec(block, 0..3), 1..9).prop_map(|turns| {
        let roles = [Role::User, Role::Assistant].into_iter().cycle();
        turns.into_iter().zip(roles).map(|(blocks, role)| Message::new(role, blocks)).collect()
    })
}

/// Where the points stand in messages: turn and number of blocks before.
fn anchors(request: &ChatRequest) -> Vec<(usize, usize)> {
    let turns = request.messages.iter().enumerate();
    let points = turns.flat_map(|(turn, message)| {
        let blocks = message.content.iter().enumerate();
        blocks
            .filter(|(_, block)| matches!(block, ContentBlock::CachePoint(_)))
            .map(move |(at, _)| (turn, at))
    });
    points.collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_growing_conversation_keeps_its_prefix_and_reads_what_it_wrote(
        turns in turns(), answer in 0..2000_usize, max in 0..6_u32, anchor_count in 0..5_usize, system in 0..2000_usize,
    ) {
        let mut profile = claude();
        profile.cache.max_points = Some(max);
        let plan = CachePlan::auto().history_anchors(anchor_count);
        let call = |turns: &[Message]| {
            let conversation = ChatRequest::new(profile.id.clone()).system("word ".repeat(system));
            let mut request = conversation.messages(turns.to_vec());
            plan.apply(&mut request, &profile);
            request
        };
        let mut users = turns.clone();
        if users.len() % 2 == 0 {
            users.pop(); // a call ends with the user's turn
        }
        let before = call(&users);
        users.extend([Message::assistant("word ".repeat(answer)), Message::user("and now?")]);
        let after = call(&users);

        for request in [&before, &after] {
            prop_assert!(count_points(request) <= usize::try_from(max).unwrap());
            prop_assert!(anchors(request).len() <= anchor_count);
        }
        prop_assert_eq!(first_difference(&before, &after), None);
        prop_assert_eq!(&call(&users), &after);
        // what the earlier call wrote last, the later call reads
        if let Some(last) = anchors(&before).last().filter(|_| max >= 3 && anchor_count >= 2) {
            prop_assert!(anchors(&after).contains(last), "{:?} {:?}", anchors(&before), anchors(&after));
        }
    }
}
