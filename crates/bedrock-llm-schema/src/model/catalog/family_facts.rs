//! What holds for whole families of models, and where it was learned.

use serde::Deserialize;

use crate::ModelId;
use crate::model::ModelProfile;

/// Facts that hold for several models.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FamilyFacts {
    /// Base ids, or beginnings of them followed by `*`.
    pub(super) models: Vec<String>,
    /// A recording's id or a page of the documentation.
    pub(super) source: String,
    /// The day, `YYYY-MM-DD`, the source was read.
    pub(super) date: String,
    pub(super) profile: ModelProfile,
}

impl FamilyFacts {
    pub(super) fn hold_for(&self, id: &ModelId) -> bool {
        id.base().is_some_and(|base| self.hold_for_base(base))
    }

    /// As [`hold_for`](Self::hold_for), for a base id that is already at hand.
    pub(super) fn hold_for_base(&self, base: &str) -> bool {
        self.models.iter().any(|pattern| match pattern.strip_suffix('*') {
            Some(beginning) => base.starts_with(beginning),
            // a revision's suffix, as in `:28k`, is no other model
            None => base
                .strip_prefix(pattern.as_str())
                .is_some_and(|rest| rest.is_empty() || rest.starts_with(':')),
        })
    }
}
