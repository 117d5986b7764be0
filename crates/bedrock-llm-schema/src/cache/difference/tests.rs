//! The usual reasons why nothing is read.

use serde_json::json;

use super::*;
use crate::{CachePointBlock, CacheTtl, DocumentBlock, Message, ToolChoice, ToolSpec, ToolUseBlock};

fn tool(name: &str) -> ToolSpec {
    ToolSpec::new(
        name,
        "Secret description",
        json!({"type": "object", "properties": {"a": {"type": "string"}}}),
    )
}

fn request() -> ChatRequest {
    let document = DocumentBlock::from_text("report", "Secret figures");
    ChatRequest::new("m")
        .system("Secret instructions")
        .tool(tool("alpha"))
        .tool(tool("beta"))
        .messages([Message::user(document).with("Secret question"), Message::assistant("Secret answer")])
        .message("Secret follow-up")
}

/// Path, part, kind and explanation; and no prompt text in what is printed.
fn told(previous: &ChatRequest, next: &ChatRequest) -> (String, PrefixPart, DifferenceKind, String) {
    let difference = first_difference(previous, next).unwrap();
    let printed = format!("{difference} {difference:?}");
    assert!(!printed.contains("Secret"), "{printed}");
    (difference.path, difference.part, difference.kind, difference.explanation)
}

fn is(
    told: &(String, PrefixPart, DifferenceKind, String),
    path: &str,
    part: PrefixPart,
    kind: DifferenceKind,
    words: &str,
) {
    assert_eq!((told.0.as_str(), told.1, told.2), (path, part, kind), "{}", told.3);
    assert!(told.3.contains(words), "{}", told.3);
}

#[test]
fn going_on_is_no_difference() {
    let next = request().message(Message::assistant("More")).message("And?");
    assert_eq!(first_difference(&request(), &request()), None);
    assert_eq!(first_difference(&request(), &next), None);
    // nor is more in the last turn, nor settings that the model does not read, nor where cache points stand
    let mut more = request().max_tokens(9).temperature(0.5);
    more.messages[2].content.push("more".into());
    more.messages[0].content.insert(1, ContentBlock::cache_point());
    let system = more.system.as_mut().unwrap();
    system.push(CachePointBlock::with_ttl(CacheTtl::OneHour).into());
    more.tool_config.as_mut().unwrap().tools.insert(1, CachePointBlock::default().into());
    assert_eq!(first_difference(&request(), &more), None);
    assert_eq!(first_difference(&more, &more.clone().message("x")), None);
}

#[test]
fn tools_are_told_by_name() {
    let with = |tools: &[&str]| {
        let mut request = request();
        request.tool_config.as_mut().unwrap().tools = tools.iter().map(|name| tool(name).into()).collect();
        request
    };
    let told = |next: &[&str]| told(&request(), &with(next));
    let part = PrefixPart::Tools;
    is(&told(&["beta", "alpha"]), "toolConfig.tools[0]", part, Reordered, "tool order changed: tool `beta`");
    is(&told(&["alpha", "beta", "new"]), "toolConfig.tools[2]", part, Added, "tool `new` was added");
    is(&told(&["new", "alpha", "beta"]), "toolConfig.tools[0]", part, Added, "in front of others");
    is(&told(&["beta"]), "toolConfig.tools[0]", part, Removed, "tool `alpha` was removed");
    is(&told(&["alpha"]), "toolConfig.tools[1]", part, Removed, "tool `beta` was removed");
    is(&told(&["alpha", "new"]), "toolConfig.tools[1]", part, Changed, "tool `beta` gave way to tool `new`");
}

