//! Rules about reasoning.

use serde_json::Value;

use super::place;
use super::rule::{RuleReport, Subject};
use crate::content::reasoning::ReasoningContentBlock;
use crate::model::facts::ReasoningStyle;
use crate::{ContentBlock, ToolChoice};

/// What is asked of a model that can reason.
#[derive(Debug, Clone, Copy)]
struct Asked<'a> {
    style: ReasoningStyle,
    budget: Option<u64>,
    effort: Option<&'a str>,
}

impl<'a> Asked<'a> {
    /// `None` where nothing is asked, or where it is not known how this model is asked.
    fn of(subject: &Subject<'a>) -> Option<Self> {
        let style = subject.profile.reasoning.request?;
        let fields = subject.request.additional_model_request_fields.as_ref()?;
        let text = |pointer: &str| fields.pointer(pointer).and_then(Value::as_str);
        let (is_on, effort) = match style {
            ReasoningStyle::ThinkingBudget | ReasoningStyle::ThinkingAdaptive => {
                let is_on = matches!(text("/thinking/type"), Some("enabled" | "adaptive"));
                (is_on, text("/output_config/effort"))
            }
            ReasoningStyle::ReasoningConfigEffort => {
                let effort = text("/reasoningConfig/maxReasoningEffort");
                (text("/reasoningConfig/type") == Some("enabled"), effort)
            }
            ReasoningStyle::ReasoningEffort => {
                (text("/reasoning_effort").is_some_and(|it| it != "none"), text("/reasoning_effort"))
            }
            ReasoningStyle::ReasoningConfigText => {
                (text("/reasoning_config").is_some_and(|it| it != "none"), text("/reasoning_config"))
            }
            ReasoningStyle::Fixed => (false, None),
        };
        let budget = fields.pointer("/thinking/budget_tokens").and_then(Value::as_u64);
        is_on.then_some(Self { style, budget, effort })
    }

    fn is_thinking(self) -> bool {
        matches!(self.style, ReasoningStyle::ThinkingBudget | ReasoningStyle::ThinkingAdaptive)
    }

    /// Nova 2 takes less beside high effort than beside others
    /// (<https://docs.aws.amazon.com/nova/latest/nova2-userguide/extended-thinking.html>).
    fn is_at_high(self) -> bool {
        self.style == ReasoningStyle::ReasoningConfigEffort && self.effort == Some("high")
    }
}

/// The service does not know our form, and would answer as if nothing had been asked.
pub(super) fn written(subject: &Subject<'_>, report: &mut RuleReport<'_>) {
    if subject.request.reasoning.is_some() {
        let message = "not written in the fields of the model's family";
        report.add(
            "reasoning",
            message,
            "normalise the request, or set additionalModelRequestFields instead",
        );
    }
}

pub(super) fn forced_tool(subject: &Subject<'_>, report: &mut RuleReport<'_>) {
    let config = subject.request.tool_config.as_ref().filter(|config| config.has_tools());
    let choice = config.and_then(|config| config.tool_choice.as_ref());
    let Some(choice @ (ToolChoice::Any(_) | ToolChoice::Tool(_))) = choice else { return };
    if subject.profile.reasoning.with_forced_tool == Some(false)
        && let Some(asked) = Asked::of(subject)
    {
        let path = format!("toolConfig.toolChoice.{}", choice.tag());
        let (message, fix) =
            ("a forced tool together with reasoning", "choose `auto`, or ask for no reasoning");
        if asked.is_thinking() {
            report.add(path, message, fix);
        } else {
            report.add_saying(path, message, fix, None);
        }
    }
}

/// Claude takes a temperature of 1 and a top-p from 0.95 on
/// (<https://platform.claude.com/docs/en/build-with-claude/extended-thinking>); Nova takes all of them below its
/// highest effort (<https://docs.aws.amazon.com/nova/latest/nova2-userguide/extended-thinking.html>).
pub(super) fn sampling(subject: &Subject<'_>, report: &mut RuleReport<'_>) {
    if subject.profile.reasoning.with_sampling != Some(false) {
        return;
    }
    let Some(asked) = Asked::of(subject) else { return };
    if asked.style == ReasoningStyle::ReasoningConfigEffort && !asked.is_at_high() {
        return;
    }
    let config = subject.request.inference_config.as_ref();
    let (temperature, top_p) =
        (config.and_then(|config| config.temperature), config.and_then(|config| config.top_p));
    let is_bad = |value: Option<f64>, least: f64| value.is_some_and(|it| !asked.is_thinking() || it < least);
    let fields = subject.request.additional_model_request_fields.as_ref();
    let top_k = subject.profile.sampling.top_k.as_deref().filter(|pointer| !pointer.is_empty());
    let has_top_k = top_k.and_then(|pointer| fields?.pointer(pointer)).is_some();
    for (is_bad, path) in [
        (is_bad(temperature, 1.0), "inferenceConfig.temperature"),
        (is_bad(top_p, 0.95), "inferenceConfig.topP"),
        (has_top_k, "additionalModelRequestFields"),
    ] {
        if is_bad {
            report.add(
                path,
                "it does not go together with reasoning",
                "leave it out, or ask for no reasoning",
            );
        }
    }
}

