//! Cutting a conversation in whole units.

use super::Conversation;
use crate::normalize::tool_pairs::as_result;
use crate::normalize::turns::{belong_together, join};
use crate::{Message, Role};

/// What [`Conversation::prune`] did.
#[derive(Clone, PartialEq)]
#[non_exhaustive]
pub struct Pruned {
    /// The turns that were taken out, in order.
    pub removed: Vec<Message>,
    /// The size of what is left, as counted.
    pub size: u64,
    /// Whether that is within the limit. The last unit is never taken out.
    pub fits: bool,
}

/// Counts what was taken out, and never shows it.
impl std::fmt::Debug for Pruned {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pruned")
            .field("removed", &self.removed.len())
            .field("size", &self.size)
            .field("fits", &self.fits)
            .finish()
    }
}

impl Conversation {
    /// The parts that cannot be cut further: a turn of the user's with everything that came of it, answers and tool
    /// rounds, up to the user's next turn that brings no tool results.
    pub fn units(&self) -> impl Iterator<Item = &[Message]> {
        (0..self.unit_count()).map(|unit| self.unit(unit).unwrap_or_default())
    }

    /// How many [`units`](Self::units) there are. Known without a look at the turns.
    #[must_use]
    pub fn unit_count(&self) -> usize {
        self.starts.len()
    }

    /// One of the [`units`](Self::units), by its number from 0.
    #[must_use]
    pub fn unit(&self, number: usize) -> Option<&[Message]> {
        let start = *self.starts.get(number)?;
        let end = self.starts.get(number + 1).copied().unwrap_or(self.messages.len());
        self.messages.get(start..end)
    }

    /// A conversation of the first units, which goes its own way from there.
    #[must_use]
    pub fn fork(&self, units: usize) -> Self {
        Self::sound(self.units().take(units).flatten().cloned().collect())
    }

    /// Keeps the first units and gives back the turns after them.
    pub fn truncate(&mut self, units: usize) -> Vec<Message> {
        let Some(kept) = self.starts.get(units).copied() else { return Vec::new() };
        self.starts.truncate(units);
        self.measured.iter_mut().for_each(|measured| measured.forget_from(kept));
        self.messages.split_off(kept)
    }

    /// Takes out the oldest units and gives them back, as [`remove`](Self::remove) does.
    pub fn drop_oldest(&mut self, units: usize) -> Vec<Message> {
        self.remove(|unit| unit < units)
    }

    /// Takes out units by their numbers and gives them back. Turns of the system in them stay: they are moved behind the
    /// user's turn with which the next unit that is left begins. So does a [`summary`](Self::summary): it stands at the
    /// beginning of what is left, where the user says something in that.
    pub fn remove(&mut self, is_out: impl FnMut(usize) -> bool) -> Vec<Message> {
        let summary = self.take_summary();
        let Parted { kept, origins, removed } = part(std::mem::take(&mut self.messages), is_out);
        self.starts = starts(&kept);
        self.messages = kept;
        self.measured.iter_mut().for_each(|measured| measured.follow(&self.messages, &origins));
        if let Some(summary) = summary {
            self.set_summary(&summary);
        }
        removed
    }

    /// Takes out the oldest units until the rest is within a limit, counted by whatever measure you give: tokens,
    /// bytes, turns. Each turn is counted once. The last unit stays, and so do turns of the system, as in
    /// [`drop_oldest`](Self::drop_oldest).
    pub fn prune(&mut self, limit: u64, mut count: impl FnMut(&Message) -> u64) -> Pruned {
        let sizes: Vec<(u64, u64)> = self
            .units()
            .map(|unit| {
                unit.iter().fold((0, 0), |(all, removable): (u64, u64), message| {
                    let size = count(message);
                    let is_pin = message.role == Role::System;
                    (all.saturating_add(size), removable.saturating_add(if is_pin { 0 } else { size }))
                })
            })
            .collect();
        let mut size = sizes.iter().fold(0_u64, |sum, (all, _)| sum.saturating_add(*all));
        let mut dropped = 0;
        for (_, removable) in sizes.iter().take(sizes.len().saturating_sub(1)) {
            if size <= limit {
                break;
            }
            size = size.saturating_sub(*removable);
            dropped += 1;
        }
        Pruned { removed: self.drop_oldest(dropped), size, fits: size <= limit }
    }
}

impl Conversation {
    /// A history that is known to be sound.
    pub(super) fn sound(messages: Vec<Message>) -> Self {
        Self { starts: starts(&messages), messages, measured: Vec::new() }
    }
}

/// The units of a history that is sound.
pub(crate) fn units(messages: &[Message]) -> impl Iterator<Item = &[Message]> {
    let starts = starts(messages);
    let ends = starts.iter().skip(1).copied().chain([messages.len()]).collect::<Vec<_>>();
    starts.into_iter().zip(ends).map(|(start, end)| messages.get(start..end).unwrap_or_default())
}

/// The turn with which each unit of a history begins that is sound. What comes before the first belongs to it.
fn starts(messages: &[Message]) -> Vec<usize> {
    let beginnings = messages.iter().enumerate().filter(|(_, message)| begins(message)).skip(1);
    let first = (!messages.is_empty()).then_some(0);
    first.into_iter().chain(beginnings.map(|(turn, _)| turn)).collect()
}

/// Whether a turn is the user's and brings no results.
pub(super) fn begins(message: &Message) -> bool {
    message.role == Role::User && !message.content.iter().any(|block| as_result(block).is_some())
}

/// A history that was parted.
pub(crate) struct Parted {
    /// What is left.
    pub(crate) kept: Vec<Message>,
    /// For each turn that is left, which it was before; `None` where it was made of several.
    origins: Vec<Option<usize>>,
    /// What was taken out.
    pub(crate) removed: Vec<Message>,
}

/// Takes units out of a history that is sound, by their numbers. Turns of the system stay: they are moved behind the
/// user's turn with which the next unit that is left begins.
pub(crate) fn part(mut messages: Vec<Message>, mut is_out: impl FnMut(usize) -> bool) -> Parted {
    let lengths: Vec<usize> = units(&messages).map(<[Message]>::len).collect();
    let mut parted = Parted { kept: Vec::new(), origins: Vec::new(), removed: Vec::new() };
    let (mut carried, mut turns) = (Vec::new(), 0..);
    let mut messages = messages.drain(..).map(|message| (turns.next(), message));
    for (number, length) in lengths.into_iter().enumerate() {
        let unit = messages.by_ref().take(length);
        if is_out(number) {
            for (turn, message) in unit {
                if message.role == Role::System {
                    carried.push((turn, message));
                } else {
                    parted.removed.push(message);
                }
            }
            continue;
        }
        for (turn, message) in unit {
            let ends_carrying = message.role != Role::System;
            parted.append(turn, message);
            if ends_carrying {
                carried.drain(..).for_each(|(turn, pin)| parted.append(turn, pin));
            }
        }
    }
    carried.into_iter().for_each(|(turn, pin)| parted.append(turn, pin));
    parted
}

impl Parted {
    /// Adds a turn; one of the role before it becomes part of that.
    fn append(&mut self, turn: Option<usize>, mut message: Message) {
        match self.kept.last_mut() {
            Some(last) if belong_together(last, &message) => {
                join(last, &mut message);
                if let Some(origin) = self.origins.last_mut() {
                    *origin = None;
                }
            }
            _ => {
                self.kept.push(message);
                self.origins.push(turn);
            }
        }
    }
}
