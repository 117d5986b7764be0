//! Pixels: decoding within bounds, scaling, encoding.

use std::borrow::Cow;
use std::io::Cursor;

use image::codecs::jpeg::JpegEncoder;
use image::codecs::png::{CompressionType, FilterType as PngFilter, PngEncoder};
use image::imageops::FilterType;
use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, ImageReader, Limits};

use super::{ImageFormat, MediaError};

/// The most memory that one image's pixels may take: 512 MiB, some 130 megapixels with transparency. A file of a few
/// kilobytes can ask for far more.
const MAX_PIXEL_BYTES: u64 = 512 << 20;

/// High enough that text stays legible, a fifth of the size of the highest.
const JPEG_QUALITY: u8 = 85;

/// An image as pixels, eight bits a channel, turned the way it is to be seen.
pub(super) struct Pixels {
    image: DynamicImage,
    format: ImageFormat,
    is_opaque: bool,
}

/// An image as a file.
pub(super) struct File {
    pub(super) bytes: Vec<u8>,
    pub(super) format: ImageFormat,
    pub(super) width: u32,
    pub(super) height: u32,
}

fn reader(bytes: &[u8]) -> Result<ImageReader<Cursor<&[u8]>>, MediaError> {
    let mut reader = ImageReader::new(Cursor::new(bytes)).with_guessed_format().map_err(broken)?;
    let mut limits = Limits::default();
    limits.max_alloc = Some(MAX_PIXEL_BYTES);
    reader.limits(limits);
    Ok(reader)
}

fn broken(error: impl Into<crate::BoxError>) -> MediaError {
    MediaError::Decode { source: error.into() }
}

/// Reads width and height off the header.
pub(super) fn dimensions(bytes: &[u8]) -> Result<(u32, u32), MediaError> {
    reader(bytes)?.into_dimensions().map_err(broken)
}

impl Pixels {
    /// Decodes an image; of one that moves, the first frame.
    pub(super) fn decode(bytes: &[u8]) -> Result<Self, MediaError> {
        let reader = reader(bytes)?;
        let format = match reader.format() {
            Some(image::ImageFormat::Jpeg) => ImageFormat::Jpeg,
            Some(image::ImageFormat::Gif) => ImageFormat::Gif,
            Some(image::ImageFormat::WebP) => ImageFormat::Webp,
            _ => ImageFormat::Png,
        };
        let mut decoder = reader.into_decoder().map_err(broken)?;
        if decoder.total_bytes() > MAX_PIXEL_BYTES {
            let (width, height) = decoder.dimensions();
            return Err(MediaError::TooManyPixels { width, height });
        }
        let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
        let mut image = DynamicImage::from_decoder(decoder).map_err(broken)?;
        image.apply_orientation(orientation);
        let has_color = image.color().has_color();
        let is_opaque =
            !image.color().has_alpha() || image.to_rgba8().pixels().all(|pixel| pixel.0[3] == 255);
        let image = match (has_color, is_opaque) {
            (true, true) => DynamicImage::ImageRgb8(image.into_rgb8()),
            (true, false) => DynamicImage::ImageRgba8(image.into_rgba8()),
            (false, true) => DynamicImage::ImageLuma8(image.into_luma8()),
            (false, false) => DynamicImage::ImageLumaA8(image.into_luma_alpha8()),
        };
        Ok(Self { image, format, is_opaque })
    }

    /// The largest file within the limits: at each size in the image's own format, then as JPEG where nothing shines
    /// through. `None` where not even one pixel fits.
    pub(super) fn fit(&self, max_side: u32, max_bytes: u64) -> Option<File> {
        let (width, height) = (self.image.width(), self.image.height());
        let mut side = width.max(height).min(max_side);
        loop {
            let (width, height) = scaled((width, height), side);
            let image = self.resized(width, height);
            let mut least = None;
            for format in self.formats() {
                let Some(bytes) = encode(&image, &format) else { continue };
                let size = bytes.len() as u64;
                if size <= max_bytes {
                    return Some(File { bytes, format, width, height });
                }
                least = Some(least.map_or(size, |least: u64| least.min(size)));
            }
            if side <= 1 {
                return None;
            }
            side = next_side(side, max_bytes, least);
        }
    }

    fn formats(&self) -> impl Iterator<Item = ImageFormat> {
        let jpeg = (self.is_opaque && self.format != ImageFormat::Jpeg).then_some(ImageFormat::Jpeg);
        std::iter::once(self.format.clone()).chain(jpeg)
    }

    fn resized(&self, width: u32, height: u32) -> Cow<'_, DynamicImage> {
        if (width, height) == (self.image.width(), self.image.height()) {
            Cow::Borrowed(&self.image)
        } else {
            Cow::Owned(self.image.resize_exact(width, height, FilterType::CatmullRom))
        }
    }
}

/// Width and height with this longer side, in the same ratio.
fn scaled((width, height): (u32, u32), side: u32) -> (u32, u32) {
    let longer = u64::from(width.max(height)).max(1);
    let scale = |length: u32| {
        let length = (u64::from(length) * u64::from(side) + longer / 2) / longer;
        u32::try_from(length).unwrap_or(side).max(1)
    };
    (scale(width), scale(height))
}

/// The side to try next: bytes grow with the area. Always shorter than this one.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "a guess"
)]
fn next_side(side: u32, max_bytes: u64, bytes: Option<u64>) -> u32 {
    let ratio = bytes.map_or(0.5, |bytes| (max_bytes as f64 / bytes as f64).sqrt() * 0.97);
    ((f64::from(side) * ratio.clamp(0.1, 0.95)) as u32).max(1)
}

/// The file, unless the format cannot hold such an image: too long a side for it.
fn encode(image: &DynamicImage, format: &ImageFormat) -> Option<Vec<u8>> {
    let mut file = Cursor::new(Vec::new());
    match format {
        ImageFormat::Jpeg => {
            let encoder = JpegEncoder::new_with_quality(&mut file, JPEG_QUALITY);
            match image {
                DynamicImage::ImageLuma8(_) | DynamicImage::ImageRgb8(_) => image.write_with_encoder(encoder),
                _ => DynamicImage::ImageRgb8(image.to_rgb8()).write_with_encoder(encoder),
            }
        }
        ImageFormat::Gif => {
            DynamicImage::ImageRgba8(image.to_rgba8()).write_to(&mut file, image::ImageFormat::Gif)
        }
        ImageFormat::Webp => image.write_to(&mut file, image::ImageFormat::WebP),
        _ => image.write_with_encoder(PngEncoder::new_with_quality(
            &mut file,
            CompressionType::Default,
            PngFilter::Adaptive,
        )),
    }
    .ok()?;
    Some(file.into_inner())
}
