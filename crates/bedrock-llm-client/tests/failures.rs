//! Everything that can go wrong, and what the error then says.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "helpers of tests")]

mod common;

use std::time::Duration;

use aws_config::imds;
use aws_config::meta::credentials::CredentialsProviderChain;
use aws_config::profile::ProfileFileCredentialsProvider;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::future::ProvideCredentials as Providing;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use bedrock_llm_client::{ApiMode, Client};
use bedrock_llm_local::{Exception, LocalBedrock, Reply};
use bedrock_llm_schema::{Error, ErrorKind, ThrottleScope};
use common::{CLAUDE, NOVA, builder, chat, every_operation, offline, start, start_in};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

/// Every exception that the service's model lists, and AWS's front door.
fn exceptions() -> Vec<(&'static str, u16, ErrorKind)> {
    vec![
        ("AccessDeniedException", 403, ErrorKind::AccessDenied),
        ("ConflictException", 409, ErrorKind::Conflict),
        ("InternalServerException", 500, ErrorKind::Internal),
        ("ModelErrorException", 424, ErrorKind::ModelError),
        ("ModelNotReadyException", 429, ErrorKind::ModelNotReady),
        ("ModelStreamErrorException", 424, ErrorKind::ModelStreamError),
        ("ModelTimeoutException", 408, ErrorKind::ModelTimeout),
        ("ResourceNotFoundException", 404, ErrorKind::NotFound),
        ("ServiceQuotaExceededException", 400, ErrorKind::QuotaExceeded),
        ("ServiceUnavailableException", 503, ErrorKind::Unavailable),
        ("ThrottlingException", 429, ErrorKind::Throttled(ThrottleScope::Requests)),
        ("ValidationException", 400, ErrorKind::Validation),
        ("ExpiredTokenException", 403, ErrorKind::Auth),
        ("UnrecognizedClientException", 403, ErrorKind::Auth),
    ]
}

#[tokio::test]
async fn every_exception_is_its_own_kind_in_every_operation() {
    for mode in [ApiMode::Converse, ApiMode::Invoke] {
        for (name, status, kind) in exceptions() {
            let refuse = Reply::exception(name).header("retry-after", "3").forever();
            let (local, client) = start_in(mode, LocalBedrock::builder().reply(refuse)).await;
            for (operation, outcome) in every_operation(&client, NOVA).await {
                let error = outcome.unwrap_err();
                assert_eq!(error.kind(), &kind, "{name} in {operation}: {error}");
                assert_eq!(error.status(), Some(status), "{name} in {operation}");
                assert_eq!(error.code(), Some(name));
                assert_eq!(error.retry_after(), Some(Duration::from_secs(3)));
                assert_eq!(error.attempts(), 1);
                assert!(error.request_id().is_some(), "{name} in {operation}");
                assert!(error.operation().is_some());
                let native = mode == ApiMode::Invoke && operation.starts_with("Converse");
                if !native {
                    assert_eq!(error.operation().unwrap().as_str(), operation);
                }
                assert_eq!(
                    error.model().map(ToString::to_string),
                    (operation != "ApplyGuardrail").then(|| NOVA.to_owned())
                );
                assert!(!error.message().is_empty());
            }
            // nobody below retries
            assert_eq!(local.received().len(), 6, "{name}");
        }
    }
}

#[tokio::test]
async fn every_exception_inside_a_stream_is_its_own_kind_with_the_answer_so_far() {
    for mode in [ApiMode::Converse, ApiMode::Invoke] {
        for (name, _, kind) in exceptions() {
            let broken = Reply::text("one two three four five six").exception_after(4, name);
            let (_local, client) = start_in(mode, LocalBedrock::builder().reply(broken)).await;
            let mut stream = client.chat_stream(chat(CLAUDE)).await.unwrap();
            let error = loop {
                match stream.next().await.unwrap_or_else(|| panic!("{name} was swallowed")) {
                    Ok(_) => {}
                    Err(error) => break error,
                }
            };
            assert_eq!(error.kind(), &kind, "{mode:?} {name}: {error}");
            assert_eq!(error.status(), None, "spoken inside a 200");
            assert!(error.code().unwrap().eq_ignore_ascii_case(name));
            assert!(error.request_id().is_some() && error.model().is_some() && error.operation().is_some());
            assert!(!error.partial().unwrap().text().is_empty(), "{mode:?} {name}");
            assert!(stream.next().await.is_none());
        }
    }
}

