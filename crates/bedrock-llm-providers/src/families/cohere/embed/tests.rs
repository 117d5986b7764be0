//! Bodies of Cohere Embed, both ways.

use bedrock_llm_schema::embed::{Bits, EmbedInput, EmbedPurpose, EmbedTruncation, EmbeddingType};
use bedrock_llm_schema::{ImageBlock, ImageFormat};
use serde_json::{Value, json};

use super::*;

const V3: CohereEmbed = CohereEmbed(Version::V3);
const V4: CohereEmbed = CohereEmbed(Version::V4);

fn again(codec: CohereEmbed, body: &Value) -> EmbedRequest {
    let request = codec.decode_request(body.to_string().as_bytes()).unwrap();
    let written = codec.encode_request(&request, &"m".into()).unwrap();
    assert_eq!(serde_json::from_slice::<Value>(&written).unwrap(), *body);
    request
}

fn decode(codec: CohereEmbed, body: &Value) -> Result<EmbedResponse, CodecError> {
    codec.decode_response(body.to_string().as_bytes(), &InvocationMetrics::default())
}

/// Reads an answer and writes it again.
fn answered(codec: CohereEmbed, body: &Value) -> EmbedResponse {
    let response = decode(codec, body).unwrap();
    let written = codec.encode_response(&response, &EmbedRequest::default()).unwrap();
    assert_eq!(serde_json::from_slice::<Value>(&written).unwrap(), *body);
    response
}

#[test]
fn requests_are_read_and_written_again() {
    let request = again(
        V4,
        &json!({"texts": ["a", "b"], "input_type": "search_query", "truncate": "START", "output_dimension": 256,
                "embedding_types": ["float", "ubinary", "int4"], "max_tokens": 99, "new": null}),
    );
    assert_eq!(request.inputs, [EmbedInput::from("a"), EmbedInput::from("b")]);
    assert_eq!(
        (request.purpose, request.truncation),
        (Some(EmbedPurpose::Query), Some(EmbedTruncation::Start))
    );
    assert_eq!((request.dimensions, request.extra.len()), (Some(256), 2));
    assert_eq!(request.types[2], EmbeddingType::Unknown("int4".to_owned()));
    let guide = again(V4, &json!({"texts": ["a"], "truncate": "RIGHT", "input_type": "other"}));
    assert_eq!(guide.truncation, Some(EmbedTruncation::Unknown("RIGHT".to_owned())));
    assert_eq!(guide.purpose, Some(EmbedPurpose::Unknown("other".to_owned())));
    assert_eq!(again(V3, &json!({"texts": [], "output_dimension": 5})).dimensions, None);

    let images = again(
        V3,
        &json!({"images": ["data:image/jpeg;base64,aGVsbG8=", "https://x"], "input_type": "image"}),
    );
    assert_eq!((images.inputs.len(), images.purpose), (2, Some(EmbedPurpose::Image)));
    again(V4, &json!({"texts": ["a"], "images": ["data:image/jpeg;base64,aGVsbG8="]}));
}

#[test]
fn contents_of_several_parts_are_kept_in_any_form() {
    let text = json!({"type": "text", "text": "a"});
    let image = json!({"type": "image_url", "image_url": "data:image/png;base64,aGVsbG8="});
    let plain = again(V4, &json!({"inputs": [{"content": [text, image]}, {"content": [text]}]}));
    assert!(plain.extra.is_empty());
    assert_eq!(
        plain.inputs.iter().map(|input| input.texts().count() + input.images().count()).max(),
        Some(2)
    );
    let object =
        json!({"type": "image_url", "image_url": {"url": "data:image/png;base64,aGVsbG8=", "detail": "low"}});
    let odd = json!({"inputs": [{"content": [text, object, {"type": "hologram"}], "id": 7}]});
    let kept = again(V4, &odd);
    assert_eq!((kept.inputs[0].texts().count(), kept.inputs[0].images().count()), (1, 1));

    let mixed = EmbedRequest::new("m").input("a").input(ImageBlock::new(ImageFormat::Png, b"hello".to_vec()));
    let body: Value = serde_json::from_slice(&V4.encode_request(&mixed, &"m".into()).unwrap()).unwrap();
    assert_eq!(body, json!({"inputs": [{"content": [text]}, {"content": [image]}]}));
}

#[test]
fn what_has_no_place_is_named() {
    let image = || ImageBlock::new(ImageFormat::Png, b"x".to_vec());
    let one = || EmbedRequest::new("m").input("a");
    let elsewhere = ImageBlock::from_s3(ImageFormat::Png, "s3://b/k");
    for (codec, request, path) in [
        (V4, EmbedRequest::new("m"), "(inputs)"),
        (V4, one().input(Vec::new()), "(inputs[1])"),
        (V4, one().input(elsewhere), "(inputs[1].image.source)"),
        (V4, one().purpose(EmbedPurpose::TextQuery), "textQuery (purpose)"),
        (V4, one().normalize(false), "(normalize)"),
        (V3, one().dimensions(256), "(dimensions)"),
        (V3, one().input(image()), "(inputs)"),
    ] {
        let error = codec.encode_request(&request, &"m".into()).unwrap_err().to_string();
        assert!(error.contains(path), "{error}");
    }
    for (body, place) in [
        (json!({}), "at texts"),
        (json!({"texts": "a"}), "at texts"),
        (json!({"texts": ["a", 1]}), "at texts[1]"),
    ] {
        let error = V4.decode_request(body.to_string().as_bytes()).unwrap_err().to_string();
        assert!(error.contains(place), "{error}");
    }
}

