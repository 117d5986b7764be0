//! Scripted replies: what to answer to which request, and what should go wrong.

mod reply;

use std::fmt;
use std::sync::{Mutex, PoisonError};

pub(crate) use reply::Payload;
pub use reply::Reply;

use crate::ReceivedRequest;

/// A list of replies. A request gets the first one that fits it and is not used up.
///
/// ```
/// use bedrock_llm_local::{Reply, Script};
///
/// let script = Script::new()
///     .reply(Reply::exception("ThrottlingException").times(2))
///     .reply(Reply::text("Hello.").forever());
/// assert_eq!(script.len(), 2);
/// ```
#[derive(Debug, Clone, Default)]
pub struct Script {
    replies: Vec<Reply>,
}

impl Script {
    /// A script without replies.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The same with one more reply at the end.
    #[must_use]
    pub fn reply(mut self, reply: Reply) -> Self {
        self.replies.push(reply);
        self
    }

    /// How many replies there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.replies.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.replies.is_empty()
    }
}

impl Extend<Reply> for Script {
    fn extend<T: IntoIterator<Item = Reply>>(&mut self, replies: T) {
        self.replies.extend(replies);
    }
}

impl FromIterator<Reply> for Script {
    fn from_iter<T: IntoIterator<Item = Reply>>(replies: T) -> Self {
        Self { replies: replies.into_iter().collect() }
    }
}

impl IntoIterator for Script {
    type Item = Reply;
    type IntoIter = std::vec::IntoIter<Reply>;

    fn into_iter(self) -> Self::IntoIter {
        self.replies.into_iter()
    }
}

/// A script being played.
#[derive(Default)]
pub(crate) struct Stage(Mutex<Vec<Entry>>);

struct Entry {
    reply: Reply,
    used: usize,
}

impl Stage {
    pub(crate) fn add(&self, replies: impl IntoIterator<Item = Reply>) {
        let entries = replies.into_iter().map(|reply| Entry { reply, used: 0 });
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend(entries);
    }

    /// The reply for a request, which counts as used.
    pub(crate) fn next(&self, request: &ReceivedRequest) -> Option<Reply> {
        let mut entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let left = |entry: &&mut Entry| entry.reply.times.is_none_or(|times| entry.used < times);
        let entry = entries.iter_mut().filter(left).find(|entry| entry.reply.fits(request))?;
        entry.used += 1;
        Some(entry.reply.clone())
    }

    /// What was not asked for: every reply that is not used up, or never used where it may be used for ever.
    pub(crate) fn pending(&self) -> Vec<String> {
        let entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let open =
            entries.iter().enumerate().filter(|(_, entry)| entry.used < entry.reply.times.unwrap_or(1));
        open.map(|(place, entry)| match entry.reply.times {
            Some(times) => format!("reply {place} ({}): used {} of {times} times", entry.reply, entry.used),
            None => format!("reply {place} ({}): never used", entry.reply),
        })
        .collect()
    }
}

impl fmt::Debug for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stage").finish_non_exhaustive()
    }
}
