//! What comes back.

mod answered_by;
mod chat;
mod end;
mod replay;
#[allow(clippy::module_inception, reason = "it is the trait of this name")]
mod response;
mod usage;

pub use answered_by::{AnsweredBy, Move};
pub use chat::{
    ChatResponse, IncompleteCause, IncompleteToolUse, Metrics, PromptRouterTrace, StopReason, Trace,
};
pub(crate) use end::EndHooks;
pub use end::{End, Outcome};
pub use replay::Replayable;
pub(crate) use replay::json_bytes;
pub use response::Response;
pub use usage::{CacheDetail, Usage};
