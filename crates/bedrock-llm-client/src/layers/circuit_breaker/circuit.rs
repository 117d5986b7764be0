//! One circuit: closed, open, half-open. It has no clock and no lock of its own.

use std::time::Duration;

use tokio::time::Instant;

use super::window::{Counts, Outcome, Window};
use super::{CircuitBreakerConfig, CircuitState};

/// A circuit and what it looks back on.
#[derive(Debug)]
pub(super) struct Circuit {
    phase: Phase,
    /// Grows with every phase: how a call comes out tells nothing about a phase that it did not begin in.
    epoch: u64,
    window: Window,
}

#[derive(Debug)]
enum Phase {
    Closed,
    Open { until: Instant },
    HalfOpen { probes: Vec<Probe>, succeeded: u32, next: u64 },
    ForcedOpen,
    ForcedClosed,
}

/// A call that is let through to see whether the model is well again.
#[derive(Debug)]
struct Probe {
    number: u64,
    since: Instant,
}

/// Leave to call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Pass {
    epoch: u64,
    probe: Option<u64>,
}

/// A phase that began, and what the window held then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    Opened(Counts),
    ReOpened,
    Closed,
}

impl Circuit {
    pub(super) fn new() -> Self {
        Self { phase: Phase::Closed, epoch: 0, window: Window::default() }
    }

    /// Leave to call, or after how long to ask again; `None` where only a hand can close the circuit.
    pub(super) fn admit(
        &mut self,
        now: Instant,
        config: &CircuitBreakerConfig,
    ) -> Result<Pass, Option<Duration>> {
        if let Phase::Open { until } = self.phase {
            if now < until {
                return Err(Some(until - now));
            }
            self.enter(Phase::HalfOpen { probes: Vec::new(), succeeded: 0, next: 0 });
        }
        let probe = match &mut self.phase {
            Phase::ForcedOpen => return Err(None),
            Phase::Closed | Phase::ForcedClosed | Phase::Open { .. } => None,
            Phase::HalfOpen { probes, next, .. } => {
                // a stream that nobody reads must not keep a probe's place for ever
                probes.retain(|probe| now.duration_since(probe.since) < config.open_for);
                if probes.len() >= config.half_open_probes as usize {
                    let first = probes.iter().map(|probe| probe.since + config.open_for).min();
                    return Err(first.map(|first| first - now));
                }
                *next += 1;
                probes.push(Probe { number: *next, since: now });
                Some(*next)
            }
        };
        Ok(Pass { epoch: self.epoch, probe })
    }

    /// Takes note of how a call came out.
    pub(super) fn settle(
        &mut self,
        pass: Pass,
        outcome: Outcome,
        slow: bool,
        now: Instant,
        config: &CircuitBreakerConfig,
    ) -> Option<Change> {
        self.release(pass);
        if pass.epoch != self.epoch {
            return None;
        }
        match &mut self.phase {
            Phase::Open { .. } | Phase::ForcedOpen | Phase::ForcedClosed => None,
            Phase::Closed => {
                self.window.record(now, outcome, slow, config.window_calls);
                let counts = self.window.counts(now, config.window);
                counts.trip(config).then(|| {
                    self.open(now, config);
                    Change::Opened(counts)
                })
            }
            Phase::HalfOpen { .. } if outcome != Outcome::Succeeded || slow => {
                self.open(now, config);
                Some(Change::ReOpened)
            }
            Phase::HalfOpen { succeeded, .. } => {
                *succeeded += 1;
                (*succeeded >= config.half_open_probes).then(|| {
                    self.enter(Phase::Closed);
                    Change::Closed
                })
            }
        }
    }

    /// Gives a probe's place back, where the pass was for one.
    pub(super) fn release(&mut self, pass: Pass) {
        if pass.epoch == self.epoch
            && let Phase::HalfOpen { probes, .. } = &mut self.phase
        {
            probes.retain(|probe| Some(probe.number) != pass.probe);
        }
    }

    pub(super) fn force_open(&mut self) {
        self.enter(Phase::ForcedOpen);
    }

    pub(super) fn force_close(&mut self) {
        self.enter(Phase::ForcedClosed);
    }

    pub(super) fn reset(&mut self) {
        self.enter(Phase::Closed);
    }

    /// What a call would meet now.
    pub(super) fn state(&self, now: Instant) -> CircuitState {
        match self.phase {
            Phase::Closed => CircuitState::Closed,
            Phase::Open { until } if now < until => CircuitState::Open { retry_after: until - now },
            Phase::Open { .. } | Phase::HalfOpen { .. } => CircuitState::HalfOpen,
            Phase::ForcedOpen => CircuitState::ForcedOpen,
            Phase::ForcedClosed => CircuitState::ForcedClosed,
        }
    }

    pub(super) fn counts(&mut self, now: Instant, config: &CircuitBreakerConfig) -> Counts {
        self.window.counts(now, config.window)
    }

    fn open(&mut self, now: Instant, config: &CircuitBreakerConfig) {
        self.enter(Phase::Open { until: now + config.open_for });
    }

    /// Every phase begins with nothing to look back on.
    fn enter(&mut self, phase: Phase) {
        self.phase = phase;
        self.epoch += 1;
        self.window.clear();
    }
}
