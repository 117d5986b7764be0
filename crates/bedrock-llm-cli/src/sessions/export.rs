//! `sessions export`.

use std::fmt::Write as _;
use std::fs::File;
use std::io::Write as _;
use std::path::Path;

use anyhow::Context as _;
use bedrock_llm_agent::store::SqliteStore;
use bedrock_llm_schema::{ContentBlock, Message, ReasoningContentBlock, Role};
use serde_json::json;

use super::date;
use super::transcript::Transcript;
use crate::agent::result_in_words;
use crate::print;

#[derive(Clone, Copy, clap::ValueEnum)]
pub(super) enum Format {
    /// All that is kept: every turn with its messages, calls, state and run.
    Json,
    /// What was said and called, to be read.
    Markdown,
}

pub(super) async fn run(
    store: &SqliteStore,
    name: &str,
    format: Format,
    output: &Path,
) -> anyhow::Result<()> {
    let transcript = Transcript::of(store, name).await?;
    let text = match format {
        Format::Json => json(&transcript)?,
        Format::Markdown => markdown(&transcript),
    };
    if output == Path::new("-") {
        return Ok(print::piece(&text)?);
    }
    File::create_new(output)
        .and_then(|mut file| file.write_all(text.as_bytes()))
        .with_context(|| format!("{} cannot be written", output.display()))
}

fn json(transcript: &Transcript) -> serde_json::Result<String> {
    let session = &transcript.session;
    let whole = json!({
        "name": session.id,
        "version": session.version,
        "created": date(session.created),
        "updated": date(session.updated),
        "isOpen": session.progress.is_some(),
        "state": session.state,
        "turns": transcript.turns,
    });
    Ok(serde_json::to_string_pretty(&whole)? + "\n")
}

fn markdown(transcript: &Transcript) -> String {
    let session = &transcript.session;
    let mut text = format!("# {}\n\n{} to {}\n", session.id, date(session.created), date(session.updated));
    for message in transcript.turns.iter().flat_map(|record| &record.turn.messages) {
        text.push_str(&said(message));
    }
    text
}

fn said(message: &Message) -> String {
    // results of tools come in the user's name
    let is_results = message.content.iter().all(|block| matches!(block, ContentBlock::ToolResult(_)));
    let head = match message.role {
        _ if is_results => "Tools",
        Role::User => "User",
        Role::Assistant => "Assistant",
        ref other => other.as_str(),
    };
    let mut text = format!("\n## {head}\n");
    for block in &message.content {
        let block = match block {
            ContentBlock::Text(said) => said.clone(),
            ContentBlock::ToolUse(call) => {
                format!(
                    "Calls `{}` ({}):\n\n{}",
                    call.name,
                    call.tool_use_id,
                    fenced("json", &call.input.to_string())
                )
            }
            ContentBlock::ToolResult(result) => {
                let verb = if result.status.is_some() { "failed" } else { "answers" };
                format!("{} {verb}:\n\n{}", result.tool_use_id, fenced("", &result_in_words(result)))
            }
            ContentBlock::ReasoningContent(ReasoningContentBlock::ReasoningText(reasoning)) => {
                format!("Thinks:\n\n{}", fenced("", &reasoning.text))
            }
            other => format!("({})", other.tag()),
        };
        let _ = writeln!(text, "\n{block}");
    }
    text
}

/// A block of code whose fence is longer than any in it.
fn fenced(language: &str, code: &str) -> String {
    let longest = code.split(|c| c != '`').map(str::len).max().unwrap_or_default();
    let fence = "`".repeat((longest + 1).max(3));
    format!("{fence}{language}\n{code}\n{fence}")
}

#[cfg(test)]
mod tests {
    use super::fenced;

    #[test]
    fn a_fence_is_longer_than_what_it_holds() {
        assert_eq!(fenced("json", "{}"), "```json\n{}\n```");
        assert_eq!(fenced("", "a ```` b"), "`````\na ```` b\n`````");
    }
}
