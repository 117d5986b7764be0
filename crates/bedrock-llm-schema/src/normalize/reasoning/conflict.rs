//! What does not go together with reasoning.

use serde_json::{Value, json};

use super::{LEAST_BUDGET, RULE, efforts, field, fields, most_of, switch};
use crate::content::{ContentBlock, Message, Role};
use crate::model::ModelProfile;
use crate::model::facts::ReasoningStyle;
use crate::normalize::{ChangeKind, Changes};
use crate::{ChatRequest, Effort, Reasoning, ToolChoice};

/// What to do where a setting does not go together with reasoning: a forced tool, a temperature, a `maxTokens` that
/// leaves the answer no room.
///
/// Each thing that is settled is a [`Change`](super::super::Change) of kind [`ChangeKind::Degraded`]. A budget that is
/// not below `maxTokens` is lowered to three quarters of it in any case but [`Refuse`](Self::Refuse); where `maxTokens`
/// has no room for the family's least budget, an [`Effort`] is left out, and the model does not reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum ReasoningConflict {
    /// The model reasons: the setting is left out, and a forced tool becomes a free choice. Only where a tool loop
    /// has begun without reasoning, which no setting can mend, does it not. A budget that was given as such, and for
    /// whose least `maxTokens` has no room, is left for the check to refuse.
    #[default]
    PreferReasoning,
    /// The setting stays: the model reasons less, or not at all.
    PreferRequest,
    /// Both stay, so that the check refuses the request.
    Refuse,
}

/// Something that does not go together with reasoning.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Clash {
    /// The budget leaves an answer of `maxTokens` no room.
    Budget {
        max_tokens: u32,
    },
    /// A tool loop is open whose turn began without reasoning.
    OpenTurn,
    ForcedTool,
    TopK,
    /// A member of `inferenceConfig`.
    Setting(Setting),
    /// A member of `inferenceConfig` that goes together with less effort.
    AtHigh(Setting),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Setting {
    MaxTokens,
    Temperature,
    TopP,
}

impl Setting {
    fn name(self) -> &'static str {
        match self {
            Self::MaxTokens => "maxTokens",
            Self::Temperature => "temperature",
            Self::TopP => "topP",
        }
    }
}

impl Clash {
    /// The rule that it breaks; none refuses what adaptive models and later versions of the service may take.
    fn rule(self) -> &'static str {
        match self {
            Self::Budget { .. } => "R-REASONING-BUDGET",
            Self::OpenTurn => RULE,
            Self::ForcedTool => "R-REASONING-TOOL",
            Self::TopK | Self::Setting(_) => "R-REASONING-SAMPLING",
            Self::AtHigh(_) => "R-REASONING-LIMIT",
        }
    }

    fn what(self) -> &'static str {
        match self {
            Self::Budget { .. } => "a budget that is not below maxTokens",
            Self::OpenTurn => "a turn that began without reasoning",
            Self::ForcedTool => "a forced tool",
            Self::TopK => "top-k",
            Self::Setting(setting) | Self::AtHigh(setting) => setting.name(),
        }
    }
}

pub(super) fn settle(
    request: &mut ChatRequest,
    profile: &ModelProfile,
    policy: ReasoningConflict,
    changes: &mut Changes,
) {
    if policy == ReasoningConflict::Refuse {
        return;
    }
    let mut unsettled = 0;
    while let Some(clash) = clashes(request, profile).into_iter().nth(unsettled) {
        match resolve(request, profile, policy, clash) {
            Some((path, message)) => changes.add(clash.rule(), path, message, ChangeKind::Degraded),
            None => unsettled += 1,
        }
    }
}

/// Whether the model will reason: by its nature, or because the family's fields, or else
/// [`ChatRequest::reasoning`], ask for it.
#[must_use]
pub fn reasons(request: &ChatRequest, profile: &ModelProfile) -> bool {
    let asked = profile.reasoning.request.and_then(switch).and_then(|name| field(request, name));
    profile.reasoning.always == Some(true)
        || match asked {
            None => !matches!(request.reasoning, None | Some(Reasoning::Off | Reasoning::Budget(0))),
            Some(Value::String(word)) => word != "none",
            Some(value) => value.get("type").and_then(Value::as_str) != Some("disabled"),
        }
}

