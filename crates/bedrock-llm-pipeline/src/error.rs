//! What goes wrong with one item, and where; and with settings.

use std::any::Any;
use std::error::Error;
use std::fmt;
use std::sync::Arc;

/// What a node may fail with: any error, or a sentence (`"no title".into()`).
pub type BoxError = Box<dyn Error + Send + Sync>;

/// The failure of one item: which node it was in, which item it was, and why.
///
/// Cheap to clone and one pointer wide. The cause is [`Error::source`]; the item itself is not part of it.
#[derive(Clone)]
pub struct ItemError(Arc<Inner>);

struct Inner {
    node: Arc<str>,
    index: u64,
    cause: SharedError,
}

impl ItemError {
    /// A failure in `node`. If the cause is itself the failure of a node inside, the path names both.
    pub(crate) fn new(node: &Arc<str>, index: u64, cause: BoxError) -> Self {
        let cause = SharedError::new(cause);
        let (node, cause) = match cause.0.downcast_ref::<Self>() {
            Some(inner) => (format!("{node}/{}", inner.node()).into(), inner.0.cause.clone()),
            None => (Arc::clone(node), cause),
        };
        Self(Arc::new(Inner { node, index, cause }))
    }

    /// The name of the node that failed; `outer/inner` for a node of a pipeline that is itself a node.
    #[must_use]
    pub fn node(&self) -> &str {
        &self.0.node
    }

    /// The place of the input in the stream that was run, from 0; 0 for [`Pipeline::execute`](crate::Pipeline::execute).
    #[must_use]
    pub fn index(&self) -> u64 {
        self.0.index
    }

    /// Why it failed: what the node's function returned, or a [`Panicked`].
    #[must_use]
    pub fn cause(&self) -> &(dyn Error + Send + Sync + 'static) {
        &*self.0.cause.0
    }

    /// Whether the node's function panicked.
    #[must_use]
    pub fn is_panic(&self) -> bool {
        self.cause().is::<Panicked>()
    }
}

impl fmt::Debug for ItemError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ItemError")
            .field("node", &self.0.node)
            .field("index", &self.0.index)
            .field("cause", &self.0.cause.0)
            .finish()
    }
}

impl fmt::Display for ItemError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "node `{}` failed on item {}", self.0.node, self.0.index)
    }
}

impl Error for ItemError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(self.cause())
    }
}

/// One error for several items, as when a whole batch fails or a failure is kept.
#[derive(Clone)]
pub(crate) struct SharedError(Arc<dyn Error + Send + Sync>);

impl SharedError {
    /// The error, shared; one that is shared already is not wrapped again.
    pub(crate) fn new(cause: BoxError) -> Self {
        match cause.downcast::<Self>() {
            Ok(shared) => *shared,
            Err(cause) => Self(Arc::from(cause)),
        }
    }
}

impl fmt::Debug for SharedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl fmt::Display for SharedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl Error for SharedError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.source()
    }
}

/// What a node's error is at its root, without what we put around it on the way.
pub(crate) fn root_of(cause: &BoxError) -> &(dyn Error + Send + Sync + 'static) {
    let cause = match cause.downcast_ref::<SharedError>() {
        Some(shared) => &*shared.0,
        None => &**cause,
    };
    match cause.downcast_ref::<ItemError>() {
        Some(inner) => inner.cause(),
        None => cause,
    }
}

/// A setting that cannot be used. It is told when the pipeline is put together, not when it runs.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// A value that makes no sense.
    #[error("`{field}` is {given}: {advice}")]
    #[non_exhaustive]
    OutOfRange {
        /// Which setting.
        field: &'static str,
        /// What was given.
        given: String,
        /// What to give.
        advice: &'static str,
    },
    /// The system does not give so many threads.
    #[error("`{field}` is {given}, more threads than the system gives: ask for fewer")]
    #[non_exhaustive]
    Threads {
        /// Which setting.
        field: &'static str,
        /// How many were asked for.
        given: usize,
        /// What the system says.
        #[source]
        source: BoxError,
    },
}

impl ConfigError {
    pub(crate) fn out_of_range(field: &'static str, given: impl fmt::Debug, advice: &'static str) -> Self {
        Self::OutOfRange { field, given: format!("{given:?}"), advice }
    }
}

/// A batch failed for a reason that is not its function's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BatchError {
    /// The function must give one result for each item, in the order of the items.
    #[error("the batch's function gave {given} results for {items} items")]
    WrongLength {
        /// How many results it gave.
        given: usize,
        /// How many items it had been given.
        items: usize,
    },
    /// Single items are gathered by a task, which a Tokio runtime must run.
    #[error("a batch of single items needs a Tokio runtime: call it inside one")]
    NoRuntime,
    /// The runtime in which the batch was gathered was shut down.
    #[error("the runtime that ran the batch was shut down")]
    ShutDown,
}

/// A node's function panicked; the other items go on.
#[derive(Debug, thiserror::Error)]
#[error("the node's function panicked: {message}")]
pub struct Panicked {
    message: String,
}

impl Panicked {
    pub(crate) fn new(payload: &(dyn Any + Send)) -> Self {
        let message = payload
            .downcast_ref::<&str>()
            .map(ToString::to_string)
            .or_else(|| payload.downcast_ref::<String>().cloned())
            .unwrap_or_else(|| "(no message)".to_owned());
        Self { message }
    }
}
