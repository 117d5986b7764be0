//! What a call used, as the service reports it.

use std::ops::AddAssign;

use crate::content::CacheTtl;
use crate::wire::wire_struct;

wire_struct! {
    /// Tokens by bucket, as the service reports them. The buckets are disjoint: `input_tokens` does not count
    /// what was read from or written to the prompt cache. Totals are derived here and nowhere else.
    #[derive(Default)]
    pub struct Usage {
        /// Input that the cache had no part in.
        #[serde(default, deserialize_with = "crate::wire::count")]
        pub input_tokens: u64,
        /// Output, reasoning included.
        #[serde(default, deserialize_with = "crate::wire::count")]
        pub output_tokens: u64,
        /// The service's own sum. [`total`](Self::total) derives ours.
        #[serde(default, deserialize_with = "crate::wire::count")]
        pub total_tokens: u64,
        /// Input read from the prompt cache.
        #[serde(default, deserialize_with = "crate::wire::optional_count")]
        pub cache_read_input_tokens: Option<u64>,
        /// Input written to the prompt cache.
        #[serde(default, deserialize_with = "crate::wire::optional_count")]
        pub cache_write_input_tokens: Option<u64>,
        /// The cache writes by how long they live.
        pub cache_details: Option<Vec<CacheDetail>>,
        /// Whether the answer came from a client's own cache of answers: these tokens were paid before and are not
        /// paid again. Not the service's; never on the wire.
        #[serde(skip)]
        pub is_replayed: bool,
    }

    /// Cache writes of one life.
    pub struct CacheDetail {
        /// How long they live.
        pub ttl: CacheTtl,
        /// Tokens written.
        #[serde(default, deserialize_with = "crate::wire::count")]
        pub input_tokens: u64,
    }
}

impl Usage {
    /// Usage without caching.
    #[must_use]
    pub fn new(input_tokens: u64, output_tokens: u64) -> Self {
        let total_tokens = input_tokens.saturating_add(output_tokens);
        Self { input_tokens, output_tokens, total_tokens, ..Self::default() }
    }

    /// Input read from the prompt cache; 0 where the service is silent.
    #[must_use]
    pub fn cache_read(&self) -> u64 {
        self.cache_read_input_tokens.unwrap_or(0)
    }

    /// Input written to the prompt cache; 0 where the service is silent.
    #[must_use]
    pub fn cache_write(&self) -> u64 {
        self.cache_write_input_tokens.unwrap_or(0)
    }

    /// Input written to the prompt cache with this life. Writes whose life the service does not tell count
    /// as five minutes, its default.
    #[must_use]
    pub fn cache_write_with(&self, ttl: &CacheTtl) -> u64 {
        let details = self.cache_details.as_deref().unwrap_or_default();
        let sum = |only: Option<&CacheTtl>| {
            let wanted = details.iter().filter(|detail| only.is_none_or(|ttl| detail.ttl == *ttl));
            wanted.fold(0_u64, |sum, detail| sum.saturating_add(detail.input_tokens))
        };
        match ttl {
            CacheTtl::FiveMinutes => {
                sum(Some(ttl)).saturating_add(self.cache_write().saturating_sub(sum(None)))
            }
            _ => sum(Some(ttl)),
        }
    }

    /// All input, cached or not.
    #[must_use]
    pub fn total_input(&self) -> u64 {
        self.input_tokens.saturating_add(self.cache_read()).saturating_add(self.cache_write())
    }

    /// All tokens.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.total_input().saturating_add(self.output_tokens)
    }
}

/// Several calls together: each bucket is the sum. What a cache answered again is not paid again, so that the whole is
/// [replayed](Usage::is_replayed) only where the parts are.
impl AddAssign<&Usage> for Usage {
    fn add_assign(&mut self, other: &Usage) {
        let sum = |one: Option<u64>, other: Option<u64>| match (one, other) {
            (Some(one), Some(other)) => Some(one.saturating_add(other)),
            (one, other) => one.or(other),
        };
        self.input_tokens = self.input_tokens.saturating_add(other.input_tokens);
        self.output_tokens = self.output_tokens.saturating_add(other.output_tokens);
        self.total_tokens = self.total_tokens.saturating_add(other.total_tokens);
        self.cache_read_input_tokens = sum(self.cache_read_input_tokens, other.cache_read_input_tokens);
        self.cache_write_input_tokens = sum(self.cache_write_input_tokens, other.cache_write_input_tokens);
        for detail in other.cache_details.iter().flatten() {
            let details = self.cache_details.get_or_insert_default();
            match details.iter_mut().find(|known| known.ttl == detail.ttl) {
                Some(known) => known.input_tokens = known.input_tokens.saturating_add(detail.input_tokens),
                None => details.push(detail.clone()),
            }
        }
        self.is_replayed = self.is_replayed && other.is_replayed;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn totals_come_from_disjoint_buckets() {
        let usage: Usage = serde_json::from_value(serde_json::json!({
            "inputTokens": 3, "outputTokens": 44, "totalTokens": 11514, "cacheReadInputTokens": 9511,
            "cacheWriteInputTokens": 1956, "cacheDetails": [{"ttl": "1h", "inputTokens": 956}]
        }))
        .unwrap();
        assert_eq!((usage.total_input(), usage.total()), (11470, 11514));
        assert_eq!(usage.cache_write_with(&CacheTtl::OneHour), 956);
        assert_eq!(usage.cache_write_with(&CacheTtl::FiveMinutes), 1000);
        assert_eq!(Usage::new(1, 2).total(), 3);
    }

    #[test]
    fn several_calls_are_added_bucket_by_bucket() {
        let one: Usage = serde_json::from_value(serde_json::json!({
            "inputTokens": 3, "outputTokens": 4, "totalTokens": 17, "cacheWriteInputTokens": 10,
            "cacheDetails": [{"ttl": "1h", "inputTokens": 10}]
        }))
        .unwrap();
        let mut sum = Usage::new(1, 1);
        sum += &one;
        sum += &one;
        assert_eq!((sum.input_tokens, sum.output_tokens, sum.total_tokens), (7, 9, 36));
        assert_eq!((sum.cache_read_input_tokens, sum.cache_write(), sum.total()), (None, 20, 36));
        assert_eq!(sum.cache_write_with(&CacheTtl::OneHour), 20);
        let mut replayed = Usage { is_replayed: true, ..one.clone() };
        replayed += &Usage { is_replayed: true, ..one.clone() };
        assert!(replayed.is_replayed);
        replayed += &one;
        assert!(!replayed.is_replayed);
    }
}
