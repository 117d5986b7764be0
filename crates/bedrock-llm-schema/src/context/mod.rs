//! Keeping a conversation within its model's window.
//!
//! A [`ContextPolicy`] says how large a request may be, what of it must stay, and what happens to the rest. Given a
//! request and its size, it gives a [`ContextPlan`] of what is taken out; whoever sends the request applies it. Nothing
//! here sends or counts: the client's `ContextLayer` does.

mod plan;
mod policy;
mod summary;

pub use plan::{ContextPlan, Trimmed};
pub use policy::{ContextPolicy, OnOverflow};
pub use summary::{Summary, transcript};
