//! Exchanges of tools, through the agent's loop: which are taken for loops, and what fails.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod common;

use common::{conformance, folder};
use predicates::prelude::*;
use predicates::str::contains;
use serde_json::{Value, json};

fn call(id: &str, a: i64) -> Value {
    json!({"toolUse": {"toolUseId": id, "name": "double", "input": {"a": a}}})
}

fn result(id: &str, result: i64) -> Value {
    json!({"toolResult": {"toolUseId": id, "content": [{"json": {"result": result}}], "status": "success"}})
}

fn turn(role: &str, content: &[Value]) -> Value {
    json!({"role": role, "content": content})
}

/// An exchange with these turns and this answer.
fn exchange(turns: &[Value], answer: &Value) -> Value {
    let schema = json!({"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]});
    let body = json!({
        "messages": turns, "system": [{"text": "Be brief."}], "inferenceConfig": {"maxTokens": 100},
        "toolConfig": {
            "tools": [{"toolSpec": {"name": "double", "description": "Doubles.", "inputSchema": {"json": schema}}}],
            "toolChoice": {"auto": {}}
        }
    });
    let stop = if answer["content"].to_string().contains("toolUse") { "tool_use" } else { "end_turn" };
    json!({
        "id": "0", "operation": "Converse", "model_id": "us.amazon.nova-lite-v1:0", "source": "program#0",
        "request": {"method": "POST", "path": "/model/us.amazon.nova-lite-v1%3A0/converse", "headers": {}, "body": body},
        "response": {"status": 200, "headers": {"x-amzn-requestid": "r-1"}, "body": {
            "output": {"message": answer}, "stopReason": stop,
            "usage": {"inputTokens": 1, "outputTokens": 1, "totalTokens": 2}, "metrics": {"latencyMs": 3}
        }}
    })
}

/// Two rounds of tools, of two calls and of one, with everything that was asked and answered.
fn two_rounds() -> [Value; 3] {
    let turns = [
        turn("user", &[json!({"text": "Double 1, 2 and then 4."})]),
        turn("assistant", &[json!({"text": "Let me see."}), call("t1", 1), call("t2", 2)]),
        turn("user", &[result("t1", 2), result("t2", 4)]),
        turn("assistant", &[call("t3", 4)]),
        turn("user", &[result("t3", 8)]),
        turn("assistant", &[json!({"text": "2, 4 and 8."})]),
    ];
    [1, 3, 5].map(|asked| exchange(&turns[..asked], &turns[asked]))
}

#[test]
fn loops_are_replayed_and_named() {
    conformance(&folder("loops", &two_rounds()))
        .assert()
        .success()
        .stdout(contains(
            "loop exchanges/1.json: 2 requests, 2 calls, 1 runs; 1 of 1 earlier answers as recorded",
        ))
        .stdout(contains(
            "loop exchanges/2.json: 3 requests, 3 calls, 1 runs; 2 of 2 earlier answers as recorded",
        ))
        .stdout(contains("agent loops: 2 replayed, 0 failed; 0 exchanges of tools are no loops"));
}

#[test]
fn a_history_alone_is_replayed_as_it_tells() {
    let [_, _, last] = two_rounds();
    conformance(&folder("loop-alone", &[last])).assert().success().stdout(contains(
        "loop exchanges/0.json: 3 requests, 3 calls, 1 runs; 0 of 2 earlier answers as recorded",
    ));
}

#[test]
fn a_result_that_is_not_the_one_sent_before_fails() {
    let mut exchanges = two_rounds();
    exchanges[2]["request"]["body"]["messages"][2]["content"][1]["toolResult"]["content"][0]["json"]["result"] =
        json!(5);
    conformance(&folder("loop-result", &exchanges)).assert().code(1).stdout(contains(
        "FAIL loop exchanges/2.json: request 3 of the loop: $.messages[2].content[1].toolResult.content[0].json.result: expected 5, got 4",
    ));
}

#[test]
fn a_forced_first_call_is_the_agents_tool_choice() {
    let mut exchanges = two_rounds();
    exchanges[0]["request"]["body"]["toolConfig"]["toolChoice"] = json!({"tool": {"name": "double"}});
    conformance(&folder("loop-choice", &exchanges))
        .assert()
        .success()
        .stdout(contains("agent loops: 2 replayed, 0 failed").and(contains("other settings").not()));
    exchanges[0]["request"]["body"]["inferenceConfig"]["maxTokens"] = json!(7);
    conformance(&folder("loop-settings", &exchanges)).assert().success().stdout(contains(
        "exchanges/0.json asks with other settings: $.inferenceConfig.maxTokens: expected 7, got 100",
    ));
}

#[test]
fn what_no_loop_does_is_named() {
    let of = |change: fn(&mut Value)| {
        let [_, mut exchange, _] = two_rounds();
        change(&mut exchange["request"]["body"]["messages"]);
        exchange
    };
    let cases = [
        (
            of(|turns| turns[2]["content"].as_array_mut().unwrap().push(json!({"text": "Go on."}))),
            "says more (`text`)",
        ),
        (of(|turns| turns[2]["content"].as_array_mut().unwrap().reverse()), "in another order"),
        (of(|turns| turns[2]["content"].as_array_mut().unwrap().truncate(1)), "are not those of the calls"),
        (of(|turns| turns[1]["content"][1]["toolUse"]["name"] = json!("triple")), "`triple` is called"),
        (of(|turns| turns[1]["content"][1]["toolUse"]["input"] = json!({"a": "1"})), "do not fit its schema"),
        (of(|turns| turns[2]["content"][0]["toolResult"]["content"] = json!([])), "an empty result"),
        (
            of(|turns| turns[2]["content"][0]["toolResult"]["status"] = json!("error")),
            "a failure that is not one text",
        ),
    ];
    let (exchanges, whys): (Vec<Value>, Vec<&str>) = cases.into_iter().unzip();
    // that the service took a call without its result is for the check of rules to fail
    let mut run = conformance(&folder("no-loops", &exchanges)).assert();
    for (number, why) in whys.iter().enumerate() {
        let line = predicate::function(move |printed: &str| {
            let name = format!("no loop exchanges/{number}.json: ");
            printed.lines().any(|line| line.starts_with(&name) && line.contains(why))
        });
        run = run.stdout(line);
    }
    run.stdout(contains("agent loops: 0 replayed, 0 failed; 7 exchanges of tools are no loops"));
}

#[test]
fn a_failed_tool_is_replayed_as_one() {
    let [_, mut exchange, _] = two_rounds();
    let result = &mut exchange["request"]["body"]["messages"][2]["content"][0]["toolResult"];
    result["status"] = json!("error");
    result["content"] = json!([{"text": "too large"}]);
    conformance(&folder("loop-failure", &[exchange]))
        .assert()
        .success()
        .stdout(contains("agent loops: 1 replayed, 0 failed"));
}
