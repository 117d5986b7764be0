//! What a ranking is.

use std::{fmt, slice, vec};

/// Documents by how well they answer a query, the best first; of equal ones the earlier first.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Ranking<'a, D> {
    /// The documents: as many as were asked for, or all.
    pub results: Vec<Ranked<'a, D>>,
    /// What it took.
    pub usage: RerankUsage,
}

/// A document in a [`Ranking`].
#[non_exhaustive]
pub struct Ranked<'a, D> {
    /// Which of the documents it is, counted from 0.
    pub index: usize,
    /// How well it answers: more is better. Both of Bedrock's families give numbers from 0 to 1. Scores of one query by
    /// one model can be compared; others cannot.
    pub score: f32,
    /// The document itself.
    pub document: &'a D,
}

/// What it took to rank.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[non_exhaustive]
pub struct RerankUsage {
    /// Tokens that were read, as the service counts; 0 where it does not say.
    pub input_tokens: u64,
    /// Calls that the service answered, a page being one; an answer from the client's own cache is none.
    pub calls: u64,
}

impl RerankUsage {
    /// Adds another's.
    pub fn add(&mut self, other: Self) {
        self.input_tokens = self.input_tokens.saturating_add(other.input_tokens);
        self.calls = self.calls.saturating_add(other.calls);
    }
}

impl<'a, D> Ranking<'a, D> {
    /// The document that answers best.
    #[must_use]
    pub fn best(&self) -> Option<&Ranked<'a, D>> {
        self.results.first()
    }

    /// The documents, the best first.
    pub fn iter(&self) -> slice::Iter<'_, Ranked<'a, D>> {
        self.results.iter()
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.results.len()
    }

    /// Whether there is none, which a ranking that was asked for never is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.results.is_empty()
    }
}

impl<'a, D> IntoIterator for Ranking<'a, D> {
    type Item = Ranked<'a, D>;
    type IntoIter = vec::IntoIter<Ranked<'a, D>>;

    fn into_iter(self) -> Self::IntoIter {
        self.results.into_iter()
    }
}

impl<'a, 'r, D> IntoIterator for &'r Ranking<'a, D> {
    type Item = &'r Ranked<'a, D>;
    type IntoIter = slice::Iter<'r, Ranked<'a, D>>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl<D> Clone for Ranked<'_, D> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<D> Copy for Ranked<'_, D> {}

impl<D: PartialEq> PartialEq for Ranked<'_, D> {
    fn eq(&self, other: &Self) -> bool {
        self.index == other.index && self.score == other.score && self.document == other.document
    }
}

/// Does not show the document, so that it does not reach logs.
impl<D> fmt::Debug for Ranked<'_, D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ranked")
            .field("index", &self.index)
            .field("score", &self.score)
            .finish_non_exhaustive()
    }
}
