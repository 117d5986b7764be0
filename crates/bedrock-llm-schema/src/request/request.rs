//! One trait for every call, so that a tower layer is written once.

use std::fmt;
use std::io;

use super::{CallOptions, ChatRequest, Operation};
use crate::ModelId;
use crate::response::Response;

/// A request to the service. Every layer of the client is generic over it.
///
/// A layer asks a request for what it needs and never for what it is: one that trims conversations takes
/// [`chat_mut`](Self::chat_mut) and lets everything without a chat pass.
pub trait Request: Clone + fmt::Debug + Send + Sync + 'static {
    /// What a successful call gives.
    type Response: Response;

    /// The operation this request is for.
    const OPERATION: Operation;

    /// The model that is asked; `None` for operations without one.
    fn model(&self) -> Option<&ModelId>;

    /// Asks another model. Nothing happens to operations without one.
    fn set_model(&mut self, model: ModelId);

    /// The AWS region the call shall go to; `None` where it is the client's own.
    fn region(&self) -> Option<&str> {
        None
    }

    /// Sends the call to another AWS region. Only a [`Call`](super::Call) can keep that; other requests stay at home.
    fn set_region(&mut self, _region: &str) {}

    /// The conversation that is to be continued, if it is one. Its model may be empty: [`model`](Self::model) has it.
    fn chat(&self) -> Option<&ChatRequest> {
        None
    }

    /// The conversation, to be changed. What others share of it is cloned first.
    fn chat_mut(&mut self) -> Option<&mut ChatRequest> {
        None
    }

    /// How many input tokens the request is, estimated; 0 where it uses no model's tokens.
    fn estimate_input_tokens(&self) -> u64 {
        self.model().map_or(0, |model| self.estimate_input_tokens_of(model))
    }

    /// [`estimate_input_tokens`](Self::estimate_input_tokens), as this model counts.
    fn estimate_input_tokens_of(&self, model: &ModelId) -> u64;

    /// The most output tokens it asks for, where it says so.
    fn max_output_tokens(&self) -> Option<u64> {
        None
    }

    /// Writes what tells this request from others of its operation, beside [`model`](Self::model) and
    /// [`region`](Self::region): two requests that write the same ask for the same. Objects that differ only in the
    /// order of their members write the same, and labels are left out. `false` where its answers cannot be kept.
    ///
    /// # Errors
    /// What the writer says.
    fn write_key(&self, _out: &mut dyn io::Write) -> io::Result<bool> {
        Ok(false)
    }

    /// Whether the answer would come out the same again, as nearly as models go: a chat at temperature 0 without tools,
    /// a count of tokens.
    fn is_repeatable(&self) -> bool {
        false
    }

    /// What the caller wants of this call beside its answer.
    fn options(&self) -> &CallOptions {
        &CallOptions::DEFAULT
    }
}
