//! How a call ended: at once for a whole answer, later for a stream.

use std::fmt;

use crate::{Error, Usage};

/// The end of a call.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct End<'a> {
    /// How it ended.
    pub outcome: Outcome<'a>,
    /// What it used, as far as the service has said.
    pub usage: Option<&'a Usage>,
}

/// How a call ended.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum Outcome<'a> {
    /// The answer is whole.
    Completed,
    /// Its stream broke.
    Failed(&'a Error),
    /// Nobody read its stream to the end.
    Abandoned,
}

impl Outcome<'_> {
    /// Whether the answer is whole.
    #[must_use]
    pub fn is_completed(&self) -> bool {
        matches!(self, Self::Completed)
    }
}

impl<'a> End<'a> {
    pub(crate) fn new(outcome: Outcome<'a>, usage: Option<&'a Usage>) -> Self {
        Self { outcome, usage }
    }
}

type EndHook = Box<dyn FnOnce(&End<'_>) + Send>;

/// Who wants to know of the end of a stream. Each is told once.
#[derive(Default)]
pub(crate) struct EndHooks(Vec<EndHook>);

impl EndHooks {
    pub(crate) fn add(&mut self, hook: impl FnOnce(&End<'_>) + Send + 'static) {
        self.0.push(Box::new(hook));
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Tells everybody, the first to ask last: layers put their hooks from the inside out, and the outer ones count on
    /// what the inner ones hold.
    pub(crate) fn tell(&mut self, end: &End<'_>) {
        for hook in self.0.drain(..).rev() {
            hook(end);
        }
    }
}

impl fmt::Debug for EndHooks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("EndHooks").field(&self.0.len()).finish()
    }
}
