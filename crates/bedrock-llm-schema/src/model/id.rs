//! [`ModelId`]: the text a model is called by, and what can be read from it.

use std::borrow::Borrow;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::arn::{Arn, partition_of};
use super::{Family, Geography, geography};

/// The longest id the service takes, from the `modelId` constraint in the API reference.
const MAX_LENGTH: usize = 2048;

/// What a Bedrock call takes as its model: a model id, an inference profile, or an ARN.
///
/// The text is kept exactly as given, so an id this version cannot read still reaches the service; use
/// [`str::parse`] to have it checked. Everything else is read from the text on demand. Clones share the text.
///
/// ```
/// use bedrock_llm_schema::model::{Family, Geography, ModelId, ModelIdKind};
///
/// let id = ModelId::from("us.anthropic.claude-sonnet-4-5-20250929-v1:0");
/// assert_eq!(id.kind(), ModelIdKind::InferenceProfile);
/// assert_eq!(id.geography(), Some(Geography::Us));
/// assert_eq!(id.base(), Some("anthropic.claude-sonnet-4-5-20250929-v1:0"));
/// assert_eq!(id.family(), Family::Anthropic);
/// assert_eq!(id.version(), Some("v1:0"));
///
/// // An application profile's name is opaque: the ARN tells the region, not the model behind it.
/// let id = ModelId::from("arn:aws:bedrock:eu-west-1:123456789012:application-inference-profile/1arbu5hu2sjr");
/// assert_eq!((id.region(), id.base()), (Some("eu-west-1"), None));
///
/// assert_eq!("my model".parse::<ModelId>().unwrap_err().to_string(), "model id has ' ' at byte 2, which Bedrock does not take");
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ModelId(Arc<str>);

/// What a [`ModelId`] points to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ModelIdKind {
    /// A foundation model, `amazon.nova-lite-v1:0` or its ARN.
    Foundation,
    /// A system-defined cross-region inference profile, `us.amazon.nova-lite-v1:0` or its ARN.
    InferenceProfile,
    /// An inference profile made in an account, for cost tags or a fixed set of regions.
    ApplicationInferenceProfile,
    /// A model with provisioned throughput.
    ProvisionedModel,
    /// A model brought in with Custom Model Import.
    ImportedModel,
    /// A customised (fine-tuned, distilled, continued pre-training) model.
    CustomModel,
    /// A deployment of a custom model for on-demand use.
    CustomModelDeployment,
    /// An intelligent prompt router, a default one or one's own.
    PromptRouter,
    /// A prompt from Prompt management; the prompt names the model.
    Prompt,
    /// A SageMaker endpoint, such as one from Bedrock Marketplace.
    SageMakerEndpoint,
    /// Nothing of the above, or text without a provider.
    Unknown,
}

/// Why text is not a model id Bedrock would take.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ModelIdError {
    /// No text at all.
    #[error("model id is empty")]
    Empty,
    /// White space or another character outside letters, digits, `-`, `.`, `:` and, in an ARN, `/`.
    #[error("model id has {character:?} at byte {index}, which Bedrock does not take")]
    IllegalCharacter {
        /// The first such character.
        character: char,
        /// Its place in the text, in bytes from 0.
        index: usize,
    },
    /// Longer than the 2048 characters the service takes.
    #[error("model id is {length} bytes long, at most {MAX_LENGTH} are allowed")]
    TooLong {
        /// The text's length in bytes.
        length: usize,
    },
    /// It begins as an ARN but lacks some of the six parts, or the resource's name.
    #[error("ARN is incomplete, expected arn:partition:service:region:account:type/name")]
    IncompleteArn,
    /// An ARN of something Bedrock does not take as a model, such as a guardrail or a bucket.
    #[error("{service} ARN of type `{resource_type}` is not one Bedrock takes as a model")]
    UnknownArn {
        /// The ARN's service, such as `s3`.
        service: String,
        /// The type of the ARN's resource, such as `guardrail`.
        resource_type: String,
    },
}

impl ModelId {
    /// The text as given.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether there is no text, as in the default id.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What the id points to.
    #[must_use]
    pub fn kind(&self) -> ModelIdKind {
        if self.is_arn() {
            return self.arn().map_or(ModelIdKind::Unknown, Arn::kind);
        }
        match (self.geography(), self.provider()) {
            (Some(_), _) => ModelIdKind::InferenceProfile,
            (None, Some(_)) => ModelIdKind::Foundation,
            (None, None) => ModelIdKind::Unknown,
        }
    }

