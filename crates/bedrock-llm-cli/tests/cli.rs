//! The command as a user runs it, against the embedded endpoint.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use assert_cmd::Command;
use predicates::prelude::*;
use predicates::str::contains;

fn bedrock_llm(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bedrock-llm"));
    // neither the machine's credentials nor its settings: an empty home, no metadata service
    command
        .env_clear()
        .env("HOME", env!("CARGO_TARGET_TMPDIR"))
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .args(args);
    command
}

#[test]
fn a_question_is_answered_and_the_command_says_that_it_is_local() {
    bedrock_llm(&["chat", "--local", "Say hello to Ada."])
        .assert()
        .success()
        .stdout(contains("Ada"))
        .stderr(contains("local endpoint").and(contains("tokens in")).and(contains("AWS_REGION")));
}

#[test]
fn without_credentials_the_local_endpoint_is_chosen() {
    bedrock_llm(&["chat", "Say hello to Ada."])
        .assert()
        .success()
        .stderr(contains("no AWS credentials found"));
}

#[test]
fn a_profile_that_is_named_is_never_replaced_by_made_up_answers() {
    bedrock_llm(&["chat", "Hi"]).env("AWS_PROFILE", "nosuch").assert().failure().stdout("");
    bedrock_llm(&["chat", "--profile", "nosuch", "Hi"])
        .assert()
        .failure()
        .stderr(contains("nosuch"))
        .stdout("");
}

