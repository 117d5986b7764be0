//! Rules × recordings: nothing that the service took is refused, and what it refused is refused in its words.

use std::collections::BTreeMap;
use std::fmt;

use anyhow::Result;
use bedrock_llm_schema::rules::{RULES, Violations, check_chat, check_model};
use bedrock_llm_schema::{Catalog, Change, ChatRequest, Normalizer, Operation};

use crate::case::{Case, Reasons};
use crate::vectors;

/// How a chat, or a call by its model alone, did with the rules.
pub(crate) struct Judgement {
    violations: Option<Violations>,
    changes: Vec<Change>,
}

/// What became of the exchanges that one rule has to do with.
#[derive(Default)]
struct Row {
    same_words: usize,
    other_words: usize,
    mended: usize,
    wrongly: usize,
}

/// Counts by rule.
#[derive(Default)]
pub(crate) struct RuleTable {
    rows: BTreeMap<&'static str, Row>,
    /// Refusals that no rule foresees.
    unforeseen: Vec<String>,
}

/// What the rules say of a recorded request; `None` where they have nothing to say of its operation.
fn judge(case: &Case) -> Result<Option<Judgement>> {
    let operation = match case.recording.operation.as_str() {
        "Converse" => Operation::Converse,
        "ConverseStream" => Operation::ConverseStream,
        "CountTokens" => Operation::CountTokens,
        "InvokeModel" => Operation::InvokeModel,
        "Rerank" => Operation::Rerank,
        "InvokeModelWithResponseStream" => Operation::InvokeModelWithResponseStream,
        _ => return Ok(None),
    };
    if let Some(violations) = vectors::judge(case) {
        return Ok(Some(Judgement { violations: violations?, changes: Vec::new() }));
    }
    let model = case.model();
    let profile = Catalog::builtin().profile(&model);
    if !matches!(operation, Operation::Converse | Operation::ConverseStream) {
        let violations = check_model(&model, &profile, operation).err();
        return Ok(Some(Judgement { violations, changes: Vec::new() }));
    }
    let mut request: ChatRequest = serde_json::from_value(case.request_body().clone())?;
    request.model = model;
    let violations = check_chat(&request, &profile, operation).err();
    let normalized = Normalizer::new().normalize(request, &profile);
    if case.succeeded() && violations.is_none() {
        // what was right stays right
        check_chat(&normalized.request, &profile, operation)?;
    }
    Ok(Some(Judgement { violations, changes: normalized.changes }))
}

impl RuleTable {
    /// Judges an exchange; gives the reasons why that is wrong.
    pub(crate) fn add(&mut self, name: &str, case: &Case) -> Reasons {
        let judgement = match judge(case) {
            Ok(Some(judgement)) => judgement,
            Ok(None) => return Reasons::new(),
            Err(_) if !case.succeeded() => return Reasons::new(), // no request of ours can look like that
            Err(error) => return vec![format!("the rules cannot judge it: {error:#}")],
        };
        for change in &judgement.changes {
            self.rows.entry(change.rule).or_default().mended += 1;
        }
        let first = judgement.violations.as_ref().and_then(|violations| violations.0.first());
        match first {
            Some(first) if case.succeeded() => {
                self.rows.entry(first.rule).or_default().wrongly += 1;
                vec![format!("the service took what a rule refuses: {first}")]
            }
            Some(first) => {
                let said = case.response_body()["message"].as_str().map(str::to_owned);
                let row = self.rows.entry(first.rule).or_default();
                *(if first.service_message == said { &mut row.same_words } else { &mut row.other_words }) +=
                    1;
                Reasons::new()
            }
            None if case.succeeded() => Reasons::new(),
            None => {
                let said = case.response_body()["message"].as_str().unwrap_or_default().to_owned();
                self.unforeseen.push(format!("{} {name}: {said}", case.recording.response.status));
                Reasons::new()
            }
        }
    }
}

impl fmt::Display for RuleTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{:<22} {:>11} {:>12} {:>8} {:>8}",
            "rule", "same words", "other words", "mended", "wrongly"
        )?;
        for rule in RULES {
            let Some(row) = self.rows.get(rule.id) else { continue };
            let Row { same_words, other_words, mended, wrongly } = row;
            writeln!(f, "{:<22} {same_words:>11} {other_words:>12} {mended:>8} {wrongly:>8}", rule.id)?;
        }
        let silent = RULES.iter().filter(|rule| !self.rows.contains_key(rule.id)).count();
        writeln!(f, "{silent} of {} rules have no recording to refuse or mend", RULES.len())?;
        for refusal in &self.unforeseen {
            writeln!(f, "no rule foresees {refusal}")?;
        }
        Ok(())
    }
}
