//! The response body: `embeddings`, each an object. What stands in them beside the numbers is kept under that name.

use std::fmt;

use bedrock_llm_schema::embed::{Matrix, Vectors};
use bedrock_llm_schema::wire::Extra;
use bedrock_llm_schema::{EmbedRequest, EmbedResponse};
use serde::de::{DeserializeSeed, Error, MapAccess, SeqAccess, Visitor};
use serde::ser::{SerializeMap, SerializeSeq};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use super::NAME;
use crate::CodecError;
use crate::families::common::numbers::{Append, Floats, WriteRow};
use crate::families::common::vectors::floats;

const EMBEDDINGS: &str = "embeddings";

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
                let mut matrix = Matrix::new();
                let mut extra = Extra::new();
                while let Some(name) = members.next_key::<String>()? {
                    let value = if name == EMBEDDINGS {
                        Value::Array(members.next_value_seed(Embeddings(&mut matrix))?)
                    } else {
                        members.next_value()?
                    };
                    extra.insert(name, value);
                }
                if matrix.is_empty() {
                    return Err(A::Error::missing_field(EMBEDDINGS));
                }
                Ok(Body(EmbedResponse {
                    vectors: vec![Vectors::Float(matrix)],
                    extra,
                    ..EmbedResponse::default()
                }))
            }
        }
        deserializer.deserialize_map(BodyVisitor)
    }
}

/// Reads the vectors into a matrix, and gives what stands beside them.
struct Embeddings<'a>(&'a mut Matrix<f32>);

impl<'de> DeserializeSeed<'de> for Embeddings<'_> {
    type Value = Vec<Value>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Vec<Value>, D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Embeddings<'_> {
    type Value = Vec<Value>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of embeddings")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut embeddings: A) -> Result<Vec<Value>, A::Error> {
        let mut rest = Vec::new();
        while let Some(members) = embeddings.next_element_seed(Embedding(self.0))? {
            rest.push(members.into());
        }
        if rest.is_empty() { Err(A::Error::custom("no vectors")) } else { Ok(rest) }
    }
}

struct Embedding<'a>(&'a mut Matrix<f32>);

impl<'de> DeserializeSeed<'de> for Embedding<'_> {
    type Value = Extra;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Extra, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Embedding<'_> {
    type Value = Extra;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an embedding")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Extra, A::Error> {
        let before = self.0.len();
        let mut rest = Extra::new();
        while let Some(name) = members.next_key::<String>()? {
            if name == "embedding" && self.0.len() == before {
                members.next_value_seed(Append::<Floats>(self.0))?;
            } else {
                rest.insert(name, members.next_value()?);
            }
        }
        if self.0.len() == before { Err(A::Error::missing_field("embedding")) } else { Ok(rest) }
    }
}

/// A body to be written.
pub(super) struct Written<'a> {
    matrix: &'a Matrix<f32>,
    extra: &'a Extra,
    kind: &'static str,
}

impl<'a> Written<'a> {
    pub(super) fn new(response: &'a EmbedResponse, request: &EmbedRequest) -> Result<Self, CodecError> {
        let is_image = request.inputs.first().is_some_and(|input| input.images().next().is_some());
        let kind = if is_image { "IMAGE" } else { "TEXT" };
        Ok(Self { matrix: floats(NAME, &response.vectors)?, extra: &response.extra, kind })
    }
}

impl Serialize for Written<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut members = serializer.serialize_map(None)?;
        members.serialize_entry(EMBEDDINGS, &WriteEmbeddings(self))?;
        for (name, value) in self.extra.iter().filter(|(name, _)| *name != EMBEDDINGS) {
            members.serialize_entry(name, value)?;
        }
        members.end()
    }
}

struct WriteEmbeddings<'a>(&'a Written<'a>);

impl Serialize for WriteEmbeddings<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Written { matrix, extra, kind } = self.0;
        let mut embeddings = serializer.serialize_seq(Some(matrix.len()))?;
        for (place, row) in matrix.rows().enumerate() {
            let rest = extra.get(EMBEDDINGS).and_then(|rest| rest.get(place)?.as_object());
            embeddings.serialize_element(&WriteEmbedding { row, rest, kind })?;
        }
        embeddings.end()
    }
}

struct WriteEmbedding<'a> {
    row: &'a [f32],
    rest: Option<&'a Extra>,
    kind: &'static str,
}

impl Serialize for WriteEmbedding<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut members = serializer.serialize_map(None)?;
        members.serialize_entry("embedding", &WriteRow::<Floats>(self.row))?;
        match self.rest {
            Some(rest) => rest.iter().try_for_each(|(name, value)| members.serialize_entry(name, value))?,
            None => members.serialize_entry("embeddingType", self.kind)?,
        }
        members.end()
    }
}
