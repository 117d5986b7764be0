//! Rules a request must keep, checked before it leaves the machine.
//!
//! There is one table, [`RULES`]. Each [`Rule`] says what it checks, for whom, what the service says of a request
//! that breaks it, and how that is mended. [`ChatRequest::check`], the `bedrock-llm lint` command and the local
//! endpoint all read it, so that they cannot disagree. A rule for some models asks the model's
//! [`ModelProfile`] and is silent where the profile does not know.

mod cache;
mod calls;
mod embed;
mod media;
mod model;
mod place;
mod reasoning;
mod rerank;
mod rule;
mod settings;
mod table;
mod tools;
mod turns;

use std::fmt;

use crate::model::ModelProfile;
use crate::rerank::RerankApi;
use crate::{
    Change, ChangeKind, ChatRequest, ChatStreamRequest, CountTokensRequest, EmbedRequest, Error, ErrorKind,
    ModelId, Operation, RerankRequest, ServiceError,
};

pub use rule::Rule;
use rule::{Check, Report, RuleReport, Subject};
pub(crate) use settings::TOP_K;
pub use table::RULES;

/// A place in a request that breaks a rule.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[non_exhaustive]
pub struct Violation {
    /// The rule's id, such as `R-TOOL-PAIR`.
    pub rule: &'static str,
    /// Where, as a JSON path from the request's root: `messages[2].content[0].text`.
    pub path: String,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub fix: String,
    /// The sentence the service refuses this with, where a recording or the documentation has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service_message: Option<String>,
}

/// All places in a request that break rules, in the order of [`RULES`]; at least one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct Violations(pub Vec<Violation>);

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}; {} [{}]", self.path, self.message, self.fix, self.rule)
    }
}

impl fmt::Display for Violations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, violation) in self.0.iter().enumerate() {
            if place > 0 {
                f.write_str("; ")?;
            }
            violation.fmt(f)?;
        }
        Ok(())
    }
}

impl Violations {
    /// Leaves out what normalising only warned of, because the caller wants it sent all the same.
    ///
    /// # Errors
    /// The rest, if there is any.
    pub fn except_warned(mut self, changes: &[Change]) -> Result<(), Self> {
        let is_warned =
            |rule| changes.iter().any(|change| change.kind == ChangeKind::Warned && change.rule == rule);
        self.0.retain(|violation| !is_warned(violation.rule));
        if self.0.is_empty() { Ok(()) } else { Err(self) }
    }
}

/// An error of the kind it would have had from the service where that is a special one, such as
/// [`ErrorKind::InferenceProfileRequired`]; else [`ErrorKind::InvalidRequest`].
impl From<Violations> for Error {
    fn from(violations: Violations) -> Self {
        let said = violations.0.first().and_then(|first| first.service_message.as_deref());
        let refused = said.map(|message| {
            Self::from(ServiceError {
                code: Some("ValidationException"),
                status: Some(400),
                message,
                request_id: None,
                retry_after: None,
            })
        });
        let special =
            refused.map(|refused| refused.kind().clone()).filter(|kind| *kind != ErrorKind::Validation);
        let kind = special.unwrap_or(ErrorKind::InvalidRequest);
        Self::new(kind, violations.to_string()).with_source(violations)
    }
}

impl ChatRequest {
    /// Checks every rule that holds for a model, and reports every place that breaks one.
    ///
    /// ```
    /// use bedrock_llm_schema::{Catalog, ChatRequest, ModelId};
    ///
    /// let id = ModelId::from("deepseek.r1-v1:0");
    /// let violations = ChatRequest::new(id.clone()).message(" ").check(&Catalog::builtin().profile(&id)).unwrap_err();
    /// let rules: Vec<_> = violations.0.iter().map(|violation| violation.rule).collect();
    /// assert_eq!(rules, ["R-ON-DEMAND", "R-BLANK-TEXT"]);
    /// assert_eq!(violations.0[1].path, "messages[0].content[0].text");
    /// ```
    ///
    /// # Errors
    /// [`Violations`], which becomes an [`Error`] of kind [`ErrorKind::InvalidRequest`] by `?`.
    pub fn check(&self, profile: &ModelProfile) -> Result<(), Violations> {
        check(self, Some(profile), Operation::Converse)
    }

    /// Checks only the rules that hold whichever the model is, without a look at its id.
    ///
    /// # Errors
    /// As for [`check`](Self::check).
    pub fn validate(&self) -> Result<(), Violations> {
        check(self, None, Operation::Converse)
    }
}

