//! One request to one URL: its host resolved, the addresses checked, and a checked one connected to.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use http::header::{ACCEPT, ACCEPT_ENCODING, HOST, USER_AGENT};
use http::{Request, Response};
use http_body_util::Empty;
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio_rustls::TlsConnector;
use url::{Host, Position, Url};

use super::address::{Reach, reach};
use super::error::FetchError;

/// How long an address is tried before the next is tried too: RFC 8305, section 5.
const HEAD_START: Duration = Duration::from_millis(250);

/// What holds for each connection.
#[derive(Debug, Clone)]
pub(super) struct Policy {
    pub(super) allow_http: bool,
    pub(super) allow_private: bool,
    /// For each of: finding the addresses, connecting to one of them, the TLS handshake.
    pub(super) connect_timeout: Duration,
}

/// A response whose body is still to be read, and the connection it comes over, which is closed on drop.
pub(super) struct Reply {
    pub(super) response: Response<Incoming>,
    pub(super) connection: JoinSet<()>,
}

trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

/// TLS with the roots that this system trusts, as the AWS transport has it; HTTP/1.1 alone, for one request.
static TLS: LazyLock<Result<TlsConnector, rustls::Error>> = LazyLock::new(|| {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
});

impl Policy {
    /// Checks the URL and asks for what is there.
    pub(super) async fn get(&self, url: &Url, accept: &'static str) -> Result<Reply, FetchError> {
        let is_tls = match url.scheme() {
            "https" => true,
            "http" if self.allow_http => false,
            scheme => return Err(FetchError::Scheme { scheme: scheme.to_owned() }),
        };
        let host = host(url);
        if !url.username().is_empty() || url.password().is_some() {
            return Err(FetchError::Credentials { host });
        }
        let addresses = self.addresses(url, &host).await?;
        let tcp = self.connect(&addresses, &host).await?;
        let stream: Box<dyn Stream> =
            if is_tls { Box::new(self.tls(tcp, url, &host).await?) } else { Box::new(tcp) };

        let broken = |source: hyper::Error| FetchError::Broken { host: host.clone(), source: source.into() };
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(broken)?;
        let mut driver = JoinSet::new();
        driver.spawn(async move {
            // what breaks is told to whoever waits for the response or its body
            let _ = connection.await;
        });
        let request = Request::get(&url[Position::BeforePath..Position::AfterQuery])
            .header(HOST, &url[Position::BeforeHost..Position::AfterPort])
            .header(ACCEPT, accept)
            .header(ACCEPT_ENCODING, "identity")
            .header(USER_AGENT, concat!("bedrock-llm/", env!("CARGO_PKG_VERSION")))
            .body(Empty::<Bytes>::new())
            .map_err(|error| FetchError::Url { source: error.into() })?;
        let response = sender.send_request(request).await.map_err(broken)?;
        Ok(Reply { response, connection: driver })
    }

    /// The host's addresses that may be reached; at least one.
    async fn addresses(&self, url: &Url, host: &str) -> Result<Vec<SocketAddr>, FetchError> {
        let lost = |source: io::Error| FetchError::Resolve { host: host.to_owned(), source: source.into() };
        let port = url.port_or_known_default().unwrap_or(443);
        let mut addresses: Vec<SocketAddr> = match url.host() {
            Some(Host::Ipv4(address)) => vec![(address, port).into()],
            Some(Host::Ipv6(address)) => vec![(address, port).into()],
            Some(Host::Domain(name)) => {
                self.in_time(host, tokio::net::lookup_host((name, port))).await?.map_err(lost)?.collect()
            }
            None => return Err(FetchError::Url { source: url::ParseError::EmptyHost.into() }),
        };
        let first = addresses.first().ok_or_else(|| lost(io::ErrorKind::NotFound.into()))?.ip();
        addresses.retain(|address| match reach(address.ip()) {
            Reach::Public => true,
            Reach::Private => self.allow_private,
            Reach::Never => false,
        });
        if addresses.is_empty() {
            return Err(FetchError::Address { host: host.to_owned(), address: first });
        }
        Ok(addresses)
    }

    /// Connects to the first of the addresses that answers: each has a head start on the next, so that one which is
    /// silent, as IPv6 is on many networks, does not use up the time.
    async fn connect(&self, addresses: &[SocketAddr], host: &str) -> Result<TcpStream, FetchError> {
        let mut attempts: FuturesUnordered<_> = by_turns(addresses)
            .into_iter()
            .zip(0..)
            .map(|(address, turn)| async move {
                tokio::time::sleep(HEAD_START * turn).await;
                TcpStream::connect(address).await
            })
            .collect();
        self.in_time(host, async {
            let mut last = io::Error::from(io::ErrorKind::NotFound);
            while let Some(outcome) = attempts.next().await {
                match outcome {
                    Ok(stream) => return Ok(stream),
                    Err(error) => last = error,
                }
            }
            Err(no_connection(host, last))
        })
        .await?
    }

