//! How far a command is, on standard error.

use std::fmt::{Display, from_fn};
use std::io::IsTerminal as _;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

/// How often a line is said where there is no terminal for a bar.
pub(crate) const EVERY: Duration = Duration::from_secs(10);

/// A bar on a terminal, else a line now and then.
pub(crate) struct Show {
    bar: Option<ProgressBar>,
    total: Option<usize>,
}

impl Show {
    pub(crate) fn new(total: Option<usize>) -> anyhow::Result<Self> {
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

    /// Of how many, where that is known.
    pub(crate) fn total(&self) -> Option<usize> {
        self.total
    }

    /// After every change.
    pub(crate) fn update(&self, passed: usize, message: impl Display) {
        if let Some(bar) = &self.bar {
            bar.set_message(message.to_string());
            bar.set_position(passed as u64);
        }
    }

    /// [`EVERY`] so often.
    pub(crate) fn tick(&self, passed: usize, message: impl Display) {
        match &self.bar {
            Some(_) => self.update(passed, message),
            None => {
                let of = self.total.map(|total| format!("/{total}")).unwrap_or_default();
                eprintln!("{passed}{of}, {message}");
            }
        }
    }

    /// A line about something else.
    pub(crate) fn say(&self, line: impl Display) {
        match &self.bar {
            Some(bar) => bar.suspend(|| eprintln!("{line}")),
            None => eprintln!("{line}"),
        }
    }

    pub(crate) fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

/// To the second; the first ones to a tenth.
pub(crate) fn seconds(time: Duration) -> impl Display {
    from_fn(move |f| match time.as_secs() {
        0..10 => write!(f, "{:.1}s", time.as_secs_f64()),
        10..60 => write!(f, "{}s", time.as_secs()),
        60..3600 => write!(f, "{}m {}s", time.as_secs() / 60, time.as_secs() % 60),
        _ => write!(f, "{}h {}m", time.as_secs() / 3600, time.as_secs() / 60 % 60),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_short() {
        for (time, shown) in [(1500, "1.5s"), (59_900, "59s"), (61_000, "1m 1s"), (3_661_000, "1h 1m")] {
            assert_eq!(seconds(Duration::from_millis(time)).to_string(), shown);
        }
    }
}
