//! Turns: blank text goes, empty turns go, the first turn is whose it must be, turns of one role merge.

use super::Changes;
use crate::content::ContentKind;
use crate::model::{ModelIdKind, ModelProfile};
use crate::{
    ChatRequest, ContentBlock, Message, Role, SystemContentBlock, ToolResultBlock, ToolResultContentBlock,
};

/// Stands for what a tool did not say.
const NO_OUTPUT: &str = "(no output)";
/// Stands before an assistant's turn that nothing comes before.
const BEGINNING: &str = "(The conversation begins with the assistant.)";

pub(super) fn mend(messages: &mut Vec<Message>, profile: &ModelProfile, changes: &mut Changes) {
    let mut turns = 0..;
    messages.retain_mut(|message| {
        let turn = turns.next().unwrap_or_default();
        if says_nothing(message) {
            let rule = if message.content.is_empty() { "R-CONTENT" } else { "R-BLANK-TEXT" };
            let note = format!("left out a turn of the {} that says nothing", message.role);
            changes.mended(rule, format!("messages[{turn}]"), note);
            return false;
        }
        clean(turn, message, changes);
        true
    });
    if is_assistant_first(messages, profile) {
        messages.insert(0, Message::user(BEGINNING));
        changes.mended("R-FIRST-TURN", "messages[0]", "put a turn of the user before the assistant's");
    }
}

/// Whether [`mend`] has nothing to do.
pub(crate) fn is_mended(messages: &[Message], profile: &ModelProfile) -> bool {
    !is_assistant_first(messages, profile)
        && !messages.iter().any(|message| says_nothing(message) || is_unclean(message))
}

/// Whether the assistant speaks before the user; instructions of the system are no turn in that.
fn is_assistant_first(messages: &[Message], profile: &ModelProfile) -> bool {
    // a managed prompt may begin the conversation itself
    profile.turns.first_assistant != Some(true)
        && profile.id.kind() != ModelIdKind::Prompt
        && messages.iter().find(|it| it.role != Role::System).is_some_and(|it| it.role == Role::Assistant)
}

/// Whether a turn has nothing but blank text and cache points, as may be left when its tool results are gathered
/// elsewhere.
pub(crate) fn says_nothing(message: &Message) -> bool {
    !message.content.iter().any(says_something)
}

/// Whether a piece of a turn is more than blank text or a cache point.
pub(crate) fn says_something(block: &ContentBlock) -> bool {
    !is_blank(block) && block.kind() != ContentKind::CachePoint
}

pub(super) fn is_blank(block: &ContentBlock) -> bool {
    matches!(block, ContentBlock::Text(text) if text.trim().is_empty())
}

fn is_unclean(message: &Message) -> bool {
    message.content.iter().any(|block| match block {
        ContentBlock::ToolResult(result) => is_unclean_result(result),
        block => is_void(&message.role, block),
    })
}

/// A user's blank text beside other content is taken by the service (recording 08327e4d4f6c), only empty text is not;
/// an assistant's is not taken by Claude: "text content blocks must contain non-whitespace text"
/// (github.com/NousResearch/hermes-agent/issues/63983).
fn is_void(role: &Role, block: &ContentBlock) -> bool {
    matches!(block, ContentBlock::Text(text) if text.is_empty() || (*role == Role::Assistant && text.trim().is_empty()))
}

/// A tool that the service ran speaks for itself.
fn is_unclean_result(result: &ToolResultBlock) -> bool {
    let is_unclean_piece = |piece| is_blank_piece(piece) || is_bare_json(piece);
    result.r#type.is_none() && (result.content.is_empty() || result.content.iter().any(is_unclean_piece))
}

/// "Provide a json object for the field": what is no object is said as text.
fn is_bare_json(piece: &ToolResultContentBlock) -> bool {
    matches!(piece, ToolResultContentBlock::Json(value) if !value.is_object())
}

/// The JSON of a tool result as text; a string is the text that it is.
fn as_text(piece: &mut ToolResultContentBlock) {
    if let ToolResultContentBlock::Json(value) = piece {
        *piece = value.as_str().map_or_else(|| value.to_string(), str::to_owned).into();
    }
}

fn is_blank_piece(piece: &ToolResultContentBlock) -> bool {
    matches!(piece, ToolResultContentBlock::Text(text) if text.trim().is_empty())
}

