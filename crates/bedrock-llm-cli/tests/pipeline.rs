//! `bedrock-llm pipeline` as a user runs it, killed and started again.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use assert_cmd::assert::{Assert, OutputAssertExt as _};
use bedrock_llm_local::{LocalBedrock, Reply};
use predicates::prelude::*;
use predicates::str::contains;
use serde_json::{Value, json};

const DOCUMENTS: &str = include_str!("../../../examples/data/documents.jsonl");
const PIPELINE: &str = include_str!("../../../examples/data/pipeline.toml");

/// A folder of one test's.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("pipeline-{name}"));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn write(&self, name: &str, text: &str) -> &Self {
        std::fs::write(self.0.join(name), text).unwrap();
        self
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.0.join(name)).unwrap()
    }

    fn records(&self, name: &str) -> Vec<Value> {
        self.read(name).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// Neither the machine's credentials nor its settings are used.
    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_bedrock-llm"));
        command
            .env_clear()
            .env("HOME", env!("CARGO_TARGET_TMPDIR"))
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .env("BEDROCK_LLM_RETRY__BASE_DELAY", "1ms")
            .current_dir(&self.0)
            .arg("pipeline")
            .args(args);
        command
    }

    fn run(&self, args: &[&str]) -> Assert {
        let mut all = vec!["run", "pipeline.toml", "--input", "in.jsonl", "--output", "out.jsonl"];
        all.extend(args);
        self.command(&all).assert()
    }
}

#[test]
fn documents_become_chunks_with_vectors() {
    let folder = Folder::new("documents");
    folder.write("pipeline.toml", PIPELINE).write("in.jsonl", DOCUMENTS);
    folder
        .run(&["--local"])
        .success()
        .stderr(contains("3 lines read, 3 results written, 0 failed.").and(contains("embed/batch")));
    let chunks = folder.records("out.jsonl");
    let told: Vec<_> = chunks.iter().map(|chunk| (&chunk["id"], &chunk["chunk"])).collect();
    assert_eq!(
        told,
        [(&json!("rivers"), &json!(0)), (&json!("rivers"), &json!(1)), (&json!("knots"), &json!(0))]
    );
    assert!(chunks.iter().all(|chunk| chunk["vector"].as_array().unwrap().len() == 256));
    // no more digits than the numbers have
    assert!(chunks[0]["vector"][0].to_string().len() < 14, "{}", chunks[0]["vector"][0]);

    let before = folder.read("out.jsonl");
    folder
        .run(&["--local", "--quiet"])
        .success()
        .stderr(contains("Continued after 3 lines of the input; there was nothing to do."));
    assert_eq!(folder.read("out.jsonl"), before);
    folder.run(&["--local", "--overwrite"]).success().stderr(contains("3 lines read"));
    assert_eq!(folder.read("out.jsonl"), before);
}

