//! Summaries that were written already.

use std::io::{self, Write};
use std::sync::Arc;

use bedrock_llm_schema::Message;
use bedrock_llm_schema::context::Summary;
use moka::sync::Cache;
use sha2::{Digest as _, Sha256};

/// The SHA-256 of who sums up, how, and what.
type Key = [u8; 32];

/// The most summaries that are kept.
const CAPACITY: u64 = 256;

pub(super) struct Summaries(Cache<Key, Arc<str>>);

impl Default for Summaries {
    fn default() -> Self {
        Self(Cache::new(CAPACITY))
    }
}

impl Summaries {
    /// For each turn, the key of a summary of all up to it.
    pub(super) fn keys(&self, summary: &Summary, turns: &[Message]) -> Vec<Key> {
        let mut hash = Sha256::new();
        for part in [summary.model.as_str(), &summary.instruction, &summary.max_tokens.to_string()] {
            hash.update(part);
            hash.update([0]);
        }
        let after = |turn: &Message| {
            // to a hash it cannot fail, and what is no JSON could not be sent either
            let _ = serde_json::to_writer(Hashing(&mut hash), turn);
            hash.clone().finalize().into()
        };
        turns.iter().map(after).collect()
    }

    /// The summary of the most turns from the first on, and of how many it is.
    pub(super) fn longest(&self, keys: &[Key]) -> (Option<Arc<str>>, usize) {
        let kept = |(turn, key)| Some((Some(self.0.get(key)?), turn + 1));
        keys.iter().enumerate().rev().find_map(kept).unwrap_or_default()
    }

    pub(super) fn keep(&self, key: Key, text: &Arc<str>) {
        self.0.insert(key, Arc::clone(text));
    }
}

struct Hashing<'a>(&'a mut Sha256);

impl Write for Hashing<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
