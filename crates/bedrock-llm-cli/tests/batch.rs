//! `bedrock-llm batch` as a user runs it, killed and started again.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use assert_cmd::assert::{Assert, OutputAssertExt as _};
use bedrock_llm_local::{Exception, LocalBedrock, Reply};
use predicates::prelude::*;
use predicates::str::contains;
use serde_json::{Value, json};

const MODEL: &str = "us.amazon.nova-lite-v1:0";

/// A folder of one test's.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("batch-{name}"));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn write(&self, lines: &[&str]) {
        std::fs::write(self.0.join("in.jsonl"), lines.join("\n")).unwrap();
    }

    fn output(&self) -> PathBuf {
        self.0.join("out.jsonl")
    }

    fn records(&self) -> Vec<Value> {
        let text = std::fs::read_to_string(self.output()).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    fn record(&self, id: impl Into<Value>) -> Value {
        let id = id.into();
        let mut found: Vec<Value> = self.records().into_iter().filter(|record| record["id"] == id).collect();
        assert_eq!(found.len(), 1, "{id}");
        found.remove(0)
    }

    /// Neither the machine's credentials nor its settings are used.
    fn command(&self, endpoint: &str, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_bedrock-llm"));
        command
            .env_clear()
            .env("HOME", env!("CARGO_TARGET_TMPDIR"))
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .env("BEDROCK_LLM_RETRY__BASE_DELAY", "1ms")
            .current_dir(&self.0)
            .args(["batch", "in.jsonl", "out.jsonl", "--endpoint-url", endpoint])
            .args(args);
        command
    }

    fn run(&self, local: &LocalBedrock, args: &[&str]) -> Assert {
        self.command(&local.endpoint(), args).assert()
    }
}

fn prompt(id: &str, text: &str) -> String {
    json!({"id": id, "model": MODEL, "prompt": text}).to_string()
}

