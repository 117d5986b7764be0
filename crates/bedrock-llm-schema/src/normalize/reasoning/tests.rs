//! What becomes of reasoning, by style, conflict and policy.

mod replay;

use serde_json::{Value, json};

use super::*;
use crate::normalize::{Change, ChangeKind, OnUnsupported};
use crate::rules::RULES;
use crate::{
    ContentBlock, Effort, Message, ModelId, Reasoning, ReasoningContentBlock, ReasoningTextBlock, ToolChoice,
    ToolResultBlock, ToolSpec, ToolUseBlock,
};

fn profile(style: ReasoningStyle) -> ModelProfile {
    let mut profile = ModelProfile::new(ModelId::from("m"));
    profile.reasoning.request = Some(style);
    profile
}

fn claude() -> ModelProfile {
    let mut profile = profile(ReasoningStyle::ThinkingBudget);
    profile.reasoning.min_budget = Some(1024);
    profile.reasoning.signed = Some(true);
    profile.reasoning.with_forced_tool = Some(false);
    profile.reasoning.with_sampling = Some(false);
    profile.sampling.top_k = Some("/top_k".into());
    profile
}

fn nova() -> ModelProfile {
    let mut profile = profile(ReasoningStyle::ReasoningConfigEffort);
    profile.reasoning.with_max_tokens_at_high = Some(false);
    profile
}

fn ask() -> ChatRequest {
    ChatRequest::new("m").message("q")
}

/// Lowers a request, and checks that a second time changes nothing.
fn lower_with(how: &Normalizer, request: ChatRequest, profile: &ModelProfile) -> (ChatRequest, Vec<Change>) {
    let run = |mut request: ChatRequest| {
        let mut changes = Changes::default();
        super::replay::settle(&mut request, profile, &mut changes);
        lower(&mut request, profile, how, &mut changes);
        (request, changes.into_list())
    };
    let (lowered, changes) = run(request);
    let (again, more) = run(lowered.clone());
    assert!(again == lowered && more.is_empty(), "not idempotent: {more:?}");
    assert!(changes.iter().all(|change| RULES.iter().any(|rule| rule.id == change.rule)));
    (lowered, changes)
}

fn lowered(request: ChatRequest, profile: &ModelProfile) -> (ChatRequest, Vec<Change>) {
    lower_with(&Normalizer::new(), request, profile)
}

fn under(
    policy: ReasoningConflict,
    request: ChatRequest,
    profile: &ModelProfile,
) -> (ChatRequest, Vec<Change>) {
    lower_with(&Normalizer::new().reasoning_conflict(policy), request, profile)
}

fn fields_of(request: &ChatRequest) -> Value {
    request.additional_model_request_fields.clone().unwrap_or_default()
}

fn paths(changes: &[Change]) -> Vec<&str> {
    changes.iter().map(|change| change.path.as_str()).collect()
}

