//! [`MediaError`]: why something could not become a content block, or be made to fit.

use crate::BoxError;

/// Why bytes, a file or a URI could not become a content block, or an image could not be made to fit.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MediaError {
    /// The bytes are of none of the formats the service takes.
    #[error("the bytes are {found}, not {wanted}; convert them, or name the format with `new`")]
    UnknownFormat {
        /// What the service takes here.
        wanted: &'static str,
        /// What the bytes look like.
        found: String,
    },
    /// The file could not be read.
    #[error("cannot read {path}")]
    Read {
        /// The file.
        path: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The URI does not name an object in Amazon S3.
    #[error("{uri:?} names no object in Amazon S3; write `s3://bucket/key`")]
    NotS3 {
        /// The URI.
        uri: String,
    },
    /// The ending of the URI tells none of the formats the service takes.
    #[error("the ending of {uri:?} is not one of {wanted}; name the format with `from_s3`")]
    UnknownEnding {
        /// The URI.
        uri: String,
        /// What the service takes here.
        wanted: &'static str,
    },
    /// The image cannot be decoded: it is broken, or of a format that is not known.
    #[error("the image cannot be decoded; send another one, or leave it as it is")]
    Decode {
        /// Why.
        #[source]
        source: BoxError,
    },
    /// The image would take more memory to decode than is allowed.
    #[error("the image has {width} x {height} pixels, too many to decode; make it smaller beforehand")]
    TooManyPixels {
        /// Its width.
        width: u32,
        /// Its height.
        height: u32,
    },
    /// The image does not fit however small it is made.
    #[error("the image cannot be made to fit in {max_bytes} bytes; raise the limit or leave the image out")]
    DoesNotFit {
        /// The most bytes it may have.
        max_bytes: u64,
    },
    /// An image of a request could not be made to fit.
    #[error("cannot fit {path}")]
    At {
        /// Where in the request, as a JSON path.
        path: String,
        /// Why.
        #[source]
        source: Box<MediaError>,
    },
}
