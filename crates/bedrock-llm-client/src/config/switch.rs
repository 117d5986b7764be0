//! A section that can be turned on and off as a whole.

use std::fmt;
use std::marker::PhantomData;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A section that can be turned on and off as a whole: `true`, `false`, or a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Switch<T> {
    /// `false`.
    Off,
    /// A table; `true` is one with the defaults.
    On(T),
}

impl<T> Switch<T> {
    /// The table, where it is on.
    #[must_use]
    pub fn on(self) -> Option<T> {
        match self {
            Self::On(section) => Some(section),
            Self::Off => None,
        }
    }
}

impl<T: Serialize> Serialize for Switch<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Off => serializer.serialize_bool(false),
            Self::On(section) => section.serialize(serializer),
        }
    }
}

impl<'de, T: Deserialize<'de> + Default> Deserialize<'de> for Switch<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(SwitchVisitor(PhantomData))
    }
}

struct SwitchVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de> + Default> Visitor<'de> for SwitchVisitor<T> {
    type Value = Switch<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("true, false or a table")
    }

    fn visit_bool<E: Error>(self, is_on: bool) -> Result<Switch<T>, E> {
        Ok(if is_on { Switch::On(T::default()) } else { Switch::Off })
    }

    fn visit_map<M: MapAccess<'de>>(self, map: M) -> Result<Switch<T>, M::Error> {
        T::deserialize(MapAccessDeserializer::new(map)).map(Switch::On)
    }
}
