//! What is said of a kind when it is registered.

use std::fmt;
use std::hash::Hash;
use std::marker::PhantomData;

use super::Kind;
use crate::CacheConfig;

/// A kind that was just registered, to say more of it.
pub struct Registered<'a, In, Out> {
    pub(super) kind: &'a mut Kind,
    types: PhantomData<fn(In) -> Out>,
}

impl<'a, In, Out> Registered<'a, In, Out> {
    pub(super) fn new(kind: &'a mut Kind) -> Self {
        Self { kind, types: PhantomData }
    }
}

impl<In, Out> Registered<'_, In, Out>
where
    In: Clone + Send + 'static,
    Out: Clone + Send + Sync + 'static,
{
    /// Lets results be kept (`cache` in the file) by a key of what the node takes; inputs with the same key must have
    /// the same result.
    pub fn cached_by<K>(self, key: impl Fn(&In) -> K + Clone + Send + Sync + 'static)
    where
        K: Hash + Eq + Clone + Send + Sync + 'static,
    {
        self.kind.cache = Some(Box::new(move |node, cache| {
            node.cached_by(CacheConfig::<K, Out>::from(cache), key.clone())
        }));
    }
}

impl<In, Out> fmt::Debug for Registered<'_, In, Out> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registered").finish_non_exhaustive()
    }
}