pub(super) fn budget(subject: &Subject<'_>, report: &mut RuleReport<'_>) {
    let Some(asked) = Asked::of(subject).filter(|asked| asked.is_thinking()) else { return };
    let Some(budget) = asked.budget else { return };
    let path = "additionalModelRequestFields.thinking.budget_tokens";
    let least = subject.profile.reasoning.min_budget.map(u64::from);
    if let Some(least) = least.filter(|least| budget < *least) {
        let message = format!("a budget of {budget} tokens; the least is {least}");
        report.add_with(path, message, "give it more", &[("least", &least.to_string())]);
    }
    // with interleaved thinking, the budget spans several answers
    let fields = subject.request.additional_model_request_fields.as_ref();
    let is_interleaved = fields.is_some_and(|fields| fields.get("anthropic_beta").is_some());
    let most = subject.request.inference_config.as_ref().and_then(|config| config.max_tokens).map(u64::from);
    if let Some(most) = most.filter(|most| budget >= *most && !is_interleaved) {
        let message = format!("a budget of {budget} tokens is not below maxTokens, {most}");
        report.add_saying(path, message, "raise maxTokens or lower the budget", None);
    }
}

pub(super) fn at_high(subject: &Subject<'_>, report: &mut RuleReport<'_>) {
    let Some(config) = &subject.request.inference_config else { return };
    if subject.profile.reasoning.with_max_tokens_at_high != Some(false)
        || !Asked::of(subject).is_some_and(Asked::is_at_high)
    {
        return;
    }
    for (name, is_given) in [
        ("maxTokens", config.max_tokens.is_some()),
        ("temperature", config.temperature.is_some()),
        ("topP", config.top_p.is_some()),
    ] {
        if is_given {
            let (message, fix) =
                ("it does not go together with high effort", "leave it out, or ask for less effort");
            report.add(format!("inferenceConfig.{name}"), message, fix);
        }
    }
}

pub(super) fn efforts(subject: &Subject<'_>, report: &mut RuleReport<'_>) {
    let Some(taken) = &subject.profile.reasoning.efforts else { return };
    let effort = Asked::of(subject).and_then(|asked| asked.effort);
    if let Some(effort) = effort.filter(|effort| !taken.iter().any(|it| it == effort)) {
        let message = format!("no effort {effort:?}; the model takes {}", taken.join(", "));
        report.add("additionalModelRequestFields", message, "choose one of them");
    }
}

/// Redacted reasoning needs no signature.
pub(super) fn signature(subject: &Subject<'_>, report: &mut RuleReport<'_>) {
    if subject.profile.reasoning.signed != Some(true) {
        return;
    }
    for (place, block) in place::blocks(subject.request) {
        let ContentBlock::ReasoningContent(ReasoningContentBlock::ReasoningText(text)) = block else {
            continue;
        };
        let path = || format!("{}.reasoningContent.reasoningText.signature", place.path());
        let fix = "send it back as it came, or leave it out";
        match text.signature.as_deref() {
            None => {
                let values = [("place", place.dotted())];
                let [value] = values.each_ref().map(|(name, value)| (*name, value.as_str()));
                report.add_with(path(), "reasoning without its signature", fix, &[value]);
            }
            Some("") => report.add_saying(path(), "reasoning with an empty signature", fix, None),
            Some(_) => {}
        }
    }
}

pub(super) fn replay(subject: &Subject<'_>, report: &mut RuleReport<'_>) {
    if subject.profile.reasoning.replay != Some(false) {
        return;
    }
    for (place, block) in place::blocks(subject.request) {
        if matches!(block, ContentBlock::ReasoningContent(_)) {
            let path = format!("{}.reasoningContent", place.path());
            report.add(path, "the model takes no reasoning back", "leave it out");
        }
    }
}