#[tokio::test]
async fn a_native_stream_breaks_with_the_exception_too() {
    let (_local, client) = start(LocalBedrock::builder()).await;
    for (operation, outcome) in every_operation(&client, "local.stream-error.ModelStreamErrorException").await
    {
        if operation.ends_with("Stream") {
            assert_eq!(outcome.unwrap_err().kind(), &ErrorKind::ModelStreamError, "{operation}");
        }
    }
}

#[tokio::test]
async fn a_model_s_own_words_stay_in_the_message() {
    let exception = Exception::new("ModelStreamErrorException").message("It broke.");
    let exception = exception.member("originalMessage", "tokens ran dry").member("originalStatusCode", 529);
    let (_local, client) =
        start(LocalBedrock::builder().reply(Reply::text("a b c").exception_after(2, exception))).await;
    let error = client.chat_stream(chat(NOVA)).await.unwrap().collect().await.unwrap_err();
    assert_eq!(error.message(), "It broke. (the model said 529: tokens ran dry)");
}

#[tokio::test]
async fn the_inference_profile_of_the_region_is_named() {
    let said = "Invocation of model ID deepseek.r1-v1:0 with on-demand throughput isn’t supported. Retry your request with \
                the ID or ARN of an inference profile that contains this model.";
    let refuse = Reply::exception(Exception::new("ValidationException").message(said));
    let (local, client) = start(LocalBedrock::builder().reply(refuse)).await;
    assert_eq!(client.region(), Some("us-east-1"));
    let trusting = builder(&local.endpoint()).validate(false).build().await.unwrap();
    // by our own rule, and where the service says so
    for client in [client, trusting] {
        let error = client.chat(chat("deepseek.r1-v1:0")).await.unwrap_err();
        assert_eq!(error.kind(), &ErrorKind::InferenceProfileRequired);
        assert!(error.hint().unwrap().contains("us.deepseek.r1-v1:0"), "{error}");
    }
    local.assert_done();
}

#[tokio::test]
async fn a_proxy_s_page_is_an_error_too() {
    let page = Reply::bytes("text/html", "<html>Bad Gateway</html>").status(502);
    let (_local, client) = start(LocalBedrock::builder().reply(page)).await;
    let error = client.chat(chat(NOVA)).await.unwrap_err();
    assert_eq!((error.kind(), error.status()), (&ErrorKind::Unavailable, Some(502)));
    assert!(error.message().contains("Bad Gateway"));
    // and one with status 200 is no answer
    let page = Reply::bytes("text/html", "<html>Log in to the hotel's network</html>");
    let (_local, client) = start(LocalBedrock::builder().reply(page)).await;
    assert_eq!(client.chat(chat(NOVA)).await.unwrap_err().kind(), &ErrorKind::Decode);
}

#[tokio::test]
async fn a_wrong_port_is_named() {
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", free.local_addr().unwrap());
    drop(free);
    let client = builder(&url).build().await.unwrap();
    let error = client.chat(chat(NOVA)).await.unwrap_err();
    assert_eq!(error.kind(), &ErrorKind::Connect, "{error:?}");
    assert!(error.message().contains(&url), "{error}");
    assert!(error.is_retryable() && error.status().is_none() && error.request_id().is_none());
    assert!(error.hint().unwrap().contains("port"));
}

