//! What a request asks for, by its operation and its model.

use std::sync::Arc;
use std::time::Instant;

use bedrock_llm_providers::{EmbedCodec, InvocationMetrics, Registry, RerankCodec};
use bedrock_llm_schema::{Catalog, ChatRequest, EmbedRequest, ModelId, RerankRequest};

use crate::answer::Answer;
use crate::native::{malformed, unwritten};
use crate::{Exception, ReceivedRequest, offline};

/// What a request asks for, read.
#[derive(Debug)]
pub(crate) enum Asked {
    /// A chat in Converse's form.
    Chat(Box<ChatRequest>),
    /// Embeddings in a model's native form.
    Embed(Embed),
    /// A ranking.
    Rerank(Rerank),
    /// Something whose body is read where it is answered.
    Other,
}

/// A request for embeddings.
#[derive(Debug)]
pub(crate) struct Embed {
    codec: Arc<dyn EmbedCodec>,
    pub(crate) request: EmbedRequest,
}

/// A request for a ranking.
#[derive(Debug)]
pub(crate) struct Rerank {
    codec: Arc<dyn RerankCodec>,
    pub(crate) request: RerankRequest,
}

impl Asked {
    /// Reads a native body: embeddings or a ranking, where the model is of these.
    pub(crate) fn native(
        received: &ReceivedRequest,
        registry: &Registry,
        catalog: &Catalog,
    ) -> Result<Self, Exception> {
        let model = received.model();
        let profile = catalog.profile(&model);
        let spoken = profile.base_model.as_ref().unwrap_or(&model);
        if let Ok(codec) = registry.embed(spoken) {
            let request = codec.decode_request(&received.body).map_err(|error| malformed(&error))?;
            return Ok(Self::Embed(Embed { codec, request: EmbedRequest { model, ..request } }));
        }
        if let Ok(codec) = registry.rerank(spoken) {
            return Rerank::read(codec, model, received).map(Self::Rerank);
        }
        Ok(Self::Other)
    }
}

impl Embed {
    pub(crate) fn answer(&self, catalog: &Catalog, started: Instant) -> Result<Answer, Exception> {
        let facts = &catalog.profile(&self.request.model).embedding;
        let response = offline::embed(&self.request, facts)?;
        let body = self.codec.encode_response(&response, &self.request).map_err(|error| unwritten(&error))?;
        let metrics = InvocationMetrics { input_token_count: response.input_tokens, ..latency(started) };
        Ok(Answer::json(body).with_metrics(&metrics))
    }
}

impl Rerank {
    fn read(
        codec: Arc<dyn RerankCodec>,
        model: ModelId,
        received: &ReceivedRequest,
    ) -> Result<Self, Exception> {
        let request = codec.decode_request(&received.body).map_err(|error| malformed(&error))?;
        Ok(Self { codec, request: RerankRequest { model, ..request } })
    }

    pub(crate) fn answer(&self, catalog: &Catalog, started: Instant) -> Result<Answer, Exception> {
        let response = offline::rerank(&self.request, &catalog.profile(&self.request.model).rerank);
        let body = self.codec.encode_response(&response).map_err(|error| unwritten(&error))?;
        Ok(Answer::json(body).with_metrics(&latency(started)))
    }
}

fn latency(started: Instant) -> InvocationMetrics {
    let millis = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    InvocationMetrics { invocation_latency: Some(millis), ..InvocationMetrics::default() }
}
