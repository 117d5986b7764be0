//! Which places are inside the fence.

use std::fmt;
use std::sync::Arc;

use bedrock_llm_schema::model::{Catalog, Geography, ModelIdKind};
use bedrock_llm_schema::{Error, ModelId, Request};

use super::{FailoverConfig, FailoverTarget};
use crate::layers::setting::cannot_work;

/// A model in a region.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Place {
    pub(super) model: ModelId,
    /// `None` is the client's own.
    pub(super) region: Option<Arc<str>>,
}

impl Place {
    /// Where a request goes by itself; `None` where it has no model.
    pub(super) fn of<R: Request>(request: &R, config: &FailoverConfig) -> Option<Self> {
        let region = request.region().filter(|region| Some(*region) != config.home_region.as_deref());
        Some(Self { model: request.model()?.clone(), region: region.map(Into::into) })
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.region {
            Some(region) => write!(f, "{} in {region}", self.model),
            None => self.model.fmt(f),
        }
    }
}

/// The region a target names, be it in its model's ARN.
pub(super) fn region_of(target: &FailoverTarget) -> Option<&str> {
    let arn = target.model.as_ref().and_then(ModelId::region);
    target.region.as_deref().or(arn)
}

/// The geographies calls may move in; all, where none is named.
#[derive(Debug, Clone)]
pub(super) struct Fence(Vec<Geography>);

impl Fence {
    pub(super) fn new(names: &[String]) -> Self {
        Self(names.iter().map(|name| Geography::from(name.as_str())).collect())
    }

    /// Whether a model in a region stays inside. What a model's id says counts, and the region beside it: a `us.`
    /// profile that is called from Canada is in both. What cannot be told is outside.
    ///
    /// # Errors
    /// Why it does not.
    pub(super) fn admits(
        &self,
        model: &ModelId,
        region: Option<&str>,
        catalog: &Catalog,
    ) -> Result<(), Outside> {
        if self.0.is_empty() {
            return Ok(());
        }
        let routes = match model.kind() {
            ModelIdKind::ApplicationInferenceProfile
            | ModelIdKind::PromptRouter
            | ModelIdKind::Prompt
            | ModelIdKind::SageMakerEndpoint => {
                let known = catalog.get(model).and_then(|profile| profile.base_model.clone());
                let Some(base) = known else {
                    return Err(Outside::Perhaps("where it routes to"));
                };
                base.geography()
            }
            _ => model.geography(),
        };
        let stands = region.map(Geography::of_region);
        if routes.is_none() && stands.is_none() {
            return Err(Outside::Perhaps("its region"));
        }
        let is_inside = |it: &Geography| self.0.iter().any(|allowed| allowed.covers(it));
        match routes.iter().chain(&stands).find(|it| !is_inside(it)) {
            Some(outside) => Err(Outside::Surely(outside.clone())),
            None => Ok(()),
        }
    }
}

/// Why a place is not inside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Outside {
    Surely(Geography),
    /// This is not known of it.
    Perhaps(&'static str),
}

impl fmt::Display for Outside {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Surely(geography) => write!(f, "outside the fence: {geography}"),
            Self::Perhaps(what) => write!(f, "outside the fence: {what} is not known"),
        }
    }
}

