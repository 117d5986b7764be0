//! What the input's side and the output's side of a run share: which texts are under way, and what becomes of them.

use std::collections::VecDeque;
use std::fmt::{Display, from_fn};
use std::time::Duration;

use anyhow::bail;
use bedrock_llm_embeddings::EmbedUsage;
use bedrock_llm_embeddings::is_fatal;
use bedrock_llm_schema::Error;
use bedrock_llm_schema::model::Cost;
use serde_json::Value;

use super::number::{Digits, Number};
use crate::print;
use crate::records::{Cell, Failure, Form, Output, RecordFile, shown};
use crate::show::seconds;
use crate::texts::Place;

/// A text that is under way, or a line without one.
pub(super) struct Label {
    pub(super) place: Place,
    pub(super) id: Option<Value>,
    pub(super) hash: u128,
    /// Where it is written down too.
    pub(super) text: Option<String>,
    /// Why there is nothing to embed.
    pub(super) bad: Option<String>,
}

/// Takes outcomes in the order of the texts.
pub(super) struct Desk {
    pub(super) labels: VecDeque<Label>,
    pub(super) output: Output,
    /// What records have.
    pub(super) names: Vec<&'static str>,
    /// Where failures go instead.
    pub(super) failures: Option<RecordFile>,
    pub(super) tally: Tally,
    /// Lines to say, about failures.
    pub(super) said: Vec<String>,
}

/// Counts of lines.
#[derive(Debug, Clone, Default)]
pub(super) struct Tally {
    pub(super) embedded: usize,
    pub(super) failed: usize,
    pub(super) before: usize,
    pub(super) usage: EmbedUsage,
}

impl Desk {
    /// The outcome of the next text. An error that would meet every other text as well has no record, so that the text is
    /// embedded when the output is continued.
    pub(super) fn settle<T: Number>(
        &mut self,
        outcome: Result<&[T], &Error>,
        digits: Digits,
    ) -> anyhow::Result<()> {
        self.settle_bad()?;
        let Some(label) = self.labels.pop_front() else {
            bail!("there is an outcome without a text");
        };
        match outcome {
            Ok(vector) => {
                self.tally.embedded += 1;
                let vector = T::json(vector, digits)?;
                self.record(&label, Cell::Empty, Cell::Json(&vector))?;
            }
            Err(error) if is_fatal(error) => {}
            Err(error) => self.fail(&label, &error.into(), &print::in_our_words(error))?,
        }
        self.settle_bad()
    }

    /// Writes down the lines without a text that are next.
    pub(super) fn settle_bad(&mut self) -> anyhow::Result<()> {
        while let Some(label) = self.labels.pop_front_if(|label| label.bad.is_some()) {
            let why = label.bad.as_deref().unwrap_or_default();
            self.fail(&label, &Failure::bad_line(why), why)?;
        }
        Ok(())
    }

    fn fail(&mut self, label: &Label, failure: &Failure<'_>, why: &str) -> anyhow::Result<()> {
        self.tally.failed += 1;
        self.said.push(format!("{}: {why}", label.place));
        let failure = serde_json::to_string(failure)?;
        let failure = Cell::Json(&failure);
        match self.failures.take() {
            None => self.record(label, failure, Cell::Empty),
            Some(mut file) => {
                let row = self.row(label, failure, Cell::Empty);
                file.append(&Form::Jsonl.write(&row)?)?;
                self.failures = Some(file);
                Ok(())
            }
        }
    }

    fn record(&mut self, label: &Label, error: Cell<'_>, embedding: Cell<'_>) -> anyhow::Result<()> {
        let row = self.row(label, error, embedding);
        self.output.write(&row)
    }

    fn row<'a>(
        &self,
        label: &'a Label,
        error: Cell<'a>,
        embedding: Cell<'a>,
    ) -> Vec<(&'static str, Cell<'a>)> {
        let mut row = vec![
            ("file", Cell::of(label.place.file(), Cell::text)),
            ("line", Cell::of(label.place.line(), Cell::Number)),
            ("id", Cell::of(label.id.as_ref(), Cell::Value)),
            ("hash", Cell::text(shown(label.hash))),
            ("text", Cell::of(label.text.as_deref(), Cell::text)),
            ("error", error),
            ("embedding", embedding),
        ];
        row.retain(|(name, _)| self.names.contains(name));
        row
    }
}

impl Tally {
    /// Lines that have their outcome.
    pub(super) fn passed(&self) -> usize {
        self.before + self.embedded + self.failed
    }

    pub(super) fn now(&self, elapsed: Duration) -> impl Display {
        let Self { failed, embedded, .. } = *self;
        let tokens = self.usage.input_tokens;
        from_fn(move |f| {
            let rate = (embedded + failed) as f64 / elapsed.as_secs_f64().max(1e-3);
            write!(f, "{failed} failed, {rate:.0}/s, {tokens} tokens")
        })
    }

    /// The last line of a run.
    pub(super) fn summary(&self, elapsed: Duration, cost: Option<Cost>) -> impl Display {
        let Self { embedded, failed, before, usage, .. } = *self;
        from_fn(move |f| {
            write!(f, "{embedded} embedded, {failed} failed")?;
            if before > 0 {
                write!(f, ", {before} embedded before")?;
            }
            write!(f, "; {} calls, {} tokens in, ", usage.calls, usage.input_tokens)?;
            match cost {
                Some(cost) => write!(f, "${cost:.4}, ")?,
                None => write!(f, "cost unknown, ")?,
            }
            write!(f, "{}", seconds(elapsed))
        })
    }
}
