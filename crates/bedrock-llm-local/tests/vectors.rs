//! Embeddings and rankings over a real socket.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod common;

use bedrock_llm_local::{FaultPlan, LocalBedrock, Recording, Reply};
use bedrock_llm_schema::Operation;
use common::{Got, post};
use serde_json::{Value, json};

const TITAN: &str = "amazon.titan-embed-text-v2:0";

async fn invoke(local: &LocalBedrock, model: &str, body: &Value) -> Got {
    post(local, &format!("/model/{model}/invoke"), body).await
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|number| number.as_f64().unwrap()).collect()
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

#[tokio::test]
async fn what_is_alike_has_vectors_that_are_alike() {
    let local = LocalBedrock::start().await.unwrap();
    let embed = async |body: Value| {
        let got = invoke(&local, TITAN, &body).await;
        assert_eq!(got.status, 200, "{got:?}");
        assert!(got.header("x-amzn-bedrock-invocation-latency").is_some());
        let body = got.json();
        let tokens = body["inputTextTokenCount"].as_u64().unwrap().to_string();
        assert_eq!(got.header("x-amzn-bedrock-input-token-count"), Some(tokens.as_str()));
        numbers(&body["embedding"])
    };
    let text = async |text: &str| embed(json!({"inputText": text})).await;
    let (cat, near, related) = (
        text("A cat sits on the mat.").await,
        text("The cat sat on a mat").await,
        text("My cat sleeps").await,
    );
    let unrelated = text("Quarterly revenue of the bank").await;
    assert_eq!(cat.len(), 1024);
    assert!((dot(&cat, &cat) - 1.0).abs() < 1e-4);
    assert_eq!(cat, text("A cat sits on the mat.").await);
    let like = [&near, &related, &unrelated].map(|other| dot(&cat, other));
    assert!(like[0] > like[1] && like[1] > like[2], "{like:?}");
    let short = embed(json!({"inputText": "A cat sits on the mat.", "dimensions": 256})).await;
    assert_eq!(short.len(), 256);
    let raw = embed(json!({"inputText": "A cat sits on the mat.", "normalize": false})).await;
    assert!((dot(&raw, &raw) - 1.0).abs() > 0.1);
    assert!((dot(&raw, &cat) / dot(&raw, &raw).sqrt() - 1.0).abs() < 1e-4);
}

/// Every model of the kind, and a body of it for one text.
fn models() -> Vec<(&'static str, Value)> {
    let nova = |text: &str| {
        let params =
            json!({"embeddingPurpose": "GENERIC_INDEX", "text": {"value": text, "truncationMode": "END"}});
        json!({"taskType": "SINGLE_EMBEDDING", "singleEmbeddingParams": params})
    };
    let cohere = |text: &str| json!({"texts": [text], "input_type": "search_document"});
    vec![
        ("amazon.titan-embed-text-v1", json!({"inputText": "TEXT"})),
        (TITAN, json!({"inputText": "TEXT"})),
        ("amazon.titan-embed-image-v1", json!({"inputText": "TEXT"})),
        ("cohere.embed-english-v3", cohere("TEXT")),
        ("cohere.embed-multilingual-v3", cohere("TEXT")),
        ("us.cohere.embed-v4:0", cohere("TEXT")),
        ("amazon.nova-2-multimodal-embeddings-v1:0", nova("TEXT")),
    ]
}

/// How long a model's vectors are where nothing is said.
fn length(model: &str) -> usize {
    match model {
        "amazon.nova-2-multimodal-embeddings-v1:0" => 3072,
        "amazon.titan-embed-text-v1" | "us.cohere.embed-v4:0" => 1536,
        _ => 1024,
    }
}

fn with_text(body: &Value, text: &str) -> Value {
    serde_json::from_str(&body.to_string().replace("TEXT\"", &format!("{text}\""))).unwrap()
}

/// The first vector of an answer, in the forms that the models have.
fn vector(body: &Value) -> Vec<f64> {
    let places = ["/embedding", "/embeddings/0/embedding", "/embeddings/float/0", "/embeddings/0"];
    let found = places.iter().find_map(|place| body.pointer(place).filter(|it| it.is_array()));
    numbers(found.unwrap_or_else(|| panic!("{body}")))
}

fn cosine(a: &[f64], b: &[f64]) -> f64 {
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
}

