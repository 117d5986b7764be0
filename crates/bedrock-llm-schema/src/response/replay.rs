//! Answers that can be kept and given again.

use std::io;
use std::mem::size_of;
use std::sync::Arc;

use super::Response;
use crate::embed::{EmbedResponse, Vectors};
use crate::guardrail::ApplyGuardrailResponse;
use crate::rerank::RerankResponse;
use crate::{CountTokensResponse, InvokeResponse};

/// An answer that can be kept, and given again to who asks the same.
///
/// What is given again says so in its [`usage`](Response::usage): `is_replayed` is true, since its tokens were paid
/// before.
pub trait Replayable: Response + Sized {
    /// What is kept of it. A whole chat and a streamed one keep the same.
    type Kept: Send + Sync + 'static;

    /// Calls `keep` once, if the answer is worth keeping: now if it is whole, else when its stream has come to its end.
    /// `keep` is dropped uncalled when it is not: the answer was cut off or blocked, or its stream broke or was abandoned.
    #[must_use]
    fn record(self, keep: impl FnOnce(Self::Kept) + Send + 'static) -> Self;

    /// The answer again. `None` where what was kept cannot be given in this form: a whole chat that has no form as a
    /// stream.
    fn replay(kept: &Arc<Self::Kept>) -> Option<Self>;

    /// How many bytes of memory it takes to keep it, nearly.
    fn kept_bytes(kept: &Self::Kept) -> usize;
}

/// For answers that are kept as they are, and say of themselves that they are given again.
macro_rules! keep_whole {
    ($($answer:ty: $bytes:expr;)*) => {$(
        impl Replayable for $answer {
            type Kept = Self;

            fn record(self, keep: impl FnOnce(Self) + Send + 'static) -> Self {
                keep(self.clone());
                self
            }

            fn replay(kept: &Arc<Self>) -> Option<Self> {
                Some(Self { is_replayed: true, ..Self::clone(kept) })
            }

            fn kept_bytes(kept: &Self) -> usize {
                let bytes: fn(&Self) -> usize = $bytes;
                size_of::<Self>() + bytes(kept)
            }
        }
    )*};
}

keep_whole! {
    // whether a native answer was cut off is not told from its body
    InvokeResponse: |kept| {
        let headers = kept.headers.iter().map(|(name, value)| name.len() + value.len()).sum::<usize>();
        kept.body.len() + headers
    };
    EmbedResponse: |kept| {
        kept.vectors.iter().map(Vectors::bytes).sum::<usize>() + json_bytes(&kept.extra)
    };
    RerankResponse: |kept| json_bytes(kept);
}

macro_rules! keep_as_json {
    ($($answer:ty),*) => {$(
        impl Replayable for $answer {
            type Kept = Self;

            fn record(self, keep: impl FnOnce(Self) + Send + 'static) -> Self {
                keep(self.clone());
                self
            }

            fn replay(kept: &Arc<Self>) -> Option<Self> {
                Some(Self::clone(kept))
            }

            fn kept_bytes(kept: &Self) -> usize {
                size_of::<Self>() + json_bytes(kept)
            }
        }
    )*};
}

keep_as_json!(CountTokensResponse, ApplyGuardrailResponse);

/// How long a value is as JSON: about what its texts take in memory.
pub(crate) fn json_bytes(value: &impl serde::Serialize) -> usize {
    struct Count(usize);

    impl io::Write for Count {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0 += bytes.len();
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    let mut count = Count(0);
    // what is no JSON is counted as far as it goes
    let _ = serde_json::to_writer(&mut count, value);
    count.0
}
