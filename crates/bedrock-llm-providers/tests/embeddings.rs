//! Codecs of embeddings and rankings over anything a request or an answer can hold: what is written is read again.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use bedrock_llm_providers::families::agent_runtime::AgentRuntimeRerank;
use bedrock_llm_providers::families::cohere::CohereEmbed;
use bedrock_llm_providers::families::nova::NovaEmbed;
use bedrock_llm_providers::families::rerank::InvokeRerank;
use bedrock_llm_providers::families::titan::TitanEmbed;
use bedrock_llm_providers::{EmbedCodec, InvocationMetrics, Registry, RerankCodec};
use bedrock_llm_schema::embed::{
    Bits, EmbedInput, EmbedPart, EmbedPurpose, EmbedTruncation, EmbeddingType, Matrix, Vectors,
};
use bedrock_llm_schema::rerank::{RerankApi, RerankDocument, RerankResult};
use bedrock_llm_schema::{
    EmbedRequest, EmbedResponse, ImageBlock, ImageFormat, ModelId, RerankRequest, RerankResponse,
};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use serde_json::{Map, Value, json};

fn again(codec: &dyn EmbedCodec, request: &EmbedRequest) -> EmbedRequest {
    codec.decode_request(&codec.encode_request(request, &request.model).unwrap()).unwrap()
}

fn answered(codec: &dyn EmbedCodec, response: &EmbedResponse) -> EmbedResponse {
    let body = codec.encode_response(response, &EmbedRequest::default()).unwrap();
    codec.decode_response(&body, &InvocationMetrics::default()).unwrap()
}

fn text() -> impl Strategy<Value = String> {
    any::<String>()
}

fn png() -> impl Strategy<Value = ImageBlock> {
    vec(any::<u8>(), 0..20).prop_map(|tail| {
        let bytes = [b"\x89PNG\r\n\x1a\n".as_slice(), &tail].concat();
        ImageBlock::new(ImageFormat::Png, bytes)
    })
}

fn extra() -> impl Strategy<Value = Map<String, Value>> {
    let value =
        prop_oneof![any::<i64>().prop_map(Value::from), text().prop_map(Value::from), Just(json!([1, null]))];
    prop::collection::btree_map("x[a-z]{0,3}", value, 0..3).prop_map(|members| members.into_iter().collect())
}

fn truncation() -> impl Strategy<Value = EmbedTruncation> {
    prop::sample::select(vec![EmbedTruncation::Refuse, EmbedTruncation::Start, EmbedTruncation::End])
}

fn purpose(offered: &'static [EmbedPurpose]) -> impl Strategy<Value = EmbedPurpose> {
    prop::sample::select(offered)
}

const COHERE: &[EmbedPurpose] =
    &[EmbedPurpose::Document, EmbedPurpose::Query, EmbedPurpose::Classification, EmbedPurpose::Image];
const NOVA: &[EmbedPurpose] = &[EmbedPurpose::Document, EmbedPurpose::AudioQuery, EmbedPurpose::Clustering];

fn cohere_inputs() -> impl Strategy<Value = Vec<EmbedInput>> {
    let part = prop_oneof![text().prop_map(EmbedPart::Text), png().prop_map(EmbedPart::Image)];
    prop_oneof![
        vec(text().prop_map(EmbedInput::Text), 1..4),
        vec(png().prop_map(EmbedInput::Image), 1..4),
        vec(vec(part, 1..4).prop_map(EmbedInput::Mixed), 1..4),
    ]
}

fn matrix<T: Clone + std::fmt::Debug>(
    number: impl Strategy<Value = T>,
    width: usize,
    rows: usize,
) -> impl Strategy<Value = Matrix<T>> {
    vec(number, width * rows).prop_map(move |values| Matrix::from_values(values, width).unwrap())
}

/// Every finite float.
fn float() -> impl Strategy<Value = f32> {
    any::<u32>().prop_map(f32::from_bits).prop_filter("JSON has no other", |number| number.is_finite())
}