#[tokio::test]
async fn every_model_tells_alike_from_unlike_in_its_own_form() {
    let local = LocalBedrock::start().await.unwrap();
    for (model, body) in models() {
        let mut vectors = Vec::new();
        for text in
            ["how can I reset my password", "How do I reset the password?", "The museum opens at nine."]
        {
            let got = invoke(&local, model, &with_text(&body, text)).await;
            assert_eq!(got.status, 200, "{model}: {got:?}");
            assert!(got.header("x-amzn-bedrock-input-token-count").is_some(), "{model}");
            vectors.push(vector(&got.json()));
        }
        assert_eq!(vectors[0].len(), length(model), "{model}");
        let (near, unlike) = (cosine(&vectors[0], &vectors[1]), cosine(&vectors[0], &vectors[2]));
        assert!(near > 0.6 && unlike < 0.2, "{model}: {near} {unlike}");
    }
}

#[tokio::test]
async fn every_type_of_number_and_every_length_is_given() {
    let local = LocalBedrock::start().await.unwrap();
    let model = "us.cohere.embed-v4:0";
    for dimensions in [256, 512, 1024, 1536] {
        let types = ["float", "int8", "uint8", "binary", "ubinary"];
        let body = json!({
            "texts": ["A cat sits on the mat.", "The bank"], "input_type": "search_query",
            "embedding_types": types, "output_dimension": dimensions,
        });
        let got = invoke(&local, model, &body).await.json();
        for r#type in types {
            let rows = got["embeddings"][r#type].as_array().unwrap_or_else(|| panic!("{type}: {got}"));
            let width = if r#type.ends_with("binary") { dimensions / 8 } else { dimensions };
            assert!(
                rows.len() == 2 && rows.iter().all(|row| row.as_array().unwrap().len() == width),
                "{type}"
            );
        }
        let float = numbers(&got["embeddings"]["float"][0]);
        let int8 = numbers(&got["embeddings"]["int8"][0]);
        assert!(cosine(&float, &int8) > 0.98, "{dimensions}");
        // the beginning of a longer vector is the shorter one
        let longest = json!({"texts": ["A cat sits on the mat."], "input_type": "search_query", "output_dimension": 1536});
        let longest = vector(&invoke(&local, model, &longest).await.json());
        assert!(cosine(&longest[..dimensions], &float) > 0.999, "{dimensions}");
    }
    let body = json!({"inputText": "A cat", "embeddingTypes": ["binary", "float"], "dimensions": 512});
    let got = invoke(&local, TITAN, &body).await.json();
    assert_eq!(got["embeddingsByType"]["binary"].as_array().map(Vec::len), Some(512), "{got}");
    assert_eq!(got["embeddingsByType"]["float"].as_array().map(Vec::len), Some(512), "{got}");
}

