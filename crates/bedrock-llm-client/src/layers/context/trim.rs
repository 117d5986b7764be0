//! What is done with a request that may be too large: counted, planned, trimmed, summed up.

use std::sync::Arc;

use bedrock_llm_schema::context::{Summary, Trimmed};
use bedrock_llm_schema::model::ModelProfile;
use bedrock_llm_schema::{
    Call, CallOptions, Catalog, Change, ChatResponse, ContextPolicy, CountTokensRequest, Error, ErrorKind,
    Message, ModelId, Request, TokenCount,
};
use tower::ServiceExt as _;

use super::Helper;
use super::summaries::Summaries;
use crate::bedrock::log;
use crate::counter::Counter;

/// The policy, with what is remembered between calls.
pub(super) struct Trimmer {
    policy: ContextPolicy,
    /// The caller's facts, in the place of the built-in ones.
    catalog: Option<Arc<Catalog>>,
    counter: Counter,
    summaries: Summaries,
}

/// A chat that may be too large.
pub(super) struct Excess {
    model: ModelId,
    profile: ModelProfile,
    estimate: TokenCount,
    budget: u64,
}

impl Trimmer {
    pub(super) fn new(policy: ContextPolicy, catalog: Option<Arc<Catalog>>) -> Self {
        Self { policy, catalog, counter: Counter::default(), summaries: Summaries::default() }
    }

    pub(super) fn policy(&self) -> &ContextPolicy {
        &self.policy
    }

    /// None where the request surely fits, and where it has no chat or nobody knows what fits.
    pub(super) fn look_at<R: Request>(&self, request: &R) -> Option<Excess> {
        let (chat, model) = request.chat().zip(request.model())?;
        let profile = self.catalog.as_deref().unwrap_or_else(|| Catalog::builtin()).profile(model);
        let budget = self.policy.budget(chat, &profile)?;
        let estimate = chat.estimate_tokens_of(profile.base_model.as_ref().unwrap_or(model));
        (*estimate.range().end() > budget).then(|| Excess {
            model: model.clone(),
            profile: profile.into_owned(),
            estimate,
            budget,
        })
    }

    /// Trims the request where it is too large.
    pub(super) async fn trim<R: Request, S: Helper>(
        &self,
        request: &mut R,
        excess: Excess,
        helper: &S,
    ) -> Result<Vec<Change>, Error> {
        let count = self.count(request, &excess, helper).await;
        let Some(chat) = request.chat() else { return Ok(Vec::new()) };
        let plan = self
            .policy
            .plan(chat, &excess.profile, count)
            .map_err(|error| error.with_operation_if_none(R::OPERATION).with_model_if_none(&excess.model))?;
        let options = request.options().clone();
        let Some((plan, chat)) = plan.zip(request.chat_mut()) else { return Ok(Vec::new()) };
        let mut trimmed = plan.apply(chat);
        if let Some(summary) = self.policy.summary().filter(|_| !trimmed.removed.is_empty()) {
            match self.sum_up(summary, &trimmed, options, helper).await {
                Ok((text, wrote)) => {
                    trimmed.sum_up(chat, &text, &summary.model, wrote.as_ref().map(|answer| &answer.usage));
                }
                Err(error) => trimmed.not_summed_up(&summary.model, &error),
            }
        }
        log(&excess.model, &trimmed.changes);
        Ok(trimmed.changes)
    }

    /// Asks the service where the estimate leaves it in doubt; what goes wrong there must not stop the call.
    async fn count<R: Request, S: Helper>(&self, request: &R, excess: &Excess, helper: &S) -> TokenCount {
        let is_in_doubt = excess.estimate.range().contains(&excess.budget);
        let Some(chat) = request.chat().filter(|_| is_in_doubt) else { return excess.estimate };
        let mut chat = chat.clone();
        chat.model = excess.model.clone();
        let options = request.options().clone();
        let ask =
            |request: CountTokensRequest| helper.clone().oneshot(Call::new(request).with_options(options));
        match self.counter.count(chat, &excess.profile, ask).await {
            Ok(count @ TokenCount::Exact(_)) => count,
            Ok(TokenCount::Estimated(_)) => excess.estimate,
            Err(error) => {
                let model = excess.model.as_str();
                tracing::debug!(model, kind = error.kind().as_str(), "tokens are estimated, counting failed");
                excess.estimate
            }
        }
    }

    /// The summary of what was taken out, and the answer that it came with, if it was written now.
    async fn sum_up<S: Helper>(
        &self,
        summary: &Summary,
        trimmed: &Trimmed,
        options: CallOptions,
        helper: &S,
    ) -> Result<(Arc<str>, Option<ChatResponse>), Error> {
        let keys = self.summaries.keys(summary, &trimmed.removed);
        let (before, known) = self.summaries.longest(&keys);
        let new: &[Message] = trimmed.removed.get(known..).unwrap_or_default();
        if let Some(text) = before.clone().filter(|_| new.is_empty()) {
            return Ok((text, None));
        }
        let request = summary.request(before.as_deref(), new);
        let answer: ChatResponse = helper.clone().oneshot(Call::new(request).with_options(options)).await?;
        let text: Arc<str> = answer.text().trim().into();
        if text.is_empty() {
            return Err(Error::new(
                ErrorKind::Unexpected,
                "the model that was to write a summary said nothing",
            ));
        }
        tracing::info!(
            model = summary.model.as_str(),
            turns = new.len(),
            input_tokens = answer.usage.total_input(),
            output_tokens = answer.usage.output_tokens,
            "a conversation was summed up"
        );
        if let Some(key) = keys.last() {
            self.summaries.keep(*key, &text);
        }
        Ok((text, Some(answer)))
    }
}
