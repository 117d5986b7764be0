//! [`Reasoning`]: how much a model should think before it answers, in one form for every family.

use serde::{Deserialize, Serialize};

use super::ChatRequest;

/// How much a model should think before it answers.
///
/// It is the one member of a [`ChatRequest`] that Converse does not have. Stored requests carry it as `reasoning`;
/// [`Normalizer::normalize`](crate::Normalizer::normalize) writes it in the fields of the model's family and takes it
/// away. Fields of the family that the request already has win over it.
///
/// | family | `Effort` | `Budget` | `Adaptive` |
/// |---|---|---|---|
/// | Claude to 4.5 | [the effort's budget](Effort::budget), at most 3/4 of `maxTokens` | `thinking.budget_tokens` | medium |
/// | Claude from 4.6 | `output_config.effort` | [the budget's effort](Effort::of_budget) | `thinking.type: adaptive` |
/// | Nova 2 | `reasoningConfig.maxReasoningEffort` | the budget's effort | medium |
/// | gpt-oss | `reasoning_effort` | the budget's effort | medium |
/// | Qwen and its like | `reasoning_config` | the budget's effort | medium |
///
/// An effort a model has no word for becomes the [nearest](Effort::nearest) it has. `Off` says nothing where silence
/// is off. An effort or `Adaptive` is left out where `maxTokens` has no room for the least budget. What a model cannot do is settled by [`OnUnsupported`](crate::OnUnsupported): not thinking where it always
/// does, thinking where it never does, or any wish where it is unknown how it is told.
///
/// ```
/// use bedrock_llm_schema::model::{ModelProfile, facts::ReasoningStyle};
/// use bedrock_llm_schema::{ChatRequest, Effort, Normalizer};
/// use serde_json::json;
///
/// let mut profile = ModelProfile::new("anthropic.claude-sonnet-4-20250514-v1:0");
/// profile.reasoning.request = Some(ReasoningStyle::ThinkingBudget);
/// let request = ChatRequest::new(profile.id.clone()).message("Why?").max_tokens(4000).reasoning(Effort::High);
/// let normalized = Normalizer::new().normalize(request, &profile);
/// assert_eq!(
///     normalized.request.additional_model_request_fields,
///     Some(json!({"thinking": {"type": "enabled", "budget_tokens": 3000}}))
/// );
/// assert_eq!(normalized.changes[0].path, "reasoning");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Reasoning {
    /// Not at all.
    Off,
    /// As much as the model thinks fit; where it cannot choose, as [`Effort::Medium`].
    Adaptive,
    /// With an effort.
    Effort(Effort),
    /// With at most so many tokens, which count as output. Families have a least budget, 1,024 for Claude, to which
    /// less is raised; 0 is [`Reasoning::Off`]. It must stay below `maxTokens`, and is lowered where it is not, as far
    /// as the least; what [`ReasoningConflict`](crate::ReasoningConflict) says holds where `maxTokens` is below that.
    Budget(u32),
}

/// How much effort a model should put in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Effort {
    /// As little as the model can.
    Minimal,
    /// Little.
    Low,
    /// Some.
    Medium,
    /// Much.
    High,
    /// More than much.
    XHigh,
    /// As much as the model can.
    Max,
}

impl Effort {
    /// Every effort, least first.
    pub const ALL: [Self; 6] = [Self::Minimal, Self::Low, Self::Medium, Self::High, Self::XHigh, Self::Max];

    /// The word families have for it, such as `low`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Minimal => "minimal",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::XHigh => "xhigh",
            Self::Max => "max",
        }
    }

    /// The budget, in tokens, that stands for it where a family counts tokens: 1,024 for the least, which is the least
    /// Claude takes, then 2,048, 8,192, 16,384, 24,576 and 32,768.
    #[must_use]
    pub fn budget(self) -> u32 {
        match self {
            Self::Minimal => 1024,
            Self::Low => 2048,
            Self::Medium => 8192,
            Self::High => 16_384,
            Self::XHigh => 24_576,
            Self::Max => 32_768,
        }
    }

    /// The effort that stands for a budget: the least whose [`budget`](Self::budget) is as large.
    #[must_use]
    pub fn of_budget(tokens: u32) -> Self {
        Self::ALL.into_iter().find(|effort| effort.budget() >= tokens).unwrap_or(Self::Max)
    }

    /// The nearest effort among the words a model takes: the most that is not above it, else the least there is.
    /// `None` where none of the words is an effort.
    ///
    /// ```
    /// use bedrock_llm_schema::Effort;
    ///
    /// let taken = ["low", "medium", "high"].map(String::from);
    /// assert_eq!(Effort::Max.nearest(&taken), Some(Effort::High));
    /// assert_eq!(Effort::Minimal.nearest(&taken), Some(Effort::Low));
    /// ```
    #[must_use]
    pub fn nearest(self, words: &[String]) -> Option<Self> {
        let taken =
            || Self::ALL.into_iter().filter(|effort| words.iter().any(|word| word == effort.as_str()));
        taken().rfind(|effort| *effort <= self).or_else(|| taken().next())
    }
}

impl From<Effort> for Reasoning {
    fn from(effort: Effort) -> Self {
        Self::Effort(effort)
    }
}

impl std::fmt::Display for Effort {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

impl ChatRequest {
    /// Sets how much the model should think, in a form for every family.
    #[must_use]
    pub fn reasoning(mut self, reasoning: impl Into<Reasoning>) -> Self {
        self.reasoning = Some(reasoning.into());
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stored_request_keeps_its_reasoning() {
        for (reasoning, json) in [
            (Reasoning::Off, r#""off""#),
            (Reasoning::Adaptive, r#""adaptive""#),
            (Effort::XHigh.into(), r#"{"effort":"xhigh"}"#),
            (Reasoning::Budget(4096), r#"{"budget":4096}"#),
        ] {
            let request = ChatRequest::new("m").reasoning(reasoning);
            let text = serde_json::to_string(&request).unwrap();
            assert_eq!(text, format!(r#"{{"modelId":"m","reasoning":{json}}}"#));
            assert_eq!(serde_json::from_str::<ChatRequest>(&text).unwrap(), request);
            let violations = request.message("hi").validate().unwrap_err();
            assert_eq!(violations.0[0].rule, "R-REASONING");
        }
    }

    #[test]
    fn efforts_and_budgets_stand_for_each_other() {
        for effort in Effort::ALL {
            assert_eq!(Effort::of_budget(effort.budget()), effort);
            assert_eq!(serde_json::to_value(effort).unwrap(), effort.as_str());
        }
        for (tokens, effort) in
            [(0, Effort::Minimal), (1025, Effort::Low), (10_000, Effort::High), (u32::MAX, Effort::Max)]
        {
            assert_eq!(Effort::of_budget(tokens), effort);
        }
    }

    #[test]
    fn the_nearest_word_is_the_most_that_is_not_above() {
        let nearest = |effort: Effort, words: &[&str]| {
            effort.nearest(&words.iter().copied().map(String::from).collect::<Vec<_>>())
        };
        assert_eq!(nearest(Effort::Medium, &["low", "high"]), Some(Effort::Low));
        assert_eq!(nearest(Effort::XHigh, &["high", "max", "low"]), Some(Effort::High));
        assert_eq!(nearest(Effort::Minimal, &["none", "medium"]), Some(Effort::Medium));
        assert_eq!(nearest(Effort::High, &["none"]), None);
    }
}