#[test]
fn every_style_has_its_words() {
    use ReasoningStyle as Style;
    let enabled = |tokens: u32| json!({"thinking": {"type": "enabled", "budget_tokens": tokens}});
    let effort = |word: &str| json!({"reasoning_effort": word});
    let nova = |word: &str| json!({"reasoningConfig": {"type": "enabled", "maxReasoningEffort": word}});
    let adaptive = |word: &str| json!({"thinking": {"type": "adaptive"}, "output_config": {"effort": word}});
    for (style, asked, wanted) in [
        (Style::ThinkingBudget, Effort::Minimal.into(), enabled(1024)),
        (Style::ThinkingBudget, Effort::Max.into(), enabled(32_768)),
        (Style::ThinkingBudget, Reasoning::Adaptive, enabled(8192)),
        (Style::ThinkingBudget, Reasoning::Budget(5000), enabled(5000)),
        (Style::ThinkingBudget, Reasoning::Budget(5), enabled(1024)),
        (Style::ThinkingBudget, Reasoning::Off, Value::Null),
        (Style::ThinkingBudget, Reasoning::Budget(0), Value::Null),
        // recordings 2b9420375f0c and 149c8e43a6d6
        (Style::ThinkingAdaptive, Reasoning::Adaptive, json!({"thinking": {"type": "adaptive"}})),
        (Style::ThinkingAdaptive, Effort::High.into(), adaptive("high")),
        (Style::ThinkingAdaptive, Effort::Minimal.into(), adaptive("low")),
        (Style::ThinkingAdaptive, Reasoning::Budget(2000), adaptive("low")),
        (Style::ThinkingAdaptive, Reasoning::Off, json!({"thinking": {"type": "disabled"}})),
        (Style::ReasoningConfigEffort, Effort::Max.into(), nova("high")),
        (Style::ReasoningConfigEffort, Reasoning::Adaptive, nova("medium")),
        (Style::ReasoningConfigEffort, Reasoning::Off, Value::Null),
        // recordings 242ff371fc44 and 3b789110015b
        (Style::ReasoningEffort, Effort::High.into(), effort("high")),
        (Style::ReasoningEffort, Reasoning::Budget(1), effort("low")),
        (Style::ReasoningConfigText, Effort::High.into(), json!({"reasoning_config": "high"})),
    ] {
        let (request, changes) = lowered(ask().reasoning(asked), &profile(style));
        assert_eq!(fields_of(&request), wanted, "{style:?} {asked:?}");
        assert_eq!((request.reasoning, paths(&changes)), (None, vec!["reasoning"]));
        let kind = if asked == Reasoning::Budget(5) { ChangeKind::Degraded } else { ChangeKind::Mended };
        assert_eq!(changes[0].kind, kind);
    }
}

#[test]
fn an_efforts_budget_leaves_room_for_the_answer() {
    for (max_tokens, budget) in [(2000, 1500), (1200, 1024), (100_000, 16_384)] {
        let (request, changes) = lowered(ask().max_tokens(max_tokens).reasoning(Effort::High), &claude());
        assert_eq!(fields_of(&request)["thinking"]["budget_tokens"], budget);
        assert_eq!(changes.len(), 1);
    }
    let mut small = claude();
    small.max_output_tokens = Some(4096);
    assert_eq!(
        fields_of(&lowered(ask().reasoning(Effort::Max), &small).0)["thinking"]["budget_tokens"],
        3072
    );
}

fn budget_violations(request: &ChatRequest) -> usize {
    let violations = request.check(&claude()).err();
    let paths = violations.iter().flat_map(|violations| violations.0.iter().map(|it| it.path.as_str()));
    paths.filter(|path| path.ends_with("budget_tokens")).count()
}

#[test]
fn an_effort_that_has_no_room_is_left_out() {
    for max_tokens in [1000, 1024] {
        let request = || ask().max_tokens(max_tokens);
        for asked in [Effort::Low.into(), Reasoning::Adaptive] {
            for policy in [ReasoningConflict::PreferReasoning, ReasoningConflict::PreferRequest] {
                let (given, changes) = under(policy, request().reasoning(asked), &claude());
                assert!(given == request());
                assert_eq!(budget_violations(&given), 0);
                assert_eq!((paths(&changes), changes[0].kind), (vec!["reasoning"], ChangeKind::Degraded));
            }
        }
        let refused = under(ReasoningConflict::Refuse, request().reasoning(Effort::Low), &claude()).0;
        assert_eq!(budget_violations(&refused), 1);
        // a number of the user's own is for the check to refuse
        let (refused, _) = lowered(request().reasoning(Reasoning::Budget(2000)), &claude());
        assert_eq!(budget_violations(&refused), 1);
        let interleaved =
            request().additional_field("anthropic_beta", json!(["interleaved-thinking-2025-05-14"]));
        let (given, _) = lowered(interleaved.reasoning(Effort::Low), &claude());
        assert_eq!(fields_of(&given)["thinking"]["type"], "enabled");
    }
}

#[test]
fn words_are_those_of_the_model() {
    let mut qwen = profile(ReasoningStyle::ReasoningConfigText);
    qwen.reasoning.efforts = Some(["none", "low", "high"].map(String::from).to_vec());
    for (asked, word) in
        [(Reasoning::Off, "none"), (Effort::Medium.into(), "low"), (Effort::Max.into(), "high")]
    {
        assert_eq!(fields_of(&lowered(ask().reasoning(asked), &qwen).0), json!({"reasoning_config": word}));
    }
}

