//! Embedders on a client, on the base service and on layers, over a real socket.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::time::Duration;

use bedrock_llm_client::layers::{AttemptTimeoutLayer, RetryConfig, RetryLayer};
use bedrock_llm_client::{Client, ClientBuilder};
use bedrock_llm_embeddings::{
    BlockingEmbedder, EmbedCache, EmbedCacheConfig, EmbedService, Embedder, Embeddings, LongText,
};
use bedrock_llm_local::{FaultPlan, LocalBedrock, Reply};
use bedrock_llm_schema::embed::{Bits, Element, EmbedPart, EmbedPurpose};
use bedrock_llm_schema::{Call, Catalog, Error, ErrorKind, ImageBlock, ImageFormat, ModelId};
use futures_util::{StreamExt as _, stream};
use tower::{ServiceBuilder, ServiceExt as _};

const TITAN: &str = "amazon.titan-embed-text-v2:0";
const COHERE: &str = "cohere.embed-v4:0";

fn builder(local: &LocalBedrock) -> ClientBuilder {
    Client::builder().endpoint_url(local.endpoint()).region("us-east-1").credentials("local", "local", None)
}

fn texts(count: usize) -> Vec<String> {
    (0..count).map(|number| format!("{number} green bottles hang on wall {}", number % 7)).collect()
}

/// Each text gets its own vector: the same as when it is sent alone, without packing and embedder.
async fn is_right<S: EmbedService>(service: S, embeddings: &Embeddings, texts: &[String]) {
    assert_eq!(embeddings.len(), texts.len());
    for place in [0, texts.len() / 2, texts.len() - 1] {
        let request = bedrock_llm_schema::EmbedRequest::new(embeddings.model().clone())
            .input(&texts[place])
            .purpose(EmbedPurpose::Document);
        let mut service = service.clone();
        let mut alone = service.ready().await.unwrap().call(Call::new(request)).await.unwrap();
        let alone = alone.take::<f32>().unwrap();
        let row = embeddings.row(place).unwrap();
        let difference = row.iter().zip(alone.as_slice()).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(row.len() == alone.width() && difference < 1e-6, "{place}: {difference}");
    }
}

#[tokio::test]
async fn on_a_client() {
    let local = LocalBedrock::start().await.unwrap();
    let client = builder(&local).build().await.unwrap();
    let texts = texts(200);
    let embedder = Embedder::builder(client.clone(), COHERE).build().unwrap();
    let embeddings = embedder.embed(&texts).await.unwrap();
    let sizes: Vec<_> =
        local.received().iter().map(|call| call.json["texts"].as_array().unwrap().len()).collect();
    assert_eq!(sizes.iter().sum::<usize>(), 200);
    assert_eq!((sizes.len(), sizes.iter().max()), (3, Some(&96)));
    assert!(embeddings.usage().input_tokens >= 200);
    is_right(client.clone(), &embeddings, &texts).await;

    let query = embedder.embed_query("bottles").await.unwrap();
    assert_eq!(local.received().last().unwrap().json["input_type"], "search_query");
    assert_eq!(query.len(), embeddings.dimensions());
    let bits = Embedder::builder(client, COHERE).element::<Bits>().build().unwrap();
    assert_eq!(bits.embed(&texts[..2]).await.unwrap().dimensions(), embeddings.dimensions());
}

/// A picture of one pixel.
fn image() -> ImageBlock {
    let png = [
        0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0, 0, 0, 0x0d, 0x49, 0x48, 0x44, 0x52, 0, 0, 0, 1, 0,
        0, 0, 1, 8, 2, 0, 0, 0, 0x90, 0x77, 0x53, 0xde,
    ];
    ImageBlock::new(ImageFormat::Png, png.to_vec())
}

/// Whether the model gives such numbers, and as many vectors as it is asked for.
async fn gives<T: Element>(client: &Client, model: &str) -> Result<bool, Error> {
    let Ok(embedder) = Embedder::builder(client.clone(), model).element::<T>().build() else {
        return Ok(false);
    };
    let embeddings = embedder.embed(["one", "two", "three"]).await?;
    assert_eq!(embeddings.len(), 3, "{model}");
    Ok(true)
}

