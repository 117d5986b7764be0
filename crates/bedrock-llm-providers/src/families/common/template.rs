//! Prompts that hold a conversation: finding the turns by the template's markers, and writing them.
//!
//! A prompt is read as turns and the *glue* around them: markers and white space. The glue is the prompt's
//! spelling, so writing the same turns with it gives the prompt back to the character.

use bedrock_llm_schema::content::SystemContentBlock;
use bedrock_llm_schema::{ChatRequest, ContentBlock, Message, Role};
use serde_json::Value;

use super::refuse_members;
use crate::json::Lowering;
use crate::{CodecError, Spelling};

/// What a marker says of the text after it.
#[derive(Debug, Clone)]
pub(crate) enum Mark {
    /// Someone speaks.
    Opens(Role),
    /// No one does.
    Closes,
}

/// A turn of a prompt.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Turn {
    pub(crate) role: Role,
    pub(crate) text: String,
}

/// A prompt taken apart.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Script {
    pub(crate) turns: Vec<Turn>,
    pub(crate) glue: Vec<String>,
}

/// Takes a prompt apart. `None` where it is not in the template: text outside of turns, no turn of the user,
/// or an end that does not leave the word to the model.
pub(crate) fn parse(prompt: &str, marks: &[(&str, Mark)], only_at_line_start: bool) -> Option<Script> {
    let mut script = Script { turns: Vec::new(), glue: Vec::new() };
    let mut speaker: Option<Role> = None;
    let (mut start, mut glue_start) = (0, 0);
    let mut close = |speaker: &Option<Role>, start: usize, end: usize| -> Option<()> {
        let piece = prompt.get(start..end)?;
        let text = piece.trim();
        match speaker {
            _ if text.is_empty() => {}
            None => return None,
            Some(role) => {
                let text_start = start + (piece.len() - piece.trim_start().len());
                script.glue.push(prompt.get(glue_start..text_start)?.to_owned());
                glue_start = text_start + text.len();
                script.turns.push(Turn { role: role.clone(), text: text.to_owned() });
            }
        }
        Some(())
    };
    for (at, _) in prompt.char_indices().filter(|(_, character)| !character.is_whitespace()) {
        let rest = prompt.get(at..)?;
        let at_line_start =
            || prompt.get(..at).is_some_and(|before| before.is_empty() || before.ends_with('\n'));
        if at < start || (only_at_line_start && !at_line_start()) {
            continue;
        }
        if let Some((marker, mark)) = marks.iter().find(|(marker, _)| rest.starts_with(marker)) {
            close(&speaker, start, at)?;
            start = at + marker.len();
            speaker = match mark {
                Mark::Opens(role) => Some(role.clone()),
                Mark::Closes => None,
            };
        }
    }
    close(&speaker, start, prompt.len())?;
    script.glue.push(prompt.get(glue_start..)?.to_owned());
    let is_chat = speaker == Some(Role::Assistant) && script.turns.iter().any(|turn| turn.role == Role::User);
    is_chat.then_some(script)
}

impl Script {
    /// A bare prompt: one turn of the user, no glue.
    pub(crate) fn bare(prompt: String) -> Self {
        Self { turns: vec![Turn { role: Role::User, text: prompt }], glue: vec![String::new(); 2] }
    }

    /// Keeps the glue in a spelling, and says whose turns it holds together.
    pub(crate) fn spell(&self, spelling: &mut Spelling) {
        spelling.0.insert("roles".to_owned(), roles(&self.turns));
        spelling.0.insert("glue".to_owned(), self.glue.iter().map(String::as_str).collect());
    }

    /// The turns as a conversation; `blocks` makes a turn's content.
    pub(crate) fn into_request(self, mut blocks: impl FnMut(Turn) -> Vec<ContentBlock>) -> ChatRequest {
        let mut request = ChatRequest::default();
        for turn in self.turns {
            if turn.role == Role::System && request.messages.is_empty() {
                request = request.system(turn.text);
            } else {
                request = request.message(Message::new(turn.role.clone(), blocks(turn)));
            }
        }
        request
    }
}

/// A turn's text as its only block.
pub(crate) fn text_block(turn: Turn) -> Vec<ContentBlock> {
    vec![turn.text.into()]
}

fn roles(turns: &[Turn]) -> Value {
    turns.iter().map(|turn| turn.role.as_str()).collect()
}

/// Writes turns with the glue of a spelling, if it was made for turns of these roles.
pub(crate) fn write_spelled(turns: &[Turn], spelling: Option<&Spelling>) -> Option<String> {
    let spelling = &spelling?.0;
    let glue = spelling.get("glue")?.as_array()?;
    if *spelling.get("roles")? != roles(turns) || glue.len() != turns.len() + 1 {
        return None;
    }
    let texts = turns.iter().map(|turn| turn.text.as_str()).chain([""]);
    Some(
        glue.iter()
            .zip(texts)
            .fold(String::new(), |prompt, (glue, text)| prompt + glue.as_str().unwrap_or_default() + text),
    )
}