fn bits() -> impl Strategy<Value = Bits> {
    any::<u8>().prop_map(Bits)
}

proptest! {
    #[test]
    fn titan_requests(
        text in text(), image in png(), dimensions in option::of(any::<u32>()),
        normalize in option::of(any::<bool>()), binary in any::<bool>(), extra in extra(), which in 0..3_usize,
    ) {
        let plain = EmbedRequest { dimensions, extra, ..EmbedRequest::default() };
        let types = if binary { vec![EmbeddingType::Binary, EmbeddingType::Float] } else { Vec::new() };
        let v2 = EmbedRequest { normalize, types, ..plain.clone() }.input(text.clone());
        prop_assert_eq!(again(&TitanEmbed::text_v2(), &v2), v2);
        let v1 = EmbedRequest { dimensions: None, ..plain.clone() }.input(text.clone());
        prop_assert_eq!(again(&TitanEmbed::text_v1(), &v1), v1);
        let both = vec![EmbedPart::from(text.clone()), EmbedPart::from(image.clone())];
        let input: EmbedInput = [EmbedInput::from(text), EmbedInput::from(image), EmbedInput::from(both)][which].clone();
        let multimodal = plain.input(input);
        prop_assert_eq!(again(&TitanEmbed::multimodal(), &multimodal), multimodal);
    }

    #[test]
    fn cohere_requests(
        inputs in cohere_inputs(), purpose in option::of(purpose(COHERE)), truncation in option::of(truncation()),
        dimensions in option::of(any::<u32>()), int8 in any::<bool>(), extra in extra(),
    ) {
        let types = if int8 { vec![EmbeddingType::Int8] } else { Vec::new() };
        let v4 = EmbedRequest { inputs, purpose, truncation, dimensions, types, extra, ..EmbedRequest::default() };
        prop_assert_eq!(again(&CohereEmbed::v4(), &v4), v4.clone());
        if !v4.inputs.iter().any(|input| matches!(input, EmbedInput::Mixed(_))) {
            let v3 = EmbedRequest { dimensions: None, ..v4 };
            prop_assert_eq!(again(&CohereEmbed::v3(), &v3), v3);
        }
    }

    #[test]
    fn nova_requests(
        text in text(), image in png(), is_text in any::<bool>(), purpose in option::of(purpose(NOVA)),
        dimensions in option::of(any::<u32>()), truncation in truncation(), extra in extra(),
    ) {
        let request = EmbedRequest { purpose, dimensions, extra, ..EmbedRequest::default() };
        let request = if is_text { request.input(text).truncation(truncation) } else { request.input(image) };
        prop_assert_eq!(again(&NovaEmbed, &request), request);
    }

    #[test]
    fn answers_keep_every_bit(
        floats in matrix(float(), 5, 3), bytes in matrix(any::<i8>(), 5, 3), unsigned in matrix(any::<u8>(), 5, 3),
        packed in matrix(bits(), 5, 3), row in matrix(float(), 16, 1), binary in matrix(bits(), 2, 1),
        input_tokens in option::of(0..1_u64 << 53), extra in extra(),
    ) {
        let types = [
            Vectors::Float(floats.clone()), Vectors::Int8(bytes), Vectors::Uint8(unsigned),
            Vectors::Binary(packed.clone()), Vectors::Ubinary(packed),
        ];
        let mut cohere = EmbedResponse { vectors: types.to_vec(), extra, ..EmbedResponse::default() };
        cohere.extra.insert("response_type".to_owned(), "embeddings_by_type".into());
        prop_assert_eq!(answered(&CohereEmbed::v4(), &cohere), cohere.clone());
        let plain = EmbedResponse { vectors: vec![Vectors::Float(floats)], ..EmbedResponse::default() };
        prop_assert_eq!(answered(&CohereEmbed::v3(), &plain).vectors, plain.vectors.clone());
        prop_assert_eq!(answered(&NovaEmbed, &plain).vectors, plain.vectors);

        cohere.extra.shift_remove("response_type");
        let titan = |vectors| EmbedResponse { vectors, input_tokens, extra: cohere.extra.clone(), ..EmbedResponse::default() };
        let v2 = titan(vec![Vectors::Float(row.clone()), Vectors::Binary(binary)]);
        prop_assert_eq!(answered(&TitanEmbed::text_v2(), &v2), v2);
        let v1 = titan(vec![Vectors::Float(row)]);
        prop_assert_eq!(answered(&TitanEmbed::text_v1(), &v1), v1);
    }

    #[test]
    fn rankings(
        query in text(), texts in vec(text(), 0..4), object in extra(), top_n in option::of(any::<u32>()),
        token in option::of("[a-z]{1,5}"), scores in vec(float(), 0..4), extra in extra(),
    ) {
        let documents = texts.into_iter().map(RerankDocument::from);
        let request = RerankRequest { top_n, extra: extra.clone(), ..RerankRequest::new("", query) }.documents(documents);
        for codec in [InvokeRerank::cohere(), InvokeRerank::amazon()] {
            let body = codec.encode_request(&request, &request.model).unwrap();
            prop_assert_eq!(codec.decode_request(&body).unwrap(), request.clone());
        }
        let agent = RerankRequest { model: "arn:a".into(), next_token: token.clone(), ..request.clone() };
        // where nothing is said, all are asked for
        let agent = agent.api(RerankApi::AgentRuntime).document(object).top_n(top_n.unwrap_or(1));
        let body = AgentRuntimeRerank.encode_request(&agent, &agent.model).unwrap();
        prop_assert_eq!(AgentRuntimeRerank.decode_request(&body).unwrap(), agent);

        let document = request.documents.first().filter(|document| matches!(document, RerankDocument::Text(_)));
        let result = |(index, score)| RerankResult { index, relevance_score: score, document: document.cloned() };
        let results = scores.into_iter().enumerate().map(result).collect();
        let response = RerankResponse { results, extra, ..RerankResponse::default() };
        let metrics = InvocationMetrics::default();
        let body = InvokeRerank::cohere().encode_response(&response).unwrap();
        prop_assert_eq!(InvokeRerank::cohere().decode_response(&body, &metrics).unwrap(), response.clone());
        let paged = RerankResponse { next_token: token, ..response };
        let body = AgentRuntimeRerank.encode_response(&paged).unwrap();
        prop_assert_eq!(AgentRuntimeRerank.decode_response(&body, &metrics).unwrap(), paged);
    }

    #[test]
    fn any_bytes_are_an_answer_or_an_error(bytes in vec(any::<u8>(), 0..60)) {
        let registry = Registry::builtin();
        for codec in registry.embed_codecs() {
            let _ = codec.decode_request(&bytes);
            let _ = codec.decode_response(&bytes, &InvocationMetrics::default());
        }
        for codec in registry.rerank_codecs() {
            let _ = codec.decode_request(&bytes);
            let _ = codec.decode_response(&bytes, &InvocationMetrics::default());
        }
    }
}

