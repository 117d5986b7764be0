//! Where media come from: files, their first bytes, their endings, Amazon S3.

use std::path::Path;

use bytes::Bytes;

use super::{MediaError, S3Location};
use crate::wire::Extra;

pub(super) fn read(path: &Path) -> Result<Bytes, MediaError> {
    match std::fs::read(path) {
        Ok(bytes) => Ok(bytes.into()),
        Err(source) => Err(MediaError::Read { path: path.display().to_string(), source }),
    }
}

/// The MIME type that a well-kept library reads off the first bytes.
pub(super) fn sniff(bytes: &[u8]) -> &'static str {
    infer::get(bytes).map_or("of no format we know", |kind| kind.mime_type())
}

/// Parts `report.v2.pdf` into `report.v2` and `pdf`; a name without an ending has an empty one.
pub(super) fn parts(file_name: &str) -> (&str, &str) {
    match file_name.rsplit_once('.') {
        Some((stem, ending)) if !stem.is_empty() => (stem, ending),
        _ => (file_name, ""),
    }
}

impl S3Location {
    /// An object of the caller's own account; the URI is `s3://bucket/key`.
    pub fn new(uri: impl Into<String>) -> Self {
        Self { uri: uri.into(), bucket_owner: None, extra: Extra::new() }
    }

    /// Sets the twelve-digit account that owns the bucket.
    #[must_use]
    pub fn bucket_owner(mut self, account: impl Into<String>) -> Self {
        self.bucket_owner = Some(account.into());
        self
    }

    /// The key's last part.
    ///
    /// The rest of a bucket's and key's spelling is left for the service to judge.
    pub(super) fn file_name(&self) -> Result<&str, MediaError> {
        let path = self.uri.strip_prefix("s3://").and_then(|path| path.split_once('/'));
        match path.map(|(bucket, key)| (bucket, key.rsplit('/').next().unwrap_or(key))) {
            Some((bucket, name)) if !bucket.is_empty() && !name.is_empty() => Ok(name),
            _ => Err(MediaError::NotS3 { uri: self.uri.clone() }),
        }
    }

    /// Reads the format off the key's ending.
    pub(super) fn format<F>(
        &self,
        by_ending: impl Fn(&str) -> Option<F>,
        wanted: &'static str,
    ) -> Result<F, MediaError> {
        let (_, ending) = parts(self.file_name()?);
        by_ending(ending).ok_or_else(|| MediaError::UnknownEnding { uri: self.uri.clone(), wanted })
    }
}

impl From<&str> for S3Location {
    fn from(uri: &str) -> Self {
        Self::new(uri)
    }
}

impl From<String> for S3Location {
    fn from(uri: String) -> Self {
        Self::new(uri)
    }
}
