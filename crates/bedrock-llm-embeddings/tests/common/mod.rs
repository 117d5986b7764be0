//! An embedding model that lives in the test: it counts, waits and refuses as it is told.
#![allow(dead_code, reason = "each test file uses its part")]

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use bedrock_llm_schema::embed::{
    EmbedInput, EmbedPurpose, EmbedRequest, EmbedResponse, EmbeddingType, Matrix, Vectors,
};
use bedrock_llm_schema::model::ModelProfile;
use bedrock_llm_schema::{Call, Error, ErrorKind, Request as _};
use tower::Service;

pub(crate) const MODEL: &str = "test.embed-v1";

type Rule = dyn Fn(&EmbedRequest) -> (Duration, Result<(), Error>) + Send + Sync;
type Maker = dyn Fn(&EmbedRequest) -> Vectors + Send + Sync;

#[derive(Clone)]
pub(crate) struct Model {
    pub(crate) seen: Arc<Mutex<Seen>>,
    rule: Arc<Rule>,
    maker: Arc<Maker>,
}

#[derive(Default)]
pub(crate) struct Seen {
    pub(crate) requests: Vec<EmbedRequest>,
    pub(crate) models: Vec<String>,
    pub(crate) running: usize,
    pub(crate) peak: usize,
    pub(crate) cancelled: usize,
}

impl Model {
    pub(crate) fn new() -> Self {
        Self {
            seen: Arc::default(),
            rule: Arc::new(|_| (Duration::from_millis(5), Ok(()))),
            maker: Arc::new(|request| floats(request, |input| vector(&text(input)).to_vec())),
        }
    }

    /// How long each call takes, and whether it fails.
    pub(crate) fn rule(
        mut self,
        rule: impl Fn(&EmbedRequest) -> (Duration, Result<(), Error>) + Send + Sync + 'static,
    ) -> Self {
        self.rule = Arc::new(rule);
        self
    }

    /// Fails at once where `is_bad`.
    pub(crate) fn refuse(
        self,
        kind: ErrorKind,
        is_bad: impl Fn(&EmbedInput) -> bool + Send + Sync + 'static,
    ) -> Self {
        self.rule(move |request| {
            let bad = request.inputs.iter().any(&is_bad);
            (Duration::ZERO, if bad { Err(Error::new(kind.clone(), "bad input")) } else { Ok(()) })
        })
    }

    /// What vectors it gives.
    pub(crate) fn maker(mut self, maker: impl Fn(&EmbedRequest) -> Vectors + Send + Sync + 'static) -> Self {
        self.maker = Arc::new(maker);
        self
    }

    pub(crate) fn calls(&self) -> usize {
        self.seen.lock().unwrap().requests.len()
    }

    /// The texts of each call, in the order of calls.
    pub(crate) fn texts(&self) -> Vec<Vec<String>> {
        let seen = self.seen.lock().unwrap();
        seen.requests.iter().map(|request| request.inputs.iter().map(text).collect()).collect()
    }

    pub(crate) fn purposes(&self) -> Vec<Option<EmbedPurpose>> {
        self.seen.lock().unwrap().requests.iter().map(|request| request.purpose.clone()).collect()
    }

    pub(crate) fn last(&self) -> EmbedRequest {
        self.seen.lock().unwrap().requests.last().unwrap().clone()
    }
}

/// Counts a call that ends before its answer.
struct Under(Arc<Mutex<Seen>>, bool);

impl Drop for Under {
    fn drop(&mut self) {
        let mut seen = self.0.lock().unwrap();
        seen.running -= 1;
        seen.cancelled += usize::from(!self.1);
    }
}

impl Service<Call<EmbedRequest>> for Model {
    type Response = EmbedResponse;
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Result<EmbedResponse, Error>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, call: Call<EmbedRequest>) -> Self::Future {
        let model = self.clone();
        Box::pin(async move {
            {
                let mut seen = model.seen.lock().unwrap();
                seen.models.push(call.model().unwrap().as_str().to_owned());
                seen.requests.push((*call).clone());
                seen.running += 1;
                seen.peak = seen.peak.max(seen.running);
            }
            let mut under = Under(Arc::clone(&model.seen), false);
            let (delay, outcome) = (model.rule)(&call);
            if !delay.is_zero() {
                tokio::time::sleep(delay).await;
            }
            under.1 = true;
            outcome.map(|()| {
                let mut response = EmbedResponse::default();
                response.vectors.push((model.maker)(&call));
                response.input_tokens = Some(u64::try_from(call.inputs.len()).unwrap());
                response
            })
        })
    }
}

pub(crate) fn text(input: &EmbedInput) -> String {
    input.texts().collect::<Vec<_>>().join("|")
}

/// The vector of a text.
pub(crate) fn vector(text: &str) -> [f32; 4] {
    let sum: u32 = text.bytes().zip(1u32..).map(|(byte, place)| u32::from(byte) * place % 977).sum();
    [f32::from(u16::try_from(text.len()).unwrap()), sum as f32, 1.0, -2.0]
}

pub(crate) fn floats(request: &EmbedRequest, vector: impl Fn(&EmbedInput) -> Vec<f32>) -> Vectors {
    let mut matrix = Matrix::new();
    for input in &request.inputs {
        matrix.push(&vector(input)).unwrap();
    }
    Vectors::Float(matrix)
}

/// A model that takes four inputs a call and gives vectors of four floats.
pub(crate) fn profile() -> ModelProfile {
    let mut profile = ModelProfile::new(MODEL);
    let facts = &mut profile.embedding;
    facts.max_inputs = Some(4);
    facts.max_images = Some(1);
    facts.dimensions = Some(vec![4]);
    facts.types = Some(vec![EmbeddingType::Float]);
    profile
}

pub(crate) fn numbered(count: usize) -> Vec<String> {
    (0..count).map(|number| format!("text {number}")).collect()
}
