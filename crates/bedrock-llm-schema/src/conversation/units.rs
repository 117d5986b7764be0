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
        units(self.messages())
    }

    /// A conversation of the first units, which goes its own way from there.
    #[must_use]
    pub fn fork(&self, units: usize) -> Self {
        Self(self.units().take(units).flatten().cloned().collect())
    }

    /// Keeps the first units and gives back the turns after them.
    pub fn truncate(&mut self, units: usize) -> Vec<Message> {
        let kept = self.units().take(units).map(<[Message]>::len).sum();
        self.0.split_off(kept)
    }

    /// Takes out the oldest units and gives them back. Turns of the system in them stay: they are moved behind the
    /// user's turn with which the conversation then begins.
    pub fn drop_oldest(&mut self, units: usize) -> Vec<Message> {
        let (kept, removed) = part(std::mem::take(&mut self.0), |unit| unit < units);
        self.0 = kept;
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

/// The units of a history that is sound.
pub(crate) fn units(messages: &[Message]) -> impl Iterator<Item = &[Message]> {
    let mut rest = messages;
    std::iter::from_fn(move || {
        let (unit, after) = rest.split_at_checked(first_unit(rest))?;
        rest = after;
        (!unit.is_empty()).then_some(unit)
    })
}

/// Takes units out of a history that is sound, by their numbers: what is left, and what was taken out. Turns of the
/// system stay: they are moved behind the user's turn with which the next unit that is left begins.
pub(crate) fn part(
    mut messages: Vec<Message>,
    mut is_out: impl FnMut(usize) -> bool,
) -> (Vec<Message>, Vec<Message>) {
    let lengths: Vec<usize> = units(&messages).map(<[Message]>::len).collect();
    let (mut kept, mut removed, mut carried) = (Vec::new(), Vec::new(), Vec::new());
    for (number, length) in lengths.into_iter().enumerate() {
        let unit = messages.drain(..length);
        if is_out(number) {
            for message in unit {
                if message.role == Role::System { &mut carried } else { &mut removed }.push(message);
            }
            continue;
        }
        for message in unit {
            let ends_carrying = message.role != Role::System;
            append(&mut kept, message);
            if ends_carrying {
                carried.drain(..).for_each(|pin| append(&mut kept, pin));
            }
        }
    }
    carried.drain(..).for_each(|pin| append(&mut kept, pin));
    (kept, removed)
}

/// Adds a turn; one of the role before it becomes part of that.
fn append(messages: &mut Vec<Message>, mut message: Message) {
    match messages.last_mut() {
        Some(last) if belong_together(last, &message) => join(last, &mut message),
        _ => messages.push(message),
    }
}

/// The number of turns in the first unit: up to the second turn of the user's that brings no results.
fn first_unit(messages: &[Message]) -> usize {
    let begins = |message: &Message| {
        message.role == Role::User && !message.content.iter().any(|it| as_result(it).is_some())
    };
    let second = messages.iter().enumerate().filter(|(_, message)| begins(message)).nth(1);
    second.map_or(messages.len(), |(turn, _)| turn)
}
