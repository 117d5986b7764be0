//! `bedrock-llm agent` and `bedrock-llm sessions` as a user runs them.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::path::{Path, PathBuf};

use assert_cmd::Command;
use assert_cmd::assert::Assert;
use bedrock_llm_local::{LocalBedrock, Reply};
use predicates::prelude::*;
use predicates::str::contains;
use serde_json::{Value, json};

/// A folder of one test's, which is its home too.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("agent-{name}"));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    /// Neither the machine's credentials nor its settings are used.
    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_bedrock-llm"));
        command
            .env_clear()
            .env("HOME", &self.0)
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .current_dir(&self.0)
            .args(args);
        command
    }

    fn run(&self, args: &[&str]) -> Assert {
        self.command(args).assert()
    }

    /// `agent --local` with these arguments.
    fn agent(&self, args: &[&str]) -> Assert {
        self.run(&[&["agent", "--local"], args].concat())
    }

    fn sessions(&self, args: &[&str]) -> Assert {
        self.run(&[&["sessions"], args].concat())
    }

    fn exists(&self, name: &str) -> bool {
        self.0.join(name).exists()
    }
}

fn out(assert: &Assert) -> String {
    String::from_utf8(assert.get_output().stdout.clone()).unwrap()
}

fn lines(assert: &Assert) -> Vec<Value> {
    out(assert).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn tool_calls_are_shown_and_the_answer_has_their_result() {
    let folder = Folder::new("calls");
    for (api, streaming) in [("converse", "true"), ("invoke", "true"), ("converse", "false")] {
        folder
            .command(&["agent", "--local", "--api", api, "--tools", "calc,weather", "What is 12 * 7?"])
            .env("BEDROCK_LLM_STREAMING", streaming)
            .assert()
            .success()
            .stdout("calc (expression: 12 * 7) says: 84.\n")
            .stderr(contains(r#"[tool 1: calc {"expression":"12 * 7"}]"#))
            .stderr(contains("[tool 1: complete in ").and(contains(": 84]")))
            .stderr(contains("2 answers, 1 call · "));
    }
    let quiet = ["--quiet", "--tools", "weather", "What is the weather in Paris?"];
    folder.agent(&quiet).success().stdout(contains("no forecast")).stderr(contains("[tool").not());
    folder
        .command(&["agent", "--local", "--tools", "time"])
        .write_stdin("What time is it?")
        .assert()
        .success()
        .stdout(contains("weekday"));
    folder.agent(&["--tools", "calc,nosuch", "Hi"]).code(2).stderr(contains("weather"));
}

#[test]
fn tools_are_listed() {
    let list = Folder::new("list").run(&["agent", "--list-tools"]).success();
    let list = list.stdout(contains("read_file").and(contains("weather")));
    let asks: Vec<String> =
        out(&list).lines().filter(|line| line.contains("Asks first")).map(str::to_owned).collect();
    assert!(asks.len() == 1 && asks[0].contains("write_file"), "{asks:?}");
}

#[test]
fn events_are_json_one_a_line() {
    let folder = Folder::new("json");
    let events = lines(&folder.agent(&["--json", "--tools", "calc", "What is 12 * 7?"]).success());
    let mut kinds: Vec<&str> = events.iter().map(|event| event["type"].as_str().unwrap()).collect();
    kinds.dedup();
    let order = ["iteration", "tool_requested", "tool_started", "tool_finished", "iteration", "text", "done"];
    assert_eq!(kinds, order);
    let finished = events.iter().find(|event| event["type"] == "tool_finished").unwrap();
    assert_eq!(finished["call"]["state"], "complete");
    assert_eq!(finished["call"]["input"], json!({"expression": "12 * 7"}));
    assert!(finished["seconds"].is_f64(), "{finished}");
    let said: String = events.iter().filter_map(|event| event["text"].as_str()).collect();
    let done = events.last().unwrap();
    assert!(said.starts_with("calc (") && done["text"].as_str().unwrap().contains("84"), "{said}");
    assert_eq!(
        (&done["stop"], &done["iterations"], &done["waiting"]),
        (&json!("end_turn"), &json!(2), &json!([]))
    );

    let model = ["--json", "--model", "local.error.AccessDeniedException", "Hi"];
    let failed = folder.agent(&model).code(1).stderr(contains("error: "));
    let last = lines(&failed).pop().unwrap();
    assert!(last["type"] == "error" && last["message"].is_string(), "{last}");
}

#[test]
fn a_session_goes_on_in_the_next_process() {
    let folder = Folder::new("sessions");
    folder.agent(&["--session", "talk", "My cat is called Whiskers."]).success();
    folder.agent(&["--session", "talk", "What is my cat called?"]).success().stdout(contains("Whiskers"));
    folder
        .agent(&["--session", "other", "What is my cat called?"])
        .success()
        .stdout(contains("Whiskers").not());
    assert!(folder.exists(".local/share/bedrock-llm/sessions.db"));
    // the model is told the last question alone; the session keeps all
    let short = ["--session", "talk", "--window", "1", "What is my cat called?"];
    folder.agent(&short).success().stdout(contains("Whiskers").not()).stderr(contains("[memory: window"));
    folder.sessions(&["show", "talk"]).success().stdout(contains("user: My cat is called Whiskers."));
    let store = |command: &[&str]| folder.command(command).env("BEDROCK_LLM_STORE", "own.db").assert();
    store(&["agent", "--local", "--session", "talk", "What is my cat called?"])
        .success()
        .stdout(contains("Whiskers").not());
    assert!(folder.exists("own.db"));
    folder.agent(&["Hello"]).success();
    assert_eq!(lines(&folder.sessions(&["list", "--json"]).success()).len(), 2);
}

#[test]
fn a_file_is_written_when_somebody_has_said_so() {
    let folder = Folder::new("write");
    let task = r#"Write "hello" to new.txt."#;
    let tools = ["--tools", "files", "--session", "work"];
    let asked = folder.agent(&[&tools[..], &[task]].concat()).code(3).stderr(contains("--approve ID"));
    let asked = asked.stderr(contains("write_file waits: write 5 bytes to new.txt in /"));
    assert!(!folder.exists("new.txt"), "{}", out(&asked));
    let id = "tooluse_local_1";
    folder.sessions(&["show", "work"]).success().stdout(contains(format!("{id} write_file waits: write 5")));

    folder.agent(&[&tools[..], &["--approve", "nosuch"]].concat()).code(1).stderr(contains("nosuch"));
    folder.agent(&[&tools[..], &["--resume"]].concat()).code(3);
    assert!(!folder.exists("new.txt"));
    folder
        .agent(&[&tools[..], &["--approve", id]].concat())
        .success()
        .stdout(contains("5 bytes were written"));
    assert_eq!(std::fs::read(folder.0.join("new.txt")).unwrap(), b"hello");
    folder.agent(&[&tools[..], &["--approve", id]].concat()).code(1).stderr(contains("no run to go on with"));

    let tools = ["--tools", "files", "--session", "no"];
    folder.agent(&[&tools[..], &[r#"Write "hello" to never.txt."#]].concat()).code(3);
    let word = format!("{id}=not today");
    folder.agent(&[&tools[..], &["--deny", &word]].concat()).success().stdout(contains("denied: not today"));
    assert!(!folder.exists("never.txt"));
    folder.sessions(&["show", "no", "--calls"]).success().stdout(contains("write_file: denied"));

    folder.agent(&["--tools", "files", task]).code(3).stderr(contains("nothing was kept"));
    folder.agent(&["--tools", "files", "--yes", r#"Write "hello" to yes.txt."#]).success();
    assert!(folder.exists("yes.txt"));
}

#[test]
fn what_is_said_next_ends_a_run_that_waits() {
    let folder = Folder::new("next");
    let tools = ["--tools", "files", "--session", "work"];
    folder.agent(&[&tools[..], &[r#"Write "hello" to new.txt."#]].concat()).code(3);
    folder
        .agent(&[&tools[..], &["Say hello to Ada."]].concat())
        .success()
        .stdout("Hello, Ada!\n")
        .stderr(contains("ends it"));
    folder.sessions(&["show", "work", "--calls"]).success().stdout(contains("write_file: cancelled"));
    assert!(!folder.exists("new.txt"));
}

#[tokio::test(flavor = "multi_thread")]
async fn no_path_leads_out_of_the_root() {
    let folder = Folder::new("escape");
    std::fs::create_dir(folder.0.join("root")).unwrap();
    std::fs::write(folder.0.join("secret.txt"), "the secret").unwrap();
    let call = |tool: &str, input: Value| Reply::tool_use("t", tool, input);
    let local = LocalBedrock::builder()
        .reply(call("read_file", json!({"path": "../secret.txt"})))
        .reply(call("write_file", json!({"path": "../secret.txt", "content": "x"})))
        .reply(Reply::text("I could not."))
        .start()
        .await
        .unwrap();
    let endpoint = local.endpoint();
    let args = ["agent", "--endpoint-url", &endpoint, "--tools", "files", "--root", "root", "--yes", "Go."];
    folder
        .run(&args)
        .success()
        .stderr(contains("[tool 2: failed").and(contains("secret.txt` cannot be used")));
    assert_eq!(std::fs::read(folder.0.join("secret.txt")).unwrap(), b"the secret");
    assert_eq!(local.received().len(), 3);
    assert!(!local.received().iter().any(|request| request.json.to_string().contains("the secret")));
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn ctrl_c_leaves_a_session_that_goes_on() {
    use std::io::{BufRead as _, BufReader, Read as _};
    use std::process::Stdio;

    let folder = Folder::new("interrupt");
    let late = Reply::text("Too late.").delay(std::time::Duration::from_secs(3600));
    let local = LocalBedrock::builder()
        .reply(Reply::tool_use("t", "calc", json!({"expression": "1 + 1"})))
        .reply(late)
        .reply(Reply::text("Here I am."))
        .start()
        .await
        .unwrap();
    let endpoint = local.endpoint();
    let args = ["agent", "--endpoint-url", &endpoint, "--tools", "calc", "--session", "work"];
    let mut running = std::process::Command::new(env!("CARGO_BIN_EXE_bedrock-llm"))
        .env_clear()
        .env("HOME", &folder.0)
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .args(args)
        .arg("Go.")
        .stdin(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut told = BufReader::new(running.stderr.take().unwrap());
    let mut line = String::new();
    while !line.contains("complete") {
        line.clear();
        assert_ne!(told.read_line(&mut line).unwrap(), 0, "it ended before the tool had answered");
    }
    // it waits for an answer now
    while local.received().len() < 2 {
        tokio::time::sleep(std::time::Duration::from_millis(2)).await;
    }
    let pressed = std::process::Command::new("kill").args(["-INT", &running.id().to_string()]).status();
    assert!(pressed.unwrap().success());
    let mut rest = String::new();
    told.read_to_string(&mut rest).unwrap();
    assert_eq!(running.wait().unwrap().code(), Some(130), "{rest}");
    assert!(rest.contains("Stopping") && rest.contains("cancelled"), "{rest}");

    let listed = lines(&folder.sessions(&["list", "--json"]).success());
    assert_eq!(listed[0]["isOpen"], json!(false));
    folder.sessions(&["show", "work", "--calls"]).success().stdout(contains("calc: complete"));
    folder.run(&[&args[..], &["Are you there?"]].concat()).success().stdout("Here I am.\n");
    let asked = local.received().last().unwrap().chat().unwrap();
    let told: Vec<String> = asked.messages.iter().map(bedrock_llm_schema::Message::text).collect();
    assert!(
        told.iter().any(|text| text.contains("Go.")) && told.last().unwrap().contains("there"),
        "{told:?}"
    );
}

#[test]
fn what_broke_off_is_resumed() {
    let folder = Folder::new("resume");
    let model = ["--session", "work", "--model", "local.error.AccessDeniedException", "Say hello to Ada."];
    folder.agent(&model).code(1).stderr(contains("--resume"));
    folder.agent(&["--session", "work", "--resume"]).success().stdout(contains("Hello, Ada!"));
    folder.agent(&["--session", "work", "--resume"]).code(1).stderr(contains("no run to go on with"));
    folder.agent(&["--resume"]).code(2).stderr(contains("--session"));
}

#[test]
fn limits_stop_a_run_and_say_so() {
    let folder = Folder::new("limits");
    for (limit, value) in [("--max-iterations", "1"), ("--max-tokens-used", "10"), ("--max-cost", "0.000001")]
    {
        folder
            .agent(&["--tools", "calc", limit, value, "What is 12 * 7?"])
            .code(2)
            .stderr(contains(format!("stopped by {limit}")).and(contains("1 answer, 1 call")));
    }
    folder.agent(&["--max-time", "0s", "Hi"]).code(2).stderr(contains("stopped by --max-time"));
    for bad in [["--max-time", "soon"], ["--max-cost", "much"], ["--max-iterations", "0"]] {
        folder.agent(&[&bad[..], &["Hi"]].concat()).code(2).stderr(contains(bad[0]));
    }
}

#[test]
fn sessions_are_listed_exported_and_deleted() {
    let folder = Folder::new("commands");
    folder.sessions(&["list"]).success().stdout("").stderr(contains("No sessions"));
    folder.sessions(&["show", "a"]).failure();
    for name in ["a1", "a2", "b1"] {
        folder.agent(&["--tools", "calc", "--session", name, "What is 12 * 7?"]).success();
    }
    assert_eq!(lines(&folder.sessions(&["list", "--prefix", "a", "--json"]).success()).len(), 2);
    folder.sessions(&["list"]).success().stdout(contains("b1"));
    folder.agent(&["--store", "other.db", "--session", "c1", "Hello"]).success();
    for elsewhere in [["--store", "other.db", "list"], ["list", "--store", "other.db"]] {
        folder.sessions(&elsewhere).success().stdout(contains("c1"));
    }

    let shown = lines(&folder.sessions(&["show", "a1", "--json"]).success());
    assert_eq!(shown[0]["messages"].as_array().unwrap().len(), 4, "{shown:?}");
    let shown = lines(&folder.sessions(&["show", "a1", "--json", "--calls"]).success());
    assert_eq!(shown[0]["calls"][0]["state"], "complete");
    let whole: Value = serde_json::from_str(&out(&folder.sessions(&["export", "a1"]).success())).unwrap();
    assert!(whole["turns"].as_array().unwrap().len() > 2 && whole["name"] == "a1", "{whole}");
    let to_file = ["export", "a1", "--format", "markdown", "--output", "a1.md"];
    folder.sessions(&to_file).success().stdout("");
    let text = std::fs::read_to_string(folder.0.join("a1.md")).unwrap();
    assert!(text.starts_with("# a1\n") && text.contains("## Tools") && text.contains("12 * 7"), "{text}");
    folder.sessions(&to_file).code(1).stderr(contains("a1.md"));

    folder.sessions(&["delete", "a1"]).code(1).stderr(contains("--yes"));
    folder
        .sessions(&["delete", "a1", "nosuch", "--yes"])
        .code(1)
        .stdout("deleted a1\n")
        .stderr(contains("nosuch"));
    folder.sessions(&["prune"]).code(2);
    folder.sessions(&["prune", "--max-sessions", "1"]).success().stdout("deleted a2\n");
    folder.sessions(&["prune", "--max-idle", "1d"]).success().stdout("");
    folder.sessions(&["prune", "--max-idle", "0s"]).success().stdout("deleted b1\n");
}

#[test]
fn a_session_goes_back_and_its_branch_goes_its_own_way() {
    let folder = Folder::new("versions");
    folder.agent(&["--session", "talk", "My name is Ada."]).success();
    folder.sessions(&["snapshot", "talk", "named"]).success();
    folder.agent(&["--session", "talk", "My name is Grace."]).success();
    folder.sessions(&["branch", "talk", "other", "--at", "named"]).success();
    folder.sessions(&["branch", "talk", "whole"]).success();
    let of = |name: &str| out(&folder.sessions(&["show", name]).success());
    assert!(of("other").contains("Ada") && !of("other").contains("Grace"));
    assert!(of("whole").contains("Grace"));
    folder.sessions(&["rollback", "talk", "--to", "named"]).success();
    assert!(!of("talk").contains("Grace"));
    folder.sessions(&["rollback", "talk", "--to", "99999"]).code(1).stderr(contains("version 99999"));
    folder.sessions(&["rollback", "talk", "--to", "nosuch"]).code(1).stderr(contains("no snapshot `nosuch`"));
    folder.sessions(&["branch", "talk", "other"]).code(1).stderr(contains("already"));
}
