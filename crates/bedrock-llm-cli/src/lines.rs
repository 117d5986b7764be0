//! Lines that somebody types at the terminal.

use rustyline::DefaultEditor;
use rustyline::error::ReadlineError;

/// Lines as they are typed, with a history.
pub(crate) struct Lines(DefaultEditor);

impl Lines {
    pub(crate) fn new() -> anyhow::Result<Self> {
        Ok(Self(DefaultEditor::new()?))
    }

    /// The next line that says something, and the editor for the one after it; `None` at Ctrl-D. Ctrl-C begins the line anew.
    pub(crate) async fn next(mut self) -> anyhow::Result<Option<(String, Self)>> {
        loop {
            // the editor blocks its thread while somebody types
            let (returned, line) = tokio::task::spawn_blocking(move || {
                let line = self.0.readline("> ");
                (self, line)
            })
            .await?;
            self = returned;
            match line {
                Ok(line) if line.trim().is_empty() => {}
                Ok(line) => {
                    let _ = self.0.add_history_entry(&line);
                    return Ok(Some((line, self)));
                }
                Err(ReadlineError::Interrupted) => {}
                Err(ReadlineError::Eof) => return Ok(None),
                Err(error) => return Err(error.into()),
            }
        }
    }
}
