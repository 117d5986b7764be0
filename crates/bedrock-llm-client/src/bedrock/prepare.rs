//! What becomes of a chat before it is sent: normalised for its model, then checked.

use std::borrow::Cow;
use std::sync::Arc;

use bedrock_llm_schema::model::ModelProfile;
use bedrock_llm_schema::normalize::ToolAliases;
use bedrock_llm_schema::rules::check_chat;
use bedrock_llm_schema::{
    Catalog, Change, ChangeKind, ChatRequest, Error, ErrorKind, ModelId, Normalizer, Operation, Request,
    Response,
};
use futures_util::StreamExt as _;

use crate::transport::Context;

/// How chats are made ready.
#[derive(Clone)]
pub(crate) struct Preparation {
    /// The caller's facts, in the place of the built-in ones.
    pub(crate) catalog: Option<Arc<Catalog>>,
    pub(crate) normalizer: Normalizer,
    pub(crate) normalize: bool,
    pub(crate) validate: bool,
}

impl Default for Preparation {
    fn default() -> Self {
        Self { catalog: None, normalizer: Normalizer::new(), normalize: true, validate: true }
    }
}

impl Preparation {
    pub(crate) fn catalog(&self) -> &Catalog {
        self.catalog.as_deref().unwrap_or_else(|| Catalog::builtin())
    }

    pub(crate) fn profile(&self, model: &ModelId) -> Cow<'_, ModelProfile> {
        self.catalog().profile(model)
    }

    /// A chat as it is sent, where it is not sent but counted.
    pub(crate) fn normalized(&self, request: ChatRequest) -> ChatRequest {
        if !self.normalize {
            return request;
        }
        let profile = self.profile(&request.model);
        self.normalizer.normalize(request, &profile).request
    }

    /// Normalises and checks a request's chat.
    pub(super) fn chat<R: Request>(
        &self,
        request: &mut R,
        model: &ModelId,
        operation: Operation,
        region: Option<&str>,
    ) -> Result<Return, Error> {
        check_model(model, operation)?;
        let profile = self.profile(model);
        let mut back = Return { changes: Vec::new(), aliases: ToolAliases::default() };
        let Some(place) = request.chat_mut() else { return Ok(back) };
        // the rules ask for the model, which a `Call` keeps beside its content
        let own = std::mem::replace(&mut place.model, model.clone());
        if self.normalize {
            let normalized = self.normalizer.normalize(std::mem::take(place), &profile);
            log(model, &normalized.changes);
            *place = normalized.request;
            back = Return { changes: normalized.changes, aliases: normalized.aliases };
        }
        // no model knows our form of `reasoning`, so that even an unchecked request cannot be sent with it
        if self.validate || place.reasoning.is_some() {
            check_chat(place, &profile, operation)
                .or_else(|violations| violations.except_warned(&back.changes))
                .map_err(|violations| {
                    let context = Context::new(operation, Some(model));
                    context.explain(context.advise(violations.into(), self.catalog(), region))
                })?;
        }
        place.model = own;
        Ok(back)
    }
}

/// Says changes in the log.
pub(crate) fn log(model: &ModelId, changes: &[Change]) {
    for change in changes {
        let model = model.as_str();
        match change.kind {
            ChangeKind::Degraded | ChangeKind::Warned => tracing::warn!(model, "{change}"),
            _ => tracing::debug!(model, "{change}"),
        }
    }
}

/// What an answer needs on the way back.
#[derive(Debug)]
pub(crate) struct Return {
    changes: Vec<Change>,
    aliases: ToolAliases,
}

impl Return {
    /// To say these changes, and no more.
    pub(crate) fn saying(changes: Vec<Change>) -> Self {
        Self { changes, aliases: ToolAliases::default() }
    }

    /// Gives tools their own names back, and says what was changed in the request.
    pub(crate) fn apply<A: Response>(self, answer: &mut A) {
        let Self { changes, aliases } = self;
        if let Some(response) = answer.chat_mut() {
            aliases.restore_response(response);
            response.changes.extend(changes);
        } else if let Some(stream) = answer.chat_stream_mut() {
            if !aliases.is_empty() {
                stream.wrap_events(|events| {
                    events.map(move |event| {
                        event.map(|mut event| {
                            aliases.restore_event(&mut event);
                            event
                        })
                    })
                });
            }
            stream.add_changes(changes);
        }
    }
}

/// A request without a model cannot be sent.
pub(super) fn check_model(model: &ModelId, operation: Operation) -> Result<(), Error> {
    if model.is_empty() {
        let error = Error::new(ErrorKind::InvalidRequest, "the request names no model");
        return Err(Context::new(operation, None).explain(error));
    }
    Ok(())
}
