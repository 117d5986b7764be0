//! The command on embeddings and rankings of our own making: every family, type and API, and what it must fail.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::path::{Path, PathBuf};

use assert_cmd::Command;
use predicates::prelude::*;
use predicates::str::contains;
use serde_json::{Value, json};

const PNG: &str = "iVBORw0KGgo=";

/// A folder with these exchanges in it, written as they are.
fn folder(name: &str, exchanges: &[String]) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    for (number, exchange) in exchanges.iter().enumerate() {
        std::fs::write(folder.join(format!("{number}.json")), exchange).unwrap();
    }
    folder
}

fn conformance(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_conformance"));
    command.arg("--recordings").arg(folder);
    command
}

fn exchange(model: &str, request: &Value, status: u16, response: &str) -> String {
    let path = format!("/model/{}/invoke", model.replace(':', "%3A").replace('/', "%2F"));
    let mut exchange = json!({
        "id": "0", "service": "bedrock-runtime", "operation": "InvokeModel", "model_id": model,
        "request": {"method": "POST", "path": path, "headers": {}, "body": request},
        "response": {"status": status, "body": "HERE", "headers": {"x-amzn-requestid": "r-1"}},
    });
    if !model.contains("titan") && !model.contains("arn:") {
        exchange["response"]["headers"]["x-amzn-bedrock-input-token-count"] = json!("7");
    }
    // in the very digits
    exchange.to_string().replace("\"HERE\"", response)
}

fn ranking(request: &Value, status: u16, response: &str) -> String {
    let exchange = json!({
        "id": "0", "service": "bedrock-agent-runtime", "operation": "Rerank",
        "model_id": "arn:aws:bedrock:us-east-1::foundation-model/cohere.rerank-v3-5:0",
        "request": {"method": "POST", "path": "/rerank", "headers": {}, "body": request},
        "response": {"status": status, "body": "HERE", "headers": {"x-amzn-requestid": "r-1"}},
    });
    exchange.to_string().replace("\"HERE\"", response)
}

fn nova(parameters: &Value) -> Value {
    json!({"schemaVersion": "nova-multimodal-embed-v1", "taskType": "SINGLE_EMBEDDING", "singleEmbeddingParams": parameters})
}

fn rerank(sources: &Value) -> Value {
    json!({
        "queries": [{"type": "TEXT", "textQuery": {"text": "q"}}],
        "sources": sources,
        "rerankingConfiguration": {"type": "BEDROCK_RERANKING_MODEL", "bedrockRerankingConfiguration": {
            "modelConfiguration": {"modelArn": "arn:aws:bedrock:us-east-1::foundation-model/cohere.rerank-v3-5:0"},
        }},
    })
}

/// Eight numbers of 0 and 1 for each of 256 dimensions.
fn digits() -> String {
    let digits: Vec<_> = (0..256).map(|place| if place % 3 == 0 { "1" } else { "0" }).collect();
    format!("[{}]", digits.join(","))
}

