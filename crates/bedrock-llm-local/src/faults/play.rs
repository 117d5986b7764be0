//! A plan at work: which rule fires for which request.

use std::fmt;
use std::sync::{Mutex, PoisonError};

use serde::Serialize;

use super::draw::Draw;
use super::{FaultPlan, Injection};
use crate::ReceivedRequest;

/// A plan and how often its rules fired, since it was set.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
#[non_exhaustive]
pub struct FaultReport {
    /// The plan; without rules where none is set.
    pub plan: FaultPlan,
    /// What each rule counted, in the order of the rules.
    pub rules: Vec<RuleCounts>,
}

/// What one rule counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[non_exhaustive]
pub struct RuleCounts {
    /// Requests that fit it and that no rule before it took.
    pub seen: u64,
    /// Of these, how many it fired for.
    pub fired: u64,
}

/// The plan all connections share. One lock decides on a request, so that each number of each rule is given once.
#[derive(Default)]
pub(crate) struct Faults(Mutex<FaultReport>);

impl Faults {
    pub(crate) fn set(&self, plan: FaultPlan) {
        let rules = vec![RuleCounts::default(); plan.rules().len()];
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = FaultReport { plan, rules };
    }

    pub(crate) fn report(&self) -> FaultReport {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What happens to a request.
    pub(crate) fn decide(&self, request: &ReceivedRequest) -> Injection {
        let mut report = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let FaultReport { plan, rules } = &mut *report;
        let mut injection = Injection::default();
        for (place, (rule, counts)) in plan.rules().iter().zip(rules).enumerate() {
            if !rule.fits(request) {
                continue;
            }
            let mut draw = Draw::new(plan.seed, place, counts.seen);
            let fires = rule.fires(counts.seen, counts.fired, &mut draw);
            counts.seen += 1;
            if !fires {
                continue;
            }
            counts.fired += 1;
            injection.add(rule, &mut draw);
            if rule.fault.is_some() {
                break;
            }
        }
        injection
    }
}

impl fmt::Debug for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Faults").field(&self.report()).finish()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use bytes::Bytes;

    use super::*;
    use crate::{Fault, FaultRule, route};

    fn faults(rules: impl IntoIterator<Item = FaultRule>) -> Faults {
        let faults = Faults::default();
        faults.set(FaultPlan::new(rules).unwrap());
        faults
    }

    fn kinds(faults: &Faults, of: usize) -> Vec<Option<&'static str>> {
        let path = "/model/m/converse";
        let request = ReceivedRequest::new("POST", path, Vec::new(), Bytes::new(), route::parse(path));
        (0..of).map(|_| faults.decide(&request).kind()).collect()
    }

    #[test]
    fn the_first_fault_wins_and_hides_the_request_from_later_rules() {
        let faults = faults([
            FaultRule::new(Fault::exception("ThrottlingException")).times(2),
            FaultRule::new(Fault::HangUp).model("other"),
            FaultRule::new(Fault::ResetBeforeHeaders).after(1).times(1),
        ]);
        let expected = [Some("exception"), Some("exception"), None, Some("reset_before_headers"), None];
        assert_eq!(kinds(&faults, 5), expected);
        let counts: Vec<_> = faults.report().rules.iter().map(|rule| (rule.seen, rule.fired)).collect();
        assert_eq!(counts, [(5, 2), (0, 0), (3, 1)]);
    }

    #[test]
    fn latencies_add_up_and_let_later_rules_see_the_request() {
        let second = Duration::from_secs(1);
        let faults = faults([
            FaultRule::latency(second),
            FaultRule::new(Fault::HangUp).with_latency(second * 2).times(1),
            FaultRule::latency(second * 10),
        ]);
        let request = ReceivedRequest::new("POST", "/", Vec::new(), Bytes::new(), None);
        let injection = faults.decide(&request);
        assert_eq!((injection.kind(), injection.latency), (Some("hang_up"), second * 3));
        let injection = faults.decide(&request);
        assert_eq!((injection.kind(), injection.latency), (Some("latency"), second * 11));
    }

    #[test]
    fn a_new_plan_counts_anew() {
        let faults = faults([FaultRule::new(Fault::HangUp).times(1)]);
        assert_eq!(kinds(&faults, 2), [Some("hang_up"), None]);
        faults.set(faults.report().plan);
        assert_eq!(kinds(&faults, 2), [Some("hang_up"), None]);
        faults.set(FaultPlan::default());
        assert_eq!(kinds(&faults, 1), [None]);
    }

    #[test]
    fn threads_share_the_numbers() {
        let faults = faults([FaultRule::new(Fault::HangUp).probability(0.3)]);
        let alone = kinds(&faults, 400).iter().flatten().count();
        faults.set(faults.report().plan);
        let together: usize = std::thread::scope(|scope| {
            let threads: Vec<_> =
                (0..4).map(|_| scope.spawn(|| kinds(&faults, 100).iter().flatten().count())).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).sum()
        });
        assert_eq!(alone, together);
    }
}
