//! Estimated tokens × recordings: how far `estimate_tokens` is from what the service counted.

use std::collections::BTreeMap;
use std::fmt;

use anyhow::Result;
use bedrock_llm_schema::{
    ChatRequest, ContentBlock, CountTokensRequest, CountTokensResponse, Message, ToolResultContentBlock,
    Usage,
};
use serde_json::Value;

use crate::case::{Case, Reasons};

/// Half of all estimates must be off by no more than this share of what was counted.
const MEDIAN: f64 = 0.12;
/// And nine of ten by no more than this.
const NINE_OF_TEN: f64 = 0.30;
/// Fewer requests than this say nothing.
const ENOUGH: usize = 20;

/// How far estimates were off, by family.
#[derive(Default)]
pub(crate) struct TokenTable {
    errors: BTreeMap<String, Vec<f64>>,
    /// The estimates that were off by more than nine of ten may be.
    far: Vec<String>,
}

impl TokenTable {
    /// Takes in an exchange in which the service counted a request of text; gives the reasons why it cannot be read.
    pub(crate) fn add(&mut self, name: &str, case: &Case) -> Reasons {
        match estimated_and_counted(case) {
            Ok(Some((estimated, counted))) if counted > 0 => {
                let error = estimated.abs_diff(counted) as f64 / counted as f64;
                if error > NINE_OF_TEN {
                    self.far.push(format!("{name}: estimated {estimated}, counted {counted}"));
                }
                self.errors.entry(case.family()).or_default().push(error);
                Reasons::new()
            }
            Ok(_) => Reasons::new(),
            Err(error) => vec![format!("its tokens cannot be estimated: {error:#}")],
        }
    }

    /// Why the estimates are not good enough, if they are not.
    pub(crate) fn failure(&self) -> Option<String> {
        let all = self.all();
        let (median, ninth) = (share(&all, 0.5), share(&all, 0.9));
        (all.len() >= ENOUGH && (median > MEDIAN || ninth > NINE_OF_TEN)).then(|| {
            format!(
                "token estimates: half are within {:.1} %, nine of ten within {:.1} %; wanted are {:.0} % and {:.0} %",
                median * 100.0,
                ninth * 100.0,
                MEDIAN * 100.0,
                NINE_OF_TEN * 100.0
            )
        })
    }

    fn all(&self) -> Vec<f64> {
        let mut all: Vec<f64> = self.errors.values().flatten().copied().collect();
        all.sort_by(f64::total_cmp);
        all
    }
}

/// The error that this share of all errors, which are in order, does not exceed.
fn share(errors: &[f64], share: f64) -> f64 {
    let place = (errors.len() as f64 * share).ceil() as usize;
    errors.get(place.saturating_sub(1)).copied().unwrap_or_default()
}

/// Both numbers; `None` where nothing was counted, or where pictures and the like were, which are no text.
fn estimated_and_counted(case: &Case) -> Result<Option<(u64, u64)>> {
    let body = case.request_body();
    match case.recording.operation.as_str() {
        _ if !case.succeeded() => Ok(None),
        "Converse" | "ConverseStream" => {
            let Some(usage) = usage(case)? else { return Ok(None) };
            let mut request: ChatRequest = serde_json::from_value(body.clone())?;
            request.model = case.model();
            let estimated = || request.estimate_tokens().tokens();
            Ok(is_text(&request.messages).then(|| (estimated(), usage.total_input())))
        }
        "CountTokens" => {
            let mut request: CountTokensRequest = serde_json::from_value(body.clone())?;
            request.model = case.model();
            let counted: CountTokensResponse = serde_json::from_value(case.response_body())?;
            Ok(Some((request.estimate_tokens().tokens(), counted.input_tokens)))
        }
        _ => Ok(None),
    }
}

/// What the call used, as far as it came.
fn usage(case: &Case) -> Result<Option<Usage>> {
    let mut events = case.recording.response.events.iter().flatten().rev();
    let usage = match events.find(|event| event.r#type == "metadata") {
        Some(metadata) => metadata.payload["usage"].clone(),
        None => case.response_body()["usage"].clone(),
    };
    Ok(if usage == Value::Null { None } else { Some(serde_json::from_value(usage)?) })
}

fn is_text(messages: &[Message]) -> bool {
    use ToolResultContentBlock as Result;
    messages.iter().flat_map(|message| &message.content).all(|block| match block {
        ContentBlock::Image(_)
        | ContentBlock::Document(_)
        | ContentBlock::Video(_)
        | ContentBlock::Audio(_) => false,
        ContentBlock::ToolResult(result) => {
            result.content.iter().all(|part| matches!(part, Result::Text(_) | Result::Json(_)))
        }
        _ => true,
    })
}

impl fmt::Display for TokenTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let row = |f: &mut fmt::Formatter<'_>, name: &str, errors: &[f64]| {
            let (median, ninth) = (share(errors, 0.5) * 100.0, share(errors, 0.9) * 100.0);
            writeln!(f, "{name:<22} {:>8} {median:>14.1} {ninth:>14.1}", errors.len())
        };
        writeln!(
            f,
            "{:<22} {:>8} {:>14} {:>14}",
            "token estimates", "requests", "median error %", "90 % within %"
        )?;
        for (family, errors) in &self.errors {
            let mut errors = errors.clone();
            errors.sort_by(f64::total_cmp);
            row(f, family, &errors)?;
        }
        let all = self.all();
        row(f, "all", &all)?;
        if all.len() < ENOUGH {
            writeln!(f, "too few requests of text to judge: {} of {ENOUGH}", all.len())?;
        }
        for far in &self.far {
            writeln!(f, "far off: {far}")?;
        }
        Ok(())
    }
}
