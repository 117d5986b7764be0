//! Bodies of Titan, both ways.

use bedrock_llm_schema::embed::{Bits, EmbedPurpose, EmbedTruncation, EmbeddingType, Matrix, Vectors};
use bedrock_llm_schema::{EmbedRequest, ImageBlock, ImageFormat};
use serde_json::{Value, json};

use super::*;

const V1: TitanEmbed = TitanEmbed(Form::TextV1);
const V2: TitanEmbed = TitanEmbed(Form::TextV2);
const IMAGE: TitanEmbed = TitanEmbed(Form::Multimodal);

fn again(codec: TitanEmbed, body: &Value) -> EmbedRequest {
    let request = codec.decode_request(body.to_string().as_bytes()).unwrap();
    let written = codec.encode_request(&request, &"m".into()).unwrap();
    assert_eq!(serde_json::from_slice::<Value>(&written).unwrap(), *body);
    request
}

fn refusal(codec: TitanEmbed, request: &EmbedRequest) -> String {
    codec.encode_request(request, &"m".into()).unwrap_err().to_string()
}

fn decode(codec: TitanEmbed, body: &Value) -> Result<EmbedResponse, CodecError> {
    codec.decode_response(body.to_string().as_bytes(), &InvocationMetrics::default())
}

#[test]
fn requests_are_read_and_written_again() {
    let request = again(
        V2,
        &json!({"inputText": "a", "dimensions": 256, "normalize": false, "embeddingTypes": ["binary", "float"], "new": {"a": null}}),
    );
    assert_eq!((request.dimensions, request.normalize), (Some(256), Some(false)));
    assert_eq!(request.types, [EmbeddingType::Binary, EmbeddingType::Float]);
    assert_eq!(request.extra.keys().collect::<Vec<_>>(), ["new"]);
    // what is odd travels as it is
    let odd =
        again(V2, &json!({"inputText": "", "dimensions": "256", "normalize": null, "embeddingTypes": [1]}));
    assert_eq!((odd.dimensions, odd.extra.len()), (None, 3));
    assert_eq!(again(V1, &json!({"inputText": "a", "dimensions": 5})).dimensions, None);

    let config = json!({"outputEmbeddingLength": 384, "more": 1});
    let both =
        again(IMAGE, &json!({"inputText": "a", "inputImage": "iVBORw0KGgo=", "embeddingConfig": config}));
    assert_eq!(both.dimensions, Some(384));
    let formats: Vec<_> = both.inputs[0].images().map(|image| image.format.clone()).collect();
    assert_eq!((formats, both.inputs[0].texts().count()), (vec![ImageFormat::Png], 1));
    assert!(matches!(again(IMAGE, &json!({"inputImage": "{IMAGE}"})).inputs[..], [_]));
    again(IMAGE, &json!({"inputText": "a", "embeddingConfig": {}}));
}

