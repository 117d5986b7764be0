//! Prices, kept as exact decimals: money does not pass through a float.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// An exact, non-negative amount of US dollars for one unit: one token, image, audio token or query.
///
/// It is `mantissa / 10^scale`. Its serde form is decimal text; a number is read too, by its shortest decimal form.
///
/// ```
/// use bedrock_llm_schema::model::Price;
///
/// let price: Price = "0.0000033".parse()?;
/// assert_eq!((price.mantissa(), price.scale()), (33, 7));
/// assert_eq!(price.to_string(), "0.0000033");
/// # Ok::<(), bedrock_llm_schema::model::PriceError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Price {
    // Without trailing zeros, so that equal amounts are equal values.
    mantissa: u64,
    scale: u8,
}

/// The text is not a plain decimal such as `0.000003`, or has more digits than a [`Price`] holds.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a price, write US dollars for one unit as a plain decimal such as \"0.000003\"")]
pub struct PriceError(String);

impl PriceError {
    pub(super) fn of(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl Price {
    /// One US cent.
    pub const CENT: Self = Self { mantissa: 1, scale: 2 };

    /// Its digits as a whole number.
    #[must_use]
    pub fn mantissa(self) -> u64 {
        self.mantissa
    }

    /// How many of the digits stand after the decimal point.
    #[must_use]
    pub fn scale(self) -> u32 {
        u32::from(self.scale)
    }
}

impl FromStr for Price {
    type Err = PriceError;

    fn from_str(text: &str) -> Result<Self, PriceError> {
        let error = || PriceError(text.to_owned());
        let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
        let fraction_digits = fraction.trim_end_matches('0');
        let all_digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        if !all_digits(whole) || !all_digits(fraction) {
            return Err(error());
        }
        Ok(Self {
            mantissa: format!("{whole}{fraction_digits}").parse().map_err(|_| error())?,
            // Nineteen digits after the point are more than any price has.
            scale: u8::try_from(fraction_digits.len()).ok().filter(|scale| *scale <= 19).ok_or_else(error)?,
        })
    }
}

impl fmt::Display for Price {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scale = usize::from(self.scale);
        let digits = format!("{:0width$}", self.mantissa, width = scale + 1);
        match digits.split_at(digits.len() - scale) {
            (whole, "") => f.pad(whole),
            (whole, fraction) => f.pad(&format!("{whole}.{fraction}")),
        }
    }
}

impl Serialize for Price {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Price {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;

        impl de::Visitor<'_> for Visitor {
            type Value = Price;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a price in US dollars for one unit, such as \"0.000003\"")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Price, E> {
                text.parse().map_err(E::custom)
            }

            // Rust prints a float's shortest digits, without an exponent: what the user wrote.
            fn visit_f64<E: de::Error>(self, number: f64) -> Result<Price, E> {
                self.visit_str(&number.to_string())
            }

            fn visit_u64<E: de::Error>(self, number: u64) -> Result<Price, E> {
                self.visit_str(&number.to_string())
            }

            fn visit_i64<E: de::Error>(self, number: i64) -> Result<Price, E> {
                self.visit_str(&number.to_string())
            }
        }

        deserializer.deserialize_any(Visitor)
    }
}

/// What a model costs, in US dollars. `None` is unknown, never free.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Prices {
    /// For one input token, on demand.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub input: Option<Price>,
    /// For one output token, on demand.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output: Option<Price>,
    /// For one token read from the prompt cache.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache_read: Option<Price>,
    /// For one token written to the prompt cache for five minutes, the default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache_write: Option<Price>,
    /// For one token written to the prompt cache for an hour.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache_write_1h: Option<Price>,
    /// Tokens in batch inference jobs.
    #[serde(skip_serializing_if = "TokenPrice::is_unknown")]
    pub batch: TokenPrice,
    /// Tokens in the `flex` service tier.
    #[serde(skip_serializing_if = "TokenPrice::is_unknown")]
    pub flex: TokenPrice,
    /// Tokens in the `priority` service tier.
    #[serde(skip_serializing_if = "TokenPrice::is_unknown")]
    pub priority: TokenPrice,
    /// On-demand prices of long prompts, by ascending threshold.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub long_context: Vec<LongContextPrice>,
    /// For one image in the input.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub input_image: Option<Price>,
    /// For one image made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output_image: Option<Price>,
    /// For one audio token in the input.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub input_audio: Option<Price>,
    /// For one audio token in the output.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output_audio: Option<Price>,
    /// For one query, as rerankers are priced.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub query: Option<Price>,
}

/// What one token costs in some way of running a model. `None` is unknown, never free.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TokenPrice {
    /// US dollars for one input token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub input: Option<Price>,
    /// US dollars for one output token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output: Option<Price>,
}

impl TokenPrice {
    fn is_unknown(&self) -> bool {
        *self == Self::default()
    }

    fn overlay(&mut self, over: Self) {
        self.input = over.input.or(self.input);
        self.output = over.output.or(self.output);
    }
}

/// The prices of a request whose input is long: they hold for all of its tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LongContextPrice {
    /// The price holds for requests with more input tokens than this.
    pub above: u64,
    /// US dollars for one input token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input: Option<Price>,
    /// US dollars for one output token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<Price>,
}

impl Prices {
    pub(super) fn is_unknown(&self) -> bool {
        *self == Self::default()
    }

    pub(super) fn overlay(&mut self, over: Self) {
        super::profile::overlay_set!(self, over: input, output, cache_read, cache_write, cache_write_1h,
            input_image, output_image, input_audio, output_audio, query);
        self.batch.overlay(over.batch);
        self.flex.overlay(over.flex);
        self.priority.overlay(over.priority);
        // Thresholds belong together: a new list replaces the old one.
        if !over.long_context.is_empty() {
            self.long_context = over.long_context;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_and_writes_plain_decimals_exactly() {
        for (text, shown) in [
            ("0.0000033", "0.0000033"),
            ("3", "3"),
            ("3.00", "3"),
            ("0", "0"),
            ("0.00", "0"),
            ("12.5", "12.5"),
            ("100", "100"),
            ("0007.10", "7.1"),
        ] {
            assert_eq!(text.parse::<Price>().unwrap().to_string(), shown, "{text}");
        }
        assert_eq!("0.10".parse::<Price>(), "0.1".parse::<Price>());
    }

    #[test]
    fn refuses_what_is_no_plain_decimal() {
        for text in [
            "",
            ".",
            ".5",
            "5.",
            "-1",
            "+1",
            "1e-6",
            "1,5",
            "NaN",
            "99999999999999999999",
            "0.00000000000000000001",
        ] {
            assert!(text.parse::<Price>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_number_is_read_by_its_shortest_digits() {
        let prices: Prices = toml::from_str("input = 3e-6\noutput = 0.0000151\nquery = 2").unwrap();
        assert_eq!(prices.input.unwrap().to_string(), "0.000003");
        assert_eq!(prices.output.unwrap().to_string(), "0.0000151");
        assert_eq!(prices.query.unwrap().to_string(), "2");
        assert!(toml::from_str::<Prices>("input = -1").is_err());
    }
}
