//! What a model cannot do: refused, left out, or sent all the same.
//!
//! [`OnUnsupported`] decides, and only where the profile says that the model cannot: what is unknown stays. Whatever
//! the choice is, a form that says the same is mended: top-k goes where the family has it, a choice of tools that is
//! the default anyway is left out, as are `strict: false`, the status `success` and the life `5m`; a failed tool says
//! so in words where no status is taken; JSON in a tool result becomes text, or text JSON; images, documents and
//! videos in a tool result move beside it.

mod cache;
mod media;
mod results;
mod roles;
mod settings;
mod tools;
mod top_k;

use super::{Changes, OnUnsupported};
use crate::model::ModelProfile;
use crate::normalize::ChangeKind;
use crate::{ChatRequest, Message};

/// How often what turns hold is looked at: a turn that lost its last block lets its neighbours merge, and what one of
/// them held may have no place beside what the other one did.
const PASSES: usize = 4;

pub(super) fn settle(
    request: &mut ChatRequest,
    profile: &ModelProfile,
    choice: OnUnsupported,
    changes: &mut Changes,
) {
    let mut settler = Settler { profile, choice, changes, has_degraded: false };
    settings::settle(request, &mut settler);
    top_k::settle(request, &mut settler);
    roles::settle(request, &mut settler);
    settler.mend_history(&mut request.messages); // turns whose role changed merge before their content is looked at
    for _ in 0..PASSES {
        tools::settle(request, &mut settler);
        media::settle(&mut request.messages, &mut settler);
        results::settle(&mut request.messages, &mut settler);
        cache::settle(request, &mut settler);
        if !settler.mend_history(&mut request.messages) {
            break;
        }
    }
    roles::prefill(request, &mut settler);
}

/// A choice of a tool that is not given, once the tools are settled.
pub(super) fn settle_choice(
    request: &mut ChatRequest,
    profile: &ModelProfile,
    choice: OnUnsupported,
    changes: &mut Changes,
) {
    tools::settle_choice(request, &mut Settler { profile, choice, changes, has_degraded: false });
}

/// Decides, and keeps the list.
struct Settler<'a> {
    profile: &'a ModelProfile,
    choice: OnUnsupported,
    changes: &'a mut Changes,
    has_degraded: bool,
}

impl Settler<'_> {
    /// Notes something that the model cannot do. True where the caller is to put `instead` in its place.
    fn degrades(&mut self, rule: &'static str, path: impl Into<String>, cannot: &str, instead: &str) -> bool {
        match self.choice {
            OnUnsupported::Error => false,
            OnUnsupported::Degrade => {
                self.changes.add(rule, path, format!("{cannot}: {instead}"), ChangeKind::Degraded);
                self.has_degraded = true;
                true
            }
            OnUnsupported::Warn => {
                self.changes.add(rule, path, cannot, ChangeKind::Warned);
                false
            }
        }
    }

    /// Makes turns sound again, where anything was left out or replaced; says whether it was.
    fn mend_history(&mut self, messages: &mut Vec<Message>) -> bool {
        let has_degraded = std::mem::take(&mut self.has_degraded);
        if has_degraded {
            super::mend_history(messages, self.profile, self.changes);
        }
        has_degraded
    }

    /// Notes a form that was mended.
    fn mended(&mut self, rule: &'static str, path: impl Into<String>, message: &str) {
        self.changes.mended(rule, path, message);
    }
}

#[cfg(test)]
mod tests;