    async fn tls(&self, tcp: TcpStream, url: &Url, host: &str) -> Result<impl Stream + use<>, FetchError> {
        let name = match url.host() {
            Some(Host::Ipv4(address)) => ServerName::from(std::net::IpAddr::from(address)),
            Some(Host::Ipv6(address)) => ServerName::from(std::net::IpAddr::from(address)),
            _ => ServerName::try_from(host.to_owned()).map_err(|error| no_connection(host, error))?,
        };
        let tls = TLS.as_ref().map_err(|error| no_connection(host, error.clone()))?;
        let handshake = tls.connect(name, tcp);
        self.in_time(host, handshake).await?.map_err(|error| no_connection(host, error))
    }

    async fn in_time<F: Future>(&self, host: &str, step: F) -> Result<F::Output, FetchError> {
        let after = self.connect_timeout;
        tokio::time::timeout(after, step)
            .await
            .map_err(|_| FetchError::Timeout { host: host.to_owned(), after })
    }
}

/// The addresses, the two families by turns.
fn by_turns(addresses: &[SocketAddr]) -> Vec<SocketAddr> {
    let is_like_first =
        |address: &SocketAddr| addresses.first().is_some_and(|first| first.is_ipv4() == address.is_ipv4());
    let (ones, others): (Vec<SocketAddr>, Vec<SocketAddr>) =
        addresses.iter().partition(|it| is_like_first(it));
    let mut turns: Vec<(usize, SocketAddr)> =
        ones.into_iter().enumerate().chain(others.into_iter().enumerate()).collect();
    // stable: of the same turn the first family goes first
    turns.sort_by_key(|(turn, _)| *turn);
    turns.into_iter().map(|(_, address)| address).collect()
}

/// The host, for errors; empty where there is none.
pub(super) fn host(url: &Url) -> String {
    url.host_str().unwrap_or_default().to_owned()
}

fn no_connection(host: &str, source: impl Into<bedrock_llm_schema::BoxError>) -> FetchError {
    FetchError::Connect { host: host.to_owned(), source: source.into() }
}

#[cfg(test)]
mod tests {
    use tokio::net::{TcpListener, TcpSocket};

    use super::*;

    #[test]
    fn the_families_take_turns() {
        let addresses = ["[2600::1]:1", "[2600::2]:1", "[2600::3]:1", "1.1.1.1:1", "1.1.1.2:1"]
            .map(|it| it.parse().unwrap());
        let turns: Vec<String> = by_turns(&addresses).iter().map(ToString::to_string).collect();
        assert_eq!(turns, ["[2600::1]:1", "1.1.1.1:1", "[2600::2]:1", "1.1.1.2:1", "[2600::3]:1"]);
        assert_eq!(by_turns(&[]), []);
    }

    #[tokio::test]
    async fn a_silent_address_does_not_use_up_the_time_of_the_next() {
        // a queue that is full makes Linux ignore who knocks
        let silent = TcpSocket::new_v4().unwrap();
        silent.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let silent = silent.listen(1).unwrap();
        let knock = || {
            tokio::time::timeout(Duration::from_millis(200), TcpStream::connect(silent.local_addr().unwrap()))
        };
        let mut queue = Vec::new();
        while let Ok(stream) = knock().await {
            queue.push(stream.unwrap());
        }
        let open = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let policy =
            Policy { allow_http: true, allow_private: true, connect_timeout: Duration::from_secs(3) };
        let addresses = [silent.local_addr().unwrap(), open.local_addr().unwrap()];
        let started = std::time::Instant::now();
        let stream = policy.connect(&addresses, "h").await.unwrap();
        assert_eq!(stream.peer_addr().unwrap(), open.local_addr().unwrap());
        assert!(started.elapsed() < Duration::from_secs(2), "{:?}", started.elapsed());
        // and all of them together have the time of one
        let policy = Policy { connect_timeout: Duration::from_millis(600), ..policy };
        let started = std::time::Instant::now();
        let error = policy.connect(&[addresses[0]; 3], "h").await.unwrap_err();
        assert!(matches!(error, FetchError::Timeout { .. }), "{error}");
        assert!(started.elapsed() < Duration::from_millis(1_200), "{:?}", started.elapsed());
    }
}
