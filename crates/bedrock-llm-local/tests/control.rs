//! The control routes and the counters, over a real socket.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod common;

use bedrock_llm_local::{Fault, FaultPlan, FaultRule, LocalBedrock};
use bytes::Bytes;
use common::{CLAUDE, converse, converse_stream, until};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1;
use hyper::{Method, Request};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpStream;

/// Status, `allow` and body of a control request.
async fn control(
    local: &LocalBedrock,
    method: Method,
    path: &str,
    kind: &str,
    body: &str,
) -> (u16, String, Value) {
    let stream = TcpStream::connect(local.address()).await.unwrap();
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let request =
        Request::builder().method(method).uri(path).header("host", "localhost").header("content-type", kind);
    let response =
        sender.send_request(request.body(Full::new(Bytes::from(body.to_owned()))).unwrap()).await.unwrap();
    let allow = response.headers().get("allow").map(|value| value.to_str().unwrap().to_owned());
    let status = response.status().as_u16();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (status, allow.unwrap_or_default(), serde_json::from_slice(&body).unwrap())
}

#[tokio::test]
async fn any_client_sets_sees_and_clears_the_plan() {
    let local = LocalBedrock::start().await.unwrap();
    let faults = "/_local/faults";
    let toml = "[[rules]]\nfault.exception.name = \"ThrottlingException\"\nevery = 2\n";
    let (status, _, body) =
        control(&local, Method::PUT, faults, "application/toml; charset=utf-8", toml).await;
    assert_eq!((status, &body["rules"]), (200, &json!([{"seen": 0, "fired": 0}])));
    let mut statuses = Vec::new();
    for _ in 0..4 {
        statuses.push(converse(&local, CLAUDE, "hi").await.status);
    }
    assert_eq!(statuses, [200, 429, 200, 429]);
    let (status, _, seen) = control(&local, Method::GET, faults, "", "").await;
    assert_eq!((status, &seen["rules"]), (200, &json!([{"seen": 4, "fired": 2}])));
    assert_eq!(
        seen["plan"]["rules"][0],
        json!({"fault": {"exception": {"name": "ThrottlingException"}}, "every": 2})
    );

    // what is shown can be set again, as JSON
    let again = seen["plan"].to_string();
    assert_eq!(control(&local, Method::PUT, faults, "application/json", &again).await.0, 200);
    assert_eq!(converse(&local, CLAUDE, "hi").await.status, 200);
    assert_eq!(converse(&local, CLAUDE, "hi").await.status, 429);
    let (status, _, body) = control(&local, Method::DELETE, faults, "", "").await;
    assert_eq!((status, body), (200, json!({"plan": {"seed": 0, "rules": []}, "rules": []})));
    for _ in 0..2 {
        assert_eq!(converse(&local, CLAUDE, "hi").await.status, 200);
    }
    assert_eq!(local.received().len(), 8, "control requests are not kept");
    let (status, _, stats) = control(&local, Method::GET, "/_local/stats", "", "").await;
    assert_eq!((status, &stats["requests"], &stats["faults"]["exception"]), (200, &json!(8), &json!(3)));
    assert_eq!(stats["requests_by_model"], json!({CLAUDE: 8}));
}

#[tokio::test]
async fn a_bad_plan_is_refused_and_the_old_one_stays() {
    let plan = FaultPlan::new([FaultRule::new(Fault::Status(503))]).unwrap();
    let local = LocalBedrock::builder().faults(plan.clone()).start().await.unwrap();
    let put = async |kind: &str, body: &str| {
        let (status, _, body) = control(&local, Method::PUT, "/_local/faults", kind, body).await;
        (status, body["message"].as_str().unwrap().to_owned())
    };
    let (status, message) =
        put("application/json", r#"{"rules": [{"fault": {"status": 503}, "probabilty": 1}]}"#).await;
    assert_eq!(status, 400);
    assert!(message.starts_with("rules[0].probabilty: unknown field"), "{message}");
    let (status, message) = put("text/x-toml", "[[rules]]\nfault = \"hang_up\"\ntimes = 0").await;
    assert_eq!((status, message.as_str()), (400, "rules[0].times: 0 is not at least 1"));
    let (status, message) = put("application/toml", "[[rules").await;
    assert!(status == 400 && message.contains("line 1"), "{message}");
    assert_eq!(put("application/x-www-form-urlencoded", "").await.0, 415);
    let got = control(&local, Method::POST, "/_local/faults", "", "").await;
    assert_eq!((got.0, got.1.as_str()), (405, "GET, PUT, DELETE"));
    assert_eq!(control(&local, Method::PUT, "/_local/stats", "", "").await.0, 405);
    assert_eq!(control(&local, Method::GET, "/_local/other", "", "").await.0, 404);
    assert_eq!(local.faults().plan, plan);
}

#[tokio::test(start_paused = true)]
async fn what_is_open_is_counted_and_goes_back_to_nothing() {
    let plan = FaultPlan::new([
        FaultRule::new(Fault::StallAfter(1)).model("*stalls"),
        FaultRule::new(Fault::StallBeforeHeaders).model("*silent"),
    ]);
    let local = LocalBedrock::builder().faults(plan.unwrap()).start().await.unwrap();
    let local = std::sync::Arc::new(local);
    let mut waiting = tokio::task::JoinSet::new();
    for model in ["a.stalls", "b.stalls", "c.silent", "c.silent", "c.silent"] {
        let local = std::sync::Arc::clone(&local);
        waiting.spawn(async move { converse_stream(&local, model, "hi").await });
    }
    until(&local, |stats| stats.requests == 5).await;
    let stats = local.stats();
    assert_eq!((stats.open_requests, stats.open_connections), (5, 5));
    assert_eq!(stats.requests_by_model.get("c.silent"), Some(&3));
    assert_eq!(
        stats.faults.into_iter().collect::<Vec<_>>(),
        [("stall_after", 2), ("stall_before_headers", 3)]
    );

    // clients that go away are noticed
    waiting.shutdown().await;
    until(&local, |stats| stats.open_requests == 0 && stats.open_connections == 0).await;
    for _ in 0..3 {
        converse(&local, CLAUDE, "hi").await;
    }
    until(&local, |stats| stats.open_connections == 0).await;
    let stats = local.stats();
    assert_eq!(
        (stats.requests, stats.open_requests, stats.peak_open_requests, stats.connections),
        (8, 0, 5, 8)
    );
}
