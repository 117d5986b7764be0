//! The response body.
//!
//! v2 gives floats twice, as `embedding` and in `embeddingsByType`; the second is passed over.

use std::fmt;

use bedrock_llm_schema::EmbedResponse;
use bedrock_llm_schema::embed::{EmbeddingType, Matrix, Vectors};
use bedrock_llm_schema::wire::Extra;
use serde::de::{DeserializeSeed, Error, IgnoredAny, MapAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use super::{Form, TitanEmbed};
use crate::families::common::cannot_answer;
use crate::families::common::numbers::{Digits, Floats, Row, WriteDigits, WriteRow};
use crate::families::common::vectors::{finite, one_row};
use crate::{CodecError, EmbedCodec};

const BY_TYPE: &str = "embeddingsByType";

/// A body that was read.
pub(super) struct Body(pub(super) EmbedResponse);

impl<'de> Deserialize<'de> for Body {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct BodyVisitor;
        impl<'de> Visitor<'de> for BodyVisitor {
            type Value = Body;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object with an embedding")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Body, A::Error> {
                let mut found = EmbedResponse::default();
                while let Some(name) = members.next_key::<String>()? {
                    match name.as_str() {
                        "embedding" if has(&found, &EmbeddingType::Float) => {
                            members.next_value::<IgnoredAny>()?;
                        }
                        "embedding" => {
                            let row = members.next_value::<Option<Row<Floats>>>()?;
                            found.vectors.extend(row.map(|row| Vectors::Float(row.0)));
                        }
                        BY_TYPE => members.next_value_seed(ByType(&mut found))?,
                        "inputTextTokenCount" => found.input_tokens = members.next_value::<Count>()?.0,
                        _ => drop(found.extra.insert(name, members.next_value()?)),
                    }
                }
                if !found.vectors.is_empty() {
                    return Ok(Body(found));
                }
                Err(match found.extra.get("message").and_then(Value::as_str) {
                    Some(message) => {
                        A::Error::custom(format_args!("no embedding; the model says: {message}"))
                    }
                    None => A::Error::missing_field("embedding"),
                })
            }
        }
        deserializer.deserialize_map(BodyVisitor)
    }
}

#[derive(Deserialize)]
struct Count(#[serde(deserialize_with = "crate::json::count")] Option<u64>);

fn has(found: &EmbedResponse, r#type: &EmbeddingType) -> bool {
    found.vectors.iter().any(|vectors| vectors.r#type() == *r#type)
}

/// Reads vectors by their type; types that nobody knows are kept as they are.
struct ByType<'a>(&'a mut EmbedResponse);

impl<'de> DeserializeSeed<'de> for ByType<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for ByType<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("embeddings by their type")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        let mut rest = Extra::new();
        while let Some(name) = members.next_key::<String>()? {
            let r#type = EmbeddingType::from(name.as_str());
            let vectors = match r#type {
                _ if has(self.0, &r#type) => {
                    members.next_value::<IgnoredAny>()?;
                    None
                }
                EmbeddingType::Float => {
                    members.next_value::<Option<Row<Floats>>>()?.map(|row| Vectors::Float(row.0))
                }
                EmbeddingType::Binary => {
                    members.next_value::<Option<Digits>>()?.map(|row| Vectors::Binary(row.0))
                }
                _ => {
                    rest.insert(name, members.next_value()?);
                    None
                }
            };
            self.0.vectors.extend(vectors);
        }
        if !rest.is_empty() {
            self.0.extra.insert(BY_TYPE.to_owned(), Value::Object(rest));
        }
        Ok(())
    }
}

/// A body to be written.
pub(super) struct Written<'a> {
    response: &'a EmbedResponse,
    floats: Option<&'a [f32]>,
    by_type: bool,
}

impl<'a> Written<'a> {
    pub(super) fn new(codec: TitanEmbed, response: &'a EmbedResponse) -> Result<Self, CodecError> {
        let family = codec.name();
        let by_type = codec.0 == Form::TextV2;
        for vectors in &response.vectors {
            match vectors {
                Vectors::Float(matrix) => finite(family, matrix).and(one_row(family, matrix).map(drop))?,
                Vectors::Binary(matrix) if by_type => one_row(family, matrix).map(drop)?,
                other => {
                    return Err(cannot_answer(family, &format!("the type {}", other.r#type()), "vectors"));
                }
            }
        }
        if response.vectors.is_empty() {
            return Err(cannot_answer(family, "a lack of vectors", "vectors"));
        }
        let floats = response.view::<f32>().and_then(|matrix: &Matrix<f32>| matrix.row(0));
        Ok(Self { response, floats, by_type })
    }
}

impl Serialize for Written<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut members = serializer.serialize_map(None)?;
        if let Some(floats) = self.floats {
            members.serialize_entry("embedding", &WriteRow::<Floats>(floats))?;
        }
        if self.by_type {
            members.serialize_entry(BY_TYPE, &WriteByType(self.response))?;
        }
        if let Some(count) = self.response.input_tokens {
            members.serialize_entry("inputTextTokenCount", &count)?;
        }
        for (name, value) in &self.response.extra {
            if name != BY_TYPE || !self.by_type {
                members.serialize_entry(name, value)?;
            }
        }
        members.end()
    }
}

struct WriteByType<'a>(&'a EmbedResponse);

impl Serialize for WriteByType<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut types = serializer.serialize_map(None)?;
        for vectors in &self.0.vectors {
            match vectors {
                Vectors::Float(matrix) => {
                    types.serialize_entry("float", &WriteRow::<Floats>(matrix.as_slice()))?;
                }
                Vectors::Binary(matrix) => {
                    types.serialize_entry("binary", &WriteDigits(matrix.as_slice()))?;
                }
                _ => {}
            }
        }
        if let Some(Value::Object(rest)) = self.0.extra.get(BY_TYPE) {
            rest.iter().try_for_each(|(name, value)| types.serialize_entry(name, value))?;
        }
        types.end()
    }
}
