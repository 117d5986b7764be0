//! Vectors as JSON.

use bedrock_llm_schema::ModelId;
use bedrock_llm_schema::embed::{Bits, Element, EmbeddingType};
use bedrock_llm_schema::model::{Family, ModelProfile};

/// How the service writes bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Digits {
    /// Eight dimensions to a signed byte: Cohere's `binary`.
    Signed,
    /// Eight dimensions to an unsigned byte: `ubinary`.
    Unsigned,
    /// A 0 or 1 for each dimension: Titan's `binary`.
    Single,
}

impl Digits {
    /// Of a type by a model.
    pub(super) fn of(encoding: &EmbeddingType, model: &ModelId, profile: &ModelProfile) -> Self {
        let family = profile.base_model.as_ref().unwrap_or(model).family();
        match encoding {
            EmbeddingType::Binary if family == Family::AmazonTitan => Self::Single,
            EmbeddingType::Binary => Self::Signed,
            _ => Self::Unsigned,
        }
    }
}

/// A type of number that is written down.
pub(super) trait Number: Element {
    /// A list, as the service writes it; `digits` is for bits alone.
    fn json(vector: &[Self], digits: Digits) -> serde_json::Result<String>;
}

macro_rules! plain {
    ($($number:ty),*) => {$(
        impl Number for $number {
            fn json(vector: &[Self], _digits: Digits) -> serde_json::Result<String> {
                serde_json::to_string(vector)
            }
        }
    )*};
}

plain!(f32, i8, u8);

impl Number for Bits {
    fn json(vector: &[Self], digits: Digits) -> serde_json::Result<String> {
        let bytes = vector.iter().map(|bits| bits.0);
        match digits {
            Digits::Signed => serde_json::to_string(&bytes.map(u8::cast_signed).collect::<Vec<_>>()),
            Digits::Unsigned => serde_json::to_string(&bytes.collect::<Vec<_>>()),
            Digits::Single => {
                let dimensions = vector.iter().flat_map(|bits| bits.unpack()).map(u8::from);
                serde_json::to_string(&dimensions.collect::<Vec<_>>())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_those_that_came() {
        assert_eq!(f32::json(&[0.1, -1.0, 1e-9], Digits::Unsigned).unwrap(), "[0.1,-1.0,1e-9]");
        assert_eq!(i8::json(&[-128, 5], Digits::Unsigned).unwrap(), "[-128,5]");
        let bits = |digits| Bits::json(&[Bits(200), Bits(1)], digits).unwrap();
        assert_eq!(bits(Digits::Signed), "[-56,1]");
        assert_eq!(bits(Digits::Unsigned), "[200,1]");
        assert_eq!(bits(Digits::Single), "[1,1,0,0,1,0,0,0,0,0,0,0,0,0,0,1]");
    }

    #[test]
    fn each_service_writes_bits_its_own_way() {
        let of = |encoding, model: &str, base: Option<&str>| {
            let mut profile = ModelProfile::default();
            profile.base_model = base.map(ModelId::from);
            Digits::of(&encoding, &model.into(), &profile)
        };
        assert_eq!(of(EmbeddingType::Binary, "cohere.embed-v4:0", None), Digits::Signed);
        assert_eq!(of(EmbeddingType::Ubinary, "cohere.embed-v4:0", None), Digits::Unsigned);
        let titan = "amazon.titan-embed-text-v2:0";
        assert_eq!(of(EmbeddingType::Binary, titan, None), Digits::Single);
        assert_eq!(of(EmbeddingType::Binary, "an-alias", Some(titan)), Digits::Single);
    }
}