/// Takes empty texts out of a turn that says something, and gives silent tool results a text.
pub(crate) fn clean(turn: usize, message: &mut Message, changes: &mut Changes) {
    let blocks = message.content.len();
    let role = &message.role;
    message.content.retain(|block| !is_void(role, block));
    let dropped = blocks - message.content.len();
    if dropped > 0 {
        let note = format!("left out empty texts: {dropped}");
        changes.mended("R-BLANK-TEXT", format!("messages[{turn}].content"), note);
    }
    for (block, content) in message.content.iter_mut().enumerate() {
        let ContentBlock::ToolResult(result) = content else { continue };
        if !is_unclean_result(result) {
            continue;
        }
        let path = format!("messages[{turn}].content[{block}].toolResult.content");
        let id = &result.tool_use_id;
        if result.content.iter().any(is_bare_json) {
            result.content.iter_mut().filter(|piece| is_bare_json(piece)).for_each(as_text);
            let note = format!("made text of what is no JSON object in the output of tool call {id}");
            changes.mended("R-TOOL-RESULT", path.as_str(), note);
        }
        let pieces = result.content.len();
        result.content.retain(|piece| !is_blank_piece(piece));
        if result.content.is_empty() {
            result.content.push(NO_OUTPUT.into());
            changes.mended("R-TOOL-RESULT", path, format!("said that tool call {id} had no output"));
        } else if result.content.len() < pieces {
            let note = format!("left out blank texts beside the output of tool call {id}");
            changes.mended("R-TOOL-RESULT", path, note);
        }
    }
}

/// Takes blank texts out of the system prompt. An empty list stays: the service takes it (recording 083196c8bd7c).
pub(super) fn mend_system(request: &mut ChatRequest, changes: &mut Changes) {
    let Some(system) = &mut request.system else { return };
    let blocks = system.len();
    system.retain(|block| !matches!(block, SystemContentBlock::Text(text) if text.trim().is_empty()));
    let dropped = blocks - system.len();
    if dropped > 0 {
        changes.mended("R-BLANK-TEXT", "system", format!("left out blank texts: {dropped}"));
    }
}

/// Makes consecutive turns of one role one turn, their blocks in order.
pub(super) fn merge(messages: &mut Vec<Message>, profile: &ModelProfile, changes: &mut Changes) {
    if profile.turns.consecutive == Some(true) || is_merged(messages) {
        return;
    }
    let mut turns = 1..;
    messages.dedup_by(|next, last| {
        let turn: usize = turns.next().unwrap_or_default();
        if !belong_together(last, next) {
            return false;
        }
        let note = format!("merged with the turn of the {} before it", next.role);
        changes.mended("R-ALTERNATE", format!("messages[{turn}]"), note);
        join(last, next);
        true
    });
}

/// Whether [`merge`] has nothing to do.
pub(crate) fn is_merged(messages: &[Message]) -> bool {
    messages.iter().zip(messages.iter().skip(1)).all(|(last, next)| !belong_together(last, next))
}

/// Whether two turns in a row are one. Roles this version does not know are left as they are.
pub(crate) fn belong_together(last: &Message, next: &Message) -> bool {
    last.role == next.role && !matches!(last.role, Role::Unknown(_))
}

