//! What the service refuses, refused in its words: the rules of the schema crate.

use bedrock_llm_schema::rules::{self, Violations};
use bedrock_llm_schema::{Catalog, ChatRequest, Operation};
use serde::de::{DeserializeOwned, IgnoredAny};

use crate::{Exception, ReceivedRequest};

/// Refuses what the service refuses; gives the chat, where it is one.
pub(crate) fn check(
    operation: Operation,
    received: &ReceivedRequest,
    catalog: &Catalog,
) -> Result<Option<ChatRequest>, Exception> {
    check_json(received)?;
    let model = received.model();
    match operation {
        Operation::Converse | Operation::ConverseStream => {
            let request = ChatRequest { model, ..read(received)? };
            rules::check_chat(&request, &catalog.profile(&request.model), operation).map_err(refuse)?;
            Ok(Some(request))
        }
        Operation::ApplyGuardrail => Ok(None),
        _ => rules::check_model(&model, &catalog.profile(&model), operation).map_err(refuse).map(|()| None),
    }
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