#[test]
fn a_pipeline_is_drawn() {
    let folder = Folder::new("graph");
    folder.write("pipeline.toml", PIPELINE);
    folder
        .command(&["graph", "pipeline.toml"])
        .assert()
        .success()
        .stdout(contains("flowchart TD").and(contains(r#"n0["trim<br/>text.trim"]"#)));
    folder
        .command(&["graph", "pipeline.toml", "--format", "dot"])
        .assert()
        .success()
        .stdout(contains("digraph"));
}

#[test]
fn mistakes_are_named() {
    let folder = Folder::new("mistakes");
    let refused = |file: &str, says: &str| {
        folder.write("pipeline.toml", file);
        folder.command(&["graph", "pipeline.toml"]).assert().failure().stderr(contains(says));
    };
    refused(
        "[nodes.a]\nuse = 'bedrock.caht'\nwith = { model = 'm' }",
        "`nodes.a.use`: there is no kind `bedrock.caht`; did you mean `bedrock.chat`?",
    );
    refused("[nodes.a]\nuse = 'bedrock.chat'", "model");
    refused("[nodes.a]\nuse = 'bedrock.chat'\nwith = { model = 'm', temprature = 1 }", "temprature");
    refused(
        "[nodes.a]\nuse = 'bedrock.embed'\nwith = { model = 'm', purpose = 'fun' }",
        "`purpose` is `fun`",
    );

    folder.write("pipeline.toml", PIPELINE).write("in.jsonl", DOCUMENTS).write("out.jsonl", "{}\n");
    folder.run(&["--local"]).failure().stderr(contains("there is no checkpoint out.jsonl.checkpoint"));
    folder.run(&[]).failure().stderr(contains("no AWS credentials found"));
    let same = ["run", "pipeline.toml", "--input", "in.jsonl", "--output", "in.jsonl", "--local"];
    folder.command(&same).assert().failure().stderr(contains("in.jsonl is input and output"));
}

const ASK: &str = "
[graph]
concurrency = 4
[nodes.short]
use = 'json.filter'
with = { field = 'text', contains = 'skip', not = true }
[nodes.ask]
use = 'bedrock.chat'
from = ['short']
with = { model = 'us.amazon.nova-lite-v1:0', system = 'Be short.', max_tokens = 50 }
cache = { max_items = 10 }
";

#[tokio::test(flavor = "multi_thread")]
async fn what_fails_is_kept_apart() {
    let folder = Folder::new("dead");
    let lines = [
        "{\"text\": \"Say hello to Ada.\"}",
        "no json",
        "{\"text\": 3}",
        "{\"text\": \"skip\"}",
        "{\"text\": \"Say hello to Ada.\"}",
    ];
    folder.write("pipeline.toml", ASK).write("in.jsonl", &lines.join("\n"));
    let local = LocalBedrock::start().await.unwrap();
    let endpoint = local.endpoint();
    let run = |more: &[&str]| folder.run(&[&["--endpoint-url", endpoint.as_str()], more].concat());
    run(&["--dead-letters", "dead.jsonl"]).code(2).stderr(
        contains("5 lines read, 2 results written, 2 failed.").and(contains("node `ask` failed on item 2")),
    );
    let answers = folder.records("out.jsonl");
    assert!(answers.iter().all(|answer| answer["answer"] == "Hello, Ada!"), "{answers:?}");
    assert_eq!(local.received().len(), 1, "the same question is asked once");
    let dead = folder.records("dead.jsonl");
    assert_eq!(
        (&dead[0]["node"], &dead[0]["index"], &dead[0]["input"]),
        (&json!("source"), &json!(1), &Value::Null)
    );
    assert_eq!((&dead[1]["node"], &dead[1]["input"]), (&json!("ask"), &json!({"text": 3})));

    run(&["--overwrite"]).code(1).stderr(contains("an item failed, 1 were done before it"));
    assert_eq!(folder.records("out.jsonl").len(), 1);
    run(&["--skip-failures", "--quiet"])
        .code(2)
        .stderr(contains("Continued after 1 lines").and(contains("1 results written, 2 failed")));
    assert_eq!(folder.records("out.jsonl").len(), 2);
}

/// Waits until the output is so long; `false` if the command ended before.
fn grown(path: &Path, length: u64, child: &mut Child) -> bool {
    loop {
        if child.try_wait().unwrap().is_some() {
            return false;
        }
        if std::fs::metadata(path).is_ok_and(|file| file.len() >= length) {
            return true;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_again_and_again_its_output_is_whole_and_has_nothing_twice() {
    const LINES: usize = 4_000;
    let folder = Folder::new("killed");
    let lines: Vec<String> =
        (0..LINES).map(|id| json!({"id": id, "text": "one two three four five"}).to_string()).collect();
    // no model: what is tested is the files
    let file = "
        [graph]
        concurrency = 64
        [nodes.split]
        use = 'text.split'
        with = { max_chars = 10 }
        [nodes.filter]
        use = 'json.filter'
        from = ['split']
        with = { field = 'chunk', above = 0 }
        [nodes.label]
        use = 'text.template'
        from = ['filter']
        with = { template = '{id}/{chunk}', into = 'label' }
    ";
    folder.write("pipeline.toml", file).write("in.jsonl", &(lines.join("\n") + "\n"));
    let args = ["run", "pipeline.toml", "--input", "in.jsonl", "--output", "out.jsonl", "--local", "--quiet"];
    let output = folder.0.join("out.jsonl");
    let mut kills = 0;
    loop {
        let before = std::fs::metadata(&output).map_or(0, |file| file.len());
        let mut child = folder.command(&args).stderr(Stdio::null()).spawn().unwrap();
        // at another point each time; the first before anything is committed
        if kills < 12 && grown(&output, before + 1 + kills * 3_000, &mut child) {
            child.kill().unwrap();
            child.wait().unwrap();
            kills += 1;
            continue;
        }
        assert!(child.wait().unwrap().success());
        break;
    }
    assert!(kills > 2, "it was killed {kills} times");
    let labels: Vec<String> = folder
        .records("out.jsonl")
        .iter()
        .map(|record| record["label"].as_str().unwrap().to_owned())
        .collect();
    let chunks = labels.iter().take_while(|label| label.starts_with("0/")).count();
    assert!(chunks > 0);
    let expected: Vec<String> =
        (0..LINES).flat_map(|id| (1..=chunks).map(move |chunk| format!("{id}/{chunk}"))).collect();
    assert_eq!(labels, expected);
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn ctrl_c_finishes_what_is_under_way_and_leaves_the_rest() {
    let folder = Folder::new("interrupted");
    let lines: Vec<String> =
        (0..200).map(|id| json!({"id": id, "text": format!("Say {id}.")}).to_string()).collect();
    folder.write("pipeline.toml", ASK).write("in.jsonl", &lines.join("\n"));
    let slow = Reply::text("done").delay(Duration::from_millis(20)).forever();
    let local = LocalBedrock::builder().reply(slow).start().await.unwrap();
    let args =
        ["run", "pipeline.toml", "--input", "in.jsonl", "--output", "out.jsonl", "--quiet", "--endpoint-url"];
    let mut command = folder.command(&args);
    let child = command.arg(local.endpoint()).stderr(Stdio::piped()).spawn().unwrap();
    while local.received().len() < 20 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    Command::new("kill").args(["-INT", &child.id().to_string()]).assert().success();
    let ended = tokio::task::spawn_blocking(|| child.wait_with_output().unwrap()).await.unwrap();
    assert_eq!(ended.status.code(), Some(130));
    let said = String::from_utf8(ended.stderr).unwrap();
    assert!(said.contains("Started again, it continues."), "{said}");
    let first = folder.records("out.jsonl").len();
    assert!((10..200).contains(&first), "{first}");
    folder.run(&["--quiet", "--endpoint-url", &local.endpoint()]).success();
    let ids: Vec<u64> =
        folder.records("out.jsonl").iter().map(|record| record["id"].as_u64().unwrap()).collect();
    assert_eq!(ids, (0..200).collect::<Vec<_>>());
}
