//! Tests of downscaling.

use image::{DynamicImage, GenericImageView as _, Rgb, RgbImage, Rgba, RgbaImage};
use proptest::prelude::*;

use super::*;
use crate::{ToolResultBlock, content::tool::ToolResultContentBlock};

/// Every pixel another colour, so that no encoder makes much of it.
fn noise(width: u32, height: u32) -> RgbImage {
    let mut state = 7_u32;
    RgbImage::from_fn(width, height, |_, _| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let [_, red, green, blue] = state.to_be_bytes();
        Rgb([red, green, blue])
    })
}

fn file(image: impl Into<DynamicImage>, format: image::ImageFormat) -> Vec<u8> {
    let mut file = std::io::Cursor::new(Vec::new());
    image.into().write_to(&mut file, format).unwrap();
    file.into_inner()
}

fn png(width: u32, height: u32) -> ImageBlock {
    ImageBlock::from_bytes(file(noise(width, height), image::ImageFormat::Png)).unwrap()
}

fn bytes(image: &ImageBlock) -> &[u8] {
    match &image.source {
        MediaSource::Bytes(blob) => blob.as_bytes(),
        other => panic!("no bytes but {}", other.tag()),
    }
}

fn profile(toml: &str) -> ModelProfile {
    toml::from_str(toml).unwrap()
}

#[test]
fn an_image_within_the_limits_stays_byte_for_byte() {
    let image = png(40, 30);
    let size = bytes(&image).len() as u64;
    for limits in [
        ImageLimits::default(),
        ImageLimits::default().max_side(40).max_bytes(size),
        ImageLimits::default().max_base64_bytes(size.div_ceil(3) * 4),
    ] {
        let mut fitted = image.clone();
        assert_eq!(fitted.fit(&limits).unwrap(), None);
        assert_eq!(fitted, image);
    }
    // nothing to measure, nothing to refuse: the service may know a format that we do not
    let mut odd = ImageBlock::new(ImageFormat::Png, &b"?"[..]);
    assert_eq!(odd.fit(&ImageLimits::default().max_bytes(1)).unwrap(), None);
}

#[test]
fn what_is_counted_is_the_base64_text_where_the_service_does_so() {
    let image = png(40, 30);
    let text = Blob::from(bytes(&image).to_vec()).to_base64().len();
    for (max, counts_base64, is_changed) in [
        (text, true, false),
        (text - 1, true, true),
        (text - 1, false, false),
        (bytes(&image).len() - 1, false, true),
    ] {
        let facts = format!("images.max_bytes = {max}\nimages.counts_base64 = {counts_base64}");
        let mut fitted = image.clone();
        let change = fitted.fit(&ImageLimits::of(&profile(&facts), 1)).unwrap();
        assert_eq!(change.is_some(), is_changed, "{facts}");
        let size = Blob::from(bytes(&fitted).to_vec()).to_base64().len();
        assert!(!counts_base64 || size <= max, "{size} > {max}");
    }
}

#[test]
fn too_long_a_side_is_scaled_and_the_format_stays() {
    for (from, format) in [
        (image::ImageFormat::Png, ImageFormat::Png),
        (image::ImageFormat::Jpeg, ImageFormat::Jpeg),
        (image::ImageFormat::Gif, ImageFormat::Gif),
        (image::ImageFormat::WebP, ImageFormat::Webp),
    ] {
        let mut block = ImageBlock::from_bytes(file(noise(60, 20), from)).unwrap();
        let fitted = block.fit(&ImageLimits::default().max_side(30)).unwrap().unwrap();
        assert_eq!((fitted.from.width, fitted.from.height), (60, 20));
        assert_eq!((fitted.to.width, fitted.to.height), (30, 10));
        assert_eq!(block.dimensions(), Some((30, 10)));
        assert_eq!(block.format, format);
        assert_eq!(ImageBlock::from_bytes(bytes(&block).to_vec()).unwrap().format, format);
    }
}

