//! Rules of rankings.

use std::borrow::Cow;

use serde_json::Value;

use super::rule::RuleReport;
use crate::RerankRequest;
use crate::model::ModelProfile;
use crate::rerank::{RerankApi, RerankDocument};

/// The most characters of a text that `Rerank` of bedrock-agent-runtime takes.
const MOST_CHARACTERS: usize = 32_000;

pub(super) fn query(request: &RerankRequest, _: &ModelProfile, report: &mut RuleReport<'_>) {
    if request.query.trim().is_empty() {
        report.add("query", "a blank query", "ask something");
    } else if let Some(count) = too_long(request, &request.query) {
        report.add("query", over(count), "shorten it");
    }
}

pub(super) fn documents(request: &RerankRequest, profile: &ModelProfile, report: &mut RuleReport<'_>) {
    let count = request.documents.len();
    if count == 0 {
        report.add("documents", "there is nothing to rank", "add a document");
    }
    let most = profile.rerank.max_documents;
    if let Some(most) = most.filter(|most| usize::try_from(*most).is_ok_and(|most| count > most)) {
        let message = format!("{count} documents; the model takes {most} a call");
        report.add(format!("documents[{most}]"), message, "make several calls of it");
    }
    for (place, document) in request.documents.iter().enumerate() {
        let path = || format!("documents[{place}]");
        match document {
            RerankDocument::Json(object) if object.is_empty() => {
                report.add(path(), "a document without members", "leave it out");
            }
            RerankDocument::Json(_) => {}
            document => {
                let text: Cow<'_, str> = document.text();
                if text.trim().is_empty() {
                    report.add(path(), "a blank document", "leave it out");
                } else if let Some(count) = too_long(request, &text) {
                    report.add(path(), over(count), "shorten it, or split it");
                }
            }
        }
    }
}

/// No refusal is known of a native body that asks for more than there are.
pub(super) fn top_n(request: &RerankRequest, _: &ModelProfile, report: &mut RuleReport<'_>) {
    let Some(wanted) = request.top_n else { return };
    let count = request.documents.len();
    if wanted == 0 {
        report.add_saying(
            "topN",
            "no result is wanted",
            "ask for one at least, or leave it out for all",
            None,
        );
    } else if request.api == RerankApi::AgentRuntime
        && usize::try_from(wanted).map_or(true, |wanted| wanted > count)
    {
        let message = format!("{wanted} results of {count} documents are wanted");
        report.add("topN", message, "ask for fewer, or leave it out for all");
    }
}

/// `Rerank` has no version. A native body that was read without one says so by `null`.
pub(super) fn version(request: &RerankRequest, profile: &ModelProfile, report: &mut RuleReport<'_>) {
    let Some(wanted) = profile.rerank.api_version.filter(|_| request.api == RerankApi::InvokeModel) else {
        return;
    };
    let version = request.extra.get("api_version");
    let says = |what: &str| {
        Some(format!("Malformed input request: {what}, please reformat your input and try again."))
    };
    match version {
        Some(version) if !version.is_null() && !wanted => report.add_saying(
            "extra.api_version",
            "the model's body has no version",
            "leave it out",
            says("extraneous key [api_version] is not permitted"),
        ),
        Some(Value::Null) if wanted => report.add_saying(
            "extra.api_version",
            "the model's body must have a version",
            "set it to 2",
            says("required key [api_version] not found"),
        ),
        _ => {}
    }
}

fn too_long(request: &RerankRequest, text: &str) -> Option<usize> {
    let most = (request.api == RerankApi::AgentRuntime && text.len() > MOST_CHARACTERS)
        .then_some(MOST_CHARACTERS)?;
    Some(text.chars().count()).filter(|count| *count > most)
}

fn over(count: usize) -> String {
    format!("{count} characters; Rerank takes {MOST_CHARACTERS} in a text")
}
