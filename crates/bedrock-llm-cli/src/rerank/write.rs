//! Rankings as records, or as a table for people.

use bedrock_llm_embeddings::similarity::Scored;
use bedrock_llm_schema::rerank::RerankDocument;
use serde_json::Value;

use super::documents::Documents;
use super::table;
use crate::print;
use crate::records::{Cell, Failure, Output, shown};
use crate::texts::Place;

/// A query with what its records begin with.
pub(super) struct Query {
    pub(super) place: Place,
    pub(super) id: Option<Value>,
    pub(super) hash: u128,
    pub(super) text: String,
    /// Why there is nothing to ask.
    pub(super) bad: Option<String>,
}

pub(super) enum Writer {
    Records { output: Output, names: Vec<&'static str>, with_text: bool },
    Table { are_many: bool },
}

impl Writer {
    pub(super) fn records(output: Output, names: Vec<&'static str>, with_text: bool) -> Self {
        Self::Records { output, names, with_text }
    }

    pub(super) fn table(are_many: bool) -> Self {
        Self::Table { are_many }
    }

    /// One ranking, the best first.
    pub(super) fn ranking(
        &mut self,
        query: &Query,
        ranking: &[Scored],
        documents: &Documents,
    ) -> anyhow::Result<()> {
        let (output, names, with_text) = match self {
            Self::Records { output, names, with_text } => (output, names, *with_text),
            Self::Table { are_many } => {
                if *are_many {
                    print::line(format_args!("{}: {}", query.place, query.text))?;
                }
                return Ok(print::piece(&table::of(ranking, documents))?);
            }
        };
        let of = ranking.len() as u64;
        for (rank, ranked) in (1..).zip(ranking) {
            let label = documents.labels.get(ranked.index);
            let content = documents.content.get(ranked.index).filter(|_| with_text);
            let (text, object) = match content {
                Some(RerankDocument::Text(text)) => (Some(text), None),
                Some(other) => (None, Some(other.text())),
                None => (None, None),
            };
            let mut row = query.row();
            row.extend([
                ("rank", Cell::Number(rank)),
                ("of", Cell::Number(of)),
                ("index", Cell::Number(ranked.index as u64)),
                ("file", Cell::of(label.and_then(|label| label.place.file()), Cell::text)),
                ("line", Cell::of(label.and_then(|label| label.place.line()), Cell::Number)),
                ("id", Cell::of(label.and_then(|label| label.id.as_ref()), Cell::Value)),
                ("score", Cell::Float(ranked.score)),
                ("text", Cell::of(text, Cell::text)),
                ("document", Cell::of(object.as_deref(), Cell::Json)),
                ("error", Cell::Empty),
            ]);
            row.retain(|(name, _)| names.contains(name));
            output.write(&row)?;
        }
        Ok(())
    }

    /// A query that got no ranking. A table leaves it to the line on standard error.
    pub(super) fn failure(&mut self, query: &Query, failure: &Failure<'_>) -> anyhow::Result<()> {
        let Self::Records { output, names, .. } = self else { return Ok(()) };
        let failure = serde_json::to_string(failure)?;
        let mut row = query.row();
        let empty = ["rank", "of", "index", "file", "line", "id", "score", "text", "document"];
        row.extend(empty.map(|name| (name, Cell::Empty)));
        row.push(("error", Cell::Json(&failure)));
        row.retain(|(name, _)| names.contains(name));
        output.write(&row)
    }

    pub(super) fn finish(&self) -> anyhow::Result<()> {
        match self {
            Self::Records { output, .. } => output.finish(),
            Self::Table { .. } => Ok(()),
        }
    }
}

impl Query {
    fn row(&self) -> Vec<(&'static str, Cell<'_>)> {
        vec![
            ("query_line", Cell::Number(self.place.line)),
            ("query_id", Cell::of(self.id.as_ref(), Cell::Value)),
            ("query_hash", Cell::text(shown(self.hash))),
        ]
    }
}