/// Every clash, what can only be settled without reasoning first: the rest is none then.
fn clashes(request: &ChatRequest, profile: &ModelProfile) -> Vec<Clash> {
    let mut clashes = Vec::new();
    if !reasons(request, profile) {
        return clashes;
    }
    let facts = &profile.reasoning;
    let config = request.inference_config.as_ref();
    if facts.signed == Some(true) && budget(request, profile).is_some() && began_silently(&request.messages) {
        clashes.push(Clash::OpenTurn);
    }
    let config_of_tools = request.tool_config.as_ref().filter(|config| config.has_tools());
    let choice = config_of_tools.and_then(|config| config.tool_choice.as_ref());
    if facts.with_forced_tool == Some(false)
        && matches!(choice, Some(ToolChoice::Any(_) | ToolChoice::Tool(_)))
    {
        clashes.push(Clash::ForcedTool);
    }
    if facts.with_max_tokens_at_high == Some(false) && is_at_high(request, profile) {
        let given = config.map(|config| {
            [
                (Setting::MaxTokens, config.max_tokens.is_some()),
                (Setting::Temperature, config.temperature.is_some()),
                (Setting::TopP, config.top_p.is_some()),
            ]
        });
        let given = given.into_iter().flatten().filter(|(_, is_given)| *is_given);
        clashes.extend(given.map(|(setting, _)| Clash::AtHigh(setting)));
    }
    if facts.with_sampling == Some(false) {
        // Claude takes the temperature it thinks with, and a topP near 1
        let is_claude = thinks(profile);
        let is_default = |temperature: f64| is_claude && (temperature - 1.0).abs() < f64::EPSILON;
        if config.and_then(|config| config.temperature).is_some_and(|value| !is_default(value)) {
            clashes.push(Clash::Setting(Setting::Temperature));
        }
        if config.and_then(|config| config.top_p).is_some_and(|value| !(is_claude && value >= 0.95)) {
            clashes.push(Clash::Setting(Setting::TopP));
        }
        if top_k(request, profile).is_some() {
            clashes.push(Clash::TopK);
        }
    }
    let max_tokens = config.and_then(|config| config.max_tokens);
    clashes.extend(
        max_tokens
            .filter(|most| budget(request, profile).is_some_and(|tokens| tokens >= u64::from(*most)))
            .filter(|_| !is_interleaved(request))
            .map(|max_tokens| Clash::Budget { max_tokens }),
    );
    clashes
}

/// Settles a clash; gives where and how. `None` where it cannot be.
fn resolve(
    request: &mut ChatRequest,
    profile: &ModelProfile,
    policy: ReasoningConflict,
    clash: Clash,
) -> Option<(String, String)> {
    let prefers_reasoning = policy == ReasoningConflict::PreferReasoning;
    let what = clash.what();
    let left_out = || "left out: it does not go together with reasoning".to_owned();
    match clash {
        Clash::Budget { max_tokens } => {
            let tokens = most_of(max_tokens).max(profile.reasoning.min_budget.unwrap_or(LEAST_BUDGET));
            if tokens < max_tokens {
                let thinking = fields(request)?.get_mut("thinking")?.as_object_mut()?;
                thinking.insert("budget_tokens".to_owned(), tokens.into());
                let message = format!("lowered to {tokens}, so that maxTokens leaves room for an answer");
                return Some(("additionalModelRequestFields.thinking.budget_tokens".to_owned(), message));
            }
            if prefers_reasoning { None } else { switch_off(request, profile, what) }
        }
        Clash::OpenTurn => switch_off(request, profile, what),
        Clash::AtHigh(_) if !prefers_reasoning => {
            lower_effort(request, profile, what).or_else(|| switch_off(request, profile, what))
        }
        _ if !prefers_reasoning => switch_off(request, profile, what),
        Clash::ForcedTool => {
            request.tool_config.as_mut()?.tool_choice = Some(ToolChoice::auto());
            let message = "made a free choice: a forced tool does not go together with reasoning";
            Some(("toolConfig.toolChoice".to_owned(), message.to_owned()))
        }
        Clash::TopK => {
            let pointer = top_k(request, profile)?;
            let (parent, name) = pointer.rsplit_once('/')?;
            let fields = request.additional_model_request_fields.as_mut()?;
            fields.pointer_mut(parent)?.as_object_mut()?.shift_remove(name)?;
            forget_empty(request);
            Some((format!("additionalModelRequestFields{}", pointer.replace('/', ".")), left_out()))
        }
        Clash::Setting(setting) | Clash::AtHigh(setting) => {
            let config = request.inference_config.as_mut()?;
            match setting {
                Setting::MaxTokens => config.max_tokens = None,
                Setting::Temperature => config.temperature = None,
                Setting::TopP => config.top_p = None,
            }
            Some((format!("inferenceConfig.{}", setting.name()), left_out()))
        }
    }
}

