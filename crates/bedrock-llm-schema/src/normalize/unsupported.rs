//! What a model cannot do: refused, left out, or sent all the same.

use super::{Changes, OnUnsupported};
use crate::ChatRequest;
use crate::model::ModelProfile;

pub(super) fn settle(
    _request: &mut ChatRequest,
    _profile: &ModelProfile,
    _choice: OnUnsupported,
    _changes: &mut Changes,
) {
}
