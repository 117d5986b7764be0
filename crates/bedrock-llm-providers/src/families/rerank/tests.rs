//! Bodies of rankings, both ways.

use serde_json::{Value, json};

use super::*;

fn again(codec: InvokeRerank, body: &Value) -> RerankRequest {
    let request = codec.decode_request(body.to_string().as_bytes()).unwrap();
    let written = codec.encode_request(&request, &"m".into()).unwrap();
    assert_eq!(serde_json::from_slice::<Value>(&written).unwrap(), *body);
    request
}

fn decode(body: &Value) -> Result<RerankResponse, CodecError> {
    InvokeRerank::cohere().decode_response(body.to_string().as_bytes(), &InvocationMetrics::default())
}

#[test]
fn requests_are_read_and_written_again() {
    let (cohere, amazon) = (InvokeRerank::cohere(), InvokeRerank::amazon());
    let body = json!({"query": "q", "documents": ["a", {"title": "b"}], "api_version": 2, "top_n": 1, "max_tokens_per_doc": 9});
    let request = again(cohere, &body);
    assert_eq!((request.documents.len(), request.top_n, request.extra.len()), (2, Some(1), 2));
    let plain = RerankRequest { extra: Extra::new(), ..request };
    let written: Value =
        serde_json::from_slice(&cohere.encode_request(&plain, &"m".into()).unwrap()).unwrap();
    assert_eq!(written["documents"], json!(["a", "{\"title\":\"b\"}"]));
    again(cohere, &json!({"query": "q", "documents": [], "api_version": 3, "top_n": null}));
    again(cohere, &json!({"query": "q", "documents": ["a"]}));
    let plain = again(amazon, &json!({"query": "q", "documents": ["a"], "top_n": 1}));
    assert!(plain.extra.is_empty());
    again(amazon, &json!({"query": "q", "documents": ["a"], "api_version": 2}));
    let paged = RerankRequest { next_token: Some("t".to_owned()), ..RerankRequest::new("m", "q") };
    assert!(amazon.encode_request(&paged, &"m".into()).unwrap_err().to_string().contains("(nextToken)"));
    for (body, place) in [
        (json!({"documents": []}), "at query"),
        (json!({"query": "q"}), "at documents"),
        (json!({"query": "q", "documents": ["a", 1]}), "at documents[1]"),
    ] {
        let error = cohere.decode_request(body.to_string().as_bytes()).unwrap_err().to_string();
        assert!(error.contains(place), "{error}");
    }
}

#[test]
fn answers_are_read_and_written_again() {
    let body = json!({"id": "1", "meta": {"api_version": {"version": "2"}}, "results": [
        {"index": 2, "relevance_score": 0.5, "document": {"text": "a"}},
        {"index": 0, "relevance_score": 0.25, "document": {"text": "a", "title": "b"}}, {"index": 1, "relevance_score": 0.0},
        {"index": 3, "relevance_score": 0.0, "document": "bare"},
    ]});
    let response = decode(&body).unwrap();
    assert_eq!(response.results[0].document, Some("a".into()));
    assert_eq!(response.results[3].document, Some("bare".into()));
    assert_eq!(response.results.iter().map(|result| result.index).collect::<Vec<_>>(), [2, 0, 1, 3]);
    let written = InvokeRerank::cohere().encode_response(&response).unwrap();
    assert_eq!(serde_json::from_slice::<Value>(&written).unwrap(), body);
    let text = r#"{"results": [{"index": 0, "relevance_score": 1.000000059604644775390626}]}"#;
    let exact =
        InvokeRerank::amazon().decode_response(text.as_bytes(), &InvocationMetrics::default()).unwrap();
    let parsed: f32 = "1.000000059604644775390626".parse().unwrap();
    assert_eq!(exact.results[0].relevance_score.to_bits(), parsed.to_bits());
}

#[test]
fn what_is_no_answer_is_refused() {
    for (results, place) in [
        (json!([{"index": -1, "relevance_score": 0.5}]), "results[0].index"),
        (json!([{"index": 0, "relevance_score": null}]), "results[0].relevance_score"),
        (json!(null), "results"),
    ] {
        let error = decode(&json!({"results": results})).unwrap_err().to_string();
        assert!(error.contains(place), "{error}");
    }
    let result = RerankResult { index: 0, relevance_score: f32::NAN, document: None };
    let response = RerankResponse { results: vec![result], ..RerankResponse::default() };
    assert!(InvokeRerank::cohere().encode_response(&response).is_err());
    let paged = RerankResponse { next_token: Some("t".to_owned()), ..RerankResponse::default() };
    assert!(InvokeRerank::cohere().encode_response(&paged).is_err());
}
