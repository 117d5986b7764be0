//! [`Catalog`]: facts on models, by id.

mod family_facts;
mod sources;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::Deserialize;

use super::{ConfigError, Geography, ModelId, ModelProfile};
use family_facts::FamilyFacts;
pub use sources::KnownFact;

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
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Catalog {
    taken: String,
    /// What is known of each id, with all [`Self::facts`] that hold for it worked in.
    models: BTreeMap<ModelId, ModelProfile>,
    /// What holds for whole families, for ids that are not listed.
    facts: Vec<FamilyFacts>,
}

/// A catalog as it is written in a file.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Written {
    taken: String,
    models: BTreeMap<ModelId, ModelProfile>,
    facts: Vec<FamilyFacts>,
}

impl Catalog {
    /// The facts this crate comes with.
    #[must_use]
    pub fn builtin() -> &'static Self {
        static BUILTIN: LazyLock<Catalog> = LazyLock::new(|| {
            #[expect(clippy::expect_used, reason = "constant texts, which this module's tests parse too")]
            let (models, families): (Written, Written) = (
                serde_json::from_str(include_str!("../../data/catalog.json")).expect("well-formed"),
                toml::from_str(include_str!("../../data/families.toml")).expect("well-formed"),
            );
            let mut catalog = Catalog { taken: models.taken, models: models.models, facts: Vec::new() };
            for (id, profile) in &mut catalog.models {
                profile.id = id.clone();
            }
            catalog.add(families.facts);
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

    /// What is known of a model: what [`get`](Self::get) finds, else what holds for its family, else nothing.
    ///
    /// An id that does not tell its model, such as an application inference profile's ARN, has no facts until
    /// [`insert`](Self::insert) gives its `base_model`: features are not guessed.
    ///
    /// ```
    /// use bedrock_llm_schema::model::{Catalog, ModelId, ModelProfile};
    ///
    /// let mut catalog = Catalog::builtin().clone();
    /// let id = ModelId::from("arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/1arbu5hu2sjr");
    /// assert_eq!(*catalog.profile(&id), ModelProfile::new(id.clone()));
    /// catalog.set_base_model(id.clone(), "us.amazon.nova-lite-v1:0");
    /// assert_eq!(catalog.profile(&id).max_input_tokens, Some(300_000));
    /// ```
    #[must_use]
    pub fn profile(&self, id: &ModelId) -> Cow<'_, ModelProfile> {
        if let Some(known) = self.get(id) {
            return Cow::Borrowed(known);
        }
        let mut profile = ModelProfile::new(id.clone());
        if let Some(base) = id.base() {
            for facts in self.facts.iter().filter(|facts| facts.hold_for_base(base)) {
                profile.overlay(&facts.profile);
            }
        }
        Cow::Owned(profile)
    }

    /// Says which model is behind an id that does not tell: the short form of [`insert`](Self::insert).
    pub fn set_base_model(&mut self, id: impl Into<ModelId>, base: impl Into<ModelId>) {
        let mut profile = ModelProfile::new(id);
        profile.base_model = Some(base.into());
        self.insert(profile);
    }

    /// Every fact of a model's [`profile`](Self::profile), with its source.
    #[must_use]
    pub fn sources(&self, id: &ModelId) -> Vec<KnownFact> {
        let profile = self.profile(id);
        let about = profile.base_model.as_ref().unwrap_or(id);
        let held: Vec<_> = self.facts.iter().filter(|facts| facts.hold_for(about)).collect();
        sources::of(&profile, &held)
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
    /// What was known is what stood under this very id, with what is known of its `base_model` beneath it if that was
    /// not given before; or else the [`profile`](Self::profile) of its `base_model`, or else of the id. It is copied now: a later change of the base model's facts does not reach here.
    /// Where the profile names another `base_model` than was known, that model's facts take the place of all that was
    /// known, and what you had said yourself of this id must be said again.
    pub fn insert(&mut self, profile: ModelProfile) {
        let base = profile.base_model.as_ref();
        let mut merged = match (self.models.get(&profile.id), base) {
            (Some(own), base) if base.is_none() || own.base_model.as_ref() == base => own.clone(),
            (own, Some(base)) => {
                let mut merged = self.profile(base).into_owned();
                // what was copied from another base model is not kept
                own.filter(|own| own.base_model.is_none()).inspect(|own| merged.overlay(own));
                merged
            }
            (_, None) => self.profile(&profile.id).into_owned(),
        };
        merged.id = profile.id.clone();
        merged.overlay(&profile);
        self.models.insert(profile.id, merged);
    }

    /// Adds what holds for whole families, in order, over all that was known.
    fn add(&mut self, facts: Vec<FamilyFacts>) {
        for (id, profile) in &mut self.models {
            let about = profile.base_model.clone();
            let Some(base) = about.as_ref().unwrap_or(id).base() else { continue };
            for facts in facts.iter().filter(|facts| facts.hold_for_base(base)) {
                profile.overlay(&facts.profile);
            }
        }
        self.facts.extend(facts);
    }

    /// Adds the entries of a TOML text. A table `[models."the.id"]` has the members of a [`ModelProfile`] and is
    /// [`insert`](Self::insert)ed. A table `[[facts]]` is for whole families: `models` (base ids, or beginnings of
    /// them followed by `*`), `source`, `date`, and `profile` with the members of a [`ModelProfile`]; it comes before
    /// the entries of single models, and wins over all that was known.
    ///
    /// # Errors
    ///
    /// When the text is not TOML, or a key is unknown or of the wrong type; nothing has been inserted then.
    pub fn extend_toml(&mut self, text: &str) -> Result<(), ConfigError> {
        let toml = toml::Deserializer::parse(text).map_err(ConfigError::syntax)?;
        let extension: Written =
            serde_path_to_error::deserialize(toml).map_err(|e| ConfigError::invalid(&e))?;
        self.add(extension.facts);
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
