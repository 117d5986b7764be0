//! Which codec speaks for which model.

use std::fmt;
use std::sync::Arc;

use bedrock_llm_schema::ModelId;

use crate::{CodecError, Provider};

type Matches = Arc<dyn Fn(&ModelId) -> bool + Send + Sync>;

/// Picks the codec for a model. The last one registered that matches wins, so that a user's own goes before
/// the built-in ones.
#[derive(Clone)]
pub struct Registry {
    entries: Vec<(Matches, Arc<dyn Provider>)>,
}

impl Registry {
    /// A registry without any codec.
    #[must_use]
    pub fn empty() -> Self {
        Self { entries: Vec::new() }
    }

    /// A registry with the codecs of this crate.
    #[must_use]
    pub fn builtin() -> Self {
        crate::families::register(Self::empty())
    }

    /// The same with one more codec, for every model that `matches`.
    #[must_use]
    pub fn register(
        mut self,
        matches: impl Fn(&ModelId) -> bool + Send + Sync + 'static,
        provider: impl Provider,
    ) -> Self {
        self.entries.push((Arc::new(matches), Arc::new(provider)));
        self
    }

    /// The codec for a model.
    ///
    /// # Errors
    /// [`CodecError::UnknownModel`] when none matches.
    pub fn get(&self, model: &ModelId) -> Result<Arc<dyn Provider>, CodecError> {
        let found = self.entries.iter().rev().find(|(matches, _)| matches(model));
        let unknown = || CodecError::UnknownModel { model: model.to_string() };
        found.map(|(_, provider)| Arc::clone(provider)).ok_or_else(unknown)
    }

    /// Every codec, in the order of their registration.
    pub fn providers(&self) -> impl Iterator<Item = &dyn Provider> {
        self.entries.iter().map(|(_, provider)| &**provider)
    }
}

impl Default for Registry {
    fn default() -> Self {
        Self::builtin()
    }
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.entries.iter().map(|(_, provider)| provider.name())).finish()
    }
}
