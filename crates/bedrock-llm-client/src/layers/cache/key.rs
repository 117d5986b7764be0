//! By what an answer is found again.

use std::io::{self, Write};

use bedrock_llm_schema::{Operation, Request};
use sha2::{Digest as _, Sha256};

/// The SHA-256 of what a request asks for. The prompt itself is not kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Key([u8; 32]);

impl Key {
    /// `None` where the request's answers cannot be kept.
    pub(super) fn of<R: Request>(request: &R) -> Option<Self> {
        // an answer to a chat is the same whichever way it comes
        let operation = match R::OPERATION {
            Operation::ConverseStream => Operation::Converse,
            other => other,
        };
        let mut hash = Hashing(Sha256::new());
        let model = request.model().map_or("", |model| model.as_str());
        for part in [operation.as_str(), model, request.region().unwrap_or_default()] {
            hash.0.update(part.as_bytes());
            hash.0.update([0]);
        }
        let is_keyed = request.write_key(&mut hash).unwrap_or(false);
        is_keyed.then(|| Self(hash.0.finalize().into()))
    }
}

struct Hashing(Sha256);

impl Write for Hashing {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
