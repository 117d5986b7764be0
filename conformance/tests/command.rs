//! The command on folders of our own making: what it passes, what it must fail, and how it says so.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod common;

use common::{conformance, folder};
use predicates::prelude::*;
use predicates::str::contains;
use serde_json::{Value, json};

fn exchange(operation: &str, verb: &str, request: &Value, status: u16, response: &Value) -> Value {
    json!({
        "id": "0", "operation": operation, "model_id": "us.amazon.nova-lite-v1:0",
        "request": {"method": "POST", "path": format!("/model/us.amazon.nova-lite-v1%3A0/{verb}"), "headers": {}, "body": request},
        "response": {"status": status, "headers": {"x-amzn-requestid": "r-1"}, "body": response}
    })
}

fn question() -> Value {
    json!({"messages": [{"role": "user", "content": [{"text": "Hi"}]}], "system": [], "brandNew": {"kept": true}})
}

fn answer() -> Value {
    json!({
        "output": {"message": {"role": "assistant", "content": [{"text": "Hello"}]}}, "stopReason": "end_turn",
        "usage": {"inputTokens": 1, "outputTokens": 1, "totalTokens": 2}, "metrics": {"latencyMs": 3}
    })
}

#[test]
fn answers_and_errors_pass() {
    let throttled = json!({"message": "Too many requests, please wait before trying again."});
    let folder = folder(
        "good",
        &[
            exchange("Converse", "converse", &question(), 200, &answer()),
            exchange("Converse", "converse", &question(), 429, &throttled),
        ],
    );
    conformance(&folder).assert().success().stdout(contains("2 passed, 0 failed"));
}

#[test]
fn what_it_cannot_take_or_what_differs_fails_with_file_and_place() {
    let unknown = exchange("Transmogrify", "transmogrify", &question(), 200, &answer());
    let malformed = exchange("Converse", "converse", &json!({"messages": "none"}), 200, &answer());
    // the bytes of the stream are not the events that the file says they are
    let mut stream = exchange("ConverseStream", "converse-stream", &question(), 200, &Value::Null);
    stream["response"]["headers"]["content-type"] = json!("application/vnd.amazon.eventstream");
    stream["response"]["body_base64"] = json!("");
    stream["response"]["events"] =
        json!([{"type": "messageStart", "message_type": "event", "payload": {"role": "assistant"}}]);
    let folder = folder("bad", &[unknown, malformed, stream, json!({"no": "recording"})]);
    conformance(&folder)
        .assert()
        .code(1)
        .stdout(contains("FAIL exchanges/0.json: $.operation").and(contains("FAIL exchanges/1.json")))
        .stdout(contains("FAIL exchanges/2.json").and(contains("FAIL exchanges/3.json")))
        .stdout(contains("0 passed, 4 failed"));
}

#[test]
fn errors_are_taken_by_name_status_and_what_was_said() {
    let refused = |status: u16, name: Option<&str>, body: Value, text: Option<&str>| {
        let mut exchange = exchange("Converse", "converse", &question(), status, &body);
        if let Some(name) = name {
            exchange["response"]["headers"]["x-amzn-errortype"] = json!(name);
        }
        if let Some(text) = text {
            exchange["response"]["body_text"] = json!(text);
        }
        exchange
    };
    let said = |message: &str| json!({"message": message});
    let folder = folder(
        "errors",
        &[
            refused(429, Some("ModelNotReadyException:http://x/"), said("Not ready"), None),
            refused(408, Some("ModelTimeoutException"), said("Model took too long to respond"), None),
            refused(400, Some("a.b#ServiceQuotaExceededException:http://x/"), said("quota"), None),
            refused(400, None, said("This model's maximum context length is 8192 tokens."), None),
            refused(400, None, said("the name is too long"), None),
            refused(404, Some("UnknownOperationException"), json!({}), None),
            refused(502, None, Value::Null, Some(" <html>Bad gateway</html> ")),
        ],
    );
    conformance(&folder).assert().success().stdout(contains("7 passed, 0 failed"));
}

