//! A member of a native request that means what we know, or is kept as it came.

use bedrock_llm_schema::wire::Extra;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

/// A setting as the body has it: a value of the type it should be of, or whatever else stands there (null,
/// a number out of range, …), which then travels on raw.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub(crate) enum Setting<T> {
    Known(T),
    Raw(Value),
}

/// Types that a JSON value can be read as.
pub(crate) trait Read: Sized {
    fn read(value: &Value) -> Option<Self>;
}

impl Read for f64 {
    fn read(value: &Value) -> Option<Self> {
        value.as_f64()
    }
}

/// Whole numbers, also written as `28.0`.
impl Read for u32 {
    fn read(value: &Value) -> Option<Self> {
        let number = value
            .as_f64()
            .filter(|number| number.fract() == 0.0 && (0.0..=f64::from(Self::MAX)).contains(number))?;
        Some(number as Self)
    }
}

impl Read for bool {
    fn read(value: &Value) -> Option<Self> {
        value.as_bool()
    }
}

impl Read for String {
    fn read(value: &Value) -> Option<Self> {
        value.as_str().map(str::to_owned)
    }
}

impl<T: Read> Read for Vec<T> {
    fn read(value: &Value) -> Option<Self> {
        value.as_array()?.iter().map(T::read).collect()
    }
}

/// Makes a type that serde reads readable here.
macro_rules! read_with_serde {
    ($($type:ty),* $(,)?) => {$(
        impl $crate::families::common::setting::Read for $type {
            fn read(value: &serde_json::Value) -> Option<Self> {
                <$type as serde::Deserialize>::deserialize(value).ok()
            }
        }
    )*};
}
pub(crate) use read_with_serde;

impl<'de, T: Read> Deserialize<'de> for Setting<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        Ok(T::read(&value).map_or(Self::Raw(value), Self::Known))
    }
}

/// For `deserialize_with`: a member that is there, null included, is kept.
pub(crate) fn present<'de, T: Read, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Setting<T>>, D::Error> {
    Setting::deserialize(deserializer).map(Some)
}

/// Takes a setting out of a body.
pub(crate) trait Take<T> {
    /// The value, if it is of the type it should be of; anything else moves to `rest` under its name.
    fn take(self, name: &str, rest: &mut Extra) -> Option<T>;
}

impl<T> Take<T> for Option<Setting<T>> {
    fn take(self, name: &str, rest: &mut Extra) -> Option<T> {
        match self? {
            Setting::Known(value) => Some(value),
            Setting::Raw(value) => {
                rest.insert(name.to_owned(), value);
                None
            }
        }
    }
}

/// A setting that is known, if it is there.
pub(crate) fn known<T>(value: Option<T>) -> Option<Setting<T>> {
    value.map(Setting::Known)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn odd_values_travel_on_raw() {
        let mut rest = Extra::new();
        let read = |value: Value| serde_json::from_value::<Setting<u32>>(value).ok();
        assert_eq!(read(json!(28.0)).take("n", &mut rest), Some(28));
        for odd in [json!(null), json!(-1), json!(0.5), json!("7"), json!(1e12)] {
            assert_eq!(serde_json::to_value(read(odd.clone())).unwrap(), odd);
            assert_eq!(read(odd.clone()).take("n", &mut rest), None);
            assert_eq!(rest.remove("n"), Some(odd));
        }
        assert_eq!(Vec::<String>::read(&json!(["a", 1])), None);
    }
}
