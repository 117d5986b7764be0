//! The way to a server over HTTP.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use bedrock_llm_schema::BoxError;
use http::{HeaderName, HeaderValue, Uri};
use reqwest::redirect::Policy;
use reqwest::{Client, StatusCode};
use rmcp::transport::StreamableHttpClientTransport;
use rmcp::transport::common::client_side_sse::ExponentialBackoff;
use rmcp::transport::streamable_http_client::StreamableHttpClientTransportConfig;

/// As many redirects are followed.
const MAX_REDIRECTS: usize = 10;

/// A stream of answers that breaks off is taken up again, after twice this at first, and then twice as long each time.
const RECONNECT_DELAY: Duration = Duration::from_millis(250);
/// After so many attempts the calls that waited for it fail: some 4 s, longer where the server asks for pauses.
const RECONNECTS: usize = 4;

/// Where a server is, and what is said to it beside the protocol.
#[derive(Clone, Default)]
pub(super) struct Address {
    pub(super) url: String,
    pub(super) bearer_token: Option<String>,
    pub(super) headers: Vec<(String, String)>,
}

impl Address {
    /// The URL without what may be secret.
    pub(super) fn server(&self) -> String {
        let Ok(uri) = self.url.parse::<Uri>() else { return "(a URL)".to_owned() };
        let scheme = uri.scheme_str().map(|scheme| format!("{scheme}://")).unwrap_or_default();
        let port = uri.port().map(|port| format!(":{port}")).unwrap_or_default();
        format!("{scheme}{}{port}{}", uri.host().unwrap_or_default(), uri.path())
    }

    /// What is wrong with an option, and with which.
    pub(super) fn check(&self) -> Result<HashMap<HeaderName, HeaderValue>, (&'static str, String)> {
        let uri = self.url.parse::<Uri>().ok().filter(|uri| uri.host().is_some());
        if !uri.is_some_and(|uri| matches!(uri.scheme_str(), Some("http" | "https"))) {
            return Err(("url", "it is none; write `https://host/path`".to_owned()));
        }
        let visible = |token: &String| !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic());
        if self.bearer_token.as_ref().is_some_and(|token| !visible(token)) {
            return Err(("bearer_token", "it may hold visible ASCII characters alone".to_owned()));
        }
        let mut headers = HashMap::new();
        for (name, value) in &self.headers {
            let Ok(header) = HeaderName::try_from(name) else {
                return Err(("header", format!("`{name}` is no header's name")));
            };
            // the protocol's own; the SDK refuses them when it is too late to say which option it was
            let own = ["accept", "content-type", "mcp-session-id", "mcp-protocol-version", "last-event-id"];
            if own.contains(&header.as_str()) {
                return Err(("header", format!("`{name}` is set by the protocol")));
            }
            let Ok(mut value) = HeaderValue::try_from(value) else {
                return Err(("header", format!("the value of `{name}` cannot be sent")));
            };
            value.set_sensitive(true);
            headers.insert(header, value);
        }
        Ok(headers)
    }

    /// The transport; nothing has been sent yet.
    pub(super) fn transport(
        &self,
        headers: HashMap<HeaderName, HeaderValue>,
    ) -> Result<StreamableHttpClientTransport<Client>, BoxError> {
        let client = Client::builder()
            // a connection whose last answer was not read to its end stalls the next request
            .pool_max_idle_per_host(0)
            .redirect(same_place())
            .build()?;
        let mut config =
            StreamableHttpClientTransportConfig::with_uri(self.url.as_str()).custom_headers(headers);
        let mut reconnects = ExponentialBackoff::default();
        (reconnects.base_duration, reconnects.max_times) = (RECONNECT_DELAY, Some(RECONNECTS));
        config.retry_config = Arc::new(reconnects);
        if let Some(token) = &self.bearer_token {
            config = config.auth_header(token.as_str());
        }
        Ok(StreamableHttpClientTransport::with_client(client, config))
    }
}

/// Follows a server to another path of its own, as servers redirect `/mcp` to `/mcp/`. To another host it would carry the
/// headers, and after a 301 to 303 not the message.
fn same_place() -> Policy {
    Policy::custom(|attempt| {
        let keeps_body =
            matches!(attempt.status(), StatusCode::TEMPORARY_REDIRECT | StatusCode::PERMANENT_REDIRECT);
        let is_same =
            attempt.previous().last().is_some_and(|before| before.origin() == attempt.url().origin());
        let is_near = attempt.previous().len() <= MAX_REDIRECTS;
        if keeps_body && is_same && is_near { attempt.follow() } else { attempt.stop() }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_named_without_secrets() {
        let address = |url: &str| Address { url: url.to_owned(), ..Address::default() }.server();
        assert_eq!(
            address("https://me:secret@example.com:8443/mcp?key=secret"),
            "https://example.com:8443/mcp"
        );
        assert_eq!(address("secret secret"), "(a URL)");
    }

    #[test]
    fn options_are_checked_by_name() {
        let good = Address { url: "http://localhost:1/mcp".to_owned(), ..Address::default() };
        assert!(good.check().is_ok());
        let option = |address: Address| address.check().unwrap_err().0;
        for url in ["", "localhost/mcp", "ftp://host/", "http://"] {
            assert_eq!(option(Address { url: url.to_owned(), ..Address::default() }), "url", "{url}");
        }
        assert_eq!(option(Address { bearer_token: Some("a b".to_owned()), ..good.clone() }), "bearer_token");
        for (name, value) in [("a b", "c"), ("x", "a\nb"), ("Accept", "text/html")] {
            let headers = vec![(name.to_owned(), value.to_owned())];
            assert_eq!(option(Address { headers, ..good.clone() }), "header", "{name}");
        }
    }
}
