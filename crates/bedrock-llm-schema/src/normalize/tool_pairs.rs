//! Tool calls and their results: gathered in one turn, none missing, none without a call.

use super::Changes;
use crate::Message;
use crate::model::ModelProfile;

pub(crate) fn mend(_messages: &mut Vec<Message>, _profile: &ModelProfile, _changes: &mut Changes) {}