/// The request's turns as text, system blocks first. `media` writes what is not text into the prompt; what it
/// does not take is refused.
pub(crate) fn turns(
    family: &'static str,
    request: &ChatRequest,
    lowering: &mut Lowering,
    mut media: impl FnMut(&ContentBlock) -> Option<&'static str>,
) -> Result<Vec<Turn>, CodecError> {
    let mut turns = Vec::new();
    for (index, block) in request.system.iter().flatten().enumerate() {
        match block {
            SystemContentBlock::Text(text) => turns.push(Turn { role: Role::System, text: text.clone() }),
            other => lowering.unsupported(format!("system[{index}].{}", other.tag()), other.tag())?,
        }
    }
    for (index, message) in request.messages.iter().enumerate() {
        refuse_members(&message.extra, &format!("messages[{index}]."), lowering)?;
        let mut text = String::new();
        let mut after_text = false;
        for (place, block) in message.content.iter().enumerate() {
            if let ContentBlock::Text(words) = block {
                if after_text {
                    text.push_str("\n\n");
                }
                text.push_str(words);
                after_text = true;
            } else if let Some(written) = media(block) {
                text.push_str(written);
                after_text = false;
            } else {
                lowering.unsupported(
                    format!("messages[{index}].content[{place}].{}", block.tag()),
                    block.tag(),
                )?;
            }
        }
        turns.push(Turn { role: message.role.clone(), text });
    }
    if request.messages.is_empty() {
        return Err(CodecError::Missing {
            family,
            what: "a message".to_owned(),
            path: "messages".to_owned(),
        });
    }
    Ok(turns)
}

/// Neighbouring turns of one role as one, for templates in which the roles must alternate.
pub(crate) fn joined(turns: &[Turn]) -> Vec<Turn> {
    let mut joined: Vec<Turn> = Vec::with_capacity(turns.len());
    for turn in turns {
        match joined.last_mut() {
            Some(last) if last.role == turn.role => {
                last.text.push_str("\n\n");
                last.text.push_str(&turn.text);
            }
            _ => joined.push(turn.clone()),
        }
    }
    joined
}

/// Refuses system turns, for families without them: the system prompt, and turns in the conversation.
pub(crate) fn without_system(
    turns: Vec<Turn>,
    request: &ChatRequest,
    lowering: &mut Lowering,
) -> Result<Vec<Turn>, CodecError> {
    if turns.iter().any(|turn| turn.role == Role::System) {
        let in_messages = request.messages.iter().position(|message| message.role == Role::System);
        let path = in_messages.map_or_else(|| "system".to_owned(), |index| format!("messages[{index}].role"));
        lowering.unsupported(path, "a system prompt")?;
    }
    Ok(turns.into_iter().filter(|turn| turn.role != Role::System).collect())
}

/// `User: …` and the model's name at the start of lines, the model's turn left open at the end.
pub(crate) fn dialogue(turns: &[Turn], model: &str) -> String {
    let mut prompt = String::new();
    let mut left_open = false;
    for turn in joined(turns) {
        let name = if turn.role == Role::Assistant { model } else { "User:" };
        left_open = turn.role == Role::Assistant;
        prompt.push_str(&format!("{}{name} {}", if prompt.is_empty() { "" } else { "\n" }, turn.text));
    }
    if left_open { prompt } else { prompt + "\n" + model }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MARKS: &[(&str, Mark)] =
        &[("User:", Mark::Opens(Role::User)), ("Bot:", Mark::Opens(Role::Assistant))];

    #[test]
    fn a_prompt_is_turns_and_glue() {
        for prompt in ["User: hi\nBot:", "\n User:  hi \nBot:\nhello\nUser: a User: b\nBot: "] {
            let Some(script) = parse(prompt, MARKS, !prompt.starts_with('\n')) else { continue };
            let mut spelling = Spelling::default();
            script.spell(&mut spelling);
            assert_eq!(write_spelled(&script.turns, Some(&spelling)).as_deref(), Some(prompt));
        }
        let script = parse("User: hi\nBot: a\nUser: b\nBot:", MARKS, true).unwrap();
        assert_eq!(script.turns.len(), 3);
        assert_eq!(dialogue(&script.turns, "Bot:"), "User: hi\nBot: a\nUser: b\nBot:");
        for bare in ["", "hi", "well, User: hi\nBot:", "User: hi", "User:\nBot:"] {
            assert_eq!(parse(bare, MARKS, true), None, "{bare}");
        }
    }
}
