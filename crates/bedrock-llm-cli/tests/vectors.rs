//! `bedrock-llm embed` and `rerank` as a user runs them, cut off and started again.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::path::{Path, PathBuf};

use assert_cmd::Command;
use assert_cmd::assert::Assert;
use bedrock_llm_local::{Exception, LocalBedrock, ReceivedRequest, Reply};
use predicates::prelude::*;
use predicates::str::{contains, starts_with};
use serde_json::{Value, json};

/// A folder of one test's.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("vectors-{name}"));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.0.join(name), text).unwrap();
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.0.join(name)).unwrap()
    }

    fn records(&self, name: &str) -> Vec<Value> {
        parse(&self.read(name))
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
            .args(args);
        command
    }

    fn run(&self, local: &LocalBedrock, args: &[&str]) -> Assert {
        self.command(args).args(["--endpoint-url", &local.endpoint()]).assert()
    }
}

fn parse(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn records(assert: &Assert) -> Vec<Value> {
    parse(&String::from_utf8(assert.get_output().stdout.clone()).unwrap())
}

/// Text of each line, and whether it has a vector of so many numbers.
fn vectors(record: &Value) -> usize {
    record["embedding"].as_array().map_or(0, Vec::len)
}

#[test]
fn lines_become_vectors() {
    let folder = Folder::new("lines");
    let run = folder.command(&["embed", "--local", "--dimensions", "256"]).write_stdin("one\n\ntwo").assert();
    let run = run.success().stderr(contains("local endpoint").and(contains("2 embedded, 0 failed")));
    let records = records(&run);
    assert_eq!(records.iter().map(|record| &record["line"]).collect::<Vec<_>>(), [1, 3]);
    assert!(records.iter().all(|record| vectors(record) == 256 && record["text"].is_null()), "{records:?}");
    assert_ne!(records[0]["embedding"], records[1]["embedding"]);
    folder.command(&["embed"]).write_stdin("one").assert().code(1).stderr(contains("--local")).stdout("");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_form_of_input_is_read() {
    let folder = Folder::new("forms");
    folder.write("a.jsonl", "{\"id\":7,\"text\":\"one\"}\n{\"key\":\"k\",\"body\":{\"text\":\"deep\"}}\n");
    folder.write("b.csv", "id,text,note\nx,\"two\nlines\",n\n");
    folder.write("c.txt", "plain\nlines\n");
    let local = LocalBedrock::start().await.unwrap();
    let run = folder.run(&local, &["embed", "a.jsonl", "b.csv", "c.txt", "--with-text"]);
    let found = records(&run.code(2).stderr(contains("a.jsonl, line 2: it has no `text`")));
    let told: Vec<_> = found
        .iter()
        .map(|record| json!([record["file"], record["line"], record["id"], record["text"]]))
        .collect();
    assert_eq!(
        json!(told),
        json!([
            ["a.jsonl", 1, 7, "one"],
            ["a.jsonl", 2, null, null],
            ["b.csv", 2, "x", "two\nlines"],
            ["c.txt", 1, null, "plain"],
            ["c.txt", 2, null, "lines"],
        ])
    );
    assert_eq!(found[1]["error"]["kind"], "bad line");
    let run = folder
        .run(&local, &["embed", "a.jsonl", "--field", "/body/text", "--id-field", "key", "--with-text"]);
    assert_eq!((&records(&run)[1]["id"], &records(&run)[1]["text"]), (&json!("k"), &json!("deep")));
    let run = folder.run(&local, &["embed", "b.csv", "--column", "note", "--with-text"]).success();
    assert_eq!((&records(&run)[0]["id"], &records(&run)[0]["text"]), (&json!("x"), &json!("n")));
    let run = folder.run(&local, &["embed", "--whole", "c.txt", "--with-text"]).success();
    assert_eq!(
        (&records(&run)[0]["file"], &records(&run)[0]["text"]),
        (&json!("c.txt"), &json!("plain\nlines\n"))
    );
    folder.run(&local, &["embed", "b.csv", "--column", "nope"]).code(1).stderr(contains("id, text, note"));
    folder.run(&local, &["embed", "no-such-file"]).code(1).stderr(contains("no-such-file"));
}

#[tokio::test(flavor = "multi_thread")]
async fn csv_has_a_vector_in_a_column() {
    let folder = Folder::new("csv");
    folder.write("in.txt", "say \"hi\", please\n");
    let local = LocalBedrock::start().await.unwrap();
    let args =
        ["embed", "in.txt", "--format", "csv", "--with-text", "--dimensions", "256", "--output", "out.csv"];
    folder.run(&local, &args).success().stdout("");
    let text = folder.read("out.csv");
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    assert_eq!(reader.headers().unwrap(), vec!["file", "line", "id", "hash", "text", "error", "embedding"]);
    let row = reader.records().next().unwrap().unwrap();
    assert_eq!((&row[0], &row[1], &row[4], &row[5]), ("in.txt", "1", "say \"hi\", please", ""));
    assert_eq!(serde_json::from_str::<Vec<f32>>(&row[6]).unwrap().len(), 256);
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_reach_the_model_and_what_it_cannot_do_is_refused() {
    let folder = Folder::new("settings");
    let local = LocalBedrock::start().await.unwrap();
    let run = |args: &[&str]| {
        let mut command = folder.command(&["embed"]);
        if !args.contains(&"--model") {
            command.args(["--model", "cohere.embed-v4:0"]);
        }
        command.args(["--endpoint-url", &local.endpoint()]).args(args).write_stdin("one\ntwo\n").assert()
    };
    let sent = || local.received().last().unwrap().json.clone();
    let found = records(&run(&["--purpose", "query", "--type", "int8", "--dimensions", "512"]).success());
    assert!(found.iter().all(|record| vectors(record) == 512), "{found:?}");
    assert!(found[0]["embedding"][0].is_i64());
    let body = sent();
    assert_eq!(
        (&body["input_type"], &body["embedding_types"], &body["output_dimension"]),
        (&json!("search_query"), &json!(["int8"]), &json!(512))
    );
    let bytes = |run: &Assert| {
        let bytes = records(run)[0]["embedding"].as_array().unwrap().clone();
        bytes.iter().map(|byte| byte.as_i64().unwrap()).collect::<Vec<_>>()
    };
    let unsigned = bytes(&run(&["--type", "ubinary"]).success());
    assert_eq!(sent()["embedding_types"], json!(["ubinary"]));
    let signed = bytes(&run(&["--type", "binary"]).success());
    assert_eq!(sent()["embedding_types"], json!(["binary"]));
    assert!(signed.iter().any(|byte| *byte < 0) && unsigned.iter().any(|byte| *byte > 127));
    let titan = run(&["--type", "binary", "--model", "amazon.titan-embed-text-v2:0"]);
    assert_eq!(sent()["embeddingTypes"], json!(["binary"]));
    let digits = bytes(&titan.success());
    assert!(digits.len() == 1024 && digits.iter().all(|digit| matches!(digit, 0 | 1)), "{digits:?}");
    run(&["--type", "ubinary", "--model", "amazon.titan-embed-text-v2:0"])
        .code(1)
        .stderr(contains("no vectors of type ubinary; it gives float, binary"));
    run(&["--truncate"]).success();
    assert_eq!(sent()["truncate"], "END");
    let asked = local.received().len();
    run(&["--dimensions", "4000"]).code(1).stderr(contains("dimensions").and(contains("1536"))).stdout("");
    assert_eq!(local.received().len(), asked);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_failed_is_a_record_and_is_tried_again() {
    let folder = Folder::new("failures");
    folder.write("in.txt", "one\ntwo\nthree\n");
    let refused = Reply::exception(Exception::new("ValidationException").with_status(400));
    let is_two = |request: &ReceivedRequest| request.json["inputText"] == "two";
    let local = LocalBedrock::builder().reply(refused.when(is_two)).start().await.unwrap();
    let args = ["embed", "in.txt", "--output", "out.jsonl"];
    folder.run(&local, &args).code(2).stderr(contains("line 2: ").and(contains("2 embedded, 1 failed")));
    let found = folder.records("out.jsonl");
    assert_eq!(found.iter().map(|record| &record["line"]).collect::<Vec<_>>(), [1, 2, 3]);
    assert_eq!((&found[1]["error"]["retryable"], vectors(&found[1])), (&json!(false), 0));
    folder.run(&local, &args).code(1).stderr(contains("--resume"));
    folder
        .run(&local, &[&args[..], &["--resume"]].concat())
        .success()
        .stderr(contains("1 embedded, 0 failed, 2 embedded before"));
    let found = folder.records("out.jsonl");
    assert_eq!(found.iter().map(|record| &record["line"]).collect::<Vec<_>>(), [1, 3, 2]);
    assert_eq!(local.received().len(), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn failures_may_go_elsewhere() {
    let folder = Folder::new("apart");
    folder.write("in.jsonl", "{\"text\":\"one\"}\n{\"texd\":\"two\"}\n");
    let local = LocalBedrock::start().await.unwrap();
    folder.run(&local, &["embed", "in.jsonl", "--failures", "bad.jsonl"]).code(2);
    let bad = folder.records("bad.jsonl");
    assert_eq!(
        (bad.len(), &bad[0]["line"], &bad[0]["error"]["message"]),
        (1, &json!(2), &json!("it has no `text`"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn wherever_it_was_cut_it_is_continued() {
    let folder = Folder::new("resume");
    let lines: Vec<String> = (0..40).map(|number| format!("text number {number}")).collect();
    folder.write("in.txt", &lines.join("\n"));
    for form in ["jsonl", "csv"] {
        let local = LocalBedrock::start().await.unwrap();
        let output = format!("out.{form}");
        let args =
            ["embed", "in.txt", "--dimensions", "256", "--format", form, "--output", &output, "--resume"];
        folder.run(&local, &args).success().stderr(contains("40 embedded"));
        let whole = folder.read(&output);
        for cut in [0, 5, whole.len() / 3, whole.len() / 2, whole.len() - 40, whole.len()] {
            folder.write(&output, &whole[..cut]);
            let asked = local.received().len();
            let before = whole[..cut].lines().count();
            folder.run(&local, &args).success();
            assert_eq!(folder.read(&output), whole, "{form} {cut}");
            let again = local.received().len() - asked;
            assert!(
                again + before >= 40 && again + before <= 42,
                "{form} {cut}: {again} again, {before} before"
            );
        }
        let other =
            ["embed", "in.txt", "--dimensions", "512", "--format", form, "--output", &output, "--resume"];
        folder.run(&local, &other).code(1).stderr(contains("dimensions was 256 and is 512"));
        folder.write("in.txt", &lines.join("\n").replace("number 7", "number VII"));
        folder.run(&local, &args).code(1).stderr(contains("line 8: ").and(contains("changed")));
        folder.write("in.txt", &lines.join("\n"));
        assert_eq!(folder.read(&output), whole);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn files_may_be_added_and_named_otherwise() {
    let folder = Folder::new("files");
    folder.write("a.txt", "one\ntwo\n");
    folder.write("b.txt", "three\n");
    std::fs::create_dir(folder.0.join("deep")).unwrap();
    let local = LocalBedrock::start().await.unwrap();
    for form in ["jsonl", "csv"] {
        let output = format!("out.{form}");
        let more = ["--format", form, "--output", &output, "--resume"];
        let embed = |files: &[&str]| folder.run(&local, &[&["embed"], files, &more].concat());
        embed(&["a.txt"]).success().stderr(contains("2 embedded, 0 failed;"));
        embed(&["b.txt", "./a.txt"]).success().stderr(contains("1 embedded, 0 failed, 2 embedded before"));
        let absolute = folder.0.canonicalize().unwrap().join("b.txt");
        let whole = folder.read(&output);
        embed(&["deep/../a.txt", absolute.to_str().unwrap()]).success().stderr(contains("3 embedded before"));
        assert_eq!(folder.read(&output), whole, "{form}");
        embed(&["a.txt", "./a.txt"]).code(1).stderr(contains("a.txt and ./a.txt are one file"));
        // other columns
        embed(&["--whole", "a.txt"])
            .code(1)
            .stderr(contains("cannot be continued").and(contains("columns was [")));
        let run = folder.command(&["embed"]).args(more).args(["--endpoint-url", &local.endpoint()]).assert();
        run.code(1).stderr(contains("columns was [\"file\",\"line\""));
        // from a folder where the names mean nothing
        let mut elsewhere = folder.command(&["embed", "../b.txt", "--format", form, "--resume"]);
        elsewhere.current_dir(folder.0.join("deep")).args(["--endpoint-url", &local.endpoint()]);
        elsewhere
            .args(["--output", &format!("../{output}")])
            .assert()
            .code(1)
            .stderr(contains(".txt, which is not here"));
        assert_eq!(folder.read(&output), whole, "{form}");
    }
    let found = folder.records("out.jsonl");
    let told: Vec<_> = found.iter().map(|record| json!([record["file"], record["line"]])).collect();
    assert_eq!(json!(told), json!([["a.txt", 1], ["a.txt", 2], ["b.txt", 1]]));
}

#[tokio::test(flavor = "multi_thread")]
async fn failures_are_written_over_nothing() {
    let folder = Folder::new("apart-safe");
    let input = "{\"text\":\"one\"}\n{\"texd\":\"two\"}\n";
    folder.write("in.jsonl", input);
    folder.write("notes.txt", "my notes");
    let local = LocalBedrock::start().await.unwrap();
    let embed = |output: &str, failures: &str, more: &[&str]| {
        let args = ["embed", "in.jsonl", "--output", output, "--failures", failures];
        folder.run(&local, &[&args, more].concat()).get_output().clone()
    };
    let refused = |output: &str, failures: &str, more: &[&str], why: &str| {
        let run = embed(output, failures, more);
        let told = String::from_utf8(run.stderr).unwrap();
        assert!(run.status.code() == Some(1) && told.contains(why), "{told}");
    };
    std::fs::hard_link(folder.0.join("in.jsonl"), folder.0.join("link.jsonl")).unwrap();
    for more in [&[][..], &["--resume"]] {
        refused("out.jsonl", "./in.jsonl", more, "--failures and input are one file");
        refused("out.jsonl", "link.jsonl", more, "--failures and input are one file");
        refused("out.jsonl", "out.jsonl.settings.json", more, "for the settings of the output");
    }
    refused("out.jsonl", "notes.txt", &[], "notes.txt has content");
    refused("out.jsonl", "notes.txt", &["--resume"], "no failure of this command");
    assert_eq!(
        (folder.read("in.jsonl"), folder.read("notes.txt")),
        (input.to_owned(), "my notes".to_owned())
    );
    assert!(!folder.0.join("out.jsonl").exists());
    refused("same.jsonl", "./same.jsonl", &[], "--failures and --output are one file");

    assert_eq!(embed("out.jsonl", "bad.jsonl", &[]).status.code(), Some(2));
    let bad = folder.read("bad.jsonl");
    let output = folder.read("out.jsonl");
    assert_eq!((bad.lines().count(), output.lines().count()), (1, 1));
    refused("new.jsonl", "bad.jsonl", &[], "bad.jsonl has content");
    refused("new.jsonl", "out.jsonl", &["--resume"], "is an output itself");
    assert_eq!((folder.read("bad.jsonl"), folder.read("out.jsonl")), (bad.clone(), output.clone()));
    // what was cut off is written anew
    folder.write("bad.jsonl", &format!("{bad}{}", &bad[..20]));
    assert_eq!(embed("out.jsonl", "bad.jsonl", &["--resume"]).status.code(), Some(2));
    assert_eq!((folder.read("bad.jsonl"), folder.read("out.jsonl")), (bad, output));
}

#[tokio::test(flavor = "multi_thread")]
async fn plain_lines_have_no_ids() {
    let folder = Folder::new("ids");
    folder.write("in.txt", "one\n");
    folder.write("in.jsonl", "{\"key\":1,\"text\":\"one\"}\n");
    let local = LocalBedrock::start().await.unwrap();
    for command in [&["embed"][..], &["rerank", "--query", "one"]] {
        let run = |more: &[&str]| folder.run(&local, &[command, more, &["--id-field", "key"]].concat());
        run(&["in.jsonl", "in.txt"])
            .code(1)
            .stderr(contains("--id-field").and(contains("in.txt is read as plain lines")));
        run(&[]).code(1).stderr(contains("standard input is read as plain lines"));
        assert_eq!(records(&run(&["in.jsonl"]).success())[0]["id"], 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_every_text_would_meet_ends_it() {
    let folder = Folder::new("auth");
    let lines: Vec<String> = (0..500).map(|number| format!("text number {number}")).collect();
    folder.write("in.txt", &lines.join("\n"));
    let refused = Exception::new("UnrecognizedClientException").with_status(403);
    let local = LocalBedrock::builder().reply(Reply::exception(refused).forever()).start().await.unwrap();
    folder.run(&local, &["embed", "in.txt", "--output", "out.jsonl"]).code(1).stderr(contains("credentials"));
    assert!(local.received().len() < 500);
    assert_eq!(folder.records("out.jsonl").len(), 0);
}

#[test]
fn the_demo_shows_chat_vectors_ranking_and_an_agent() {
    let folder = Folder::new("demo");
    let run = folder.command(&["demo", "--local"]).assert().success();
    let run = run.stderr(contains("local endpoint").and(contains("AWS_REGION")).and(contains("get_weather")));
    let best = "The Seine is the river that flows through Paris.\n";
    let run = run.stderr(contains("[tool 1: complete in ")).stdout(contains("says: 84."));
    let told = String::from_utf8(run.get_output().stdout.clone()).unwrap();
    let firsts =
        told.lines().zip(told.lines().skip(1)).filter(|(before, _)| before.ends_with(':')).map(|pair| pair.1);
    assert_eq!(firsts.filter(|first| first.ends_with(best.trim())).count(), 2, "{told}");
}

const DOCUMENTS: &str =
    "The Rhône rises in a glacier in Valais.\nParis is the capital of France.\nBread is made of flour.\n";

#[test]
fn documents_are_ranked() {
    let folder = Folder::new("rank");
    folder.write("docs.txt", DOCUMENTS);
    for model in ["cohere.rerank-v3-5:0", "amazon.rerank-v1:0"] {
        for api in ["invoke-model", "agent-runtime"] {
            let args = [
                "rerank",
                "--local",
                "--query",
                "What is the capital of France?",
                "docs.txt",
                "--model",
                model,
            ];
            let run =
                folder.command(&args).args(["--api", api, "--top-n", "2", "--with-text"]).assert().success();
            let found = records(&run);
            assert_eq!(found.len(), 2, "{model} {api}");
            assert_eq!(
                (&found[0]["rank"], &found[0]["line"], &found[0]["index"], &found[0]["text"]),
                (&json!(1), &json!(2), &json!(1), &json!("Paris is the capital of France."))
            );
            assert!(found[0]["score"].as_f64() > found[1]["score"].as_f64());
        }
    }
    folder
        .command(&["rerank", "--local", "--query", "capital of France", "--format", "table"])
        .write_stdin(DOCUMENTS)
        .assert()
        .success()
        .stdout(starts_with("   1  ").and(contains("  line 2  Paris is the capital of France.\n   2  ")));
    folder
        .command(&["rerank", "--local", "--query", "x"])
        .write_stdin("")
        .assert()
        .code(1)
        .stderr(contains("no documents"));
    folder.command(&["rerank", "--local", "docs.txt"]).assert().code(2).stderr(contains("--query"));
}

#[test]
fn objects_are_documents_too() {
    let folder = Folder::new("objects");
    let objects = "{\"id\":\"a\",\"title\":\"Bread\",\"body\":\"made of flour\"}\n{\"id\":\"b\",\"title\":\"Paris\",\"body\":\"capital of France\"}\n";
    let run = folder
        .command(&[
            "rerank",
            "--local",
            "--query",
            "capital of France",
            "--objects",
            "--with-text",
            "--api",
            "agent-runtime",
        ])
        .write_stdin(objects)
        .assert()
        .success();
    let found = records(&run);
    assert_eq!((&found[0]["id"], &found[0]["document"]["title"]), (&json!("b"), &json!("Paris")));
}

#[tokio::test(flavor = "multi_thread")]
async fn many_queries_are_ranked_and_continued() {
    let folder = Folder::new("queries");
    folder.write("docs.txt", DOCUMENTS);
    folder.write("queries.jsonl", "{\"id\":\"q1\",\"query\":\"bread\"}\n{\"query\":\"Rhône\"}\n{\"nothing\":1}\n{\"query\":\"Paris\"}\n");
    for form in ["jsonl", "csv"] {
        let local = LocalBedrock::start().await.unwrap();
        let output = format!("out.{form}");
        let args = [
            "rerank",
            "--queries",
            "queries.jsonl",
            "docs.txt",
            "--format",
            form,
            "--output",
            &output,
            "--resume",
        ];
        folder
            .run(&local, &args)
            .code(2)
            .stderr(contains("3 queries ranked, 1 failed").and(contains("line 3: it has no `query`")));
        assert_eq!(local.received().len(), 3);
        let whole = folder.read(&output);
        // in the middle of the second ranking
        let cut =
            whole.lines().take(if form == "csv" { 6 } else { 5 }).map(|line| line.len() + 1).sum::<usize>()
                - 4;
        folder.write(&output, &whole[..cut]);
        folder.run(&local, &args).code(2).stderr(contains("2 queries ranked, 1 failed, 1 ranked before"));
        assert_eq!(local.received().len(), 5);
        assert_eq!(folder.read(&output), whole);
        let other = [
            "rerank",
            "--queries",
            "queries.jsonl",
            "docs.txt",
            "-n",
            "1",
            "--format",
            form,
            "--output",
            &output,
            "--resume",
        ];
        folder.run(&local, &other).code(1).stderr(contains("top_n was null and is 1"));
    }
    let found = folder.records("out.jsonl");
    let told: Vec<_> = found
        .iter()
        .map(|record| json!([record["query_line"], record["query_id"], record["rank"], record["of"]]))
        .collect();
    assert_eq!(json!(told[..4]), json!([[1, "q1", 1, 3], [1, "q1", 2, 3], [1, "q1", 3, 3], [2, null, 1, 3]]));
    assert_eq!(found.len(), 10);
    assert!(found[6]["error"]["message"].is_string());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_missing_of_a_ranking_is_asked_for_again() {
    let folder = Folder::new("missing");
    let documents: String = (0..1001).map(|number| format!("document {number}\n")).collect();
    folder.write("docs.txt", &documents);
    let is_rest =
        |request: &ReceivedRequest| request.json["documents"].as_array().is_some_and(|all| all.len() == 1);
    for (failures, exit) in [(2, 0), (3, 2)] {
        let broken = Reply::exception("ServiceUnavailableException").when(is_rest).times(failures);
        let local = LocalBedrock::builder().reply(broken).start().await.unwrap();
        let args = ["rerank", "--query", "document 7", "docs.txt", "--endpoint-url", &local.endpoint()];
        let run = folder.command(&args).env("BEDROCK_LLM_RETRY__MAX_ATTEMPTS", "1").assert().code(exit);
        // the thousand are ranked once
        assert_eq!(local.received().len(), 4, "{failures}");
        let found = records(&run);
        match exit {
            0 => assert_eq!(found.len(), 1001),
            _ => assert_eq!(found[0]["error"]["retryable"], true),
        }
    }
    // nothing came: there is nothing to keep
    let broken = Reply::exception("ServiceUnavailableException").forever();
    let local = LocalBedrock::builder().reply(broken).start().await.unwrap();
    let args = ["rerank", "--query", "document 7", "docs.txt", "--endpoint-url", &local.endpoint()];
    folder.command(&args).env("BEDROCK_LLM_RETRY__MAX_ATTEMPTS", "1").assert().code(2);
    assert_eq!(local.received().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ranking_is_continued_with_the_same_columns_alone() {
    let folder = Folder::new("columns");
    folder.write("docs.txt", DOCUMENTS);
    folder.write("queries.txt", "bread\nParis\n");
    let local = LocalBedrock::start().await.unwrap();
    for form in ["jsonl", "csv"] {
        let output = format!("out.{form}");
        let more = ["--format", form, "--output", &output, "--resume"];
        folder.run(&local, &[&["rerank", "--query", "bread", "docs.txt"], &more[..]].concat()).success();
        let whole = folder.read(&output);
        folder
            .run(&local, &[&["rerank", "--queries", "queries.txt", "docs.txt"], &more[..]].concat())
            .code(1)
            .stderr(contains("columns was [\"query_line\",\"query_hash\"").and(contains("query_id")));
        folder.run(&local, &[&["rerank", "--query", "bread", "./docs.txt"], &more[..]].concat()).success();
        assert_eq!(folder.read(&output), whole);
    }
}
