//! What a guardrail found, policy by policy.
//!
//! Source: the service's API model (`GuardrailAssessment` and what it holds), and the recordings' traces.

use std::collections::BTreeMap;

use super::reasoning::AutomatedReasoningPolicyAssessment;
use crate::wire::{wire_enum, wire_struct};

wire_enum! {
    /// What a policy did with what it found.
    pub enum PolicyAction {
        /// Blocked it.
        Blocked = "BLOCKED",
        /// Masked it.
        Anonymized = "ANONYMIZED",
        /// Nothing.
        None = "NONE",
    }

    /// How sure, or how strict, a content filter is.
    pub enum FilterLevel {
        /// Not at all.
        None = "NONE",
        /// A little.
        Low = "LOW",
        /// Fairly.
        Medium = "MEDIUM",
        /// Very.
        High = "HIGH",
    }

    /// What a content filter looks for.
    pub enum ContentFilterType {
        /// Insults
        Insults = "INSULTS",
        /// Hate
        Hate = "HATE",
        /// Sexual content
        Sexual = "SEXUAL",
        /// Violence
        Violence = "VIOLENCE",
        /// Misconduct
        Misconduct = "MISCONDUCT",
        /// Attempts to talk the model out of its instructions
        PromptAttack = "PROMPT_ATTACK",
    }

    /// What a grounding filter measures.
    pub enum GroundingFilterType {
        /// Whether the answer follows from the source.
        Grounding = "GROUNDING",
        /// Whether the answer is about the question.
        Relevance = "RELEVANCE",
    }

    /// Who asked for the guardrail.
    pub enum GuardrailOrigin {
        /// The request.
        Request = "REQUEST",
        /// The account.
        AccountEnforced = "ACCOUNT_ENFORCED",
        /// The organisation.
        OrganizationEnforced = "ORGANIZATION_ENFORCED",
    }

    /// Whose guardrail it is.
    pub enum GuardrailOwnership {
        /// The caller's account's.
        SelfOwned = "SELF",
        /// Another account's.
        CrossAccount = "CROSS_ACCOUNT",
    }
}

