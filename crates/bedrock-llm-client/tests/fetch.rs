//! Media from URLs, over real sockets: what is taken and what is refused.
#![cfg(feature = "fetch")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "helpers of tests")]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bedrock_llm_client::fetch::FetcherBuilder;
use bedrock_llm_client::{FetchError, Fetcher};
use bedrock_llm_schema::content::media::VideoFormat;
use bedrock_llm_schema::{DocumentFormat, ImageFormat, MediaError};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR";

/// A server that answers every request with the same bytes, and keeps what it was asked.
struct Server {
    port: u16,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Server {
    /// What follows the last byte of the answer: the end of the connection, or silence.
    async fn start(answer: impl Into<Vec<u8>>, then_silence: bool) -> Self {
        let answer: Vec<u8> = answer.into();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let heard = Arc::clone(&asked);
        tokio::spawn(async move {
            let mut silent = Vec::new();
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut request = Vec::new();
                // of what is not HTTP, such as TLS, the first byte is enough
                while request.first().is_none_or(|first| *first == b'G') && !request.ends_with(b"\r\n\r\n") {
                    match stream.read_u8().await {
                        Ok(byte) => request.push(byte),
                        Err(_) => break,
                    }
                }
                heard.lock().unwrap().push(String::from_utf8_lossy(&request).into_owned());
                // a client that has seen enough hangs up
                let _ = stream.write_all(&answer).await;
                if then_silence {
                    silent.push(stream);
                }
            }
        });
        Self { port, asked }
    }

    async fn file(content_type: &str, body: &[u8]) -> Self {
        Self::start(with_length(content_type, body), false).await
    }

    async fn redirect(to: &str) -> Self {
        Self::start(format!("HTTP/1.1 302 Found\r\nlocation: {to}\r\ncontent-length: 0\r\n\r\n"), false).await
    }

    fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

fn with_length(content_type: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let head = format!("HTTP/1.1 200 OK\r\ncontent-type: {content_type}\r\ncontent-length: {length}\r\n\r\n");
    [head.as_bytes(), body].concat()
}

/// Lets tests reach their own servers.
fn open() -> FetcherBuilder {
    Fetcher::builder().allow_http(true).allow_private_addresses(true)
}

#[tokio::test]
async fn an_image_is_asked_for_plainly_and_recognised() {
    // the type is another one of an image: the bytes decide
    let server = Server::file("Image/JPEG; q=1", PNG).await;
    let image = open().build().image(&server.url("/a%20b.png?sig=s%2F1#part")).await.unwrap();
    assert_eq!(image.format, ImageFormat::Png);

    let asked = server.asked().join("").to_lowercase();
    assert!(asked.starts_with("get /a%20b.png?sig=s%2f1 http/1.1\r\n"), "{asked}");
    assert!(asked.contains(&format!("host: 127.0.0.1:{}\r\n", server.port)), "{asked}");
    for header in ["referer", "cookie", "authorization", "proxy"] {
        assert!(!asked.contains(header), "{asked}");
    }
}

#[tokio::test]
async fn a_type_that_says_nothing_leaves_it_to_the_bytes() {
    let fetcher = open().build();
    let server = Server::file("binary/octet-stream", PNG).await;
    assert_eq!(fetcher.image(&server.url("/x")).await.unwrap().format, ImageFormat::Png);
    let server = Server::start([&b"HTTP/1.1 200 OK\r\n\r\n"[..], b"%PDF-1.7"].concat(), false).await;
    let document = fetcher.document(&server.url("/x")).await.unwrap();
    assert_eq!((document.name.as_str(), document.format), ("x", Some(DocumentFormat::Pdf)));
    let server = Server::file("video/x-flv", b"FLV\x01").await;
    assert_eq!(fetcher.video(&server.url("/x")).await.unwrap().format, VideoFormat::Flv);
}

#[tokio::test]
async fn a_document_has_its_name_from_the_url_and_its_format_from_all_that_is_known() {
    let fetcher = open().build();
    for (path, content_type, body, name, format) in [
        (
            "/d/Q3%3A%20report_v2.csv?k=v",
            "text/plain; charset=utf-8",
            "a,b",
            "Q3 report_v2",
            DocumentFormat::Csv,
        ),
        ("/d/notes", "text/markdown", "# Moons", "notes", DocumentFormat::Md),
        ("/d/", "text/html", "<html></html>", "document", DocumentFormat::Html),
        ("/d/a.pdf", "application/pdf", "%PDF-1.7", "a", DocumentFormat::Pdf),
        ("/d/a.json", "application/json", "{}", "a", DocumentFormat::Txt),
        ("/d/t.csv", "application/vnd.ms-excel", "a,b", "t", DocumentFormat::Csv),
        ("/d/page.html", "application/xhtml+xml", "<p>", "page", DocumentFormat::Html),
    ] {
        let server = Server::file(content_type, body.as_bytes()).await;
        let document = fetcher.document(&server.url(path)).await.unwrap();
        assert_eq!((document.name.as_str(), document.format), (name, Some(format)), "{path}");
    }
}

#[tokio::test]
async fn a_content_type_of_another_kind_is_refused() {
    let fetcher = open().build();
    for content_type in ["text/html; charset=utf-8", "application/pdf", "video/mp4", "imagery/png"] {
        let server = Server::file(content_type, PNG).await;
        let error = fetcher.image(&server.url("/x?sig=secret")).await.unwrap_err();
        assert!(matches!(error, FetchError::ContentType { wanted: "an image", .. }), "{error}");
        assert!(!format!("{error:?}").contains("secret"), "{error:?}");
    }
    let server = Server::file("image/png", PNG).await;
    let error = fetcher.document(&server.url("/x")).await.unwrap_err();
    assert!(matches!(error, FetchError::ContentType { .. }), "{error}");
    let error = fetcher.video(&server.url("/x")).await.unwrap_err();
    assert!(matches!(error, FetchError::ContentType { .. }), "{error}");
}

#[tokio::test]
async fn a_content_type_that_lies_is_found_out() {
    let fetcher = open().build();
    let server = Server::file("image/png", b"<html>my secret</html>").await;
    let error = fetcher.image(&server.url("/x.png")).await.unwrap_err();
    assert!(matches!(&error, FetchError::Media { source: MediaError::UnknownFormat { .. }, .. }), "{error}");
    assert!(!format!("{error:?}").contains("secret"), "{error:?}");

    for (path, content_type, body) in [
        ("/x.pdf", "application/pdf", "<html>my secret</html>"),
        ("/x.pdf", "text/plain", "%PDF-1.7 my secret"),
        // the page to log in at, in the place of a table
        ("/x.csv", "text/html; charset=utf-8", "{} my secret"),
        ("/x.md", "application/xhtml+xml", "{} my secret"),
        ("/x.csv", "application/vnd.ms-excel", "%PDF-1.7 my secret"),
    ] {
        let server = Server::file(content_type, body.as_bytes()).await;
        let error = fetcher.document(&server.url(path)).await.unwrap_err();
        assert!(matches!(error, FetchError::Disagreement { .. }), "{error}");
        assert!(!format!("{error:?}").contains("secret"), "{error:?}");
    }
}

#[tokio::test]
async fn what_is_too_large_is_refused_announced_or_not() {
    let size = PNG.len() as u64;
    let chunked = [
        &b"HTTP/1.1 200 OK\r\ncontent-type: image/png\r\ntransfer-encoding: chunked\r\n\r\n8\r\n"[..],
        &PNG[..8],
        b"\r\n8\r\n",
        &PNG[8..],
        b"\r\n0\r\n\r\n",
    ]
    .concat();
    let until_the_end = [&b"HTTP/1.1 200 OK\r\ncontent-type: image/png\r\n\r\n"[..], PNG].concat();
    for answer in [with_length("image/png", PNG), chunked, until_the_end] {
        let server = Server::start(answer, false).await;
        open().max_image_bytes(size).build().image(&server.url("/x")).await.unwrap();
        let error = open().max_image_bytes(size - 1).build().image(&server.url("/x")).await.unwrap_err();
        assert!(matches!(error, FetchError::TooLarge { max, .. } if max == size - 1), "{error}");
    }
    // what is announced is not waited for
    let huge = "HTTP/1.1 200 OK\r\ncontent-type: image/png\r\ncontent-length: 99999999999\r\n\r\n";
    let server = Server::start(huge, true).await;
    let error = open().build().image(&server.url("/x")).await.unwrap_err();
    assert!(matches!(error, FetchError::TooLarge { .. }), "{error}");
}

#[tokio::test]
async fn hosts_in_networks_of_our_own_are_refused_before_anything_is_sent() {
    let server = Server::file("image/png", PNG).await;
    let port = server.port;
    let fetcher = Fetcher::builder().allow_http(true).build();
    for host in [
        "127.0.0.1",
        "localhost",
        "2130706433",
        "0x7f.1",
        "0177.0.0.1",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "127.1",
    ] {
        let error = fetcher.image(&format!("http://{host}:{port}/x")).await.unwrap_err();
        assert!(matches!(error, FetchError::Address { .. }), "{host}: {error}");
    }
    for host in [
        "169.254.169.254",
        "[fe80::1]",
        "[fd00:ec2::254]",
        "[fd20:ce::254]",
        "0.0.0.0",
        "[::]",
        "[64:ff9b::a9fe:a9fe]",
    ] {
        // not even with private addresses open
        let error = open().build().image(&format!("http://{host}:{port}/x")).await.unwrap_err();
        assert!(matches!(error, FetchError::Address { .. }), "{host}: {error}");
    }
    assert_eq!(server.asked(), [""; 0]);
}

#[tokio::test]
async fn urls_that_are_not_plain_https_are_refused() {
    let fetcher = Fetcher::new();
    for url in
        ["http://example.com/x", "file:///etc/passwd", "ftp://example.com/x", "s3://b/k", "data:image/png,x"]
    {
        let error = fetcher.image(url).await.unwrap_err();
        assert!(matches!(error, FetchError::Scheme { .. }), "{url}: {error}");
    }
    for url in ["", "/x", "https://", "https://a b/"] {
        let error = fetcher.image(url).await.unwrap_err();
        assert!(matches!(error, FetchError::Url { .. }), "{url}: {error}");
    }
    for url in ["https://me:secret@example.com/x", "https://secret@example.com/x"] {
        let error = fetcher.image(url).await.unwrap_err();
        assert!(matches!(error, FetchError::Credentials { .. }), "{error}");
        assert!(!format!("{error:?}").contains("secret"), "{error:?}");
    }
}

#[tokio::test]
async fn a_redirect_is_followed_where_the_url_itself_could_lead() {
    let fetcher = open().build();
    let target = Server::file("application/pdf", b"%PDF-1.7").await;
    let server = Server::redirect(&target.url("/the%20paper.pdf")).await;
    assert_eq!(fetcher.document(&server.url("/x")).await.unwrap().name, "the paper");
    assert!(!target.asked().join("").to_lowercase().contains("referer"));

    for to in ["http://169.254.169.254/latest/meta-data/", "//169.254.169.254/", "http://[::ffff:a9fe:a9fe]/"]
    {
        let server = Server::redirect(to).await;
        let error = fetcher.image(&server.url("/x")).await.unwrap_err();
        assert!(matches!(error, FetchError::Address { .. }), "{to}: {error}");
    }
    let server = Server::redirect("file:///etc/passwd").await;
    let error = fetcher.image(&server.url("/x")).await.unwrap_err();
    assert!(matches!(error, FetchError::Scheme { .. }), "{error}");
    let server = Server::redirect("http://me:secret@127.0.0.1/").await;
    let error = fetcher.image(&server.url("/x")).await.unwrap_err();
    assert!(matches!(error, FetchError::Credentials { .. }), "{error}");
}

#[tokio::test]
async fn redirects_end() {
    let server = Server::redirect("/again").await;
    let error = open().max_redirects(3).build().image(&server.url("/x")).await.unwrap_err();
    assert!(matches!(error, FetchError::Redirects { max: 3, .. }), "{error}");
    assert_eq!(server.asked().len(), 4);
}

#[tokio::test]
async fn other_answers_are_errors() {
    let fetcher = open().build();
    let server = Server::start("HTTP/1.1 404 Not Found\r\ncontent-length: 9\r\n\r\nmy secret", false).await;
    let error = fetcher.image(&server.url("/x?secret")).await.unwrap_err();
    assert!(matches!(error, FetchError::Status { status: 404, .. }), "{error}");
    assert!(!format!("{error:?}").contains("secret"), "{error:?}");

    let short = "HTTP/1.1 200 OK\r\ncontent-type: image/png\r\ncontent-length: 99\r\n\r\nmy secret";
    let error = fetcher.image(&Server::start(short, false).await.url("/x")).await.unwrap_err();
    assert!(matches!(error, FetchError::Broken { .. }), "{error}");
    assert!(!format!("{error:?}").contains("secret"), "{error:?}");

    let error = fetcher.image(&Server::start("SSH-2.0-x\r\n", false).await.url("/x")).await.unwrap_err();
    assert!(matches!(error, FetchError::Broken { .. }), "{error}");
}

#[tokio::test]
async fn a_host_that_does_not_speak_tls_or_does_not_listen_is_no_connection() {
    let fetcher = open().build();
    let server = Server::start("HTTP/1.1 400 Bad Request\r\n\r\n", false).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let closed = listener.local_addr().unwrap().port();
    drop(listener);
    for url in [server.url("/x").replace("http:", "https:"), format!("http://127.0.0.1:{closed}/x")] {
        let error = fetcher.image(&url).await.unwrap_err();
        assert!(matches!(error, FetchError::Connect { .. }), "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_that_falls_silent_is_given_up() {
    let begun = "HTTP/1.1 200 OK\r\ncontent-type: image/png\r\ncontent-length: 99\r\n\r\nbegun";
    for answer in ["", "HTTP/1.1 200 OK\r\n", begun] {
        let server = Server::start(answer, true).await;
        let limit = Duration::from_secs(7);
        let error = open().timeout(limit).build().image(&server.url("/x")).await.unwrap_err();
        assert!(matches!(error, FetchError::Timeout { after, .. } if after == limit), "{error}");
        assert_eq!(server.asked().len(), 1);
    }
    // nor is a TLS handshake waited for that nobody answers
    let server = Server::start("", true).await;
    let limit = Duration::from_secs(3);
    let url = server.url("/x").replace("http:", "https:");
    let error = open().connect_timeout(limit).build().image(&url).await.unwrap_err();
    assert!(matches!(error, FetchError::Timeout { after, .. } if after == limit), "{error}");
}

#[test]
fn fetching_can_be_spawned() {
    fn is_send(_: impl Send) {}
    let fetcher = Fetcher::new();
    is_send(fetcher.image("https://example.com/x"));
    is_send(fetcher.document("https://example.com/x"));
}