#[test]
fn the_users_own_fields_win() {
    let own = json!({"type": "enabled", "budget_tokens": 2000});
    let request = ask().additional_field("thinking", own.clone()).reasoning(Effort::Max);
    let (request, changes) = lowered(request, &claude());
    assert_eq!((fields_of(&request), request.reasoning), (json!({"thinking": own}), None));
    assert_eq!((paths(&changes), changes[0].kind), (vec!["reasoning"], ChangeKind::Degraded));

    // an effort of one's own stays beside adaptive thinking, wherever it is given
    let adaptive = profile(ReasoningStyle::ThinkingAdaptive);
    let request = ask().additional_field("output_config", json!({"effort": "low", "x": 1}));
    let (request, _) = lowered(request.reasoning(Effort::High), &adaptive);
    let wanted = json!({"output_config": {"effort": "low", "x": 1}, "thinking": {"type": "adaptive"}});
    assert_eq!(fields_of(&request), wanted);
    let (request, _) = lowered(ask().effort("low").reasoning(Effort::High), &adaptive);
    assert_eq!(fields_of(&request), json!({"thinking": {"type": "adaptive"}}));
    // others stay as they are
    let (request, _) = lowered(ask().additional_field("x", 1).reasoning(Effort::High), &nova());
    assert_eq!(fields_of(&request)["x"], 1);
}

#[test]
fn what_the_model_cannot_do_is_settled_as_the_caller_wants() {
    let mut always = profile(ReasoningStyle::ReasoningEffort);
    always.reasoning.always = Some(true);
    let mut never = profile(ReasoningStyle::Fixed);
    never.reasoning.always = Some(false);
    let unknown = ModelProfile::new("m");
    // whether they reason unless asked nobody knows
    let (words, efforts) =
        (profile(ReasoningStyle::ReasoningConfigText), profile(ReasoningStyle::ReasoningEffort));
    let array = ChatRequest { additional_model_request_fields: Some(json!([1])), ..ask() };
    for (request, profile) in [
        (ask().reasoning(Effort::Low), &unknown),
        (ask().reasoning(Reasoning::Off), &always),
        (ask().reasoning(Effort::Low), &never),
        (ask().reasoning(Reasoning::Off), &words),
        (ask().reasoning(Reasoning::Off), &efforts),
        (array.reasoning(Effort::Low), &claude()),
    ] {
        let (same, changes) = lowered(request.clone(), profile);
        assert!(same == request && changes.is_empty());
        assert!(same.validate().is_err());
        for (choice, kind) in
            [(OnUnsupported::Degrade, ChangeKind::Degraded), (OnUnsupported::Warn, ChangeKind::Warned)]
        {
            let how = Normalizer::new().on_unsupported(choice);
            let (given, changes) = lower_with(&how, request.clone(), profile);
            assert_eq!((given.reasoning, paths(&changes)), (None, vec!["reasoning"]));
            assert_eq!(changes[0].kind, kind);
            assert_eq!(fields_of(&given), fields_of(&request));
        }
    }
    // what the model does of itself is done
    let mut fixed = never.clone();
    assert_eq!(lowered(ask().reasoning(Reasoning::Off), &fixed).0, ask());
    let mut silent = words;
    silent.reasoning.always = Some(false);
    assert_eq!(lowered(ask().reasoning(Reasoning::Off), &silent).0, ask());
    fixed.reasoning.always = Some(true);
    assert_eq!(lowered(ask().reasoning(Reasoning::Adaptive), &fixed).0, ask());
}

fn crowded() -> ChatRequest {
    let tool = ToolSpec::new("t", "d", json!({"type": "object"}));
    ask().tool(tool).tool_choice(ToolChoice::any()).temperature(0.2).top_p(0.5).additional_field("top_k", 20)
}

