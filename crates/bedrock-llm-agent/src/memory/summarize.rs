//! [`Summarized`]: what falls out of a conversation is summed up.

use std::collections::BTreeSet;

use bedrock_llm_schema::context::Summary;
use bedrock_llm_schema::conversation::Measure;
use bedrock_llm_schema::{Error, ErrorKind, Message, StopReason, TokenCount};

use super::draft::turns_of;
use super::{Draft, MemoryContext, MemoryUpdate, OnFailure, Strategy};
use crate::run::ModelUse;

/// A strategy of which a model sums up what it takes out: [`Strategy::summarize`].
///
/// The summary stands before what the user says first, and the model is shown it when more falls out, so that nothing is
/// read twice. A [`TokenBudget`](super::TokenBudget) within leaves room for [`Summary::max_tokens`]; it should be
/// several times as large. Turns that the model's
/// window does not hold at once are summed up in several calls.
#[derive(Debug, Clone)]
pub struct Summarized<S> {
    inner: S,
    summary: Summary,
    on_failure: OnFailure,
}

/// How far summing up has come.
#[derive(Default)]
struct Progress {
    text: Option<String>,
    turns: usize,
    used: ModelUse,
}

impl<S> Summarized<S> {
    pub(super) fn new(inner: S, summary: Summary) -> Self {
        Self { inner, summary, on_failure: OnFailure::default() }
    }

    /// Sets what happens when no summary comes. Where the memory goes on, the turns go without one, and the summary that
    /// was there stays.
    #[must_use]
    pub fn on_failure(mut self, what: OnFailure) -> Self {
        self.on_failure = what;
        self
    }

    async fn sum_up(
        &self,
        turns: &[&Message],
        progress: &mut Progress,
        context: &MemoryContext<'_>,
    ) -> Result<(), Error> {
        let room = self.room(context);
        let measure = Measure::tokens(&self.summary.model);
        let mut rest = turns;
        while !rest.is_empty() {
            let (now, later) = rest.split_at(fitting(rest, &measure, room));
            let request = self.summary.request(progress.text.as_deref(), now.iter().copied());
            let answer = context.client.chat(request).await?;
            progress.used.add(&context.used(&self.summary.model, &answer.usage));
            let is_refused =
                matches!(answer.stop_reason, StopReason::GuardrailIntervened | StopReason::ContentFiltered);
            let text = answer.text().trim().to_owned();
            if is_refused || text.is_empty() {
                let kind = if is_refused { ErrorKind::AnswerRefused } else { ErrorKind::Unexpected };
                let error = Error::new(kind, "the model that was to write a summary wrote none");
                return Err(error.with_model_if_none(&self.summary.model));
            }
            tracing::info!(
                model = self.summary.model.as_str(),
                turns = now.len(),
                input_tokens = answer.usage.total_input(),
                output_tokens = answer.usage.output_tokens,
                "a conversation was summed up"
            );
            progress.text = Some(text);
            progress.turns += now.len();
            rest = later;
        }
        Ok(())
    }

    /// The tokens of turns that a call may have: what the model's window leaves beside instruction, former summary and
    /// answer.
    fn room(&self, context: &MemoryContext<'_>) -> u64 {
        let profile = context.client.profile(&self.summary.model);
        let Some(window) = profile.max_input_tokens else { return u64::MAX };
        let beside = self.summary.request(None, []).estimate_tokens();
        let summaries = u64::from(self.summary.max_tokens).saturating_mul(2);
        window.saturating_sub(beside.range().end().saturating_add(summaries)).max(window / 2)
    }
}

/// How many of the first turns have room, at least 1.
fn fitting(turns: &[&Message], measure: &Measure, room: u64) -> usize {
    /// What a transcript says of who speaks.
    const SPEAKER: u64 = 4;
    let mut sum = 0_u64;
    let fits = |turn: &&&Message| {
        sum = sum.saturating_add(measure.of(turn)).saturating_add(SPEAKER);
        *TokenCount::Estimated(sum).range().end() <= room
    };
    turns.iter().take_while(fits).count().max(1)
}

impl<S: Strategy> Strategy for Summarized<S> {
    async fn plan(&self, draft: &mut Draft<'_>, context: &MemoryContext<'_>) -> Result<(), Error> {
        let before: BTreeSet<usize> = draft.out().clone();
        let spare = draft.spare();
        draft.set_spare(spare.max(u64::from(self.summary.max_tokens)));
        let planned = self.inner.plan(draft, context).await;
        draft.set_spare(spare);
        planned?;

        let fallen: Vec<_> = draft.out().difference(&before).map(|unit| draft.unit(*unit)).collect();
        let turns: Vec<&Message> = fallen.iter().flat_map(|unit| turns_of(unit)).collect();
        if turns.is_empty() {
            return Ok(());
        }
        let mut progress = Progress { text: draft.summary().map(str::to_owned), ..Progress::default() };
        let outcome = self.sum_up(&turns, &mut progress, context).await;
        drop(turns);
        drop(fallen);
        let mut update = MemoryUpdate::of("summarize");
        if let Err(error) = outcome {
            if self.on_failure == OnFailure::Fail {
                return Err(error);
            }
            let kind = error.kind().as_str();
            tracing::warn!(model = self.summary.model.as_str(), kind, "a conversation was not summed up");
            update.failed = Some(kind.to_owned());
        }
        update.summarized = progress.turns;
        update.note(progress.used);
        if let Some(text) = progress.text.filter(|_| progress.turns > 0) {
            draft.set_summary(text);
        }
        draft.report(update);
        Ok(())
    }
}
