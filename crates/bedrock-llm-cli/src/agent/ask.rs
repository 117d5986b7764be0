//! Asks whoever sits at the terminal.

use std::pin::Pin;
use std::sync::Arc;

use bedrock_llm_agent::agent::Approval;
use bedrock_llm_agent::run::ToolCall;
use rustyline::DefaultEditor;
use rustyline::error::ReadlineError;
use tokio::sync::{Mutex, Notify};

type Asking = Pin<Box<dyn Future<Output = Approval> + Send>>;

/// Has a human say of each call whether it may be run. Ctrl-C there stops the run by `stop`.
pub(super) fn at_the_terminal(stop: Arc<Notify>) -> impl Fn(ToolCall) -> Asking + Send + Sync + 'static {
    // one question at a time
    let terminal = Arc::new(Mutex::new(()));
    move |call| {
        let (stop, terminal) = (Arc::clone(&stop), Arc::clone(&terminal));
        Box::pin(async move {
            // what was said before is shown first
            tokio::task::yield_now().await;
            let _alone = terminal.lock().await;
            let question = format!("May {} {} [y/N] ", call.name(), call.question().unwrap_or_default());
            let read = tokio::task::spawn_blocking(move || DefaultEditor::new()?.readline(&question));
            match read.await {
                Ok(Ok(line)) => word(&line),
                Ok(Err(ReadlineError::Interrupted)) => {
                    stop.notify_one();
                    std::future::pending().await
                }
                _ => Approval::Deny("nobody could be asked".to_owned()),
            }
        })
    }
}

/// `y` and `yes` allow; anything else is a no, and more words than that the reason.
fn word(line: &str) -> Approval {
    match line.trim() {
        said if said.eq_ignore_ascii_case("y") || said.eq_ignore_ascii_case("yes") => Approval::Allow,
        said if said.is_empty() || said.eq_ignore_ascii_case("n") || said.eq_ignore_ascii_case("no") => {
            Approval::Deny("the user said no".to_owned())
        }
        reason => Approval::Deny(format!("the user said: {reason}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_yes_is_a_yes() {
        for yes in ["y", " Yes "] {
            assert_eq!(word(yes), Approval::Allow);
        }
        for (no, reason) in [("", "no"), ("N", "no"), ("yes, but not there", "yes, but not there")] {
            assert!(matches!(word(no), Approval::Deny(told) if told.ends_with(reason)), "{no}");
        }
    }
}
