//! Which errors let a call move on.

use bedrock_llm_schema::{Error, ErrorKind};

use super::FailoverConfig;

/// What an error says about moving on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Another would say the same, or it is for the caller to see.
    Stay,
    /// Another may answer; it says nothing of how the place is.
    Move,
    /// Another may answer, and the place is in trouble.
    MoveAndMark,
    /// The same, and it will stay so for a while.
    MoveAndCool,
    /// One that takes more may answer.
    MoveToLarger,
}

/// The table of [`FailoverLayer`](super::FailoverLayer).
pub(super) fn verdict(error: &Error, config: &FailoverConfig) -> Verdict {
    let only_if = |is: bool, verdict| if is { verdict } else { Verdict::Stay };
    match error.kind() {
        ErrorKind::Throttled(bedrock_llm_schema::ThrottleScope::DailyTokens) | ErrorKind::QuotaExceeded => {
            Verdict::MoveAndCool
        }
        ErrorKind::Throttled(_)
        | ErrorKind::Unavailable
        | ErrorKind::Internal
        | ErrorKind::ModelNotReady
        | ErrorKind::ModelTimeout
        | ErrorKind::ModelStreamError
        | ErrorKind::StreamStalled
        | ErrorKind::StreamTruncated
        | ErrorKind::Connect => Verdict::MoveAndMark,
        // the breaker keeps its own memory, the limit is ours, and a model that fails on one request is well
        ErrorKind::CircuitOpen | ErrorKind::Overloaded | ErrorKind::ModelError => Verdict::Move,
        // retryable where no token was produced: the wait for a stream's first event
        ErrorKind::Timeout => only_if(error.is_retryable() || config.timeouts, Verdict::MoveAndMark),
        ErrorKind::AccessDenied
        | ErrorKind::NotFound
        | ErrorKind::InvalidModelId
        | ErrorKind::InferenceProfileRequired => only_if(config.access, Verdict::MoveAndCool),
        ErrorKind::ContextOverflow => only_if(config.context_overflow, Verdict::MoveToLarger),
        _ => Verdict::Stay,
    }
}

#[cfg(test)]
mod tests {
    use bedrock_llm_schema::{Retry, ThrottleScope};

    use super::*;

    #[test]
    fn errors_move_on_or_stay() {
        let plain = FailoverConfig::default();
        let eager = FailoverConfig::default().access(true).context_overflow(true).timeouts(true);
        for (kind, by_default, eagerly) in [
            (ErrorKind::Throttled(ThrottleScope::Requests), Verdict::MoveAndMark, Verdict::MoveAndMark),
            (ErrorKind::Throttled(ThrottleScope::DailyTokens), Verdict::MoveAndCool, Verdict::MoveAndCool),
            (ErrorKind::Connect, Verdict::MoveAndMark, Verdict::MoveAndMark),
            (ErrorKind::CircuitOpen, Verdict::Move, Verdict::Move),
            (ErrorKind::Timeout, Verdict::Stay, Verdict::MoveAndMark),
            (ErrorKind::AccessDenied, Verdict::Stay, Verdict::MoveAndCool),
            (ErrorKind::ContextOverflow, Verdict::Stay, Verdict::MoveToLarger),
            (ErrorKind::Validation, Verdict::Stay, Verdict::Stay),
            (ErrorKind::Auth, Verdict::Stay, Verdict::Stay),
            (ErrorKind::ShutDown, Verdict::Stay, Verdict::Stay),
        ] {
            let error = Error::new(kind.clone(), "x");
            assert_eq!((verdict(&error, &plain), verdict(&error, &eager)), (by_default, eagerly), "{kind:?}");
        }
        let early = Error::new(ErrorKind::Timeout, "x").with_retry(Retry::Temporary);
        assert_eq!(verdict(&early, &plain), Verdict::MoveAndMark);
    }
}