#[test]
fn embeddings_of_every_family_and_type_pass() {
    let titan = "amazon.titan-embed-text-v2:0";
    let image = format!("data:image/png;base64,{PNG}");
    let mixed = json!([{"type": "text", "text": "a"}, {"type": "image_url", "image_url": {"url": image}}]);
    let cohere = |members: Value| {
        let mut body = json!({"input_type": "search_document"});
        body.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
        body
    };
    let binary = format!(r#"{{"embeddingsByType": {{"binary": {}}}, "inputTextTokenCount": 3}}"#, digits());
    let nearest = r#"{"embedding": [-0.05853373184800148, 1.000000059604644775390626, 1e-45, -0.0], "inputTextTokenCount": 3,
        "embeddingsByType": {"float": [-0.05853373184800148, 1.000000059604644775390626, 1e-45, -0.0]}}"#;
    let by_type = r#"{"embeddings": {"float": [[0.1, 0.2], [3e-8, 4]], "int8": [[-128, 5], [1, 127]],
        "uint8": [[0, 255], [1, 2]], "binary": [[-128], [127]], "ubinary": [[255], [1]]},
        "id": "1", "response_type": "embeddings_by_type", "texts": ["a", "b"]}"#;
    let plain = r#"{"embeddings": [[0.1, 0.2], [3e-8, 4]], "id": "1", "response_type": "embeddings_floats", "texts": ["a", "b"]}"#;
    let one = r#"{"embeddings": {"float": [[0.1]]}, "id": "1", "response_type": "embeddings_by_type"}"#;
    let answer =
        r#"{"embeddings": [{"embeddingType": "TEXT", "embedding": [0.1, 0.2], "truncatedCharLength": 3}]}"#;
    let sound = json!({"format": "mp3", "source": {"s3Location": {"uri": "s3://b/k"}}});
    let picture = json!({"format": "png", "detailLevel": "STANDARD_IMAGE", "source": {"bytes": PNG}});
    let profile = "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/otnfa2ysixqd";
    let exchanges = [
        exchange(
            "amazon.titan-embed-text-v1",
            &json!({"inputText": "a"}),
            200,
            r#"{"embedding": [18.5], "inputTextTokenCount": 3}"#,
        ),
        exchange(titan, &json!({"inputText": "a", "dimensions": 512, "normalize": false}), 200, nearest),
        exchange(
            titan,
            &json!({"inputText": "a", "dimensions": 256, "embeddingTypes": ["binary"]}),
            200,
            &binary,
        ),
        exchange(
            "amazon.titan-embed-image-v1",
            &json!({"inputText": "a", "inputImage": PNG, "embeddingConfig": {"outputEmbeddingLength": 384}}),
            200,
            r#"{"embedding": [0.5, 0.25], "inputTextTokenCount": 3, "message": null}"#,
        ),
        exchange(profile, &json!({"inputText": "a", "normalize": true}), 200, nearest),
        exchange("cohere.embed-english-v3", &cohere(json!({"texts": ["a", "b"]})), 200, plain),
        exchange(
            "cohere.embed-multilingual-v3",
            &cohere(
                json!({"texts": ["a", "b"], "embedding_types": ["float", "int8", "uint8", "binary", "ubinary"]}),
            ),
            200,
            by_type,
        ),
        exchange(
            "cohere.embed-english-v3",
            &json!({"images": [image], "input_type": "image"}),
            200,
            r#"{"embeddings": [[0.1]], "id": "1", "response_type": "embeddings_floats", "texts": [], "images": [{"width": 1, "height": 1}]}"#,
        ),
        exchange(
            "us.cohere.embed-v4:0",
            &cohere(
                json!({"texts": ["a", "b"], "truncate": "LEFT", "output_dimension": 256, "max_tokens": 9,
            "embedding_types": ["ubinary"]}),
            ),
            200,
            by_type,
        ),
        exchange("cohere.embed-v4:0", &cohere(json!({"inputs": [{"content": mixed}], "new": [1]})), 200, one),
        exchange("cohere.embed-v4:0", &cohere(json!({"images": [image]})), 200, one),
        exchange(
            "amazon.nova-2-multimodal-embeddings-v1:0",
            &nova(
                &json!({"embeddingPurpose": "TEXT_RETRIEVAL", "text": {"value": "a", "truncationMode": "START"}, "embeddingDimension": 384}),
            ),
            200,
            answer,
        ),
        exchange(
            "amazon.nova-2-multimodal-embeddings-v1:0",
            &nova(&json!({"embeddingPurpose": "GENERIC_INDEX", "image": picture})),
            200,
            &answer.replace("TEXT", "IMAGE"),
        ),
        exchange(
            "us.amazon.nova-2-multimodal-embeddings-v1:0",
            &nova(&json!({"embeddingPurpose": "GENERIC_INDEX", "audio": sound})),
            200,
            &answer.replace("TEXT", "AUDIO"),
        ),
    ];
    let summary = format!("{} passed, 0 failed", exchanges.len());
    conformance(&folder("embeddings", &exchanges)).assert().success().stdout(contains(summary));
}

#[test]
fn rankings_of_both_apis_pass() {
    let answer =
        r#"{"results": [{"index": 1, "relevance_score": 0.8742601}, {"index": 0, "relevance_score": 1e-7}]}"#;
    let text =
        json!({"type": "INLINE", "inlineDocumentSource": {"type": "TEXT", "textDocument": {"text": "a"}}});
    let object =
        json!({"type": "INLINE", "inlineDocumentSource": {"type": "JSON", "jsonDocument": {"a": 1}}});
    let mut whole = rerank(&json!([text, object]));
    let configuration = &mut whole["rerankingConfiguration"]["bedrockRerankingConfiguration"];
    configuration["numberOfResults"] = json!(2);
    configuration["modelConfiguration"]["additionalModelRequestFields"] = json!({"max_tokens_per_doc": 9});
    whole["nextToken"] = json!("t");
    let exchanges = [
        exchange(
            "cohere.rerank-v3-5:0",
            &json!({"query": "q", "documents": ["a", "b"], "api_version": 2, "top_n": 2}),
            200,
            answer,
        ),
        exchange(
            "amazon.rerank-v1:0",
            &json!({"query": "q", "documents": ["a", "b"], "top_n": 2}),
            200,
            answer,
        ),
        ranking(&rerank(&json!([text])), 200, r#"{"results": [{"index": 0, "relevanceScore": 0.25}]}"#),
        ranking(
            &whole,
            200,
            r#"{"results": [
            {"index": 1, "relevanceScore": 0.5, "document": {"type": "JSON", "jsonDocument": {"a": 1}}},
            {"index": 0, "relevanceScore": 0.05853373184800148, "document": {"type": "TEXT", "textDocument": {"text": "a"}}}
        ], "nextToken": "u"}"#,
        ),
    ];
    conformance(&folder("rankings", &exchanges)).assert().success().stdout(contains("4 passed, 0 failed"));
}