#[tokio::test]
async fn tls_to_a_plain_port_is_a_tls_error() {
    let (local, _) = start(LocalBedrock::builder()).await;
    let url = local.endpoint().replace("http://", "https://");
    let client = builder(&url).build().await.unwrap();
    let error = client.chat(chat(NOVA)).await.unwrap_err();
    assert_eq!(error.kind(), &ErrorKind::Tls, "{error:?}");
    assert!(error.message().contains(&url) && error.hint().is_some(), "{error}");
}

#[tokio::test]
async fn a_server_that_hangs_up_is_a_broken_connection() {
    let (_local, client) = start(LocalBedrock::builder().reply(Reply::hang_up())).await;
    let error = client.chat(chat(NOVA)).await.unwrap_err();
    assert_eq!(error.kind(), &ErrorKind::Connect, "{error:?}");
}

#[tokio::test]
async fn a_server_that_says_nothing_is_a_timeout_of_ours() {
    let slow = Reply::text("late").delay(Duration::from_secs(30)).forever();
    let (local, _) = start(LocalBedrock::builder().reply(slow)).await;
    let limit = Duration::from_millis(100);
    for client in
        [builder(&local.endpoint()).read_timeout(limit), builder(&local.endpoint()).operation_timeout(limit)]
    {
        let error = client.build().await.unwrap().chat(chat(NOVA)).await.unwrap_err();
        assert_eq!(error.kind(), &ErrorKind::Timeout, "{error:?}");
        assert!(error.is_timeout() && !error.is_retryable());
    }
}

#[tokio::test]
async fn missing_credentials_say_what_to_do() {
    let (local, _) = start(LocalBedrock::builder()).await;
    // nobody to ask at all
    let client =
        Client::builder().sdk_config(&offline()).endpoint_url(local.endpoint()).build().await.unwrap();
    // and somebody who has none
    let empty = offline().into_builder().credentials_provider(SharedCredentialsProvider::new(Empty)).build();
    let other = Client::builder().sdk_config(&empty).endpoint_url(local.endpoint()).build().await.unwrap();
    for client in [client, other] {
        let error = client.chat(chat(NOVA)).await.unwrap_err();
        assert_eq!(error.kind(), &ErrorKind::MissingCredentials, "{error:?}");
        let text = error.to_string();
        assert!(text.contains("aws configure sso") && text.contains("`endpoint_url`"), "{text}");
        assert!(!text.contains("--local"), "{text}");
    }
    let broken =
        offline().into_builder().credentials_provider(SharedCredentialsProvider::new(Broken)).build();
    let client = Client::builder().sdk_config(&broken).endpoint_url(local.endpoint()).build().await.unwrap();
    let error = client.chat(chat(NOVA)).await.unwrap_err();
    assert_eq!(error.kind(), &ErrorKind::Auth, "{error:?}");
    assert!(error.message().contains("the SSO session ended"), "{error}");
    assert!(local.received().is_empty());
}

#[derive(Debug)]
struct Empty;

impl ProvideCredentials for Empty {
    fn provide_credentials<'a>(&'a self) -> Providing<'a>
    where
        Self: 'a,
    {
        Providing::ready(Err(CredentialsError::not_loaded("none here")))
    }
}

#[derive(Debug)]
struct Broken;

impl ProvideCredentials for Broken {
    fn provide_credentials<'a>(&'a self) -> Providing<'a>
    where
        Self: 'a,
    {
        Providing::ready(Err(CredentialsError::provider_error("the SSO session ended")))
    }
}

#[tokio::test]
async fn an_api_key_is_sent_as_a_bearer_token() {
    let (local, _) = start(LocalBedrock::builder()).await;
    let builder =
        Client::builder().sdk_config(&offline()).api_key("ABSK-test").endpoint_url(local.endpoint());
    assert!(!format!("{builder:?}").contains("ABSK"));
    builder.build().await.unwrap().chat(chat(NOVA)).await.unwrap();
    assert_eq!(local.received()[0].header("authorization"), Some("Bearer ABSK-test"));
}