#[test]
fn changes_inside_a_tool_have_their_path() {
    let edit = |edit: fn(&mut ToolSpec)| {
        let mut request = request();
        if let Tool::ToolSpec(spec) = &mut request.tool_config.as_mut().unwrap().tools[1] {
            edit(spec);
        }
        request
    };
    let description = edit(|spec| spec.description = Some("Secret description, better".into()));
    let path = "toolConfig.tools[1].toolSpec.description";
    is(&told(&request(), &description), path, PrefixPart::Tools, Changed, "at character 18");
    let keys = edit(|spec| {
        *spec = ToolSpec::new(
            "beta",
            "Secret description",
            json!({"properties": {"a": {"type": "string"}}, "type": "object"}),
        );
    });
    let path = "toolConfig.tools[1].toolSpec.inputSchema.json";
    is(&told(&request(), &keys), path, PrefixPart::Tools, Reordered, "order of an object's keys");
    // what comes first is named, though the list changed further on
    let both = description.tool(tool("new"));
    assert_eq!(told(&request(), &both).0, "toolConfig.tools[1].toolSpec.description");
}

#[test]
fn the_usual_suspects_are_explained() {
    let mut timed = request();
    timed.system = Some(vec!["Secret instructions of 10:41".into()]);
    let mut later = timed.clone();
    later.system = Some(vec!["Secret instructions of 10:42".into()]);
    is(
        &told(&timed, &later),
        "system[0].text",
        PrefixPart::System,
        Changed,
        "in a number: a time, date or counter",
    );
    is(
        &told(&request(), &request().system("more")),
        "system[1]",
        PrefixPart::System,
        Added,
        "got something new",
    );

    let mut renamed = request();
    if let ContentBlock::Document(document) = &mut renamed.messages[0].content[0] {
        document.name = "f81d4fae".into();
    }
    let path = "messages[0].content[0].document.name";
    is(&told(&request(), &renamed), path, PrefixPart::Messages, Changed, "a document's name changed");

    let mut edited = request();
    edited.messages[1] = Message::assistant("Secret answer, edited");
    is(
        &told(&request(), &edited),
        "messages[1].content[0].text",
        PrefixPart::Messages,
        Changed,
        "an earlier turn",
    );
    let mut cut = request();
    cut.messages.truncate(1);
    is(&told(&request(), &cut), "messages[1]", PrefixPart::Messages, Removed, "lost something");

    let other = ChatRequest { model: "m2".into(), ..later };
    is(&told(&timed, &other), "modelId", PrefixPart::Model, Changed, "the model changed");
}

#[test]
fn settings_count_before_messages_and_after_the_system_prompt() {
    let thinking = |budget: u32| request().additional_field("thinking", json!({"budget_tokens": budget}));
    let path = "additionalModelRequestFields.thinking.budget_tokens";
    is(&told(&thinking(1024), &thinking(2048)), path, PrefixPart::Settings, Changed, "the setting");
    let forced = request().tool_choice(ToolChoice::any());
    let path = "toolConfig.toolChoice";
    is(&told(&request(), &forced), path, PrefixPart::Settings, Added, "got something new");
    is(&told(&forced, &request()), path, PrefixPart::Settings, Removed, "lost something");
    let path = "toolConfig.toolChoice.auto";
    let free = request().tool_choice(ToolChoice::auto());
    assert_eq!(told(&forced, &free).0, path);
    let asked = |effort: crate::Effort| request().reasoning(effort);
    let (low, high) = (asked(crate::Effort::Low), asked(crate::Effort::High));
    is(&told(&low, &high), "reasoning.effort", PrefixPart::Settings, Changed, "the setting");
    let mut edited = forced;
    edited.messages[0] = Message::user("other");
    assert_eq!(told(&request(), &edited).1, PrefixPart::Settings);
}

#[test]
fn key_order_counts_in_tool_calls_though_the_objects_are_equal() {
    let call = |input| request().message(Message::assistant(ToolUseBlock::new("t", "alpha", input)));
    let (before, after) = (call(json!({"a": 1, "b": 2})), call(json!({"b": 2, "a": 1})));
    assert_eq!(before, after);
    let path = "messages[3].content[0].toolUse.input";
    is(&told(&before, &after), path, PrefixPart::Messages, Reordered, "order of an object's keys");
}

#[test]
fn both_sides_can_be_seen_when_asked_for() {
    let mut next = request();
    next.messages[1] = Message::assistant("other");
    let difference = first_difference(&request(), &next).unwrap();
    assert_eq!(difference.before(), Some(&json!("Secret answer")));
    assert_eq!(difference.after(), Some(&json!("other")));
    assert_eq!(difference.lengths(), (15, 7));
}