wire_struct! {
    /// What one guardrail found.
    #[derive(Default)]
    pub struct GuardrailAssessment {
        /// Denied topics.
        pub topic_policy: Option<TopicPolicyAssessment>,
        /// Harmful content.
        pub content_policy: Option<ContentPolicyAssessment>,
        /// Words.
        pub word_policy: Option<WordPolicyAssessment>,
        /// Personal data and patterns.
        pub sensitive_information_policy: Option<SensitiveInformationPolicyAssessment>,
        /// Grounding and relevance.
        pub contextual_grounding_policy: Option<ContextualGroundingPolicyAssessment>,
        /// Logic.
        pub automated_reasoning_policy: Option<AutomatedReasoningPolicyAssessment>,
        /// What the check cost.
        pub invocation_metrics: Option<InvocationMetrics>,
        /// Which guardrail it was.
        pub applied_guardrail_details: Option<AppliedGuardrailDetails>,
    }

    /// Denied topics that were touched.
    #[derive(Default)]
    pub struct TopicPolicyAssessment {
        /// The topics.
        #[serde(default, deserialize_with = "crate::wire::or_default")]
        pub topics: Vec<Topic>,
    }

    /// A denied topic.
    pub struct Topic {
        /// Its name.
        pub name: String,
        /// `DENY`.
        pub r#type: String,
        /// What was done.
        pub action: PolicyAction,
        /// Whether it was there.
        pub detected: Option<bool>,
    }

    /// Harmful content that was found.
    #[derive(Default)]
    pub struct ContentPolicyAssessment {
        /// The filters.
        #[serde(default, deserialize_with = "crate::wire::or_default")]
        pub filters: Vec<ContentFilter>,
    }

    /// A content filter's verdict.
    pub struct ContentFilter {
        /// What it looks for.
        pub r#type: ContentFilterType,
        /// How sure it is.
        pub confidence: FilterLevel,
        /// How strict it is.
        pub filter_strength: Option<FilterLevel>,
        /// What was done.
        pub action: PolicyAction,
        /// Whether it was there.
        pub detected: Option<bool>,
    }

    /// Words that were found.
    #[derive(Default)]
    pub struct WordPolicyAssessment {
        /// The guardrail's own words.
        pub custom_words: Option<Vec<CustomWord>>,
        /// Words of lists the service keeps.
        pub managed_word_lists: Option<Vec<ManagedWord>>,
    }

    /// A word of the guardrail's own.
    pub struct CustomWord {
        /// The word.
        pub r#match: String,
        /// What was done.
        pub action: PolicyAction,
        /// Whether it was there.
        pub detected: Option<bool>,
    }

    /// A word of a list the service keeps.
    pub struct ManagedWord {
        /// The word.
        pub r#match: String,
        /// The list, such as `PROFANITY`.
        pub r#type: String,
        /// What was done.
        pub action: PolicyAction,
        /// Whether it was there.
        pub detected: Option<bool>,
    }

    /// Personal data and patterns that were found.
    #[derive(Default)]
    pub struct SensitiveInformationPolicyAssessment {
        /// Personal data.
        pub pii_entities: Option<Vec<PiiEntityFilter>>,
        /// Patterns.
        pub regexes: Option<Vec<RegexFilter>>,
    }

    /// A piece of personal data.
    pub struct PiiEntityFilter {
        /// The words.
        pub r#match: String,
        /// Its kind, such as `EMAIL`.
        pub r#type: String,
        /// What was done.
        pub action: PolicyAction,
        /// Whether it was there.
        pub detected: Option<bool>,
    }

    /// A pattern.
    pub struct RegexFilter {
        /// Its name.
        pub name: Option<String>,
        /// The words that matched.
        pub r#match: Option<String>,
        /// The pattern.
        pub regex: Option<String>,
        /// What was done.
        pub action: PolicyAction,
        /// Whether it was there.
        pub detected: Option<bool>,
    }

    /// Whether the answer follows from its source and is about the question.
    #[derive(Default)]
    pub struct ContextualGroundingPolicyAssessment {
        /// The filters.
        pub filters: Option<Vec<ContextualGroundingFilter>>,
    }

    /// A grounding filter's verdict.
    pub struct ContextualGroundingFilter {
        /// What it measures.
        pub r#type: GroundingFilterType,
        /// The least score that passes, 0 to 1.
        pub threshold: f64,
        /// The score, 0 to 1.
        pub score: f64,
        /// What was done.
        pub action: PolicyAction,
        /// Whether it was below the threshold.
        pub detected: Option<bool>,
    }

    /// What a check cost.
    #[derive(Default)]
    pub struct InvocationMetrics {
        /// Milliseconds.
        #[serde(default, deserialize_with = "crate::wire::optional_count")]
        pub guardrail_processing_latency: Option<u64>,
        /// Units, per policy.
        pub usage: Option<GuardrailUsage>,
        /// How much was looked at.
        pub guardrail_coverage: Option<GuardrailCoverage>,
    }

    /// Units of each policy that were used.
    #[derive(Default)]
    pub struct GuardrailUsage {
        /// Denied topics.
        #[serde(default, deserialize_with = "crate::wire::count")]
        pub topic_policy_units: u64,
        /// Harmful content.
        #[serde(default, deserialize_with = "crate::wire::count")]
        pub content_policy_units: u64,
        /// Words.
        #[serde(default, deserialize_with = "crate::wire::count")]
        pub word_policy_units: u64,
        /// Personal data.
        #[serde(default, deserialize_with = "crate::wire::count")]
        pub sensitive_information_policy_units: u64,
        /// Patterns, which are free.
        #[serde(default, deserialize_with = "crate::wire::count")]
        pub sensitive_information_policy_free_units: u64,
        /// Grounding.
        #[serde(default, deserialize_with = "crate::wire::count")]
        pub contextual_grounding_policy_units: u64,
        /// Images.
        #[serde(default, deserialize_with = "crate::wire::optional_count")]
        pub content_policy_image_units: Option<u64>,
        /// Logic.
        #[serde(default, deserialize_with = "crate::wire::optional_count")]
        pub automated_reasoning_policy_units: Option<u64>,
        /// Logic policies.
        #[serde(default, deserialize_with = "crate::wire::optional_count")]
        pub automated_reasoning_policies: Option<u64>,
    }

    /// How much was looked at.
    #[derive(Default)]
    pub struct GuardrailCoverage {
        /// Characters.
        pub text_characters: Option<Coverage>,
        /// Images.
        pub images: Option<Coverage>,
    }

    /// A part of a whole.
    #[derive(Default)]
    pub struct Coverage {
        /// How many were looked at.
        #[serde(default, deserialize_with = "crate::wire::optional_count")]
        pub guarded: Option<u64>,
        /// How many there are.
        #[serde(default, deserialize_with = "crate::wire::optional_count")]
        pub total: Option<u64>,
    }

    /// Which guardrail it was.
    #[derive(Default)]
    pub struct AppliedGuardrailDetails {
        /// Its id.
        pub guardrail_id: Option<String>,
        /// Its version.
        pub guardrail_version: Option<String>,
        /// Its ARN.
        pub guardrail_arn: Option<String>,
        /// Who asked for it.
        pub guardrail_origin: Option<Vec<GuardrailOrigin>>,
        /// Whose it is.
        pub guardrail_ownership: Option<GuardrailOwnership>,
    }

    /// What the request's guardrail found, on both sides.
    #[derive(Default)]
    pub struct GuardrailTraceAssessment {
        /// What the model said before the guardrail changed it.
        pub model_output: Option<Vec<String>>,
        /// What was found in the input, by guardrail id.
        pub input_assessment: Option<BTreeMap<String, GuardrailAssessment>>,
        /// What was found in the output, by guardrail id.
        pub output_assessments: Option<BTreeMap<String, Vec<GuardrailAssessment>>>,
        /// Why the guardrail acted.
        pub action_reason: Option<String>,
    }
}