#[test]
fn the_registry_knows_each_model_and_its_regional_names() {
    let registry = Registry::builtin();
    for (model, name) in [
        ("amazon.titan-embed-text-v1", "amazon-titan-embed-text-v1"),
        ("amazon.titan-embed-text-v1:2:8k", "amazon-titan-embed-text-v1"),
        ("amazon.titan-embed-g1-text-02", "amazon-titan-embed-text-v1"),
        ("amazon.titan-embed-text-v2:0", "amazon-titan-embed-text-v2"),
        (
            "arn:aws:bedrock:us-east-1::foundation-model/amazon.titan-embed-text-v2:0",
            "amazon-titan-embed-text-v2",
        ),
        ("amazon.titan-embed-image-v1", "amazon-titan-embed-image"),
        ("cohere.embed-english-v3", "cohere-embed-v3"),
        ("cohere.embed-multilingual-v3:0:512", "cohere-embed-v3"),
        ("cohere.embed-v4:0", "cohere-embed-v4"),
        ("us.cohere.embed-v4:0", "cohere-embed-v4"),
        ("global.cohere.embed-v4:0", "cohere-embed-v4"),
        ("us.amazon.nova-2-multimodal-embeddings-v1:0", "amazon-nova-embed"),
    ] {
        assert_eq!(registry.embed(&model.into()).unwrap().name(), name, "{model}");
    }
    for (model, name) in [("cohere.rerank-v3-5:0", "cohere-rerank"), ("amazon.rerank-v1:0", "amazon-rerank")]
    {
        assert_eq!(registry.rerank(&model.into()).unwrap().name(), name, "{model}");
    }
    for model in ["amazon.titan-text-express-v1", "amazon.nova-lite-v1:0", "cohere.command-r-v1:0"] {
        let model = ModelId::from(model);
        assert!(registry.embed_for_request(&model, br#"{"inputText": "a"}"#).is_err(), "{model}");
        assert!(
            registry.rerank_for_request(&model, br#"{"query": "a", "documents": []}"#).is_err(),
            "{model}"
        );
    }
}

#[test]
fn an_id_that_does_not_tell_leaves_it_to_the_body() {
    let registry = Registry::builtin();
    let profile =
        ModelId::from("arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/otnfa2ysixqd");
    let embed = |body: Value| {
        registry.embed_for_request(&profile, body.to_string().as_bytes()).map(|codec| codec.name()).ok()
    };
    assert_eq!(embed(json!({"inputText": "a", "normalize": true})), Some("amazon-titan-embed-text-v2"));
    assert_eq!(embed(json!({"inputText": "a", "inputImage": "b"})), Some("amazon-titan-embed-image"));
    assert_eq!(embed(json!({"taskType": "x", "singleEmbeddingParams": {}})), Some("amazon-nova-embed"));
    assert_eq!(embed(json!({"texts": ["a"], "input_type": "x"})), Some("cohere-embed-v4"));
    assert_eq!(embed(json!({"inputs": [{"content": []}], "input_type": "x"})), Some("cohere-embed-v4"));
    for chat in [
        json!({"inputText": "a", "textGenerationConfig": {}}),
        json!({"inputs": "a", "parameters": {"max_new_tokens": 9}}),
        json!({"inputs": "a", "input_type": "x"}),
        json!({"prompt": "a", "images": ["aGVsbG8="]}),
        json!({"texts": ["a"]}),
    ] {
        assert_eq!(embed(chat), None);
    }
    let rerank = |body: Value| {
        registry.rerank_for_request(&profile, body.to_string().as_bytes()).map(|codec| codec.name()).ok()
    };
    assert_eq!(rerank(json!({"query": "a", "documents": [], "api_version": 2})), Some("cohere-rerank"));
    assert_eq!(rerank(json!({"query": "a", "documents": []})), Some("amazon-rerank"));
    assert_eq!(rerank(json!({"query": "a"})), None);
}

/// A body with one value in it replaced by another, in every way.
fn odd(body: &Value) -> Vec<Value> {
    let others = || [json!(null), json!(-1), json!("x"), json!([]), json!({}), json!([{}, 1]), json!(1e300)];
    let mut found: Vec<_> = others().to_vec();
    let mut within = |place: &dyn Fn(&mut Value) -> &mut Value, inner: &Value| {
        found.extend(odd(inner).into_iter().map(|other| {
            let mut body = body.clone();
            *place(&mut body) = other;
            body
        }));
    };
    match body {
        Value::Object(members) => {
            members.iter().for_each(|(name, inner)| within(&|body| &mut body[name.as_str()], inner));
        }
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(place, inner)| within(&|body| &mut body[place], inner));
        }
        _ => {}
    }
    found
}

/// Without null members.
fn told(value: Value) -> Value {
    match value {
        Value::Object(members) => {
            let told = members.into_iter().filter(|(_, value)| !value.is_null());
            Value::Object(told.map(|(name, value)| (name, self::told(value))).collect())
        }
        Value::Array(items) => items.into_iter().map(told).collect(),
        other => other,
    }
}

#[test]
fn odd_bodies_are_refused_or_come_back_as_they_were() {
    let image = "data:image/png;base64,iVBORw0KGgo=";
    let part = json!({"type": "image_url", "image_url": {"url": image}});
    let source =
        json!({"type": "INLINE", "inlineDocumentSource": {"type": "TEXT", "textDocument": {"text": "a"}}});
    let bodies = [
        json!({"inputText": "a", "inputImage": "iVBORw0KGgo=", "embeddingConfig": {"outputEmbeddingLength": 5},
            "dimensions": 5, "normalize": true, "embeddingTypes": ["float"]}),
        json!({"texts": ["a", "b"], "input_type": "image", "truncate": "END", "embedding_types": ["int8"], "output_dimension": 5}),
        json!({"images": [image]}),
        json!({"inputs": [{"content": [{"type": "text", "text": "a"}, part]}]}),
        json!({"taskType": "SINGLE_EMBEDDING", "singleEmbeddingParams": {"embeddingPurpose": "CLUSTERING",
            "embeddingDimension": 5, "text": {"value": "a", "truncationMode": "END"}}}),
        json!({"singleEmbeddingParams": {"image": {"format": "png", "source": {"bytes": "aGVsbG8="}}}}),
        json!({"query": "a", "documents": ["a", {"b": "c"}], "top_n": 1, "api_version": 2}),
        json!({"queries": [{"type": "TEXT", "textQuery": {"text": "a"}}], "sources": [source], "nextToken": "a",
            "rerankingConfiguration": {"type": "BEDROCK_RERANKING_MODEL", "bedrockRerankingConfiguration": {
                "numberOfResults": 1, "modelConfiguration": {"modelArn": "a", "additionalModelRequestFields": {"a": 1}}}}}),
        json!({"embedding": [0.5], "embeddingsByType": {"binary": [1, 0, 1, 0, 1, 0, 1, 0]}, "inputTextTokenCount": 1}),
        json!({"embeddings": {"float": [[0.5], [1]], "int8": [[1], [2]]}, "texts": ["a"]}),
        json!({"embeddings": [{"embedding": [0.5], "embeddingType": "TEXT"}]}),
        json!({"results": [{"index": 0, "relevance_score": 0.5, "relevanceScore": 0.5, "document": {"text": "a"}}]}),
    ];
    let registry = Registry::builtin();
    let metrics = InvocationMetrics::default();
    let mut count = 0;
    for odd in bodies.iter().flat_map(odd) {
        let bytes = odd.to_string().into_bytes();
        let is_again =
            |written: &[u8]| assert_eq!(told(serde_json::from_slice(written).unwrap()), told(odd.clone()));
        for codec in registry.embed_codecs() {
            if let Ok(request) = codec.decode_request(&bytes)
                && let Ok(written) = codec.encode_request(&request, &request.model)
            {
                is_again(&written);
                count += 1;
            }
            if let Ok(response) = codec.decode_response(&bytes, &metrics)
                && let Ok(written) = codec.encode_response(&response, &EmbedRequest::default())
            {
                assert_eq!(codec.decode_response(&written, &metrics).unwrap().vectors, response.vectors);
            }
        }
        for codec in registry.rerank_codecs().chain([&AgentRuntimeRerank as &dyn RerankCodec]) {
            if let Ok(request) = codec.decode_request(&bytes) {
                is_again(&codec.encode_request(&request, &request.model).unwrap());
                count += 1;
            }
            if let Ok(response) = codec.decode_response(&bytes, &metrics) {
                let written = codec.encode_response(&response).unwrap();
                assert_eq!(codec.decode_response(&written, &metrics).unwrap().results, response.results);
            }
        }
    }
    assert!(count > 300, "{count}");
}
