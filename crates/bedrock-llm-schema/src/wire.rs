//! How Converse JSON maps to Rust: three shapes, one macro each.
//!
//! - `wire_struct!`: an object. Members that are `None` are absent; members the type does not know are kept
//!   in `extra` and written back, so that nothing a newer service or client says is lost.
//! - `wire_enum!`: a string with known values. Any other value is kept in `Unknown`.
//! - `wire_union!`: an object with exactly one member that names the variant (a Smithy union). Any other
//!   object is kept whole in `Unknown`.

use serde::{Deserialize, Deserializer};

/// Members of a JSON object that its type does not know, in the order they came.
pub type Extra = serde_json::Map<String, serde_json::Value>;

/// Declares wire objects: camelCase members, absent when `None`, unknown members kept.
macro_rules! wire_struct {
    ($(
        $(#[$meta:meta])*
        pub struct $name:ident {
            $( $(#[$field_meta:meta])* pub $field:ident : $type:ty ),* $(,)?
        }
    )*) => {$(
        $(#[$meta])*
        #[serde_with::skip_serializing_none]
        #[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
        #[serde(rename_all = "camelCase")]
        pub struct $name {
            $( $(#[$field_meta])* pub $field: $type, )*
            /// Members this version does not know; kept and written back as they came.
            #[serde(flatten)]
            pub extra: $crate::wire::Extra,
        }
    )*};
}

/// Declares string enums that keep values they do not know.
macro_rules! wire_enum {
    ($(
        $(#[$meta:meta])*
        pub enum $name:ident {
            $( $(#[$variant_meta:meta])* $variant:ident = $text:literal ),* $(,)?
        }
    )*) => {$(
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum $name {
            $( $(#[$variant_meta])* $variant, )*
            /// A value this version does not know, kept as it came.
            Unknown(String),
        }

        impl $name {
            /// The value as it stands on the wire.
            #[must_use]
            pub fn as_str(&self) -> &str {
                match self {
                    $( Self::$variant => $text, )*
                    Self::Unknown(text) => text,
                }
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                match text {
                    $( $text => Self::$variant, )*
                    other => Self::Unknown(other.to_owned()),
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
                Ok(Self::from(&*text))
            }
        }
    )*};
}

/// Declares unions: `{"tag": value}`, any other object kept whole.
macro_rules! wire_union {
    ($(
        $(#[$meta:meta])*
        pub enum $name:ident {
            $( $(#[$variant_meta:meta])* $variant:ident($type:ty) = $tag:literal ),* $(,)?
        }
    )*) => {$(
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq)]
        #[non_exhaustive]
        #[allow(clippy::large_enum_variant, reason = "moved rarely; boxes would burden whoever matches")]
        pub enum $name {
            $( $(#[$variant_meta])* $variant($type), )*
            /// An object this version does not know, kept whole.
            Unknown($crate::wire::Extra),
        }

        impl $name {
            /// The member name that marks this variant on the wire; for `Unknown`, the first member's name.
            #[must_use]
            #[allow(dead_code, reason = "not every union is asked")]
            pub fn tag(&self) -> &str {
                match self {
                    $( Self::$variant(_) => $tag, )*
                    Self::Unknown(map) => map.keys().next().map_or("", String::as_str),
                }
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                use serde::ser::SerializeMap;
                match self {
                    $( Self::$variant(value) => {
                        let mut map = serializer.serialize_map(Some(1))?;
                        map.serialize_entry($tag, value)?;
                        map.end()
                    } )*
                    Self::Unknown(map) => map.serialize(serializer),
                }
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct UnionVisitor;
                impl<'de> serde::de::Visitor<'de> for UnionVisitor {
                    type Value = $name;

                    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        write!(f, "an object with one member of: {}", [$($tag),*].join(", "))
                    }

                    fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<$name, A::Error> {
                        let mut known: Option<$name> = None;
                        let mut rest = $crate::wire::Extra::new();
                        while let Some(key) = map.next_key::<std::borrow::Cow<'de, str>>()? {
                            match &*key {
                                $( $tag if known.is_none() => match map.next_value::<Option<$type>>()? {
                                    Some(value) => known = Some($name::$variant(value)),
                                    None => { rest.insert(key.into_owned(), serde_json::Value::Null); }
                                }, )*
                                _ => { rest.insert(key.into_owned(), map.next_value()?); }
                            }
                        }
                        $crate::wire::settle_union(known, rest, $name::Unknown).map_err(serde::de::Error::custom)
                    }
                }
                deserializer.deserialize_map(UnionVisitor)
            }
        }
    )*};
}

pub(crate) use {wire_enum, wire_struct, wire_union};

/// Decides what a union object with members beside its variant becomes: nulls are absent members, anything
/// else makes the whole object unknown rather than losing a part of it.
pub(crate) fn settle_union<T: serde::Serialize>(
    known: Option<T>,
    mut rest: Extra,
    unknown: impl FnOnce(Extra) -> T,
) -> Result<T, serde_json::Error> {
    let Some(known) = known else { return Ok(unknown(rest)) };
    rest.retain(|_, value| !value.is_null());
    if rest.is_empty() {
        return Ok(known);
    }
    if let serde_json::Value::Object(mut whole) = serde_json::to_value(&known)? {
        whole.append(&mut rest);
        rest = whole;
    }
    Ok(unknown(rest))
}

/// Reads a count that some services write as `28.0`, and a null one as 0.
pub(crate) fn count<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    Ok(optional_count(deserializer)?.unwrap_or(0))
}

/// Reads a count that may be null, and that some clients and services write as `28.0`.
pub(crate) fn optional_count<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: TryFrom<u64>,
{
    let Some(number) = Option::<serde_json::Number>::deserialize(deserializer)? else { return Ok(None) };
    // whole and small enough to be exact as a float
    let whole = |float: &f64| (0.0..=9_007_199_254_740_992.0).contains(float) && float.fract() == 0.0;
    let count = number.as_u64().or_else(|| number.as_f64().filter(whole).map(|float| float as u64));
    let refuse = || serde::de::Error::custom(format_args!("{number} is no count"));
    count.and_then(|count| T::try_from(count).ok()).map(Some).ok_or_else(refuse)
}

/// Reads null as the member's default.
pub(crate) fn or_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

#[cfg(test)]
#[allow(unreachable_pub, reason = "the macros declare public types")]
mod tests {
    use serde_json::{Value, json};

    wire_enum! {
        /// Test.
        pub enum Colour { /// r
            Red = "red" }
    }
    wire_struct! {
        /// Test.
        #[derive(Default)]
        pub struct Point { /// x
            pub left_x: Option<u32>, /// y
            pub y: u32 }
    }
    wire_union! {
        /// Test.
        pub enum Shape { /// p
            Point(Point) = "point", /// n
            Name(String) = "name" }
    }

    fn round_trip<T: serde::Serialize + serde::de::DeserializeOwned>(value: &Value) -> T {
        let parsed: T = serde_json::from_value(value.clone()).unwrap();
        assert_eq!(serde_json::to_value(&parsed).unwrap(), *value);
        // and from text, where keys are borrowed or escaped
        let text = value.to_string();
        let parsed: T = serde_json::from_str(&text).unwrap();
        assert_eq!(serde_json::to_value(&parsed).unwrap(), *value);
        parsed
    }

    #[test]
    fn enums_keep_unknown_values() {
        assert_eq!(round_trip::<Colour>(&json!("red")), Colour::Red);
        assert_eq!(round_trip::<Colour>(&json!("bl\"ue")), Colour::Unknown("bl\"ue".into()));
    }

    #[test]
    fn counts_may_be_floats_or_null_but_nothing_else() {
        #[derive(serde::Deserialize)]
        struct Counts {
            #[serde(default, deserialize_with = "crate::wire::count")]
            a: u64,
            #[serde(default, deserialize_with = "crate::wire::optional_count")]
            b: Option<u32>,
        }
        let read = |value| serde_json::from_value::<Counts>(value).map(|counts| (counts.a, counts.b));
        assert_eq!(read(json!({"a": 28.0, "b": 2.0})).unwrap(), (28, Some(2)));
        assert_eq!(read(json!({"a": null, "b": null})).unwrap(), (0, None));
        assert_eq!(read(json!({})).unwrap(), (0, None));
        for bad in [json!({"a": -1}), json!({"a": 1.5}), json!({"a": "1"}), json!({"b": 5_000_000_000_u64})] {
            assert!(read(bad).is_err());
        }
    }

    #[test]
    fn structs_keep_unknown_members_and_omit_absent_ones() {
        let point: Point = round_trip(&json!({"y": 2, "z": [null, 1]}));
        assert_eq!(point.extra["z"], json!([null, 1]));
        assert_eq!(round_trip::<Point>(&json!({"leftX": 1, "y": 2})).left_x, Some(1));
    }

    #[test]
    fn unions_keep_what_they_do_not_know() {
        assert!(matches!(round_trip(&json!({"point": {"y": 1}})), Shape::Point(_)));
        assert!(matches!(round_trip(&json!({"hologram": {"a": 1}})), Shape::Unknown(_)));
        assert!(matches!(round_trip(&json!({"name": "x", "hologram": 1})), Shape::Unknown(_)));
        assert!(matches!(round_trip(&json!({"name": "x", "point": {"y": 1}})), Shape::Unknown(_)));
        assert!(matches!(round_trip(&json!({})), Shape::Unknown(_)));
        let nulls: Shape = serde_json::from_value(json!({"point": null, "name": "x"})).unwrap();
        assert_eq!(nulls, Shape::Name("x".into()));
        assert!(serde_json::from_value::<Shape>(json!({"point": {"y": "no number"}})).is_err());
    }
}
