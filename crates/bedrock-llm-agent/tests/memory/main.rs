//! Memories: what they leave of conversations, what it costs, and what comes of models that fail.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "helpers of tests")]

mod agent;
mod common;
mod long;
mod models;
mod properties;
mod strategies;
