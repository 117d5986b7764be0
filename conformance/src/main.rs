//! `cargo xtask conformance [--recordings DIR]`: takes every exchange in a folder of recordings through our types,
//! our client, the wire, the local endpoint and back, and holds what comes out against what was recorded.

mod answer;
mod case;
mod chat;
mod diff;
mod expected;
mod failure;
mod guard;
mod loops;
mod native;
mod rules;
mod table;
mod tokens;
mod vectors;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Parser;

use case::{Case, Verdict};
use loops::Loops;
use rules::RuleTable;
use table::Table;
use tokens::TokenTable;

/// Proves the whole path on exchanges recorded against the real Bedrock.
#[derive(Parser)]
struct Args {
    /// Folder of recordings: a folder per operation, a file per exchange.
    #[arg(long, env = "BEDROCK_LLM_RECORDINGS")]
    recordings: Option<PathBuf>,
    /// Only files whose path contains this.
    #[arg(long)]
    only: Option<String>,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<ExitCode> {
    let args = Args::parse();
    let default = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/recordings");
    let root = args.recordings.unwrap_or_else(default);
    let mut files = files(&root)?;
    files.retain(|file| args.only.as_ref().is_none_or(|only| file.to_string_lossy().contains(only)));
    anyhow::ensure!(!files.is_empty(), "no recordings in {}", root.display());

    let (mut table, mut rules, mut tokens) = (Table::default(), RuleTable::default(), TokenTable::default());
    let mut loops = Loops::default();
    for file in &files {
        let name = file.strip_prefix(&root).unwrap_or(file).display().to_string();
        let (operation, family, verdict) = match Case::load(file) {
            Ok(case) => {
                loops.add(&name, &case);
                let verdict = case.check().await.and(rules.add(&name, &case)).and(tokens.add(&name, &case));
                (case.recording.operation.clone(), case.family(), verdict)
            }
            Err(error) => ("?".to_owned(), "?".to_owned(), Verdict::Failed(vec![format!("{error:#}")])),
        };
        if let Verdict::Failed(reasons) = &verdict {
            for reason in reasons {
                println!("FAIL {name}: {reason}");
            }
        }
        table.add(&operation, &family, &verdict);
    }
    let loops = loops.replay().await;
    for failure in loops.failures() {
        println!("FAIL {failure}");
    }
    print!("{rules}\n{tokens}\n{loops}\n{table}");
    let failure = tokens.failure();
    if let Some(failure) = &failure {
        println!("FAIL {failure}");
    }
    let passed = table.failed() == 0 && failure.is_none() && loops.failures().is_empty();
    Ok(if passed { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Every JSON file in the folder and in those below it, in order.
fn files(root: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        let entries =
            std::fs::read_dir(&folder).with_context(|| format!("no recordings at {}", folder.display()))?;
        for entry in entries {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ending == "json") {
                files.push(path);
            }
        }
    }
    files.sort();
    Ok(files)
}
