//! Where prompt caches are warm, and whether a warm one is worth a wait.

use std::hash::{DefaultHasher, Hasher as _};
use std::io::{self, Write};
use std::time::Duration;

use bedrock_llm_schema::model::{Price, Prices};
use bedrock_llm_schema::{CacheTtl, ChatRequest, Usage};
use moka::sync::Cache;
use serde::Serialize;
use tokio::time::Instant;

use super::fence::Place;

/// The beginnings of conversations that places have in their prompt cache, as usage told.
#[derive(Debug)]
pub(super) struct Warmth {
    seen: Cache<(u64, Place), Warm>,
}

/// A warm beginning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Warm {
    /// How many tokens the cache gave or took.
    tokens: u64,
    ttl: Duration,
    until: Instant,
}

/// How many beginnings are remembered; those least asked for go first.
const MOST: u64 = 10_000;

const FIVE_MINUTES: Duration = Duration::from_secs(300);
const HOUR: Duration = Duration::from_secs(3600);

impl Default for Warmth {
    fn default() -> Self {
        Self { seen: Cache::builder().max_capacity(MOST).time_to_live(HOUR).build() }
    }
}

impl Warmth {
    /// Takes note of what a call used. A read renews an entry's life, whose length only a write tells.
    pub(super) fn note(&self, chat: &ChatRequest, place: &Place, usage: &Usage) {
        let tokens = usage.cache_read().saturating_add(usage.cache_write());
        if tokens == 0 || usage.is_replayed {
            return;
        }
        let key = (fingerprint(chat), place.clone());
        let ttl = if usage.cache_write_with(&CacheTtl::OneHour) > 0 {
            HOUR
        } else {
            self.seen.get(&key).map_or(FIVE_MINUTES, |before| before.ttl)
        };
        self.seen.insert(key, Warm { tokens, ttl, until: Instant::now() + ttl });
    }

    /// What a place has of this conversation after a wait.
    pub(super) fn after(&self, wait: Duration, chat: &ChatRequest, place: &Place) -> Option<Warm> {
        let warm = self.seen.get(&(fingerprint(chat), place.clone()))?;
        (Instant::now().checked_add(wait)? < warm.until).then_some(warm)
    }
}

impl Warm {
    /// Whether to wait: whether the wait costs no more than it costs to write the prefix anew rather than to read it,
    /// at this model's prices. Where a price is not known, it does not.
    pub(super) fn is_worth(self, wait: Duration, prices: &Prices, second: Price) -> bool {
        let write = match self.ttl {
            HOUR => prices.cache_write_1h.or(prices.cache_write),
            _ => prices.cache_write,
        };
        let (Some(write), Some(read)) = (write, prices.cache_read) else { return false };
        let more = pico(write).saturating_sub(pico(read)).saturating_mul(u128::from(self.tokens));
        let waiting = pico(second).saturating_mul(wait.as_millis()) / 1000;
        waiting <= more
    }
}

/// An amount in millionths of a millionth of a dollar.
fn pico(price: Price) -> u128 {
    const DIGITS: u32 = 12;
    let mantissa = u128::from(price.mantissa());
    match price.scale() {
        scale if scale <= DIGITS => mantissa.saturating_mul(10_u128.pow(DIGITS - scale)),
        scale => mantissa / 10_u128.pow(scale - DIGITS),
    }
}

/// What tells one conversation from another: its tools, its system prompt and its first turn, of which later calls
/// share all, so far as the first 64 KiB of their JSON go.
fn fingerprint(chat: &ChatRequest) -> u64 {
    let mut hash = Begin { hash: DefaultHasher::new(), left: 64 * 1024 };
    let parts = (&chat.tool_config, &chat.system, chat.messages.first());
    // ends early where the beginning is long
    let _ = parts.serialize(&mut serde_json::Serializer::new(&mut hash));
    hash.hash.finish()
}

/// Hashes the beginning of what is written to it, and refuses the rest.
struct Begin {
    hash: DefaultHasher,
    left: usize,
}

impl Write for Begin {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = bytes.get(..self.left).unwrap_or(bytes);
        if taken.is_empty() && !bytes.is_empty() {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.hash.write(taken);
        self.left -= taken.len();
        Ok(taken.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prices(read: &str, write: &str, hour: Option<&str>) -> Prices {
        let mut prices = Prices::default();
        prices.cache_read = Some(read.parse().unwrap());
        prices.cache_write = Some(write.parse().unwrap());
        prices.cache_write_1h = hour.map(|price| price.parse().unwrap());
        prices
    }

    fn warm(tokens: u64, ttl: Duration) -> Warm {
        Warm { tokens, ttl, until: Instant::now() }
    }

    #[test]
    fn a_wait_is_weighed_against_writing_the_cache_anew() {
        let cent = "0.01".parse().unwrap();
        // 10,000 tokens × $3.45 a million = $0.0345, which is 3.45 s at a cent a second
        let sonnet = prices("0.0000003", "0.00000375", Some("0.000006"));
        for (tokens, ttl, wait, is_worth) in [
            (10_000, FIVE_MINUTES, 3450, true),
            (10_000, FIVE_MINUTES, 3451, false),
            (10_000, HOUR, 5700, true),
            (10_000, HOUR, 5701, false),
            (0, FIVE_MINUTES, 1, false),
            (u64::MAX, FIVE_MINUTES, 1_000_000_000_000, true),
            (10_000, FIVE_MINUTES, u64::MAX, false),
        ] {
            let wait = Duration::from_millis(wait);
            assert_eq!(warm(tokens, ttl).is_worth(wait, &sonnet, cent), is_worth, "{tokens} {wait:?}");
        }
        assert!(!warm(10_000, HOUR).is_worth(Duration::from_secs(1), &Prices::default(), cent));
        // reading costs as much as writing: nothing is lost by going
        assert!(!warm(10_000, HOUR).is_worth(Duration::from_secs(1), &prices("1", "1", None), cent));
    }

    #[test]
    fn a_conversation_is_told_by_its_beginning() {
        let first = ChatRequest::new("m").system("s").message("a");
        let later = first.clone().message(bedrock_llm_schema::Message::assistant("b")).message("c");
        assert_eq!(fingerprint(&first), fingerprint(&later));
        assert_ne!(fingerprint(&first), fingerprint(&ChatRequest::new("m").system("s").message("b")));
        let long = "x".repeat(100_000);
        let of = |end: &str| fingerprint(&ChatRequest::new("m").system(format!("{long}{end}")));
        assert_eq!(of("1"), of("2"), "only the beginning counts");
    }
}
