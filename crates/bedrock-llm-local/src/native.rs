//! Native bodies, by the server side of the family's codec.

use std::sync::Arc;

use bedrock_llm_providers::{CodecError, Decoded, InvocationMetrics, Provider, Registry, Spelling};
use bedrock_llm_schema::model::Mode;
use bedrock_llm_schema::{Catalog, ChatRequest, ChatResponse, ModelId, StreamEvent};

use crate::answer::Answer;
use crate::{Exception, ReceivedRequest, frame};

/// A native request, and who can answer it.
#[derive(Debug)]
pub(crate) struct Native {
    provider: Arc<dyn Provider>,
    decoded: Result<Decoded, CodecError>,
}

impl Native {
    /// Finds the codec of a request: by its model, or by the body's looks where the model's id does not tell.
    pub(crate) fn open(registry: &Registry, received: &ReceivedRequest) -> Result<Self, Exception> {
        let model = received.model();
        if let Some(what) = not_chat(&model) {
            let message =
                format!("bedrock-llm-local does not serve {what} models yet; script or replay an answer");
            return Err(Exception::validation(message));
        }
        let provider = registry
            .get_for_request(&model, &received.body)
            .map_err(|error| Exception::validation(sentence(&error)))?;
        let decoded = provider.decode_request(&received.body);
        Ok(Self { provider, decoded })
    }

    /// The request in Converse's terms.
    pub(crate) fn request(&self, model: ModelId) -> Result<ChatRequest, Exception> {
        match &self.decoded {
            Ok(decoded) => Ok(ChatRequest { model, ..decoded.request.clone() }),
            Err(error) => Err(malformed(error)),
        }
    }

    /// A whole answer.
    pub(crate) fn whole(&self, response: &ChatResponse) -> Result<Answer, Exception> {
        let body =
            self.provider.encode_response(response, &self.spelling()).map_err(|error| unwritten(&error))?;
        let mut metrics = InvocationMetrics::from(&response.usage);
        metrics.invocation_latency = Some(response.metrics.latency_ms);
        Ok(Answer::json(body).with_metrics(&metrics))
    }

    /// A streamed answer.
    pub(crate) fn stream(&self, events: &[StreamEvent]) -> Result<Answer, Exception> {
        let mut encoder = self.provider.stream_encoder(&self.spelling());
        let mut frames = Vec::with_capacity(events.len());
        for event in events {
            let chunks = encoder.event(event).map_err(|error| unwritten(&error))?;
            frames.extend(chunks.into_iter().map(frame::chunk));
        }
        Ok(Answer::stream(frames).with_header("x-amzn-bedrock-content-type", "application/json"))
    }

    fn spelling(&self) -> Spelling {
        self.decoded.as_ref().map_or_else(|_| Spelling::default(), |decoded| decoded.spelling.clone())
    }
}

/// A body that is none of the family, as the service refuses it.
pub(crate) fn malformed(error: &CodecError) -> Exception {
    let sentence = sentence(error);
    let message = format!("Malformed input request: {sentence}, please reformat your input and try again.");
    Exception::validation(message)
}

pub(crate) fn unwritten(error: &CodecError) -> Exception {
    Exception::new("InternalServerException")
        .message(format!("the answer has no form in this family: {}", sentence(error)))
}

/// An error and what caused it.
fn sentence(error: &CodecError) -> String {
    match std::error::Error::source(error) {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}

/// What kind of model this is, if it is not one to chat with.
fn not_chat(model: &ModelId) -> Option<&'static str> {
    let mode = Catalog::builtin().get(model).and_then(|profile| profile.mode);
    let has = |part: &str| model.as_str().contains(part);
    match mode {
        Some(Mode::Chat) => None,
        Some(Mode::Embedding) => Some("embedding"),
        Some(Mode::Rerank) => Some("rerank"),
        Some(Mode::ImageGeneration | Mode::ImageEdit) => Some("image"),
        Some(Mode::Realtime) => Some("realtime"),
        _ if has("embed") || has(".marengo") => Some("embedding"),
        _ if has(".rerank") => Some("rerank"),
        _ if has("stability.") || has("titan-image") || has("nova-canvas") => Some("image"),
        _ if has("nova-reel") || has("luma.") => Some("video"),
        _ => None,
    }
}