#[test]
fn rules_are_held_against_what_the_service_took_and_refused() {
    let ask =
        |body: Value, status, response: &Value| exchange("Converse", "converse", &body, status, response);
    let said = |message: &str| json!({"message": message});
    let empty = json!({"messages": [{"role": "user", "content": []}]});
    let blank = json!({"messages": [{"role": "user", "content": [{"text": ""}]}]});
    let sentence = "The text field in the ContentBlock object at messages.0.content.0 is blank. Add text to the text field, and try again.";
    let refused = folder(
        "refused",
        &[
            ask(blank.clone(), 400, &said(sentence)),
            ask(blank, 400, &said("in other words")),
            ask(question(), 400, &said("nobody knows why")),
        ],
    );
    let row = predicate::function(|printed: &str| {
        let row = printed.lines().find(|line| line.starts_with("R-BLANK-TEXT")).unwrap_or_default();
        row.split_whitespace().skip(1).eq(["1", "1", "2", "0"])
    });
    conformance(&refused)
        .assert()
        .success()
        .stdout(row.and(contains("no rule foresees 400 exchanges/2.json: nobody knows why")));
    let taken = folder("taken", &[ask(empty, 200, &answer())]);
    conformance(&taken)
        .assert()
        .code(1)
        .stdout(contains("the service took what a rule refuses").and(contains("R-CONTENT")));
}

#[test]
fn a_stream_cut_off_passes_by_its_error() {
    // no `messageStop`; bytes that end in the middle of the first frame
    let mut stream = exchange("ConverseStream", "converse-stream", &question(), 200, &Value::Null);
    stream["response"]["headers"]["content-type"] = json!("application/vnd.amazon.eventstream");
    stream["response"]["body_base64"] = json!("AAAAYA==");
    stream["response"]["events"] = json!([]);
    conformance(&folder("cut", &[stream])).assert().success().stdout(contains("1 passed, 0 failed"));
}

#[test]
fn an_empty_folder_proves_nothing() {
    conformance(&folder("empty", &[])).assert().failure().stderr(contains("no recordings"));
}

#[test]
fn token_estimates_are_judged_by_many_requests_of_text() {
    let counted = |tokens: u64| {
        let mut answer = answer();
        answer["usage"]["inputTokens"] = json!(tokens);
        exchange("Converse", "converse", &question(), 200, &answer)
    };
    let mut picture = counted(500);
    picture["request"]["body"]["messages"][0]["content"] =
        json!([{"image": {"format": "png", "source": {"bytes": "aGVsbG8="}}}]);
    let row = |name: &'static str, cells: [&'static str; 3]| {
        predicate::function(move |printed: &str| {
            printed
                .lines()
                .any(|line| line.strip_prefix(name).is_some_and(|row| row.split_whitespace().eq(cells)))
        })
    };
    // the question is one token by our estimate
    let near: Vec<Value> = (0..18).map(|_| counted(1)).chain([counted(10), counted(10)]).collect();
    let few: Vec<Value> = near.iter().skip(1).cloned().chain([picture]).collect();
    conformance(&folder("near", &near)).assert().success().stdout(row("all", ["20", "0.0", "0.0"]));
    conformance(&folder("few", &few)).assert().success().stdout(
        row("amazon-nova", ["19", "0.0", "90.0"])
            .and(contains("too few requests of text to judge: 19 of 20")),
    );
    let far: Vec<Value> = near.into_iter().chain([counted(10)]).collect();
    conformance(&folder("far", &far))
        .assert()
        .code(1)
        .stdout(contains("FAIL token estimates: half are within 0.0 %, nine of ten within 90.0 %"))
        .stdout(
            contains("far off: exchanges/20.json: estimated 1, counted 10")
                .and(contains("21 passed, 0 failed")),
        );
}
