#![doc = include_str!("../README.md")]

mod answer;
mod asked;
mod connection;
mod control;
mod dispatch;
mod exception;
mod faults;
mod frame;
mod mix;
mod native;
mod offline;
mod received;
mod refusal;
mod replay;
mod route;
mod script;
mod server;
mod socket;
mod stats;

pub use exception::Exception;
pub use faults::{Fault, FaultPlan, FaultPlanError, FaultReport, FaultRule, Latency, RuleCounts};
pub use offline::{GUARDED_WORD, LOCAL_GUARDRAIL};
pub use received::ReceivedRequest;
pub use replay::{RecordedEvent, RecordedRequest, RecordedResponse, Recording, RecordingError};
pub use script::{Reply, Script};
pub use server::{Builder, LocalBedrock};
pub use stats::Stats;
