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

use super::{Changes, OnUnsupported, turns};
use crate::ChatRequest;
use crate::model::ModelProfile;
use crate::normalize::ChangeKind;

pub(super) fn settle(
    request: &mut ChatRequest,
    profile: &ModelProfile,
    choice: OnUnsupported,
    changes: &mut Changes,
) {
    let mut settler = Settler { profile, choice, changes, has_degraded: false };
    settings::settle(request, &mut settler);
    top_k::settle(request, &mut settler);
    tools::settle(request, &mut settler);
    media::settle(&mut request.messages, &mut settler);
    results::settle(&mut request.messages, &mut settler);
    roles::settle(request, &mut settler);
    cache::settle(request, &mut settler);
    if settler.has_degraded {
        // a turn may have lost its last block or found a neighbour of its role
        turns::mend(&mut request.messages, profile, settler.changes);
        turns::merge(&mut request.messages, profile, settler.changes);
    }
    roles::prefill(request, &mut settler);
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

    /// Notes a form that was mended.
    fn mended(&mut self, rule: &'static str, path: impl Into<String>, message: &str) {
        self.changes.mended(rule, path, message);
    }
}

#[cfg(test)]
mod tests;
