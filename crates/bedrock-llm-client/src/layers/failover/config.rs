//! Where calls may go, and when.

use std::collections::BTreeMap;
use std::time::Duration;

use bedrock_llm_schema::ModelId;
use bedrock_llm_schema::model::Price;

/// Where calls may go, and when. See [`FailoverLayer`](super::FailoverLayer) for the rule.
///
/// ```
/// use bedrock_llm_client::layers::FailoverConfig;
///
/// let config: FailoverConfig = toml::from_str(r#"
///     fence = ["eu"]
///     targets = [
///         { region = "eu-west-1" },
///         { model = "eu.amazon.nova-pro-v1:0", region = "eu-central-1" },
///     ]
/// "#)?;
/// assert_eq!(config.targets.len(), 2);
/// assert!(config.validate().is_ok());
/// # Ok::<(), toml::de::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct FailoverConfig {
    /// Where a call goes when its own model and region do not answer, in this order. Empty by default.
    pub targets: Vec<FailoverTarget>,
    /// The same for calls to one model, by the id they name; in the place of [`targets`](Self::targets).
    pub models: BTreeMap<ModelId, Vec<FailoverTarget>>,
    /// The geographies calls may move in, such as `eu`, `us`, `apac`; empty for no fence. `global` profiles are inside
    /// only where `global` is named.
    pub fence: Vec<String>,
    /// The client's own region, without which the fence cannot tell where a call without a region goes.
    pub home_region: Option<String>,
    /// How many failures within [`window`](Self::window) let a model in a region cool down, at least 1; 2.
    pub failures: u32,
    /// How long a failure is remembered; 60 s.
    #[serde(with = "humantime_serde")]
    pub window: Duration,
    /// How long a model in a region is passed over then; 30 s.
    #[serde(with = "humantime_serde")]
    pub cooldown: Duration,
    /// Whether a call moves on where access is denied or the model is not there; `false`.
    pub access: bool,
    /// Whether a call whose input is too long moves on to models that are known to take more; `false`.
    pub context_overflow: bool,
    /// Whether a call moves on after a time limit of ours passed though the model may have worked, at the risk of
    /// paying twice; `false`.
    pub timeouts: bool,
    /// The longest `Retry-After` that is waited for at home while a prompt cache is warm there; 10 s. 0 never waits.
    #[serde(with = "humantime_serde")]
    pub home_wait: Duration,
    /// What a second of waiting costs, in US dollars; 0.01. More lets a call leave a warm prompt cache sooner.
    pub second_price: Price,
}

/// Another model, another region, or both.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct FailoverTarget {
    /// The model or inference profile; `None` is the call's own.
    pub model: Option<ModelId>,
    /// The AWS region; `None` is that of the model's ARN, else the call's own.
    pub region: Option<String>,
}

impl FailoverTarget {
    /// Another model, in the call's own region.
    pub fn model(model: impl Into<ModelId>) -> Self {
        Self { model: Some(model.into()), region: None }
    }

    /// The call's own model in another region.
    pub fn region(region: impl Into<String>) -> Self {
        Self { model: None, region: Some(region.into()) }
    }

    /// The same in this region.
    #[must_use]
    pub fn in_region(mut self, region: impl Into<String>) -> Self {
        self.region = Some(region.into());
        self
    }
}

impl Default for FailoverConfig {
    fn default() -> Self {
        Self {
            targets: Vec::new(),
            models: BTreeMap::new(),
            fence: Vec::new(),
            home_region: None,
            failures: 2,
            window: Duration::from_secs(60),
            cooldown: Duration::from_secs(30),
            access: false,
            context_overflow: false,
            timeouts: false,
            home_wait: Duration::from_secs(10),
            second_price: Price::CENT,
        }
    }
}

impl FailoverConfig {
    /// Adds where a call goes.
    #[must_use]
    pub fn target(mut self, target: FailoverTarget) -> Self {
        self.targets.push(target);
        self
    }

    /// Sets where calls to one model go.
    #[must_use]
    pub fn model(
        mut self,
        model: impl Into<ModelId>,
        targets: impl IntoIterator<Item = FailoverTarget>,
    ) -> Self {
        self.models.insert(model.into(), targets.into_iter().collect());
        self
    }

    /// Sets the geographies calls may move in.
    #[must_use]
    pub fn fence(mut self, geographies: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.fence = geographies.into_iter().map(Into::into).collect();
        self
    }

    /// Sets the client's own region.
    #[must_use]
    pub fn home_region(mut self, region: impl Into<String>) -> Self {
        self.home_region = Some(region.into());
        self
    }

    /// Sets how many failures let a model in a region cool down.
    #[must_use]
    pub fn failures(mut self, failures: u32) -> Self {
        self.failures = failures;
        self
    }

    /// Sets how long a failure is remembered.
    #[must_use]
    pub fn window(mut self, window: Duration) -> Self {
        self.window = window;
        self
    }

    /// Sets how long a model in a region is passed over.
    #[must_use]
    pub fn cooldown(mut self, cooldown: Duration) -> Self {
        self.cooldown = cooldown;
        self
    }

    /// Sets whether a call moves on where access is denied or the model is not there.
    #[must_use]
    pub fn access(mut self, moves: bool) -> Self {
        self.access = moves;
        self
    }

    /// Sets whether a call whose input is too long moves on to models that take more.
    #[must_use]
    pub fn context_overflow(mut self, moves: bool) -> Self {
        self.context_overflow = moves;
        self
    }

    /// Sets whether a call moves on after a time limit of ours.
    #[must_use]
    pub fn timeouts(mut self, moves: bool) -> Self {
        self.timeouts = moves;
        self
    }

    /// Sets the longest `Retry-After` that is waited for at home.
    #[must_use]
    pub fn home_wait(mut self, wait: Duration) -> Self {
        self.home_wait = wait;
        self
    }

    /// Sets what a second of waiting costs, in US dollars.
    #[must_use]
    pub fn second_price(mut self, price: Price) -> Self {
        self.second_price = price;
        self
    }

    /// Where a call to this model goes.
    pub(super) fn targets_of(&self, model: &ModelId) -> &[FailoverTarget] {
        self.models.get(model).unwrap_or(&self.targets)
    }

    /// Every target with its name in the configuration.
    pub(super) fn named_targets(&self) -> impl Iterator<Item = (String, &FailoverTarget)> {
        let named = |list: String, targets| {
            let name = move |(place, target)| (format!("{list}[{place}]"), target);
            <[FailoverTarget]>::iter(targets).enumerate().map(name)
        };
        let of_models = self
            .models
            .iter()
            .flat_map(move |(model, targets)| named(format!("models.\"{model}\""), targets));
        named("targets".to_owned(), &self.targets).chain(of_models)
    }
}