#[test]
fn a_tool_is_called_and_its_result_told() {
    for api in ["converse", "invoke"] {
        bedrock_llm(&["chat", "--local", "--api", api, "--tool", "weather", "What is the weather in Paris?"])
            .assert()
            .success()
            .stderr(contains(r#"[tool get_weather {"city":"Paris"}]"#))
            .stdout(contains("Paris"));
    }
}

#[test]
fn the_question_may_come_from_standard_input() {
    bedrock_llm(&["chat", "--local"])
        .write_stdin("Say hello to Ada.")
        .assert()
        .success()
        .stdout(contains("Ada"));
}

#[test]
fn json_is_the_converse_response() {
    let output =
        bedrock_llm(&["chat", "--local", "--json", "Hello"]).assert().success().get_output().stdout.clone();
    let response: serde_json::Value = serde_json::from_slice(&output).unwrap();
    assert_eq!(response["stopReason"], "end_turn");
    assert!(response["output"]["message"]["content"][0]["text"].is_string());
}

#[test]
fn images_documents_and_parameters_reach_the_model() {
    let folder = std::path::Path::new(env!("CARGO_TARGET_TMPDIR"));
    let (note, config) = (folder.join("note.txt"), folder.join("chat.toml"));
    std::fs::write(&note, "Ada Lovelace wrote notes on the engine.").unwrap();
    std::fs::write(&config, "max_tokens = 3\n").unwrap();
    let note = note.to_str().unwrap();
    bedrock_llm(&["chat", "--local", "--document", note, "Who wrote notes?"])
        .assert()
        .success()
        .stdout(contains("Ada"));
    let config = config.to_str().unwrap();
    bedrock_llm(&["chat", "--local", "--config", config, "Tell me a long story."])
        .assert()
        .success()
        .stderr(contains("stopped by max_tokens"));
    bedrock_llm(&["chat", "--local", "--image", note, "What is this?"])
        .assert()
        .failure()
        .stderr(contains("png"));
}

#[test]
fn errors_say_what_is_wrong() {
    bedrock_llm(&["chat", "--local", "--temperature", "2", "Hi"])
        .assert()
        .failure()
        .stderr(contains("temperature").and(contains("0")));
    bedrock_llm(&["chat", "--local", "--api", "invoke", "--model", "anthropic.claude-v2", "Hi"])
        .assert()
        .failure()
        .stderr(contains("--max-tokens"));
    bedrock_llm(&["chat", "--local", "--model", "local.error.ThrottlingException", "Hi"])
        .assert()
        .failure()
        .stderr(contains("throttled"));
    bedrock_llm(&["chat", "--endpoint-url", "http://127.0.0.1:9", "--region", "us-east-1", "Hi"])
        .env("AWS_ACCESS_KEY_ID", "a")
        .env("AWS_SECRET_ACCESS_KEY", "b")
        .assert()
        .failure()
        .stderr(contains("127.0.0.1:9"));
}

/// A chat with `bedrock-llm local`, which is started with these arguments.
fn chat_with_local(args: &[&str]) -> assert_cmd::assert::Assert {
    use std::io::{BufRead as _, BufReader};
    let mut server = std::process::Command::new(env!("CARGO_BIN_EXE_bedrock-llm"))
        .args(["local", "--port", "0"])
        .args(args)
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(server.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let url = line.trim().strip_prefix("listening on ").unwrap();
    let asked = bedrock_llm(&["chat", "--endpoint-url", url, "Say hello to Ada."]).assert();
    server.kill().unwrap();
    server.wait().unwrap();
    asked
}

#[test]
fn an_endpoint_on_this_machine_needs_no_account() {
    chat_with_local(&[]).success().stdout(contains("Ada")).stderr(contains("made-up"));
}

#[test]
fn local_keeps_a_fault_plan_and_names_what_is_wrong_with_one() {
    let file = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("faults.toml");
    let path = file.to_str().unwrap();
    std::fs::write(&file, "[[rules]]\nfault.exception.name = \"AccessDeniedException\"\n").unwrap();
    chat_with_local(&["--faults", path]).failure().stderr(contains("access"));
    for (plan, words) in [
        ("[[rules]]\nfault = \"hang_up\"\nprobability = 2\n", "rules[0].probability: 2 is not from 0 to 1"),
        ("[[rules]]\nfault = \"hang_up\"\nprobabilty = 1\n", "rules[0].probabilty: unknown field"),
    ] {
        std::fs::write(&file, plan).unwrap();
        bedrock_llm(&["local", "--port", "0", "--faults", path])
            .assert()
            .failure()
            .stdout("")
            .stderr(contains("faults.toml").and(contains(words)));
    }
    bedrock_llm(&["local", "--faults", "/no/such/plan"]).assert().failure().stderr(contains("/no/such/plan"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_configured_timeout_is_kept() {
    use bedrock_llm_local::{LocalBedrock, Reply};
    let never = Reply::text("too late").delay(std::time::Duration::from_secs(3600)).forever();
    let local = LocalBedrock::builder().reply(never).start().await.unwrap();
    let config = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("limits.toml");
    std::fs::write(&config, "timeout = \"50ms\"\n").unwrap();
    bedrock_llm(&["chat", "--endpoint-url", &local.endpoint(), "--config", config.to_str().unwrap(), "Hi"])
        .assert()
        .failure()
        .stderr(contains("timed out"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_sets_the_client_and_variables_and_flags_go_before_it() {
    use bedrock_llm_local::{Exception, LocalBedrock, Reply};
    let throttled = Reply::exception(Exception::new("ThrottlingException")).forever();
    let local = LocalBedrock::builder().reply(throttled).start().await.unwrap();
    let config = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("client.toml");
    let retry = "[retry]\nmax_attempts = 3\nbase_delay = '1ms'\n";
    std::fs::write(&config, format!("endpoint_url = '{}'\nregion = 'us-east-1'\n{retry}", local.endpoint()))
        .unwrap();
    let chat =
        |args: &[&str]| bedrock_llm(&[&["chat", "--config", config.to_str().unwrap(), "Hi"], args].concat());
    chat(&[]).assert().failure().stderr(contains("throttled"));
    assert_eq!(local.received().len(), 3);
    chat(&[]).env("BEDROCK_LLM_RETRY__MAX_ATTEMPTS", "1").assert().failure();
    assert_eq!(local.received().len(), 4);
    chat(&["--endpoint-url", "http://127.0.0.1:9"]).assert().failure().stderr(contains("127.0.0.1:9"));
    bedrock_llm(&["chat", "Hi"]).env("BEDROCK_LLM_CONFIG", &config).assert().failure();
    assert_eq!(local.received().len(), 7);
    std::fs::write(&config, "[retry]\nmax_atempts = 3\n").unwrap();
    chat(&[]).assert().failure().stderr(contains("did you mean `retry.max_attempts`?"));
}

#[test]
fn a_wish_not_to_stream_is_kept() {
    bedrock_llm(&["chat", "--local", "Say hello to Ada."])
        .env("BEDROCK_LLM_STREAMING", "false")
        .assert()
        .success()
        .stdout(contains("Ada"));
}

#[test]
fn options_that_contradict_each_other_are_refused() {
    bedrock_llm(&["chat", "--local", "--region", "us-east-1", "Hi"])
        .assert()
        .failure()
        .stderr(contains("--region"));
}

#[test]
fn models_are_listed() {
    bedrock_llm(&["models", "NOVA-lite"]).assert().success().stdout(contains("us.amazon.nova-lite-v1:0"));
    bedrock_llm(&["models", "no-such-model"]).assert().failure();
    let output =
        bedrock_llm(&["models", "--json", "nova-lite"]).assert().success().get_output().stdout.clone();
    for line in String::from_utf8(output).unwrap().lines() {
        serde_json::from_str::<serde_json::Value>(line).unwrap();
    }
}

const UNTIDY: &str = r#"{"modelId": "us.anthropic.claude-sonnet-4-5-20250929-v1:0", "messages": [
    {"role": "user", "content": [{"text": "Hi"}, {"text": ""}]},
    {"role": "assistant", "content": [{"toolUse": {"toolUseId": "a", "name": "files.read", "input": {}}}]}]}"#;

#[test]
fn lint_names_every_place_with_its_rule() {
    let refused =
        contains("messages[0].content[1].text").and(contains("R-BLANK-TEXT")).and(contains("R-TOOL-PAIR"));
    bedrock_llm(&["lint", "-"])
        .write_stdin(UNTIDY)
        .assert()
        .code(1)
        .stdout(refused.and(contains("Bedrock says: ")));
    let json = bedrock_llm(&["lint", "-", "--json"]).write_stdin(UNTIDY).assert().code(1);
    let report: serde_json::Value = serde_json::from_slice(&json.get_output().stdout).unwrap();
    assert!(report["violations"].as_array().unwrap().len() >= 3, "{report}");
    bedrock_llm(&["lint", "-"])
        .write_stdin(r#"{"modelId": "us.amazon.nova-lite-v1:0", "messages": [{"role": "user", "content": [{"text": "Hi"}]}]}"#)
        .assert()
        .success();
}

#[test]
fn lint_mends_a_file_in_place_and_standard_input_on_its_way() {
    let file = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("untidy.json");
    std::fs::write(&file, UNTIDY).unwrap();
    bedrock_llm(&["lint", file.to_str().unwrap(), "--fix"]).assert().success().stdout(contains("changed"));
    bedrock_llm(&["lint", file.to_str().unwrap()]).assert().success();
    let mended = std::fs::read_to_string(&file).unwrap();
    let piped = bedrock_llm(&["lint", "-", "--fix"]).write_stdin(UNTIDY).assert().success();
    assert_eq!(String::from_utf8_lossy(&piped.get_output().stdout), mended);
}

#[test]
fn lint_asks_the_model_that_is_meant_and_the_facts_that_are_given() {
    let body =
        r#"{"system": [{"text": "Be brief."}], "messages": [{"role": "user", "content": [{"text": "Hi"}]}]}"#;
    bedrock_llm(&["lint", "-"]).write_stdin(body).assert().failure().stderr(contains("--model"));
    let lint = |args: &[&str]| bedrock_llm(&[&["lint", "-", "--model", "acme.oracle-v1:0"], args].concat());
    lint(&[]).write_stdin(body).assert().success();
    let facts = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("facts.toml");
    std::fs::write(&facts, "[models.\"acme.oracle-v1:0\"]\nfeatures.system_messages = false\n").unwrap();
    let args = ["--catalog", facts.to_str().unwrap()];
    lint(&args).write_stdin(body).assert().code(1).stdout(contains("R-SYSTEM"));
    lint(&[&args[..], &["--fix", "--on-unsupported", "degrade"]].concat())
        .write_stdin(body)
        .assert()
        .success()
        .stdout(contains("Be brief.").and(contains("\"system\"").not()));
}

#[test]
fn lint_lists_the_rules_and_refuses_what_is_no_request() {
    bedrock_llm(&["lint", "--rules"]).assert().success().stdout(contains("R-TOOL-PAIR"));
    bedrock_llm(&["lint", "-"]).write_stdin("{nope").assert().code(2).stderr(contains("no Converse request"));
    bedrock_llm(&["lint", "-"])
        .write_stdin(r#"{"messages": [{"role": "user", "content": "Hi"}]}"#)
        .assert()
        .code(2)
        .stderr(contains("messages[0].content"));
}

#[test]
fn the_facts_of_a_model_come_with_their_sources() {
    // a profile that is not listed has the facts of its model
    bedrock_llm(&["models", "mx.deepseek.r1-v1:0", "--facts"])
        .assert()
        .success()
        .stdout(contains("access.on_demand").and(contains("2026-11-22  recording 9fe443003d6b")))
        .stdout(contains("max_input_tokens").and(contains("price map")));
    let output = bedrock_llm(&["models", "--facts", "--json", "xai.grok-4.99"]).assert().success();
    for line in String::from_utf8(output.get_output().stdout.clone()).unwrap().lines() {
        let fact: serde_json::Value = serde_json::from_str(line).unwrap();
        assert!(fact["path"].is_string() && fact["source"].is_string(), "{line}");
    }
    bedrock_llm(&["models", "--facts"]).assert().failure();
    bedrock_llm(&["models", "nova", "--facts"]).assert().failure().stderr(contains("no id of a model"));
    let arn = "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/1arbu5hu2sjr";
    bedrock_llm(&["models", arn, "--facts"]).assert().failure().stderr(contains("nothing is known"));
}
