//! Images, videos and sound from bytes, files and Amazon S3.

use std::path::Path;

use super::source::{read, sniff};
use super::{
    AudioBlock, AudioFormat, ImageBlock, ImageFormat, MediaError, MediaSource, S3Location, VideoBlock,
    VideoFormat,
};
use crate::Blob;
use crate::wire::Extra;

macro_rules! media_block {
    (
        $block:ident, $format:ident, $wanted:literal,
        mime { $($mime:pat => $variant:ident),* $(,)? }
        ending { $($ending:pat => $named:ident),* $(,)? }
        $($extra_field:ident)*
    ) => {
        impl $block {
            /// A block of the given format.
            pub fn new(format: $format, bytes: impl Into<Blob>) -> Self {
                Self::from_source(format, MediaSource::Bytes(bytes.into()))
            }

            /// A block from bytes, its format recognised from them.
            ///
            /// # Errors
            /// [`MediaError::UnknownFormat`] when they are of no format the service takes.
            pub fn from_bytes(bytes: impl Into<Blob>) -> Result<Self, MediaError> {
                let bytes = bytes.into();
                let format = match sniff(bytes.as_bytes()) {
                    $( $mime => $format::$variant, )*
                    found => return Err(MediaError::UnknownFormat { wanted: $wanted, found: found.to_owned() }),
                };
                Ok(Self::new(format, bytes))
            }

            /// A block from a file, its format recognised from its bytes.
            ///
            /// # Errors
            /// When the file cannot be read or is of no format the service takes.
            pub fn from_path(path: impl AsRef<Path>) -> Result<Self, MediaError> {
                Self::from_bytes(read(path.as_ref())?)
            }

            /// A block whose bytes lie in Amazon S3, at `s3://bucket/key`.
            pub fn from_s3(format: $format, location: impl Into<S3Location>) -> Self {
                Self::from_source(format, MediaSource::S3Location(location.into()))
            }

            /// A block whose bytes lie in Amazon S3, at `s3://bucket/key`; its format is told by the key's ending.
            ///
            /// # Errors
            /// [`MediaError::NotS3`] when the URI names no object, [`MediaError::UnknownEnding`] when its ending
            /// tells no format the service takes: name the format with [`from_s3`](Self::from_s3) then.
            pub fn from_s3_uri(location: impl Into<S3Location>) -> Result<Self, MediaError> {
                let location = location.into();
                let format = location.format($format::from_ending, $wanted)?;
                Ok(Self::from_s3(format, location))
            }

            fn from_source(format: $format, source: MediaSource) -> Self {
                Self { format, source, $($extra_field: None,)* extra: Extra::new() }
            }
        }

        impl $format {
            /// The format of files with this ending, in any case and without its dot.
            #[must_use]
            pub fn from_ending(ending: &str) -> Option<Self> {
                match ending.to_ascii_lowercase().as_str() {
                    $( $ending => Some(Self::$named), )*
                    _ => None,
                }
            }
        }
    };
}

media_block!(
    ImageBlock, ImageFormat, "png, jpeg, gif or webp",
    mime { "image/png" => Png, "image/jpeg" => Jpeg, "image/gif" => Gif, "image/webp" => Webp }
    ending { "png" => Png, "jpeg" | "jpg" => Jpeg, "gif" => Gif, "webp" => Webp }
    error
);

media_block!(
    VideoBlock, VideoFormat, "mkv, mov, mp4, webm, flv, mpeg, wmv or 3gp",
    mime {
        "video/x-matroska" => Mkv, "video/quicktime" => Mov, "video/mp4" | "video/x-m4v" => Mp4,
        "video/webm" => Webm, "video/x-flv" => Flv, "video/mpeg" => Mpeg, "video/x-ms-wmv" => Wmv,
        "video/3gpp" => ThreeGp,
    }
    ending {
        "mkv" => Mkv, "mov" => Mov, "mp4" | "m4v" => Mp4, "webm" => Webm, "flv" => Flv, "mpeg" => Mpeg,
        "mpg" => Mpg, "wmv" => Wmv, "3gp" | "3gpp" => ThreeGp,
    }
);

media_block!(
    AudioBlock, AudioFormat, "mp3, opus, wav, aac, flac, ogg, m4a, mka or webm",
    mime {
        "audio/mpeg" => Mp3, "audio/opus" => Opus, "audio/x-wav" | "audio/wav" => Wav, "audio/aac" => Aac,
        "audio/x-flac" | "audio/flac" => Flac, "audio/ogg" => Ogg, "audio/m4a" | "audio/mp4" => M4a,
        "video/x-matroska" => Mka, "video/webm" => Webm,
    }
    ending {
        "mp3" => Mp3, "opus" => Opus, "wav" => Wav, "aac" => Aac, "flac" => Flac, "mp4" => Mp4, "ogg" => Ogg,
        "mkv" => Mkv, "mka" => Mka, "m4a" => M4a, "mpeg" => Mpeg, "mpga" => Mpga, "pcm" => Pcm, "webm" => Webm,
    }
    error
);
