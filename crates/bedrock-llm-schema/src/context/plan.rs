//! [`ContextPlan`]: what is taken out of a request.

use std::fmt;

use super::{ContextPolicy, Summary};
use crate::conversation::{Parted, Repaired, is_sound, part, units};
use crate::model::ModelProfile;
use crate::normalize::Changes;
use crate::tokens::{Prompt, Weights};
use crate::{
    Change, ChangeKind, ChatRequest, ContentBlock, Conversation, Error, ErrorKind, Message, ModelId, Role,
    TokenCount, Usage,
};

/// What [`Change::rule`] says of changes that are made for the window.
const RULE: &str = "CONTEXT";

/// What is taken out of a request that is too large. Made by [`ContextPolicy::plan`] for one request.
pub struct ContextPlan {
    /// The history, where it had to be repaired.
    repaired: Option<Repaired>,
    /// For each unit, whether it goes.
    out: Vec<bool>,
    before: u64,
    after: u64,
    budget: u64,
}

/// What was taken out of a request.
#[derive(Clone, PartialEq)]
#[non_exhaustive]
pub struct Trimmed {
    /// The turns that were taken out, in order.
    pub removed: Vec<Message>,
    /// What was changed: repairs of the history first.
    pub changes: Vec<Change>,
    /// The turn of the user's that now comes where the first of them was.
    place: usize,
}

impl ContextPolicy {
    /// Plans what goes of a request, for a model with this profile; `None` where it fits, or where it is not known what
    /// fits. An [`Estimated`](TokenCount::Estimated) count is taken at the end of its [`range`](TokenCount::range).
    ///
    /// # Errors
    /// [`ContextOverflow`](ErrorKind::ContextOverflow) where the request is too large and is to be
    /// [refused](super::OnOverflow::Error), or what must stay is too large already. It says the sizes.
    pub fn plan(
        &self,
        request: &ChatRequest,
        profile: &ModelProfile,
        count: TokenCount,
    ) -> Result<Option<ContextPlan>, Error> {
        let Some(budget) = self.budget(request, profile) else { return Ok(None) };
        let before = *count.range().end();
        if before <= budget {
            return Ok(None);
        }
        if self.refuses() {
            let message = format!("the request has {}, and may have {budget}", said(count));
            return Err(Error::new(ErrorKind::ContextOverflow, message)
                .with_hint("drop turns of the conversation, or let `OnOverflow` do it"));
        }
        let repaired = (!is_sound(&request.messages)).then(|| Conversation::repair(request.messages.clone()));
        let messages = repaired.as_ref().map_or(&request.messages[..], |it| it.conversation.messages());
        let weights = Weights::of(model_of(profile));
        let front = weights.front(&Prompt::of(request));
        let (out, after) = self.cut(messages, &weights, front, before, budget);
        let room = self.room(budget);
        if after > room {
            let mut message = format!(
                "the request has {}, of which about {after} must stay (system prompt, tools, pinned turns, the last \
                 question with what came of it), and may have {budget}",
                said(count)
            );
            if let Some(summary) = self.summary() {
                message.push_str(&format!(", less {} for a summary", summary.max_tokens));
            }
            return Err(Error::new(ErrorKind::ContextOverflow, message).with_hint(
                "shorten what must stay, pin less, ask for fewer tokens, or choose a model with a larger window",
            ));
        }
        Ok(Some(ContextPlan { repaired, out, before, after, budget }))
    }

    /// Which units go, and how many tokens are left then.
    fn cut(
        &self,
        messages: &[Message],
        weights: &Weights,
        front: u64,
        before: u64,
        budget: u64,
    ) -> (Vec<bool>, u64) {
        let mut turns = weights.turns(messages);
        let sizes: Vec<Sizes> = units(messages).map(|unit| Sizes::of(unit, &mut turns)).collect();
        let estimated = sizes.iter().fold(front, |sum, size| sum.saturating_add(size.all));
        // what is `before` by count is `estimated` by the sizes
        let left = |dropped: u64| scale(estimated.saturating_sub(dropped), before, estimated);

        let room = self.room(budget);
        let step = (budget as f64 * (1.0 - self.trim_to)) as u64;
        let excess = before.saturating_sub(room);
        // in whole steps, so that a history that grows keeps its beginning for a while
        let goal = if step == 0 { excess } else { excess.div_ceil(step).saturating_mul(step) };
        let target = before.saturating_sub(goal);

        let last = sizes.len().saturating_sub(1);
        let (mut out, mut dropped) = (vec![false; sizes.len()], 0_u64);
        let places = units(messages).zip(&sizes).zip(&mut out).take(last).enumerate();
        for (number, ((unit, size), out)) in places {
            if left(dropped) <= target {
                break;
            }
            if !self.keeps(number, unit) {
                *out = true;
                dropped = dropped.saturating_add(size.removable);
            }
        }
        (out, left(dropped))
    }

    /// What the conversation may have: without the summary.
    fn room(&self, budget: u64) -> u64 {
        budget.saturating_sub(self.summary().map_or(0, |summary| u64::from(summary.max_tokens)))
    }

