#![doc = include_str!("../README.md")]

mod answer;
mod dispatch;
mod events;
mod exception;
mod frame;
mod native;
mod offline;
mod received;
mod refusal;
mod replay;
mod route;
mod script;
mod server;

pub use exception::Exception;
pub use offline::{GUARDED_WORD, LOCAL_GUARDRAIL};
pub use received::ReceivedRequest;
pub use replay::{RecordedEvent, RecordedRequest, RecordedResponse, Recording, RecordingError};
pub use script::{Reply, Script};
pub use server::{Builder, LocalBedrock};
