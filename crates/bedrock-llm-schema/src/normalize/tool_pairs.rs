//! Tool calls and their results: gathered in one turn, none missing, none without a call.

use std::collections::{BTreeMap, BTreeSet};

use super::Changes;
use super::turns::says_nothing;
use crate::content::ContentKind;
use crate::model::ModelProfile;
use crate::{
    ContentBlock, Message, Role, ToolResultBlock, ToolResultContentBlock, ToolResultStatus, ToolUseBlock,
};

const PAIR: &str = "R-TOOL-PAIR";
/// The most characters of a tool call's id.
const ID_MAX: usize = 64;
/// Stands for the result of a call that nobody answered.
const NOT_RUN: &str = "(no result: the tool was not run)";

/// The tool call, if this is one that the caller answers.
pub(crate) fn as_call(block: &ContentBlock) -> Option<&ToolUseBlock> {
    block.as_tool_use().filter(|call| !call.is_run_by_service())
}

/// The tool result, if this is one that the caller gives. One of a tool that the service ran stands in one turn
/// with its call (recording 255578d9aafd).
pub(crate) fn as_result(block: &ContentBlock) -> Option<&ToolResultBlock> {
    block.as_tool_result().filter(|result| result.r#type.is_none())
}

/// Gives every call of the assistant's its result in the user's next turn, before anything else there; results
/// without a call become text.
pub(super) fn mend(messages: &mut Vec<Message>, profile: &ModelProfile, changes: &mut Changes) {
    bend_ids(messages, changes);
    if !is_paired(messages, false) {
        pair(messages, profile, changes);
    }
    for (turn, message) in messages.iter_mut().enumerate() {
        if message.role == Role::User && put_results_first(message) {
            let path = format!("messages[{turn}].content");
            changes.mended(PAIR, path, "put tool results before the other content");
        }
    }
}

/// Gives calls and their results ids in the service's form, where those of another service are not.
fn bend_ids(messages: &mut [Message], changes: &mut Changes) {
    let ids = || messages.iter().flat_map(|message| &message.content).filter_map(id_of);
    if ids().all(is_legal_id) {
        return;
    }
    let mut taken: BTreeSet<String> = ids().filter(|id| is_legal_id(id)).map(str::to_owned).collect();
    let mut bent: BTreeMap<String, String> = BTreeMap::new();
    for (turn, message) in messages.iter_mut().enumerate() {
        for (block, content) in message.content.iter_mut().enumerate() {
            let Some(id) = id_mut(content).filter(|id| !is_legal_id(id)) else { continue };
            let name = bent.entry(id.clone()).or_insert_with(|| {
                let stem: String = id.chars().map(|c| if is_legal_in_id(c) { c } else { '_' }).collect();
                let stem = if stem.is_empty() { "call" } else { stem.as_str() };
                let name = numbered(stem, 1, &taken);
                taken.insert(name.clone());
                let path = format!("messages[{turn}].content[{block}]");
                changes.mended("R-TOOL-ID", path, format!("tool call {id:?} is {name} now"));
                name
            });
            id.clone_from(name);
        }
    }
}

fn id_of(block: &ContentBlock) -> Option<&str> {
    match block {
        ContentBlock::ToolUse(call) => Some(&call.tool_use_id),
        ContentBlock::ToolResult(result) => Some(&result.tool_use_id),
        _ => None,
    }
}

fn id_mut(block: &mut ContentBlock) -> Option<&mut String> {
    match block {
        ContentBlock::ToolUse(call) => Some(&mut call.tool_use_id),
        ContentBlock::ToolResult(result) => Some(&mut result.tool_use_id),
        _ => None,
    }
}

fn is_legal_in_id(c: char) -> bool {
    c.is_ascii_alphanumeric() || "_.:-".contains(c)
}

fn is_legal_id(id: &str) -> bool {
    (1..=ID_MAX).contains(&id.len()) && id.chars().all(is_legal_in_id)
}

/// The id with the first number from `from` on that makes it one of its own; 1 is not written.
fn numbered(id: &str, from: usize, taken: &BTreeSet<String>) -> String {
    let names = (from..).map(|number| {
        let suffix = if number == 1 { String::new() } else { format!("_{number}") };
        id.chars().take(ID_MAX.saturating_sub(suffix.len())).collect::<String>() + &suffix
    });
    names.into_iter().find(|name| !taken.contains(name)).unwrap_or_default()
}

/// Whether every call is answered once in the user's next turn, and nothing else is; the calls of a last turn may
/// be open.
pub(crate) fn is_paired(messages: &[Message], may_end_open: bool) -> bool {
    let mut open = BTreeSet::new();
    for message in messages {
        for result in message.content.iter().filter_map(as_result) {
            if message.role != Role::User || !open.remove(result.tool_use_id.as_str()) {
                return false;
            }
        }
        if !open.is_empty() {
            return false;
        }
        for call in message.content.iter().filter_map(as_call) {
            if message.role != Role::Assistant || !open.insert(call.tool_use_id.as_str()) {
                return false;
            }
        }
    }
    may_end_open || open.is_empty()
}

/// Puts tool results before the other content, as Claude wants them; says whether they were not. Cache points
/// between results stay where they are.
pub(crate) fn put_results_first(message: &mut Message) -> bool {
    let is_leading =
        |block: &&ContentBlock| as_result(block).is_some() || block.kind() == ContentKind::CachePoint;
    let is_late = message.content.iter().skip_while(is_leading).any(|block| as_result(block).is_some());
    if is_late {
        message.content.sort_by_key(|block| as_result(block).is_none());
    }
    is_late
}

/// A call of the assistant's.
#[derive(Debug)]
struct Call {
    turn: usize,
    block: usize,
    id: String,
    /// Turn and block of its result.
    answer: Option<(usize, usize)>,
    /// Whether its result, and those of all calls of its turn, stand in the user's next turn.
    is_settled: bool,
    /// Its result, once taken from where it stood.
    result: Option<ToolResultBlock>,
}

fn pair(messages: &mut Vec<Message>, profile: &ModelProfile, changes: &mut Changes) {
    let mut calls = match_results(messages);
    rename_repeated(messages, &mut calls, changes);
    settle(messages, &mut calls);
    let taken = take_apart(messages, &mut calls, changes);

    let mut calls = calls.into_iter().filter(|call| !call.is_settled).peekable();
    let mut paired: Vec<Message> = Vec::with_capacity(messages.len() + 1);
    let mut for_user: Vec<ContentBlock> = Vec::new();
    for (turn, (mut message, taken)) in messages.drain(..).zip(taken).enumerate() {
        if message.role == Role::User {
            message.content.splice(..0, for_user.drain(..));
        } else if !for_user.is_empty() {
            paired.push(Message::new(Role::User, std::mem::take(&mut for_user)));
        }
        let mut answers = Answers::default();
        while let Some(call) = calls.next_if(|call| call.turn == turn) {
            answers.add(call, profile);
        }
        answers.report(turn, changes);
        for_user.extend(answers.blocks);
        for_user.extend(taken.for_user);
        if taken.is_reduced && says_nothing(&message) {
            let note = format!("left out a turn of the {} of which nothing remains", message.role);
            changes.mended("R-CONTENT", format!("messages[{turn}]"), note);
        } else {
            paired.push(message);
        }
    }
    if !for_user.is_empty() {
        paired.push(Message::new(Role::User, for_user));
    }
    *messages = paired;
}

/// Finds each call's result. Ids may come again in later turns: a result answers the latest turn that has an open
/// call of its id, and there the first.
fn match_results(messages: &[Message]) -> Vec<Call> {
    let mut calls: Vec<Call> = Vec::new();
    let mut open: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (turn, message) in messages.iter().enumerate() {
        for (block, content) in message.content.iter().enumerate() {
            if let Some(call) = as_call(content).filter(|_| message.role == Role::Assistant) {
                open.entry(&call.tool_use_id).or_default().push(calls.len());
                let id = call.tool_use_id.clone();
                calls.push(Call { turn, block, id, answer: None, is_settled: false, result: None });
            } else if let Some(waiting) =
                as_result(content).and_then(|it| open.get_mut(it.tool_use_id.as_str()))
            {
                let turn_of = |call: &usize| calls.get(*call).map(|call| call.turn);
                let latest = waiting.last().and_then(turn_of);
                let first = waiting.partition_point(|call| turn_of(call) < latest);
                if first < waiting.len()
                    && let Some(call) = calls.get_mut(waiting.remove(first))
                {
                    call.answer = Some((turn, block));
                }
            }
        }
    }
    calls
}

/// Gives the second call of one id in a turn an id of its own, the same one every time.
fn rename_repeated(messages: &mut [Message], calls: &mut [Call], changes: &mut Changes) {
    let mut seen: BTreeSet<(usize, String)> = BTreeSet::new();
    let mut taken: BTreeSet<String> = calls.iter().map(|call| call.id.clone()).collect();
    for call in calls {
        if seen.insert((call.turn, call.id.clone())) {
            continue;
        }
        let name = numbered(&call.id, call.block + 1, &taken);
        let path = format!("messages[{}].content[{}].toolUse.toolUseId", call.turn, call.block);
        changes.mended("R-TOOL-ID", path, format!("renamed a repeated tool call {} to {name}", call.id));
        taken.insert(name.clone());
        call.id = name;
        if let Some(ContentBlock::ToolUse(block)) = block_mut(messages, (call.turn, call.block)) {
            block.tool_use_id.clone_from(&call.id);
        }
        if let Some(ContentBlock::ToolResult(block)) =
            call.answer.and_then(|place| block_mut(messages, place))
        {
            block.tool_use_id.clone_from(&call.id);
        }
    }
}

fn block_mut(messages: &mut [Message], (turn, block): (usize, usize)) -> Option<&mut ContentBlock> {
    messages.get_mut(turn)?.content.get_mut(block)
}

/// Marks the calls of turns whose results all stand where they should.
fn settle(messages: &[Message], calls: &mut [Call]) {
    for calls in calls.chunk_by_mut(|one, other| one.turn == other.turn) {
        let is_settled = calls.iter().all(|call| {
            let next = messages.get(call.turn + 1).filter(|next| next.role == Role::User);
            next.is_some() && call.answer.is_some_and(|(turn, _)| turn == call.turn + 1)
        });
        calls.iter_mut().for_each(|call| call.is_settled = is_settled);
    }
}

/// What was taken out of a turn.
#[derive(Debug, Default)]
struct Taken {
    /// What the user's next turn is to say in its place.
    for_user: Vec<ContentBlock>,
    /// Whether the turn has less than before.
    is_reduced: bool,
}

/// Takes the results that are to be gathered to their calls, and writes what has no place as text: in a user's turn
/// where it stands, from another turn for the user's next one, since a tool's words are neither the assistant's nor the
/// system's.
fn take_apart(messages: &mut [Message], calls: &mut [Call], changes: &mut Changes) -> Vec<Taken> {
    let mut owners: BTreeMap<(usize, usize), &mut Call> =
        calls.iter_mut().filter_map(|call| Some((call.answer?, call))).collect();
    let take = |(turn, message): (usize, &mut Message)| {
        let (mut own, mut taken) = (Vec::with_capacity(message.content.len()), Taken::default());
        for (block, content) in message.content.drain(..).enumerate() {
            match (content, owners.get_mut(&(turn, block))) {
                (ContentBlock::ToolResult(result), Some(call)) if !call.is_settled => {
                    call.result = Some(result);
                    taken.is_reduced = true;
                }
                (content, None) if is_stray(&message.role, &content) => {
                    changes.mended(PAIR, format!("messages[{turn}].content[{block}]"), note_of(&content));
                    if message.role == Role::User {
                        own.extend(spoken(content));
                    } else {
                        taken.for_user.extend(spoken(content));
                        taken.is_reduced = true;
                    }
                }
                (content, _) => own.push(content),
            }
        }
        message.content = own;
        taken
    };
    messages.iter_mut().enumerate().map(take).collect()
}

/// Whether this is a result, which no call waits for, or a call that is not the assistant's.
fn is_stray(role: &Role, block: &ContentBlock) -> bool {
    as_result(block).is_some() || (as_call(block).is_some() && *role != Role::Assistant)
}

fn note_of(stray: &ContentBlock) -> String {
    match stray {
        ContentBlock::ToolResult(result) => {
            format!(
                "wrote a result of tool call {}, which none waits for, as the user's text",
                result.tool_use_id
            )
        }
        ContentBlock::ToolUse(call) => {
            format!("wrote tool call {}, which is not the assistant's, as the user's text", call.tool_use_id)
        }
        _ => String::new(),
    }
}

/// What a call or result says, as content of the user's.
fn spoken(stray: ContentBlock) -> Vec<ContentBlock> {
    match stray {
        ContentBlock::ToolUse(call) => vec![format!("(Call of tool {}: {})", call.name, call.input).into()],
        ContentBlock::ToolResult(result) => {
            let is_error = result.status == Some(ToolResultStatus::Error);
            let what = if is_error { "Error" } else { "Result" };
            let head = format!("({what} of tool call {}:)", result.tool_use_id);
            let pieces = result.content.into_iter().map(|piece| match piece {
                ToolResultContentBlock::Json(value) => ContentBlock::Text(value.to_string()),
                ToolResultContentBlock::Text(text) => ContentBlock::Text(text),
                ToolResultContentBlock::Image(image) => ContentBlock::Image(image),
                ToolResultContentBlock::Document(document) => ContentBlock::Document(document),
                ToolResultContentBlock::Video(video) => ContentBlock::Video(video),
                ToolResultContentBlock::SearchResult(found) => ContentBlock::SearchResult(found),
                ToolResultContentBlock::Unknown(object) => ContentBlock::Unknown(object),
            });
            std::iter::once(ContentBlock::Text(head)).chain(pieces).collect()
        }
        other => vec![other],
    }
}

/// The results that one turn's calls get.
#[derive(Debug, Default)]
struct Answers {
    blocks: Vec<ContentBlock>,
    gathered: Vec<String>,
    missing: Vec<String>,
}

impl Answers {
    fn add(&mut self, call: Call, profile: &ModelProfile) {
        let result = match call.result {
            Some(result) => {
                self.gathered.push(call.id);
                result
            }
            None => {
                let mut result = ToolResultBlock::error(call.id.as_str(), NOT_RUN);
                if profile.tools.result_status == Some(false) {
                    result.status = None;
                }
                self.missing.push(call.id);
                result
            }
        };
        self.blocks.push(result.into());
    }

    fn report(&self, turn: usize, changes: &mut Changes) {
        let path = || format!("messages[{turn}].content");
        if !self.gathered.is_empty() {
            let ids = self.gathered.join(", ");
            changes.mended(
                PAIR,
                path(),
                format!("gathered the results of tool calls in the next turn: {ids}"),
            );
        }
        if !self.missing.is_empty() {
            let ids = self.missing.join(", ");
            changes.mended(PAIR, path(), format!("gave an error result to tool calls that had none: {ids}"));
        }
    }
}

#[cfg(test)]
mod tests;
