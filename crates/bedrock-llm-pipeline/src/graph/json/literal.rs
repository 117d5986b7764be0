//! JSON values as they are written in TOML.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};
use serde_json::{Map, Number, Value};

/// A value of the settings. A date is its text; numbers that JSON does not have are refused.
#[derive(Clone)]
pub(super) struct Literal(pub(super) Value);

impl<'de> Deserialize<'de> for Literal {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = toml::Value::deserialize(deserializer)?;
        json(value).map(Self).map_err(|number| D::Error::custom(format!("JSON has no number `{number}`")))
    }
}

/// Named values of the settings, in their order.
#[derive(Clone)]
pub(super) struct Literals(pub(super) Vec<(String, Value)>);

impl<'de> Deserialize<'de> for Literals {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fields;

        impl<'de> Visitor<'de> for Fields {
            type Value = Literals;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a table")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Literals, A::Error> {
                let mut fields = Vec::new();
                while let Some((field, Literal(value))) = map.next_entry()? {
                    fields.push((field, value));
                }
                Ok(Literals(fields))
            }
        }

        deserializer.deserialize_map(Fields)
    }
}

fn json(value: toml::Value) -> Result<Value, f64> {
    Ok(match value {
        toml::Value::String(text) => Value::String(text),
        toml::Value::Integer(number) => number.into(),
        toml::Value::Float(number) => Value::Number(Number::from_f64(number).ok_or(number)?),
        toml::Value::Boolean(truth) => Value::Bool(truth),
        toml::Value::Datetime(time) => Value::String(time.to_string()),
        toml::Value::Array(values) => values.into_iter().map(json).collect::<Result<_, _>>()?,
        toml::Value::Table(table) => {
            let fields = table.into_iter().map(|(field, value)| Ok::<_, f64>((field, json(value)?)));
            Value::Object(fields.collect::<Result<Map<_, _>, _>>()?)
        }
    })
}
