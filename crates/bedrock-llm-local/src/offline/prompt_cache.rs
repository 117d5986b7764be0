//! The prompt cache: what was written by an earlier request is read by a later one that begins alike.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::{Mutex, PoisonError};

use bedrock_llm_schema::model::ModelProfile;
use bedrock_llm_schema::response::CacheDetail;
use bedrock_llm_schema::wire::Extra;
use bedrock_llm_schema::{
    CachePointBlock, CacheTtl, ChatRequest, ContentBlock, SystemContentBlock, Tool, Usage,
};
use serde::Serialize;

/// What a model wants before a cache point where nobody knows: the least that AWS names for any model with one.
const MIN_TOKENS: u64 = 1024;

/// The beginnings of requests that were written, by hash. They live as long as the endpoint.
#[derive(Debug, Default)]
pub(crate) struct PromptCache(Mutex<HashSet<u64>>);

/// A request read in the service's order: tools, system prompt, settings, messages.
struct Reader {
    hash: DefaultHasher,
    pieces: u64,
    points: Vec<Point>,
}

/// A cache point, and what is before it.
struct Point {
    hash: u64,
    pieces: u64,
    ttl: CacheTtl,
}

impl PromptCache {
    /// Tells apart what a request reads from the cache, what it writes, and the rest.
    pub(crate) fn account(&self, request: &ChatRequest, profile: &ModelProfile, usage: &mut Usage) {
        let reader = Reader::read(request);
        let input = usage.input_tokens;
        let tokens = |pieces: u64| input.saturating_mul(pieces) / reader.pieces.max(1);
        let least = profile.cache.min_tokens.unwrap_or(MIN_TOKENS);
        let points = reader.points.iter().map(|point| (point, tokens(point.pieces)));
        let points: Vec<_> = points.filter(|(_, tokens)| *tokens >= least).collect();
        let Some((_, longest)) = points.last() else { return };
        let mut written = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = points.iter().rev().find(|(point, _)| written.contains(&point.hash));
        let read = known.map_or(0, |(_, tokens)| *tokens);
        written.extend(points.iter().map(|(point, _)| point.hash));
        usage.input_tokens = input - longest;
        usage.cache_read_input_tokens = Some(read);
        usage.cache_write_input_tokens = Some(longest - read);
        usage.cache_details = Some(details(&points, read)).filter(|details| !details.is_empty());
    }
}

/// What is written behind what was read, by how long it lives, the default of five minutes included (recording 26a995088fff).
fn details(points: &[(&Point, u64)], read: u64) -> Vec<CacheDetail> {
    let mut details: Vec<CacheDetail> = Vec::new();
    let mut before = read;
    for (point, tokens) in points.iter().filter(|(_, tokens)| *tokens > read) {
        let written = tokens - before;
        before = *tokens;
        match details.iter_mut().find(|detail| detail.ttl == point.ttl) {
            Some(detail) => detail.input_tokens += written,
            None => details.push(CacheDetail {
                ttl: point.ttl.clone(),
                input_tokens: written,
                extra: Extra::new(),
            }),
        }
    }
    details
}

impl Reader {
    fn read(request: &ChatRequest) -> Self {
        let mut reader = Self { hash: DefaultHasher::new(), pieces: 0, points: Vec::new() };
        request.model.as_str().hash(&mut reader.hash);
        for tool in request.tool_config.iter().flat_map(|config| &config.tools) {
            match tool {
                Tool::CachePoint(point) => reader.mark(point),
                _ => reader.take(tool),
            }
        }
        for block in request.system.iter().flatten() {
            match block {
                SystemContentBlock::CachePoint(point) => reader.mark(point),
                _ => reader.take(block),
            }
        }
        // these leave tools and system prompt in the cache, and not the messages
        let choice = request.tool_config.as_ref().and_then(|config| config.tool_choice.as_ref());
        json(&choice).hash(&mut reader.hash);
        json(&request.additional_model_request_fields).hash(&mut reader.hash);
        for message in &request.messages {
            message.role.as_str().hash(&mut reader.hash);
            for block in &message.content {
                match block {
                    ContentBlock::CachePoint(point) => reader.mark(point),
                    _ => reader.take(block),
                }
            }
        }
        reader
    }

    fn mark(&mut self, point: &CachePointBlock) {
        let ttl = point.ttl.clone().unwrap_or(CacheTtl::FiveMinutes);
        self.points.push(Point { hash: self.hash.finish(), pieces: self.pieces, ttl });
    }

    fn take(&mut self, block: &impl Serialize) {
        let text = json(block);
        text.hash(&mut self.hash);
        self.pieces += super::count_pieces(&text);
    }
}

/// What cannot be written as JSON could not have come as JSON.
fn json(part: &impl Serialize) -> String {
    serde_json::to_string(part).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use bedrock_llm_schema::{Message, ToolChoice};

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
    fn settings_make_the_messages_be_read_anew_and_not_the_system_prompt() {
        let cache = PromptCache::default();
        let request = || {
            let text = Message::user("word ".repeat(2000)).with(ContentBlock::cache_point());
            ask(2000).message(text)
        };
        let first = account(&cache, &request());
        let (_, all, _) = account(&cache, &request());
        assert_eq!((first.1, all), (0, first.2));
        let changed = [
            request().tool_choice(ToolChoice::any()),
            request().additional_field("thinking", serde_json::json!({"type": "adaptive"})),
        ];
        for changed in changed {
            let (_, read, written) = account(&cache, &changed);
            assert!(read > 1024 && read < all && written > 1024, "{read} {written}");
        }
    }

    #[test]
    fn writes_are_told_by_how_long_they_live() {
        let cache = PromptCache::default();
        let hour = CachePointBlock::with_ttl(CacheTtl::OneHour);
        let request = ChatRequest::new("m").system("word ".repeat(2000)).system(hour);
        let request = request.message(Message::user("word ".repeat(2000)).with(ContentBlock::cache_point()));
        let usage = || {
            let mut usage = Usage::new(request.estimate_tokens().tokens(), 0);
            cache.account(&request, &ModelProfile::default(), &mut usage);
            usage
        };
        let first = usage();
        let lives = [CacheTtl::OneHour, CacheTtl::FiveMinutes].map(|ttl| first.cache_write_with(&ttl));
        assert!(lives.iter().all(|tokens| *tokens > 1024), "{lives:?}");
        assert_eq!(lives.iter().sum::<u64>(), first.cache_write());
        assert_eq!((usage().cache_write(), usage().cache_details), (0, None));
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
