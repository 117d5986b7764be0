//! A conversation at the terminal. Ctrl-C ends an answer, not the session; Ctrl-D ends the session.

use bedrock_llm_schema::{ChatRequest, Message, Role};

use super::turn::Turn;
use crate::lines::Lines;
use crate::print;

pub(crate) async fn run(
    turn: &Turn,
    mut request: ChatRequest,
    mut attachments: Message,
) -> anyhow::Result<()> {
    let source = if turn.connected.is_local() { " (local endpoint)" } else { "" };
    eprintln!("Talking to {}{source}. Ctrl-C ends an answer, Ctrl-D the conversation.", request.model);
    let mut lines = Lines::new()?;
    while let Some((line, rest)) = lines.next().await? {
        lines = rest;

        let before = request.messages.len();
        let mut question =
            std::mem::replace(&mut attachments, Message::new(Role::User, Vec::<String>::new()));
        question.content.push(line.into());
        request.messages.push(question);
        let ended = tokio::select! {
            result = turn.run(&mut request) => result.map_err(|error| format!("error: {}", print::explain(&error))),
            _ = tokio::signal::ctrl_c() => Err("[stopped]".to_owned()),
        };
        if let Err(why) = ended {
            // what was not answered leaves no trace, so that the next turn is valid; attachments are kept
            eprintln!("\n{why}");
            let mut unanswered = request.messages.drain(before..);
            if let Some(mut question) = unanswered.next() {
                question.content.pop();
                attachments = question;
            }
        }
    }
    Ok(())
}
