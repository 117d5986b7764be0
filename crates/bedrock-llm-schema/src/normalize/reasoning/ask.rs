//! What was asked for, written in the family's fields.

use serde_json::{Value, json};

use super::conflict::is_interleaved;
use super::{LEAST_BUDGET, RULE, efforts, field, fields, most_of, switch};
use crate::model::ModelProfile;
use crate::model::facts::ReasoningStyle;
use crate::normalize::{ChangeKind, Changes, Normalizer, OnUnsupported, ReasoningConflict};
use crate::wire::Extra;
use crate::{ChatRequest, Effort, Reasoning};

/// What to write.
struct Plan {
    /// The value of the family's switch.
    switch: Option<Value>,
    /// `output_config.effort`.
    effort: Option<Effort>,
    /// What that means, in words.
    note: String,
    kind: ChangeKind,
}

impl Plan {
    fn new(switch: impl Into<Option<Value>>, note: impl Into<String>) -> Self {
        Self { switch: switch.into(), effort: None, note: note.into(), kind: ChangeKind::Mended }
    }
}

pub(super) fn write(
    request: &mut ChatRequest,
    profile: &ModelProfile,
    how: &Normalizer,
    changes: &mut Changes,
) {
    let Some(asked) = request.reasoning else { return };
    let asked = if asked == Reasoning::Budget(0) { Reasoning::Off } else { asked };
    let plan = match profile.reasoning.request {
        None => Err("it is not known how this model is asked to reason"),
        Some(style) => plan(asked, style, request, profile, how.reasoning_conflict),
    };
    let kind = match (&plan, how.on_unsupported) {
        (Ok(plan), _) => plan.kind,
        (Err(_), OnUnsupported::Error) => return,
        (Err(_), OnUnsupported::Degrade) => ChangeKind::Degraded,
        (Err(_), OnUnsupported::Warn) => ChangeKind::Warned,
    };
    request.reasoning = None;
    let note = match plan {
        Ok(plan) => put(request, profile, plan),
        Err(why) => format!("left out: {why}"),
    };
    changes.add(RULE, "reasoning", note, kind);
}

fn put(request: &mut ChatRequest, profile: &ModelProfile, plan: Plan) -> String {
    let switch = profile.reasoning.request.and_then(switch).zip(plan.switch);
    if (switch.is_some() || plan.effort.is_some())
        && let Some(fields) = fields(request)
    {
        fields.extend(switch.map(|(name, value)| (name.to_owned(), value)));
        if let Some(effort) = plan.effort {
            let config = fields.entry("output_config").or_insert_with(|| Value::Object(Extra::new()));
            if let Value::Object(config) = config {
                config.entry("effort").or_insert_with(|| effort.as_str().into());
            }
        }
    }
    plan.note
}

fn plan(
    asked: Reasoning,
    style: ReasoningStyle,
    request: &ChatRequest,
    profile: &ModelProfile,
    policy: ReasoningConflict,
) -> Result<Plan, &'static str> {
    let own = request.additional_model_request_fields.as_ref();
    if own.is_some_and(|fields| !fields.is_object() && !fields.is_null()) {
        return Err("`additionalModelRequestFields` is not an object");
    }
    if let Some(name) = switch(style).filter(|name| field(request, name).is_some()) {
        let note = format!("left out: additionalModelRequestFields.{name} is given, and wins");
        return Ok(Plan { kind: ChangeKind::Degraded, ..Plan::new(None, note) });
    }
    let effort = match asked {
        Reasoning::Off => return off(style, profile),
        Reasoning::Adaptive => Effort::Medium,
        Reasoning::Effort(effort) => effort,
        Reasoning::Budget(tokens) => Effort::of_budget(tokens),
    };
    let word = || effort.nearest(&efforts(profile)).ok_or("none of the words the model takes is an effort");
    match style {
        ReasoningStyle::ThinkingBudget => Ok(budget(asked, effort, request, profile, policy)),
        ReasoningStyle::ThinkingAdaptive => {
            let plan = Plan::new(json!({"type": "adaptive"}), "written as adaptive thinking");
            if asked == Reasoning::Adaptive || has_own_effort(request) {
                return Ok(plan);
            }
            let word = word()?;
            Ok(Plan { effort: Some(word), note: format!("{}, effort {word}", plan.note), ..plan })
        }
        ReasoningStyle::ReasoningConfigEffort => {
            let word = word()?;
            let value = json!({"type": "enabled", "maxReasoningEffort": word.as_str()});
            Ok(Plan::new(value, format!("written as `reasoningConfig`, effort {word}")))
        }
        ReasoningStyle::ReasoningEffort | ReasoningStyle::ReasoningConfigText => {
            let word = word()?;
            let name = switch(style).unwrap_or_default();
            Ok(Plan::new(Value::from(word.as_str()), format!("written as `{name}`, {word}")))
        }
        ReasoningStyle::Fixed if asked == Reasoning::Adaptive && reasons_always(profile) == Some(true) => {
            Ok(Plan::new(None, "left out: the model always reasons"))
        }
        ReasoningStyle::Fixed => Err("how much this model reasons cannot be set"),
    }
}

