//! Document names: within the service's alphabet, and each of its own.

use super::Changes;
use crate::Message;

pub(super) fn mend(_messages: &mut [Message], _changes: &mut Changes) {}
