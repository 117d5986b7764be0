//! Finds a model that asks for the same call again and again.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use sha2::{Digest as _, Sha256};

use super::ToolCall;

/// The calls of the rounds before, and how often each was asked for in rounds that follow one another.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Repeats {
    /// By [`key`].
    counts: BTreeMap<String, u32>,
    /// The tool of a call that was asked for once more after it had been refused.
    looping: Option<String>,
}

impl Repeats {
    /// Takes the calls of a round; says of each whether it is one too many.
    pub(super) fn take(&mut self, calls: &[ToolCall], most: Option<u32>) -> Vec<bool> {
        let Some(most) = most else { return vec![false; calls.len()] };
        let mut counts = BTreeMap::new();
        let mut refused = Vec::with_capacity(calls.len());
        for call in calls {
            let key = key(call);
            // twice in one round is no more than once: the model has seen no result in between
            let count = self.counts.get(&key).copied().unwrap_or(0) + 1;
            if count > most.saturating_add(1) {
                self.looping = Some(call.name().to_owned());
            }
            refused.push(count > most);
            counts.insert(key, count);
        }
        // what was not asked for again is forgotten
        self.counts = counts;
        refused
    }

    pub(super) fn looping(&self) -> Option<&str> {
        self.looping.as_deref()
    }
}

/// The SHA-256 of tool and arguments, whatever the order of their members: arguments may be long, and are not shown.
fn key(call: &ToolCall) -> String {
    let mut input = call.input().clone();
    input.sort_all_objects();
    let hash = Sha256::digest(format!("{}\0{input}", call.name()));
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}
