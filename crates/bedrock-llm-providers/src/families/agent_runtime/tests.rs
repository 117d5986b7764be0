//! Bodies of the agent runtime's rankings, both ways.

use serde_json::{Value, json};

use super::*;

const ARN: &str = "arn:aws:bedrock:us-west-2::foundation-model/cohere.rerank-v3-5:0";

fn body() -> Value {
    json!({
        "queries": [{"type": "TEXT", "textQuery": {"text": "q"}}],
        "sources": [
            {"type": "INLINE", "inlineDocumentSource": {"type": "TEXT", "textDocument": {"text": "a"}}},
            {"type": "INLINE", "inlineDocumentSource": {"type": "JSON", "jsonDocument": {"title": "b", "n": null}}},
        ],
        "rerankingConfiguration": {"type": "BEDROCK_RERANKING_MODEL", "bedrockRerankingConfiguration": {
            "modelConfiguration": {"modelArn": ARN, "additionalModelRequestFields": {"max_tokens_per_doc": 9}},
            "numberOfResults": 1,
        }},
        "nextToken": "t",
    })
}

fn request_of(body: &Value) -> RerankRequest {
    AgentRuntimeRerank.decode_request(body.to_string().as_bytes()).unwrap()
}

fn again(body: &Value) -> RerankRequest {
    let request = request_of(body);
    let written = AgentRuntimeRerank.encode_request(&request, &request.model).unwrap();
    assert_eq!(serde_json::from_slice::<Value>(&written).unwrap(), *body);
    request
}

#[test]
fn requests_are_read_and_written_again() {
    let request = again(&body());
    assert_eq!((request.model.as_str(), request.query.as_str(), request.top_n), (ARN, "q", Some(1)));
    assert_eq!((request.api, request.next_token.as_deref()), (RerankApi::AgentRuntime, Some("t")));
    assert!(matches!(request.documents[..], [RerankDocument::Text(_), RerankDocument::Json(_)]));
    assert_eq!(Value::Object(request.extra), json!({"max_tokens_per_doc": 9}));

    let mut odd = body();
    odd["new"] = json!({"a": 1});
    odd["queries"][0]["more"] = json!(1);
    odd["sources"][0].as_object_mut().unwrap().shift_remove("type");
    let configuration = &mut odd["rerankingConfiguration"]["bedrockRerankingConfiguration"];
    configuration["modelConfiguration"]["additionalModelRequestFields"] = json!({});
    configuration["numberOfResults"] = json!("1");
    assert_eq!(again(&odd).extra.keys().collect::<Vec<_>>(), [AgentRuntimeRerank::BODY]);

    // the service would give five of them
    let mut all = body();
    let configuration = &mut all["rerankingConfiguration"]["bedrockRerankingConfiguration"];
    configuration["numberOfResults"] = json!(2);
    let request = RerankRequest { top_n: None, ..request_of(&all) };
    let written = AgentRuntimeRerank.encode_request(&request, &request.model).unwrap();
    assert_eq!(serde_json::from_slice::<Value>(&written).unwrap(), all);
    let configuration = &mut all["rerankingConfiguration"]["bedrockRerankingConfiguration"];
    configuration.as_object_mut().unwrap().shift_remove("numberOfResults");
    assert_eq!(again(&all).top_n, None);

    for (pointer, place) in [
        ("/queries", "queries[0]"),
        ("/sources", "sources"),
        ("/sources/1/inlineDocumentSource", "sources[1]"),
        ("/rerankingConfiguration", "modelArn"),
    ] {
        let mut body = body();
        *body.pointer_mut(pointer).unwrap() = json!(null);
        let error = AgentRuntimeRerank.decode_request(body.to_string().as_bytes()).unwrap_err().to_string();
        assert!(error.contains(place), "{error}");
    }
}

#[test]
fn answers_are_read_and_written_again() {
    let body = json!({"results": [
        {"index": 1, "relevanceScore": 0.5, "document": {"type": "TEXT", "textDocument": {"text": "a"}}},
        {"index": 0, "relevanceScore": 0.25, "document": {"type": "JSON", "jsonDocument": {"a": 1}}},
        {"index": 2, "relevanceScore": 0.0},
    ], "nextToken": "t", "new": 1});
    let metrics = InvocationMetrics::default();
    let response = AgentRuntimeRerank.decode_response(body.to_string().as_bytes(), &metrics).unwrap();
    assert_eq!((response.results.len(), response.next_token.as_deref()), (3, Some("t")));
    let written = AgentRuntimeRerank.encode_response(&response).unwrap();
    assert_eq!(serde_json::from_slice::<Value>(&written).unwrap(), body);
    let empty = AgentRuntimeRerank.decode_response(br#"{"results": [{"index": 0}]}"#, &metrics);
    assert!(empty.unwrap_err().to_string().contains("results[0]"));
}