#[test]
fn conflicts_are_settled_by_policy() {
    let (request, changes) = lowered(crowded().reasoning(Effort::Low), &claude());
    assert_eq!(fields_of(&request), json!({"thinking": {"type": "enabled", "budget_tokens": 2048}}));
    assert_eq!(request.tool_config.unwrap().tool_choice, Some(ToolChoice::auto()));
    let config = request.inference_config.unwrap();
    assert_eq!((config.temperature, config.top_p), (None, None));
    let wanted = [
        "reasoning",
        "toolConfig.toolChoice",
        "inferenceConfig.temperature",
        "inferenceConfig.topP",
        "additionalModelRequestFields.top_k",
    ];
    assert_eq!(paths(&changes), wanted);
    assert!(changes[1..].iter().all(|change| change.kind == ChangeKind::Degraded));

    let (request, changes) =
        under(ReasoningConflict::PreferRequest, crowded().reasoning(Effort::Low), &claude());
    assert!(request == crowded());
    assert_eq!(paths(&changes), ["reasoning", "additionalModelRequestFields.thinking"]);

    let (request, changes) = under(ReasoningConflict::Refuse, crowded().reasoning(Effort::Low), &claude());
    assert_eq!(request.inference_config, crowded().inference_config);
    assert_eq!((fields_of(&request)["top_k"].clone(), changes.len()), (json!(20), 1));

    // the user's own fields ask as well, and where nothing asks nothing is in conflict
    let own = crowded().additional_field("thinking", json!({"type": "enabled", "budget_tokens": 2000}));
    assert_eq!(lowered(own, &claude()).1.len(), 4);
    for off in [crowded(), crowded().additional_field("thinking", json!({"type": "disabled"}))] {
        assert_eq!(lowered(off.clone(), &claude()), (off, vec![]));
    }
    // what always reasons cannot prefer the request
    let always = ModelProfile {
        reasoning: crate::model::facts::ReasoningFacts { always: Some(true), ..claude().reasoning },
        ..claude()
    };
    assert_eq!(under(ReasoningConflict::PreferRequest, crowded(), &always), (crowded(), vec![]));
    assert_eq!(lowered(crowded(), &always).1.len(), 4);
}

#[test]
fn adaptive_thinking_is_turned_off_in_words() {
    let mut adaptive = claude();
    adaptive.reasoning.request = Some(ReasoningStyle::ThinkingAdaptive);
    let request = crowded().reasoning(Reasoning::Adaptive);
    let (request, _) = under(ReasoningConflict::PreferRequest, request, &adaptive);
    assert_eq!(fields_of(&request)["thinking"], json!({"type": "disabled"}));
    assert_eq!(request.inference_config, crowded().inference_config);
}

#[test]
fn the_settings_claude_thinks_with_are_no_conflict() {
    let request = ask().temperature(1.0).top_p(0.95).reasoning(Effort::Low);
    let (request, changes) = lowered(request, &claude());
    let config = request.inference_config.unwrap();
    assert_eq!((config.temperature, config.top_p, changes.len()), (Some(1.0), Some(0.95), 1));
}

#[test]
fn a_budget_that_leaves_no_room_is_lowered() {
    let thinking = |tokens: u32| json!({"type": "enabled", "budget_tokens": tokens});
    let own = |max: u32| ask().max_tokens(max).additional_field("thinking", thinking(4000));
    for policy in [ReasoningConflict::PreferReasoning, ReasoningConflict::PreferRequest] {
        for request in [own(2000), ask().max_tokens(2000).reasoning(Reasoning::Budget(4000))] {
            let (request, changes) = under(policy, request, &claude());
            assert_eq!(fields_of(&request), json!({"thinking": thinking(1500)}));
            assert_eq!(changes.last().unwrap().kind, ChangeKind::Degraded);
        }
    }
    assert_eq!(lowered(own(4001), &claude()), (own(4001), vec![]));
    assert_eq!(under(ReasoningConflict::Refuse, own(2000), &claude()), (own(2000), vec![]));
    // no budget fits: left for the check, or off
    assert_eq!(lowered(own(1024), &claude()), (own(1024), vec![]));
    let (request, _) = under(ReasoningConflict::PreferRequest, own(1024), &claude());
    assert!(request == ask().max_tokens(1024));
    // a budget for a whole turn of interleaved thinking may be larger
    let interleaved =
        own(2000).additional_field("anthropic_beta", json!(["interleaved-thinking-2025-05-14"]));
    assert_eq!(lowered(interleaved.clone(), &claude()), (interleaved, vec![]));
}