#[test]
fn too_many_bytes_become_jpeg_before_pixels_are_lost() {
    let mut block = png(64, 64);
    let limits = ImageLimits::default().max_bytes(9_000);
    let fitted = block.fit(&limits).unwrap().unwrap();
    assert_eq!((fitted.to.width, &fitted.to.format), (64, &ImageFormat::Jpeg));
    assert_eq!((&block.format, fitted.to.bytes), (&ImageFormat::Jpeg, bytes(&block).len() as u64));
}

#[test]
fn what_shines_through_goes_on_doing_so() {
    let image = RgbaImage::from_fn(64, 64, |x, y| {
        let Rgb([red, green, blue]) = *noise(64, 64).get_pixel(x, y);
        Rgba([red, green, blue, if x < 32 { 0 } else { 255 }])
    });
    let mut block = ImageBlock::from_bytes(file(image, image::ImageFormat::Png)).unwrap();
    block.fit(&ImageLimits::default().max_bytes(4_000)).unwrap().unwrap();
    let image = image::load_from_memory(bytes(&block)).unwrap();
    assert_eq!(block.format, ImageFormat::Png);
    assert_eq!(image.get_pixel(0, 0).0[3], 0);
    assert_eq!(image.get_pixel(image.width() - 1, 0).0[3], 255);
}

#[test]
fn of_a_moving_image_the_first_frame_stays() {
    let mut moving = Vec::new();
    let mut encoder = image::codecs::gif::GifEncoder::new(&mut moving);
    for colour in [[255, 0, 0, 255], [0, 0, 255, 255]] {
        encoder.encode_frame(image::Frame::new(RgbaImage::from_pixel(20, 20, Rgba(colour)))).unwrap();
    }
    drop(encoder);
    let mut block = ImageBlock::from_bytes(moving).unwrap();
    block.fit(&ImageLimits::default().max_side(10)).unwrap().unwrap();
    let image = image::load_from_memory(bytes(&block)).unwrap();
    let Rgba([red, _, blue, _]) = image.get_pixel(5, 5);
    assert!(red > 200 && blue < 50, "{red} {blue}");
}

#[test]
fn a_picture_to_be_seen_turned_is_turned() {
    // an Exif block that says: rotate by 90 degrees (orientation 6)
    let exif = b"\xff\xe1\x00\x22Exif\0\0MM\0\x2a\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0";
    let mut jpeg = file(noise(60, 20), image::ImageFormat::Jpeg);
    jpeg.splice(2..2, exif.iter().copied());
    let mut block = ImageBlock::from_bytes(jpeg).unwrap();
    block.fit(&ImageLimits::default().max_side(30)).unwrap().unwrap();
    assert_eq!(block.dimensions(), Some((10, 30)));
}

#[test]
fn a_small_file_that_unfolds_to_gigabytes_is_refused() {
    // a PNG header of 60,000 x 60,000 pixels; the bytes after it are never looked at
    let mut bomb = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\xea\x60\0\0\xea\x60\x08\x02\0\0\0".to_vec();
    let mut sum = crc(&bomb[12..]);
    bomb.append(&mut sum);
    bomb.extend_from_slice(b"\0\0\0\0IDAT");
    let mut block = ImageBlock::from_bytes(bomb).unwrap();
    assert_eq!(block.dimensions(), Some((60_000, 60_000)));
    let error = block.fit(&ImageLimits::default().max_side(2_000)).unwrap_err();
    assert!(matches!(error, MediaError::TooManyPixels { width: 60_000, .. }), "{error}");
}

/// The checksum of a PNG chunk.
fn crc(bytes: &[u8]) -> Vec<u8> {
    let mut crc = u32::MAX;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { (crc >> 1) ^ 0xedb8_8320 } else { crc >> 1 };
        }
    }
    (!crc).to_be_bytes().to_vec()
}