#[test]
fn refusals_are_classified_and_foreseen() {
    let long = r#"{"message": "Malformed input request: expected maxLength: 50000, actual: 50001, please reformat your input and try again."}"#;
    let missing = r#"{"message": "Malformed input request: #: required key [inputText] not found, please reformat your input and try again."}"#;
    let many = r#"{"message": "Cannot provide numberOfResults value that exceeds the number of sources."}"#;
    let text =
        json!({"type": "INLINE", "inlineDocumentSource": {"type": "TEXT", "textDocument": {"text": "a"}}});
    let mut too_many = rerank(&json!([text]));
    too_many["rerankingConfiguration"]["bedrockRerankingConfiguration"]["numberOfResults"] = json!(5);
    let exchanges = [
        exchange("amazon.titan-embed-text-v2:0", &json!({"inputText": "a".repeat(50_001)}), 400, long),
        // a body that is none of Titan's goes as it is
        exchange("amazon.titan-embed-text-v2:0", &json!({"text": "a"}), 400, missing),
        exchange(
            "cohere.embed-v4:0",
            &json!({"texts": ["a"], "input_type": "search_query"}),
            429,
            r#"{"message": "Too many requests"}"#,
        ),
        ranking(&too_many, 400, many),
    ];
    let row = |rule: &'static str| {
        predicate::function(move |printed: &str| {
            let row = printed.lines().find(|line| line.starts_with(rule)).unwrap_or_default();
            row.split_whitespace().skip(1).eq(["1", "0", "0", "0"])
        })
    };
    conformance(&folder("refusals", &exchanges))
        .assert()
        .success()
        .stdout(contains("4 passed, 0 failed").and(row("R-EMBED-LENGTH")).and(row("R-RERANK-TOP-N")));
}

const OPAQUE: &str = "arn:aws:bedrock:us-east-1:123456789012:provisioned-model/abcdefghijkl";

