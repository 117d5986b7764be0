//! What goes out and what comes back.

use std::fmt::Write as _;
use std::time::Duration;

use aws_smithy_types::body::SdkBody;
use bedrock_llm_schema::{Catalog, Error, ErrorKind, ModelId, Operation};
use bytes::Bytes;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// What stands unescaped in a path segment: RFC 3986's unreserved characters, as the SDK does it.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

pub(crate) const JSON: &str = "application/json";

/// A call, ready to be signed and sent.
pub(crate) struct Outgoing {
    pub(crate) context: Context,
    pub(crate) path: String,
    pub(crate) body: Bytes,
    pub(crate) content_type: String,
    /// What else the operation says in headers; names in lower case.
    pub(crate) headers: Vec<(&'static str, String)>,
}

impl Outgoing {
    pub(crate) fn json(context: Context, path: String, body: impl Into<Bytes>) -> Self {
        Self { context, path, body: body.into(), content_type: JSON.to_owned(), headers: Vec::new() }
    }

    pub(crate) fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    pub(crate) fn optional_header(self, name: &'static str, value: Option<impl Into<String>>) -> Self {
        match value {
            Some(value) => self.header(name, value),
            None => self,
        }
    }
}

/// Neither path nor body: the one may be an account's ARN, the other is a prompt.
impl std::fmt::Debug for Outgoing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Outgoing")
            .field("context", &self.context)
            .field("bytes", &self.body.len())
            .finish_non_exhaustive()
    }
}

/// `/model/{id}/{verb}`.
pub(crate) fn model_path(model: &ModelId, verb: &str) -> String {
    let mut path = String::with_capacity(model.as_str().len() + 32);
    // writing to a string does not fail
    let _ = write!(path, "/model/{}/{verb}", utf8_percent_encode(model.as_str(), SEGMENT));
    path
}

/// `/guardrail/{id}/version/{version}/apply`.
pub(crate) fn guardrail_path(identifier: &str, version: &str) -> String {
    let identifier = utf8_percent_encode(identifier, SEGMENT);
    let version = utf8_percent_encode(version, SEGMENT);
    format!("/guardrail/{identifier}/version/{version}/apply")
}

/// What a call is, for errors and logs.
#[derive(Debug, Clone)]
pub(crate) struct Context {
    pub(crate) operation: Operation,
    pub(crate) model: Option<ModelId>,
    pub(crate) request_id: Option<String>,
}

impl Context {
    pub(crate) fn new(operation: Operation, model: Option<&ModelId>) -> Self {
        Self { operation, model: model.cloned(), request_id: None }
    }

    /// Adds what the call was to an error that lacks it.
    pub(crate) fn explain(&self, error: Error) -> Error {
        let mut error = error.with_operation_if_none(self.operation);
        if let Some(model) = &self.model {
            error = error.with_model_if_none(model);
        }
        match &self.request_id {
            Some(id) => error.with_request_id_if_none(id),
            None => error,
        }
    }

    /// Names the inference profile to use, where the service says that one is needed.
    pub(crate) fn advise(&self, error: Error, catalog: &Catalog, region: Option<&str>) -> Error {
        let (ErrorKind::InferenceProfileRequired, Some(model)) = (error.kind(), &self.model) else {
            return error;
        };
        let profile = region.and_then(|region| catalog.inference_profile_for(model, region));
        let hint = match (profile, region) {
            (Some(profile), Some(region)) => format!("use the inference profile {profile} in {region}"),
            (None, Some(region)) => {
                format!("use an inference profile of {model} that {region} has; see `bedrock-llm models`")
            }
            (_, None) => {
                "use one of the model's inference profiles, such as us.<model>; see `bedrock-llm models`"
                    .to_owned()
            }
        };
        error.with_hint(hint)
    }
}

/// The part of a response that is not its body.
#[derive(Clone, Default)]
pub(crate) struct Head {
    pub(crate) status: u16,
    pub(crate) request_id: Option<String>,
    pub(crate) content_type: Option<String>,
    pub(crate) error_type: Option<String>,
    pub(crate) retry_after: Option<Duration>,
    /// The `x-amzn-*` headers in lower case.
    pub(crate) amzn: Vec<(String, String)>,
}