#[tokio::test]
async fn images_have_vectors_and_both_have_one_between() {
    let local = LocalBedrock::start().await.unwrap();
    let png = |last: u8| {
        bedrock_llm_schema::Blob::from(
            [b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x09\0\0\0\x09".as_slice(), &[last; 400]].concat(),
        )
        .to_base64()
    };
    let embed = async |body: Value| {
        let got = invoke(&local, "amazon.titan-embed-image-v1", &body).await;
        assert_eq!(got.status, 200, "{got:?}");
        vector(&got.json())
    };
    let (one, other) =
        (embed(json!({"inputImage": png(1)})).await, embed(json!({"inputImage": png(2)})).await);
    assert_eq!(one, embed(json!({"inputImage": png(1)})).await);
    assert!(cosine(&one, &other) < 0.3, "{}", cosine(&one, &other));
    let text = embed(json!({"inputText": "a cat"})).await;
    let both = embed(json!({"inputText": "a cat", "inputImage": png(1)})).await;
    assert!(cosine(&both, &one) > 0.6 && cosine(&both, &text) > 0.6);
    let short = embed(json!({"inputText": "a cat", "embeddingConfig": {"outputEmbeddingLength": 256}})).await;
    assert_eq!(short.len(), 256);
}

#[tokio::test]
async fn an_id_that_does_not_tell_goes_by_the_body_or_the_catalog() {
    let profile = "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/1arbu5hu2sjr";
    let local = LocalBedrock::start().await.unwrap();
    for (_, body) in models() {
        let got = invoke(&local, profile, &with_text(&body, "A cat")).await;
        assert_eq!(got.status, 200, "{got:?}");
        vector(&got.json());
    }
    let body = json!({"query": "cat", "documents": ["dog", "cat"], "api_version": 2});
    let got = invoke(&local, profile, &body).await.json();
    assert_eq!(got["results"][0]["index"], 1, "{got}");
    let mut catalog = bedrock_llm_schema::Catalog::builtin().clone();
    catalog.set_base_model(profile, TITAN);
    let local = LocalBedrock::builder().catalog(catalog).start().await.unwrap();
    let got = invoke(&local, profile, &json!({"inputText": "A cat"})).await.json();
    assert!(got["embeddingsByType"]["float"].is_array(), "{got}");
}

#[tokio::test]
async fn what_the_service_refuses_is_refused() {
    let local = LocalBedrock::start().await.unwrap();
    for (model, body) in [
        (TITAN, json!({"text": "x"})),
        (TITAN, json!({"inputText": "x", "dimensions": 0})),
        (TITAN, json!({"inputText": "x", "dimensions": 100_000})),
        (TITAN, json!({"inputText": "x", "embeddingTypes": ["int4"]})),
        ("cohere.embed-english-v3", json!({"texts": "x", "input_type": "search_query"})),
        ("cohere.rerank-v3-5:0", json!({"documents": ["x"]})),
        ("amazon.titan-embed-text-v1", json!({"inputText": "x", "dimensions": 256})),
        (TITAN, json!({"inputText": ""})),
        ("twelvelabs.marengo-embed-2-7-v1:0", json!({"inputText": "x"})),
        ("stability.sd3-5-large-v1:0", json!({"prompt": "x"})),
    ] {
        let (code, status, message) = invoke(&local, model, &body).await.error();
        assert_eq!((code.as_str(), status), ("ValidationException", 400), "{model} {body}");
        assert!(!message.is_empty());
    }
    let got =
        post(&local, &format!("/model/{TITAN}/invoke-with-response-stream"), &json!({"inputText": "x"}))
            .await;
    assert_eq!(got.status, 400);
}

#[tokio::test]
async fn there_is_no_answer_without_vectors() {
    let local = LocalBedrock::start().await.unwrap();
    let nova = |params: Value| json!({"taskType": "SINGLE_EMBEDDING", "singleEmbeddingParams": params});
    let image = json!({"format": "png", "source": {"bytes": "iVBORw0KGgo="}});
    let data = "data:image/png;base64,iVBORw0KGgo=";
    let nova_model = "amazon.nova-2-multimodal-embeddings-v1:0";
    let index = "GENERIC_INDEX";
    for (model, body, says) in [
        ("cohere.embed-english-v3", json!({"texts": [], "input_type": "search_query"}), "nothing to embed"),
        ("us.cohere.embed-v4:0", json!({"inputs": [], "input_type": "search_query"}), "nothing to embed"),
        (
            "cohere.embed-english-v3",
            json!({"texts": ["a"], "images": [data], "input_type": "search_query"}),
            "one of texts, images and inputs",
        ),
        (nova_model, nova(json!({"embeddingPurpose": index, "audio": {"format": "mp3"}})), "sound and video"),
        (
            nova_model,
            nova(json!({"embeddingPurpose": index, "video": {"format": "mp4"}, "text": {"value": "a"}})),
            "sound and video",
        ),
        (
            nova_model,
            nova(json!({"embeddingPurpose": index, "text": {"source": {"s3Location": {"uri": "s3://b/k"}}}})),
            "in the request",
        ),
        (
            nova_model,
            nova(json!({"embeddingPurpose": index, "text": {"value": "a"}, "image": image})),
            "R-EMBED-MIXED",
        ),
        (nova_model, json!({"inputText": "a"}), "singleEmbeddingParams"),
    ] {
        let (code, status, message) = invoke(&local, model, &body).await.error();
        assert_eq!((code.as_str(), status), ("ValidationException", 400), "{model} {body}");
        assert!(message.contains(says), "{message}");
    }
}

#[tokio::test]
async fn a_ranking_s_version_is_where_the_model_wants_it() {
    let local = LocalBedrock::start().await.unwrap();
    let body = json!({"query": "q", "documents": ["a"]});
    let versioned = json!({"query": "q", "documents": ["a"], "api_version": 2});
    for (model, taken, refused, says) in [
        ("cohere.rerank-v3-5:0", &versioned, &body, "required key [api_version] not found"),
        ("amazon.rerank-v1:0", &body, &versioned, "extraneous key [api_version] is not permitted"),
    ] {
        assert_eq!(invoke(&local, model, taken).await.status, 200);
        let (code, _, message) = invoke(&local, model, refused).await.error();
        assert_eq!(code, "ValidationException");
        assert_eq!(
            message,
            format!("Malformed input request: {says}, please reformat your input and try again.")
        );
    }
}

#[tokio::test]
async fn an_endpoint_that_chats_is_no_model_of_embeddings() {
    let profile = "arn:aws:bedrock:us-east-1:123456789012:provisioned-model/abcdefghijkl";
    let ask = async |base: Option<&str>, mode, body: Value| {
        let mut catalog = bedrock_llm_schema::Catalog::builtin().clone();
        if let Some(base) = base {
            catalog.set_base_model(profile, base);
        }
        if mode {
            let mut known = catalog.profile(&profile.into()).into_owned();
            known.id = profile.into();
            known.mode = Some(bedrock_llm_schema::model::Mode::Chat);
            catalog.insert(known);
        }
        let local = LocalBedrock::builder().catalog(catalog).start().await.unwrap();
        let got = invoke(&local, profile, &body).await;
        assert_eq!(got.status, 200, "{got:?}");
        got.json()
    };
    let bare = || json!({"inputText": "A cat"});
    assert!(ask(None, false, bare()).await.get("embedding").is_some());
    assert!(ask(Some("amazon.titan-text-express-v1"), false, bare()).await.get("results").is_some());
    assert!(ask(None, true, bare()).await.get("results").is_some());
    let older = ask(Some("amazon.titan-embed-text-v1"), false, bare()).await;
    assert!(older.get("embedding").is_some() && older.get("embeddingsByType").is_none(), "{older}");
}

#[tokio::test]
async fn texts_that_are_too_long_are_refused_or_cut() {
    let mut catalog = bedrock_llm_schema::Catalog::builtin().clone();
    for model in [TITAN, "us.cohere.embed-v4:0"] {
        let mut profile = catalog.profile(&model.into()).into_owned();
        profile.embedding.max_tokens = Some(3);
        catalog.insert(profile);
    }
    let local = LocalBedrock::builder().catalog(catalog).start().await.unwrap();
    let refused = invoke(&local, TITAN, &json!({"inputText": "one two three four"})).await.error();
    assert!(refused.2.contains("Max input tokens: 3, request input token count: 4"), "{refused:?}");
    let embed = async |text: &str, truncate: &str| {
        let body = json!({"texts": [text], "input_type": "search_query", "truncate": truncate});
        invoke(&local, "us.cohere.embed-v4:0", &body).await
    };
    assert_eq!(embed("one two three four", "NONE").await.error().0, "ValidationException");
    for (truncate, left) in [("END", "one two three"), ("START", "two three four")] {
        let cut = embed("one two three four", truncate).await;
        assert_eq!(cut.header("x-amzn-bedrock-input-token-count"), Some("3"));
        assert!(
            cosine(&vector(&cut.json()), &vector(&embed(left, "NONE").await.json())) > 0.9999,
            "{truncate}"
        );
    }
}

#[tokio::test]
async fn documents_are_ranked_natively() {
    let local = LocalBedrock::start().await.unwrap();
    let documents = [
        "Carson City is the capital of Nevada.",
        "Washington, D.C. is the capital of the United States.",
        "Capital letters start a sentence.",
    ];
    for (model, rest) in
        [("cohere.rerank-v3-5:0", json!({"api_version": 2})), ("amazon.rerank-v1:0", json!({}))]
    {
        let mut body =
            json!({"query": "What is the capital of the United States?", "documents": documents, "top_n": 2});
        body.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
        let got = invoke(&local, model, &body).await;
        assert!(got.header("x-amzn-bedrock-invocation-latency").is_some());
        let got = got.json();
        let results = got["results"].as_array().unwrap();
        assert!(results.len() == 2 && results[0]["index"] == 1, "{model}: {got}");
        let score = |place: usize| results[place]["relevance_score"].as_f64().unwrap();
        assert!(score(0) > score(1) && score(0) < 1.0 && score(1) > 0.0, "{got}");
    }
}

fn by_agent(model: &str, results: u32) -> Value {
    let source = |text: &str| json!({"type": "INLINE", "inlineDocumentSource": {"type": "TEXT", "textDocument": {"text": text}}});
    json!({
        "queries": [{"type": "TEXT", "textQuery": {"text": "Which animal is a cat?"}}],
        "sources": [source("A dog barks."), source("A cat is an animal.")],
        "rerankingConfiguration": {"type": "BEDROCK_RERANKING_MODEL", "bedrockRerankingConfiguration": {
            "numberOfResults": results, "modelConfiguration": {"modelArn": model},
        }},
    })
}

const ARN: &str = "arn:aws:bedrock:us-east-1::foundation-model/cohere.rerank-v3-5:0";

#[tokio::test]
async fn the_agent_runtime_s_rerank_is_served() {
    let local = LocalBedrock::start().await.unwrap();
    let got = post(&local, "/rerank", &by_agent(ARN, 1)).await;
    assert_eq!(got.status, 200, "{got:?}");
    let body = got.json();
    assert_eq!(body["results"].as_array().unwrap().len(), 1);
    assert_eq!(body["results"][0]["index"], 1);
    assert!(body["results"][0]["relevanceScore"].as_f64().unwrap() > 0.5 && body.get("nextToken").is_none());
    let sent = local.received();
    assert_eq!((sent[0].operation, sent[0].model_id.as_str()), (Some(Operation::Rerank), ARN));
    assert_eq!(local.stats().requests_by_model.get(ARN), Some(&1));

    let mut paged = by_agent(ARN, 1);
    paged["nextToken"] = "x".into();
    for (body, says) in [
        (by_agent(ARN, 3), "exceeds the number of sources"),
        (by_agent("cohere.rerank-v3-5:0", 1), "model ARN"),
        (by_agent("arn:aws:bedrock:us-east-1::foundation-model/amazon.nova-lite-v1:0", 1), "Rerank"),
        (paged, "nextToken"),
        (json!({}), "queries"),
    ] {
        let (code, status, message) = post(&local, "/rerank", &body).await.error();
        assert_eq!((code.as_str(), status), ("ValidationException", 400), "{message}");
        assert!(message.contains(says), "{message}");
    }
    let failing = by_agent("arn:aws:bedrock:us-east-1::foundation-model/local.error.ThrottlingException", 1);
    assert_eq!(post(&local, "/rerank", &failing).await.error().0, "ThrottlingException");
}

#[tokio::test]
async fn the_agent_runtime_s_rerank_is_scripted_faulted_and_replayed() {
    let recording = |model: Value, text: &str| -> Recording {
        serde_json::from_value(json!({
            "id": text, "operation": "Rerank", "model_id": model,
            "request": {"method": "POST", "path": "/rerank", "body": by_agent(ARN, 2)},
            "response": {"status": 200, "headers": {}, "body": {"results": [], "said": text}},
        }))
        .unwrap()
    };
    assert_eq!(recording(Value::Null, "x").operation(), Some(Operation::Rerank));
    let scripted = Reply::json(json!({"results": [], "nextToken": "more"})).on(Operation::Rerank).model(ARN);
    let local = LocalBedrock::builder()
        .reply(scripted)
        .replay(recording(Value::Null, "one"))
        .replay(recording("cohere.rerank-v3-5:0".into(), "two"))
        .start()
        .await
        .unwrap();
    let body = by_agent(ARN, 2);
    assert_eq!(post(&local, "/rerank", &body).await.json()["nextToken"], "more");
    // a recording may tell the model by its ARN, by its id, or only in the body
    for said in ["one", "two"] {
        assert_eq!(post(&local, "/rerank", &body).await.json()["said"], said);
    }
    let plan = r#"{"rules": [{"operation": "Rerank", "model": "*cohere.rerank*", "times": 1,
        "fault": {"exception": {"name": "ThrottlingException"}}}]}"#;
    local.set_faults(FaultPlan::from_json(plan.as_bytes()).unwrap());
    assert_eq!(post(&local, "/rerank", &body).await.error().0, "ThrottlingException");
    assert_eq!(post(&local, "/rerank", &body).await.json()["said"], "one");
    assert_eq!(local.stats().faults.values().sum::<u64>(), 1);
}
