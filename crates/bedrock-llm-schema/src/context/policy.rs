//! [`ContextPolicy`]: how large a request may be, and what goes when it is larger.

use std::fmt;
use std::sync::Arc;

use super::Summary;
use crate::model::ModelProfile;
use crate::{ChatRequest, Message, ModelId};

/// How a conversation is kept within its model's window.
///
/// What a request may have is the model's `max_input_tokens`, less what is reserved for the answer, or what
/// [`max_input_tokens`](Self::max_input_tokens) says. A request with more loses its oldest turns, in whole
/// [units](crate::Conversation::units), so that a tool call and its result never part. The system prompt, the tools, turns
/// of the system, pinned units and the last unit stay; where these alone are too large, that is an error of kind
/// [`ContextOverflow`](crate::ErrorKind::ContextOverflow) before anything is sent.
///
/// | setting | where nothing is said |
/// |---|---|
/// | [`max_input_tokens`](Self::max_input_tokens) | the model's, less the reserve; nothing is done where it is unknown |
/// | [`reserve`](Self::reserve) | the request's `maxTokens`, at most half of the window |
/// | [`trim_to`](Self::trim_to) | 0.75 |
/// | [`keep_first`](Self::keep_first), [`pin`](Self::pin) | no unit |
/// | [`on_overflow`](Self::on_overflow) | [`OnOverflow::DropOldest`] |
///
/// A history that is not sound, as a [`Conversation`](crate::Conversation) is, is
/// [repaired](crate::Conversation::repair) before anything is taken out; while it fits it is left as it is.
///
/// ```
/// use bedrock_llm_schema::model::ModelProfile;
/// use bedrock_llm_schema::{ChatRequest, ContextPolicy, Message};
///
/// let mut request = ChatRequest::new("us.amazon.nova-micro-v1:0").system("Be brief.");
/// for _ in 0..5 {
///     request = request.message("word ".repeat(100)).message(Message::assistant("Yes."));
/// }
/// let mut request = request.message("And now?");
/// let policy = ContextPolicy::new().max_input_tokens(400);
/// let changes = policy.trim(&mut request, &ModelProfile::new("us.amazon.nova-micro-v1:0"))?;
/// assert_eq!(request.messages.len(), 5); // two questions with their answers, and the last
/// assert_eq!(changes[0].rule, "CONTEXT");
/// # Ok::<(), bedrock_llm_schema::Error>(())
/// ```
#[derive(Clone)]
pub struct ContextPolicy {
    max_input_tokens: Option<u64>,
    reserve: Option<u64>,
    pub(super) trim_to: f64,
    keep_first: usize,
    pin: Option<Pin>,
    on_overflow: OnOverflow,
}

type Pin = Arc<dyn Fn(&Message) -> bool + Send + Sync>;

/// What happens to a request that is too large.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum OnOverflow {
    /// Its oldest units are dropped.
    #[default]
    DropOldest,
    /// They are dropped, and a summary of them that a model writes comes in their place.
    Summarize(Summary),
    /// It is an error, before anything is sent.
    Error,
}

impl ContextPolicy {
    /// Drops the oldest units of what the model's window does not hold.
    #[must_use]
    pub fn new() -> Self {
        Self {
            max_input_tokens: None,
            reserve: None,
            trim_to: 0.75,
            keep_first: 0,
            pin: None,
            on_overflow: OnOverflow::default(),
        }
    }

    /// Sets how many input tokens a request may have, whatever its model; nothing is reserved of them.
    #[must_use]
    pub fn max_input_tokens(mut self, tokens: u64) -> Self {
        self.max_input_tokens = Some(tokens);
        self
    }

    /// Sets how many tokens of the model's window are kept free for the answer.
    ///
    /// The catalog does not know for which models input and output share the window. For most they do, so that the
    /// request's `maxTokens` are kept free where nothing is said here. At most half of the window is.
    #[must_use]
    pub fn reserve(mut self, tokens: u64) -> Self {
        self.reserve = Some(tokens);
        self
    }

    /// Sets how far a request is trimmed that is too large, as a share of what it may have, 0 to 1.
    ///
    /// What is dropped changes the beginning of a conversation, and with it the prompt cache is lost. So more is dropped
    /// than must be, in steps of what the share leaves: with 0.75 a conversation that grows by one turn at a time loses
    /// a quarter of what it may have, and its beginning stays as it is until that has grown again. That holds for
    /// callers who always send their whole history, too. 1 drops no more than must be.
    #[must_use]
    pub fn trim_to(mut self, share: f64) -> Self {
        self.trim_to = if share.is_finite() { share.clamp(0.0, 1.0) } else { 1.0 };
        self
    }

    /// Keeps the first units whatever happens, such as the task at the beginning.
    #[must_use]
    pub fn keep_first(mut self, units: usize) -> Self {
        self.keep_first = units;
        self
    }

    /// Keeps the turns that the function says yes to, each with its whole unit.
    #[must_use]
    pub fn pin(mut self, pinned: impl Fn(&Message) -> bool + Send + Sync + 'static) -> Self {
        self.pin = Some(Arc::new(pinned));
        self
    }

    /// Sets what happens to a request that is too large.
    #[must_use]
    pub fn on_overflow(mut self, what: OnOverflow) -> Self {
        self.on_overflow = what;
        self
    }

    /// Puts a summary that this model writes in the place of what is dropped:
    /// [`OnOverflow::Summarize`] with [`Summary::by`].
    #[must_use]
    pub fn summarize(self, model: impl Into<ModelId>) -> Self {
        self.on_overflow(OnOverflow::Summarize(Summary::by(model)))
    }

    /// The summary that is wanted in the place of what is dropped, if one is.
    #[must_use]
    pub fn summary(&self) -> Option<&Summary> {
        match &self.on_overflow {
            OnOverflow::Summarize(summary) => Some(summary),
            _ => None,
        }
    }

    /// How many input tokens the request may have; `None` where neither the policy nor the profile knows.
    #[must_use]
    pub fn budget(&self, request: &ChatRequest, profile: &ModelProfile) -> Option<u64> {
        self.max_input_tokens.or_else(|| {
            let window = profile.max_input_tokens?;
            let wanted = || request.inference_config.as_ref().and_then(|config| config.max_tokens);
            let reserve = self.reserve.or_else(|| wanted().map(u64::from)).unwrap_or_default();
            Some(window - reserve.min(window / 2))
        })
    }

    pub(super) fn refuses(&self) -> bool {
        self.on_overflow == OnOverflow::Error
    }

    /// Whether a unit stays.
    pub(super) fn keeps(&self, number: usize, unit: &[Message]) -> bool {
        number < self.keep_first || self.pin.as_ref().is_some_and(|pinned| unit.iter().any(|it| pinned(it)))
    }
}

impl Default for ContextPolicy {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for ContextPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ContextPolicy")
            .field("max_input_tokens", &self.max_input_tokens)
            .field("reserve", &self.reserve)
            .field("trim_to", &self.trim_to)
            .field("keep_first", &self.keep_first)
            .field("pins", &self.pin.is_some())
            .field("on_overflow", &self.on_overflow)
            .finish()
    }
}
