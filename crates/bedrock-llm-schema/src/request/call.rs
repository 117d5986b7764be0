//! A request on its way through the layers.

use std::fmt;
use std::io;
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use super::{ChatRequest, ChatStreamRequest, Operation, Request};
use crate::ModelId;

/// A request whose content clones share, with what the caller wants of the call beside its answer.
///
/// Layers that may send a request more than once keep a clone of it; a clone of this costs the same whether the
/// prompt has ten words or a megabyte. Model and region are kept beside the content, so that failover changes them
/// without copying it; **the content's own `model` is empty**, ask [`Request::model`] of the call.
///
/// ```
/// use bedrock_llm_schema::request::{Call, CallOptions, Priority};
/// use bedrock_llm_schema::{ChatRequest, Request as _};
///
/// let request = ChatRequest::new("us.amazon.nova-lite-v1:0").message("Hello");
/// let mut call = Call::new(request).with_options(CallOptions::new().priority(Priority::Batch));
/// let again = call.clone();
/// call.set_model("eu.amazon.nova-lite-v1:0".into());
/// assert_eq!(call.model().unwrap().as_str(), "eu.amazon.nova-lite-v1:0");
/// assert_eq!(again.model().unwrap().as_str(), "us.amazon.nova-lite-v1:0");
/// assert_eq!(call.into_request().model.as_str(), "eu.amazon.nova-lite-v1:0");
/// ```
#[derive(Clone)]
pub struct Call<R> {
    request: Arc<R>,
    model: Option<ModelId>,
    region: Option<Arc<str>>,
    options: Option<Arc<CallOptions>>,
}

impl<R: Request> Call<R> {
    /// A call with no wishes of its own.
    pub fn new(mut request: R) -> Self {
        let model = request.model().cloned();
        if model.is_some() {
            request.set_model(ModelId::default());
        }
        Self { request: Arc::new(request), model, region: None, options: None }
    }
}

impl<R> Call<R> {
    /// The same call with these wishes.
    #[must_use]
    pub fn with_options(mut self, options: impl Into<Arc<CallOptions>>) -> Self {
        self.options = Some(options.into());
        self
    }

    /// The wishes, if any were given.
    #[must_use]
    pub fn given_options(&self) -> Option<&Arc<CallOptions>> {
        self.options.as_ref()
    }
}

impl<R: Request> Call<R> {
    /// The request, with the model it shall go to. Content that others share is cloned.
    #[must_use]
    pub fn into_request(self) -> R {
        let mut request = Arc::unwrap_or_clone(self.request);
        if let Some(model) = self.model {
            request.set_model(model);
        }
        request
    }
}

impl Call<ChatRequest> {
    /// The same call, answered as a stream.
    #[must_use]
    pub fn streaming(self) -> Call<ChatStreamRequest> {
        let Self { request, model, region, options } = self;
        let request = Arc::new(ChatStreamRequest(Arc::unwrap_or_clone(request)));
        Call { request, model, region, options }
    }
}

/// The content, without its model.
impl<R> Deref for Call<R> {
    type Target = R;

    fn deref(&self) -> &R {
        &self.request
    }
}

impl<R: fmt::Debug> fmt::Debug for Call<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call")
            .field("request", &self.request)
            .field("model", &self.model)
            .field("region", &self.region)
            .field("options", &self.options)
            .finish()
    }
}

impl<R: Request> From<R> for Call<R> {
    fn from(request: R) -> Self {
        Self::new(request)
    }
}

impl<R: Request> Request for Call<R> {
    type Response = R::Response;
    const OPERATION: Operation = R::OPERATION;

    fn model(&self) -> Option<&ModelId> {
        self.model.as_ref()
    }

    fn set_model(&mut self, model: ModelId) {
        // operations without a model stay without one
        if self.model.is_some() {
            self.model = Some(model);
        }
    }

    fn region(&self) -> Option<&str> {
        self.region.as_deref().or_else(|| self.request.region())
    }

    fn set_region(&mut self, region: &str) {
        self.region = Some(region.into());
    }

    fn chat(&self) -> Option<&ChatRequest> {
        self.request.chat()
    }

