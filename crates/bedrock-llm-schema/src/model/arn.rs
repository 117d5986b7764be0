//! The ARNs a Bedrock call takes in place of a model id.

use super::id::ModelIdKind;

/// An ARN cut at its colons; every part borrows from the id.
#[derive(Clone, Copy, Debug)]
pub(super) struct Arn<'a> {
    pub(super) partition: &'a str,
    pub(super) service: &'a str,
    pub(super) region: &'a str,
    pub(super) account: &'a str,
    /// Everything after the fifth colon, colons included: `inference-profile/us.amazon.nova-lite-v1:0`.
    pub(super) resource: &'a str,
}

/// The partition that a region lies in, by its name:
/// <https://docs.aws.amazon.com/whitepapers/latest/aws-fault-isolation-boundaries/partitions.html>.
pub(super) fn partition_of(region: &str) -> &'static str {
    let partitions = [
        ("cn-", "aws-cn"),
        ("us-gov-", "aws-us-gov"),
        ("us-iso-", "aws-iso"),
        ("us-isob-", "aws-iso-b"),
        ("us-isof-", "aws-iso-f"),
        ("eu-isoe-", "aws-iso-e"),
        ("eusc-", "aws-eusc"),
    ];
    let known = partitions.iter().find(|(beginning, _)| region.starts_with(beginning));
    known.map_or("aws", |(_, partition)| partition)
}

impl<'a> Arn<'a> {
    /// `None` for text that is no ARN or stops before its resource.
    pub(super) fn parse(text: &'a str) -> Option<Self> {
        let mut parts = text.strip_prefix("arn:")?.splitn(5, ':');
        Some(Self {
            partition: parts.next()?,
            service: parts.next()?,
            region: parts.next()?,
            account: parts.next()?,
            resource: parts.next()?,
        })
    }

    /// The resource's type and id, `("prompt", "ABCDEFGHIJ:1")`; the id is empty where there is none.
    fn typed(self) -> (&'a str, &'a str) {
        self.resource.split_once('/').unwrap_or((self.resource, ""))
    }

    pub(super) fn resource_type(self) -> &'a str {
        self.typed().0
    }

    pub(super) fn has_name(self) -> bool {
        !self.typed().1.is_empty()
    }

    pub(super) fn kind(self) -> ModelIdKind {
        match (self.service, self.typed()) {
            (_, (_, "")) => ModelIdKind::Unknown,
            ("bedrock", ("foundation-model", _)) => ModelIdKind::Foundation,
            ("bedrock", ("inference-profile", _)) => ModelIdKind::InferenceProfile,
            ("bedrock", ("application-inference-profile", _)) => ModelIdKind::ApplicationInferenceProfile,
            ("bedrock", ("provisioned-model", _)) => ModelIdKind::ProvisionedModel,
            ("bedrock", ("imported-model", _)) => ModelIdKind::ImportedModel,
            ("bedrock", ("custom-model", _)) => ModelIdKind::CustomModel,
            ("bedrock", ("custom-model-deployment", _)) => ModelIdKind::CustomModelDeployment,
            ("bedrock", ("prompt-router" | "default-prompt-router", _)) => ModelIdKind::PromptRouter,
            ("bedrock", ("prompt", _)) => ModelIdKind::Prompt,
            ("sagemaker", ("endpoint", _)) => ModelIdKind::SageMakerEndpoint,
            _ => ModelIdKind::Unknown,
        }
    }

    /// The model or profile name that the ARN holds in clear text, if it holds one.
    pub(super) fn model_name(self) -> Option<&'a str> {
        let (_, id) = self.typed();
        match self.kind() {
            ModelIdKind::Foundation | ModelIdKind::InferenceProfile => Some(id),
            // custom-model/amazon.titan-text-lite-v1:0:4k/abcdefghijkl
            ModelIdKind::CustomModel => {
                id.split_once('/').map(|(base, _)| base).filter(|base| !base.is_empty())
            }
            _ => None,
        }
    }

    /// The provider in `default-prompt-router/anthropic.claude:1`: such a router keeps to one family.
    pub(super) fn router_family(self) -> Option<(&'a str, &'a str)> {
        match self.typed() {
            ("default-prompt-router", id) => id.split_once('.'),
            _ => None,
        }
    }
}
