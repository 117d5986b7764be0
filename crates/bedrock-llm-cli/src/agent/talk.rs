//! A conversation at the terminal. Ctrl-C stops a run, not the conversation; Ctrl-D ends it.

use bedrock_llm_agent::Agent;
use rustyline::DefaultEditor;
use rustyline::error::ReadlineError;
use tokio::sync::Notify;

use super::{Show, run_agent};
use crate::print;

pub(super) async fn talk(agent: &Agent, to: &str, show: &mut Show, stop: &Notify) -> anyhow::Result<()> {
    show.notice(&format!("Talking to {to}. Ctrl-C stops a run, Ctrl-D ends the conversation."))?;
    let mut editor = DefaultEditor::new()?;
    loop {
        // the editor blocks its thread while somebody types
        let (returned, line) = tokio::task::spawn_blocking(move || {
            let line = editor.readline("> ");
            (editor, line)
        })
        .await?;
        editor = returned;
        let line = match line {
            Ok(line) if line.trim().is_empty() => continue,
            Ok(line) => line,
            Err(ReadlineError::Interrupted) => continue,
            Err(ReadlineError::Eof) => return Ok(()),
            Err(error) => return Err(error.into()),
        };
        let _ = editor.add_history_entry(&line);
        // the next thing that is said goes on from what is kept
        if let Err(error) = run_agent(agent, line.into(), show, stop).await {
            if print::is_closed_pipe(&error) {
                return Err(error);
            }
            show.failed(&error)?;
            eprintln!("error: {}", print::explain(&error));
        }
    }
}