/// The names of the headers alone: what they say may tell of the answer.
impl std::fmt::Debug for Head {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names: Vec<_> = self.amzn.iter().map(|(name, _)| name.as_str()).collect();
        f.debug_struct("Head")
            .field("status", &self.status)
            .field("request_id", &self.request_id)
            .field("content_type", &self.content_type)
            .field("error_type", &self.error_type)
            .field("retry_after", &self.retry_after)
            .field("amzn", &names)
            .finish()
    }
}

/// A response; its body is whole, or still to be read if a stream was asked for and the status is 200.
pub(crate) struct Reply {
    pub(crate) head: Head,
    pub(crate) body: SdkBody,
}

/// Not the body: it is an answer.
impl std::fmt::Debug for Reply {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reply")
            .field("head", &self.head)
            .field("bytes", &self.body.bytes().map(<[u8]>::len))
            .finish_non_exhaustive()
    }
}

impl Reply {
    /// The whole body; empty where it is a stream.
    pub(crate) fn bytes(&self) -> &[u8] {
        self.body.bytes().unwrap_or_default()
    }

    /// Reads the body as JSON; an error names the place.
    pub(crate) fn json<T: serde::de::DeserializeOwned>(&self) -> Result<T, Error> {
        let bytes = self.bytes();
        // the fast way first; the path of the place is worth its price only when it fails
        serde_json::from_slice(bytes).map_err(|plain| {
            let mut reader = serde_json::Deserializer::from_slice(bytes);
            let place = serde_path_to_error::deserialize::<_, T>(&mut reader)
                .err()
                .map(|error| error.path().to_string());
            let place = place.unwrap_or_else(|| ".".to_owned());
            let message = format!("the response is not what this operation answers, at {place}");
            Error::new(ErrorKind::Decode, message).with_source(plain)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_escaped_as_the_sdk_does() {
        assert_eq!(
            model_path(&"us.amazon.nova-lite-v1:0".into(), "converse"),
            "/model/us.amazon.nova-lite-v1%3A0/converse"
        );
        let arn = "arn:aws:bedrock:us-east-1:123456789012:imported-model/abc".into();
        assert_eq!(
            model_path(&arn, "invoke"),
            "/model/arn%3Aaws%3Abedrock%3Aus-east-1%3A123456789012%3Aimported-model%2Fabc/invoke"
        );
        assert_eq!(guardrail_path("gr-1", "DRAFT"), "/guardrail/gr-1/version/DRAFT/apply");
    }

    #[test]
    fn the_profile_of_the_region_is_named() {
        let context = Context::new(Operation::Converse, Some(&"deepseek.r1-v1:0".into()));
        let error =
            || Error::new(ErrorKind::InferenceProfileRequired, "on-demand throughput isn’t supported");
        assert!(
            context
                .advise(error(), Catalog::builtin(), Some("us-east-1"))
                .hint()
                .unwrap()
                .contains("us.deepseek.r1-v1:0")
        );
        assert!(
            context
                .advise(error(), Catalog::builtin(), Some("eu-west-1"))
                .hint()
                .unwrap()
                .contains("eu-west-1")
        );
        assert!(context.advise(error(), Catalog::builtin(), None).hint().is_some());
        // the client's own catalog is asked, not the built-in one
        let hint = context.advise(error(), &Catalog::default(), Some("us-east-1"));
        assert!(!hint.hint().unwrap().contains("us.deepseek.r1-v1:0"));
    }

    #[test]
    fn debug_shows_no_prompt_and_no_answer() {
        let call = Outgoing::json(Context::new(Operation::Converse, None), "/p".to_owned(), "my secret");
        let amzn = vec![("x-amzn-told".to_owned(), "a secret".to_owned())];
        let reply = Reply { head: Head { amzn, ..Head::default() }, body: SdkBody::from("a secret answer") };
        let shown = format!("{:?} {reply:?}", call.header("authorization", "a secret"));
        assert!(!shown.contains("secret"), "{shown}");
        assert!(shown.contains("bytes: 9") && shown.contains("Some(15)"), "{shown}");
        assert!(shown.contains("x-amzn-told"), "{shown}");
    }

    #[test]
    fn unreadable_json_names_the_place() {
        let reply = Reply { head: Head::default(), body: SdkBody::from(r#"{"inputTokens":"x"}"#) };
        let error = reply.json::<bedrock_llm_schema::CountTokensResponse>().unwrap_err();
        assert_eq!(error.kind(), &ErrorKind::Decode);
        assert!(error.message().contains("inputTokens"), "{error}");
    }
}