#[tokio::test]
async fn an_answer_that_is_cut_is_a_broken_connection() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let (mut socket, _) = listener.accept().await.unwrap();
        let mut buffer = [0; 4096];
        let _ = socket.read(&mut buffer).await;
        let head =
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 500\r\n\r\n{\"output\":";
        socket.write_all(head.as_bytes()).await.unwrap();
    });
    let client = builder(&url).build().await.unwrap();
    let error = client.chat(chat(NOVA)).await.unwrap_err();
    assert_eq!(error.kind(), &ErrorKind::Connect, "{error:?}");
    assert!(error.message().contains("broke while the answer was read"), "{error}");
    // the model may be paid for, unlike where nobody was reached
    assert!(!error.is_retryable() && error.hint().is_some());
}

/// What a client says whose credentials come from this provider.
async fn failing_with(provider: impl ProvideCredentials + 'static) -> Error {
    let (local, _) = start(LocalBedrock::builder()).await;
    let config =
        offline().into_builder().credentials_provider(SharedCredentialsProvider::new(provider)).build();
    let client = Client::builder().sdk_config(&config).endpoint_url(local.endpoint()).build().await.unwrap();
    let error = client.chat(chat(NOVA)).await.unwrap_err();
    assert!(local.received().is_empty());
    error
}

/// An IMDS that refuses everything.
async fn refusing_imds() -> imds::credentials::ImdsCredentialsProvider {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            let _ = socket.read(&mut [0; 4096]).await;
            let refused = "HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
            socket.write_all(refused.as_bytes()).await.unwrap();
        }
    });
    let client = imds::Client::builder().endpoint(url).unwrap().build();
    imds::credentials::ImdsCredentialsProvider::builder().imds_client(client).build()
}

#[tokio::test]
async fn an_imds_that_refuses_has_no_credentials() {
    let error = failing_with(refusing_imds().await).await;
    assert_eq!(error.kind(), &ErrorKind::MissingCredentials, "{error:?}");
    assert!(error.hint().unwrap().contains("aws configure sso"), "{error}");
    // as the end of a chain
    let chain = CredentialsProviderChain::first_try("Empty", Empty).or_else("IMDS", refusing_imds().await);
    assert_eq!(failing_with(chain).await.kind(), &ErrorKind::MissingCredentials);
}

#[tokio::test]
async fn a_role_that_nobody_can_ask_for_lacks_credentials() {
    let error = failing_with(Nested).await;
    assert_eq!(error.kind(), &ErrorKind::MissingCredentials, "{error:?}");
}

/// A profile that is not in the file.
#[allow(deprecated, reason = "the new names are those of aws-runtime, which nothing else here needs")]
fn unknown_profile() -> ProfileFileCredentialsProvider {
    use aws_config::profile::profile_file::{ProfileFileKind, ProfileFiles};
    let files = ProfileFiles::builder().with_contents(ProfileFileKind::Config, "[default]\n").build();
    ProfileFileCredentialsProvider::builder().profile_files(files).profile_name("nosuch").build()
}

#[tokio::test]
async fn a_profile_of_the_environment_that_does_not_exist_is_named() {
    let chain = CredentialsProviderChain::first_try("Profile", unknown_profile()).or_else("Empty", Empty);
    for error in [failing_with(unknown_profile()).await, failing_with(chain).await] {
        assert_eq!(error.kind(), &ErrorKind::MissingCredentials, "{error:?}");
        assert!(error.message().contains("`nosuch` does not exist"), "{error}");
    }
}

#[derive(Debug)]
struct Nested;

impl ProvideCredentials for Nested {
    fn provide_credentials<'a>(&'a self) -> Providing<'a>
    where
        Self: 'a,
    {
        let base = CredentialsError::not_loaded("no source credentials");
        Providing::ready(Err(CredentialsError::provider_error(base)))
    }
}
