//! Puts a tower layer of one's own around every call: this one counts calls and says how long each took.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Poll};
use std::time::Instant;

use bedrock_llm::schema::Request;
use bedrock_llm::{ChatRequest, Error};
use tower::{Layer, Service};

/// Counts calls and says how long each took.
#[derive(Clone, Default)]
struct Stopwatch {
    calls: Arc<AtomicU32>,
}

#[derive(Clone)]
struct Timed<S> {
    inner: S,
    calls: Arc<AtomicU32>,
}

impl<S> Layer<S> for Stopwatch {
    type Service = Timed<S>;

    fn layer(&self, inner: S) -> Timed<S> {
        Timed { inner, calls: Arc::clone(&self.calls) }
    }
}

/// One implementation serves every kind of request.
impl<R, S> Service<R> for Timed<S>
where
    R: Request,
    S: Service<R, Response = R::Response, Error = Error>,
    S::Future: Send + 'static,
{
    type Response = R::Response;
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Result<R::Response, Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: R) -> Self::Future {
        let number = self.calls.fetch_add(1, Ordering::Relaxed) + 1;
        let model = request.model().cloned().unwrap_or_default();
        let (start, answer) = (Instant::now(), self.inner.call(request));
        Box::pin(async move {
            let answer = answer.await;
            let outcome = if answer.is_ok() { "answered" } else { "failed" };
            println!("call {number}: {} of {model} {outcome} after {:?}", R::OPERATION, start.elapsed());
            answer
        })
    }
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let (builder, _local) = examples::connect().await?;
    let stopwatch = Stopwatch::default();
    let client = builder.layer(stopwatch.clone()).build().await?;

    let request = ChatRequest::new("us.amazon.nova-lite-v1:0").message("Say hello to Ada.");
    println!("{}", client.chat(request.clone()).await?);
    println!("{}", client.chat_stream(request).await?.collect().await?);
    println!("{} calls in all", stopwatch.calls.load(Ordering::Relaxed));
    Ok(())
}
