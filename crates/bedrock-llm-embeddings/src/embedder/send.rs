//! One call.

use std::sync::Arc;

use bedrock_llm_schema::embed::EmbedInput;
use bedrock_llm_schema::{Call, EmbedRequest, EmbedResponse, Error, Request as _};
use tokio::sync::OwnedSemaphorePermit;
use tower::ServiceExt as _;

use super::EmbedService;
use super::plan::Plan;
use super::unit::Unit;

/// What became of a call. The inputs come back without a copy, where no layer holds on to the call.
pub(super) enum Answer<I> {
    Came { response: EmbedResponse, inputs: I },
    Failed { error: Error, inputs: Vec<EmbedInput> },
}

/// Sends a request, which has its place among the calls under way.
pub(super) async fn send<S: EmbedService>(
    service: S,
    plan: Arc<Plan>,
    place: OwnedSemaphorePermit,
    units: Vec<Unit>,
    request: EmbedRequest,
) -> (Vec<Unit>, Answer<impl FnOnce() -> Vec<EmbedInput>>) {
    let mut call = Call::new(EmbedRequest { model: plan.model.clone(), ..request });
    if let Some(options) = &plan.options {
        call = call.with_options(Arc::clone(options));
    }
    let kept = call.clone();
    let result = service.oneshot(call).await;
    drop(place);
    let answer = match result {
        Ok(response) => Answer::Came { response, inputs: move || kept.into_request().inputs },
        Err(error) => {
            let error = error.with_operation_if_none(EmbedRequest::OPERATION).with_model_if_none(&plan.model);
            Answer::Failed { error, inputs: kept.into_request().inputs }
        }
    };
    (units, answer)
}
