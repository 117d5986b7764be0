//! Images, documents and videos from URLs, without letting a URL reach into your network.
//!
//! A URL that a user or a model gives is not to be trusted: it may point at services that only your machine reaches,
//! such as the one that hands out its credentials. A [`Fetcher`] therefore
//!
//! - takes `https://` alone, without user name and password in the URL, trusting what the system trusts;
//! - resolves the host itself, refuses private, link-local and reserved addresses, also those inside IPv6 ones, and
//!   connects to the very address it has checked;
//! - does so again for every redirect, at most five;
//! - sends neither cookies nor referrers and uses no proxy from the environment;
//! - has limits on time and size, both of what is announced and of what comes;
//! - wants a content type of the kind that was asked for, and bytes of a format that the service takes. A content type that says
//!   nothing, as Amazon S3 sends for files it was told nothing about, leaves it to the bytes.
//!
//! ```no_run
//! use bedrock_llm_client::Fetcher;
//! use bedrock_llm_schema::{ChatRequest, Message};
//!
//! # async fn run() -> Result<(), bedrock_llm_client::FetchError> {
//! let fetcher = Fetcher::new();
//! let photo = fetcher.image("https://example.com/moon.jpg").await?;
//! let request = ChatRequest::new("us.amazon.nova-lite-v1:0").message(Message::user("What is this?").with(photo));
//! # Ok(())
//! # }
//! ```

mod address;
mod connect;
mod error;
mod kind;

use std::time::Duration;

use bedrock_llm_schema::{DocumentBlock, ImageBlock, VideoBlock};
use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, LOCATION};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use percent_encoding::percent_decode_str;
use url::Url;

use connect::{Policy, Reply, host};
pub use error::FetchError;
use kind::{Kind, agreed, essence};

const MIB: u64 = 1024 * 1024;

/// Fetches media. Cheap to clone; each call has its own connection. See the [module](self) for what it refuses.
#[derive(Debug, Clone)]
pub struct Fetcher {
    policy: Policy,
    timeout: Duration,
    max_redirects: usize,
    max_image_bytes: u64,
    max_document_bytes: u64,
    max_video_bytes: u64,
}

/// Builds a [`Fetcher`].
#[derive(Debug, Clone)]
#[must_use]
pub struct FetcherBuilder(Fetcher);

/// What came, and what it was said to be.
struct File {
    host: String,
    name: String,
    content_type: String,
    bytes: Bytes,
}

impl Default for Fetcher {
    fn default() -> Self {
        Self::new()
    }
}

impl Fetcher {
    /// A fetcher with the default limits.
    #[must_use]
    pub fn new() -> Self {
        Self::builder().build()
    }

    /// A builder with the default limits: 20 MiB for an image, which can be made smaller afterwards, or a document,
    /// 25 MiB for a video; 10 s to connect, 60 s for all; five redirects.
    pub fn builder() -> FetcherBuilder {
        FetcherBuilder(Self {
            policy: Policy {
                allow_http: false,
                allow_private: false,
                connect_timeout: Duration::from_secs(10),
            },
            timeout: Duration::from_secs(60),
            max_redirects: 5,
            max_image_bytes: 20 * MIB,
            max_document_bytes: 20 * MIB,
            max_video_bytes: 25 * MIB,
        })
    }

    /// An image, its format recognised from its bytes.
    ///
    /// Dropping the future closes the connection.
    ///
    /// # Errors
    /// When the URL is refused, or what is there is not an image that the service takes.
    pub async fn image(&self, url: &str) -> Result<ImageBlock, FetchError> {
        let file = self.fetch(Kind::Image, url, self.max_image_bytes).await?;
        ImageBlock::from_bytes(file.bytes).map_err(|source| FetchError::Media { host: file.host, source })
    }

    /// A document, named after the URL's last part (in characters that the service takes), its format recognised from
    /// its bytes and, for kinds of text that have no mark of their own (`csv`, `md`), from the content type or the
    /// URL's ending.
    ///
    /// Dropping the future closes the connection.
    ///
    /// # Errors
    /// When the URL is refused, or what is there is not a document that the service takes.
    pub async fn document(&self, url: &str) -> Result<DocumentBlock, FetchError> {
        let File { host, name, content_type, bytes } =
            self.fetch(Kind::Document, url, self.max_document_bytes).await?;
        let mut document = match DocumentBlock::from_file(&name, bytes) {
            Ok(document) => document,
            Err(source) => return Err(FetchError::Media { host, source }),
        };
        if let Some(found) = document.format {
            match agreed(&found, &content_type) {
                Some(format) => document.format = Some(format),
                None => {
                    return Err(FetchError::Disagreement {
                        host,
                        said: content_type,
                        found: found.to_string(),
                    });
                }
            }
        }
        Ok(document)
    }

