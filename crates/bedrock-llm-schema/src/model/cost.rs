//! What calls cost, counted exactly.

use std::fmt;
use std::iter::Sum;
use std::ops::{Add, AddAssign};
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::{Price, PriceError, Prices, TokenPrice};
use crate::Usage;
use crate::content::CacheTtl;
use crate::request::ServiceTierType;

/// Digits after the decimal point: as many as a [`Price`] can have.
const SCALE: u32 = 19;

/// An exact amount of US dollars. Sums beyond 10^19 dollars stay there.
///
/// ```
/// use bedrock_llm_schema::model::{Catalog, Cost, ModelId};
/// use bedrock_llm_schema::Usage;
///
/// let nova = Catalog::builtin().profile(&ModelId::from("us.amazon.nova-lite-v1:0")).into_owned();
/// let cost = nova.prices.cost(&Usage::new(1_000, 500), None).unwrap_or_default();
/// assert_eq!(cost.to_string(), "0.00018");
/// assert_eq!(format!("{:.2}", cost + cost), "0.00");
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cost(u128);

impl Cost {
    fn of(tokens: u64, price: Price) -> Self {
        // a mantissa below 2^64 times 10^19 is below 2^128
        let for_one = u128::from(price.mantissa()) * 10_u128.pow(SCALE.saturating_sub(price.scale()));
        Self(for_one.saturating_mul(u128::from(tokens)))
    }
}

impl Add for Cost {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl AddAssign for Cost {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl Sum for Cost {
    fn sum<I: Iterator<Item = Self>>(costs: I) -> Self {
        costs.fold(Self::default(), Add::add)
    }
}

/// Dollars as a plain decimal: all digits, or as many after the point as the precision says, the rest cut off.
impl fmt::Display for Cost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = 10_u128.pow(SCALE);
        let fraction = format!("{:019}", self.0 % unit);
        let shown = match f.precision() {
            Some(digits) => fraction.get(..digits).unwrap_or(&fraction),
            None => fraction.trim_end_matches('0'),
        };
        write!(f, "{}", self.0 / unit)?;
        if shown.is_empty() { Ok(()) } else { write!(f, ".{shown}") }
    }
}

/// Decimal text, as prices are.
impl Serialize for Cost {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// A plain decimal such as `2.50`.
impl FromStr for Cost {
    type Err = PriceError;

