//! [`Draft`]: a conversation while strategies choose what of it goes.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;

use bedrock_llm_schema::conversation::Measure;
use bedrock_llm_schema::{Conversation, Message, Role};

use super::MemoryUpdate;

/// A conversation while strategies choose what of it goes. Units have the numbers that they have in the conversation,
/// from 0; nothing is changed in it until all have chosen.
pub struct Draft<'a> {
    conversation: &'a mut Conversation,
    out: BTreeSet<usize>,
    pins: Vec<Pin>,
    /// What will stand in the place of the summary that is there.
    summary: Option<String>,
    /// The tokens that are kept free for a summary.
    spare: u64,
    updates: Vec<MemoryUpdate>,
}

/// Units that stay.
#[derive(Debug, Clone)]
pub(super) enum Pin {
    First(usize),
    /// Those with turns that have a size by this.
    Turns(Measure),
}

impl<'a> Draft<'a> {
    pub(super) fn new(conversation: &'a mut Conversation) -> Self {
        Self {
            conversation,
            out: BTreeSet::new(),
            pins: Vec::new(),
            summary: None,
            spare: 0,
            updates: Vec::new(),
        }
    }

    /// Changes the conversation.
    pub(super) fn apply(self) -> Vec<MemoryUpdate> {
        if !self.out.is_empty() {
            self.conversation.remove(|unit| self.out.contains(&unit));
        }
        if let Some(summary) = &self.summary {
            self.conversation.set_summary(summary);
        }
        self.updates
    }

    /// How many units are left. Known without a look at them.
    #[must_use]
    pub fn unit_count(&self) -> usize {
        self.conversation.unit_count() - self.out.len()
    }

    /// The units that may go, the oldest first: those left that are not pinned, without the last.
    #[must_use]
    pub fn candidates(&mut self) -> Vec<usize> {
        let last = self.conversation.unit_count().saturating_sub(1);
        let mut units: Vec<usize> = (0..last).filter(|unit| !self.out.contains(unit)).collect();
        for pin in &self.pins {
            match pin {
                Pin::First(first) => units.retain(|unit| unit >= first),
                Pin::Turns(measure) => {
                    let sizes = self.conversation.sizes(measure);
                    units.retain(|unit| sizes.of(*unit) == 0);
                }
            }
        }
        units
    }

    /// The turns of a unit, without a summary; empty where there is no such unit.
    #[must_use]
    pub fn unit(&self, number: usize) -> Cow<'_, [Message]> {
        let unit = self.conversation.unit(number).unwrap_or_default();
        if number > 0 || self.conversation.summary().is_none() {
            return Cow::Borrowed(unit);
        }
        let mut own = unit.to_vec();
        if let Some(first) = own.iter_mut().find(|message| message.role == Role::User) {
            first.content.remove(0);
        }
        Cow::Owned(own)
    }

    /// The summary of what came before, if there is one.
    #[must_use]
    pub fn summary(&self) -> Option<&str> {
        self.summary.as_deref().or_else(|| self.conversation.summary())
    }

    /// Takes a unit out in a strategy's name. Says whether it could be done: not for the last unit, not for one that is
    /// pinned, and not twice.
    pub fn remove(&mut self, unit: usize, strategy: &str) -> bool {
        let is_free = unit + 1 < self.conversation.unit_count() && !self.is_pinned(unit);
        if !is_free || !self.out.insert(unit) {
            return false;
        }
        let turns = turns_of(self.conversation.unit(unit).unwrap_or_default()).count();
        match self.updates.last_mut().filter(|update| update.strategy == strategy) {
            Some(update) => update.removed += turns,
            None => {
                let mut update = MemoryUpdate::of(strategy);
                update.removed = turns;
                self.updates.push(update);
            }
        }
        true
    }

    /// Reports what a strategy did beside taking out units.
    pub fn report(&mut self, update: MemoryUpdate) {
        self.updates.push(update);
    }

    /// The size of what is left by a measure: with the summary that there is or will be.
    #[must_use]
    pub fn size(&mut self, measure: &Measure) -> u64 {
        let old = self.conversation.summary().map_or(0, |summary| size_of(summary, measure));
        let new = self.summary.as_deref().map_or(old, |summary| size_of(summary, measure));
        let total = self.conversation.sizes(measure).total().saturating_sub(old);
        let out: u64 = self.out.clone().into_iter().map(|unit| self.removable(unit, measure)).sum();
        total.saturating_sub(out).saturating_add(new.max(self.spare))
    }

    /// By how much the size goes down with a unit: turns of the system stay.
    #[must_use]
    pub fn removable(&mut self, unit: usize, measure: &Measure) -> u64 {
        let summary = self.conversation.summary().filter(|_| unit == 0);
        let summary = summary.map_or(0, |summary| size_of(summary, measure));
        self.conversation.sizes(measure).removable(unit).saturating_sub(summary)
    }

    /// How many units are pinned, or more: a unit counts once for each of its turns that is.
    pub(super) fn pinned_at_most(&mut self) -> usize {
        let count = |pin: &Pin| match pin {
            Pin::First(units) => *units,
            Pin::Turns(measure) => {
                usize::try_from(self.conversation.sizes(measure).total()).unwrap_or(usize::MAX)
            }
        };
        self.pins.iter().map(count).fold(0, usize::saturating_add)
    }

    fn is_pinned(&mut self, unit: usize) -> bool {
        self.pins.iter().any(|pin| match pin {
            Pin::First(first) => unit < *first,
            Pin::Turns(measure) => self.conversation.sizes(measure).of(unit) > 0,
        })
    }

    pub(super) fn push_pin(&mut self, pin: Pin) {
        self.pins.push(pin);
    }

    pub(super) fn pop_pin(&mut self) {
        self.pins.pop();
    }

    /// Keeps tokens free for a summary; gives back how many were before.
    pub(super) fn set_spare(&mut self, tokens: u64) -> u64 {
        std::mem::replace(&mut self.spare, tokens)
    }

    pub(super) fn spare(&self) -> u64 {
        self.spare
    }

    pub(super) fn out(&self) -> &BTreeSet<usize> {
        &self.out
    }

    pub(super) fn set_summary(&mut self, text: String) {
        self.summary = Some(text);
    }
}

/// The turns of a unit that go with it.
pub(super) fn turns_of(unit: &[Message]) -> impl Iterator<Item = &Message> {
    unit.iter().filter(|message| message.role != Role::System)
}

fn size_of(summary: &str, measure: &Measure) -> u64 {
    measure.of(&Message::user(summary))
}

/// Counts, and never shows what was said.
impl fmt::Debug for Draft<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Draft")
            .field("conversation", &self.conversation)
            .field("out", &self.out)
            .field("pins", &self.pins)
            .field("updates", &self.updates)
            .finish_non_exhaustive()
    }
}