    fn chat_mut(&mut self) -> Option<&mut ChatRequest> {
        self.request.chat()?;
        Arc::make_mut(&mut self.request).chat_mut()
    }

    fn estimate_input_tokens_of(&self, model: &ModelId) -> u64 {
        self.request.estimate_input_tokens_of(model)
    }

    fn max_output_tokens(&self) -> Option<u64> {
        self.request.max_output_tokens()
    }

    fn write_key(&self, out: &mut dyn io::Write) -> io::Result<bool> {
        self.request.write_key(out)
    }

    fn is_repeatable(&self) -> bool {
        self.request.is_repeatable()
    }

    fn options(&self) -> &CallOptions {
        self.options.as_deref().unwrap_or(&CallOptions::DEFAULT)
    }
}

/// What a caller wants of a call beside its answer. Each layer reads what concerns it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct CallOptions {
    /// Who goes first where calls must wait.
    pub priority: Priority,
    /// How long the call may take in all, retries and stream included; `None` leaves it to the client.
    pub timeout: Option<Duration>,
    /// Whether the answer may come from the client's cache of answers.
    pub cache: CacheUse,
    /// What to do when its stream breaks; `None` leaves it to the client.
    pub recovery: Option<StreamRecovery>,
}

impl CallOptions {
    pub(crate) const DEFAULT: Self =
        Self { priority: Priority::Normal, timeout: None, cache: CacheUse::Default, recovery: None };

    /// No wishes.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets who goes first where calls must wait.
    #[must_use]
    pub fn priority(mut self, priority: Priority) -> Self {
        self.priority = priority;
        self
    }

    /// Sets how long the call may take in all, retries and stream included. Zero fails at once.
    #[must_use]
    pub fn timeout(mut self, limit: Duration) -> Self {
        self.timeout = Some(limit);
        self
    }

    /// Sets whether the answer may come from the client's cache of answers.
    #[must_use]
    pub fn cache(mut self, cache: CacheUse) -> Self {
        self.cache = cache;
        self
    }

    /// Sets what to do when the call's stream breaks.
    #[must_use]
    pub fn recovery(mut self, recovery: StreamRecovery) -> Self {
        self.recovery = Some(recovery);
        self
    }
}

/// Who goes first where calls must wait for a place.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Priority {
    /// Work that nobody sits and waits for.
    Batch,
    /// Neither.
    #[default]
    Normal,
    /// Somebody sits and waits.
    Interactive,
}

/// Whether a call's answer may come from the client's cache of answers, where it has one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum CacheUse {
    /// As the cache was told: only answers that would come out the same again.
    #[default]
    Default,
    /// Whatever the request is: an answer that was given once will do.
    Use,
    /// Neither read nor written.
    Bypass,
}

/// What to do when a stream breaks after its first event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum StreamRecovery {
    /// The stream ends with the error, which holds the answer so far.
    #[default]
    Fail,
    /// The request is sent again; an event of which
    /// [`is_restart`](crate::StreamEvent::is_restart) is true tells the consumer to discard what came.
    Restart,
    /// The model goes on from where the text broke off, where it can; else as [`Restart`](Self::Restart).
    Continue,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_content_is_shared_until_it_is_changed() {
        let call = Call::new(ChatRequest::new("m").message("words"));
        let mut other = call.clone();
        other.set_model("n".into());
        assert!(std::ptr::eq(&raw const *call, &raw const *other));
        let chat = other.chat_mut().unwrap();
        assert!(chat.model.is_empty());
        chat.messages.clear();
        assert_eq!((call.messages.len(), other.messages.len()), (1, 0));
        assert_eq!(other.model().unwrap().as_str(), "n");
        assert_eq!(call.into_request().model.as_str(), "m");
    }

    #[test]
    fn a_region_stays_with_the_call() {
        let mut call = Call::new(ChatRequest::new("m"));
        assert_eq!(call.region(), None);
        call.set_region("eu-west-1");
        assert_eq!(call.clone().streaming().region(), Some("eu-west-1"));
    }

    #[test]
    fn priorities_have_an_order() {
        assert!(Priority::Interactive > Priority::Normal && Priority::Normal > Priority::Batch);
        assert_eq!(CallOptions::new(), CallOptions::DEFAULT);
    }
}
