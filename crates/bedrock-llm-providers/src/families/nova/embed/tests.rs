//! Bodies of Nova's embeddings, both ways.

use bedrock_llm_schema::content::media::MediaSource;
use bedrock_llm_schema::embed::{EmbedInput, EmbedPurpose, EmbedTruncation, EmbeddingType};
use bedrock_llm_schema::{ImageBlock, ImageFormat};
use serde_json::{Value, json};

use super::*;

fn again(parameters: &Value) -> EmbedRequest {
    let body = json!({"schemaVersion": "nova-multimodal-embed-v1", "taskType": "SINGLE_EMBEDDING", "singleEmbeddingParams": parameters});
    body_again(&body)
}

fn body_again(body: &Value) -> EmbedRequest {
    let request = NovaEmbed.decode_request(body.to_string().as_bytes()).unwrap();
    let written = NovaEmbed.encode_request(&request, &"m".into()).unwrap();
    assert_eq!(serde_json::from_slice::<Value>(&written).unwrap(), *body);
    request
}

fn decode(body: &Value) -> Result<EmbedResponse, CodecError> {
    NovaEmbed.decode_response(body.to_string().as_bytes(), &InvocationMetrics::default())
}

#[test]
fn texts_are_read_and_written_again() {
    let request = again(&json!({
        "embeddingPurpose": "DOCUMENT_RETRIEVAL", "embeddingDimension": 384, "more": {"deep": [null]},
        "text": {"truncationMode": "END", "value": "a", "language": "en"},
    }));
    assert_eq!(request.purpose, Some(EmbedPurpose::DocumentQuery));
    assert_eq!((request.dimensions, request.truncation), (Some(384), Some(EmbedTruncation::End)));
    let rest = json!({"schemaVersion": "nova-multimodal-embed-v1", "singleEmbeddingParams": {"more": {"deep": [null]}, "text": {"language": "en"}}});
    assert_eq!(Value::Object(request.extra), rest);
    // what we would add stays absent
    again(&json!({"text": {"value": "a"}}));
    body_again(&json!({"singleEmbeddingParams": {"text": {"value": "a"}}}));
}

#[test]
fn images_keep_their_details_and_their_place() {
    let image = json!({"detailLevel": "DOCUMENT_IMAGE", "format": "png", "source": {"bytes": "aGVsbG8="}});
    let request = again(&json!({"embeddingPurpose": "GENERIC_INDEX", "image": image}));
    let [EmbedInput::Image(block)] = request.inputs.as_slice() else { panic!("no image") };
    assert_eq!(
        (&block.format, block.extra["detailLevel"].as_str()),
        (&ImageFormat::Png, Some("DOCUMENT_IMAGE"))
    );
    let s3 = json!({"format": "webp", "source": {"s3Location": {"uri": "s3://b/k", "bucketOwner": "1"}}});
    let request = again(&json!({"image": s3}));
    let location = |image: &ImageBlock| matches!(image.source, MediaSource::S3Location(_));
    assert!(request.inputs[0].images().all(location));
    again(&json!({"image": {"format": "png", "source": {"bytes": "{IMAGE}", "more": 1}}}));
}

#[test]
fn what_has_no_name_of_ours_travels_as_it_is() {
    let sound = json!({"format": "mp3", "source": {"s3Location": {"uri": "s3://b/k"}}});
    assert!(again(&json!({"embeddingPurpose": "GENERIC_INDEX", "audio": sound})).inputs.is_empty());
    again(&json!({"text": {"source": {"s3Location": {"uri": "s3://b/k"}}, "truncationMode": "END"}}));
    again(&json!({"text": {"value": "a", "truncationMode": "NONE"}, "image": {"format": "png"}}));
}

#[test]
fn a_text_and_an_image_are_both_read() {
    let image = json!({"format": "png", "source": {"bytes": "aGVsbG8="}});
    let request = again(&json!({"text": {"value": "a", "truncationMode": "END"}, "image": image}));
    let [input @ EmbedInput::Mixed(_)] = request.inputs.as_slice() else { panic!("not one input") };
    assert_eq!((input.texts().count(), input.images().count()), (1, 1));
}

#[test]
fn bodies_without_an_input_are_none() {
    for body in [
        json!({}),
        json!({"inputText": "hello"}),
        json!({"taskType": "SINGLE_EMBEDDING"}),
        json!({"singleEmbeddingParams": {"embeddingPurpose": "GENERIC_INDEX", "text": null}}),
        json!({"taskType": "SEGMENTED_EMBEDDING", "segmentedEmbeddingParams": {"text": {"value": "a"}}}),
    ] {
        let error = NovaEmbed.decode_request(body.to_string().as_bytes()).unwrap_err();
        assert!(
            matches!(&error, CodecError::Malformed { path, .. } if path == "singleEmbeddingParams"),
            "{error}"
        );
    }
}

#[test]
fn what_has_no_place_is_named() {
    let one = || EmbedRequest::new("m").input("a");
    let image = ImageBlock::new(ImageFormat::Png, b"x".to_vec());
    for (request, path) in [
        (EmbedRequest::new("m"), "(inputs)"),
        (one().input("b"), "(inputs[1])"),
        (EmbedRequest::new("m").input(vec!["a".into(), image.clone().into(), image.into()]), "(inputs[0])"),
        (EmbedRequest::new("m").input(Vec::new()), "(inputs[0])"),
        (one().purpose(EmbedPurpose::Image), "image (purpose)"),
        (one().normalize(true), "(normalize)"),
        (one().r#type(EmbeddingType::Binary), "binary (types)"),
    ] {
        let error = NovaEmbed.encode_request(&request, &"m".into()).unwrap_err().to_string();
        assert!(error.contains(path), "{error}");
    }
}

#[test]
fn answers_keep_what_stands_beside_the_numbers() {
    let body = json!({"embeddings": [
        {"embeddingType": "TEXT", "embedding": [0.5, 1.0], "truncatedCharLength": 5}, {"embedding": [2.0, 3.0]},
    ], "new": 1});
    let response = decode(&body).unwrap();
    assert_eq!(response.view::<f32>().unwrap().as_slice(), [0.5, 1.0, 2.0, 3.0]);
    let written = NovaEmbed.encode_response(&response, &EmbedRequest::default()).unwrap();
    assert_eq!(serde_json::from_slice::<Value>(&written).unwrap(), body);
    let fresh = EmbedResponse { extra: Default::default(), ..response };
    let request = EmbedRequest::new("m").input(ImageBlock::new(ImageFormat::Png, b"x".to_vec()));
    let written: Value =
        serde_json::from_slice(&NovaEmbed.encode_response(&fresh, &request).unwrap()).unwrap();
    assert_eq!(written["embeddings"][1], json!({"embedding": [2.0, 3.0], "embeddingType": "IMAGE"}));

    for (body, place) in [
        (json!({}), "at ."),
        (json!({"embeddings": []}), "at embeddings"),
        (json!({"embeddings": [{"embeddingType": "TEXT"}]}), "at embeddings[0]"),
        (json!({"embeddings": [{"embedding": [1]}, {"embedding": [1, 2]}]}), "at embeddings[1].embedding"),
        (json!({"embeddings": [{"embedding": [null]}]}), "at embeddings[0].embedding[0]"),
    ] {
        let error = decode(&body).unwrap_err().to_string();
        assert!(error.contains(place), "{error} is not {place}");
    }
}
