//! `cargo xtask fuzz-seeds`: recorded bodies and chunks as the seed corpus of `fuzz/`.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use crate::workspace;

/// Make the fuzz target's seed corpus from recorded bodies and chunks.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {}

impl Args {
    pub(crate) fn run(self) -> Result<()> {
        let corpus = workspace::root().join("fuzz/corpus/decoders");
        fs::create_dir_all(&corpus)?;
        let mut count = 0;
        for operation in ["invoke-model", "invoke-model-with-response-stream", "rerank"] {
            let folder = workspace::recordings().join(operation);
            // of the agent runtime nothing is recorded yet
            if operation == "rerank" && !folder.exists() {
                continue;
            }
            let files =
                fs::read_dir(&folder).with_context(|| format!("no recordings at {}", folder.display()))?;
            for file in files {
                count += seed(&file?.path(), &corpus)?;
            }
        }
        ensure!(count > 0, "no recorded bodies found");
        println!("{count} seeds in {}", corpus.display());
        println!(
            "cargo +nightly fuzz run decoders    # or, on stable: RUSTC_BOOTSTRAP=1 cargo fuzz run -s none decoders"
        );
        Ok(())
    }
}

/// Writes the bodies of one recording as files of their own; returns how many.
fn seed(recording: &Path, corpus: &Path) -> Result<usize> {
    let text = fs::read_to_string(recording)?;
    let exchange: Value =
        serde_json::from_str(&text).with_context(|| format!("{} is not JSON", recording.display()))?;
    let chunks = exchange["response"]["events"].as_array().into_iter().flatten();
    let bodies = [&exchange["request"]["body"], &exchange["response"]["body"]].into_iter();
    let bodies =
        bodies.chain(chunks.map(|event| &event["payload"]["bytes_decoded"])).filter(|body| body.is_object());
    let name = recording.file_stem().unwrap_or_default().to_string_lossy();
    let mut count = 0;
    for body in bodies {
        fs::write(corpus.join(format!("{name}.{count}")), body.to_string())?;
        count += 1;
    }
    Ok(count)
}