    /// Plans by an estimate and takes out what goes, without asking any service. What a [`Summary`](super::Summary) would
    /// be of is dropped as well.
    ///
    /// # Errors
    /// As for [`plan`](Self::plan).
    pub fn trim(&self, request: &mut ChatRequest, profile: &ModelProfile) -> Result<Vec<Change>, Error> {
        let plan = self.plan(request, profile, request.estimate_tokens_of(model_of(profile)))?;
        Ok(plan.map_or_else(Vec::new, |plan| plan.apply(request).changes))
    }
}

/// The model whose tokens are counted.
fn model_of(profile: &ModelProfile) -> &ModelId {
    profile.base_model.as_ref().unwrap_or(&profile.id)
}

fn said(count: TokenCount) -> String {
    match count {
        TokenCount::Exact(tokens) => format!("{tokens} tokens"),
        TokenCount::Estimated(tokens) => {
            format!("about {tokens} tokens by estimate, {} with care", count.range().end())
        }
    }
}

/// `number` × `to` / `from`.
fn scale(number: u64, to: u64, from: u64) -> u64 {
    let scaled = u128::from(number) * u128::from(to) / u128::from(from.max(1));
    u64::try_from(scaled).unwrap_or(u64::MAX)
}

/// The estimated tokens of a unit.
struct Sizes {
    all: u64,
    /// Without turns of the system, which stay.
    removable: u64,
}

impl Sizes {
    fn of(unit: &[Message], turns: &mut impl Iterator<Item = u64>) -> Self {
        unit.iter().zip(turns).fold(Self { all: 0, removable: 0 }, |sizes, (message, size)| Self {
            all: sizes.all.saturating_add(size),
            removable: sizes.removable.saturating_add(if message.role == Role::System { 0 } else { size }),
        })
    }
}

impl ContextPlan {
    /// How many tokens the request has.
    #[must_use]
    pub fn before(&self) -> u64 {
        self.before
    }

    /// How many are left, about.
    #[must_use]
    pub fn after(&self) -> u64 {
        self.after
    }

    /// How many it may have.
    #[must_use]
    pub fn budget(&self) -> u64 {
        self.budget
    }

    /// Takes out what goes of the request that this was planned for.
    pub fn apply(self, request: &mut ChatRequest) -> Trimmed {
        let messages = std::mem::take(&mut request.messages);
        let (messages, repairs) = match self.repaired {
            Some(Repaired { conversation, changes }) => (conversation.into_messages(), changes),
            None => (messages, Vec::new()),
        };
        let is_out = |unit: usize| self.out.get(unit).copied().unwrap_or_default();
        let first = self.out.iter().position(|out| *out).unwrap_or_default();
        let kept_before = units(&messages).take(first).map(<[Message]>::len).sum::<usize>();
        let Parted { kept, removed, .. } = part(messages, is_out);
        request.messages = kept;

        let mut changes = Changes::default();
        repairs.into_iter().for_each(|repair| changes.push(repair));
        if !removed.is_empty() {
            let message = format!(
                "dropped {} turns of the conversation: of {} tokens about {} are left, {} may be",
                removed.len(),
                self.before,
                self.after,
                self.budget
            );
            changes.add(RULE, format!("messages[{kept_before}]"), message, ChangeKind::Degraded);
        }
        let after = request.messages.iter().skip(kept_before);
        let place = kept_before + after.take_while(|message| message.role != Role::User).count();
        Trimmed { removed, changes: changes.into_list(), place }
    }
}

impl Trimmed {
    /// Puts a summary in the place of what was taken out, before what the user says next, and says who wrote it;
    /// `usage` is what that used, where it was not written before.
    pub fn sum_up(&mut self, request: &mut ChatRequest, text: &str, by: &ModelId, usage: Option<&Usage>) {
        let Some(message) = request.messages.get_mut(self.place) else { return };
        message.content.insert(0, ContentBlock::Text(Summary::told(text)));
        let cost = usage.map_or_else(
            || "was kept from an earlier call".to_owned(),
            |usage| format!("read {} tokens and wrote {}", usage.total_input(), usage.output_tokens),
        );
        self.say(
            format!("put a summary by {by} before the user's next turn, which {cost}"),
            ChangeKind::Added,
        );
    }

    /// Says why there is no summary.
    pub fn not_summed_up(&mut self, by: &ModelId, error: &Error) {
        let message = format!("no summary comes in their place: {by} failed ({})", error.kind().as_str());
        self.say(message, ChangeKind::Warned);
    }

    fn say(&mut self, message: String, kind: ChangeKind) {
        let path = format!("messages[{}]", self.place);
        self.changes.push(Change { rule: RULE, path, message, kind });
    }
}

/// Counts, and never shows turns.
impl fmt::Debug for ContextPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ContextPlan")
            .field("units", &self.out.len())
            .field("out", &self.out.iter().filter(|out| **out).count())
            .field("before", &self.before)
            .field("after", &self.after)
            .field("budget", &self.budget)
            .finish_non_exhaustive()
    }
}

/// Counts, and never shows turns.
impl fmt::Debug for Trimmed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Trimmed")
            .field("removed", &self.removed.len())
            .field("changes", &self.changes)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
