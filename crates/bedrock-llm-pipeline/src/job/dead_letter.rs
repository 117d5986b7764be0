//! Items that failed, kept for later.

use crate::sink::Sink;
use crate::{BoxError, ItemError};

/// An item that failed.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "files", derive(serde::Serialize))]
#[non_exhaustive]
pub struct DeadLetter<In> {
    /// The place of the item in the source, from 0.
    pub index: u64,
    /// The node it failed in; `source` if it could not be read.
    pub node: String,
    /// Why: the causes, one behind the other.
    pub error: String,
    /// The item itself, if it could be read.
    pub input: Option<In>,
}

impl<In> DeadLetter<In> {
    pub(super) fn new(error: &ItemError, input: Option<In>) -> Self {
        let mut causes = vec![error.cause().to_string()];
        let mut cause = error.cause().source();
        while let Some(next) = cause {
            causes.push(next.to_string());
            cause = next.source();
        }
        Self { index: error.index(), node: error.node().to_owned(), error: causes.join(": "), input }
    }
}

/// For jobs without dead letters.
#[derive(Clone, Copy, Debug)]
pub struct NoDeadLetters;

impl<T: Send + 'static> Sink<T> for NoDeadLetters {
    async fn write(&mut self, _: T) -> Result<(), BoxError> {
        Ok(())
    }

    async fn flush(&mut self) -> Result<(), BoxError> {
        Ok(())
    }
}

#[cfg(feature = "files")]
impl crate::sink::IntoFile for NoDeadLetters {
    fn length(&self) -> u64 {
        0
    }

    fn cut(&mut self, _: u64) -> std::io::Result<()> {
        Ok(())
    }

    fn path(&self) -> Option<&std::path::Path> {
        None
    }
}

#[cfg(feature = "files")]
impl crate::sink::sealed::Sealed for NoDeadLetters {}