#[test]
fn what_cannot_fit_and_what_cannot_be_read_is_an_error() {
    let limits = ImageLimits::default().max_bytes(10);
    let mut block = png(8, 8);
    let error = block.fit(&limits).unwrap_err();
    assert!(matches!(error, MediaError::DoesNotFit { max_bytes: 10 }), "{error}");
    let mut broken = ImageBlock::new(ImageFormat::Png, &b"\x89PNG\r\n\x1a\n my secret"[..]);
    let error = broken.fit(&limits).unwrap_err();
    assert!(
        matches!(error, MediaError::Decode { .. }) && !format!("{error:?}").contains("secret"),
        "{error:?}"
    );
}

#[test]
fn a_request_has_all_its_images_fitted() {
    let result = ToolResultBlock::new("t-1", ToolResultContentBlock::Image(png(30, 60)));
    let mut request = ChatRequest::new("m")
        .message(Message::user("look").with(png(60, 30)).with(png(20, 10)))
        .message(Message::user(result).with(ImageBlock::from_s3(ImageFormat::Png, "s3://b/k")));
    let before = request.clone();
    assert_eq!(request.fit_images(&profile("images.max_side = 60")).unwrap(), []);
    assert_eq!(request, before);

    // four images, one of them in S3: more than three
    let facts = profile("images.max_side = 60\nimages.many = 3\nimages.max_side_of_many = 20");
    let changes = request.fit_images(&facts).unwrap();
    let paths: Vec<_> = changes.iter().map(|change| change.path.as_str()).collect();
    assert_eq!(paths, ["messages[0].content[1].image", "messages[1].content[0].toolResult.content[0].image"]);
    let said = &changes[1].message;
    assert!(said.contains("30x60 png of") && said.contains("10x20 png of"), "{said}");
    assert_eq!(request.fit_images(&facts).unwrap(), []);

    let error = request.fit_images(&profile("images.max_bytes = 5")).unwrap_err();
    assert!(error.to_string().contains("messages[0].content[1].image"), "{error}");
}

fn formats() -> impl Strategy<Value = image::ImageFormat> {
    use image::ImageFormat::{Gif, Jpeg, Png, WebP};
    prop_oneof![Just(Png), Just(Jpeg), Just(Gif), Just(WebP)]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn what_is_given_is_within_the_limits(
        (width, height) in (1_u32..120, 1_u32..120),
        format in formats(),
        max_side in 1_u32..130,
        max_bytes in 700_u64..20_000,
    ) {
        let mut block = ImageBlock::from_bytes(file(noise(width, height), format)).unwrap();
        let before = block.clone();
        let limits = ImageLimits::default().max_side(max_side).max_bytes(max_bytes);
        let fitted = block.fit(&limits).unwrap();
        let (w, h) = block.dimensions().unwrap();
        prop_assert!(w.max(h) <= max_side && bytes(&block).len() as u64 <= max_bytes);
        prop_assert!(w <= width && h <= height);
        // the ratio stays, to the pixel
        let ratio = f64::from(w.max(h)) / f64::from(width.max(height));
        prop_assert!((f64::from(w) - f64::from(width) * ratio).abs() < 1.0);
        prop_assert!((f64::from(h) - f64::from(height) * ratio).abs() < 1.0);
        match fitted {
            None => prop_assert_eq!(block, before),
            Some(_) => prop_assert_eq!(block.fit(&limits).unwrap(), None),
        }
    }

    #[test]
    fn no_bytes_bring_it_down(head in 0_usize..4, mut tail in prop::collection::vec(any::<u8>(), 0..200)) {
        let mut bytes = [&b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"[..], b"\xff\xd8\xff", b"GIF89a", b"RIFF\0\0\0\0WEBPVP8 "][head].to_vec();
        bytes.append(&mut tail);
        let mut block = ImageBlock::new(ImageFormat::Png, bytes);
        let _ = block.fit(&ImageLimits::default().max_side(3).max_bytes(300));
    }
}