    /// Whether the id is an ARN, be it complete or not.
    #[must_use]
    pub fn is_arn(&self) -> bool {
        self.0.starts_with("arn:")
    }

    /// The AWS region in an ARN; the service wants the call made there.
    #[must_use]
    pub fn region(&self) -> Option<&str> {
        self.arn().map(|arn| arn.region).filter(|region| !region.is_empty())
    }

    /// The account in an ARN, where it has one: a foundation model's has none.
    #[must_use]
    pub fn account(&self) -> Option<&str> {
        self.arn().map(|arn| arn.account).filter(|account| !account.is_empty())
    }

    /// The partition in an ARN: `aws`, `aws-us-gov`, `aws-cn`.
    #[must_use]
    pub fn partition(&self) -> Option<&str> {
        self.arn().map(|arn| arn.partition)
    }

    /// The resource in an ARN, type and name: `provisioned-model/abcdefghijkl`.
    #[must_use]
    pub fn resource(&self) -> Option<&str> {
        self.arn().map(|arn| arn.resource)
    }

    /// Where a cross-region inference profile may route to; `None` for all else.
    #[must_use]
    pub fn geography(&self) -> Option<Geography> {
        geography::split(self.name()?).0
    }

    /// The foundation model's id, without ARN and geography: what CountTokens wants and prices go by.
    ///
    /// `None` where the text does not tell, as in an application profile's ARN.
    #[must_use]
    pub fn base(&self) -> Option<&str> {
        self.name().map(|name| geography::split(name).1)
    }

    /// The provider's part of the id, such as `anthropic`.
    #[must_use]
    pub fn provider(&self) -> Option<&str> {
        self.provider_and_model().map(|(provider, _)| provider)
    }

    /// The family of models the id belongs to, as far as the text tells.
    #[must_use]
    pub fn family(&self) -> Family {
        match self.provider_and_model() {
            Some((provider, model)) => Family::of(provider, model),
            // Some tools and price lists write Claude's ids without the provider.
            None if self.base().is_some_and(|base| base.starts_with("claude-")) => Family::Anthropic,
            None => Family::Unknown,
        }
    }

    /// The version at the end of the id, such as `v1:0`; newer ids have none.
    ///
    /// A context length that some ids add after it (`…-v1:0:200k`) is not part of it.
    #[must_use]
    pub fn version(&self) -> Option<&str> {
        let base = without_suffix(self.base()?);
        let (number, revision) = base.split_once(':').map_or((base, None), |(n, r)| (n, Some(r)));
        let (head, last) = number.rsplit_once('-')?;
        let is_marked = |part: &str| part.strip_prefix('v').is_some_and(is_number);
        let start = match head.rsplit_once('-') {
            _ if is_marked(last) => head.len() + 1,
            // A version of two parts: `rerank-v3-5:0`.
            Some((name, major)) if is_marked(major) && is_number(last) => name.len() + 1,
            // Without the `v` only a revision tells a version from a name: `gpt-oss-120b-1:0`, but `claude-opus-5`.
            _ if is_number(last) && revision.is_some() => head.len() + 1,
            _ => return None,
        };
        revision.is_none_or(is_number).then(|| &base[start..])
    }

    /// The same model's inference profile in a geography, whether or not AWS offers it.
    ///
    /// `None` where there is no such thing: the model behind the id is not known or is a custom one.
    #[must_use]
    pub fn with_geography(&self, geography: &Geography) -> Option<Self> {
        let base = self.routable_base()?;
        Some(Self::from(format!("{geography}.{base}")))
    }

    /// The foundation model behind an inference profile, as a plain id; `None` where [`with_geography`] has none.
    ///
    /// [`with_geography`]: Self::with_geography
    #[must_use]
    pub fn without_geography(&self) -> Option<Self> {
        self.routable_base().map(Self::from)
    }

