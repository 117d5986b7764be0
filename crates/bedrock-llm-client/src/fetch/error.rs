//! [`FetchError`]: why a URL did not become a content block.

use std::net::IpAddr;
use std::time::Duration;

use bedrock_llm_schema::{BoxError, MediaError};

/// Why a URL did not become a content block.
///
/// Names the host alone: the rest of a URL may hold a signature or a token. Never shows what was fetched.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FetchError {
    /// The URL, or the one a redirect leads to, cannot be read.
    #[error("the URL cannot be read; write `https://host/path`")]
    Url {
        /// Why.
        #[source]
        source: BoxError,
    },
    /// The URL, or the one a redirect leads to, is of a scheme that is not fetched.
    #[error("{scheme} URLs are not fetched; use https, or `allow_http` for http on a network you trust")]
    Scheme {
        /// The scheme, such as `file`.
        scheme: String,
    },
    /// The URL holds a user name or password.
    #[error("the URL of {host} holds a user name or password; leave them out")]
    Credentials {
        /// The host.
        host: String,
    },
    /// The host is at an address that URLs may not reach.
    #[error(
        "{host} is at {address}, which URLs may not reach: it is private, link-local or reserved; \
         `allow_private_addresses` opens private ones to every URL"
    )]
    Address {
        /// The host.
        host: String,
        /// The address.
        address: IpAddr,
    },
    /// The host's name has no address.
    #[error("{host} cannot be found; check the URL's spelling and the DNS")]
    Resolve {
        /// The host.
        host: String,
        /// Why.
        #[source]
        source: BoxError,
    },
    /// There is no connection to the host: it does not answer, or its certificate is not trusted.
    #[error("cannot connect to {host}; see that it is up and has a certificate that this system trusts")]
    Connect {
        /// The host.
        host: String,
        /// Why.
        #[source]
        source: BoxError,
    },
    /// It took too long.
    #[error("{host} was not done after {after:?}; try later, or set a longer timeout")]
    Timeout {
        /// The host.
        host: String,
        /// How long it was waited for.
        after: Duration,
    },
    /// The host answers with something else than 200.
    #[error("{host} answers {status}; see that the URL is right and open to everybody")]
    Status {
        /// The host.
        host: String,
        /// The HTTP status.
        status: u16,
    },
    /// There are too many redirects.
    #[error("{host} redirects more than {max} times; use the URL it should end at")]
    Redirects {
        /// The host that redirects once too often.
        host: String,
        /// The most redirects that are followed.
        max: usize,
    },
    /// What is there is not of the kind that was asked for.
    #[error("{host} says it sends {found}, not {wanted}; see that the URL is that of the file itself")]
    ContentType {
        /// The host.
        host: String,
        /// What was asked for, such as `an image`.
        wanted: &'static str,
        /// The content type.
        found: String,
    },
    /// The bytes are not what the content type says.
    #[error(
        "{host} says it sends {said}, but the bytes are {found}; see that the URL is that of the file itself"
    )]
    Disagreement {
        /// The host.
        host: String,
        /// The content type.
        said: String,
        /// The format of the bytes.
        found: String,
    },
    /// It is larger than is allowed.
    #[error("what {host} sends is larger than {max} bytes; raise the limit, or put it in Amazon S3")]
    TooLarge {
        /// The host.
        host: String,
        /// The most bytes that are read.
        max: u64,
    },
    /// The connection broke.
    #[error("the connection to {host} broke; try again")]
    Broken {
        /// The host.
        host: String,
        /// Why.
        #[source]
        source: BoxError,
    },
    /// The bytes are of no format that the service takes.
    #[error("what {host} sends cannot be used")]
    Media {
        /// The host.
        host: String,
        /// Why.
        #[source]
        source: MediaError,
    },
}
