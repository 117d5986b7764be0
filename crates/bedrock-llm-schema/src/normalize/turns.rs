//! Turns: blank text goes, empty turns go, the first turn is whose it must be, turns of one role merge.

use super::Changes;
use crate::model::ModelProfile;
use crate::{ChatRequest, Message};

pub(crate) fn mend(_messages: &mut Vec<Message>, _profile: &ModelProfile, _changes: &mut Changes) {}

pub(super) fn mend_system(_request: &mut ChatRequest, _changes: &mut Changes) {}

pub(crate) fn merge(_messages: &mut Vec<Message>, _profile: &ModelProfile, _changes: &mut Changes) {}
