//! The file of failures.

use std::path::Path;

use anyhow::{Context as _, ensure};
use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::records::{RecordFile, settings_path};
use crate::texts::Texts;

/// A failure as this command writes it, and nothing else.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "that they are there is what matters")]
struct Record {
    file: Option<String>,
    line: Option<u64>,
    id: Option<IgnoredAny>,
    hash: Option<String>,
    text: Option<String>,
    error: Known,
}

#[derive(Deserialize)]
#[expect(dead_code, reason = "that they are there is what matters")]
struct Known {
    kind: String,
    message: String,
    attempts: u32,
    retryable: bool,
}

/// Takes the file, and leaves what is in it. It must hold nothing, or, where it may be written over, failures alone, of
/// which the last may be cut off.
pub(super) fn open(path: &Path, output: &Path, texts: &Texts, resume: bool) -> anyhow::Result<RecordFile> {
    let shown = path.display();
    ensure!(!texts.is_one_of(path), "--failures and input are one file: {shown}");
    let mut file = RecordFile::open(path)?;
    let is_output = |output: &Path| same_file::is_same_file(path, output).unwrap_or(false);
    ensure!(!is_output(output), "--failures and --output are one file: {shown}");
    let settings = settings_path(output);
    ensure!(!is_output(&settings) && path != settings, "{shown} is for the settings of the output");
    let own = settings_path(file.path());
    ensure!(!own.exists(), "{shown} is an output itself, with {} beside it", own.display());
    if file.length()? == 0 {
        return Ok(file);
    }
    ensure!(resume, "{shown} has content: with --resume it gets the failures of the new run, or remove it");
    let mut number = 0;
    file.lines(|line, _| {
        number += 1;
        match serde_json::from_slice::<Record>(line) {
            Ok(_) => Ok(()),
            Err(_) if !line.ends_with(b"\n") && begins_a_record(line) => Ok(()),
            Err(error) => Err(error).with_context(|| {
                format!("line {number} of {shown} is no failure of this command: is it another file?")
            }),
        }
    })?;
    Ok(file)
}

/// Whether a line that was not written to its end is one of ours.
fn begins_a_record(line: &[u8]) -> bool {
    const BEGINNINGS: [&[u8]; 2] = [b"{\"file\":", b"{\"line\":"];
    BEGINNINGS.iter().any(|beginning| line.starts_with(beginning) || beginning.starts_with(line))
}
