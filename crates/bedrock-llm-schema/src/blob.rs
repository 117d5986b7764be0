//! Bytes that travel as base64 text inside JSON.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use bytes::Bytes;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// Binary content: base64 in JSON, plain bytes in memory; clones share them. `Debug` prints the length only.
#[derive(Clone, PartialEq, Eq, Hash, Default)]
pub struct Blob(pub Bytes);

impl Blob {
    /// The bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The bytes as base64 text, as they stand in JSON.
    #[must_use]
    pub fn to_base64(&self) -> String {
        STANDARD.encode(&self.0)
    }

    /// Reads base64 text, padded or not.
    ///
    /// # Errors
    /// When the text is not base64.
    pub fn from_base64(text: &str) -> Result<Self, base64::DecodeError> {
        let bytes =
            STANDARD.decode(text).or_else(|padded| STANDARD_NO_PAD.decode(text).map_err(|_| padded))?;
        Ok(Self(bytes.into()))
    }
}

impl std::fmt::Debug for Blob {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Blob({} bytes)", self.0.len())
    }
}

impl<T: Into<Bytes>> From<T> for Blob {
    fn from(bytes: T) -> Self {
        Self(bytes.into())
    }
}

impl Serialize for Blob {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.to_base64())
    }
}

impl<'de> Deserialize<'de> for Blob {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        Self::from_base64(&text).map_err(|error| de::Error::custom(format_args!("not base64: {error}")))
    }
}

#[cfg(test)]
mod tests {
    use super::Blob;

    #[test]
    fn reads_padded_and_unpadded_and_writes_padded() {
        for text in ["\"aGk=\"", "\"aGk\""] {
            let blob: Blob = serde_json::from_str(text).unwrap();
            assert_eq!(blob.as_bytes(), b"hi");
            assert_eq!(serde_json::to_string(&blob).unwrap(), "\"aGk=\"");
        }
        assert!(serde_json::from_str::<Blob>("\"!\"").is_err());
        assert_eq!(format!("{:?}", Blob::from(vec![1, 2])), "Blob(2 bytes)");
    }
}
