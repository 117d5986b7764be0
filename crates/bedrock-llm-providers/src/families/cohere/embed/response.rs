//! The response body: `embeddings` as a list of vectors, or as such a list for each type of number.

use std::fmt;

use bedrock_llm_schema::embed::{EmbedInput, EmbeddingType, Vectors};
use bedrock_llm_schema::wire::Extra;
use bedrock_llm_schema::{EmbedRequest, EmbedResponse};
use serde::de::value::SeqAccessDeserializer;
use serde::de::{Error, MapAccess, SeqAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use super::{CohereEmbed, Version};
use crate::families::common::cannot_answer;
use crate::families::common::numbers::{Floats, Rows, Signed, SignedBits, Unsigned, UnsignedBits, WriteRows};
use crate::families::common::vectors::finite;
use crate::{CodecError, EmbedCodec};

const TOLD: &str = "response_type";
const BY_TYPE: &str = "embeddings_by_type";
const PLAIN: &str = "embeddings_floats";

/// A body that was read.
pub(super) struct Body(pub(super) EmbedResponse);

impl<'de> Deserialize<'de> for Body {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct BodyVisitor;
        impl<'de> Visitor<'de> for BodyVisitor {
            type Value = Body;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object with embeddings")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Body, A::Error> {
                let (mut vectors, mut form) = (None, PLAIN);
                let mut extra = Extra::new();
                while let Some(name) = members.next_key::<String>()? {
                    if name == "embeddings" {
                        let found: Embeddings = members.next_value()?;
                        vectors = Some(found.vectors);
                        form = if found.is_plain { PLAIN } else { BY_TYPE };
                        if !found.rest.is_empty() {
                            extra.insert(name, Value::Object(found.rest));
                        }
                    } else {
                        extra.insert(name, members.next_value()?);
                    }
                }
                let vectors = vectors.ok_or_else(|| A::Error::missing_field("embeddings"))?;
                if extra.get(TOLD).is_none_or(|told| *told != form) {
                    extra.insert(CohereEmbed::FORM.to_owned(), form.into());
                }
                Ok(Body(EmbedResponse { vectors, extra, ..EmbedResponse::default() }))
            }
        }
        deserializer.deserialize_map(BodyVisitor)
    }
}

#[derive(Default)]
struct Embeddings {
    vectors: Vec<Vectors>,
    is_plain: bool,
    /// Types that nobody knows.
    rest: Extra,
}

impl<'de> Deserialize<'de> for Embeddings {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(EmbeddingsVisitor)
    }
}

struct EmbeddingsVisitor;

impl<'de> Visitor<'de> for EmbeddingsVisitor {
    type Value = Embeddings;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("vectors, or vectors by their type")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, rows: A) -> Result<Embeddings, A::Error> {
        let rows = Rows::<Floats>::deserialize(SeqAccessDeserializer::new(rows))?;
        let vectors = vec![Vectors::Float(rows.0)];
        Embeddings { vectors, is_plain: true, ..Embeddings::default() }.checked()
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Embeddings, A::Error> {
        let mut found = Embeddings::default();
        while let Some(name) = members.next_key::<String>()? {
            macro_rules! rows {
                ($wire:ty, $variant:ident) => {
                    members.next_value::<Option<Rows<$wire>>>()?.map(|rows| Vectors::$variant(rows.0))
                };
            }
            let vectors = match EmbeddingType::from(name.as_str()) {
                EmbeddingType::Float => rows!(Floats, Float),
                EmbeddingType::Int8 => rows!(Signed, Int8),
                EmbeddingType::Uint8 => rows!(Unsigned, Uint8),
                EmbeddingType::Binary => rows!(SignedBits, Binary),
                EmbeddingType::Ubinary => rows!(UnsignedBits, Ubinary),
                _ => {
                    found.rest.insert(name, members.next_value()?);
                    None
                }
            };
            found.vectors.extend(vectors);
        }
        found.checked()
    }
}

