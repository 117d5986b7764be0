//! [`CacheReport`]: what the prompt cache brought in one call.

use super::{MIN_TOKENS, count_points};
use crate::model::Catalog;
use crate::tokens::{Prompt, Weights};
use crate::{CacheTtl, ChangeKind, ChatRequest, ChatResponse, Role, Usage};

/// What the prompt cache brought in one call.
///
/// ```
/// use bedrock_llm_schema::{CacheReport, CacheVerdict, ChatRequest, ContentBlock, Message, Usage};
///
/// let message = Message::user("a long document").with(ContentBlock::cache_point()).with("Sum it up.");
/// let request = ChatRequest::new("us.amazon.nova-lite-v1:0").message(message);
/// let usage: Usage = serde_json::from_str(
///     r#"{"inputTokens": 22, "outputTokens": 13, "totalTokens": 2527, "cacheReadInputTokens": 2492}"#,
/// )?;
/// let report = CacheReport::of(&request, &usage);
/// assert_eq!(report.verdict, CacheVerdict::Hit);
/// assert_eq!((report.read, report.uncached), (2492, 22));
/// assert!(report.hit_ratio() > 0.99);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[non_exhaustive]
pub struct CacheReport {
    /// How many cache points the request had.
    pub points: usize,
    /// Tokens read from the cache.
    pub read: u64,
    /// Tokens written to the cache.
    pub written: u64,
    /// Of these, what lives for five minutes.
    pub written_for_five_minutes: u64,
    /// Of these, what lives for an hour.
    pub written_for_one_hour: u64,
    /// Input tokens that the cache had no part in.
    pub uncached: u64,
    /// What to make of it.
    pub verdict: CacheVerdict,
}

/// What to make of a call's cache tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum CacheVerdict {
    /// Something was read; some models do so without cache points.
    Hit,
    /// The request has no cache points.
    NoCachePoints,
    /// Something was written and nothing read, as is right for the first call of a conversation, and for the one in
    /// which it first grew to what the model wants before a cache point.
    Written,
    /// Something was written and nothing read, though the request continues a conversation whose call before should
    /// have written: up to its last answer it has, by an estimate, as many tokens as the model wants (1,024 where
    /// [`Catalog::builtin`] does not know). Its entry is gone, or the beginning has changed, which
    /// [`first_difference`](super::first_difference) explains.
    Missed,
    /// There are cache points, but nothing was read or written: there are fewer tokens before them than the model
    /// wants, or the model ignores them.
    BelowMinimum,
}

impl CacheReport {
    /// Reads the report off a request and what its call used.
    #[must_use]
    pub fn of(request: &ChatRequest, usage: &Usage) -> Self {
        Self::with_points(count_points(request), request, usage)
    }

    fn with_points(points: usize, request: &ChatRequest, usage: &Usage) -> Self {
        let (read, written) = (usage.cache_read(), usage.cache_write());
        let verdict = match (points, written) {
            _ if read > 0 => CacheVerdict::Hit,
            (0, _) => CacheVerdict::NoCachePoints,
            (_, 0) => CacheVerdict::BelowMinimum,
            _ if has_written_before(request) => CacheVerdict::Missed,
            _ => CacheVerdict::Written,
        };
        Self {
            points,
            read,
            written,
            written_for_five_minutes: usage.cache_write_with(&CacheTtl::FiveMinutes),
            written_for_one_hour: usage.cache_write_with(&CacheTtl::OneHour),
            uncached: usage.input_tokens,
            verdict,
        }
    }

    /// The share of all input that was read from the cache, 0 to 1; 0 where there was no input.
    #[must_use]
    pub fn hit_ratio(&self) -> f64 {
        match self.read.saturating_add(self.written).saturating_add(self.uncached) {
            0 => 0.0,
            all => self.read as f64 / all as f64,
        }
    }
}

impl ChatResponse {
    /// What the prompt cache brought in the call that gave this answer to `request`. Cache points that a
    /// [`CachePlan`](crate::CachePlan) placed on the request's way are counted too.
    #[must_use]
    pub fn cache_report(&self, request: &ChatRequest) -> CacheReport {
        let placed = self.changes.iter().filter(|change| change.kind == ChangeKind::Added).count();
        CacheReport::with_points(count_points(request) + placed, request, &self.usage)
    }
}

/// Whether a call before this one must have left something to read: a turn follows an answer, and what came before the
/// answer was enough for a cache point.
fn has_written_before(request: &ChatRequest) -> bool {
    let messages = &request.messages;
    let Some((_, asked)) = messages.split_last() else { return false };
    let Some(answer) = asked.iter().rposition(|message| message.role == Role::Assistant) else {
        return false;
    };
    let before = asked.get(..answer).unwrap_or_default();
    let tokens = Weights::of(&request.model).prompt(&Prompt { messages: before, ..Prompt::of(request) });
    let known = Catalog::builtin().profile(&request.model).cache.min_tokens;
    tokens >= known.unwrap_or(MIN_TOKENS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ContentBlock, Message};

    fn usage(input: u64, read: u64, written: u64) -> Usage {
        Usage {
            cache_read_input_tokens: Some(read),
            cache_write_input_tokens: Some(written),
            ..Usage::new(input, 5)
        }
    }

    #[test]
    fn verdicts() {
        let point = || Message::user("long ".repeat(1200)).with(ContentBlock::cache_point());
        let none = ChatRequest::new("m").message("short");
        let first = ChatRequest::new("m").message(point());
        let later = first.clone().message(Message::assistant("yes")).message(point());
        let grown = ChatRequest::new("m").message("a").message(Message::assistant("b")).message(point());
        let answered = first.clone().message(Message::assistant("a prefill"));
        for (request, usage, verdict) in [
            (&none, usage(9, 0, 0), CacheVerdict::NoCachePoints),
            (&none, Usage::new(9, 1), CacheVerdict::NoCachePoints),
            (&none, usage(9, 2000, 0), CacheVerdict::Hit),
            (&first, usage(9, 0, 2000), CacheVerdict::Written),
            (&first, usage(9, 0, 0), CacheVerdict::BelowMinimum),
            (&later, usage(9, 0, 2000), CacheVerdict::Missed),
            (&later, usage(9, 0, 0), CacheVerdict::BelowMinimum),
            (&later, usage(9, 1500, 500), CacheVerdict::Hit),
            // the third turn is the first that makes it long enough
            (&grown, usage(9, 0, 2000), CacheVerdict::Written),
            (&answered, usage(9, 0, 2000), CacheVerdict::Written),
        ] {
            assert_eq!(CacheReport::of(request, &usage).verdict, verdict, "{request:?} {usage:?}");
        }
    }

    #[test]
    fn the_ratio_is_over_all_input() {
        let request = ChatRequest::new("m");
        let report = CacheReport::of(&request, &usage(50, 100, 50));
        assert!((report.hit_ratio() - 0.5).abs() < 1e-9);
        assert_eq!((report.written_for_five_minutes, report.written_for_one_hour), (50, 0));
        assert!(CacheReport::of(&request, &Usage::default()).hit_ratio().abs() < 1e-9);
    }
}
