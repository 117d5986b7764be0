//! Panics of a node's function become errors of its item.

use std::panic::{AssertUnwindSafe, catch_unwind};

use futures_util::FutureExt as _;

use crate::{BoxError, Panicked};

/// Calls a function; a panic is an error. Whatever the function shares is the user's, who chose to share it.
pub(crate) fn attempt<T>(function: impl FnOnce() -> T) -> Result<T, BoxError> {
    catch_unwind(AssertUnwindSafe(function)).map_err(|payload| Panicked::new(&*payload).into())
}

/// Awaits a node; a panic is an error.
pub(crate) async fn guarded<T>(call: impl Future<Output = Result<T, BoxError>>) -> Result<T, BoxError> {
    match AssertUnwindSafe(call).catch_unwind().await {
        Ok(outcome) => outcome,
        Err(payload) => Err(Panicked::new(&*payload).into()),
    }
}
