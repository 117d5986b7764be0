//! Where each fact of a profile was learned.

use serde::Serialize;
use serde_json::Value;

use super::FamilyFacts;
use crate::model::ModelProfile;

/// One fact of a profile.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct KnownFact {
    /// Which, as a path into [`ModelProfile`]: `tools.choice`.
    pub path: String,
    /// What is known.
    pub value: Value,
    /// A recording's id or a page of the documentation. `None` for facts of single models: the price map's that the
    /// built-in catalog was made of, or those a caller gave.
    pub source: Option<String>,
    /// The day, `YYYY-MM-DD`, the source was read.
    pub date: Option<String>,
}

/// The facts of a profile, given the families' facts that hold for it, in order.
pub(super) fn of(profile: &ModelProfile, held: &[&FamilyFacts]) -> Vec<KnownFact> {
    let stated: Vec<_> = held.iter().map(|facts| (facts, leaves(&facts.profile))).collect();
    let known = leaves(profile).into_iter().map(|(path, value)| {
        let origin = stated.iter().rev().find(|(_, leaves)| leaves.iter().any(|(at, _)| *at == path));
        // stated otherwise there: then a single model's fact has won
        let origin = origin.filter(|(_, leaves)| leaves.contains(&(path.clone(), value.clone())));
        let (source, date) = origin.map(|(facts, _)| (facts.source.clone(), facts.date.clone())).unzip();
        KnownFact { path, value, source, date }
    });
    known.collect()
}

/// The facts in a profile, one a path; lists are one fact.
fn leaves(profile: &ModelProfile) -> Vec<(String, Value)> {
    let mut found = Vec::new();
    if let Ok(Value::Object(members)) = serde_json::to_value(profile) {
        for (name, value) in members.into_iter().filter(|(name, _)| name != "id") {
            match value {
                Value::Object(group) => {
                    found.extend(group.into_iter().map(|(fact, value)| (format!("{name}.{fact}"), value)));
                }
                value => found.push((name, value)),
            }
        }
    }
    found
}
