//! What the service refuses, refused in its words: the rules of the schema crate.

use bedrock_llm_providers::Registry;
use bedrock_llm_schema::rules::{self, Violations};
use bedrock_llm_schema::{Catalog, ChatRequest, Operation};
use serde::de::{DeserializeOwned, IgnoredAny};

use crate::asked::Asked;
use crate::{Exception, ReceivedRequest};

/// Refuses what the service refuses; gives what is asked for.
pub(crate) fn check(
    operation: Operation,
    received: &ReceivedRequest,
    registry: &Registry,
    catalog: &Catalog,
) -> Result<Asked, Exception> {
    check_json(received)?;
    let model = received.model();
    let profile = catalog.profile(&model);
    match operation {
        Operation::Converse | Operation::ConverseStream => {
            let request = ChatRequest { model, ..read(received)? };
            rules::check_chat(&request, &profile, operation).map_err(refuse)?;
            return Ok(Asked::Chat(Box::new(request)));
        }
        Operation::ApplyGuardrail => return Ok(Asked::Other),
        _ => rules::check_model(&model, &profile, operation).map_err(refuse)?,
    }
    let asked = match operation {
        Operation::InvokeModel => Asked::native(received, registry, catalog)?,
        Operation::Rerank => Asked::rerank(received)?,
        _ => return Ok(Asked::Other),
    };
    match &asked {
        Asked::Embed(it) => rules::check_embed(&it.request, &model, &profile).map_err(refuse)?,
        Asked::Rerank(it) => rules::check_rerank(&it.request, &model, &profile).map_err(refuse)?,
        Asked::Chat(_) | Asked::Other => {}
    }
    Ok(asked)
}

/// The service names the first thing it finds; so do we, in its sentence where we know it.
fn refuse(violations: Violations) -> Exception {
    let first = violations.0.into_iter().next();
    let sentence = first.map(|first| {
        let own = format!("{}: {}; {} [{}]", first.path, first.message, first.fix, first.rule);
        first.service_message.unwrap_or(own)
    });
    Exception::validation(sentence.unwrap_or_default())
}

fn check_json(received: &ReceivedRequest) -> Result<(), Exception> {
    match serde_json::from_slice::<IgnoredAny>(&received.body) {
        Ok(_) => Ok(()),
        Err(error) => {
            let message = format!(
                "Malformed input request: the body is not JSON ({error}), please reformat your input and try again."
            );
            Err(Exception::validation(message))
        }
    }
}

pub(crate) fn read<T: DeserializeOwned>(received: &ReceivedRequest) -> Result<T, Exception> {
    let body = if received.body.is_empty() { b"{}" } else { &*received.body };
    serde_json::from_slice(body).map_err(|error| {
        Exception::new("SerializationException")
            .message(format!("The body is not one of this operation: {error}"))
    })
}
