//! Reading and writing bodies, and refusing what a family does not have.

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::{CodecError, EncodeOptions, Encoded};
use bedrock_llm_schema::OnUnsupported;

/// Reads a body (`what` is `request`, `response` or `chunk`); an error names the place.
pub(crate) fn read<T: DeserializeOwned>(
    family: &'static str,
    what: &'static str,
    body: &[u8],
) -> Result<T, CodecError> {
    let mut deserializer = serde_json::Deserializer::from_slice(body);
    serde_path_to_error::deserialize(&mut deserializer).map_err(|error| CodecError::Malformed {
        family,
        what,
        path: error.path().to_string(),
        source: error.into_inner(),
    })
}

/// Reads a body of many numbers: the place of an error is looked for only once there is one.
pub(crate) fn read_numbers<T: DeserializeOwned>(family: &'static str, body: &[u8]) -> Result<T, CodecError> {
    serde_json::from_slice(body).map_err(|source| {
        let whole = CodecError::Malformed { family, what: "response", path: ".".to_owned(), source };
        read::<T>(family, "response", body).err().unwrap_or(whole)
    })
}

/// Writes a body.
pub(crate) fn write<T: Serialize>(
    family: &'static str,
    what: &'static str,
    body: &T,
) -> Result<Bytes, CodecError> {
    let malformed = |source| CodecError::Malformed { family, what, path: ".".to_owned(), source };
    serde_json::to_vec(body).map(Bytes::from).map_err(malformed)
}

/// No count is more than 2^53, so that sums of counts cannot overflow.
pub(crate) const MOST: f64 = 9_007_199_254_740_992.0;

/// For `deserialize_with`: a count that may be null, or written as `28.0` (titan-text-express 130a7820c104).
pub(crate) fn count<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    match <Option<f64> as serde::Deserialize>::deserialize(deserializer)? {
        Some(count) if !(0.0..=MOST).contains(&count) => Err(serde::de::Error::custom("not a count")),
        count => Ok(count.map(|count| count as u64)),
    }
}

/// Watches over what a family does not have while a request is written for it.
pub(crate) struct Lowering {
    family: &'static str,
    on_unsupported: OnUnsupported,
    dropped: Vec<String>,
}

impl Lowering {
    pub(crate) fn new(family: &'static str, options: &EncodeOptions) -> Self {
        Self { family, on_unsupported: options.on_unsupported, dropped: Vec::new() }
    }

    /// Refuses or drops what stands at `path`, by the caller's choice.
    pub(crate) fn unsupported(
        &mut self,
        path: impl Into<String>,
        what: impl Into<String>,
    ) -> Result<(), CodecError> {
        let path = path.into();
        match self.on_unsupported {
            OnUnsupported::Degrade | OnUnsupported::Warn => {
                self.dropped.push(path);
                Ok(())
            }
            _ => Err(CodecError::Unsupported { family: self.family, what: what.into(), path }),
        }
    }

    /// [`unsupported`](Self::unsupported) if the member is there.
    pub(crate) fn refuse<T>(&mut self, member: Option<&T>, path: &str) -> Result<(), CodecError> {
        if member.is_some() { self.unsupported(path, path) } else { Ok(()) }
    }

    /// The body, and what was dropped on the way to it.
    pub(crate) fn finish<T: Serialize>(self, body: &T) -> Result<Encoded, CodecError> {
        Ok(Encoded { body: write(self.family, "request", body)?, dropped: self.dropped })
    }
}
