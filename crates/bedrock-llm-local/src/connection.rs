//! Connections: taking them, reading requests, sending answers.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Limited};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response, Version};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use crate::answer::{Answer, Body, Delivery, Mishap};
use crate::dispatch::State;
use crate::socket::{Line, Socket};
use crate::{Exception, ReceivedRequest, control, route};

/// The service takes requests of up to 25 MB; base64 and JSON around them need more.
const MAX_BODY: usize = 64 << 20;

/// Takes connections until it is aborted, which ends them too: they live in its set.
pub(crate) async fn accept(listener: TcpListener, state: Arc<State>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(connection(stream, Arc::clone(&state)));
                }
                Err(error) => {
                    // too many open files, or a client that went away at once
                    tracing::warn!(%error, "a connection could not be taken");
                    tokio::time::sleep(Duration::from_millis(10)).await;
                }
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn connection(stream: TcpStream, state: Arc<State>) {
    let _open = state.counters.open_connection();
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "TCP_NODELAY could not be set");
    }
    let line = Arc::new(Line::default());
    let socket = Socket::new(stream, Arc::clone(&line));
    let service = {
        let line = Arc::clone(&line);
        service_fn(move |request| respond(request, Arc::clone(&state), Arc::clone(&line)))
    };
    // the JavaScript SDK speaks HTTP/2 to this service from the first byte, without TLS too
    let builder = auto::Builder::new(TokioExecutor::new());
    tokio::select! {
        // first the connection, so that what comes before a reset is sent
        biased;
        served = builder.serve_connection(TokioIo::new(socket), service) => {
            if let Err(error) = served {
                tracing::debug!(%error, "connection ended");
            }
        }
        () = line.resets() => tracing::debug!("connection reset as planned"),
    }
}

/// Why a connection is closed without an answer.
#[derive(Debug, thiserror::Error)]
#[error("hung up as scripted")]
struct HungUp;

async fn respond(
    request: Request<Incoming>,
    state: Arc<State>,
    line: Arc<Line>,
) -> Result<Response<Body>, HungUp> {
    let request_id = uuid::Uuid::new_v4().to_string();
    if control::is_for(request.uri().path()) {
        let answer = match read(request).await {
            Ok(received) => control::answer(&state, &received),
            Err(exception) => exception.into(),
        };
        return answer.deliver(&request_id, Delivery::default(), &line).await.ok_or(HungUp);
    }
    let open = state.counters.open_request();
    let has_status_line = request.version() < Version::HTTP_2;
    let (answer, mut delivery) = match read(request).await {
        Ok(received) => state.answer(received),
        Err(exception) => (Answer::from(exception), Delivery::default()),
    };
    if let (Some(Mishap::SlowHead(pause)), false) = (&delivery.mishap, has_status_line) {
        delivery.delay = delivery.delay.saturating_add(*pause);
        delivery.mishap = None;
    }
    let response = answer.deliver(&request_id, delivery, &line).await.ok_or(HungUp)?;
    // the closure holds the count until the body is gone
    Ok(response.map(|body| body.map_err(move |error| (error, &open).0).boxed_unsync()))
}

async fn read(request: Request<Incoming>) -> Result<ReceivedRequest, Exception> {
    let (parts, body) = request.into_parts();
    let path = parts.uri.path_and_query().map_or("/", |path| path.as_str()).to_owned();
    let headers = parts.headers.iter().map(|(name, value)| {
        let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
        (name.as_str().to_owned(), value)
    });
    let headers = headers.collect();
    let body: Bytes = match Limited::new(body, MAX_BODY).collect().await {
        Ok(body) => body.to_bytes(),
        Err(error) => {
            return Err(Exception::validation(format!("The request body could not be read: {error}")));
        }
    };
    let route = route::parse(&path).filter(|_| parts.method == hyper::Method::POST);
    Ok(ReceivedRequest::new(parts.method.as_str(), &path, headers, body, route))
}