fn off(style: ReasoningStyle, profile: &ModelProfile) -> Result<Plan, &'static str> {
    let none_is_a_word = profile.reasoning.efforts.iter().flatten().any(|word| word == "none");
    match style {
        ReasoningStyle::ReasoningEffort | ReasoningStyle::ReasoningConfigText if none_is_a_word => {
            Ok(Plan::new(Value::from("none"), "written as `none`"))
        }
        _ if reasons_always(profile) == Some(true) => Err("this model always reasons"),
        // Opus 5 thinks unless it is told not to, and 4.6 takes the word too
        ReasoningStyle::ThinkingAdaptive => {
            Ok(Plan::new(json!({"type": "disabled"}), "written as disabled thinking"))
        }
        ReasoningStyle::Fixed | ReasoningStyle::ReasoningEffort | ReasoningStyle::ReasoningConfigText
            if reasons_always(profile).is_none() =>
        {
            Err("it is not known whether this model reasons unless asked")
        }
        _ => Ok(Plan::new(None, "left out: the model does not reason unless asked")),
    }
}

/// Whether a model that is not asked reasons.
fn reasons_always(profile: &ModelProfile) -> Option<bool> {
    match profile.reasoning.request {
        Some(ReasoningStyle::Fixed) => profile.reasoning.always.or(profile.features.reasoning),
        _ => profile.reasoning.always,
    }
}

fn has_own_effort(request: &ChatRequest) -> bool {
    let native = field(request, "output_config").and_then(|config| config.get("effort"));
    native.is_some() || request.output_config.as_ref().is_some_and(|config| config.effort.is_some())
}

fn budget(
    asked: Reasoning,
    effort: Effort,
    request: &ChatRequest,
    profile: &ModelProfile,
    policy: ReasoningConflict,
) -> Plan {
    let least = profile.reasoning.min_budget.unwrap_or(LEAST_BUDGET);
    let max_tokens = request.inference_config.as_ref().and_then(|config| config.max_tokens);
    let has_room = is_interleaved(request) || max_tokens.is_none_or(|most| most > least);
    if !has_room && policy != ReasoningConflict::Refuse && !matches!(asked, Reasoning::Budget(_)) {
        let note = format!("left out: maxTokens leaves no room for the least budget, {least} tokens");
        return Plan { kind: ChangeKind::Degraded, ..Plan::new(None, note) };
    }
    let room = max_tokens.or(profile.max_output_tokens.and_then(|tokens| tokens.try_into().ok()));
    let wanted = match asked {
        // a number of the user's own is kept, and settled as a conflict where it leaves no room
        Reasoning::Budget(tokens) => tokens,
        _ => effort.budget().min(room.map_or(u32::MAX, most_of)),
    };
    let tokens = wanted.max(least);
    let raised = matches!(asked, Reasoning::Budget(wanted) if wanted < least);
    let why = if raised { ", the least the model takes" } else { "" };
    let note = format!("written as `thinking`, budget {tokens} tokens{why}");
    let kind = if raised { ChangeKind::Degraded } else { ChangeKind::Mended };
    Plan { kind, ..Plan::new(json!({"type": "enabled", "budget_tokens": tokens}), note) }
}