async fn answering() -> LocalBedrock {
    LocalBedrock::builder().reply(Reply::text("Fine.").forever()).start().await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_line_gets_a_record() {
    let folder = Folder::new("records");
    let converse =
        json!({"recordId": 2, "modelId": MODEL, "messages": [{"role": "user", "content": [{"text": "Hi"}]}]});
    folder.write(&[&prompt("a", "Hi"), "", &converse.to_string(), r#"{"prompt": "Hi"}"#]);
    let local = answering().await;
    folder
        .run(&local, &["--model", "acme.oracle-v1:0", "--max-tokens", "77"])
        .success()
        .stdout("")
        .stderr(contains("3 answered, 0 failed").and(contains("and unknown for 1")));
    let first = folder.record("a");
    assert_eq!((&first["line"], &first["model"]), (&json!(1), &json!(MODEL)));
    assert_eq!(first["response"]["output"]["message"]["content"][0]["text"], "Fine.");
    assert!(first["response"]["usage"]["inputTokens"].as_u64().unwrap() > 0);
    assert!(first["cost_usd"].as_str().unwrap().starts_with("0.0000"));
    assert_eq!(folder.record(2)["line"], 3);
    let last = folder.record("4");
    assert_eq!((&last["model"], &last["cost_usd"]), (&json!("acme.oracle-v1:0"), &Value::Null));
    assert!(local.received().iter().all(|request| request.json["inferenceConfig"]["maxTokens"] == 77));
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_lines_are_named_and_the_rest_goes_on() {
    let folder = Folder::new("bad");
    folder.write(&[
        &prompt("a", "Hi"),
        "nonsense",
        &prompt("a", "again"),
        r#"{"prompt": "Hi"}"#,
        &prompt("b", "Hi"),
    ]);
    let local = answering().await;
    folder
        .run(&local, &[])
        .code(2)
        .stderr(contains("line 2: ").and(contains("line 3: an earlier line has its id `a`")))
        .stderr(
            contains("line 4: ").and(contains("--model")).and(contains("2 answered, 0 failed, 3 bad lines")),
        );
    assert_eq!(folder.records().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_done_is_not_done_again() {
    let folder = Folder::new("again");
    folder.write(&[&prompt("a", "Hi"), &prompt("b", "Hi")]);
    let local = answering().await;
    folder.run(&local, &[]).success();
    let before = std::fs::read(folder.output()).unwrap();
    folder.run(&local, &[]).success().stderr(contains("0 answered, 0 failed, 2 answered before"));
    assert_eq!(std::fs::read(folder.output()).unwrap(), before);
    assert_eq!(local.received().len(), 2);

    // killed in the middle of the second record
    std::fs::write(folder.output(), &before[..before.len() - 9]).unwrap();
    folder.run(&local, &[]).success().stderr(contains("1 answered, 0 failed, 1 answered before"));
    assert_eq!((folder.records().len(), local.received().len()), (2, 3));

    // another line under the same id
    folder.write(&[&prompt("a", "Hi"), &prompt("b", "Something else")]);
    let changed =
        contains("line 2: `b` has an outcome of another line").and(contains("1 answered, 0 failed"));
    folder.run(&local, &[]).success().stderr(changed);
    assert_eq!((folder.records().len(), local.received().len()), (2, 4));
    folder.run(&local, &[]).success().stderr(contains("2 answered before"));
}

#[tokio::test(flavor = "multi_thread")]
async fn standard_input_is_continued_by_ids() {
    let folder = Folder::new("stdin");
    let local = answering().await;
    let run = |lines: &[String]| {
        let mut command = assert_cmd::Command::new(env!("CARGO_BIN_EXE_bedrock-llm"));
        command.env_clear().env("HOME", env!("CARGO_TARGET_TMPDIR")).env("AWS_EC2_METADATA_DISABLED", "true");
        command.current_dir(&folder.0).args(["batch", "-", "out.jsonl", "--endpoint-url", &local.endpoint()]);
        command.write_stdin(lines.join("\n")).assert()
    };
    run(&[prompt("a", "Hi")]).success();
    run(&[prompt("b", "Hi"), prompt("a", "Hi")])
        .success()
        .stderr(contains("1 answered, 0 failed, 1 answered before"));
    assert_eq!((folder.records().len(), local.received().len()), (2, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_for_now_are_tried_again_and_others_when_told_to() {
    let folder = Folder::new("errors");
    let with = |id: &str, error: &str| {
        json!({"id": id, "model": format!("local.error.{error}"), "prompt": "Hi"}).to_string()
    };
    folder.write(&[
        &with("now", "ServiceUnavailableException"),
        &with("good", "ResourceNotFoundException"),
        &prompt("a", "Hi"),
    ]);
    let local = LocalBedrock::start().await.unwrap();
    folder
        .run(&local, &[])
        .code(2)
        .stderr(contains("1 answered, 2 failed").and(contains("line 2: not found")));
    assert_eq!(folder.record("now")["error"]["retryable"], true);
    let error = &folder.record("good")["error"];
    assert_eq!((&error["retryable"], &error["code"]), (&json!(false), &json!("ResourceNotFoundException")));
    assert!(error["status"] == 404 && error["message"].is_string() && error["attempts"].is_u64(), "{error}");

    folder
        .run(&local, &[])
        .code(2)
        .stderr(contains("0 answered, 1 failed, 1 answered before, 1 failed before"));
    folder
        .run(&local, &["--retry-errors"])
        .code(2)
        .stderr(contains("0 answered, 2 failed, 1 answered before;"));
    assert_eq!(folder.records().len(), 3, "one record for each");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_every_request_would_meet_stops_the_batch_and_has_no_record() {
    let folder = Folder::new("auth");
    let lines: Vec<String> = (0..50).map(|id| prompt(&id.to_string(), "Hi")).collect();
    folder.write(&lines.iter().map(String::as_str).collect::<Vec<_>>());
    let refused = Exception::new("UnrecognizedClientException").with_status(403);
    let local = LocalBedrock::builder().reply(Reply::exception(refused).forever()).start().await.unwrap();
    folder.run(&local, &["--concurrency", "2"]).code(1).stderr(contains("credentials"));
    assert!(local.received().len() < 50);
    assert_eq!(folder.records().len(), 0);
}

#[test]
fn nothing_is_made_up_unasked() {
    let folder = Folder::new("local");
    folder.write(&[&prompt("a", "Say hello to Ada.")]);
    let run = |args: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_bedrock-llm"));
        command.env_clear().env("HOME", env!("CARGO_TARGET_TMPDIR")).env("AWS_EC2_METADATA_DISABLED", "true");
        command.current_dir(&folder.0).args(["batch", "in.jsonl", "out.jsonl"]).args(args).assert()
    };
    run(&[]).code(1).stderr(contains("--local"));
    run(&["--local"]).success();
    assert!(folder.record("a")["response"].to_string().contains("Ada"));
}

#[tokio::test(flavor = "multi_thread")]
async fn one_process_writes_the_output() {
    let folder = Folder::new("lock");
    folder.write(&[&prompt("a", "Hi")]);
    let local = answering().await;
    let held = std::fs::File::create(folder.output()).unwrap();
    held.lock().unwrap();
    folder.run(&local, &[]).code(1).stderr(contains("another process"));
    drop(held);
    folder.run(&local, &[]).success();
    let mut same = folder.command(&local.endpoint(), &[]);
    std::fs::hard_link(folder.output(), folder.0.join("twin.jsonl")).unwrap();
    std::fs::rename(folder.0.join("twin.jsonl"), folder.0.join("in.jsonl")).unwrap();
    same.assert().code(1).stderr(contains("one file"));
}

/// An endpoint that counts, and takes a little time.
async fn counting() -> (LocalBedrock, Arc<AtomicUsize>) {
    let count = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&count);
    let reply = Reply::text("Fine.").delay(Duration::from_millis(5)).when(move |_| {
        counter.fetch_add(1, Ordering::SeqCst);
        true
    });
    (LocalBedrock::builder().reply(reply.forever()).start().await.unwrap(), count)
}

/// Waits until the endpoint has this many requests, or the process has ended; says whether it has.
fn until(count: &AtomicUsize, least: usize, child: &mut Child) -> bool {
    loop {
        if child.try_wait().unwrap().is_some() {
            return true;
        }
        if count.load(Ordering::SeqCst) >= least {
            return false;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_again_and_again_it_loses_nothing_and_repeats_only_what_was_under_way() {
    const LINES: usize = 60;
    const CONCURRENCY: usize = 4;
    let folder = Folder::new("killed");
    let lines: Vec<String> =
        (0..LINES).map(|id| prompt(&id.to_string(), &format!("Question {id}"))).collect();
    folder.write(&lines.iter().map(String::as_str).collect::<Vec<_>>());
    let (local, count) = counting().await;
    let mut kills = 0;
    loop {
        let mut command = folder.command(&local.endpoint(), &["--concurrency", "4"]);
        let mut child = command.stderr(Stdio::null()).spawn().unwrap();
        // at another point each time
        let least = count.load(Ordering::SeqCst) + 3 + kills * 5 % 11;
        if until(&count, least, &mut child) {
            assert!(child.wait().unwrap().success());
            break;
        }
        child.kill().unwrap();
        child.wait().unwrap();
        kills += 1;
    }
    assert!(kills >= 5, "{kills}");
    let records = folder.records();
    let mut ids: Vec<usize> =
        records.iter().map(|record| record["id"].as_str().unwrap().parse().unwrap()).collect();
    ids.sort_unstable();
    assert_eq!(ids, (0..LINES).collect::<Vec<_>>());
    assert!(records.iter().all(|record| record["response"].is_object()));
    let asked = count.load(Ordering::SeqCst);
    assert!((LINES..=LINES + kills * CONCURRENCY).contains(&asked), "{asked} requests, {kills} kills");
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn an_interrupt_lets_what_is_under_way_finish() {
    use std::io::Write as _;
    let folder = Folder::new("interrupt");
    let (local, count) = counting().await;
    let mut child = Command::new(env!("CARGO_BIN_EXE_bedrock-llm"))
        .env_clear()
        .env("HOME", env!("CARGO_TARGET_TMPDIR"))
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .current_dir(&folder.0)
        .args(["batch", "-", "out.jsonl", "--endpoint-url", &local.endpoint()])
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // more may come, so that only the interrupt ends it
    let mut input = child.stdin.take().unwrap();
    writeln!(input, "{}\n{}", prompt("a", "Hi"), prompt("b", "Hi")).unwrap();
    assert!(!until(&count, 2, &mut child));
    let sent = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(sent.success());
    let output = child.wait_with_output().unwrap();
    drop(input);
    output.assert().code(130).stderr(contains("Stopping").and(contains("2 answered")));
    assert_eq!(folder.records().len(), 2);
}
