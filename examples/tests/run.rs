//! Every example runs to its end, offline, and prints what it promises.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use assert_cmd::Command;

/// `cargo test` builds the examples beside the test programs.
fn example(name: &str) -> String {
    let program = std::env::current_exe().unwrap();
    let folder = program.parent().and_then(|deps| deps.parent()).unwrap().join("examples");
    let path = folder.join(format!("{name}{}", std::env::consts::EXE_SUFFIX));
    assert!(path.exists(), "{} is not built; run `cargo test -p examples`", path.display());
    let output = Command::new(path).env_remove("BEDROCK_LLM_EXAMPLES").assert().success();
    String::from_utf8(output.get_output().stdout.clone()).unwrap()
}

#[test]
fn chat() {
    let printed = example("chat");
    assert!(printed.contains("nine") && printed.contains("stopped by end_turn"), "{printed}");
}

#[test]
fn streaming() {
    assert!(example("streaming").contains("stopped by"));
}

#[test]
fn vision() {
    assert!(example("vision").to_lowercase().contains("png"));
}

#[test]
fn tools_by_hand() {
    let printed = example("tools_by_hand");
    assert!(printed.contains(r#"get_weather with {"city":"Paris"}"#) && printed.contains("21"), "{printed}");
}

#[test]
fn agent() {
    let printed = example("agent");
    for part in [
        r#"[get_weather with {"city":"Paris"}]"#,
        r#"[get_weather with {"city":"Oslo"}]"#,
        "21 degrees",
        "the session has 8 turns; the weather was asked for 2 times",
    ] {
        assert!(printed.contains(part), "{part}: {printed}");
    }
}

#[test]
fn research() {
    let printed = example("research");
    assert!(printed.starts_with("The Language of Bees\nBees dance"), "{printed}");
    assert!(printed.contains("[research: 2 answers, ") && printed.contains(" dollars"), "{printed}");
}

#[test]
fn extraction() {
    let printed = example("extraction");
    assert!(printed.contains("reading: ") && printed.contains("Ada Lovelace, 36"), "{printed}");
}

#[test]
fn own_layer() {
    let printed = example("own_layer");
    assert!(printed.contains("call 1: Converse of") && printed.contains("2 calls in all"), "{printed}");
}

#[test]
fn own_provider() {
    let printed = example("own_provider");
    let lines: Vec<&str> = printed.lines().collect();
    assert!(lines.len() >= 2 && printed.contains("Ada"), "{printed}");
}

#[test]
fn caching() {
    let printed = example("caching");
    for part in ["first call: Written", "second call: Hit", "third call: Missed", "why: system[0]"] {
        assert!(printed.contains(part), "{part}: {printed}");
    }
}

#[test]
fn lint() {
    let printed = example("lint");
    assert!(printed.contains("[R-TOOL-NAME]") && printed.contains("changed: "), "{printed}");
    assert!(printed.contains("now it keeps every rule"), "{printed}");
}

#[test]
fn mcp() {
    let printed = example("mcp");
    assert!(
        printed.contains("clap: may be run twice: true\natlas_weather_now: may be run twice: true"),
        "{printed}"
    );
    assert!(printed.contains(r#"the model calls atlas_weather_now with {"city":"Paris"}"#), "{printed}");
    assert!(printed.contains("21 degrees, no wind"), "{printed}");
}

#[test]
fn every_example_has_its_test() {
    let here = include_str!("run.rs");
    for file in std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/examples")).unwrap() {
        let name = file.unwrap().path().file_stem().unwrap().to_string_lossy().into_owned();
        assert!(here.contains(&format!("example(\"{name}\")")), "{name} is run by no test");
    }
}

#[test]
fn resilience() {
    let printed = example("resilience");
    assert!(printed.contains("Hello, Ada! (3 requests)"), "{printed}");
    assert!(printed.contains("[broken: it begins anew]"), "{printed}");
    assert!(printed.contains("us.amazon.nova-lite-v1:0 did: Hello, Bo!"), "{printed}");
    assert!(printed.contains("0 calls were under way"), "{printed}");
}

#[test]
fn two_stage() {
    let printed = example("two_stage");
    assert!(printed.starts_with("342 passages, 512 dimensions"), "{printed}");
    for answer in [
        "  The Amazon carries more water",
        "  The bow of a violin is strung with horsehair",
        " pianos-and-drums-5",
        "  The bowline makes a loop",
        "  The borrow checker of Rust refuses",
    ] {
        assert!(printed.contains(answer), "{answer}: {printed}");
    }
}

#[test]
fn documents() {
    let printed = example("documents");
    for part in [
        "121 chunks in the index",
        "The Amazon carries more water to the sea than any other river on Earth.",
        "The bowline makes a loop that does not slip",
        "zip/rerank",
        "flowchart TD",
    ] {
        assert!(printed.contains(part), "{part}: {printed}");
    }
}

#[test]
fn classify() {
    let printed = example("classify");
    let whole =
        r#"by {"us.amazon.nova-lite-v1:0"}: {Refund: 2500, Delivery: 2500, Invoice: 2500, Password: 2500}"#;
    let lines: Vec<&str> = printed.lines().collect();
    assert!(lines[0].starts_with("10000 of 10000 lines") && lines[0].ends_with(whole), "{printed}");
    // the budget ends the second run on the way; what was under way is finished
    let classified: u32 = lines[1].split(' ').next().unwrap().parse().unwrap();
    assert!((600..900).contains(&classified) && lines[1].contains(" of 0.02 dollars"), "{printed}");
}
