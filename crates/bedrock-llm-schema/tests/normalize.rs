//! Properties of normalising, over any request, what may be known of a model, and every choice.

mod arbitrary;

use arbitrary::{any_profile, request, request_to_a_model};
use bedrock_llm_schema::content::SystemContentBlock;
use bedrock_llm_schema::model::ModelProfile;
use bedrock_llm_schema::normalize::{ChangeKind, Normalized};
use bedrock_llm_schema::rules::{RULES, Violation};
use bedrock_llm_schema::{
    ChatRequest, ContentBlock, Message, Normalizer, OnUnsupported, ToolResultBlock, ToolResultContentBlock,
    ToolSpec, ToolUseBlock, Violations,
};
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::json;

fn choice() -> impl Strategy<Value = OnUnsupported> {
    select(vec![OnUnsupported::Error, OnUnsupported::Degrade, OnUnsupported::Warn])
}

fn normalized(request: &ChatRequest, profile: &ModelProfile, choice: OnUnsupported) -> Normalized {
    Normalizer::new().on_unsupported(choice).normalize(request.clone(), profile)
}

/// Every text that someone said.
fn texts(request: &ChatRequest) -> Vec<&str> {
    let system = request.system.iter().flatten().filter_map(|block| match block {
        SystemContentBlock::Text(text) => Some(text.as_str()),
        _ => None,
    });
    let blocks = request.messages.iter().flat_map(|message| &message.content);
    let said = blocks
        .filter_map(|block| if let ContentBlock::Text(text) = block { Some(text.as_str()) } else { None });
    let mut texts: Vec<&str> = system.chain(said).filter(|text| !text.trim().is_empty()).collect();
    texts.sort_unstable();
    texts
}

fn document_names(request: &ChatRequest) -> Vec<&str> {
    let blocks = request.messages.iter().flat_map(|message| &message.content);
    blocks
        .filter_map(
            |block| if let ContentBlock::Document(it) = block { Some(it.name.as_str()) } else { None },
        )
        .collect()
}

/// What no program can mend: which model was meant and what it serves, numbers and words of the caller's own, what
/// is too much or too large, and a request that says nothing.
const UNMENDABLE: [&str; 10] = [
    "R-MODEL-ID",
    "R-ON-DEMAND",
    "R-OPERATION",
    "R-MESSAGES",
    "R-RANGE",
    "R-MEDIA-COUNT",
    "R-MEDIA-SIZE",
    "R-IMAGE-SIDE",
    "R-REASONING-BUDGET", // one that a caller's `maxTokens` leaves no room for
    "R-REASONING-EFFORT", // a caller's word in the family's own fields
];

/// What a model cannot do: left in, where that is to be refused.
const UNSUPPORTED: [&str; 24] = [
    "R-SYSTEM",
    "R-SYSTEM-ROLE",
    "R-MODALITY",
    "R-S3",
    "R-FORMAT",
    "R-TOOLS",
    "R-TOOL-USE",
    "R-TOOL-STRICT",
    "R-TOOL-CHOICE",
    "R-SYSTEM-TOOL",
    "R-TOOL-RESULT",
    "R-TOOL-COMPANY",
    "R-CACHE",
    "R-CACHE-PLACE",
    "R-CACHE-COUNT",
    "R-CACHE-TTL",
    "R-MAX-TOKENS",
    "R-STOP",
    "R-SAMPLING",
    "R-SAMPLING-BOTH",
    "R-JSON-SCHEMA",
    "R-PREFILL",
    "R-TOP-K",
    "R-REASONING",
];

