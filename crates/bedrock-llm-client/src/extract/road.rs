//! The roads to a typed answer.

use bedrock_llm_schema::model::ModelProfile;
use bedrock_llm_schema::model::facts::ToolChoiceKind;
use bedrock_llm_schema::normalize::{reasons, strict_schema};
use bedrock_llm_schema::{
    ChatRequest, ChatResponse, ContentBlock, Message, Role, Tool, ToolChoice, ToolResultBlock,
};

use super::error::AnswerViolation;
use super::shape::Shape;

/// How a model is brought to answer in a form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Road {
    /// The service holds the model to the schema (`outputConfig.textFormat`).
    Native,
    /// The answer is the arguments of a tool that the model must call.
    Tool,
    /// The model is told the schema, and what is nearly JSON is repaired.
    Prompt,
}

/// The roads worth taking, best first; at least one.
pub(super) fn choose(profile: &ModelProfile, forced: Option<Road>) -> Vec<Road> {
    if let Some(road) = forced {
        return vec![road];
    }
    let native = (profile.features.structured_output == Some(true)).then_some(Road::Native);
    let tool = (profile.features.tool_use == Some(true)).then_some(Road::Tool);
    native.into_iter().chain(tool).chain([Road::Prompt]).collect()
}

impl Road {
    /// A request for an answer of this shape by this road.
    #[must_use]
    pub fn prepare(self, request: &ChatRequest, shape: &Shape, profile: &ModelProfile) -> ChatRequest {
        let request = request.clone();
        match self {
            Self::Native => {
                let mut schema = shape.schema().clone();
                strict_schema(&mut schema);
                request.json_schema(shape.name(), &schema)
            }
            Self::Tool => {
                let mut tool = shape.tool();
                tool.lower(profile);
                let choice = strongest_choice(&request, shape.name(), profile);
                let request = request.tool(tool).tool_choice(choice.clone());
                if matches!(choice, ToolChoice::Auto(_)) {
                    let text = format!("Give your answer only by calling the tool {}, once.", shape.name());
                    request.instruct(text, profile)
                } else {
                    request
                }
            }
            Self::Prompt => {
                let text = format!(
                    "Answer with one JSON object and nothing else: no prose, no code fence. It fits this JSON Schema:\n{}",
                    shape.schema()
                );
                request.instruct(text, profile)
            }
        }
    }
}

/// The strongest choice by which a model can be made to call this tool; the weakest where that is unknown.
#[must_use]
pub fn strongest_choice(request: &ChatRequest, tool: &str, profile: &ModelProfile) -> ToolChoice {
    let takes = |kind| match &profile.tools.choice {
        Some(kinds) => kinds.contains(&kind),
        None => profile.features.tool_choice == Some(true),
    };
    let is_other = |other: &Tool| !matches!(other, Tool::ToolSpec(spec) if spec.name == tool);
    let has_others = request.tool_config.as_ref().is_some_and(|config| config.tools.iter().any(is_other));
    if profile.reasoning.with_forced_tool == Some(false) && reasons(request, profile) {
        ToolChoice::auto()
    } else if takes(ToolChoiceKind::Tool) {
        ToolChoice::tool(tool)
    } else if takes(ToolChoiceKind::Any) && !has_others {
        ToolChoice::any()
    } else {
        ToolChoice::auto()
    }
}

/// Appends the answer and what is wrong with it.
pub(super) fn ask_again(
    request: &mut ChatRequest,
    response: &ChatResponse,
    violations: &[AnswerViolation],
    profile: &ModelProfile,
) {
    let mut text = String::from("This does not fit the schema:");
    for violation in violations {
        text.push_str(&format!("\n- {}", violation.told()));
    }
    text.push_str("\nGive the whole answer again, corrected, in the same way.");
    let calls: Vec<String> = response.message.tool_uses().map(|call| call.tool_use_id.clone()).collect();
    let has_words = response.message.content.iter().any(|block| match block {
        ContentBlock::Text(text) => !text.trim().is_empty(),
        ContentBlock::ReasoningContent(_) => false,
        _ => true,
    });
    // an empty turn is refused: the question alone is asked again
    if !has_words {
        return;
    }
    request.messages.push(response.message.clone());
    request.messages.push(if calls.is_empty() {
        Message::user(text)
    } else {
        let result = |id: &String| match profile.tools.result_status {
            Some(false) => ToolResultBlock::text(id, &text),
            _ => ToolResultBlock::error(id, &text),
        };
        Message::new(Role::User, calls.iter().map(result))
    });
}

