//! Tests of aliases: bijective, of the family's form, stable, and given back.

use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::content::tool::{SystemTool, ToolConfig};
use crate::normalize::Change;
use crate::stream::Accumulator;
use crate::{ToolSpec, ToolUseBlock};

fn spec(name: &str) -> ToolSpec {
    ToolSpec::new(name, "d", json!({"type": "object"}))
}

fn request(specs: &[String], history: &[String]) -> ChatRequest {
    let request = specs.iter().fold(ChatRequest::new("m"), |request, name| request.tool(spec(name)));
    history.iter().fold(request, |request, name| {
        request.message(Message::assistant(ToolUseBlock::new("1", name.as_str(), json!({}))))
    })
}

fn owned(names: &[&str]) -> Vec<String> {
    names.iter().map(|&name| name.to_owned()).collect()
}

fn given(mut request: ChatRequest, profile: &ModelProfile) -> (ChatRequest, ToolAliases, Vec<Change>) {
    let mut changes = Changes::default();
    let aliases = give(&mut request, profile, &mut changes);
    (request, aliases, changes.into_list())
}

fn spec_names(request: &ChatRequest) -> Vec<String> {
    request.tool_config.iter().flat_map(ToolConfig::specs).map(|spec| spec.name.clone()).collect()
}

fn history_names(request: &ChatRequest) -> Vec<String> {
    request.messages.iter().flat_map(Message::tool_uses).map(|call| call.name.clone()).collect()
}

#[test]
fn names_that_fit_stay() {
    let before = request(&owned(&["get_weather", "a-b"]), &owned(&["a-b", "gone"]));
    let (after, aliases, changes) = given(before.clone(), &ModelProfile::default());
    assert_eq!((after, changes), (before, vec![]));
    assert!(aliases.is_empty());
}

#[test]
fn aliases_hit_no_other_tool() {
    let long = "x".repeat(70);
    let specs = owned(&["a.b", "a b", "a_b", "", "日本", &long, &(long.clone() + "y")]);
    let (after, aliases, changes) =
        given(request(&specs, &owned(&["a b", "new.one"])), &ModelProfile::default());
    let x64 = "x".repeat(64);
    let x62 = "x".repeat(62) + "_2";
    assert_eq!(spec_names(&after), ["a_b_2", "a_b_3", "a_b", "tool", "tool_2", &x64, &x62]);
    assert_eq!(history_names(&after), ["a_b_3", "new_one"]);
    assert_eq!((aliases.iter().len(), changes.len()), (7, 7));
    assert_eq!(changes[0].path, "toolConfig.tools[0].toolSpec.name");
    assert_eq!(changes[6].path, "messages[1].content[0].toolUse");
}

#[test]
fn the_familys_own_form_decides() {
    let mut profile = ModelProfile::new("m");
    profile.tools.name_alphabet = Some("a-zA-Z0-9_".into());
    profile.tools.name_max = Some(8);
    let (after, ..) = given(request(&owned(&["a-b", "a_b", "long_names"]), &[]), &profile);
    assert_eq!(spec_names(&after), ["a_b_2", "a_b", "long_nam"]);
    profile.tools.name_max = Some(0);
    let before = request(&owned(&["a"]), &[]);
    assert_eq!(given(before.clone(), &profile).0, before, "there is no such name");
}

#[test]
fn the_choice_follows_and_system_tools_stay() {
    let system = Tool::SystemTool(SystemTool { name: "a_b".into(), ..SystemTool::default() });
    let before =
        ChatRequest::new("m").tool(system.clone()).tool(spec("a.b")).tool_choice(ToolChoice::tool("a.b"));
    let (after, ..) = given(before, &ModelProfile::default());
    let config = after.tool_config.unwrap();
    assert_eq!(config.tools, [system, spec("a_b_2").into()]);
    assert_eq!(config.tool_choice, Some(ToolChoice::tool("a_b_2")));
}

#[test]
fn answers_and_streams_get_names_back() {
    let (_, aliases, _) = given(request(&owned(&["a.b"]), &[]), &ModelProfile::default());
    let mut accumulator = Accumulator::new();
    for mut event in [
        StreamEvent::message_start(),
        StreamEvent::tool_use_start(0, "1", "a_b"),
        StreamEvent::tool_input(0, "{}"),
        StreamEvent::block_stop(0),
        StreamEvent::tool_use_start(1, "2", "other"),
    ] {
        aliases.restore_event(&mut event);
        accumulator.push(&event);
    }
    let restored = accumulator.response();
    assert_eq!(restored.message.tool_uses().next().unwrap().name, "a.b");
    let mut response = restored.clone();
    for call in &mut response.message.content {
        if let ContentBlock::ToolUse(call) = call {
            call.name = "a_b".into();
        }
    }
    response.incomplete_tool_uses[0].name = "a_b".into();
    aliases.restore_response(&mut response);
    assert_eq!(response.message, restored.message);
    assert_eq!(response.incomplete_tool_uses[0].name, "a.b");
}

fn names() -> impl Strategy<Value = Vec<String>> {
    vec(prop_oneof!["[a-b]{1,2}[._ -]{0,1}[a-b2]{0,2}", any::<String>(), "[ab]{60,70}"], 0..8)
}

proptest! {
    #[test]
    fn aliases_are_a_bijection(specs in names(), history in names(), max in proptest::option::of(6..70_u32)) {
        let mut profile = ModelProfile::new("m");
        profile.tools.name_max = max;
        let before = request(&specs, &history);
        let (after, aliases, changes) = given(before.clone(), &profile);
        let form = NameForm::of(&profile);

        let own: Vec<String> = specs.iter().chain(&history).cloned().collect();
        let sent: Vec<String> = spec_names(&after).into_iter().chain(history_names(&after)).collect();
        prop_assert!(sent.iter().all(|name| form.fits(name)), "{sent:?}");
        let pairs: BTreeSet<_> = own.iter().zip(&sent).collect();
        prop_assert_eq!(own.iter().collect::<BTreeSet<_>>().len(), pairs.len());
        prop_assert_eq!(sent.iter().collect::<BTreeSet<_>>().len(), pairs.len());
        prop_assert_eq!(changes.len(), aliases.iter().len());
        for (own, sent) in specs.iter().zip(spec_names(&after)) {
            prop_assert!(!form.fits(own) || *own == sent, "{own:?} became {sent:?}");
        }

        let mut restored = after.clone();
        restored.messages.iter_mut().for_each(|message| aliases.restore_message(message));
        prop_assert_eq!(restored.messages, before.messages);
        prop_assert!(given(after.clone(), &profile).1.is_empty());
    }

    #[test]
    fn a_longer_history_changes_no_alias(specs in names(), history in names(), end in 0..8_usize) {
        let profile = ModelProfile::default();
        let end = end.min(history.len());
        let (whole, ..) = given(request(&specs, &history), &profile);
        let (part, ..) = given(request(&specs, &history[..end]), &profile);
        prop_assert_eq!(spec_names(&part), spec_names(&whole));
        prop_assert_eq!(history_names(&part), &history_names(&whole)[..end]);
    }
}