#[test]
fn answers_pass_in_whatever_form_they_came() {
    let texts = |more: Value| {
        let mut body = json!({"texts": ["a"], "input_type": "search_document"});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body
    };
    let by_type = format!(r#"{{"embeddingsByType": {{"binary": {}}}, "inputTextTokenCount": 5}}"#, digits());
    let both = by_type.replacen('{', r#"{"embedding": [0.5, 0.25], "#, 1);
    let titan = "amazon.titan-embed-text-v2:0";
    let binary = json!({"inputText": "a", "embeddingTypes": ["binary"]});
    // the body's count is not known, the header's is
    let image = exchange(
        "amazon.titan-embed-image-v1",
        &json!({"inputImage": PNG}),
        200,
        r#"{"embedding": [0.5], "inputTextTokenCount": null, "message": null}"#,
    );
    let counted = image
        .replace("\"x-amzn-requestid\"", "\"x-amzn-bedrock-input-token-count\":\"5\",\"x-amzn-requestid\"");
    assert_ne!(image, counted);
    let v4 = "cohere.embed-v4:0";
    let exchanges = [
        exchange(titan, &json!({"inputText": "a"}), 200, r#"{"embedding": [0.5], "inputTextTokenCount": 5}"#),
        exchange(titan, &binary, 200, &by_type),
        exchange(titan, &binary, 200, &both),
        exchange(
            OPAQUE,
            &json!({"inputText": "a"}),
            200,
            r#"{"embedding": [0.5], "inputTextTokenCount": 5}"#,
        ),
        counted,
        exchange(
            v4,
            &texts(json!({"embedding_types": ["int8"]})),
            200,
            r#"{"embeddings": {"float": null, "int8": [[1]]}, "id": "1"}"#,
        ),
        exchange(
            v4,
            &texts(json!({"embedding_types": ["base64"]})),
            200,
            r#"{"embeddings": {"base64": ["AAAA"]}, "response_type": "embeddings_by_type"}"#,
        ),
        exchange(
            "cohere.rerank-v3-5:0",
            &json!({"query": "q", "documents": ["a"], "api_version": 2, "return_documents": true}),
            200,
            r#"{"results": [{"index": 0, "relevance_score": 0.5, "document": "a"}]}"#,
        ),
    ];
    conformance(&folder("forms", &exchanges)).assert().success().stdout(contains("8 passed, 0 failed"));
}

#[test]
fn refusals_of_what_is_not_known_or_cannot_be_held_pass() {
    let refused = r#"{"message": "The provided model identifier is invalid."}"#;
    let stream = |model: &str, body: &Value| {
        let exchange = exchange(model, body, 400, r#"{"message": "The model is unsupported for streaming"}"#);
        exchange
            .replace("\"InvokeModel\"", "\"InvokeModelWithResponseStream\"")
            .replace("/invoke\"", "/invoke-with-response-stream\"")
    };
    let image = "data:image/png;base64,aGVsbG8=";
    let texts = json!({"texts": ["a"], "input_type": "search_query"});
    let mut no_query = rerank(&json!([]));
    no_query["queries"] = json!([]);
    let mut no_model = rerank(&json!([]));
    no_model["rerankingConfiguration"] = json!({"type": "BEDROCK_RERANKING_MODEL"});
    let exchanges = [
        exchange("does-not-exist-embed", &Value::Null, 400, refused),
        exchange("openai.text-embedding-3", &json!({"input": "a"}), 400, refused),
        exchange("my-rerank-model", &Value::Null, 400, refused),
        exchange(
            "cohere.embed-english-v3",
            &json!({"inputs": [{"content": []}], "input_type": "x"}),
            400,
            refused,
        ),
        exchange(
            "amazon.nova-2-multimodal-embeddings-v1:0",
            &json!({"taskType": "SINGLE_EMBEDDING"}),
            400,
            refused,
        ),
        exchange(OPAQUE, &json!({"images": [image], "input_type": "image"}), 403, refused),
        exchange(OPAQUE, &json!({"inputImage": PNG}), 403, refused),
        stream("amazon.titan-embed-text-v1", &json!({"inputText": "a"})),
        stream("cohere.embed-english-v3", &texts),
        ranking(&no_query, 400, refused),
        ranking(&no_model, 400, refused),
        ranking(&json!({}), 400, refused),
    ];
    conformance(&folder("unknown", &exchanges)).assert().success().stdout(contains("12 passed, 0 failed"));
    // what was taken must be known
    let taken = [
        exchange("does-not-exist-embed", &json!({"inputText": "a"}), 200, r#"{"embedding": [0.5]}"#),
        exchange(
            "amazon.nova-2-multimodal-embeddings-v1:0",
            &json!({"inputText": "a"}),
            200,
            r#"{"embeddings": [{"embedding": [0.5]}]}"#,
        ),
        ranking(&no_query, 200, r#"{"results": []}"#),
    ];
    conformance(&folder("taken", &taken)).assert().code(1).stdout(contains("0 passed, 3 failed"));
}

#[test]
fn what_differs_or_cannot_be_taken_fails() {
    let cohere = json!({"texts": ["a"], "input_type": "search_query"});
    let exchanges = [
        exchange("cohere.embed-v4:0", &cohere, 200, r#"{"embeddings": {"float": [[0.5], [0.5, 1]]}}"#),
        exchange("cohere.embed-v4:0", &cohere, 200, r#"{"embeddings": {"float": [[null]]}}"#),
        exchange("cohere.embed-v4:0", &json!({"query": "a"}), 200, r#"{"embeddings": {"float": [[0.5]]}}"#),
        exchange(
            "amazon.titan-embed-text-v2:0",
            &json!({"inputText": "a"}),
            200,
            r#"{"embedding": [0.5], "embeddingsByType": {"float": [0.25]}}"#,
        ),
        // what a rule refuses, the service must not take
        exchange(
            "amazon.titan-embed-text-v2:0",
            &json!({"inputText": "a", "dimensions": 300}),
            200,
            r#"{"embedding": [0.5], "embeddingsByType": {"float": [0.5]}}"#,
        ),
        exchange("stability.embed-x-v1:0", &json!({"inputText": "a"}), 200, r#"{"embedding": [0.5]}"#),
    ];
    conformance(&folder("different", &exchanges))
        .assert()
        .code(1)
        .stdout(contains("0 passed, 6 failed").and(contains("R-EMBED-DIMENSIONS")))
        .stdout(contains("`embedding` is not `embeddingsByType.float`"));
}