    fn from_str(text: &str) -> Result<Self, PriceError> {
        let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
        let fraction: Price = format!("0.{fraction}").parse().map_err(|_| PriceError::of(text))?;
        let is_number = !whole.is_empty() && whole.bytes().all(|byte| byte.is_ascii_digit());
        let whole: u128 = whole.parse().ok().filter(|_| is_number).ok_or_else(|| PriceError::of(text))?;
        Ok(Self(whole.saturating_mul(10_u128.pow(SCALE))) + Self::of(1, fraction))
    }
}

impl<'de> Deserialize<'de> for Cost {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

impl Prices {
    /// What a call cost by these prices; `None` where the price of anything it used is not known. An answer that a
    /// client's own cache gave [again](Usage::is_replayed) costs nothing.
    ///
    /// `tier` is the one the call ran in, `None` on demand. What is cached in a tier of its own price, or in a prompt
    /// beyond a long-context threshold, has no known price. Images and audio are paid by prices of their own, which
    /// [`Usage`] does not tell: for them this is what their tokens cost.
    #[must_use]
    pub fn cost(&self, usage: &Usage, tier: Option<&ServiceTierType>) -> Option<Cost> {
        if usage.is_replayed {
            return Some(Cost::default());
        }
        let long = self.long_context.iter().rev().find(|price| usage.total_input() > price.above);
        let (tokens, caching) = match (tier, long) {
            (None | Some(ServiceTierType::Default), None) => {
                (TokenPrice { input: self.input, output: self.output }, true)
            }
            (None | Some(ServiceTierType::Default), Some(long)) => {
                (TokenPrice { input: long.input, output: long.output }, false)
            }
            (Some(ServiceTierType::Flex), None) => (self.flex, false),
            (Some(ServiceTierType::Priority), None) => (self.priority, false),
            _ => (TokenPrice::default(), false),
        };
        let cached = |price: Option<Price>| price.filter(|_| caching);
        let parts = [
            (usage.input_tokens, tokens.input),
            (usage.output_tokens, tokens.output),
            (usage.cache_read(), cached(self.cache_read)),
            (usage.cache_write_with(&CacheTtl::FiveMinutes), cached(self.cache_write)),
            (usage.cache_write_with(&CacheTtl::OneHour), cached(self.cache_write_1h)),
        ];
        let used = parts.into_iter().filter(|(tokens, _)| *tokens > 0);
        used.map(|(tokens, price)| Some(Cost::of(tokens, price?))).sum()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn prices() -> Prices {
        serde_json::from_value(json!({
            "input": "0.000003", "output": "0.000015", "cache_read": "0.0000003", "cache_write": "0.00000375",
            "flex": {"input": "0.0000015", "output": "0.0000075"},
            "long_context": [
                {"above": 1000, "input": "0.00001", "output": "0.00002"},
                {"above": 2000, "input": "0.0001", "output": "0.0002"},
            ],
        }))
        .unwrap()
    }

    fn cost(usage: &Usage, tier: Option<&ServiceTierType>) -> String {
        prices().cost(usage, tier).map_or_else(|| "unknown".to_owned(), |cost| cost.to_string())
    }

    #[test]
    fn decimals_are_read_as_they_are_written() {
        for text in ["0", "0.00018", "12.5", "10000000000.0000000000000000001"] {
            assert_eq!(text.parse::<Cost>().unwrap().to_string(), text);
        }
        assert_eq!(serde_json::from_value::<Cost>(json!("2.50")).unwrap().to_string(), "2.5");
        for text in ["", ".5", "1.", "-1", "+1", "1e3", "a", "1.2.3"] {
            assert!(text.parse::<Cost>().is_err(), "{text}");
        }
    }

    #[test]
    fn every_token_has_the_price_of_its_bucket() {
        assert_eq!(cost(&Usage::new(100, 10), None), "0.00045");
        assert_eq!(cost(&Usage::new(100, 10), Some(&ServiceTierType::Default)), "0.00045");
        assert_eq!(cost(&Usage::new(100, 10), Some(&ServiceTierType::Flex)), "0.000225");
        assert_eq!(cost(&Usage::new(1001, 10), None), "0.01021");
        assert_eq!(cost(&Usage::new(2001, 10), None), "0.2021");
        assert_eq!(cost(&Usage::default(), None), "0");
        let cached = Usage {
            cache_read_input_tokens: Some(100),
            cache_write_input_tokens: Some(100),
            ..Usage::new(100, 10)
        };
        assert_eq!(cost(&cached, None), "0.000855");
    }

    #[test]
    fn what_has_no_known_price_makes_the_cost_unknown() {
        assert_eq!(cost(&Usage::new(100, 10), Some(&ServiceTierType::Priority)), "unknown");
        assert_eq!(cost(&Usage::new(100, 10), Some(&ServiceTierType::Reserved)), "unknown");
        assert_eq!(cost(&Usage::new(1001, 10), Some(&ServiceTierType::Flex)), "unknown");
        let cached = Usage { cache_read_input_tokens: Some(1), ..Usage::new(1001, 10) };
        assert_eq!(cost(&cached, None), "unknown");
        assert_eq!(Prices::default().cost(&Usage::new(1, 0), None), None);
        let hour = json!({"inputTokens": 1, "outputTokens": 1, "totalTokens": 3, "cacheWriteInputTokens": 1,
            "cacheDetails": [{"ttl": "1h", "inputTokens": 1}]});
        assert_eq!(cost(&serde_json::from_value(hour).unwrap(), None), "unknown");
    }

    #[test]
    fn an_answer_that_was_paid_before_costs_nothing() {
        let replayed = Usage { is_replayed: true, ..Usage::new(100, 10) };
        assert_eq!(Prices::default().cost(&replayed, None), Some(Cost::default()));
    }

    #[test]
    fn sums_are_exact_and_stay_in_their_range() {
        let cost = Cost::of(3, "0.1".parse().unwrap());
        assert_eq!((cost + cost).to_string(), "0.6");
        assert_eq!([cost; 10].into_iter().sum::<Cost>().to_string(), "3");
        assert_eq!(
            format!("{cost:.2} {cost:.0} {:.3}", Cost::of(1, "12.3456".parse().unwrap())),
            "0.30 0 12.345"
        );
        assert_eq!(serde_json::to_string(&cost).unwrap(), "\"0.3\"");
        let most = Cost::of(u64::MAX, "18446744073709551615".parse().unwrap());
        assert_eq!(most + most, most);
    }
}
