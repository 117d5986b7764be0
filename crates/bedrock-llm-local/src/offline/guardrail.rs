//! A guardrail to try code on.

use std::collections::BTreeMap;

use bedrock_llm_schema::guardrail::assessment::{
    Coverage, CustomWord, GuardrailCoverage, GuardrailTraceAssessment, GuardrailUsage, PolicyAction,
    WordPolicyAssessment,
};
use bedrock_llm_schema::guardrail::{
    ApplyGuardrailResponse, GuardrailAction, GuardrailAssessment, GuardrailContent, GuardrailOutput,
    GuardrailSource, GuardrailTrace,
};
use bedrock_llm_schema::wire::Extra;
use bedrock_llm_schema::{ApplyGuardrailRequest, ChatRequest};

use crate::answer::Answer;
use crate::{Exception, ReceivedRequest};

/// The id of the guardrail that blocks [`GUARDED_WORD`]. Every other guardrail finds nothing.
pub const LOCAL_GUARDRAIL: &str = "local";

/// The word that the guardrail [`LOCAL_GUARDRAIL`] blocks.
pub const GUARDED_WORD: &str = "blocked-by-guardrail";

/// What is said instead of what was blocked.
pub(crate) const BLOCKED: &str = "Sorry, the local guardrail blocked this.";

/// Answers `ApplyGuardrail`.
pub(crate) fn apply(received: &ReceivedRequest) -> Result<Answer, Exception> {
    let (id, _) = received.guardrail.clone().unwrap_or_default();
    let request: ApplyGuardrailRequest = serde_json::from_slice(&received.body).map_err(|error| {
        Exception::new("SerializationException")
            .message(format!("The body is not one of ApplyGuardrail: {error}"))
    })?;
    if !matches!(request.source, GuardrailSource::Input | GuardrailSource::Output) {
        return Err(Exception::validation(format!("source is {}, not INPUT or OUTPUT", request.source)));
    }
    if request.content.is_empty() {
        return Err(Exception::validation("content must have at least one block"));
    }
    let texts = request.content.iter().filter_map(|content| match content {
        GuardrailContent::Text(block) => Some(block.text.as_str()),
        _ => None,
    });
    let text = texts.collect::<Vec<_>>().join("\n");
    let blocked = blocks(&id, &text);
    let coverage = coverage(&text);
    let response = ApplyGuardrailResponse {
        usage: usage(&text),
        action: if blocked { GuardrailAction::Intervened } else { GuardrailAction::None },
        action_reason: Some(if blocked { "Guardrail blocked." } else { "No action." }.to_owned()),
        outputs: blocked
            .then(|| GuardrailOutput { text: Some(BLOCKED.to_owned()), extra: Extra::new() })
            .into_iter()
            .collect(),
        assessments: vec![assessment(blocked)],
        guardrail_coverage: Some(coverage),
        request_id: None,
        extra: Extra::new(),
    };
    serde_json::to_vec(&response).map(Answer::json).map_err(|error| Exception::validation(error.to_string()))
}

/// Whether the request's guardrail blocks what the user says, and what its trace then tells.
pub(crate) fn on_chat(request: &ChatRequest, text: &str) -> Option<Option<GuardrailTraceAssessment>> {
    let config = request.guardrail_config.as_ref()?;
    let id = config.guardrail_identifier.as_deref()?;
    blocks(id, text).then(|| {
        let traced = matches!(config.trace, Some(GuardrailTrace::Enabled | GuardrailTrace::EnabledFull));
        traced.then(|| GuardrailTraceAssessment {
            input_assessment: Some(BTreeMap::from([(LOCAL_GUARDRAIL.to_owned(), assessment(true))])),
            action_reason: Some("Guardrail blocked.".to_owned()),
            ..GuardrailTraceAssessment::default()
        })
    })
}

fn blocks(id: &str, text: &str) -> bool {
    let is_local = id == LOCAL_GUARDRAIL || id.ends_with(":guardrail/local");
    is_local && text.to_lowercase().contains(GUARDED_WORD)
}

fn assessment(blocked: bool) -> GuardrailAssessment {
    let word = CustomWord {
        r#match: GUARDED_WORD.to_owned(),
        action: PolicyAction::Blocked,
        detected: Some(true),
        extra: Extra::new(),
    };
    let words = || WordPolicyAssessment {
        custom_words: Some(vec![word]),
        managed_word_lists: Some(Vec::new()),
        extra: Extra::new(),
    };
    GuardrailAssessment { word_policy: blocked.then(words), ..GuardrailAssessment::default() }
}

/// The service counts a unit for every thousand characters of each policy; this guardrail has words only.
fn usage(text: &str) -> GuardrailUsage {
    GuardrailUsage { word_policy_units: characters(text).div_ceil(1000), ..GuardrailUsage::default() }
}

fn coverage(text: &str) -> GuardrailCoverage {
    let all = Some(characters(text));
    let text_characters = Some(Coverage { guarded: all, total: all, extra: Extra::new() });
    GuardrailCoverage { text_characters, images: None, extra: Extra::new() }
}

fn characters(text: &str) -> u64 {
    text.chars().fold(0, |count, _| count + 1)
}
