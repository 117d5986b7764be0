//! Reasoning as a family is asked for it, and what it does not go together with.

use super::{Changes, OnUnsupported};
use crate::ChatRequest;
use crate::model::ModelProfile;

pub(super) fn lower(
    _request: &mut ChatRequest,
    _profile: &ModelProfile,
    _choice: OnUnsupported,
    _changes: &mut Changes,
) {
}