/// Turns reasoning off, where it can be.
fn switch_off(
    request: &mut ChatRequest,
    profile: &ModelProfile,
    what: &'static str,
) -> Option<(String, String)> {
    if profile.reasoning.always == Some(true) {
        return None;
    }
    let style = profile.reasoning.request?;
    let name = switch(style)?;
    let fields = fields(request)?;
    if style == ReasoningStyle::ThinkingAdaptive {
        fields.insert(name.to_owned(), json!({"type": "disabled"}));
    } else {
        fields.shift_remove(name)?;
    }
    forget_empty(request);
    let message = format!("reasoning is off: it does not go together with {what}");
    Some((format!("additionalModelRequestFields.{name}"), message))
}

/// Lowers Nova's effort to the next below, where there is one.
fn lower_effort(
    request: &mut ChatRequest,
    profile: &ModelProfile,
    what: &'static str,
) -> Option<(String, String)> {
    let words = efforts(profile);
    let mut below = Effort::ALL.into_iter().filter(|effort| *effort < Effort::High);
    let effort = below.rfind(|effort| words.iter().any(|word| word == effort.as_str()))?;
    let config = fields(request)?.get_mut("reasoningConfig")?.as_object_mut()?;
    config.insert("maxReasoningEffort".to_owned(), effort.as_str().into());
    let message = format!("lowered to {effort}: more does not go together with {what}");
    Some(("additionalModelRequestFields.reasoningConfig.maxReasoningEffort".to_owned(), message))
}

fn forget_empty(request: &mut ChatRequest) {
    let fields = request.additional_model_request_fields.take();
    request.additional_model_request_fields =
        fields.filter(|fields| fields.as_object().is_none_or(|fields| !fields.is_empty()));
}

/// Whether the family is Claude's.
fn thinks(profile: &ModelProfile) -> bool {
    let style = profile.reasoning.request;
    matches!(style, Some(ReasoningStyle::ThinkingBudget | ReasoningStyle::ThinkingAdaptive))
}

/// The budget of Claude's thinking, where it has one.
fn budget(request: &ChatRequest, profile: &ModelProfile) -> Option<u64> {
    let thinking = field(request, "thinking").filter(|_| thinks(profile))?;
    (thinking.get("type")? == "enabled").then(|| thinking.get("budget_tokens")?.as_u64())?
}

/// With interleaved thinking the budget is for a whole turn of several calls, and may exceed `maxTokens`.
pub(super) fn is_interleaved(request: &ChatRequest) -> bool {
    let betas = field(request, "anthropic_beta").and_then(Value::as_array);
    let mut betas = betas.into_iter().flatten().filter_map(Value::as_str);
    betas.any(|beta| beta.starts_with("interleaved-thinking"))
}

/// Nova 2 refuses `maxTokens`, `temperature` and `topP` at high effort only:
/// <https://docs.aws.amazon.com/nova/latest/nova2-userguide/extended-thinking.html>.
fn is_at_high(request: &ChatRequest, profile: &ModelProfile) -> bool {
    profile.reasoning.request == Some(ReasoningStyle::ReasoningConfigEffort)
        && field(request, "reasoningConfig").and_then(|config| config.get("maxReasoningEffort"))
            == Some(&Value::from(Effort::High.as_str()))
}

/// Where top-k is given, as a JSON pointer into the family's fields.
fn top_k(request: &ChatRequest, profile: &ModelProfile) -> Option<String> {
    let known = profile.sampling.top_k.clone();
    let pointer = known.or_else(|| thinks(profile).then(|| "/top_k".to_owned()))?;
    let fields = request.additional_model_request_fields.as_ref()?;
    (!pointer.is_empty() && fields.pointer(&pointer).is_some()).then_some(pointer)
}

/// Whether the assistant's turn is still open, by tool results or a prefill, and no message of it starts with
/// reasoning.
///
/// Claude refuses it with "a final `assistant` message must start with a thinking block (preceeding the lastmost set
/// of `tool_use` and `tool_result` blocks)"; a turn of several calls has its thinking before the first, so one is
/// enough. Adaptive thinking does not ask for it.
fn began_silently(messages: &[Message]) -> bool {
    let mut is_open = false;
    for message in messages.iter().rev() {
        match message.role {
            Role::Assistant if matches!(message.content.first(), Some(ContentBlock::ReasoningContent(_))) => {
                return false;
            }
            Role::Assistant => is_open = true,
            _ if message.tool_results().next().is_some() => {}
            _ => break,
        }
    }
    is_open
}
