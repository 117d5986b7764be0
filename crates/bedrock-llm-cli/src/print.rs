//! Standard output, which may be closed at any time (`… | head`), and errors in this command's words.

use std::fmt::Display;
use std::io::{self, Write as _};

use bedrock_llm_agent::AgentError;
use bedrock_llm_agent::agent::AgentErrorKind;
use bedrock_llm_schema::{Error, ErrorKind};

/// Prints a line.
pub(crate) fn line(line: impl Display) -> io::Result<()> {
    writeln!(io::stdout().lock(), "{line}")
}

/// Prints a piece of text at once.
pub(crate) fn piece(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()
}

/// Whether somebody closed our output: no failure of ours.
pub(crate) fn is_closed_pipe(error: &anyhow::Error) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

/// What went wrong and what to do, in this command's own options. Causes that say nothing new are left out.
pub(crate) fn explain(error: &anyhow::Error) -> String {
    let mut text = String::new();
    for cause in error.chain() {
        let model = cause.downcast_ref::<AgentError>().and_then(|error| match error.kind() {
            AgentErrorKind::Model(error) => Some(error),
            _ => None,
        });
        let (message, ends) = match cause.downcast_ref::<Error>().or(model) {
            Some(ours) => (in_our_words(ours), true),
            None => (cause.to_string(), false),
        };
        if !text.contains(&message) {
            if !text.is_empty() {
                text.push_str(": ");
            }
            text.push_str(&message);
        }
        if ends {
            break; // our error's line says what its causes do
        }
    }
    text
}

/// The library's hints name its methods; this command has options.
pub(crate) fn in_our_words(error: &Error) -> String {
    let hint = match error.kind() {
        ErrorKind::MissingRegion => "give --region, or set AWS_REGION",
        ErrorKind::MissingCredentials => {
            "log in (`aws configure sso`), set AWS_BEARER_TOKEN_BEDROCK, or try --local"
        }
        ErrorKind::Unsupported if error.status().is_none() => "leave it out, or try --api converse",
        ErrorKind::InvalidRequest if error.message().contains("inferenceConfig.maxTokens)") => {
            "give --max-tokens"
        }
        _ => return error.to_string(),
    };
    let message = error.message().split("; ").next().unwrap_or_default();
    format!("{}: {message} ({hint})", error.kind())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_said_twice_and_hints_are_options() {
        let refused = bedrock_llm_schema::ChatRequest::new("m").validate().unwrap_err();
        let text = explain(&anyhow::Error::from(Error::from(refused)));
        assert_eq!(text.matches("no messages").count(), 1, "{text}");
        let error = Error::new(ErrorKind::MissingRegion, "no region was given").with_hint("call `.region()`");
        assert_eq!(
            explain(&anyhow::Error::from(error)),
            "no region: no region was given (give --region, or set AWS_REGION)"
        );
    }
}
