//! One run, shown as it happens. The first Ctrl-C cancels it, the second ends the process.

use std::pin::pin;

use anyhow::Context as _;
use bedrock_llm_agent::agent::AgentInput;
use bedrock_llm_agent::{Agent, AgentEvent, AgentResponse};
use tokio::signal::ctrl_c;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::Show;
use crate::interrupt::INTERRUPTED;

/// Runs the agent until it has stopped. `stop` cancels it as Ctrl-C does, for whoever reads the terminal in the meantime.
pub(crate) async fn run(
    agent: &Agent,
    input: AgentInput,
    show: &mut Show,
    stop: &Notify,
) -> anyhow::Result<AgentResponse> {
    let cancellation = CancellationToken::new();
    let mut stream = agent.with_cancellation(cancellation.clone()).stream(input);
    show.begin();
    // one that stays: what is pressed between two events counts
    let mut interrupt = pin!(ctrl_c());
    let mut is_heard = true;
    loop {
        let is_stopped = tokio::select! {
            biased;
            pressed = &mut interrupt, if is_heard => {
                is_heard = pressed.is_ok(); // else the system's own handling is in place
                if is_heard {
                    interrupt.set(ctrl_c());
                }
                is_heard
            }
            () = stop.notified() => true,
            event = stream.next() => match event.context("the run ended without an end")?? {
                AgentEvent::Done(response) => {
                    show.done(&response)?;
                    return Ok(*response);
                }
                event => {
                    show.event(&event)?;
                    false
                }
            }
        };
        if is_stopped && cancellation.is_cancelled() {
            std::process::exit(INTERRUPTED.into());
        }
        if is_stopped {
            cancellation.cancel();
            show.notice("Stopping. Press Ctrl-C again to leave at once.")?;
        }
    }
}
