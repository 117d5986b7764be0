//! `sessions show`.

use bedrock_llm_agent::store::SqliteStore;
use bedrock_llm_schema::{ContentBlock, Message, ReasoningContentBlock};
use serde_json::json;

use super::date;
use super::transcript::Transcript;
use crate::agent::{result_in_words, shorten, waits};
use crate::print;

/// How much of a call's arguments and result is shown among what was said.
const SHORT: usize = 100;

pub(super) async fn run(store: &SqliteStore, name: &str, calls: bool, json: bool) -> anyhow::Result<()> {
    let transcript = Transcript::of(store, name).await?;
    match (json, calls) {
        (true, _) => whole(&transcript, calls),
        (false, true) => all_calls(&transcript),
        (false, false) => said(&transcript),
    }
}

fn whole(transcript: &Transcript, calls: bool) -> anyhow::Result<()> {
    let session = &transcript.session;
    let mut told = json!({
        "name": session.id,
        "version": session.version,
        "created": date(session.created),
        "updated": date(session.updated),
        "isOpen": session.progress.is_some(),
        "state": session.state,
    });
    if calls {
        told["calls"] = json!(transcript.calls());
    } else {
        let messages = transcript.turns.iter().flat_map(|record| &record.turn.messages);
        told["messages"] = json!(messages.collect::<Vec<_>>());
    }
    Ok(print::line(told)?)
}

fn said(transcript: &Transcript) -> anyhow::Result<()> {
    for record in &transcript.turns {
        if record.turn.messages.is_empty() {
            continue;
        }
        print::line(format_args!("── {} · version {}", date(record.at), record.version))?;
        for message in &record.turn.messages {
            say(message)?;
        }
    }
    for call in transcript.session.calls.iter().filter(|call| waits(call)) {
        let question = shorten(call.question().unwrap_or_default(), 3 * SHORT);
        print::line(format_args!("── {} {} waits: {question}", call.id(), call.name()))?;
    }
    if transcript.session.progress.is_some() {
        eprintln!("A run is open: `agent` with --session and --resume, --approve or --deny goes on with it.");
    }
    Ok(())
}

fn say(message: &Message) -> std::io::Result<()> {
    let role = message.role.as_str();
    for block in &message.content {
        match block {
            ContentBlock::Text(text) => print::line(format_args!("{role}: {text}"))?,
            ContentBlock::ToolUse(call) => {
                let input = shorten(&call.input.to_string(), SHORT);
                print::line(format_args!("{role}: [{} {} {input}]", call.tool_use_id, call.name))?;
            }
            ContentBlock::ToolResult(result) => {
                let words = shorten(&result_in_words(result), SHORT);
                print::line(format_args!("{role}: [{} {words}]", result.tool_use_id))?;
            }
            ContentBlock::ReasoningContent(ReasoningContentBlock::ReasoningText(reasoning)) => {
                print::line(format_args!("{role} thinks: {}", reasoning.text))?;
            }
            other => print::line(format_args!("{role}: ({})", other.tag()))?,
        }
    }
    Ok(())
}

fn all_calls(transcript: &Transcript) -> anyhow::Result<()> {
    for call in transcript.calls() {
        let again =
            if call.starts() > 1 { format!(", began {} times", call.starts()) } else { String::new() };
        let question = call.question().map(|question| format!(", waits: {question}")).unwrap_or_default();
        print::line(format_args!(
            "── {} {}: {}{again}{question}",
            call.id(),
            call.name(),
            call.state().as_str()
        ))?;
        print::line(call.input())?;
        if let Some(result) = call.result() {
            print::line(result_in_words(result))?;
        }
    }
    Ok(())
}
