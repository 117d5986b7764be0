//! The prompt cache: what was written by an earlier request is read by a later one that begins alike.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::{Mutex, PoisonError};

use bedrock_llm_schema::model::ModelProfile;
use bedrock_llm_schema::{ChatRequest, ContentBlock, SystemContentBlock, Tool, Usage};
use serde::Serialize;

/// What a model wants before a cache point where nobody knows: the least that AWS names for any model with one.
const MIN_TOKENS: u64 = 1024;

/// The beginnings of requests that were written, by hash. They live as long as the endpoint.
#[derive(Debug, Default)]
pub(crate) struct PromptCache(Mutex<HashSet<u64>>);

/// A request read in the service's order: tools, system prompt, messages.
struct Reader {
    hash: DefaultHasher,
    pieces: u64,
    /// Hash and pieces before each cache point.
    points: Vec<(u64, u64)>,
}

impl PromptCache {
    /// Tells apart what a request reads from the cache, what it writes, and the rest.
    pub(crate) fn account(&self, request: &ChatRequest, profile: &ModelProfile, usage: &mut Usage) {
        let reader = Reader::read(request);
        let input = usage.input_tokens;
        let tokens = |pieces: u64| input.saturating_mul(pieces) / reader.pieces.max(1);
        let least = profile.cache.min_tokens.unwrap_or(MIN_TOKENS);
        let points = reader.points.iter().map(|(hash, pieces)| (*hash, tokens(*pieces)));
        let points: Vec<(u64, u64)> = points.filter(|(_, tokens)| *tokens >= least).collect();
        let Some((_, longest)) = points.last() else { return };
        let mut written = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = points.iter().rev().find(|(hash, _)| written.contains(hash));
        let read = known.map_or(0, |(_, tokens)| *tokens);
        written.extend(points.iter().map(|(hash, _)| *hash));
        usage.input_tokens = input - longest;
        usage.cache_read_input_tokens = Some(read);
        usage.cache_write_input_tokens = Some(longest - read);
    }
}

impl Reader {
    fn read(request: &ChatRequest) -> Self {
        let mut reader = Self { hash: DefaultHasher::new(), pieces: 0, points: Vec::new() };
        request.model.as_str().hash(&mut reader.hash);
        for tool in request.tool_config.iter().flat_map(|config| &config.tools) {
            reader.take(tool, matches!(tool, Tool::CachePoint(_)));
        }
        for block in request.system.iter().flatten() {
            reader.take(block, matches!(block, SystemContentBlock::CachePoint(_)));
        }
        for message in &request.messages {
            message.role.as_str().hash(&mut reader.hash);
            for block in &message.content {
                reader.take(block, matches!(block, ContentBlock::CachePoint(_)));
            }
        }
        reader
    }

    fn take(&mut self, block: &impl Serialize, is_point: bool) {
        if is_point {
            self.points.push((self.hash.finish(), self.pieces));
            return;
        }
        // what cannot be written as JSON could not have come as JSON
        let text = serde_json::to_string(block).unwrap_or_default();
        text.hash(&mut self.hash);
        self.pieces += super::estimate(&text);
    }
}

#[cfg(test)]
mod tests {
    use bedrock_llm_schema::Message;

    use super::*;

    fn ask(words: usize) -> ChatRequest {
        let text = "word ".repeat(words);
        ChatRequest::new("m").system(text.as_str()).system(SystemContentBlock::CachePoint(Default::default()))
    }

    fn account(cache: &PromptCache, request: &ChatRequest) -> (u64, u64, u64) {
        let mut usage = Usage::new(request.estimate_tokens().tokens(), 0);
        cache.account(request, &ModelProfile::default(), &mut usage);
        (usage.input_tokens, usage.cache_read(), usage.cache_write())
    }

    #[test]
    fn a_beginning_is_written_once_and_read_after() {
        let cache = PromptCache::default();
        let (rest, read, written) = account(&cache, &ask(2000).message("a"));
        assert!(rest > 0 && read == 0 && written > 1024);
        let (_, read, again) = account(&cache, &ask(2000).message("another question"));
        assert!(read > 1024 && again == 0);
        let longer = ask(2000).message(Message::user("b").with(ContentBlock::cache_point()));
        let (_, read, written) = account(&cache, &longer);
        assert!(read > 1024 && written > 0, "only what is new is written");
        let (_, read, _) = account(&cache, &ask(2001).message("a"));
        assert_eq!(read, 0, "another beginning");
    }

    #[test]
    fn too_little_and_no_point_leave_the_cache_alone() {
        let cache = PromptCache::default();
        for request in [ask(20).message("a"), ChatRequest::new("m").message("a ".repeat(3000))] {
            assert_eq!(account(&cache, &request).1, 0);
            assert_eq!(account(&cache, &request).1, 0);
        }
    }
}
