//! What failed, and what to do about it.

use std::error::Error as StdError;
use std::io;

use aws_config::imds::client::error::ImdsError;
use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_bedrockruntime::error::SdkError;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_types::retry::ErrorKind as RetryKind;
use bedrock_llm_schema::{Error, ErrorKind, Retry, ServiceError};
use serde::Deserialize;

use super::call::Reply;

const CREDENTIALS_HINT: &str = "log in with `aws configure sso` and `aws sso login`, set AWS_ACCESS_KEY_ID and \
     AWS_SECRET_ACCESS_KEY, or give a Bedrock API key in AWS_BEARER_TOKEN_BEDROCK; to go without an account, point `endpoint_url` \
     at a bedrock-llm-local endpoint, with any credentials";

pub(crate) const REGION_HINT: &str = "call `.region(\"us-east-1\")` on the builder, set AWS_REGION, or give the profile in ~/.aws/config a region";

/// What the service says in an error's body.
#[derive(Default, Deserialize)]
struct Said {
    #[serde(alias = "Message", alias = "errorMessage")]
    message: Option<String>,
    #[serde(rename = "__type")]
    r#type: Option<String>,
    code: Option<serde_json::Value>,
}

/// The service was reached and refused.
pub(super) fn from_reply(reply: &Reply) -> Error {
    let head = &reply.head;
    let said: Option<Said> = serde_json::from_slice(reply.bytes()).ok();
    // a proxy's page is worth its first words
    let text = match &said {
        Some(_) => String::new(),
        None => String::from_utf8_lossy(reply.bytes()).chars().take(300).collect(),
    };
    let said = said.unwrap_or_default();
    let body_code = said.code.as_ref().and_then(serde_json::Value::as_str);
    let service = ServiceError {
        code: head.error_type.as_deref().or(said.r#type.as_deref()).or(body_code),
        status: Some(head.status),
        message: said.message.as_deref().unwrap_or(text.trim()),
        request_id: head.request_id.as_deref(),
        retry_after: head.retry_after,
    };
    Error::from(service)
}

/// The SDK could not get an answer.
pub(super) fn from_sdk<E>(
    error: SdkError<E, HttpResponse>,
    service: &str,
    endpoint: Option<&str>,
    region: Option<&str>,
) -> Error
where
    E: StdError + Send + Sync + 'static,
{
    let target = match (endpoint, region) {
        (Some(endpoint), _) => endpoint.to_owned(),
        (None, Some(region)) => format!("{service} in {region}"),
        (None, None) => service.to_owned(),
    };
    let made = match &error {
        SdkError::TimeoutError(_) => timeout(&target),
        SdkError::ResponseError(_) => Error::new(
            ErrorKind::Connect,
            format!("the connection to {target} broke while the answer was read"),
        )
        // what reaches nobody may be tried again; an answer that was under way is paid for
        .with_retry(Retry::Permanent)
        .with_hint("the model may have worked and be paid for; send the request again, or stream the answer"),
        _ => by_cause(&error, &target),
    };
    made.with_source(error)
}

fn by_cause<E>(error: &SdkError<E, HttpResponse>, target: &str) -> Error
where
    E: StdError + Send + Sync + 'static,
{
    let causes = || chain(error);
    let says = |part: &str| causes().any(|cause| cause.to_string().to_lowercase().contains(part));
    if let Some(credentials) = causes().find_map(|cause| cause.downcast_ref::<CredentialsError>()) {
        return from_credentials(credentials);
    }
    // orchestrator/auth.rs: "no auth scheme matched auth scheme options …", when nothing provides an identity
    if says("no auth scheme") || says("nofoundidentity") || says("no identity resolver") {
        return no_credentials("no credentials were found");
    }
    // endpoint rules: "Invalid Configuration: Missing Region"; SigV4: "missing signing region"
    if says("missing region") || says("signing region") {
        return Error::new(ErrorKind::MissingRegion, "no region was given").with_hint(REGION_HINT);
    }
    let dispatch = match error {
        SdkError::DispatchFailure(dispatch) => dispatch,
        SdkError::ConstructionFailure(_) => {
            return Error::new(
                ErrorKind::InvalidRequest,
                format!("the request could not be made: {}", innermost(error)),
            );
        }
        _ => return Error::new(ErrorKind::Unexpected, innermost(error)),
    };
    if dispatch.is_timeout() && !says("connect timeout") {
        return timeout(target);
    }
    if causes().any(is_tls) {
        return Error::new(ErrorKind::Tls, format!("no secure connection to {target}: {}", innermost(error)))
            .with_hint("check that the endpoint speaks TLS (http:// or https://?), the proxy, and the system's root certificates");
    }
    if dispatch.is_io() || dispatch.is_timeout() {
        return Error::new(ErrorKind::Connect, format!("{target} cannot be reached: {}", innermost(error)))
            .with_hint("check the endpoint URL and its port, the region, the network and the proxy");
    }
    if dispatch.as_other() == Some(RetryKind::TransientError) {
        return Error::new(
            ErrorKind::Connect,
            format!("the connection to {target} broke before the answer: {}", innermost(error)),
        );
    }
    if dispatch.is_user() {
        return Error::new(
            ErrorKind::Config,
            format!("the request to {target} could not be sent: {}", innermost(error)),
        );
    }
    Error::new(ErrorKind::Unexpected, innermost(error))
}

fn timeout(target: &str) -> Error {
    Error::new(ErrorKind::Timeout, format!("{target} did not answer in time"))
        .with_hint("raise `operation_timeout` or `read_timeout`, or stream the answer")
}

/// Nobody has any, or somebody has and cannot give them.
fn from_credentials(error: &CredentialsError) -> Error {
    // a role's credentials are asked for with others, which may be the ones that are missing
    let none = |cause: &(dyn StdError + 'static)| {
        matches!(cause.downcast_ref(), Some(CredentialsError::CredentialsNotLoaded(_)))
    };
    // IMDS is asked last and without being told to: that it refuses, or is not there, says that there are none; where
    // a profile names it as its source, its error stands deeper
    let from_imds = || error.source().and_then(<dyn StdError>::downcast_ref::<ImdsError>).is_some();
    if chain(error).any(none) || from_imds() {
        return no_credentials(match undefined_profile(error) {
            Some(profile) => format!("no credentials were found: the profile `{profile}` does not exist"),
            None => "no credentials were found".to_owned(),
        });
    }
    Error::new(ErrorKind::Auth, format!("credentials could not be loaded: {}", innermost(error)))
        .with_hint("renew them (`aws sso login`), check the profile and the role's trust")
}

fn no_credentials(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::MissingCredentials, message).with_hint(CREDENTIALS_HINT)
}

