//! Vectors as JSON.

use bedrock_llm_schema::embed::{Bits, Element};

/// A type of number that is written down.
pub(super) trait Number: Element {
    /// A list. `signed` says which byte eight bits are.
    fn json(vector: &[Self], signed: bool) -> serde_json::Result<String>;
}

macro_rules! plain {
    ($($number:ty),*) => {$(
        impl Number for $number {
            fn json(vector: &[Self], _signed: bool) -> serde_json::Result<String> {
                serde_json::to_string(vector)
            }
        }
    )*};
}

plain!(f32, i8, u8);

/// One byte for eight dimensions, as the service writes them.
impl Number for Bits {
    fn json(vector: &[Self], signed: bool) -> serde_json::Result<String> {
        let bytes = vector.iter().map(|bits| bits.0);
        if signed {
            serde_json::to_string(&bytes.map(u8::cast_signed).collect::<Vec<_>>())
        } else {
            serde_json::to_string(&bytes.collect::<Vec<_>>())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_those_that_came() {
        assert_eq!(f32::json(&[0.1, -1.0, 1e-9], false).unwrap(), "[0.1,-1.0,1e-9]");
        assert_eq!(i8::json(&[-128, 5], false).unwrap(), "[-128,5]");
        assert_eq!(Bits::json(&[Bits(200), Bits(1)], true).unwrap(), "[-56,1]");
        assert_eq!(Bits::json(&[Bits(200), Bits(1)], false).unwrap(), "[200,1]");
    }
}
