//! A conversation at the terminal. Ctrl-C stops a run, not the conversation; Ctrl-D ends it.

use bedrock_llm_agent::Agent;
use tokio::sync::Notify;

use super::{Show, run_agent};
use crate::lines::Lines;
use crate::print;

pub(super) async fn talk(agent: &Agent, to: &str, show: &mut Show, stop: &Notify) -> anyhow::Result<()> {
    show.notice(&format!("Talking to {to}. Ctrl-C stops a run, Ctrl-D ends the conversation."))?;
    let mut lines = Lines::new()?;
    while let Some((line, rest)) = lines.next().await? {
        lines = rest;
        // the next thing that is said goes on from what is kept
        if let Err(error) = run_agent(agent, line.into(), show, stop).await {
            if print::is_closed_pipe(&error) {
                return Err(error);
            }
            show.failed(&error)?;
            eprintln!("error: {}", print::explain(&error));
        }
    }
    Ok(())
}
