//! Tool schemas as a family takes them.

use super::Changes;
use crate::ChatRequest;
use crate::model::ModelProfile;

pub(super) fn lower(_request: &mut ChatRequest, _profile: &ModelProfile, _changes: &mut Changes) {}
