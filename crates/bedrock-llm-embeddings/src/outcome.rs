//! What became of each input.

use std::fmt;
use std::sync::Arc;

use bedrock_llm_schema::Error;
use bedrock_llm_schema::embed::{Element, EmbedPurpose};

use crate::embedder::Manner;
use crate::{EmbedError, EmbedUsage, Embeddings, FailedInput};

/// What became of each input: its vector, or why it has none. Nothing is lost when some fail.
///
/// [`into_result`](Self::into_result) makes it all or nothing, [`Embedder::retry`](crate::Embedder::retry) tries again
/// what failed.
#[must_use = "inputs may have failed"]
pub struct EmbedOutcome<T = f32> {
    /// Of the inputs that have a vector.
    embeddings: Embeddings<T>,
    /// By ascending index.
    failed: Vec<FailedInput>,
    /// What the vectors are for.
    purpose: Option<EmbedPurpose>,
    /// How they were made.
    manner: Arc<Manner>,
}

impl<T: Element> EmbedOutcome<T> {
    pub(crate) fn new(
        embeddings: Embeddings<T>,
        failed: Vec<FailedInput>,
        purpose: Option<EmbedPurpose>,
        manner: Arc<Manner>,
    ) -> Self {
        Self { embeddings, failed, purpose, manner }
    }

    /// How many inputs there were.
    #[must_use]
    pub fn len(&self) -> usize {
        self.embeddings.len() + self.failed.len()
    }

    /// Whether there were none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What became of an input; `None` past the last. The index is that of the input, in a stream among all its inputs.
    #[must_use]
    pub fn get(&self, index: usize) -> Option<Result<&[T], &Error>> {
        let place = index.checked_sub(self.embeddings.start())?;
        match self.failed.binary_search_by_key(&index, |failed| failed.index) {
            Ok(failed) => self.failed.get(failed).map(|failed| Err(&failed.error)),
            Err(before) => self.embeddings.row(place.checked_sub(before)?).map(Ok),
        }
    }

    /// What became of each input, in order, under its index.
    pub fn iter(&self) -> impl Iterator<Item = (usize, Result<&[T], &Error>)> {
        let start = self.embeddings.start();
        let mut rows = self.embeddings.rows();
        let mut failed = self.failed.iter().peekable();
        (start..start.saturating_add(self.len())).filter_map(move |index| {
            match failed.next_if(|failed| failed.index == index) {
                Some(failed) => Some((index, Err(&failed.error))),
                None => rows.next().map(|row| (index, Ok(row))),
            }
        })
    }

    /// The vectors that came, in the order of their inputs, and what they took.
    #[must_use]
    pub fn embeddings(&self) -> &Embeddings<T> {
        &self.embeddings
    }

    /// What it took, the tries of what failed included.
    #[must_use]
    pub fn usage(&self) -> EmbedUsage {
        self.embeddings.usage()
    }

    /// The inputs that failed, in order.
    #[must_use]
    pub fn failed(&self) -> &[FailedInput] {
        &self.failed
    }

    /// Hands over the inputs that failed.
    #[must_use]
    pub fn into_failed(self) -> Vec<FailedInput> {
        self.failed
    }

    /// All or nothing: the vectors, where every input has one.
    ///
    /// # Errors
    /// When an input failed, with all that is here.
    pub fn into_result(self) -> Result<Embeddings<T>, EmbedError<T>> {
        if self.failed.is_empty() { Ok(self.embeddings) } else { Err(EmbedError::of(self)) }
    }

    pub(crate) fn purpose(&self) -> Option<&EmbedPurpose> {
        self.purpose.as_ref()
    }

    pub(crate) fn manner(&self) -> &Manner {
        &self.manner
    }

    /// The same, with other reasons for what failed.
    pub(crate) fn map_errors(mut self, reason: impl Fn(Error) -> Error) -> Self {
        let failed = std::mem::take(&mut self.failed).into_iter();
        self.failed = failed.map(|failed| FailedInput { error: reason(failed.error), ..failed }).collect();
        self
    }

    pub(crate) fn into_parts(self) -> (Embeddings<T>, Vec<FailedInput>) {
        (self.embeddings, self.failed)
    }
}

impl<T: Element> From<EmbedError<T>> for EmbedOutcome<T> {
    fn from(error: EmbedError<T>) -> Self {
        error.into_outcome()
    }
}

/// Shows no texts.
impl<T: Element> fmt::Debug for EmbedOutcome<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EmbedOutcome")
            .field("embeddings", &self.embeddings)
            .field("failed", &self.failed)
            .field("purpose", &self.purpose)
            .finish()
    }
}
