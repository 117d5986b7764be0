//! What is embedded.

use std::fmt;

use crate::content::media::ImageBlock;

/// One thing to embed: it gets one vector.
#[derive(Clone, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
#[allow(clippy::large_enum_variant, reason = "few are held at once; a box would burden whoever matches")]
#[non_exhaustive]
pub enum EmbedInput {
    /// A text.
    Text(String),
    /// An image.
    Image(ImageBlock),
    /// Texts and images that get one vector together.
    Mixed(Vec<EmbedPart>),
}

/// A part of a [`Mixed`](EmbedInput::Mixed) input.
#[derive(Clone, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
#[allow(clippy::large_enum_variant, reason = "few are held at once; a box would burden whoever matches")]
#[non_exhaustive]
pub enum EmbedPart {
    /// A text.
    Text(String),
    /// An image.
    Image(ImageBlock),
}

impl EmbedInput {
    /// Its texts, in order.
    pub fn texts(&self) -> impl Iterator<Item = &str> {
        let (one, parts) = match self {
            Self::Text(text) => (Some(text.as_str()), &[][..]),
            Self::Image(_) => (None, &[][..]),
            Self::Mixed(parts) => (None, parts.as_slice()),
        };
        one.into_iter().chain(parts.iter().filter_map(|part| match part {
            EmbedPart::Text(text) => Some(text.as_str()),
            EmbedPart::Image(_) => None,
        }))
    }

    /// Its images, in order.
    pub fn images(&self) -> impl Iterator<Item = &ImageBlock> {
        let (one, parts) = match self {
            Self::Text(_) => (None, &[][..]),
            Self::Image(image) => (Some(image), &[][..]),
            Self::Mixed(parts) => (None, parts.as_slice()),
        };
        one.into_iter().chain(parts.iter().filter_map(|part| match part {
            EmbedPart::Image(image) => Some(image),
            EmbedPart::Text(_) => None,
        }))
    }
}

impl From<&str> for EmbedInput {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<&String> for EmbedInput {
    fn from(text: &String) -> Self {
        Self::Text(text.clone())
    }
}

impl From<String> for EmbedInput {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<ImageBlock> for EmbedInput {
    fn from(image: ImageBlock) -> Self {
        Self::Image(image)
    }
}

impl From<Vec<EmbedPart>> for EmbedInput {
    fn from(parts: Vec<EmbedPart>) -> Self {
        Self::Mixed(parts)
    }
}

impl From<&str> for EmbedPart {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for EmbedPart {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<ImageBlock> for EmbedPart {
    fn from(image: ImageBlock) -> Self {
        Self::Image(image)
    }
}

/// Shows lengths only, so that texts do not reach logs.
impl fmt::Debug for EmbedInput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => write!(f, "Text({} bytes)", text.len()),
            Self::Image(image) => f.debug_tuple("Image").field(&image.format).finish(),
            Self::Mixed(parts) => f.debug_tuple("Mixed").field(parts).finish(),
        }
    }
}

/// Shows lengths only, so that texts do not reach logs.
impl fmt::Debug for EmbedPart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => write!(f, "Text({} bytes)", text.len()),
            Self::Image(image) => f.debug_tuple("Image").field(&image.format).finish(),
        }
    }
}
