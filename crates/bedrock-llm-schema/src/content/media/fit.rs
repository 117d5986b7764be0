//! Images within a family's limits: what the limits are, and downscaling to them.

use std::fmt;

use super::scale::{Pixels, dimensions};
use super::{ImageBlock, ImageFormat, MediaError, MediaSource};
use crate::content::ContentBlock;
use crate::content::tool::ToolResultContentBlock;
use crate::model::ModelProfile;
use crate::normalize::Changes;
use crate::{Blob, Change, ChatRequest, Message};

/// How large an image may be. Limits that are not known do not limit.
///
/// ```
/// use bedrock_llm_schema::content::media::ImageLimits;
///
/// // 5 MiB of base64 text are 3.75 MiB of file
/// let limits = ImageLimits::default().max_base64_bytes(5 * 1024 * 1024).max_side(2000);
/// assert_eq!(limits.max_bytes, Some(3_932_160));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct ImageLimits {
    /// The most bytes of the file, before it becomes base64.
    pub max_bytes: Option<u64>,
    /// The most pixels a side may have.
    pub max_side: Option<u32>,
}

impl ImageLimits {
    /// The limits of a model for each image of a request with this number of images.
    #[must_use]
    pub fn of(profile: &ModelProfile, images: usize) -> Self {
        let facts = &profile.images;
        let of_many = facts.many.filter(|many| images > *many as usize).and(facts.max_side_of_many);
        let limits =
            Self { max_bytes: facts.max_bytes, max_side: facts.max_side.into_iter().chain(of_many).min() };
        match (facts.max_bytes, facts.counts_base64) {
            (Some(max), Some(true)) => limits.max_base64_bytes(max),
            _ => limits,
        }
    }

    /// Sets the most bytes of the file.
    #[must_use]
    pub fn max_bytes(mut self, max: u64) -> Self {
        self.max_bytes = Some(max);
        self
    }

    /// Sets the most bytes of the file by the length of its base64 text: 4 bytes for every 3 begun.
    #[must_use]
    pub fn max_base64_bytes(self, max: u64) -> Self {
        self.max_bytes(max / 4 * 3)
    }

    /// Sets the most pixels a side may have; at least 1.
    #[must_use]
    pub fn max_side(mut self, max: u32) -> Self {
        self.max_side = Some(max.max(1));
        self
    }

    fn hold_bytes(&self, bytes: u64) -> bool {
        self.max_bytes.is_none_or(|max| bytes <= max)
    }

    fn hold(&self, size: &ImageSize) -> bool {
        self.hold_bytes(size.bytes) && self.max_side.is_none_or(|max| size.width.max(size.height) <= max)
    }
}

/// How large an image is.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ImageSize {
    /// Its width in pixels.
    pub width: u32,
    /// Its height in pixels.
    pub height: u32,
    /// The bytes of its file.
    pub bytes: u64,
    /// Its format.
    pub format: ImageFormat,
}

impl fmt::Display for ImageSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { width, height, bytes, format } = self;
        write!(f, "{width}x{height} {format} of {bytes} bytes")
    }
}

/// An image that was made smaller.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Fitted {
    /// What it was.
    pub from: ImageSize,
    /// What it is now.
    pub to: ImageSize,
}