/// Moves what a turn has to the end of the one before it.
pub(crate) fn join(last: &mut Message, next: &mut Message) {
    last.content.append(&mut next.content);
    for (name, value) in std::mem::take(&mut next.extra) {
        last.extra.entry(name).or_insert(value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::normalize::ChangeKind;

    fn rules(changes: Changes) -> Vec<&'static str> {
        let list = changes.into_list();
        assert!(list.iter().all(|change| change.kind == ChangeKind::Mended));
        list.into_iter().map(|change| change.rule).collect()
    }

    fn mended(mut messages: Vec<Message>, profile: &ModelProfile) -> (Vec<Message>, Vec<&'static str>) {
        let mut changes = Changes::default();
        mend(&mut messages, profile, &mut changes);
        merge(&mut messages, profile, &mut changes);
        assert!(is_mended(&messages, profile));
        (messages, rules(changes))
    }

    #[test]
    fn an_assistant_s_blank_text_goes_beside_other_content_too() {
        let call = crate::ToolUseBlock::new("t", "f", serde_json::json!({}));
        let (messages, rules) =
            mended(vec![Message::user("a"), Message::assistant("\n\n").with(call)], &ModelProfile::default());
        assert_eq!(messages[1].content.len(), 1);
        assert_eq!(rules, ["R-BLANK-TEXT"]);
    }

    #[test]
    fn output_that_is_no_json_object_becomes_text() {
        for (value, text) in [
            (serde_json::json!([1, "b"]), r#"[1,"b"]"#),
            (serde_json::json!("words"), "words"),
            (serde_json::json!(null), "null"),
        ] {
            let result = Message::user(ToolResultBlock::json("t", value));
            let (messages, rules) = mended(vec![Message::user("a"), result], &ModelProfile::default());
            let result = messages[0].tool_results().next().unwrap();
            assert_eq!(result.content, [ToolResultContentBlock::from(text)]);
            assert_eq!(rules[0], "R-TOOL-RESULT");
        }
        let object = Message::user(ToolResultBlock::json("t", serde_json::json!({"a": 1})));
        assert_eq!(mended(vec![object.clone()], &ModelProfile::default()), (vec![object], vec![]));
    }

    #[test]
    fn a_managed_prompt_may_begin_the_conversation() {
        let prompt = ModelProfile::new("arn:aws:bedrock:us-east-1:123456789012:prompt/ABCDEFGHIJ:1");
        let history = || vec![Message::assistant("And?"), Message::user("Go on.")];
        assert_eq!(mended(history(), &prompt), (history(), vec![]));
        assert_eq!(mended(history(), &ModelProfile::default()).1, ["R-FIRST-TURN"]);
    }

    #[test]
    fn empty_text_goes_and_blank_text_beside_other_content_stays() {
        let told = Message::user("a").with("").with("\n");
        let (messages, rules) =
            mended(vec![told, Message::assistant("b").with("")], &ModelProfile::default());
        assert_eq!(messages, [Message::user("a").with("\n"), Message::assistant("b")]);
        assert_eq!(rules, ["R-BLANK-TEXT"; 2]);
    }

    #[test]
    fn turns_that_say_nothing_go_and_their_neighbours_merge() {
        let none: [&str; 0] = [];
        let turns = vec![
            Message::user("a"),
            Message::assistant(" ").with("\t"),
            Message::user("b"),
            Message::new(Role::Assistant, none),
            Message::user("c"),
        ];
        let (messages, rules) = mended(turns, &ModelProfile::default());
        assert_eq!(messages, [Message::user("a").with("b").with("c")]);
        assert_eq!(rules, ["R-BLANK-TEXT", "R-CONTENT", "R-ALTERNATE", "R-ALTERNATE"]);
    }

    #[test]
    fn silent_tools_get_a_text_but_not_those_the_service_ran() {
        let silent = ToolResultBlock { tool_use_id: "a".into(), ..ToolResultBlock::default() };
        let served = ToolResultBlock { r#type: Some("grounding".into()), ..silent.clone() };
        let json = serde_json::json!({"ok": true});
        let mut padded = ToolResultBlock::json("b", json.clone());
        padded.content.push(" ".into());
        let turn =
            Message::user(silent).with(ToolResultBlock::text("c", " \n")).with(padded).with(served.clone());
        let (messages, rules) = mended(vec![turn], &ModelProfile::default());
        let wanted = Message::user(ToolResultBlock::text("a", NO_OUTPUT))
            .with(ToolResultBlock::text("c", NO_OUTPUT))
            .with(ToolResultBlock::json("b", json))
            .with(served);
        assert_eq!(messages, [wanted]);
        assert_eq!(rules, ["R-TOOL-RESULT"; 3]);
    }

    #[test]
    fn the_profile_says_who_begins_and_whether_turns_alternate() {
        let turns = vec![Message::assistant("a"), Message::assistant("b")];
        let (messages, rules) = mended(turns.clone(), &ModelProfile::default());
        assert_eq!(messages, [Message::user(BEGINNING), Message::assistant("a").with("b")]);
        assert_eq!(rules, ["R-FIRST-TURN", "R-ALTERNATE"]);

        let mut lenient = ModelProfile::default();
        lenient.turns.first_assistant = Some(true);
        lenient.turns.consecutive = Some(true);
        assert_eq!(mended(turns.clone(), &lenient), (turns, vec![]));

        let rules = Message::new(Role::System, ["c"]);
        let (messages, _) = mended(vec![rules.clone(), Message::assistant("a")], &ModelProfile::default());
        assert_eq!(messages, [Message::user(BEGINNING), rules, Message::assistant("a")]);
    }

    #[test]
    fn only_turns_of_the_three_known_roles_merge_and_only_with_their_own() {
        let turn = |role: &Role| Message::new(role.clone(), ["a"]);
        let tool = Role::Unknown("tool".into());
        let roles = [Role::User, Role::System, Role::System, Role::User, tool.clone(), tool];
        let (messages, _) = mended(roles.iter().map(turn).collect(), &ModelProfile::default());
        let lengths: Vec<_> = messages.iter().map(|message| message.content.len()).collect();
        assert_eq!(lengths, [1, 2, 1, 1, 1]);
    }

    #[test]
    fn a_blank_system_prompt_goes_and_an_empty_list_stays() {
        let mut request = ChatRequest::new("m").system(" ").system("Be brief.");
        let mut changes = Changes::default();
        mend_system(&mut request, &mut changes);
        assert_eq!(request.system, Some(vec!["Be brief.".into()]));
        assert_eq!(rules(changes), ["R-BLANK-TEXT"]);

        let mut request = ChatRequest { system: Some(Vec::new()), ..ChatRequest::new("m") };
        let mut changes = Changes::default();
        mend_system(&mut request, &mut changes);
        assert_eq!((request.system, rules(changes)), (Some(Vec::new()), vec![]));
    }
}
