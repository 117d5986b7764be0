//! The lines of the input, in a thread of their own: what is to be asked, and what is not.

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::Path;

use anyhow::Context as _;
use bedrock_llm_schema::ModelConfig;
use tokio::sync::mpsc::{Receiver, channel};

use super::line::{Task, id_text};
use super::output::{Before, Outcome};

/// What became of a line.
#[derive(Debug)]
pub(super) enum Entry {
    /// It is to be asked.
    Ask(Box<Task>),
    /// It was answered before.
    Answered,
    /// It failed for good before.
    Failed,
    /// It is to be asked again, since it is another line than the one that has a record.
    Changed(Box<Task>),
    /// Nothing can be asked.
    Bad { line: usize, why: String },
    /// The input ended before its end.
    Broken(io::Error),
}

/// Where lines come from.
pub(super) struct Input {
    source: Box<dyn BufRead + Send>,
    /// How many there are, where that can be known before.
    pub(super) total: Option<usize>,
}

/// What decides about a line.
pub(super) struct Rules {
    pub(super) defaults: ModelConfig,
    pub(super) before: HashMap<String, Before>,
    pub(super) retry_errors: bool,
    /// The ids of this input's lines so far.
    pub(super) seen: HashSet<String>,
}

impl Input {
    pub(super) fn open(path: &Path) -> anyhow::Result<Self> {
        if path == Path::new("-") {
            return Ok(Self { source: Box::new(BufReader::new(io::stdin())), total: None });
        }
        let open = || File::open(path).with_context(|| format!("{} cannot be read", path.display()));
        let file = open()?;
        // a pipe can be read only once
        let total =
            if file.metadata()?.is_file() { Some(count(&mut BufReader::new(open()?))?) } else { None };
        Ok(Self { source: Box::new(BufReader::new(file)), total })
    }

    /// Reads in a thread of its own, for standard input blocks. It stays a few lines ahead, and ends with the process
    /// or when nobody wants more.
    pub(super) fn read(mut self, mut rules: Rules) -> Receiver<Entry> {
        let (sender, receiver) = channel(8);
        std::thread::spawn(move || {
            let (mut text, mut line) = (Vec::new(), 0);
            loop {
                text.clear();
                let entry = match self.source.read_until(b'\n', &mut text) {
                    Ok(0) => return,
                    Ok(_) => {
                        line += 1;
                        let text = text.trim_ascii();
                        if text.is_empty() {
                            continue;
                        }
                        rules.decide(line, text)
                    }
                    Err(error) => Entry::Broken(error),
                };
                let is_end = matches!(entry, Entry::Broken(_));
                if sender.blocking_send(entry).is_err() || is_end {
                    return;
                }
            }
        });
        receiver
    }
}

/// Lines that are not blank.
fn count(source: &mut impl BufRead) -> io::Result<usize> {
    let (mut text, mut lines) = (Vec::new(), 0);
    loop {
        text.clear();
        if source.read_until(b'\n', &mut text)? == 0 {
            return Ok(lines);
        }
        lines += usize::from(!text.trim_ascii().is_empty());
    }
}

impl Rules {
    fn decide(&mut self, line: usize, text: &[u8]) -> Entry {
        let mut task = match Task::read(line, text, &self.defaults) {
            Ok(task) => task,
            Err(error) => return Entry::Bad { line, why: format!("{error:#}") },
        };
        let Some(id) = id_text(&task.id) else { return Entry::Bad { line, why: "it has no id".to_owned() } };
        let before = self.before.get(&id);
        task.was_done = before.is_some();
        let entry = match before {
            Some(before) if before.hash != task.hash => Entry::Changed(Box::new(task)),
            Some(Before { outcome: Outcome::Answered, .. }) => Entry::Answered,
            Some(Before { outcome: Outcome::FailedForGood, .. }) if !self.retry_errors => Entry::Failed,
            _ => Entry::Ask(Box::new(task)),
        };
        if self.seen.contains(&id) {
            return Entry::Bad { line, why: format!("an earlier line has its id `{id}`") };
        }
        self.seen.insert(id);
        entry
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries(text: &'static str, before: &[(&str, &str, Outcome)], retry_errors: bool) -> Vec<String> {
        let before = before.iter().map(|(id, line, outcome)| {
            (
                (*id).to_owned(),
                Before { hash: super::super::line::hash(line.as_bytes()), outcome: *outcome, at: 0 },
            )
        });
        let mut defaults = ModelConfig::default();
        defaults.model = "m.x".into();
        let rules = Rules { defaults, before: before.collect(), retry_errors, seen: HashSet::new() };
        let input = Input { source: Box::new(text.as_bytes()), total: None };
        let mut entries = input.read(rules);
        let mut said = Vec::new();
        while let Some(entry) = entries.blocking_recv() {
            said.push(match entry {
                Entry::Ask(task) => format!("ask {} {}", task.id, task.was_done),
                Entry::Changed(task) => format!("changed {} {}", task.id, task.was_done),
                Entry::Bad { line, why } => format!("bad {line} {why}"),
                Entry::Answered => "answered".to_owned(),
                Entry::Failed => "failed".to_owned(),
                Entry::Broken(error) => panic!("{error}"),
            });
        }
        said
    }

    #[test]
    fn every_line_gets_what_it_needs() {
        let text = concat!(
            "{\"id\":\"a\",\"prompt\":\"1\"}\n",
            "\n",
            "  {\"id\":\"b\",\"prompt\":\"2\"}  \r\n",
            "{\"prompt\":\"3\"}\n",
            "{\"id\":\"a\",\"prompt\":\"4\"}\n",
            "{\"id\":4,\"prompt\":\"5\"}\n",
            "{\"id\":\"c\",\"prompt\":\"6\"}",
        );
        let repeated = "bad 5 an earlier line has its id `a`";
        let taken = "bad 6 an earlier line has its id `4`";
        let new =
            ["ask \"a\" false", "ask \"b\" false", "ask \"4\" false", repeated, taken, "ask \"c\" false"];
        assert_eq!(entries(text, &[], false), new);
        let before = [
            ("a", "{\"id\":\"a\",\"prompt\":\"1\"}", Outcome::Answered),
            ("b", "{\"id\":\"b\",\"prompt\":\"2\"}", Outcome::FailedForNow),
            ("4", "{\"prompt\":\"3\"}", Outcome::FailedForGood),
            ("c", "{\"id\":\"c\",\"prompt\":\"0\"}", Outcome::Answered),
        ];
        let again = ["answered", "ask \"b\" true", "failed", repeated, taken, "changed \"c\" true"];
        assert_eq!(entries(text, &before, false), again);
        assert_eq!(entries(text, &before, true)[2], "ask \"4\" true");
    }

    #[test]
    fn blank_lines_do_not_count() {
        assert_eq!(count(&mut &b"a\n\n \nb"[..]).unwrap(), 2);
    }
}
