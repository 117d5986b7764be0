//! What comes back.

mod chat;
mod usage;

pub use chat::{
    ChatResponse, IncompleteCause, IncompleteToolUse, Metrics, PromptRouterTrace, StopReason, Trace,
};
pub use usage::{CacheDetail, Usage};
