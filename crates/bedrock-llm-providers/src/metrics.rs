//! What Bedrock counts itself, whatever the model says: headers of a response, trailer of a stream.

use bedrock_llm_schema::Usage;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The member of a stream's last chunk that holds [`InvocationMetrics`].
pub(crate) const TRAILER: &str = "amazon-bedrock-invocationMetrics";

/// What Bedrock itself counted of a call. Its serde form is the trailer of native streams.
#[serde_with::skip_serializing_none]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct InvocationMetrics {
    /// Tokens of input.
    #[serde(default, deserialize_with = "crate::json::count")]
    pub input_token_count: Option<u64>,
    /// Tokens of output.
    #[serde(default, deserialize_with = "crate::json::count")]
    pub output_token_count: Option<u64>,
    /// Tokens read from the prompt cache.
    #[serde(default, deserialize_with = "crate::json::count")]
    pub cache_read_input_token_count: Option<u64>,
    /// Tokens written to the prompt cache.
    #[serde(default, deserialize_with = "crate::json::count")]
    pub cache_write_input_token_count: Option<u64>,
    /// Milliseconds until the answer was whole.
    #[serde(default, deserialize_with = "crate::json::count")]
    pub invocation_latency: Option<u64>,
    /// Milliseconds until its first byte.
    #[serde(default, deserialize_with = "crate::json::count")]
    pub first_byte_latency: Option<u64>,
}

impl InvocationMetrics {
    /// Reads `x-amzn-bedrock-*` headers; names in lower case.
    pub fn from_headers<'a>(headers: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let mut metrics = Self::default();
        for (name, value) in headers {
            let member = match name {
                "x-amzn-bedrock-input-token-count" => &mut metrics.input_token_count,
                "x-amzn-bedrock-output-token-count" => &mut metrics.output_token_count,
                "x-amzn-bedrock-cache-read-input-token-count" => &mut metrics.cache_read_input_token_count,
                "x-amzn-bedrock-cache-write-input-token-count" => &mut metrics.cache_write_input_token_count,
                "x-amzn-bedrock-invocation-latency" => &mut metrics.invocation_latency,
                _ => continue,
            };
            *member = value.parse().ok().filter(|count| *count <= 1 << 53);
        }
        metrics
    }

    /// The headers that say the same.
    pub fn to_headers(&self) -> impl Iterator<Item = (&'static str, String)> {
        [
            ("x-amzn-bedrock-input-token-count", self.input_token_count),
            ("x-amzn-bedrock-output-token-count", self.output_token_count),
            ("x-amzn-bedrock-cache-read-input-token-count", self.cache_read_input_token_count),
            ("x-amzn-bedrock-cache-write-input-token-count", self.cache_write_input_token_count),
            ("x-amzn-bedrock-invocation-latency", self.invocation_latency),
        ]
        .into_iter()
        .filter_map(|(name, value)| Some((name, value?.to_string())))
    }

    /// Takes the trailer out of a chunk, if it is there.
    pub(crate) fn take_from(chunk: &mut serde_json::Map<String, Value>) -> Option<Self> {
        serde_json::from_value(chunk.shift_remove(TRAILER)?).ok()
    }

    /// The usage that these counts make, where the body was silent (`None`).
    pub(crate) fn fill(&self, usage: &mut Usage, input: Option<u64>, output: Option<u64>) {
        usage.input_tokens = input.or(self.input_token_count).unwrap_or(0);
        usage.output_tokens = output.or(self.output_token_count).unwrap_or(0);
        usage.cache_read_input_tokens = usage.cache_read_input_tokens.or(self.cache_read_input_token_count);
        usage.cache_write_input_tokens =
            usage.cache_write_input_tokens.or(self.cache_write_input_token_count);
        usage.total_tokens = usage.total();
    }

    /// The usage that these counts make of what the chunks of a stream counted. The trailer is what is paid, so
    /// it goes first: `message_delta` said 133 tokens and the trailer 97 in the recording 0a85ca0a0edd.
    pub(crate) fn overrule(&self, usage: &mut Usage, input: Option<u64>, output: Option<u64>) {
        let cached = [usage.cache_read_input_tokens, usage.cache_write_input_tokens];
        let whole = input.map(|input| cached.iter().flatten().fold(input, |sum, n| sum.saturating_add(*n)));
        let is_silent =
            self.cache_read_input_token_count.is_none() && self.cache_write_input_token_count.is_none();
        // where it does not tell the cache's part apart and the sum is the same, the chunks say more
        let counted = self.input_token_count.filter(|count| !(is_silent && whole == Some(*count)));
        usage.cache_read_input_tokens = self.cache_read_input_token_count.or(usage.cache_read_input_tokens);
        usage.cache_write_input_tokens =
            self.cache_write_input_token_count.or(usage.cache_write_input_tokens);
        self.fill(usage, counted.or(input), self.output_token_count.or(output));
    }
}

impl From<&Usage> for InvocationMetrics {
    fn from(usage: &Usage) -> Self {
        Self {
            input_token_count: Some(usage.input_tokens),
            output_token_count: Some(usage.output_tokens),
            cache_read_input_token_count: usage.cache_read_input_tokens,
            cache_write_input_token_count: usage.cache_write_input_tokens,
            invocation_latency: None,
            first_byte_latency: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_round_trip() {
        let metrics = InvocationMetrics {
            input_token_count: Some(7),
            invocation_latency: Some(596),
            ..Default::default()
        };
        let headers: Vec<_> = metrics.to_headers().collect();
        assert_eq!(
            InvocationMetrics::from_headers(headers.iter().map(|(name, value)| (*name, value.as_str()))),
            metrics
        );
        assert_eq!(
            InvocationMetrics::from_headers([("x-amzn-bedrock-input-token-count", "many")]),
            InvocationMetrics::default()
        );
    }

    #[test]
    fn counts_fill_in_where_the_body_is_silent() {
        let metrics = InvocationMetrics {
            input_token_count: Some(7),
            output_token_count: Some(9),
            ..Default::default()
        };
        let mut usage = Usage::default();
        metrics.fill(&mut usage, None, Some(8));
        assert_eq!((usage.input_tokens, usage.output_tokens, usage.total_tokens), (7, 8, 15));
    }

    #[test]
    fn the_trailer_goes_before_the_chunks() {
        let metrics = InvocationMetrics {
            input_token_count: Some(7),
            output_token_count: Some(9),
            ..Default::default()
        };
        let mut usage = Usage::default();
        metrics.overrule(&mut usage, Some(5), Some(8));
        assert_eq!((usage.input_tokens, usage.output_tokens, usage.total_tokens), (7, 9, 16));
        // the same sum, told more finely by the chunks
        let mut usage = Usage { cache_read_input_tokens: Some(4), ..Usage::default() };
        metrics.overrule(&mut usage, Some(3), None);
        assert_eq!((usage.input_tokens, usage.cache_read(), usage.total_tokens), (3, 4, 16));
        let metrics = InvocationMetrics { cache_read_input_token_count: Some(1), ..metrics };
        metrics.overrule(&mut usage, Some(3), None);
        assert_eq!((usage.input_tokens, usage.cache_read()), (7, 1));
        InvocationMetrics::default().overrule(&mut usage, Some(3), Some(2));
        assert_eq!((usage.input_tokens, usage.output_tokens), (3, 2));
    }
}
