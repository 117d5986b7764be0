//! The geography of a cross-region inference profile: the prefix in `us.anthropic.claude-…`.

use std::fmt;

use super::family::is_known_provider;

/// Where a cross-region inference profile may send a request, as its id's prefix says.
///
/// The regions behind each are AWS's choice and grow with time, see "Supported Regions and models for inference
/// profiles" in the Bedrock user guide.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Geography {
    /// `us`: the United States.
    Us,
    /// `us-gov`: AWS `GovCloud`.
    UsGov,
    /// `ca`: Canada.
    Ca,
    /// `mx`: Mexico.
    Mx,
    /// `sa`: South America.
    Sa,
    /// `eu`: Europe.
    Eu,
    /// `apac`: Asia and the Pacific.
    Apac,
    /// `jp`: Japan.
    Jp,
    /// `au`: Australia.
    Au,
    /// `in`: India.
    In,
    /// `global`: every commercial region.
    Global,
    /// A prefix this version has no name for.
    Other(String),
}

impl Geography {
    /// The prefix without its dot, such as `us-gov`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Us => "us",
            Self::UsGov => "us-gov",
            Self::Ca => "ca",
            Self::Mx => "mx",
            Self::Sa => "sa",
            Self::Eu => "eu",
            Self::Apac => "apac",
            Self::Jp => "jp",
            Self::Au => "au",
            Self::In => "in",
            Self::Global => "global",
            Self::Other(prefix) => prefix,
        }
    }

    /// The geography an AWS region lies in, the narrowest there is: `jp` for `ap-northeast-1`. A region in no geography
    /// of inference profiles is in that of its own name: `me` for `me-central-1`.
    ///
    /// ```
    /// use bedrock_llm_schema::model::Geography;
    ///
    /// assert_eq!(Geography::of_region("eu-central-1"), Geography::Eu);
    /// assert!(Geography::Apac.covers(&Geography::of_region("ap-northeast-1")));
    /// ```
    #[must_use]
    pub fn of_region(region: &str) -> Self {
        match Self::candidates(region).first() {
            None | Some(Self::Global) => {
                Self::Other(region.split_once('-').map_or(region, |(area, _)| area).to_owned())
            }
            Some(narrowest) => narrowest.clone(),
        }
    }

    /// Whether all of the other lies in this one: `apac` has `jp`, `au` and `in`; `global` has every one but `us-gov`
    /// and China.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        match (self, other) {
            _ if self == other => true,
            (Self::Apac, Self::Jp | Self::Au | Self::In) => true,
            (Self::Global, Self::UsGov) => false,
            (Self::Global, other) => other.as_str() != "cn",
            _ => false,
        }
    }

    fn known(prefix: &str) -> Option<Self> {
        Some(match prefix {
            "us" => Self::Us,
            "us-gov" => Self::UsGov,
            "ca" => Self::Ca,
            "mx" => Self::Mx,
            "sa" => Self::Sa,
            "eu" => Self::Eu,
            "apac" => Self::Apac,
            "jp" => Self::Jp,
            "au" => Self::Au,
            "in" => Self::In,
            "global" => Self::Global,
            _ => return None,
        })
    }

    /// The geographies whose profiles can be called from an AWS region, best first: the narrowest before `global`.
    pub(super) fn candidates(region: &str) -> &'static [Geography] {
        let area = region.split_once('-').map_or(region, |(area, _)| area);
        match (area, region) {
            // A partition of its own: a global profile cannot be reached from it.
            (_, r) if r.starts_with("us-gov-") => &[Self::UsGov],
            ("cn", _) => &[],
            ("us", _) => &[Self::Us, Self::Global],
            ("ca", _) => &[Self::Ca, Self::Us, Self::Global],
            ("mx", _) => &[Self::Mx, Self::Global],
            ("sa", _) => &[Self::Sa, Self::Global],
            ("eu", _) => &[Self::Eu, Self::Global],
            (_, "ap-northeast-1" | "ap-northeast-3") => &[Self::Jp, Self::Apac, Self::Global],
            (_, "ap-southeast-2" | "ap-southeast-4") => &[Self::Au, Self::Apac, Self::Global],
            (_, "ap-south-1" | "ap-south-2") => &[Self::In, Self::Apac, Self::Global],
            ("ap", _) => &[Self::Apac, Self::Global],
            _ => &[Self::Global],
        }
    }
}

impl From<&str> for Geography {
    fn from(prefix: &str) -> Self {
        Self::known(prefix).unwrap_or_else(|| Self::Other(prefix.to_owned()))
    }
}

impl fmt::Display for Geography {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Cuts the geography off a model name: `us.amazon.nova-lite-v1:0` is `us` and `amazon.nova-lite-v1:0`.
///
/// A prefix AWS adds after this was written is known by what follows it: a known provider and a dot.
pub(super) fn split(name: &str) -> (Option<Geography>, &str) {
    let Some((prefix, rest)) = name.split_once('.') else {
        return (None, name);
    };
    match Geography::known(prefix) {
        Some(geography) if !rest.is_empty() => (Some(geography), rest),
        None if is_unknown_geography(prefix, rest) => (Some(Geography::Other(prefix.to_owned())), rest),
        _ => (None, name),
    }
}

fn is_unknown_geography(prefix: &str, rest: &str) -> bool {
    !prefix.is_empty()
        && !is_known_provider(prefix)
        && rest.split_once('.').is_some_and(|(provider, _)| is_known_provider(provider))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn regions_lie_in_geographies_and_those_in_one_another() {
        for (region, geography) in [
            ("us-east-1", "us"),
            ("us-gov-west-1", "us-gov"),
            ("ca-central-1", "ca"),
            ("eu-west-2", "eu"),
            ("ap-southeast-2", "au"),
            ("ap-southeast-1", "apac"),
            ("me-central-1", "me"),
            ("cn-north-1", "cn"),
        ] {
            assert_eq!(Geography::of_region(region).as_str(), geography);
        }
        for (outer, inner, covers) in [
            ("eu", "eu", true),
            ("us", "ca", false),
            ("apac", "au", true),
            ("au", "apac", false),
            ("eu", "global", false),
            ("global", "me", true),
            ("global", "us-gov", false),
            ("global", "cn", false),
        ] {
            assert_eq!(Geography::from(outer).covers(&inner.into()), covers, "{outer} {inner}");
        }
    }

    #[test]
    fn a_prefix_is_cut_only_where_it_is_one() {
        for (name, prefix, rest) in [
            ("us.deepseek.v3.2", Some("us"), "deepseek.v3.2"),
            ("deepseek.v3.2", None, "deepseek.v3.2"),
            ("us-gov.xai.grok-4.6", Some("us-gov"), "xai.grok-4.6"),
            ("in.moonshotai.kimi-k3", Some("in"), "moonshotai.kimi-k3"),
            ("xx.anthropic.claude-9", Some("xx"), "anthropic.claude-9"),
            ("us.does-not-exist-v1:0", Some("us"), "does-not-exist-v1:0"),
            ("newcomer.model.v2", None, "newcomer.model.v2"),
            ("us.", None, "us."),
            ("us", None, "us"),
        ] {
            let (geography, base) = split(name);
            assert_eq!((geography.as_ref().map(Geography::as_str), base), (prefix, rest), "{name}");
        }
    }
}
