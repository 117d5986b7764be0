//! What a request asks for, by its operation and its model.

use std::sync::Arc;
use std::time::Instant;

use bedrock_llm_providers::families::agent_runtime::AgentRuntimeRerank;
use bedrock_llm_providers::{EmbedCodec, InvocationMetrics, Registry, RerankCodec};
use bedrock_llm_schema::model::{Mode, ModelIdKind};
use bedrock_llm_schema::rerank::RerankApi;
use bedrock_llm_schema::{Catalog, ChatRequest, EmbedRequest, RerankRequest};

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
        // what is said of the model goes before what its bodies look like
        let may_embed = profile.mode.is_none_or(|mode| mode == Mode::Embedding);
        if let Some(codec) = registry.embed_for_request(spoken, &received.body).ok().filter(|_| may_embed) {
            let request = codec.decode_request(&received.body).map_err(|error| malformed(&error))?;
            return Ok(Self::Embed(Embed { codec, request: EmbedRequest { model, ..request } }));
        }
        if let Ok(codec) = registry.rerank_for_request(spoken, &received.body) {
            let request = codec.decode_request(&received.body).map_err(|error| malformed(&error))?;
            return Ok(Self::Rerank(Rerank { codec, request: RerankRequest { model, ..request } }));
        }
        Ok(Self::Other)
    }

    /// Reads a body of `Rerank`, which names the model.
    pub(crate) fn rerank(received: &ReceivedRequest) -> Result<Self, Exception> {
        let codec = Arc::new(AgentRuntimeRerank);
        let request = codec.decode_request(&received.body).map_err(|error| malformed(&error))?;
        if let Some(sentence) = refused(&request) {
            return Err(Exception::validation(sentence));
        }
        Ok(Self::Rerank(Rerank { codec, request }))
    }
}

impl Embed {
    pub(crate) fn answer(&self, catalog: &Catalog, started: Instant) -> Result<Answer, Exception> {
        let response = offline::embed(&self.request, &catalog.profile(&self.request.model))?;
        let body = self.codec.encode_response(&response, &self.request).map_err(|error| unwritten(&error))?;
        let metrics = InvocationMetrics { input_token_count: response.input_tokens, ..latency(started) };
        Ok(Answer::json(body).with_metrics(&metrics))
    }
}

impl Rerank {
    pub(crate) fn answer(&self, catalog: &Catalog, started: Instant) -> Result<Answer, Exception> {
        let response = offline::rerank(&self.request, &catalog.profile(&self.request.model).rerank);
        let body = self.codec.encode_response(&response).map_err(|error| unwritten(&error))?;
        let answer = Answer::json(body);
        Ok(match self.request.api {
            // the headers are bedrock-runtime's
            RerankApi::AgentRuntime => answer,
            _ => answer.with_metrics(&latency(started)),
        })
    }
}

/// What `Rerank` refuses of its own, in the service's words where they are known.
fn refused(request: &RerankRequest) -> Option<&'static str> {
    let results = request.top_n.and_then(|top_n| usize::try_from(top_n).ok());
    Some(match () {
        // github.com/aws-samples/dify-aws-tool/pull/159
        () if request.model.kind() != ModelIdKind::Foundation || !request.model.is_arn() => {
            "The provided model ARN for reranking is invalid. Please, use a valid model ARN. Also check the model ARN \
             follows this format: arn:<partition>:bedrock:<region>:<foundation-model/<model-id>"
        }
        // github.com/langchain-ai/langchain-aws/issues/761
        () if results.is_some_and(|results| results > request.documents.len()) => {
            "Cannot provide numberOfResults value that exceeds the number of sources."
        }
        () if results == Some(0) => "numberOfResults must be at least 1.",
        // API_agent-runtime_Rerank: from 1 to 1,000 sources
        () if !(1..=1000).contains(&request.documents.len()) => "There must be from 1 to 1000 sources.",
        // all results are given at once, so that there is no next page
        () if request.next_token.is_some() => "The provided nextToken is invalid.",
        () => return None,
    })
}

fn latency(started: Instant) -> InvocationMetrics {
    let millis = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    InvocationMetrics { invocation_latency: Some(millis), ..InvocationMetrics::default() }
}
