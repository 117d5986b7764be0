//! What becomes of a chat before it is sent: normalised for its model, then checked.

use std::borrow::Cow;
use std::sync::Arc;

use bedrock_llm_schema::model::ModelProfile;
use bedrock_llm_schema::normalize::ToolAliases;
use bedrock_llm_schema::rules::check_chat;
use bedrock_llm_schema::{
    Catalog, Change, ChangeKind, ChatRequest, ChatResponse, ChatStream, Error, ErrorKind, ModelId,
    Normalizer, Operation,
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

/// A chat that is ready to be sent, and what its answer needs on the way back.
pub(super) struct Prepared {
    pub(super) request: ChatRequest,
    changes: Vec<Change>,
    aliases: ToolAliases,
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

    /// Normalises and checks a chat.
    pub(super) fn chat(
        &self,
        request: ChatRequest,
        operation: Operation,
        region: Option<&str>,
    ) -> Result<Prepared, Error> {
        check_model(&request.model, operation)?;
        let profile = self.profile(&request.model);
        let mut prepared = Prepared { request, changes: Vec::new(), aliases: ToolAliases::default() };
        if self.normalize {
            prepared = self.normalize(prepared.request, &profile);
        }
        // no model knows our form of `reasoning`, so that even an unchecked request cannot be sent with it
        if self.validate || prepared.request.reasoning.is_some() {
            check_chat(&prepared.request, &profile, operation)
                .or_else(|violations| violations.except_warned(&prepared.changes))
                .map_err(|violations| {
                    let context = Context::new(operation, Some(&prepared.request.model));
                    context.explain(context.advise(violations.into(), self.catalog(), region))
                })?;
        }
        Ok(prepared)
    }

    fn normalize(&self, request: ChatRequest, profile: &ModelProfile) -> Prepared {
        let normalized = self.normalizer.normalize(request, profile);
        for change in &normalized.changes {
            let model = normalized.request.model.as_str();
            match change.kind {
                ChangeKind::Degraded | ChangeKind::Warned => tracing::warn!(model, "{change}"),
                _ => tracing::debug!(model, "{change}"),
            }
        }
        Prepared { request: normalized.request, changes: normalized.changes, aliases: normalized.aliases }
    }
}

impl Prepared {
    /// The request, and what its answer needs.
    pub(super) fn split(self) -> (ChatRequest, Return) {
        (self.request, Return { changes: self.changes, aliases: self.aliases })
    }
}

/// What an answer needs on the way back.
pub(super) struct Return {
    changes: Vec<Change>,
    aliases: ToolAliases,
}

impl Return {
    pub(super) fn response(self, mut response: ChatResponse) -> ChatResponse {
        self.aliases.restore_response(&mut response);
        response.changes = self.changes;
        response
    }

    pub(super) fn stream(self, stream: ChatStream) -> ChatStream {
        let Self { changes, aliases } = self;
        let stream = if aliases.is_empty() {
            stream
        } else {
            stream.map_events(|events| {
                events.map(move |event| {
                    event.map(|mut event| {
                        aliases.restore_event(&mut event);
                        event
                    })
                })
            })
        };
        stream.with_changes(changes)
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