impl ChatStreamRequest {
    /// [`ChatRequest::check`], for a stream.
    ///
    /// # Errors
    /// As there.
    pub fn check(&self, profile: &ModelProfile) -> Result<(), Violations> {
        check(&self.0, Some(profile), Operation::ConverseStream)
    }

    /// [`ChatRequest::validate`], for a stream.
    ///
    /// # Errors
    /// As there.
    pub fn validate(&self) -> Result<(), Violations> {
        check(&self.0, None, Operation::ConverseStream)
    }
}

/// [`ChatRequest::check`] for the operation that will carry the chat.
///
/// # Errors
/// As there.
pub fn check_chat(
    request: &ChatRequest,
    profile: &ModelProfile,
    operation: Operation,
) -> Result<(), Violations> {
    check(request, Some(profile), operation)
}

/// Checks a request for embeddings, whose model is told beside it. What a profile does not know is not refused.
///
/// ```
/// use bedrock_llm_schema::rules::check_embed;
/// use bedrock_llm_schema::{Catalog, EmbedRequest};
///
/// let request = EmbedRequest::new("amazon.titan-embed-text-v2:0").inputs(["a", "b"]).dimensions(300);
/// let profile = Catalog::builtin().profile(&request.model);
/// let violations = check_embed(&request, &request.model, &profile).unwrap_err();
/// let rules: Vec<_> = violations.0.iter().map(|violation| violation.rule).collect();
/// assert_eq!(rules, ["R-EMBED-COUNT", "R-EMBED-DIMENSIONS"]);
/// ```
///
/// # Errors
/// As for [`ChatRequest::check`].
pub fn check_embed(
    request: &EmbedRequest,
    model: &ModelId,
    profile: &ModelProfile,
) -> Result<(), Violations> {
    report(|rule, place| match rule.check {
        Check::Model(check) => check(model, profile, Operation::InvokeModel, place),
        Check::Embed(check) => check(request, profile, place),
        Check::Chat(_) | Check::Rerank(_) => {}
    })
}

/// Checks a request for a ranking, whose model is told beside it.
///
/// # Errors
/// As for [`ChatRequest::check`].
pub fn check_rerank(
    request: &RerankRequest,
    model: &ModelId,
    profile: &ModelProfile,
) -> Result<(), Violations> {
    let operation = match request.api {
        RerankApi::InvokeModel => Operation::InvokeModel,
        RerankApi::AgentRuntime => Operation::Rerank,
    };
    report(|rule, place| match rule.check {
        Check::Model(check) => check(model, profile, operation, place),
        Check::Rerank(check) => check(request, profile, place),
        Check::Chat(_) | Check::Embed(_) => {}
    })
}

impl CountTokensRequest {
    /// Checks the rules about the model; whether what is counted could be sent is not looked at.
    ///
    /// # Errors
    /// As for [`ChatRequest::check`].
    pub fn check(&self, profile: &ModelProfile) -> Result<(), Violations> {
        check_model(&self.model, profile, Operation::CountTokens)
    }
}

/// Checks the rules that need no more than the model and the operation; for calls without a [`ChatRequest`].
///
/// # Errors
/// [`Violations`], which becomes an [`Error`] of kind [`ErrorKind::InvalidRequest`] by `?`.
pub fn check_model(model: &ModelId, profile: &ModelProfile, operation: Operation) -> Result<(), Violations> {
    report(|rule, place| {
        if let Check::Model(check) = rule.check {
            check(model, profile, operation, place);
        }
    })
}

/// What `look` finds by all rules, in their order.
fn report(look: impl Fn(&Rule, &mut RuleReport<'_>)) -> Result<(), Violations> {
    let mut report = Report::default();
    for rule in RULES {
        look(rule, &mut report.of(rule));
    }
    report.settle()
}

fn check(
    request: &ChatRequest,
    profile: Option<&ModelProfile>,
    operation: Operation,
) -> Result<(), Violations> {
    let unknown = ModelProfile::default();
    let subject = Subject { request, profile: profile.unwrap_or(&unknown), operation };
    report(|rule, place| match (rule.check, profile) {
        (Check::Model(check), Some(profile)) => check(&request.model, profile, operation, place),
        (Check::Chat(check), _) => check(&subject, place),
        _ => {}
    })
}

#[cfg(test)]
mod tests;
