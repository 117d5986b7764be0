//! What can go to other tasks and threads.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod common;

use std::cell::Cell;
use std::task::{Context, Poll};

use bedrock_llm_client::Client;
use bedrock_llm_embeddings::{
    BlockingEmbedder, EmbedCache, EmbedError, EmbedOutcome, EmbedStream, Embedder, EmbedderBuilder,
    Embeddings,
};
use bedrock_llm_schema::embed::{Bits, EmbedRequest};
use bedrock_llm_schema::{Call, Error};
use common::{MODEL, Model};
use futures_util::{StreamExt as _, stream};
use tower::Service;

fn everywhere<T: Clone + Send + Sync + Unpin + 'static>() {}
fn shown<T: std::fmt::Debug + Send + Sync + 'static>() {}
fn moved<T: Send + Unpin>() {}
fn error<T: std::error::Error + Send + Sync + 'static>() {}

#[test]
fn of_each_type() {
    everywhere::<Embedder>();
    everywhere::<Embedder<Bits>>();
    everywhere::<BlockingEmbedder<i8>>();
    everywhere::<EmbedCache>();
    everywhere::<Embeddings<u8>>();
    shown::<EmbedderBuilder<f32, Client>>();
    shown::<EmbedOutcome>();
    moved::<EmbedStream<'_, f32, Client>>();
    error::<EmbedError>();
    error::<EmbedError<Bits>>();
    assert_eq!(size_of::<EmbedError>(), size_of::<usize>());
}

/// As some stacks are: of one thread at a time.
#[derive(Clone)]
struct NotSync(Model, Cell<usize>);

impl Service<Call<EmbedRequest>> for NotSync {
    type Response = <Model as Service<Call<EmbedRequest>>>::Response;
    type Error = Error;
    type Future = <Model as Service<Call<EmbedRequest>>>::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.1.set(self.1.get() + 1);
        self.0.poll_ready(cx)
    }

    fn call(&mut self, call: Call<EmbedRequest>) -> Self::Future {
        // each call is of an instance that was asked whether it is ready
        assert_eq!(self.1.replace(0), 1);
        self.0.call(call)
    }
}

#[tokio::test]
async fn services_need_not_be_shared() {
    let embedder = Embedder::new(NotSync(Model::new(), Cell::default()), MODEL).unwrap();
    let task = tokio::spawn(async move {
        let embeddings = embedder.embed(["a", "b"]).await.unwrap();
        let streamed = embedder.embed_stream(stream::iter(["a", "b"])).next().await.unwrap().unwrap();
        assert_eq!(streamed, embeddings);
    });
    task.await.unwrap();
}