    /// The ARN in a region of a foundation model, which some APIs want in the place of its id; an ARN is given as it is.
    ///
    /// `None` for inference profiles, whose ARNs have an account in them, and for what is no id.
    ///
    /// ```
    /// use bedrock_llm_schema::ModelId;
    ///
    /// let arn = ModelId::from("amazon.rerank-v1:0").foundation_arn("us-west-2");
    /// assert_eq!(arn, Some("arn:aws:bedrock:us-west-2::foundation-model/amazon.rerank-v1:0".into()));
    /// ```
    #[must_use]
    pub fn foundation_arn(&self, region: &str) -> Option<Self> {
        if self.is_arn() {
            return Some(self.clone());
        }
        let partition = partition_of(region);
        (self.kind() == ModelIdKind::Foundation)
            .then(|| Self::from(format!("arn:{partition}:bedrock:{region}::foundation-model/{self}")))
    }

    /// The ids to look facts up by, most exact first.
    pub(super) fn lookup_keys(&self) -> impl Iterator<Item = &str> {
        // A custom model is not its base: other prices, and limits of its own training.
        let name = self.name().filter(|_| self.kind() != ModelIdKind::CustomModel);
        let base = name.map(|name| geography::split(name).1);
        let bare = base.map(without_suffix);
        let unrevised = bare.and_then(|base| base.rsplit_once(':')).map(|(base, _)| base);
        [Some(self.as_str()), name, name.map(without_suffix), base, bare, unrevised].into_iter().flatten()
    }

    fn arn(&self) -> Option<Arn<'_>> {
        Arn::parse(&self.0)
    }

    /// The model or profile name in clear text, geography included.
    fn name(&self) -> Option<&str> {
        if self.is_arn() {
            self.arn()?.model_name()
        } else {
            Some(self.as_str()).filter(|text| !text.is_empty())
        }
    }

    fn routable_base(&self) -> Option<&str> {
        self.base().filter(|_| self.kind() != ModelIdKind::CustomModel)
    }

    fn provider_and_model(&self) -> Option<(&str, &str)> {
        self.base()
            .and_then(|base| base.split_once('.'))
            .or_else(|| self.arn().and_then(Arn::router_family))
            .filter(|(provider, model)| !provider.is_empty() && !model.is_empty())
    }
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Cuts off what provisioned and tuned variants add after the revision: `:200k`, `:mm`, `:512`.
fn without_suffix(name: &str) -> &str {
    let Some((head, tail)) = name.rsplit_once(':') else {
        return name;
    };
    let is_context = tail.strip_suffix(['k', 'm']).is_some_and(is_number);
    let follows_revision = head.rsplit_once(':').is_some_and(|(_, revision)| is_number(revision));
    if is_context || follows_revision { head } else { name }
}

impl FromStr for ModelId {
    type Err = ModelIdError;

    /// Checks what can be checked without asking the service.
    fn from_str(text: &str) -> Result<Self, ModelIdError> {
        if text.is_empty() {
            return Err(ModelIdError::Empty);
        }
        if text.len() > MAX_LENGTH {
            return Err(ModelIdError::TooLong { length: text.len() });
        }
        let id = Self::from(text);
        let legal = |c: char| c.is_ascii_alphanumeric() || "-.:".contains(c) || (c == '/' && id.is_arn());
        if let Some((index, character)) = text.char_indices().find(|(_, c)| !legal(*c)) {
            return Err(ModelIdError::IllegalCharacter { character, index });
        }
        if !id.is_arn() || id.kind() != ModelIdKind::Unknown {
            return Ok(id);
        }
        match id.arn() {
            // Not every service writes type/name: a bucket's ARN is complete without.
            Some(arn) if arn.has_name() || !matches!(arn.service, "bedrock" | "sagemaker") => {
                Err(ModelIdError::UnknownArn {
                    service: arn.service.to_owned(),
                    resource_type: arn.resource_type().to_owned(),
                })
            }
            _ => Err(ModelIdError::IncompleteArn),
        }
    }
}

impl From<&str> for ModelId {
    fn from(text: &str) -> Self {
        Self(text.into())
    }
}

impl From<String> for ModelId {
    fn from(text: String) -> Self {
        Self(text.into())
    }
}

impl AsRef<str> for ModelId {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

/// Lets a map keyed by ids be asked with text.
impl Borrow<str> for ModelId {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ModelId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl Serialize for ModelId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for ModelId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self::from)
    }
}

#[cfg(test)]
mod tests;
