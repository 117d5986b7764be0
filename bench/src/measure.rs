//! CPU time, round by round.

use std::time::Duration;

use cpu_time::ProcessTime;

/// CPU time per call, one value a round.
#[derive(Default)]
pub(crate) struct Rounds(Vec<Duration>);

impl Rounds {
    /// Measures one round of `calls` calls.
    pub(crate) async fn measure(
        &mut self,
        calls: u32,
        round: impl Future<Output = anyhow::Result<()>>,
    ) -> anyhow::Result<()> {
        let start = ProcessTime::now();
        round.await?;
        self.0.push(start.elapsed() / calls);
        Ok(())
    }

    /// The value below which `share` of the rounds lie.
    pub(crate) fn quantile(&self, share: f64) -> Duration {
        let mut sorted = self.0.clone();
        sorted.sort_unstable();
        let place = ((sorted.len().saturating_sub(1)) as f64 * share).round() as usize;
        sorted.get(place).copied().unwrap_or_default()
    }

    pub(crate) fn median(&self) -> Duration {
        self.quantile(0.5)
    }
}