/// The profile that `AWS_PROFILE` or another profile names without there being one. The SDK only tells it in words:
/// "profile `x` was not defined: …".
fn undefined_profile(error: &CredentialsError) -> Option<String> {
    chain(error).find_map(|cause| {
        let text = cause.to_string();
        let (before, _) = text.split_once("` was not defined: could not find")?;
        before.rsplit_once("profile `").map(|(_, name)| name.to_owned())
    })
}

/// rustls speaks through `io::Error`s of kind `InvalidData`; the rest is told by its words.
fn is_tls(cause: &(dyn StdError + 'static)) -> bool {
    let io = cause.downcast_ref::<io::Error>();
    io.is_some_and(|error| error.kind() == io::ErrorKind::InvalidData && error.get_ref().is_some())
        || ["certificate", "handshake", "corrupt message"].iter().any(|word| cause.to_string().contains(word))
}

/// An error and what caused it, outermost first.
fn chain<'a>(error: &'a (dyn StdError + 'static)) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    std::iter::successors(Some(error), |cause| {
        let cause: &'a (dyn StdError + 'static) = *cause;
        cause.source()
    })
}

/// The words of the last cause, which say most.
fn innermost(error: &(dyn StdError + 'static)) -> String {
    chain(error).last().map(ToString::to_string).unwrap_or_default()
}

/// The SDK says it succeeded, yet our deserializer was not asked.
pub(super) fn unread() -> Error {
    Error::new(ErrorKind::Unexpected, "the SDK finished the call without handing over the response")
        .with_hint("an interceptor of the given SDK client may replace the response deserializer")
}