#[cfg(test)]
mod tests {
    use bedrock_llm_schema::model::facts::ReasoningStyle;
    use bedrock_llm_schema::{Effort, Reasoning, ToolSpec};
    use serde_json::json;

    use super::*;

    fn profile(edit: impl FnOnce(&mut ModelProfile)) -> ModelProfile {
        let mut profile = ModelProfile::new("m");
        edit(&mut profile);
        profile
    }

    fn choice(request: &ChatRequest, profile: &ModelProfile) -> ToolChoice {
        let shape = Shape::of::<u8>().unwrap();
        Road::Tool.prepare(request, &shape, profile).tool_config.unwrap().tool_choice.unwrap()
    }

    #[test]
    fn the_profile_chooses_the_road() {
        let both = profile(|p| {
            p.features.structured_output = Some(true);
            p.features.tool_use = Some(true);
        });
        assert_eq!(choose(&both, None), [Road::Native, Road::Tool, Road::Prompt]);
        assert_eq!(choose(&both, Some(Road::Tool)), [Road::Tool]);
        assert_eq!(choose(&profile(|p| p.features.tool_use = Some(true)), None), [Road::Tool, Road::Prompt]);
        assert_eq!(choose(&ModelProfile::new("m"), None), [Road::Prompt]);
    }

    #[test]
    fn a_tool_is_forced_as_far_as_the_model_takes_it() {
        use ToolChoiceKind::{Any, Auto, Tool};
        let request = ChatRequest::new("m").message("hi");
        let with = |kinds: &[ToolChoiceKind]| profile(|p| p.tools.choice = Some(kinds.to_vec()));
        assert_eq!(choice(&request, &with(&[Auto, Any, Tool])), ToolChoice::tool("answer_uint8"));
        assert_eq!(choice(&request, &with(&[Auto, Any])), ToolChoice::any());
        let others = request.clone().tool(ToolSpec::new("other", "d", json!({"type": "object"})));
        assert_eq!(choice(&others, &with(&[Auto, Any])), ToolChoice::auto());
        assert_eq!(choice(&request, &ModelProfile::new("m")), ToolChoice::auto());

        let mut thinks = with(&[Auto, Any, Tool]);
        thinks.reasoning.with_forced_tool = Some(false);
        thinks.reasoning.request = Some(ReasoningStyle::ThinkingBudget);
        assert_eq!(choice(&request, &thinks), ToolChoice::tool("answer_uint8"));
        let on =
            request.clone().additional_field("thinking", json!({"type": "enabled", "budget_tokens": 1024}));
        assert_eq!(choice(&on, &thinks), ToolChoice::auto());
        let off = request.clone().additional_field("thinking", json!({"type": "disabled"}));
        assert_eq!(choice(&off, &thinks), ToolChoice::tool("answer_uint8"));
        // the schema's own word for it
        for (reasoning, is_on) in [
            (Reasoning::Off, false),
            (Reasoning::Budget(0), false),
            (Reasoning::Budget(2048), true),
            (Reasoning::Adaptive, true),
            (Reasoning::Effort(Effort::Low), true),
        ] {
            let asked = ChatRequest { reasoning: Some(reasoning), ..request.clone() };
            assert_eq!(choice(&asked, &thinks) == ToolChoice::auto(), is_on, "{reasoning:?}");
        }
        thinks.reasoning.request = Some(ReasoningStyle::ReasoningEffort);
        for (effort, is_on) in [(json!("none"), false), (json!(null), false), (json!("low"), true)] {
            let asked = request.clone().additional_field("reasoning_effort", effort.clone());
            assert_eq!(choice(&asked, &thinks) == ToolChoice::auto(), is_on, "{effort}");
        }
    }

    #[test]
    fn instructions_go_where_the_model_reads_them() {
        let shape = Shape::of::<u8>().unwrap();
        let request = ChatRequest::new("m").message("hi");
        let told = Road::Prompt.prepare(&request, &shape, &ModelProfile::new("m"));
        assert!(told.system_text().unwrap().contains("JSON Schema"));
        let deaf = profile(|p| p.features.system_messages = Some(false));
        let told = Road::Prompt.prepare(&request, &shape, &deaf);
        assert!(told.system.is_none() && told.messages[0].text().contains("JSON Schema"));
    }
}