#[test]
fn what_is_settled_by_turning_reasoning_off_is_settled_alone() {
    let open = || tool_loop(None).max_tokens(2000).temperature(0.2);
    let (request, changes) = lowered(open().reasoning(Reasoning::Budget(4000)), &claude());
    assert!(request == open());
    assert_eq!(paths(&changes), ["reasoning", "additionalModelRequestFields.thinking"]);
}

#[test]
fn nova_at_high_effort_takes_no_limit() {
    let request = || ask().max_tokens(500).temperature(0.5);
    let (given, changes) = lowered(request().reasoning(Effort::High), &nova());
    assert_eq!(given.inference_config, Some(crate::InferenceConfig::default()));
    assert_eq!(paths(&changes)[1..], ["inferenceConfig.maxTokens", "inferenceConfig.temperature"]);

    let (given, changes) =
        under(ReasoningConflict::PreferRequest, request().reasoning(Effort::High), &nova());
    assert_eq!(fields_of(&given)["reasoningConfig"]["maxReasoningEffort"], "medium");
    assert_eq!((given.inference_config, changes.len()), (request().inference_config, 2));

    let (given, changes) = lowered(request().reasoning(Effort::Medium), &nova());
    assert_eq!((given.inference_config, changes.len()), (request().inference_config, 1));
}

fn thought(text: &str) -> ReasoningTextBlock {
    ReasoningTextBlock::new(text)
}

fn block(reasoning: ReasoningTextBlock) -> ContentBlock {
    ReasoningContentBlock::from(reasoning).into()
}

fn tool_loop(first: Option<ContentBlock>) -> ChatRequest {
    let call = |id: &str| ContentBlock::from(ToolUseBlock::new(id, "t", json!({})));
    let begin = Message::new(crate::Role::Assistant, first.into_iter().chain([call("1")]));
    ask().messages([
        begin,
        Message::user(ToolResultBlock::text("1", "r")),
        Message::assistant(call("2")),
        Message::user(ToolResultBlock::text("2", "r")),
    ])
}

#[test]
fn a_tool_loop_that_began_without_reasoning_goes_on_without() {
    let think = |request: ChatRequest| request.reasoning(Effort::Low);
    for policy in [ReasoningConflict::PreferReasoning, ReasoningConflict::PreferRequest] {
        let (request, changes) = under(policy, think(tool_loop(None)), &claude());
        assert!(request == tool_loop(None));
        assert_eq!(changes.last().unwrap().path, "additionalModelRequestFields.thinking");
        // half a signature is none
        let (request, changes) =
            under(policy, think(tool_loop(Some(block(thought("hm").signed(""))))), &claude());
        assert!(request == tool_loop(None));
        assert_eq!(changes[0].path, "messages[1].content[0]");
    }
    for reasoning in
        [block(thought("hm").signed("s")), ReasoningContentBlock::RedactedContent(vec![1, 2].into()).into()]
    {
        let (request, changes) = lowered(think(tool_loop(Some(reasoning))), &claude());
        assert_eq!((fields_of(&request)["thinking"]["type"].clone(), changes.len()), (json!("enabled"), 1));
    }
    // the loop is over (recording 72eb1be6b9c1 has a turn without reasoning in its history)
    let over = tool_loop(None).message(Message::assistant("done")).message("next");
    assert_eq!(lowered(think(over), &claude()).1.len(), 1);
    // adaptive thinking does not ask for it
    let mut adaptive = claude();
    adaptive.reasoning.request = Some(ReasoningStyle::ThinkingAdaptive);
    assert_eq!(lowered(think(tool_loop(None)), &adaptive).1.len(), 1);
}
