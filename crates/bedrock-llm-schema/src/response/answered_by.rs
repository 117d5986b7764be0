//! Who answered a call that could have gone to several.

use crate::{ErrorKind, ModelId};

/// Who answered, and whom the call passed over or left on the way there.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct AnsweredBy {
    /// The model that answered.
    pub model: ModelId,
    /// The AWS region; `None` is the client's own.
    pub region: Option<String>,
    /// Who did not answer, in the order they were considered. Empty where the first one did.
    pub moves: Vec<Move>,
}

/// One that did not answer.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Move {
    /// The model.
    pub model: ModelId,
    /// Its AWS region; `None` is the client's own.
    pub region: Option<String>,
    /// What went wrong there; `None` where it was not asked.
    pub error: Option<ErrorKind>,
    /// Why, in words.
    pub reason: String,
}

impl AnsweredBy {
    /// Answered by the one that was asked first.
    #[must_use]
    pub fn new(model: ModelId, region: Option<String>) -> Self {
        Self { model, region, moves: Vec::new() }
    }

    /// The same after these moves.
    #[must_use]
    pub fn after(mut self, moves: Vec<Move>) -> Self {
        self.moves = moves;
        self
    }
}

impl Move {
    /// Away from a model and region.
    #[must_use]
    pub fn new(
        model: ModelId,
        region: Option<String>,
        error: Option<ErrorKind>,
        reason: impl Into<String>,
    ) -> Self {
        Self { model, region, error, reason: reason.into() }
    }
}
