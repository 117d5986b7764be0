//! Tests of content blocks from bytes, files and S3 URIs.

use super::*;

const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR";

#[test]
fn formats_are_read_off_the_bytes() {
    assert_eq!(ImageBlock::from_bytes(PNG).unwrap().format, ImageFormat::Png);
    assert_eq!(ImageBlock::from_bytes(&b"\xff\xd8\xff\xe0"[..]).unwrap().format, ImageFormat::Jpeg);
    let error = ImageBlock::from_bytes(&b"%PDF-1.7"[..]).unwrap_err().to_string();
    assert!(error.contains("application/pdf"), "{error}");
    assert_eq!(DocumentBlock::from_bytes("a", &b"%PDF-1.7"[..]).unwrap().format, Some(DocumentFormat::Pdf));
    assert_eq!(DocumentBlock::from_bytes("a", &b"plain"[..]).unwrap().format, Some(DocumentFormat::Txt));
    assert!(DocumentBlock::from_bytes("a", PNG).is_err());
    assert_eq!(AudioBlock::from_bytes(&b"ID3\x03"[..]).unwrap().format, AudioFormat::Mp3);
}

#[test]
fn a_file_gives_name_and_format() {
    let dir = std::env::temp_dir().join(format!("bedrock-llm-media-{}", std::process::id()));
    std::fs::create_dir_all(&dir).unwrap();
    let path = dir.join("Q3: report_v2.csv");
    std::fs::write(&path, "a,b\n1,2\n").unwrap();
    let document = DocumentBlock::from_path(&path).unwrap();
    assert_eq!((document.name.as_str(), document.format), ("Q3 report_v2", Some(DocumentFormat::Csv)));
    assert!(ImageBlock::from_path(dir.join("missing.png")).unwrap_err().to_string().contains("missing.png"));
    std::fs::remove_dir_all(dir).unwrap();
}

#[test]
fn an_s3_uri_tells_the_format_by_its_ending() {
    let image = ImageBlock::from_s3_uri("s3://bucket/a.b/photo.JPG").unwrap();
    assert_eq!(image.format, ImageFormat::Jpeg);
    assert_eq!(
        serde_json::to_value(&image).unwrap()["source"]["s3Location"]["uri"],
        "s3://bucket/a.b/photo.JPG"
    );
    assert_eq!(VideoBlock::from_s3_uri("s3://b/clip.3gp").unwrap().format, VideoFormat::ThreeGp);
    assert_eq!(AudioBlock::from_s3_uri("s3://b/talk.m4a").unwrap().format, AudioFormat::M4a);

    let owned = S3Location::new("s3://b/Report_1.v2.docx").bucket_owner("123456789012");
    let document = DocumentBlock::from_s3_uri(owned).unwrap();
    assert_eq!((document.name.as_str(), document.format), ("Report_1 v2", Some(DocumentFormat::Docx)));
    let DocumentSource::S3Location(location) = document.source else { panic!("not in S3") };
    assert_eq!(location.bucket_owner.as_deref(), Some("123456789012"));
}

#[test]
fn an_s3_uri_that_does_not_tell_is_refused() {
    for uri in ["s3://b/photo", "s3://b/photo.bmp", "s3://b.png/photo", "s3://b/.png", "s3://b/a.png/x"] {
        let error = ImageBlock::from_s3_uri(uri).unwrap_err();
        assert!(matches!(error, MediaError::UnknownEnding { .. }), "{uri}: {error}");
    }
    for uri in ["", "b/photo.png", "s3://", "s3://photo.png", "s3:///photo.png", "s3://b/", "https://b/p.png"]
    {
        let error = ImageBlock::from_s3_uri(uri).unwrap_err();
        assert!(matches!(error, MediaError::NotS3 { .. }), "{uri}: {error}");
    }
}