#[test]
fn what_has_no_place_is_named() {
    let one = || EmbedRequest::new("m").input("a");
    assert!(refusal(V2, &EmbedRequest::new("m")).contains("(inputs)"));
    assert!(refusal(V2, &one().input("b")).contains("(inputs[1])"));
    assert!(refusal(V2, &one().truncation(EmbedTruncation::End)).contains("(truncation)"));
    assert!(refusal(V1, &one().dimensions(5)).contains("(dimensions)"));
    assert!(refusal(V1, &one().normalize(true)).contains("(normalize)"));
    assert!(refusal(IMAGE, &one().normalize(true)).contains("(normalize)"));
    assert!(refusal(IMAGE, &one().r#type(EmbeddingType::Int8)).contains("(types)"));
    let image = ImageBlock::new(ImageFormat::Png, b"x".to_vec());
    assert!(refusal(V2, &EmbedRequest::new("m").input(image.clone())).contains("images (inputs[0])"));
    let two = EmbedRequest::new("m").input(vec![image.clone().into(), image.into()]);
    assert!(refusal(IMAGE, &two).contains("(inputs[0])"));
    let elsewhere = EmbedRequest::new("m").input(ImageBlock::from_s3(ImageFormat::Png, "s3://b/k"));
    assert!(refusal(IMAGE, &elsewhere).contains("(inputs[0].image.source)"));
    // what says nothing else than the model does anyway is no error
    let plain = one().purpose(EmbedPurpose::Query).truncation(EmbedTruncation::Refuse);
    let plain = plain.r#type(EmbeddingType::Float);
    assert_eq!(&*V1.encode_request(&plain, &"m".into()).unwrap(), br#"{"inputText":"a"}"#);
}

#[test]
fn floats_are_read_once_and_bit_for_bit() {
    // a number whose nearest f32 is another one by way of f64
    let twice = json!({"embedding": [0.5, 1.5], "embeddingsByType": {"float": [9]}});
    let text = r#"{"embedding": [0.5, 1.000000059604644775390626], "inputTextTokenCount": 4.0}"#;
    let response = V2.decode_response(text.as_bytes(), &InvocationMetrics::default()).unwrap();
    let matrix = response.view::<f32>().unwrap();
    assert_eq!(
        matrix.as_slice()[1].to_bits(),
        "1.000000059604644775390626".parse::<f32>().unwrap().to_bits()
    );
    assert_eq!(response.input_tokens, Some(4));
    let response = decode(V2, &twice).unwrap();
    assert_eq!((response.vectors.len(), response.view::<f32>().unwrap().width()), (1, 2));
    let first = json!({"embeddingsByType": {"float": [9]}, "embedding": ["not read"]});
    assert_eq!(decode(V2, &first).unwrap().view::<f32>().unwrap().as_slice(), [9.0]);
}

#[test]
fn answers_are_written_in_the_form_they_came_in() {
    let (row, digits) = ([0.5; 8], [1, 0, 0, 0, 0, 0, 1, 1]);
    for body in [
        json!({"embedding": row, "inputTextTokenCount": 5}),
        json!({"embeddingsByType": {"binary": digits}}),
        json!({"embedding": row, "embeddingsByType": {"binary": digits}}),
        json!({"embedding": row, "embeddingsByType": {"binary": digits, "float": row}}),
        json!({"embedding": row, "embeddingsByType": {"float": row}}),
        json!({"embedding": row, "embeddingsByType": {}}),
        json!({"embedding": row, "embeddingsByType": {"int4": [1]}}),
        json!({"embeddingsByType": {"binary": digits, "float": row}, "message": null}),
    ] {
        for codec in [V1, V2, IMAGE] {
            let response = decode(codec, &body).unwrap();
            let written = codec.encode_response(&response, &EmbedRequest::default()).unwrap();
            assert_eq!(serde_json::from_slice::<Value>(&written).unwrap(), body, "{codec:?}");
        }
    }
    // the usual forms need no note, and an answer without one has the usual form
    let usual = json!({"embedding": row, "embeddingsByType": {"float": row}});
    assert!(decode(V2, &usual).unwrap().extra.is_empty());
    assert!(decode(IMAGE, &json!({"embedding": row, "embeddingsByType": null})).unwrap().extra.is_empty());
    let mut response = decode(V2, &json!({"embedding": row})).unwrap();
    response.extra.clear();
    let written = V2.encode_response(&response, &EmbedRequest::default()).unwrap();
    assert_eq!(serde_json::from_slice::<Value>(&written).unwrap(), usual);
}

#[test]
fn binary_vectors_are_packed_and_unpacked() {
    let digits = [1, 0, 0, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0, 0, 0, 1];
    let body = json!({"embedding": null, "embeddingsByType": {"binary": digits, "int4": [1]}, "inputTextTokenCount": 2});
    let response = decode(V2, &body).unwrap();
    assert_eq!(response.view::<Bits>().unwrap().as_slice(), [Bits(0x83), Bits(1)]);
    let written = V2.encode_response(&response, &EmbedRequest::default()).unwrap();
    let expected = json!({"embeddingsByType": {"binary": digits, "int4": [1]}, "inputTextTokenCount": 2});
    assert_eq!(serde_json::from_slice::<Value>(&written).unwrap(), expected);
    for bad in [json!([1, 0]), json!([2, 0, 0, 0, 0, 0, 0, 0]), json!([])] {
        let error = decode(V2, &json!({"embeddingsByType": {"binary": bad}})).unwrap_err().to_string();
        assert!(error.contains("embeddingsByType.binary"), "{error}");
    }
}

#[test]
fn what_is_no_answer_is_refused_with_its_place() {
    let places = [
        (json!({}), "at ."),
        (json!({"embedding": []}), "at embedding"),
        (json!({"embedding": [0.5, null]}), "at embedding[1]"),
        (json!({"embedding": [1e39]}), "at embedding[0]"),
        (json!({"embedding": [0.5], "inputTextTokenCount": -1}), "at inputTextTokenCount"),
    ];
    for (body, place) in places {
        let error = decode(V2, &body).unwrap_err().to_string();
        assert!(error.contains(place), "{error}");
    }
    let error = decode(IMAGE, &json!({"embedding": null, "message": "image too large"})).unwrap_err();
    let source = std::error::Error::source(&error).unwrap().to_string();
    assert!(source.contains("image too large"), "{source}");
    assert!(V2.decode_response(br#"{"embedding": [1]} x"#, &InvocationMetrics::default()).is_err());
}

#[test]
fn answers_that_the_body_cannot_carry_are_refused() {
    let floats = |rows: &[f32]| Vectors::Float(Matrix::from_values(rows.to_vec(), 1).unwrap());
    let bytes = Vectors::Int8(Matrix::from_values(vec![1], 1).unwrap());
    let bits = Vectors::Binary(Matrix::from_values(vec![Bits(1)], 1).unwrap());
    for (codec, vectors) in [
        (V2, vec![]),
        (V2, vec![floats(&[1.0, 2.0])]),
        (V2, vec![floats(&[f32::NAN])]),
        (V2, vec![bytes]),
        (V1, vec![bits]),
    ] {
        let response = EmbedResponse { vectors, ..EmbedResponse::default() };
        assert!(codec.encode_response(&response, &EmbedRequest::default()).is_err());
    }
    let response = EmbedResponse { vectors: vec![floats(&[0.1])], ..EmbedResponse::default() };
    let written = V1.encode_response(&response, &EmbedRequest::default()).unwrap();
    assert_eq!(&*written, br#"{"embedding":[0.1]}"#);
}
