//! By what a vector is found again.

use std::io::{self, Write};

use bedrock_llm_schema::embed::EmbedInput;
use serde::Serialize;
use sha2::{Digest as _, Sha256};

/// The SHA-256 of what is embedded, with what and how. The content itself is not kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Key([u8; 32]);

/// The beginning that the keys of one embedder and purpose have in common.
#[derive(Clone)]
pub(crate) struct KeyMaker(Hashing);

impl KeyMaker {
    /// Of all that changes numbers. `None` where it cannot be written as JSON, so that nothing is kept.
    pub(crate) fn new(manner: &impl Serialize) -> Option<Self> {
        let mut hashing = Hashing(Sha256::new());
        serde_json::to_writer(&mut hashing, manner).ok()?;
        // a JSON text ends by itself, but not its last number
        hashing.0.update([0]);
        Some(Self(hashing))
    }

    pub(crate) fn key(&self, input: &EmbedInput) -> Option<Key> {
        let Self(mut hashing) = self.clone();
        match input {
            // as it is: most inputs are texts, and escaping them is work
            EmbedInput::Text(text) => {
                hashing.0.update(b"t");
                hashing.0.update(text);
            }
            other => {
                hashing.0.update(b"o");
                serde_json::to_writer(&mut hashing, other).ok()?;
            }
        }
        Some(Key(hashing.0.finalize().into()))
    }
}

#[derive(Clone)]
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

#[cfg(test)]
mod tests {
    use bedrock_llm_schema::embed::EmbedPart;

    use super::*;

    #[test]
    fn keys_tell_contents_and_manners_apart() {
        let maker = KeyMaker::new(&("model", 512)).unwrap();
        let other = KeyMaker::new(&("model", 256)).unwrap();
        let mixed = |text: &str| EmbedInput::from(vec![EmbedPart::from(text)]);
        let keys = [
            maker.key(&"a".into()),
            maker.key(&"b".into()),
            other.key(&"a".into()),
            maker.key(&mixed("a")),
            maker.key(&mixed("b")),
        ];
        for (place, key) in keys.iter().enumerate() {
            assert!(key.is_some() && !keys[..place].contains(key), "{place}");
        }
        assert_eq!(keys[0], maker.clone().key(&EmbedInput::Text("a".to_owned())));
    }
}
