//! Faults on demand: a plan of what goes wrong, when, and for whom, laid over whatever answers.

mod draw;
mod fault;
mod inject;
mod latency;
mod plan;
mod play;
mod rule;

pub use fault::Fault;
pub(crate) use inject::Injection;
pub use latency::Latency;
pub use plan::{FaultPlan, FaultPlanError};
pub(crate) use play::Faults;
pub use play::{FaultReport, RuleCounts};
pub use rule::FaultRule;
