//! How far the batch is, on standard error.

use std::fmt::{Display, from_fn};
use std::io::IsTerminal as _;
use std::time::Duration;

use bedrock_llm_client::batch::Progress;
use bedrock_llm_schema::model::Cost;
use indicatif::{ProgressBar, ProgressStyle};

/// How often a line is said where there is no terminal for a bar.
pub(super) const EVERY: Duration = Duration::from_secs(10);

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
    fn passed(&self, progress: &Progress) -> usize {
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

    fn now(&self, progress: &Progress, total: Option<usize>) -> impl Display {
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

/// To the second; the first ones to a tenth.
fn seconds(time: Duration) -> impl Display {
    from_fn(move |f| match time.as_secs() {
        0..10 => write!(f, "{:.1}s", time.as_secs_f64()),
        10..60 => write!(f, "{}s", time.as_secs()),
        60..3600 => write!(f, "{}m {}s", time.as_secs() / 60, time.as_secs() % 60),
        _ => write!(f, "{}h {}m", time.as_secs() / 3600, time.as_secs() / 60 % 60),
    })
}

/// A bar on a terminal, else a line now and then.
pub(super) struct Show {
    bar: Option<ProgressBar>,
    total: Option<usize>,
}

impl Show {
    pub(super) fn new(total: Option<usize>) -> anyhow::Result<Self> {
        let bar = match total {
            _ if !std::io::stderr().is_terminal() => None,
            Some(total) => {
                let style = ProgressStyle::with_template("{bar:24} {pos}/{len} {msg}")?;
                Some(ProgressBar::new(total as u64).with_style(style))
            }
            None => Some(
                ProgressBar::new_spinner().with_style(ProgressStyle::with_template("{spinner} {pos} {msg}")?),
            ),
        };
        Ok(Self { bar, total })
    }

    /// After every change.
    pub(super) fn update(&self, tally: &Tally, progress: &Progress) {
        if let Some(bar) = &self.bar {
            bar.set_message(tally.now(progress, self.total).to_string());
            bar.set_position(tally.passed(progress) as u64);
        }
    }

    /// [`EVERY`] so often.
    pub(super) fn tick(&self, tally: &Tally, progress: &Progress) {
        self.update(tally, progress);
        if self.bar.is_none() {
            let of = self.total.map(|total| format!("/{total}")).unwrap_or_default();
            eprintln!("{}{of}, {}", tally.passed(progress), tally.now(progress, self.total));
        }
    }

    /// A line about something else.
    pub(super) fn say(&self, line: impl Display) {
        match &self.bar {
            Some(bar) => bar.suspend(|| eprintln!("{line}")),
            None => eprintln!("{line}"),
        }
    }

    pub(super) fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
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

    #[test]
    fn times_are_short() {
        for (time, shown) in [(1500, "1.5s"), (59_900, "59s"), (61_000, "1m 1s"), (3_661_000, "1h 1m")] {
            assert_eq!(seconds(Duration::from_millis(time)).to_string(), shown);
        }
    }
}
