//! How far the batch is.

use std::fmt::{Display, from_fn};
use std::time::Duration;

use bedrock_llm_client::batch::Progress;
use bedrock_llm_schema::model::Cost;

use crate::show::seconds;

/// What became of the lines that were not sent in this run, and what the others cost.
#[derive(Debug, Default, Clone)]
pub(super) struct Tally {
    pub(super) answered_before: usize,
    pub(super) failed_before: usize,
    pub(super) bad: usize,
    pub(super) changed: usize,
    pub(super) cost: Cost,
    /// Answers of models whose price is not known.
    pub(super) unpriced: usize,
}

impl Tally {
    /// Lines that have their outcome.
    pub(super) fn passed(&self, progress: &Progress) -> usize {
        self.answered_before + self.failed_before + self.bad + progress.finished()
    }

    /// How long the rest will take.
    fn remaining(&self, progress: &Progress, total: Option<usize>) -> Option<Duration> {
        let left = u32::try_from(total?.saturating_sub(self.passed(progress))).ok()?;
        (progress.rate() > 0.0).then(|| Duration::from_secs_f64((f64::from(left) / progress.rate()).min(1e9)))
    }

    fn cost(&self) -> impl Display {
        let Self { cost, unpriced, .. } = *self;
        from_fn(move |f| match (cost == Cost::default(), unpriced) {
            (_, 0) => write!(f, "${cost:.4}"),
            (true, _) => write!(f, "cost unknown"),
            (false, _) => write!(f, "${cost:.4} and unknown for {unpriced}"),
        })
    }

    pub(super) fn now(&self, progress: &Progress, total: Option<usize>) -> impl Display {
        let (tally, progress) = (self.clone(), *progress);
        from_fn(move |f| {
            let Progress { failed, input_tokens, output_tokens, .. } = progress;
            write!(
                f,
                "{failed} failed, {:.1}/s, {input_tokens} tokens in, {output_tokens} out, ",
                progress.rate()
            )?;
            write!(f, "{}", tally.cost())?;
            match tally.remaining(&progress, total) {
                Some(left) => write!(f, ", {} left", seconds(left)),
                None => Ok(()),
            }
        })
    }

    /// The last line of a run.
    pub(super) fn summary(&self, progress: &Progress) -> impl Display {
        let (tally, progress) = (self.clone(), *progress);
        from_fn(move |f| {
            write!(f, "{} answered, {} failed", progress.succeeded, progress.failed)?;
            for (count, what) in [
                (tally.bad, "bad lines"),
                (tally.answered_before, "answered before"),
                (tally.failed_before, "failed before"),
                (tally.changed, "changed since their last outcome"),
            ] {
                if count > 0 {
                    write!(f, ", {count} {what}")?;
                }
            }
            let Progress { input_tokens, output_tokens, elapsed, .. } = progress;
            write!(
                f,
                "; {input_tokens} tokens in, {output_tokens} out, {}, {}",
                tally.cost(),
                seconds(elapsed)
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_price_is_not_nothing() {
        let mut tally = Tally::default();
        assert_eq!(tally.cost().to_string(), "$0.0000");
        tally.unpriced = 2;
        assert_eq!(tally.cost().to_string(), "cost unknown");
        let price: bedrock_llm_schema::model::Prices = serde_json::from_str(r#"{"input": "0.5"}"#).unwrap();
        tally.cost = price.cost(&bedrock_llm_schema::Usage::new(3, 0), None).unwrap();
        assert_eq!(tally.cost().to_string(), "$1.5000 and unknown for 2");
    }
}
