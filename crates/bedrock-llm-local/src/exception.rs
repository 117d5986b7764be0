//! The service's exceptions: name, status, what they say.

use bedrock_llm_schema::wire::Extra;
use serde_json::Value;

/// What AWS puts after an error's name in `x-amzn-errortype`.
const NAMESPACE: &str = "http://internal.amazon.com/coral/com.amazon.bedrock/";

/// Name, status, and a sentence the service uses; first those of the service's own model.
const KNOWN: &[(&str, u16, &str)] = &[
    ("AccessDeniedException", 403, "You don't have access to the model with the specified model ID."),
    ("ConflictException", 409, "The resource is in a state that does not allow this request."),
    (
        "InternalServerException",
        500,
        "The system encountered an unexpected error during processing. Try your request again.",
    ),
    (
        "ModelErrorException",
        424,
        "The model returned the following errors: the model failed on this request.",
    ),
    ("ModelNotReadyException", 429, "Model is not ready for inference. Wait and try your request again."),
    (
        "ModelStreamErrorException",
        424,
        "The system encountered an unexpected error during processing. Try your request again.",
    ),
    ("ModelTimeoutException", 408, "Model has timed out in processing the request. Try your request again."),
    ("ResourceNotFoundException", 404, "The provided resource was not found."),
    ("ServiceQuotaExceededException", 400, "Your request exceeds the service quota for your account."),
    ("ServiceUnavailableException", 503, "Bedrock is unable to process your request."),
    ("ThrottlingException", 429, "Too many requests, please wait before trying again."),
    ("ValidationException", 400, "The input fails to satisfy the constraints of the service."),
    // of bedrock-agent-runtime
    ("BadGatewayException", 502, "A dependency of the service failed. Retry your request."),
    (
        "DependencyFailedException",
        424,
        "A dependency refused the request. Check the request and what it names.",
    ),
    // what AWS's front door says
    ("ExpiredTokenException", 403, "The security token included in the request is expired"),
    (
        "InvalidSignatureException",
        403,
        "The request signature we calculated does not match the signature you provided.",
    ),
    ("MissingAuthenticationTokenException", 403, "Missing Authentication Token"),
    ("SerializationException", 400, "The request body could not be read."),
    ("UnknownOperationException", 404, "The requested operation is not recognized by the service."),
    ("UnrecognizedClientException", 403, "The security token included in the request is invalid."),
];

/// An error as the service answers it: a name, a status and a sentence.
///
/// ```
/// use bedrock_llm_local::Exception;
///
/// let throttled = Exception::new("ThrottlingException");
/// assert_eq!((throttled.status(), throttled.name()), (429, "ThrottlingException"));
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Exception {
    name: String,
    status: u16,
    message: String,
    members: Option<Box<Extra>>,
}

impl Exception {
    /// An exception by its name, with its own status and a sentence the service uses. A name the service does not have
    /// gets status 400.
    pub fn new(name: impl Into<String>) -> Self {
        let name = name.into();
        let known = KNOWN.iter().find(|(known, ..)| *known == name);
        let (status, message) =
            known.map_or((400, "The request failed."), |(_, status, message)| (*status, *message));
        Self { name, status, message: message.to_owned(), members: None }
    }

    /// An exception the service, or AWS in front of it, has.
    pub(crate) fn known(name: &str) -> Option<Self> {
        KNOWN.iter().any(|(known, ..)| *known == name).then(|| Self::new(name))
    }

    /// `ValidationException` with a sentence of its own.
    pub(crate) fn validation(message: impl Into<String>) -> Self {
        Self::new("ValidationException").message(message)
    }

    /// The names this crate knows statuses of.
    pub(crate) fn names() -> impl Iterator<Item = &'static str> {
        KNOWN.iter().map(|(name, ..)| *name)
    }

    /// The same with this sentence.
    #[must_use]
    pub fn message(mut self, message: impl Into<String>) -> Self {
        self.message = message.into();
        self
    }

    /// The same with this status.
    #[must_use]
    pub fn with_status(mut self, status: u16) -> Self {
        self.status = status;
        self
    }

    /// The same with one more member beside the sentence, such as `originalStatusCode`.
    #[must_use]
    pub fn member(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.members.get_or_insert_default().insert(name.into(), value.into());
        self
    }

    /// Its name: `ThrottlingException`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its HTTP status.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.status
    }

    /// Its sentence.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.message
    }

    /// The value of `x-amzn-errortype`.
    pub(crate) fn error_type(&self) -> String {
        format!("{}:{NAMESPACE}", self.name)
    }

    /// Its name as an event-stream frame has it: `throttlingException`.
    pub(crate) fn event_type(&self) -> String {
        let mut letters = self.name.chars();
        letters.next().map_or_else(String::new, |first| first.to_lowercase().chain(letters).collect())
    }

    /// The JSON of the body, or of the frame's payload.
    pub(crate) fn body(&self) -> Vec<u8> {
        let mut body = Extra::from_iter([("message".to_owned(), Value::from(self.message.as_str()))]);
        body.extend(self.members.iter().flat_map(|members| (**members).clone()));
        Value::Object(body).to_string().into_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_their_status_and_spellings() {
        let exception = Exception::new("ModelStreamErrorException").member("originalStatusCode", 500);
        assert_eq!(exception.status(), 424);
        assert_eq!(exception.event_type(), "modelStreamErrorException");
        assert!(exception.error_type().starts_with("ModelStreamErrorException:http://"));
        let body: Value = serde_json::from_slice(&exception.body()).unwrap();
        assert_eq!((body["originalStatusCode"].as_u64(), body["message"].is_string()), (Some(500), true));
        assert_eq!(Exception::new("BrandNew").status(), 400);
        assert!(Exception::known("BrandNew").is_none());
    }
}