impl ImageBlock {
    /// Makes the image smaller until it is within the limits, and tells how; `None` where it is so already, or where
    /// its bytes are not here: it then stays as it is, byte for byte.
    ///
    /// The ratio of the sides stays, and the format where it can: an image without transparency that is too many
    /// bytes in its own format becomes JPEG before it loses pixels that the limits would allow. Of a moving image
    /// the first frame stays. Metadata are dropped, after a picture that is to be seen turned has been turned.
    ///
    /// This may take a second of one core: in async code, call it in `spawn_blocking`.
    ///
    /// ```
    /// use bedrock_llm_schema::ImageBlock;
    /// use bedrock_llm_schema::content::media::ImageLimits;
    ///
    /// # fn photo() -> Vec<u8> {
    /// #     let mut file = std::io::Cursor::new(Vec::new());
    /// #     image::RgbImage::new(300, 200).write_to(&mut file, image::ImageFormat::Png).unwrap();
    /// #     file.into_inner()
    /// # }
    /// let mut image = ImageBlock::from_bytes(photo())?; // 300 x 200
    /// let fitted = image.fit(&ImageLimits::default().max_side(150))?;
    /// assert_eq!(image.dimensions(), Some((150, 100)));
    /// assert_eq!(fitted.map(|fitted| fitted.from.width), Some(300));
    /// # Ok::<(), bedrock_llm_schema::MediaError>(())
    /// ```
    ///
    /// # Errors
    /// When the image cannot be decoded, has too many pixels to be decoded, or does not fit however small it is made.
    pub fn fit(&mut self, limits: &ImageLimits) -> Result<Option<Fitted>, MediaError> {
        let MediaSource::Bytes(blob) = &self.source else { return Ok(None) };
        let bytes = blob.as_bytes();
        let size = bytes.len() as u64;
        if limits.max_side.is_none() && limits.hold_bytes(size) {
            return Ok(None);
        }
        let (width, height) = dimensions(bytes)?;
        let from = ImageSize { width, height, bytes: size, format: self.format.clone() };
        if limits.hold(&from) {
            return Ok(None);
        }
        let max_bytes = limits.max_bytes.unwrap_or(u64::MAX);
        let file = Pixels::decode(bytes)?
            .fit(limits.max_side.unwrap_or(u32::MAX), max_bytes)
            .ok_or(MediaError::DoesNotFit { max_bytes })?;
        let to = ImageSize {
            width: file.width,
            height: file.height,
            bytes: file.bytes.len() as u64,
            format: file.format.clone(),
        };
        self.format = file.format;
        self.source = MediaSource::Bytes(Blob::from(file.bytes));
        Ok(Some(Fitted { from, to }))
    }
}

impl ChatRequest {
    /// Makes every image of the messages and their tool results small enough for the model, and tells which were
    /// changed. See [`ImageBlock::fit`]; the limits are those of [`ImageLimits::of`].
    ///
    /// # Errors
    /// [`MediaError::At`] for the first image that cannot be made to fit; those before it are already changed.
    pub fn fit_images(&mut self, profile: &ModelProfile) -> Result<Vec<Change>, MediaError> {
        let mut images = images(&mut self.messages);
        let limits = ImageLimits::of(profile, images.len());
        let mut changes = Changes::default();
        for (path, image) in &mut images {
            match image.fit(&limits) {
                Ok(None) => {}
                Ok(Some(Fitted { from, to })) => {
                    let rule = if limits.hold_bytes(from.bytes) { "R-IMAGE-SIDE" } else { "R-MEDIA-SIZE" };
                    let note = format!("image made smaller: {from} is now {to}");
                    changes.mended(rule, path.as_str(), note);
                }
                Err(source) => {
                    return Err(MediaError::At { path: path.clone(), source: Box::new(source) });
                }
            }
        }
        Ok(changes.into_list())
    }
}

/// Every image of the messages and their tool results, with its path.
fn images(messages: &mut [Message]) -> Vec<(String, &mut ImageBlock)> {
    let mut images = Vec::new();
    for (turn, message) in messages.iter_mut().enumerate() {
        for (block, content) in message.content.iter_mut().enumerate() {
            let path = format!("messages[{turn}].content[{block}]");
            match content {
                ContentBlock::Image(image) => images.push((format!("{path}.image"), image)),
                ContentBlock::ToolResult(result) => {
                    for (piece, content) in result.content.iter_mut().enumerate() {
                        if let ToolResultContentBlock::Image(image) = content {
                            images.push((format!("{path}.toolResult.content[{piece}].image"), image));
                        }
                    }
                }
                _ => {}
            }
        }
    }
    images
}

#[cfg(test)]
mod tests;
