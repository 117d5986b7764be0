//! When a fault happens, and to whom.

use bedrock_llm_schema::Operation;
use serde::{Deserialize, Serialize};
use wildmatch::WildMatch;

use super::draw::Draw;
use super::{Fault, Latency};
use crate::ReceivedRequest;

/// A fault, a latency, or both, and the requests they are for: every one, unless it is told otherwise.
///
/// A rule counts the requests that fit it (operation, model) and that no rule before it took. Of these it fires for those
/// that all its conditions let through:
///
/// | key | fires |
/// |---|---|
/// | `after` | not for the first N |
/// | `every` | for every N-th after those: 3 is the third, the sixth, … |
/// | `probability` | with this chance, from 0 to 1, by the plan's seed |
/// | `times` | at most this often |
///
/// ```
/// use std::time::Duration;
/// use bedrock_llm_local::{Fault, FaultPlan, FaultRule};
///
/// let plan = FaultPlan::new([
///     FaultRule::latency(Duration::from_millis(20)).model("*claude*"),
///     FaultRule::new(Fault::exception("ThrottlingException")).probability(0.05),
///     FaultRule::new(Fault::CutInside(4)).after(10).times(1),
/// ])?.seed(7);
/// # assert_eq!(plan.rules().len(), 3);
/// # Ok::<_, bedrock_llm_local::FaultPlanError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FaultRule {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) fault: Option<Fault>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) latency: Option<Latency>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    operation: Option<Operation>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    model: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    after: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    every: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    probability: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    times: Option<u64>,
}

impl FaultRule {
    /// This fault, for every request.
    #[must_use]
    pub fn new(fault: Fault) -> Self {
        Self { fault: Some(fault), ..Self::empty() }
    }

    /// No fault, but an answer that comes late, for every request.
    pub fn latency(latency: impl Into<Latency>) -> Self {
        Self { latency: Some(latency.into()), ..Self::empty() }
    }

    fn empty() -> Self {
        Self {
            fault: None,
            latency: None,
            operation: None,
            model: None,
            after: None,
            every: None,
            probability: None,
            times: None,
        }
    }

    /// The fault comes after this long, by tokio's clock.
    #[must_use]
    pub fn with_latency(mut self, latency: impl Into<Latency>) -> Self {
        self.latency = Some(latency.into());
        self
    }

    /// Only for requests of this operation.
    #[must_use]
    pub fn operation(mut self, operation: Operation) -> Self {
        self.operation = Some(operation);
        self
    }

    /// Only for requests to this model: its id as in the path, percent-decoded. `*` stands for any characters, `?` for any one.
    #[must_use]
    pub fn model(mut self, model: impl Into<String>) -> Self {
        self.model = Some(model.into());
        self
    }

    /// Not for the first requests that fit, this many of them.
    #[must_use]
    pub fn after(mut self, requests: u64) -> Self {
        self.after = Some(requests);
        self
    }

    /// For every N-th request that fits, and not for those between; at least 1.
    #[must_use]
    pub fn every(mut self, requests: u64) -> Self {
        self.every = Some(requests);
        self
    }

    /// With this chance, from 0 to 1.
    #[must_use]
    pub fn probability(mut self, probability: f64) -> Self {
        self.probability = Some(probability);
        self
    }

    /// At most this often; at least 1.
    #[must_use]
    pub fn times(mut self, times: u64) -> Self {
        self.times = Some(times);
        self
    }

    /// Whether a request is one to count.
    pub(super) fn fits(&self, request: &ReceivedRequest) -> bool {
        self.operation.is_none_or(|operation| request.operation == Some(operation))
            && self.fault.as_ref().is_none_or(|fault| fault.fits(request.operation))
            && self.model.as_ref().is_none_or(|model| WildMatch::new(model).matches(&request.model_id))
    }

    /// Whether it fires for the request of this number, from 0, of those that fit, when it has fired so often before.
    pub(super) fn fires(&self, number: u64, fired: u64, draw: &mut Draw) -> bool {
        // drawn in any case, so that what is drawn later does not depend on the conditions
        let chance = draw.unit();
        let Some(place) = number.checked_sub(self.after.unwrap_or(0)) else { return false };
        self.every.is_none_or(|every| place.checked_rem(every) == every.checked_sub(1))
            && self.probability.is_none_or(|probability| chance < probability)
            && self.times.is_none_or(|times| fired < times)
    }

