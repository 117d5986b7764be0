//! Which errors end a run of calls to one model.

use bedrock_llm_client::batch::concerns_every_call;
use bedrock_llm_schema::{Error, ErrorKind, ThrottleScope};

/// Whether every other call to the same model with the same settings would fail in the same way: credentials, the region,
/// the client's settings, access to the model, its id, a quota that waiting for a while does not refill.
///
/// More than [`concerns_every_call`] has, which is of calls to any model.
#[must_use]
pub fn is_fatal(error: &Error) -> bool {
    concerns_every_call(error)
        || matches!(
            error.kind(),
            ErrorKind::AccessDenied
                | ErrorKind::NotFound
                | ErrorKind::QuotaExceeded
                | ErrorKind::InvalidModelId
                | ErrorKind::InferenceProfileRequired
                | ErrorKind::Throttled(ThrottleScope::DailyTokens)
        )
}