#[tokio::test]
async fn every_model_does_what_is_known_of_it() {
    let local = LocalBedrock::builder().always_check(true).start().await.unwrap();
    let client = builder(&local).build().await.unwrap();
    for model in [
        "amazon.titan-embed-text-v1",
        TITAN,
        "amazon.titan-embed-image-v1",
        "cohere.embed-english-v3",
        "cohere.embed-multilingual-v3",
        COHERE,
        "us.cohere.embed-v4:0",
        "amazon.nova-2-multimodal-embeddings-v1:0",
    ] {
        let profile = Catalog::builtin().profile(&ModelId::from(model)).into_owned();
        let facts = &profile.embedding;
        let types = facts.types.as_ref().unwrap();
        for (gives, r#type) in [
            (gives::<f32>(&client, model).await, "float"),
            (gives::<i8>(&client, model).await, "int8"),
            (gives::<u8>(&client, model).await, "uint8"),
            (gives::<Bits>(&client, model).await, "binary"),
        ] {
            assert_eq!(gives.unwrap(), types.iter().any(|it| it.as_str() == r#type), "{model}, {type}");
        }

        let build = || Embedder::builder(client.clone(), model);
        for dimensions in facts.dimensions.iter().flatten() {
            let embedder = build().dimensions(*dimensions).normalize(true).build().unwrap();
            let vector = embedder.embed_query("a question").await.unwrap();
            let length: f32 = vector.iter().map(|number| number * number).sum();
            assert_eq!(vector.len(), usize::try_from(*dimensions).unwrap(), "{model}");
            assert!((length - 1.0).abs() < 1e-3, "{model}: {length}");
        }
        let shorter = build().dimensions(100).build();
        assert_eq!(shorter.is_ok(), facts.is_matryoshka == Some(true), "{model}");
        if let Ok(shorter) = shorter {
            assert_eq!(shorter.embed(["a text"]).await.unwrap().dimensions(), 100);
        }

        let embedder = build().build().unwrap();
        let outcome = embedder.embed_each([image()]).await;
        assert_eq!(outcome.failed().is_empty(), facts.max_images != Some(0), "{model}: {outcome:?}");
        let mixed = vec![EmbedPart::from("a pixel"), EmbedPart::from(image())];
        let outcome = embedder.embed_each([mixed]).await;
        assert_eq!(outcome.failed().is_empty(), facts.mixed == Some(true), "{model}: {outcome:?}");

        let long = "many words on a wall ".repeat(3000);
        for (policy, is_taken) in
            [(LongText::TruncateEnd, true), (LongText::SplitAndPool, true), (LongText::Error, false)]
        {
            let embedder = build().long_texts(policy).build().unwrap();
            let outcome = embedder.embed_each([long.as_str(), "short"]).await;
            assert!(outcome.get(1).unwrap().is_ok());
            // v4 takes as much
            let is_taken = is_taken || model.contains("embed-v4");
            assert_eq!(outcome.get(0).unwrap().is_ok(), is_taken, "{model}, {policy:?}: {outcome:?}");
        }
    }
}

#[tokio::test]
async fn on_the_base_service() {
    let local = LocalBedrock::start().await.unwrap();
    let bedrock = builder(&local).build_bedrock().await.unwrap();
    let texts = texts(20);
    let embedder = Embedder::new(bedrock.clone(), TITAN).unwrap();
    let embeddings = embedder.embed_documents(&texts).await.unwrap();
    assert_eq!(embeddings.usage().calls, 20);
    assert_eq!(embeddings.dimensions(), 1024);
}

#[tokio::test]
async fn on_layers() {
    let throttled = || Reply::exception("ThrottlingException").times(3);
    let local = LocalBedrock::builder().reply(throttled()).start().await.unwrap();
    let bedrock = builder(&local).build_bedrock().await.unwrap();
    let quick =
        RetryConfig::default().base_delay(Duration::from_millis(1)).max_delay(Duration::from_millis(2));
    let service = ServiceBuilder::new()
        .layer(RetryLayer::new(quick).unwrap())
        .concurrency_limit(2)
        .layer(AttemptTimeoutLayer::new(Duration::from_secs(60)))
        .service(bedrock);
    let embedder = Embedder::new(service, TITAN).unwrap();
    let embeddings = embedder.embed(texts(10)).await.unwrap();
    // the layer has tried again, the embedder has not seen it
    assert_eq!((embeddings.usage().calls, local.received().len()), (10, 13));
    local.assert_done();
}

#[tokio::test]
async fn failures_are_tried_again_when_it_is_over() {
    let plan = FaultPlan::from_toml_str(
        "[[rules]]\nevery = 3\nfault.exception = { name = 'ServiceUnavailableException' }",
    );
    let local = LocalBedrock::builder().faults(plan.unwrap()).start().await.unwrap();
    let client = builder(&local).retry(RetryConfig::default().max_attempts(1)).build().await.unwrap();
    let cache = EmbedCache::new(EmbedCacheConfig::default()).unwrap();
    let embedder = Embedder::builder(client, TITAN).cache(cache).build().unwrap();
    let texts = texts(30);
    let error = embedder.embed(&texts).await.unwrap_err();
    assert_eq!((error.kind(), error.partial().len()), (&ErrorKind::Unavailable, 20));
    local.clear_faults();
    let embeddings = embedder.retry(error).await.into_result().unwrap();
    assert_eq!((embeddings.len(), embeddings.usage().calls, local.received().len()), (30, 30, 40));
    // all of it is kept
    let again = embedder.embed(&texts).await.unwrap();
    assert_eq!((again.matrix(), again.usage().cached), (embeddings.matrix(), 30));
    assert_eq!(local.received().len(), 40);
}

#[tokio::test]
async fn the_service_says_what_it_will_not_take() {
    let script = LocalBedrock::builder().reply(
        Reply::exception("ValidationException")
            .when(|call| {
                call.json["texts"].as_array().is_some_and(|texts| texts.iter().any(|text| text == "bad"))
            })
            .forever(),
    );
    let local = script.start().await.unwrap();
    let client = builder(&local).build().await.unwrap();
    let embedder = Embedder::builder(client, COHERE).build().unwrap();
    let mut texts = texts(50);
    texts[17] = "bad".to_owned();
    let outcome = embedder.embed_each(&texts).await;
    assert_eq!((outcome.embeddings().len(), outcome.failed()[0].index), (49, 17));
    assert!(outcome.failed()[0].error.request_id().is_some());
    assert!(outcome.get(16).unwrap().is_ok() && outcome.get(18).unwrap().is_ok());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn as_a_stream() {
    let local = LocalBedrock::start().await.unwrap();
    let client = builder(&local).build().await.unwrap();
    let embedder = Embedder::builder(client, TITAN).dimensions(256).window(16).build().unwrap();
    let texts = texts(100);
    let chunks: Vec<_> = embedder.embed_stream(stream::iter(&texts)).collect().await;
    let whole = embedder.embed(&texts).await.unwrap();
    let mut rows = Vec::new();
    for chunk in chunks {
        let chunk = chunk.unwrap();
        assert_eq!(chunk.start(), rows.len() / 256);
        rows.extend(chunk.to_vec());
    }
    assert_eq!(rows, whole.to_vec());
}

#[test]
fn without_a_runtime() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let local = runtime.block_on(LocalBedrock::start()).unwrap();
    let client = builder(&local).build_blocking().unwrap();
    let embedder = Embedder::new(client.get_ref().clone(), ModelId::from(TITAN)).unwrap();
    let embedder = BlockingEmbedder::new(client, embedder);
    let query = embedder.embed_query("a b c").unwrap();
    assert_eq!(embedder.embed(["a b c"]).unwrap().row(0), Some(&query[..]));
    assert_eq!(embedder.embed_documents(["a", "b"]).unwrap().len(), 2);
    let outcome = embedder.embed_each(["a"]).unwrap();
    assert_eq!(embedder.retry(outcome).unwrap().len(), 1);
    let error = runtime.block_on(async { embedder.embed_documents(["a", "b"]).unwrap_err() });
    assert_eq!((error.kind(), error.failed().len()), (&ErrorKind::Config, 2));
    // nothing is lost, outside it goes on
    assert_eq!(embedder.retry(error).unwrap().embeddings().len(), 2);
}
