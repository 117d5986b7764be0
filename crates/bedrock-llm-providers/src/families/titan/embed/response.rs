//! The response body.
//!
//! v2 gives floats twice, as `embedding` and in `embeddingsByType`; the second is passed over. Not all answers have
//! both: where they have not, [`TitanEmbed::MEMBERS`] keeps which, so that they are written as they came.

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

const EMBEDDING: &str = "embedding";
const BY_TYPE: &str = "embeddingsByType";

/// A body that was read.
#[derive(Default)]
pub(super) struct Body {
    response: EmbedResponse,
    /// Where vectors stood, and [`BY_TYPE`] itself.
    places: Vec<String>,
}

impl Body {
    /// The response, with a note of its form where that is not the usual one.
    pub(super) fn into_response(self, codec: TitanEmbed) -> EmbedResponse {
        let Self { mut response, mut places } = self;
        let by_type = (codec.0 == Form::TextV2).then(|| BY_TYPE.to_owned());
        let floats = has(&response, &EmbeddingType::Float).then(|| EMBEDDING.to_owned());
        let types = response.vectors.iter().map(|vectors| by_type_place(vectors.r#type().as_str()));
        let types = types.filter(|_| by_type.is_some());
        let mut usual: Vec<_> = types.chain(floats).chain(by_type.clone()).collect();
        usual.sort_unstable();
        places.sort_unstable();
        places.dedup();
        if places != usual {
            response.extra.insert(TitanEmbed::MEMBERS.to_owned(), places.into());
        }
        response
    }
}

fn by_type_place(name: &str) -> String {
    format!("{BY_TYPE}.{name}")
}

impl<'de> Deserialize<'de> for Body {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct BodyVisitor;
        impl<'de> Visitor<'de> for BodyVisitor {
            type Value = Body;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object with an embedding")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Body, A::Error> {
                let mut body = Body::default();
                let found = &mut body.response;
                while let Some(name) = members.next_key::<String>()? {
                    match name.as_str() {
                        EMBEDDING if has(found, &EmbeddingType::Float) => {
                            let came = members.next_value::<Option<IgnoredAny>>()?;
                            body.places.extend(came.map(|_| name));
                        }
                        EMBEDDING => {
                            let row = members.next_value::<Option<Row<Floats>>>()?;
                            body.places.extend(row.is_some().then_some(name));
                            found.vectors.extend(row.map(|row| Vectors::Float(row.0)));
                        }
                        BY_TYPE => members.next_value_seed(ByType(found, &mut body.places))?,
                        "inputTextTokenCount" => found.input_tokens = members.next_value::<Count>()?.0,
                        _ => drop(found.extra.insert(name, members.next_value()?)),
                    }
                }
                if !found.vectors.is_empty() {
                    return Ok(body);
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
struct ByType<'a>(&'a mut EmbedResponse, &'a mut Vec<String>);

impl<'de> DeserializeSeed<'de> for ByType<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_option(self)
    }
}

impl<'de> Visitor<'de> for ByType<'_> {
    type Value = ();

    fn visit_none<E: Error>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("embeddings by their type")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        let mut rest = Extra::new();
        self.1.push(BY_TYPE.to_owned());
        while let Some(name) = members.next_key::<String>()? {
            let r#type = EmbeddingType::from(name.as_str());
            let mut came = |vectors: bool| self.1.extend(vectors.then(|| by_type_place(&name)));
            let vectors = match r#type {
                _ if has(self.0, &r#type) => {
                    came(members.next_value::<Option<IgnoredAny>>()?.is_some());
                    None
                }
                EmbeddingType::Float => {
                    let row = members.next_value::<Option<Row<Floats>>>()?;
                    came(row.is_some());
                    row.map(|row| Vectors::Float(row.0))
                }
                EmbeddingType::Binary => {
                    let row = members.next_value::<Option<Digits>>()?;
                    came(row.is_some());
                    row.map(|row| Vectors::Binary(row.0))
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
    /// Where the vectors stood, if that is told.
    places: Option<Vec<&'a str>>,
}

impl<'a> Written<'a> {
    pub(super) fn new(codec: TitanEmbed, response: &'a EmbedResponse) -> Result<Self, CodecError> {
        let family = codec.name();
        let told = response.extra.get(TitanEmbed::MEMBERS).and_then(Value::as_array);
        let places: Option<Vec<_>> = told.map(|places| places.iter().filter_map(Value::as_str).collect());
        let by_type = places.as_ref().map_or(codec.0 == Form::TextV2, |places| places.contains(&BY_TYPE));
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
        Ok(Self { response, floats, by_type, places })
    }

    fn is_in(&self, place: &str) -> bool {
        self.places.as_ref().is_none_or(|places| places.contains(&place))
    }

    /// Whether a type stands among those that have names: where it stood, or where it has no other place.
    fn is_by_type(&self, vectors: &Vectors) -> bool {
        let has_another = matches!(vectors, Vectors::Float(_)) && self.is_in(EMBEDDING);
        !has_another || self.is_in(&by_type_place(vectors.r#type().as_str()))
    }
}

impl Serialize for Written<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut members = serializer.serialize_map(None)?;
        if let Some(floats) = self.floats.filter(|_| !self.by_type || self.is_in(EMBEDDING)) {
            members.serialize_entry(EMBEDDING, &WriteRow::<Floats>(floats))?;
        }
        if self.by_type {
            members.serialize_entry(BY_TYPE, &WriteByType(self))?;
        }
        if let Some(count) = self.response.input_tokens {
            members.serialize_entry("inputTextTokenCount", &count)?;
        }
        for (name, value) in &self.response.extra {
            if name != TitanEmbed::MEMBERS && (name != BY_TYPE || !self.by_type) {
                members.serialize_entry(name, value)?;
            }
        }
        members.end()
    }
}

struct WriteByType<'a>(&'a Written<'a>);

impl Serialize for WriteByType<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut types = serializer.serialize_map(None)?;
        for vectors in self.0.response.vectors.iter().filter(|vectors| self.0.is_by_type(vectors)) {
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
        if let Some(Value::Object(rest)) = self.0.response.extra.get(BY_TYPE) {
            rest.iter().try_for_each(|(name, value)| types.serialize_entry(name, value))?;
        }
        types.end()
    }
}