impl Embeddings {
    /// Vectors of every type that came are as many. Where there are none but of types that nobody knows, these are kept,
    /// and whoever asked sees that none of theirs came.
    fn checked<E: Error>(self) -> Result<Self, E> {
        if self.vectors.is_empty() && self.rest.values().any(|rows| !rows.is_null()) {
            return Ok(self);
        }
        let counts = || self.vectors.iter().map(Vectors::len);
        let (least, most) = (counts().min().unwrap_or_default(), counts().max().unwrap_or_default());
        match least {
            0 => Err(E::custom("no vectors")),
            _ if least == most => Ok(self),
            _ => Err(E::custom(format_args!("{least} vectors of one type and {most} of another"))),
        }
    }
}

/// A body to be written.
pub(super) struct Written<'a> {
    response: &'a EmbedResponse,
    request: &'a EmbedRequest,
    is_plain: bool,
}

impl<'a> Written<'a> {
    pub(super) fn new(
        codec: CohereEmbed,
        response: &'a EmbedResponse,
        request: &'a EmbedRequest,
    ) -> Result<Self, CodecError> {
        let family = codec.name();
        let has_others = response.extra.get("embeddings").is_some_and(Value::is_object);
        if response.vectors.is_empty() && !has_others {
            return Err(cannot_answer(family, "a lack of vectors", "vectors"));
        }
        for vectors in &response.vectors {
            match vectors {
                Vectors::Float(matrix) => finite(family, matrix)?,
                Vectors::Int8(_) | Vectors::Uint8(_) | Vectors::Binary(_) | Vectors::Ubinary(_) => {}
                other => {
                    return Err(cannot_answer(family, &format!("the type {}", other.r#type()), "vectors"));
                }
            }
        }
        // v3 answers by type once types are asked for, v4 always does
        let told = [CohereEmbed::FORM, TOLD].iter().find_map(|name| response.extra.get(*name)?.as_str());
        let wanted = told.map_or(codec.0 == Version::V3 && request.types.is_empty(), |told| told == PLAIN);
        let is_plain = wanted && matches!(response.vectors.as_slice(), [Vectors::Float(_)]);
        Ok(Self { response, request, is_plain })
    }
}

impl Serialize for Written<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut members = serializer.serialize_map(None)?;
        match self.response.vectors.as_slice() {
            [Vectors::Float(matrix)] if self.is_plain => {
                members.serialize_entry("embeddings", &WriteRows::<Floats>(matrix))?;
            }
            _ => members.serialize_entry("embeddings", &WriteByType(self.response))?,
        }
        let extra = &self.response.extra;
        if extra.is_empty() {
            // an answer of our own: nothing came with the vectors
            members.serialize_entry(TOLD, if self.is_plain { PLAIN } else { BY_TYPE })?;
            let texts = self.request.inputs.iter().map(|input| match input {
                EmbedInput::Text(text) => Some(text.as_str()),
                _ => None,
            });
            if let Some(texts) = texts.collect::<Option<Vec<_>>>().filter(|texts| !texts.is_empty()) {
                members.serialize_entry("texts", &texts)?;
            }
        }
        for (name, value) in
            extra.iter().filter(|(name, _)| !["embeddings", CohereEmbed::FORM].contains(&name.as_str()))
        {
            members.serialize_entry(name, value)?;
        }
        members.end()
    }
}

struct WriteByType<'a>(&'a EmbedResponse);

impl Serialize for WriteByType<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut types = serializer.serialize_map(None)?;
        for vectors in &self.0.vectors {
            let name = vectors.r#type();
            let name = name.as_str();
            match vectors {
                Vectors::Float(matrix) => types.serialize_entry(name, &WriteRows::<Floats>(matrix))?,
                Vectors::Int8(matrix) => types.serialize_entry(name, &WriteRows::<Signed>(matrix))?,
                Vectors::Uint8(matrix) => types.serialize_entry(name, &WriteRows::<Unsigned>(matrix))?,
                Vectors::Binary(matrix) => types.serialize_entry(name, &WriteRows::<SignedBits>(matrix))?,
                Vectors::Ubinary(matrix) => {
                    types.serialize_entry(name, &WriteRows::<UnsignedBits>(matrix))?;
                }
                _ => {}
            }
        }
        if let Some(Value::Object(rest)) = self.0.extra.get("embeddings") {
            rest.iter().try_for_each(|(name, value)| types.serialize_entry(name, value))?;
        }
        types.end()
    }
}