    /// A video, its format recognised from its bytes.
    ///
    /// Dropping the future closes the connection.
    ///
    /// # Errors
    /// When the URL is refused, or what is there is not a video that the service takes.
    pub async fn video(&self, url: &str) -> Result<VideoBlock, FetchError> {
        let file = self.fetch(Kind::Video, url, self.max_video_bytes).await?;
        VideoBlock::from_bytes(file.bytes).map_err(|source| FetchError::Media { host: file.host, source })
    }

    async fn fetch(&self, kind: Kind, url: &str, max: u64) -> Result<File, FetchError> {
        let url = Url::parse(url).map_err(|error| FetchError::Url { source: error.into() })?;
        let (host, after) = (host(&url), self.timeout);
        tokio::time::timeout(after, self.follow(kind, url, max))
            .await
            .unwrap_or(Err(FetchError::Timeout { host, after }))
    }

    /// Follows redirects to where the file is.
    async fn follow(&self, kind: Kind, mut url: Url, max: u64) -> Result<File, FetchError> {
        for _ in 0..=self.max_redirects {
            let reply = self.policy.get(&url, kind.accept()).await?;
            match location(&reply, &url)? {
                Some(next) => url = next,
                None => return read(reply, kind, &url, max).await,
            }
        }
        Err(FetchError::Redirects { host: host(&url), max: self.max_redirects })
    }
}

/// Where a redirect leads.
fn location(reply: &Reply, url: &Url) -> Result<Option<Url>, FetchError> {
    if !matches!(reply.response.status().as_u16(), 301 | 302 | 303 | 307 | 308) {
        return Ok(None);
    }
    let Some(location) = reply.response.headers().get(LOCATION) else { return Ok(None) };
    let unreadable = |source| FetchError::Url { source };
    let location = location.to_str().map_err(|error| unreadable(error.into()))?;
    url.join(location).map(Some).map_err(|error| unreadable(error.into()))
}

async fn read(reply: Reply, kind: Kind, url: &Url, max: u64) -> Result<File, FetchError> {
    let Reply { response, connection } = reply;
    let host = host(url);
    let header = |name| response.headers().get(name).and_then(|value| value.to_str().ok());
    if response.status() != http::StatusCode::OK {
        return Err(FetchError::Status { host, status: response.status().as_u16() });
    }
    let content_type = essence(header(CONTENT_TYPE).unwrap_or_default());
    if !kind.takes(&content_type) {
        return Err(FetchError::ContentType { host, wanted: kind.as_str(), found: content_type });
    }
    let announced = header(CONTENT_LENGTH).and_then(|length| length.parse::<u64>().ok());
    if announced.is_some_and(|length| length > max) {
        return Err(FetchError::TooLarge { host, max });
    }
    let limit = usize::try_from(max).unwrap_or(usize::MAX);
    let bytes = match Limited::new(response.into_body(), limit).collect().await {
        Ok(body) => body.to_bytes(),
        Err(error) if error.is::<LengthLimitError>() => return Err(FetchError::TooLarge { host, max }),
        Err(source) => return Err(FetchError::Broken { host, source }),
    };
    drop(connection);
    let last = url.path_segments().and_then(|mut parts| parts.next_back()).unwrap_or_default();
    let name = percent_decode_str(last).decode_utf8_lossy().into_owned();
    Ok(File { host, name, content_type, bytes })
}

impl FetcherBuilder {
    /// Sets how long each step of a connection may take: finding the host's addresses, connecting to one of them, the
    /// TLS handshake. 10 s by default.
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.0.policy.connect_timeout = timeout;
        self
    }

    /// Sets how long a call may take, redirects and all. 60 s by default.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.0.timeout = timeout;
        self
    }

    /// Sets how many redirects are followed; 0 for none. Five by default.
    pub fn max_redirects(mut self, max: usize) -> Self {
        self.0.max_redirects = max;
        self
    }

    /// Sets the most bytes of an image. 20 MiB by default.
    pub fn max_image_bytes(mut self, max: u64) -> Self {
        self.0.max_image_bytes = max;
        self
    }

    /// Sets the most bytes of a document. 20 MiB by default.
    pub fn max_document_bytes(mut self, max: u64) -> Self {
        self.0.max_document_bytes = max;
        self
    }

    /// Sets the most bytes of a video. 25 MiB by default.
    pub fn max_video_bytes(mut self, max: u64) -> Self {
        self.0.max_video_bytes = max;
        self
    }

    /// Takes `http://` URLs too, whose answers anybody on the way can change. For networks you trust.
    pub fn allow_http(mut self, allow: bool) -> Self {
        self.0.policy.allow_http = allow;
        self
    }

    /// Lets URLs reach private addresses: this host's, and those of your own networks. Link-local addresses, metadata
    /// services and reserved blocks stay closed. Not for URLs from users or models, unless all that is there is theirs to see.
    pub fn allow_private_addresses(mut self, allow: bool) -> Self {
        self.0.policy.allow_private = allow;
        self
    }

    /// The fetcher.
    #[must_use]
    pub fn build(self) -> Fetcher {
        self.0
    }
}
