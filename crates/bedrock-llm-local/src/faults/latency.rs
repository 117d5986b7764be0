//! How long something takes: always the same, or by a distribution.

use std::f64::consts::TAU;
use std::fmt;
use std::time::Duration;

use serde::de::value::MapAccessDeserializer;
use serde::de::{self, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::draw::Draw;

/// The 99th percentile of the standard normal distribution.
const Z99: f64 = 2.326_347_874_040_841;

/// How long something takes. In a plan it is a duration, `"250ms"`, or a table with one of these pairs of keys:
///
/// ```
/// use std::time::Duration;
/// use bedrock_llm_local::Latency;
///
/// let read = |json: &str| serde_json::from_str::<Latency>(json).unwrap();
/// assert_eq!(read(r#""250ms""#), Latency::Fixed(Duration::from_millis(250)));
/// let (min, max) = (Duration::from_millis(100), Duration::from_secs(2));
/// assert_eq!(read(r#"{"min": "100ms", "max": "2s"}"#), Latency::Uniform { min, max });
/// assert_eq!(read(r#"{"mean": "100ms"}"#), Latency::Exponential { mean: min });
/// assert_eq!(read(r#"{"p50": "100ms", "p99": "2s"}"#), Latency::LogNormal { p50: min, p99: max });
/// ```
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Latency {
    /// Always this long.
    Fixed(Duration),
    /// Between these two, every length as likely as the other.
    Uniform {
        /// The shortest.
        min: Duration,
        /// The longest; not less than `min`.
        max: Duration,
    },
    /// Exponential: mostly short, seldom many times the mean, as gaps between independent events are.
    Exponential {
        /// The mean; more than 0. One in a hundred takes more than 4.6 times as long.
        mean: Duration,
    },
    /// Log-normal: a hump and a long tail, as answer times of services have it.
    LogNormal {
        /// What half of them stay below; more than 0.
        p50: Duration,
        /// What 99 of 100 stay below; not less than `p50`.
        p99: Duration,
    },
}

impl Latency {
    /// What is wrong with it, if anything is.
    pub(super) fn check(&self) -> Result<(), String> {
        match self {
            Self::Uniform { min, max } if min > max => Err("min must not be more than max".to_owned()),
            Self::Exponential { mean } if mean.is_zero() => Err("mean must be more than 0".to_owned()),
            Self::LogNormal { p50, .. } if p50.is_zero() => Err("p50 must be more than 0".to_owned()),
            Self::LogNormal { p50, p99 } if p50 > p99 => Err("p50 must not be more than p99".to_owned()),
            _ => Ok(()),
        }
    }

    pub(super) fn draw(&self, draw: &mut Draw) -> Duration {
        let seconds = match self {
            Self::Fixed(duration) => return *duration,
            Self::Uniform { min, max } => {
                min.as_secs_f64() + (max.as_secs_f64() - min.as_secs_f64()) * draw.unit()
            }
            Self::Exponential { mean } => -mean.as_secs_f64() * (1.0 - draw.unit()).ln(),
            Self::LogNormal { p50, p99 } => {
                // a standard normal number by Box and Muller
                let normal = (-2.0 * (1.0 - draw.unit()).ln()).sqrt() * (TAU * draw.unit()).cos();
                p50.as_secs_f64() * (p99.as_secs_f64() / p50.as_secs_f64()).powf(normal / Z99)
            }
        };
        Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX)
    }
}

/// Always this long.
impl From<Duration> for Latency {
    fn from(duration: Duration) -> Self {
        Self::Fixed(duration)
    }
}

#[derive(Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Table {
    #[serde(skip_serializing_if = "Option::is_none")]
    min: Option<Humane>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max: Option<Humane>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mean: Option<Humane>,
    #[serde(skip_serializing_if = "Option::is_none")]
    p50: Option<Humane>,
    #[serde(skip_serializing_if = "Option::is_none")]
    p99: Option<Humane>,
}

/// A duration as people write it.
struct Humane(Duration);

impl Humane {
    fn parse<E: de::Error>(text: &str) -> Result<Self, E> {
        humantime::parse_duration(text).map(Self).map_err(|_| {
            E::custom(format_args!("{text:?} is not a duration, write it as \"250ms\" or \"2s\""))
        })
    }
}

impl Serialize for Humane {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&humantime::format_duration(self.0))
    }
}

