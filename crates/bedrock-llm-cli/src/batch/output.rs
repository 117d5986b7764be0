//! The file of records: what was done before, what is done now.

use std::collections::HashMap;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, bail};
use bedrock_llm_schema::model::Cost;
use bedrock_llm_schema::{ChatResponse, Error, ModelId};
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::line::{Task, id_text};
use crate::records::{Failure, RecordFile, Spans};

/// The output, held against other processes until it is dropped.
#[derive(Debug)]
pub(super) struct Output {
    file: RecordFile,
    /// Whether records were appended that replace earlier ones.
    has_replaced: bool,
}

/// What the output says of an id; the last record counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Before {
    pub(super) hash: String,
    pub(super) outcome: Outcome,
    /// Where its record begins.
    pub(super) at: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    Answered,
    /// Failed in a way that another try may mend.
    FailedForNow,
    FailedForGood,
}

/// One line of the output.
#[derive(Serialize)]
struct Record<'a> {
    id: &'a Value,
    line: usize,
    line_hash: &'a str,
    model: &'a ModelId,
    elapsed_ms: u128,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cost_usd: Option<Cost>,
    #[serde(flatten)]
    result: RecordResult<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum RecordResult<'a> {
    Response(&'a ChatResponse),
    Error(Failure<'a>),
}

/// As much of a record as resuming needs.
#[derive(Deserialize)]
struct Known {
    id: Value,
    line_hash: String,
    response: Option<IgnoredAny>,
    error: Option<KnownError>,
}

#[derive(Deserialize)]
struct KnownError {
    retryable: bool,
}

impl Output {
    /// Opens or makes the file, takes it for this process, and reads what was done before. A last line that was not
    /// written to its end is cut off; records that later ones replace are taken out.
    pub(super) fn open(path: &Path) -> anyhow::Result<(Self, HashMap<String, Before>)> {
        let mut output = Self { file: RecordFile::open(path)?, has_replaced: false };
        let (before, has_replaced) = output.read()?;
        if has_replaced {
            output.compact(&before)?;
        }
        Ok((output, before))
    }

    /// Appends the outcome of a request. It is in the system's hands when this returns: a killed process loses nothing.
    pub(super) fn append(
        &mut self,
        task: &Task,
        result: Result<&ChatResponse, &Error>,
        elapsed: Duration,
        cost: Option<Cost>,
    ) -> anyhow::Result<()> {
        let record = Record {
            id: &task.id,
            line: task.line,
            line_hash: &task.hash,
            model: &task.request.model,
            elapsed_ms: elapsed.as_millis(),
            request_id: result.ok().and_then(|response| response.request_id.as_deref()),
            cost_usd: cost,
            result: match result {
                Ok(response) => RecordResult::Response(response),
                Err(error) => RecordResult::Error(error.into()),
            },
        };
        let mut line = serde_json::to_vec(&record)?;
        line.push(b'\n');
        self.has_replaced |= task.was_done;
        self.file.append(&line)
    }

    /// Takes out records that later ones replace, and has the disk keep the rest.
    pub(super) fn finish(mut self) -> anyhow::Result<()> {
        if self.has_replaced {
            let (before, _) = self.read()?;
            self.compact(&before)?;
        }
        self.file.sync()
    }

    /// The last record of every id, and whether it replaces earlier ones. A last line without its end is given one if
    /// nothing else is missing, and cut off if it is the beginning of a record. Leaves the file at its end.
    fn read(&mut self) -> anyhow::Result<(HashMap<String, Before>, bool)> {
        let (mut before, mut has_replaced, mut number) = (HashMap::new(), false, 0);
        let mut torn = None;
        let path = self.file.path().display().to_string();
        self.file.lines(|line, at| {
            number += 1;
            let is_whole = line.ends_with(b"\n");
            let known = Before::read(line, at);
            if !is_whole {
                torn = Some((at, known.is_ok()));
                if known.is_err() && begins_a_record(line) {
                    return Ok(());
                }
            }
            let (id, known) = known.with_context(|| {
                format!("line {number} of {path} is no record of a batch: is it another file?")
            })?;
            has_replaced |= before.insert(id, known).is_some();
            Ok(())
        })?;
        match torn {
            Some((_, true)) => self.file.append(b"\n")?,
            Some((at, false)) => self.file.cut(at)?,
            None => {}
        }
        Ok((before, has_replaced))
    }

    /// Takes out all but the last record of every id.
    fn compact(&mut self, before: &HashMap<String, Before>) -> anyhow::Result<()> {
        let mut kept = Spans::default();
        self.file.lines(|line, at| {
            let (id, _) = Before::read(line, at)?;
            if before.get(&id).is_some_and(|last| last.at == at) {
                kept.push(at..at + line.len() as u64);
            }
            Ok(())
        })?;
        self.file.keep(&kept)
    }
}

impl Before {
    fn read(line: &[u8], at: u64) -> anyhow::Result<(String, Self)> {
        let known: Known = serde_json::from_slice(line)?;
        let id = id_text(&known.id).context("its id is neither a text nor a number")?;
        let outcome = match (known.response, known.error) {
            (Some(_), None) => Outcome::Answered,
            (None, Some(KnownError { retryable: true })) => Outcome::FailedForNow,
            (None, Some(_)) => Outcome::FailedForGood,
            _ => bail!("it has not either `response` or `error`"),
        };
        Ok((id, Self { hash: known.line_hash, outcome, at }))
    }
}

/// Whether a line that was not written to its end is one of ours.
fn begins_a_record(line: &[u8]) -> bool {
    const BEGINNING: &[u8] = b"{\"id\":";
    line.starts_with(BEGINNING) || BEGINNING.starts_with(line)
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use bedrock_llm_schema::{ErrorKind, ModelConfig};

    use super::*;

    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Self {
            let path = std::env::temp_dir().join(format!("bedrock-llm-{name}-{}", std::process::id()));
            std::fs::create_dir_all(&path).unwrap();
            Self(path)
        }

        fn file(&self, text: &str) -> PathBuf {
            let path = self.0.join("out.jsonl");
            std::fs::write(&path, text).unwrap();
            path
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }

    const ANSWERED: &str = r#"{"id":"a","line_hash":"1","response":{}}"#;
    const FAILED: &str = r#"{"id":"a","line_hash":"1","error":{"retryable":true}}"#;

    #[test]
    fn a_torn_last_line_is_cut_off() {
        let folder = Folder::new("torn");
        let path = folder.file(&format!("{ANSWERED}\n{{\"id\":\"b\",\"line_h"));
        let (output, before) = Output::open(&path).unwrap();
        assert_eq!(before["a"].outcome, Outcome::Answered);
        assert_eq!(before.len(), 1);
        drop(output);
        assert_eq!(std::fs::read_to_string(&path).unwrap(), format!("{ANSWERED}\n"));
        // a whole record that lacks only its line break is kept
        let path = folder.file(ANSWERED);
        drop(Output::open(&path).unwrap());
        assert_eq!(std::fs::read_to_string(&path).unwrap(), format!("{ANSWERED}\n"));
    }

    #[test]
    fn wherever_writing_was_cut_off_the_whole_records_stay() {
        let folder = Folder::new("cut");
        let records = ["x", "y", "z"].map(|id| ANSWERED.replace("\"a\"", &format!("\"{id}\"")) + "\n");
        let text = records.concat();
        for cut in 0..=text.len() {
            let path = folder.file(&text[..cut]);
            let (_, before) = Output::open(&path).unwrap();
            let whole = (cut + 1) / records[0].len(); // a missing line break is no loss
            assert_eq!(before.len(), whole, "{cut}");
            assert_eq!(std::fs::read_to_string(&path).unwrap(), records[..whole].concat(), "{cut}");
        }
    }

    #[test]
    fn the_last_record_of_an_id_counts_and_stays() {
        let folder = Folder::new("last");
        let other = r#"{"id":7,"line_hash":"2","error":{"retryable":false}}"#;
        let path = folder.file(&format!("{FAILED}\n{other}\n{ANSWERED}\n"));
        let (mut output, before) = Output::open(&path).unwrap();
        assert_eq!((before["a"].outcome, before["7"].outcome), (Outcome::Answered, Outcome::FailedForGood));
        assert_eq!(std::fs::read_to_string(&path).unwrap(), format!("{other}\n{ANSWERED}\n"));

        let line = br#"{"id": 7, "model": "m.x", "prompt": "Hi"}"#;
        let mut task = Task::read(1, line, &ModelConfig::default()).unwrap();
        task.was_done = true;
        let error = Error::new(ErrorKind::Unavailable, "not now").with_attempts(4);
        output.append(&task, Err(&error), Duration::from_millis(5), None).unwrap();
        output.finish().unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(lines.len(), 2);
        assert_eq!(lines[1]["id"], 7);
        assert_eq!(lines[1]["error"]["kind"], "service unavailable");
        assert_eq!(
            (&lines[1]["error"]["attempts"], &lines[1]["error"]["retryable"]),
            (&4.into(), &true.into())
        );
        let names: Vec<_> =
            std::fs::read_dir(&folder.0).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(names, ["out.jsonl"]);
    }

    #[test]
    fn the_file_is_one_processs() {
        let folder = Folder::new("lock");
        let path = folder.file(&format!("{FAILED}\n{ANSWERED}\n"));
        let held = Output::open(&path).unwrap();
        let error = Output::open(&path).unwrap_err();
        assert!(error.to_string().contains("another process"), "{error}");
        drop(held);
        Output::open(&path).unwrap();
    }

    #[test]
    fn a_file_of_something_else_is_left_alone() {
        let folder = Folder::new("other");
        for text in ["{\"id\":\"a\"}\n{\"id\":\"b\"}\n", "my notes", "{\"id\":\"a\"}\n{\"id\":\"b"] {
            let path = folder.file(text);
            let error = Output::open(&path).unwrap_err();
            assert!(format!("{error:#}").contains("line 1"), "{error:#}");
            assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
        }
    }
}