/// The violations that are left and that nobody accounts for.
fn unaccounted(checked: Result<(), Violations>, accounted: &[&str]) -> Vec<Violation> {
    let mut left = checked.err().map(|violations| violations.0).unwrap_or_default();
    left.retain(|violation| ![accounted, &UNMENDABLE].iter().any(|rules| rules.contains(&violation.rule)));
    left
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn normalising_is_idempotent(request in request(), profile in any_profile(), choice in choice()) {
        let once = normalized(&request, &profile, choice);
        let twice = normalized(&once.request, &profile, choice);
        let changed: Vec<_> = twice.changes.iter().filter(|change| change.kind != ChangeKind::Warned).collect();
        prop_assert!(changed.is_empty(), "{changed:?} after {:?}", once.changes);
        prop_assert!(twice.request == once.request);
        prop_assert!(twice.aliases.is_empty());
    }

    #[test]
    fn normalising_for_a_model_of_the_catalog_is_idempotent(to in request_to_a_model(), choice in choice()) {
        let (request, profile) = to;
        let once = normalized(&request, &profile, choice);
        let twice = normalized(&once.request, &profile, choice);
        prop_assert!(twice.request == once.request, "{:?} after {:?}", twice.changes, once.changes);
        let mut changed = twice.changes.iter().filter(|change| change.kind != ChangeKind::Warned);
        prop_assert!(changed.next().is_none());
    }

    #[test]
    fn what_is_normalised_passes_the_check(to in request_to_a_model()) {
        let (request, profile) = to;
        let degraded = normalized(&request, &profile, OnUnsupported::Degrade);
        let left = unaccounted(degraded.request.check(&profile), &[]);
        prop_assert!(left.is_empty(), "degraded: {left:?} after {:?}", degraded.changes);

        let refused = normalized(&request, &profile, OnUnsupported::Error);
        let left = unaccounted(refused.request.check(&profile), &UNSUPPORTED);
        prop_assert!(left.is_empty(), "refused: {left:?} after {:?}", refused.changes);

        let warned = normalized(&request, &profile, OnUnsupported::Warn);
        let checked = warned.request.check(&profile);
        let left = unaccounted(checked.or_else(|it| it.except_warned(&warned.changes)), &[]);
        prop_assert!(left.is_empty(), "warned: {left:?} after {:?}", warned.changes);

        for change in [degraded, refused, warned].iter().flat_map(|it| &it.changes) {
            prop_assert!(RULES.iter().any(|rule| rule.id == change.rule), "{change}");
        }
    }

    #[test]
    fn no_text_is_lost(request in request(), profile in any_profile(), choice in choice()) {
        let after = normalized(&request, &profile, choice).request;
        let mut left = texts(&after);
        let blocks = after.messages.iter().flat_map(|message| &message.content);
        let results = blocks.filter_map(ContentBlock::as_tool_result).flat_map(|result| &result.content);
        left.extend(results.filter_map(|piece| match piece {
            ToolResultContentBlock::Text(text) => Some(text.as_str()),
            ToolResultContentBlock::Json(value) => value["text"].as_str(),
            _ => None,
        }));

        for text in texts(&request) {
            let place = left.iter().position(|&it| it == text);
            prop_assert!(place.is_some(), "{text:?} is not in {left:?}");
            left.remove(place.unwrap());
        }
    }

    #[test]
    fn document_names_are_told_apart(request in request(), profile in any_profile()) {
        let after = normalized(&request, &profile, OnUnsupported::Error).request;
        let names = document_names(&after);
        let mut distinct = names.clone();
        distinct.sort_unstable();
        distinct.dedup();
        prop_assert_eq!(names.len(), distinct.len());
        prop_assert!(names.iter().all(|name| (1..=200).contains(&name.len())), "{names:?}");
    }

    #[test]
    fn a_request_that_is_right_is_not_touched(text in "[a-z]{1,9}", name in "[a-z_]{1,9}", choice in choice()) {
        let tool = ToolSpec::new(name.clone(), "d", json!({"type": "object", "properties": {}}));
        let request = ChatRequest::new("m")
            .system(text.clone())
            .tool(tool)
            .message(text.clone())
            .message(Message::assistant(ToolUseBlock::new("1", name, json!({}))))
            .message(Message::user(ToolResultBlock::text("1", text.clone())));
        let after = normalized(&request, &ModelProfile::new("m"), choice);
        prop_assert_eq!((after.request, after.changes), (request, vec![]));
    }
}
