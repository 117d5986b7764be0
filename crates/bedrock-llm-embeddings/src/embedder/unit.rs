//! What is sent for an input.

use bedrock_llm_schema::embed::EmbedInput;
use tokio::time::Instant;

use super::long::TextLimits;
use super::pool::Pool;
use crate::cache::{Key, Ticket};

/// What is sent for an input: all of it, or a piece.
#[derive(Debug, Clone, Copy)]
pub(super) struct Unit {
    /// The place of the entry.
    pub(super) entry: usize,
    /// How often the entry had been cut anew when this was made.
    pub(super) generation: u32,
    /// How much of a mean it is.
    pub(super) weight: u64,
}

/// An input that has no vector yet, with those that are equal to it.
pub(super) struct Entry {
    /// The places of the inputs, at least one.
    pub(super) indices: Vec<usize>,
    pub(super) key: Option<Key>,
    /// Others wait for it. There is one once a part of it is sent.
    pub(super) ticket: Option<Ticket>,
    pub(super) limits: TextLimits,
    /// How often the service found it too long.
    pub(super) tries: u8,
    pub(super) generation: u32,
    /// The input, where less than all of it is sent at once, or another is on the way with it.
    pub(super) whole: Option<EmbedInput>,
    pub(super) pool: Option<Pool>,
    /// Until when it waits for another.
    pub(super) patience: Option<Instant>,
    /// Whether the service worked on it, and not the client's cache of answers alone.
    pub(super) is_worked_on: bool,
    is_settled: bool,
}

impl Entry {
    pub(super) fn new(index: usize, key: Option<Key>, limits: TextLimits) -> Self {
        Self {
            indices: vec![index],
            key,
            ticket: None,
            limits,
            tries: 0,
            generation: 0,
            whole: None,
            pool: None,
            patience: None,
            is_worked_on: false,
            is_settled: false,
        }
    }

    /// Whether a unit is still of use.
    pub(super) fn wants(&self, unit: Unit) -> bool {
        !self.is_settled && self.generation == unit.generation
    }

    /// Whether it is to be asked of the cache before a part of it is sent.
    pub(super) fn is_unclaimed(&self) -> bool {
        self.key.is_some() && self.ticket.is_none()
    }

    /// It will be cut anew: units made before are of no use.
    pub(super) fn renew(&mut self) {
        self.generation = self.generation.wrapping_add(1);
        self.pool = None;
    }

    /// It has its vector, or will have none.
    pub(super) fn settle(&mut self) -> Option<Ticket> {
        self.is_settled = true;
        self.whole = None;
        self.pool = None;
        self.ticket.take()
    }
}