impl FailoverConfig {
    /// Checks every setting, and that no target is outside the fence, so far as it tells its model and region.
    ///
    /// # Errors
    /// [`Config`](bedrock_llm_schema::ErrorKind::Config) names the first that is wrong.
    pub fn validate(&self) -> Result<(), Error> {
        let bad = |setting: &str, what: &str| {
            Err(cannot_work(&format!("failover.{setting}"), &format!("it {what}")))
        };
        if self.failures == 0 {
            return bad("failures", "must be at least 1");
        }
        if self.cooldown.is_zero() {
            return bad("cooldown", "must be above 0");
        }
        if self.window.is_zero() {
            return bad("window", "must be above 0");
        }
        let is_name =
            |name: &String| !name.is_empty() && name.bytes().all(|b| b.is_ascii_lowercase() || b == b'-');
        if let Some(place) = self.fence.iter().position(|name| !is_name(name)) {
            return bad(&format!("fence[{place}]"), "must be a geography such as `eu`");
        }
        let fence = Fence::new(&self.fence);
        for (name, target) in self.named_targets() {
            let region = region_of(target);
            if target.model.is_none() && region.is_none() {
                return bad(&name, "must name a model, a region, or both");
            }
            if let (Some(arn), Some(region)) =
                (target.model.as_ref().and_then(ModelId::region), &target.region)
                && arn != region
            {
                return bad(&name, &format!("names region `{region}` and an ARN in `{arn}`"));
            }
            // what cannot be told now is seen to when a call comes; where no model is named its region decides
            let model = target.model.clone().unwrap_or_default();
            let region = region.or(self.home_region.as_deref());
            if let Err(outside @ Outside::Surely(_)) = fence.admits(&model, region, Catalog::builtin()) {
                return bad(&name, &format!("is {outside}"));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_inside_by_its_profile_and_its_region() {
        let fence =
            |names: &[&str]| Fence::new(&names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>());
        let mut catalog = Catalog::default();
        let opaque = "arn:aws:bedrock:eu-west-1:123456789012:application-inference-profile/1arbu5hu2sjr";
        let known = "arn:aws:bedrock:eu-west-1:123456789012:application-inference-profile/2arbu5hu2sjr";
        catalog.set_base_model(known, "eu.amazon.nova-lite-v1:0");
        for (names, model, region, is_inside) in [
            (&["eu"][..], "eu.amazon.nova-lite-v1:0", Some("eu-west-1"), true),
            (&["eu"], "eu.amazon.nova-lite-v1:0", None, true),
            (&["eu"], "eu.amazon.nova-lite-v1:0", Some("us-east-1"), false),
            (&["eu"], "amazon.nova-lite-v1:0", Some("eu-west-1"), true),
            (&["eu"], "amazon.nova-lite-v1:0", None, false),
            (&["eu"], "us.amazon.nova-lite-v1:0", Some("eu-west-1"), false),
            (&["eu"], "global.amazon.nova-2-lite-v1:0", Some("eu-west-1"), false),
            (&["eu", "global"], "global.amazon.nova-2-lite-v1:0", Some("eu-west-1"), true),
            (&["us"], "us.amazon.nova-lite-v1:0", Some("ca-central-1"), false),
            (&["us", "ca"], "us.amazon.nova-lite-v1:0", Some("ca-central-1"), true),
            (&["apac"], "jp.anthropic.claude-sonnet-4-5-20250929-v1:0", Some("ap-northeast-1"), true),
            (&["jp"], "apac.amazon.nova-lite-v1:0", Some("ap-northeast-1"), false),
            (&["eu"], opaque, Some("eu-west-1"), false),
            (&["eu"], known, Some("eu-west-1"), true),
            (&["us"], known, Some("eu-west-1"), false),
            (&[], opaque, None, true),
        ] {
            let admitted = fence(names).admits(&model.into(), region, &catalog);
            assert_eq!(admitted.is_ok(), is_inside, "{names:?} {model} {region:?}: {admitted:?}");
        }
    }

    #[test]
    fn settings_that_cannot_work_are_named() {
        let target = FailoverTarget::model;
        let base = || FailoverConfig::default().fence(["eu"]);
        for (config, name) in [
            (FailoverConfig::default().failures(0), "failover.failures"),
            (FailoverConfig::default().cooldown(std::time::Duration::ZERO), "failover.cooldown"),
            (FailoverConfig::default().window(std::time::Duration::ZERO), "failover.window"),
            (FailoverConfig::default().fence(["EU"]), "failover.fence[0]"),
            (FailoverConfig::default().target(FailoverTarget::default()), "failover.targets[0]"),
            (
                base().target(target("eu.m.x")).target(target("us.amazon.nova-lite-v1:0")),
                "failover.targets[1]",
            ),
            (base().target(FailoverTarget::region("us-east-1")), "failover.targets[0]"),
            (base().home_region("us-east-1").target(target("amazon.nova-lite-v1:0")), "failover.targets[0]"),
            (base().model("m", [FailoverTarget::region("ca-central-1")]), "failover.models.\"m\"[0]"),
            (
                FailoverConfig::default().target(
                    target("arn:aws:bedrock:eu-west-1:123456789012:provisioned-model/abcdefghijkl")
                        .in_region("us-east-1"),
                ),
                "failover.targets[0]",
            ),
        ] {
            let error = config.validate().unwrap_err();
            assert!(
                error.kind() == &bedrock_llm_schema::ErrorKind::Config && error.message().contains(name),
                "{error}"
            );
        }
        let within =
            base().target(FailoverTarget::region("eu-west-1")).target(target("amazon.nova-lite-v1:0"));
        within.validate().unwrap();
    }
}
