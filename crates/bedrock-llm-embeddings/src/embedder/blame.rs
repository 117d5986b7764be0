//! When halving is of no use.

use bedrock_llm_schema::{Error, ErrorKind};

/// How many inputs must have failed alone with the same words, at least.
const ENOUGH: usize = 32;

/// What calls that were refused for their content have in common.
///
/// A setting that the model does not take, in `extra` say, is refused in the same words as an input is. Where a whole
/// group has failed in these words down to single inputs, and no call has succeeded before, it is the setting.
#[derive(Debug, Default)]
pub(super) struct Blame {
    /// Whether a call was answered.
    has_answer: bool,
    /// The most inputs of a call that was refused.
    group: usize,
    /// What single inputs failed with, the last ones in a row, and how many.
    alone: Option<(ErrorKind, String, usize)>,
}

impl Blame {
    pub(super) fn answered(&mut self) {
        self.has_answer = true;
    }

    /// Takes note of a call of so many inputs that was refused for its content.
    pub(super) fn refused(&mut self, inputs: usize, error: &Error) {
        self.group = self.group.max(inputs);
        if inputs > 1 {
            return;
        }
        match &mut self.alone {
            Some((kind, message, count)) if kind == error.kind() && message == error.message() => *count += 1,
            alone => *alone = Some((error.kind().clone(), error.message().to_owned(), 1)),
        }
    }

    /// Whether every other input would fail as well. That a text is too long is its own matter.
    pub(super) fn is_on_all(&self) -> bool {
        !self.has_answer
            && self.alone.as_ref().is_some_and(|(kind, _, count)| {
                *kind != ErrorKind::ContextOverflow && *count >= self.group.max(ENOUGH)
            })
    }
}
