//! What is sent for an input.

use super::long::TextLimits;
use super::pool::Pool;
use crate::cache::Ticket;

/// What is sent for an input: all of it, or a piece.
#[derive(Debug, Clone, Copy)]
pub(super) struct Unit {
    /// The place of the entry.
    pub(super) entry: usize,
    /// How often the entry had been cut anew when this was made.
    pub(super) tries: u8,
    /// How much of a mean it is.
    pub(super) weight: u64,
}

/// An input that is being fetched.
pub(super) struct Entry {
    pub(super) index: usize,
    /// Others wait for it.
    ticket: Option<Ticket>,
    pub(super) limits: TextLimits,
    pub(super) tries: u8,
    /// The text, where less than all of it is sent at once.
    pub(super) whole: Option<bedrock_llm_schema::embed::EmbedInput>,
    pub(super) pool: Option<Pool>,
    is_settled: bool,
}

impl Entry {
    pub(super) fn new(index: usize, ticket: Option<Ticket>, limits: TextLimits) -> Self {
        Self { index, ticket, limits, tries: 0, whole: None, pool: None, is_settled: false }
    }

    /// Whether a unit is still of use.
    pub(super) fn wants(&self, unit: Unit) -> bool {
        !self.is_settled && self.tries == unit.tries
    }

    /// It has its vector, or will have none.
    pub(super) fn settle(&mut self) -> Option<Ticket> {
        self.is_settled = true;
        self.whole = None;
        self.pool = None;
        self.ticket.take()
    }
}