    /// What is wrong with it, if anything is: the field and why.
    pub(super) fn check(&self) -> Result<(), (String, String)> {
        let wrong = |field: &str, why: &str| Err((field.to_owned(), why.to_owned()));
        if self.fault.is_none() && self.latency.is_none() {
            return wrong("fault", "a rule needs a fault or a latency");
        }
        if let Some(fault) = &self.fault {
            fault.check().map_err(|(field, why)| (format!("fault{field}"), why))?;
            if self.operation.is_some_and(|operation| !fault.fits(Some(operation))) {
                return wrong("operation", "this fault is only for operations that stream");
            }
        }
        if let Some(Err(why)) = self.latency.as_ref().map(Latency::check) {
            return wrong("latency", &why);
        }
        if self.model.as_ref().is_some_and(String::is_empty) {
            return wrong("model", "an id must not be empty");
        }
        if let Some(probability) = self.probability.filter(|chance| !(0.0..=1.0).contains(chance)) {
            return wrong("probability", &format!("{probability} is not from 0 to 1"));
        }
        for (field, number) in [("every", self.every), ("times", self.times)] {
            if number == Some(0) {
                return wrong(field, "0 is not at least 1");
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::route;

    fn rule() -> FaultRule {
        FaultRule::new(Fault::HangUp)
    }

    /// The numbers of the requests it fires for.
    fn fired(rule: &FaultRule, seed: u64, of: u64) -> Vec<u64> {
        let mut fired = Vec::new();
        for number in 0..of {
            if rule.fires(number, fired.len() as u64, &mut Draw::new(seed, 0, number)) {
                fired.push(number);
            }
        }
        fired
    }

    #[test]
    fn conditions_say_when() {
        assert_eq!(fired(&rule(), 0, 3), [0, 1, 2]);
        assert_eq!(fired(&rule().times(2), 0, 9), [0, 1]);
        assert_eq!(fired(&rule().after(4), 0, 6), [4, 5]);
        assert_eq!(fired(&rule().every(3), 0, 9), [2, 5, 8]);
        assert_eq!(fired(&rule().after(1).every(2).times(2), 0, 9), [2, 4]);
        assert_eq!(fired(&rule().probability(0.0), 0, 1000), [] as [u64; 0]);
        assert_eq!(fired(&rule().probability(1.0), 0, 1000).len(), 1000);
    }

    #[test]
    fn chance_goes_by_the_seed() {
        let rule = rule().probability(0.2);
        let first = fired(&rule, 1, 10_000);
        assert!((1850..2150).contains(&first.len()), "{}", first.len());
        assert_eq!(first, fired(&rule, 1, 10_000));
        assert_ne!(first, fired(&rule, 2, 10_000));
        // pinned: a plan written today fires for the same requests tomorrow
        assert_eq!(fired(&rule, 7, 20), [0, 1, 7]);
    }

    #[test]
    fn operation_and_model_say_for_whom() {
        let request =
            |path: &str| ReceivedRequest::new("POST", path, Vec::new(), Bytes::new(), route::parse(path));
        let haiku = request("/model/us.anthropic.claude-haiku-4-5-20251001-v1%3A0/converse");
        for (model, fits) in [
            ("us.anthropic.claude-haiku-4-5-20251001-v1:0", true),
            ("us.*", true),
            ("*claude*v1:0", true),
            ("anthropic.claude*", false),
            ("*CLAUDE*", false),
        ] {
            assert_eq!(rule().model(model).fits(&haiku), fits, "{model}");
        }
        assert!(rule().operation(Operation::Converse).fits(&haiku));
        assert!(!rule().operation(Operation::ConverseStream).fits(&haiku));
        let inside = FaultRule::new(Fault::ExceptionAfter {
            frames: 1,
            name: "ModelStreamErrorException".into(),
            message: None,
        });
        assert!(!inside.fits(&haiku) && inside.fits(&request("/model/m/converse-stream")));
    }
}
