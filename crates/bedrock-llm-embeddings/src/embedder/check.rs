//! What breaks a rule of its model is not sent.

use bedrock_llm_schema::embed::{Element, EmbedInput, EmbedRequest};
use bedrock_llm_schema::rules::check_embed;
use bedrock_llm_schema::{Error, Violations};

use super::EmbedService;
use super::plan::Plan;
use super::run::Run;
use super::unit::Unit;

impl<T: Element, S: EmbedService> Run<T, S> {
    /// The request that a group goes with. Where it breaks a rule there is none: the inputs that do so by themselves have
    /// failed, and the others are queued.
    pub(super) fn request(&mut self, group: Vec<(Unit, EmbedInput)>) -> Option<(Vec<Unit>, EmbedRequest)> {
        let (units, inputs): (Vec<_>, Vec<_>) = group.into_iter().unzip();
        // they are all of one kind
        let purpose = inputs.first().and_then(|input| self.plan.purpose_of(input, self.purpose.as_ref()));
        let mut request = self.plan.request(purpose);
        request.inputs = inputs;
        let Err(violations) = check(&self.plan, &request) else { return Some((units, request)) };

        let inputs = std::mem::take(&mut request.inputs);
        let is_single = inputs.len() == 1;
        let mut good = Vec::new();
        let mut bad = Vec::new();
        for (unit, input) in units.into_iter().zip(inputs) {
            request.inputs.push(input);
            let checked = check(&self.plan, &request);
            let Some(input) = request.inputs.pop() else { continue };
            match checked {
                Ok(()) => good.push((unit, input)),
                Err(violations) => bad.push((unit, input, violations)),
            }
        }
        if bad.is_empty() && !is_single {
            // only together do they break a rule
            self.refused(good, self.explain(violations));
            return None;
        }
        for (unit, input, violations) in bad {
            let error = self.explain(violations);
            self.fail(unit, input, error);
        }
        if !good.is_empty() {
            self.queue.push_front(good);
        }
        None
    }

    fn explain(&self, violations: Violations) -> Error {
        Error::from(violations).with_model_if_none(&self.plan.model)
    }
}

fn check(plan: &Plan, request: &EmbedRequest) -> Result<(), Violations> {
    check_embed(request, &plan.model, &plan.profile)
}
