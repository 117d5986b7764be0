//! [`Catalog`]: facts on models, by id.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

use super::{ConfigError, Geography, ModelId, ModelProfile};

/// What is known of models, by id: built in, and yours to correct or extend.
///
/// ```
/// use bedrock_llm_schema::model::{Catalog, ModelId};
///
/// let id = ModelId::from("arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.amazon.nova-lite-v1:0");
/// let nova = Catalog::builtin().get(&id).unwrap();
/// assert_eq!(nova.id.as_str(), "us.amazon.nova-lite-v1:0");
/// assert_eq!(nova.max_input_tokens, Some(300_000));
/// assert_eq!(nova.prices.input.unwrap().to_string(), "0.00000006");
///
/// // An application profile does not tell its model. Say it, and what you know better.
/// let mut catalog = Catalog::builtin().clone();
/// catalog.extend_toml(r#"
///     [models."arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/1arbu5hu2sjr"]
///     base_model = "us.amazon.nova-lite-v1:0"
///     prices.input = "0.00000005"
/// "#)?;
/// let id = ModelId::from("arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/1arbu5hu2sjr");
/// let mine = catalog.get(&id).unwrap();
/// assert_eq!(mine.max_input_tokens, Some(300_000));
/// assert_eq!(mine.prices.input.unwrap().to_string(), "0.00000005");
/// # Ok::<(), bedrock_llm_schema::model::ConfigError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Catalog {
    #[serde(skip_serializing_if = "String::is_empty")]
    taken: String,
    models: BTreeMap<ModelId, ModelProfile>,
}

impl Catalog {
    /// The facts this crate comes with.
    #[must_use]
    pub fn builtin() -> &'static Self {
        static BUILTIN: LazyLock<Catalog> = LazyLock::new(|| {
            #[expect(clippy::expect_used, reason = "a constant text, which this module's tests parse too")]
            let mut catalog: Catalog = serde_json::from_str(include_str!("../../data/catalog.json"))
                .expect("the built-in catalog is well-formed");
            for (id, profile) in &mut catalog.models {
                profile.id = id.clone();
            }
            catalog
        });
        &BUILTIN
    }

    /// The month, `YYYY-MM`, the built-in facts were taken: prices are of that time. Empty for an empty catalog.
    #[must_use]
    pub fn taken(&self) -> &str {
        &self.taken
    }

    /// What is known of a model.
    ///
    /// Asked for are, in this order: the id itself, the id inside its ARN, and the base model; the latter two also
    /// without a context-length suffix such as `:28k`, the last without its revision too. The `id` of the profile
    /// tells which it was: look at it before you bill, for a profile's prices can differ from its base model's (in
    /// the built-in facts by up to 43 %).
    ///
    /// A custom model is found only under its own id, because its limits and prices are not its base model's.
    #[must_use]
    pub fn get(&self, id: &ModelId) -> Option<&ModelProfile> {
        id.lookup_keys().find_map(|key| self.models.get(key))
    }

    /// Every profile, by ascending id.
    #[must_use]
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &ModelProfile> {
        self.models.values()
    }

    /// How many profiles there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.models.len()
    }

    /// Whether there are no profiles.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.models.is_empty()
    }

    /// Adds what a profile says to what was known: its set members win, the rest stays.
    ///
    /// What was known is what stood under this very id, or else under its `base_model`, or else what
    /// [`get`](Self::get) fell back to. It is copied now: a later change of the base model's facts does not reach here.
    pub fn insert(&mut self, profile: ModelProfile) {
        let known = self
            .models
            .get(&profile.id)
            .or_else(|| profile.base_model.as_ref().and_then(|base| self.get(base)))
            .or_else(|| self.get(&profile.id));
        let mut merged = known.cloned().unwrap_or_default();
        merged.id = profile.id.clone();
        merged.overlay(profile);
        self.models.insert(merged.id.clone(), merged);
    }

    /// [`insert`](Self::insert)s every entry of a TOML text; each is a table `[models."the.id"]` with the members of
    /// a [`ModelProfile`].
    ///
    /// # Errors
    ///
    /// When the text is not TOML, or a key is unknown or of the wrong type; nothing has been inserted then.
    pub fn extend_toml(&mut self, text: &str) -> Result<(), ConfigError> {
        let toml = toml::Deserializer::parse(text).map_err(ConfigError::syntax)?;
        let extension: Self = serde_path_to_error::deserialize(toml).map_err(|e| ConfigError::invalid(&e))?;
        // Base models first, so that an entry may build on another of the same text.
        let (derived, base): (Vec<_>, Vec<_>) =
            extension.models.into_iter().partition(|(_, profile)| profile.base_model.is_some());
        for (id, profile) in base.into_iter().chain(derived) {
            self.insert(ModelProfile { id, ..profile });
        }
        Ok(())
    }

    /// The cross-region inference profiles of a foundation model, given by its plain id.
    pub fn inference_profiles_for(&self, base: &str) -> impl Iterator<Item = &ModelId> {
        self.models
            .keys()
            .filter(move |id| !id.is_arn() && id.geography().is_some() && id.base() == Some(base))
    }

    /// The inference profile to call a model by in an AWS region: the narrowest geography that has one.
    ///
    /// This answers the service's "on-demand throughput isn't supported". `None` where the catalog has no profile of
    /// the model that the region can call.
    ///
    /// ```
    /// # use bedrock_llm_schema::model::{Catalog, ModelId};
    /// let id = ModelId::from("deepseek.r1-v1:0");
    /// let profile = Catalog::builtin().inference_profile_for(&id, "us-east-1");
    /// assert_eq!(profile, Some(ModelId::from("us.deepseek.r1-v1:0")));
    /// ```
    #[must_use]
    pub fn inference_profile_for(&self, id: &ModelId, region: &str) -> Option<ModelId> {
        Geography::candidates(region)
            .iter()
            .filter_map(|geography| id.with_geography(geography))
            .find_map(|profile| self.models.get_key_value(profile.as_str()))
            .map(|(profile, _)| profile.clone())
    }
}

#[cfg(test)]
mod tests;