impl<'de> Deserialize<'de> for Humane {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(deserializer)?)
    }
}

impl Serialize for Latency {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let some = |duration: &Duration| Some(Humane(*duration));
        let none = Table::default();
        match self {
            Self::Fixed(duration) => return Humane(*duration).serialize(serializer),
            Self::Uniform { min, max } => Table { min: some(min), max: some(max), ..none },
            Self::Exponential { mean } => Table { mean: some(mean), ..none },
            Self::LogNormal { p50, p99 } => Table { p50: some(p50), p99: some(p99), ..none },
        }
        .serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Latency {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Reader)
    }
}

struct Reader;

impl<'de> Visitor<'de> for Reader {
    type Value = Latency;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a duration such as \"250ms\", or a table of min and max, mean, or p50 and p99")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Latency, E> {
        Humane::parse(text).map(|Humane(duration)| Latency::Fixed(duration))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Latency, A::Error> {
        match Table::deserialize(MapAccessDeserializer::new(map))? {
            Table { min: Some(Humane(min)), max: Some(Humane(max)), mean: None, p50: None, p99: None } => {
                Ok(Latency::Uniform { min, max })
            }
            Table { mean: Some(Humane(mean)), min: None, max: None, p50: None, p99: None } => {
                Ok(Latency::Exponential { mean })
            }
            Table { p50: Some(Humane(p50)), p99: Some(Humane(p99)), min: None, max: None, mean: None } => {
                Ok(Latency::LogNormal { p50, p99 })
            }
            _ => Err(de::Error::custom("expected min and max, or mean, or p50 and p99")),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const MS: fn(u64) -> Duration = Duration::from_millis;

    fn drawn(latency: &Latency) -> Vec<Duration> {
        let mut drawn: Vec<_> =
            (0..20_000).map(|number| latency.draw(&mut Draw::new(1, 0, number))).collect();
        drawn.sort_unstable();
        drawn
    }

    fn is_near(got: Duration, wanted: f64) -> bool {
        (got.as_secs_f64() / wanted - 1.0).abs() < 0.1
    }

    #[test]
    fn draws_have_the_distribution_that_is_named() {
        assert!(drawn(&Latency::Fixed(MS(5))).iter().all(|drawn| *drawn == MS(5)));
        let uniform = drawn(&Latency::Uniform { min: MS(100), max: MS(300) });
        assert!(uniform[0] >= MS(100) && uniform[19_999] <= MS(300) && is_near(uniform[10_000], 0.2));
        let exponential = drawn(&Latency::Exponential { mean: MS(100) });
        assert!(
            is_near(exponential[10_000], 0.1 * 2_f64.ln())
                && is_near(exponential[19_800], 0.1 * 100_f64.ln())
        );
        let log_normal = drawn(&Latency::LogNormal { p50: MS(200), p99: MS(3000) });
        assert!(is_near(log_normal[10_000], 0.2) && is_near(log_normal[19_800], 3.0));
    }

    #[test]
    fn forms_are_read_as_they_are_written() {
        for form in [
            json!("1m 5s"),
            json!({"min": "0s", "max": "1s"}),
            json!({"mean": "30ms"}),
            json!({"p50": "30ms", "p99": "1s"}),
        ] {
            let latency: Latency = serde_json::from_value(form.clone()).unwrap();
            assert_eq!(serde_json::to_value(&latency).unwrap(), form);
            assert_eq!(latency.check(), Ok(()));
        }
        for (form, word) in [
            (json!("soon"), "not a duration"),
            (json!(5), "a duration such as"),
            (json!({"min": "1s"}), "expected min and max"),
            (json!({"mean": "1s", "p50": "1s"}), "expected min and max"),
            (json!({"mode": "1s"}), "unknown field `mode`"),
        ] {
            let error = serde_json::from_value::<Latency>(form).unwrap_err().to_string();
            assert!(error.contains(word), "{error}");
        }
        assert!(Latency::Uniform { min: MS(2), max: MS(1) }.check().is_err());
        assert!(Latency::Exponential { mean: MS(0) }.check().is_err());
        assert!(Latency::LogNormal { p50: MS(2), p99: MS(1) }.check().is_err());
        assert!(Latency::LogNormal { p50: MS(0), p99: MS(1) }.check().is_err());
    }
}