#[test]
fn answers_are_read_as_a_list_and_by_type() {
    let plain = json!({"embeddings": [[0.5, 1.0], [2.0, 3.0]], "id": "1", "response_type": "embeddings_floats", "texts": ["a", "b"]});
    let response = answered(V3, &plain);
    assert_eq!(response.view::<f32>().unwrap().rows().len(), 2);
    assert_eq!(response.extra.len(), 3);
    let by_type = json!({"embeddings": {
        "float": vec![[0.5; 8]], "int8": [[-128, 127, 0, 0, 0, 0, 0, 0]], "uint8": [[0, 255, 0, 0, 0, 0, 0, 0]],
        "binary": [[-125]], "ubinary": [[131]], "base64": ["AAAA"],
    }, "response_type": "embeddings_by_type"});
    let response = answered(V3, &by_type);
    assert_eq!(response.vectors.len(), 5);
    assert_eq!(response.view::<i8>().unwrap().as_slice()[..2], [-128, 127]);
    assert_eq!(response.view::<u8>().unwrap().as_slice()[1], 255);
    let packed: Vec<_> =
        response.vectors.iter().filter_map(<Bits as bedrock_llm_schema::embed::Element>::view).collect();
    assert_eq!((packed[0].as_slice(), packed[1].as_slice()), (&[Bits(0x83)][..], &[Bits(0x83)][..]));
    assert!(response.vectors.iter().all(|vectors| vectors.dimensions() == 8));
}

#[test]
fn answers_are_written_as_they_came_whatever_was_asked() {
    for body in [
        json!({"embeddings": [[0.5]]}),
        json!({"embeddings": {"float": [[0.5]]}}),
        json!({"embeddings": [[0.5]], "id": "1"}),
        json!({"embeddings": {"int8": [[1]]}, "id": "1", "texts": ["b"]}),
        json!({"embeddings": {"float": [[0.5]]}, "id": "1", "response_type": "embeddings_by_type"}),
        json!({"embeddings": {"base64": ["AAAA"]}, "response_type": "embeddings_by_type"}),
    ] {
        for codec in [V3, V4] {
            let response = decode(codec, &body).unwrap();
            let written = codec.encode_response(&response, &EmbedRequest::new("m").input("a")).unwrap();
            assert_eq!(serde_json::from_slice::<Value>(&written).unwrap(), body, "{codec:?}");
        }
    }
    let others = decode(V4, &json!({"embeddings": {"float": null, "base64": ["AAAA"]}})).unwrap();
    assert!(others.vectors.is_empty() && others.extra["embeddings"]["base64"].is_array());
    let null_beside = decode(V3, &json!({"embeddings": {"float": null, "int8": [[1]]}})).unwrap();
    assert_eq!(null_beside.vectors.len(), 1);
    assert!(decode(V4, &json!({"embeddings": {"float": null, "base64": null}})).is_err());
}

#[test]
fn an_answer_takes_the_form_of_its_version() {
    let vectors = decode(V4, &json!({"embeddings": [[0.5]]})).unwrap().vectors;
    let response = EmbedResponse { vectors, ..EmbedResponse::default() };
    let request = EmbedRequest::new("m").input("a");
    let write = |codec: CohereEmbed, request: &EmbedRequest| {
        let written = codec.encode_response(&response, request).unwrap();
        serde_json::from_slice::<Value>(&written).unwrap()
    };
    let by_type =
        json!({"embeddings": {"float": [[0.5]]}, "response_type": "embeddings_by_type", "texts": ["a"]});
    assert_eq!(write(V4, &request), by_type);
    assert_eq!(write(V3, &request)["response_type"], "embeddings_floats");
    assert_eq!(write(V3, &request.r#type(EmbeddingType::Float)), by_type);
}

#[test]
fn what_is_no_answer_is_refused_with_its_place() {
    for (embeddings, place) in [
        (json!(null), "at embeddings"),
        (json!([]), "at embeddings"),
        (json!({}), "at embeddings"),
        (json!([[0.5], [0.5, 1.0]]), "at embeddings[1]"),
        (json!([[0.5], []]), "at embeddings[1]"),
        (json!({"float": [[0.5, null]]}), "at embeddings.float[0][1]"),
        (json!({"int8": [[128]]}), "at embeddings.int8[0][0]"),
        (json!({"float": [[1]], "int8": [[1], [1]]}), "at embeddings"),
    ] {
        let error = decode(V4, &json!({"embeddings": embeddings})).unwrap_err().to_string();
        assert!(error.contains(place), "{error} is not {place}");
    }
    assert!(decode(V4, &json!({"id": "1"})).is_err());
}
