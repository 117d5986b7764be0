//! Cache reports against what the service counted.
//!
//! The recordings are other projects' data and lie outside the repository; without them these tests say that
//! they were skipped.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::path::PathBuf;

use bedrock_llm_schema::{CacheReport, CacheVerdict, ChatRequest, Usage, first_difference};
use serde_json::Value;

/// Every recorded call that ended well.
fn recordings(operation: &str) -> Vec<Value> {
    let default = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/recordings");
    let root =
        std::env::var_os("BEDROCK_LLM_RECORDINGS").map_or_else(|| PathBuf::from(default), PathBuf::from);
    let Ok(folder) = std::fs::read_dir(root.join(operation)) else {
        println!("skipped: no recordings at {}", root.join(operation).display());
        return Vec::new();
    };
    let files = folder.map(|file| file.unwrap().path());
    let files = files.filter(|path| path.extension().is_some_and(|ending| ending == "json"));
    let recordings =
        files.map(|path| serde_json::from_slice::<Value>(&std::fs::read(path).unwrap()).unwrap());
    recordings.filter(|recording| recording["response"]["status"] == 200).collect()
}

/// Every recorded Converse call with what it used.
fn calls() -> Vec<(ChatRequest, Usage)> {
    let mut calls = Vec::new();
    for recording in recordings("converse").into_iter().chain(recordings("converse-stream")) {
        let mut request: ChatRequest = serde_json::from_value(recording["request"]["body"].clone()).unwrap();
        request.model = recording["model_id"].as_str().unwrap().into();
        let events = recording["response"]["events"].as_array().into_iter().flatten();
        let mut usage = events.map(|event| &event["payload"]["usage"]).filter(|usage| usage.is_object());
        let usage = usage.next().unwrap_or(&recording["response"]["body"]["usage"]);
        if let Ok(usage) = serde_json::from_value::<Usage>(usage.clone()) {
            calls.push((request, usage));
        }
    }
    calls
}

#[test]
fn cached_calls_are_reported_as_they_were() {
    for (request, usage) in calls() {
        let report = CacheReport::of(&request, &usage);
        assert_eq!(report.read + report.written + report.uncached, usage.total_input());
        assert_eq!(report.written_for_five_minutes + report.written_for_one_hour, report.written);
        assert!((0.0..=1.0).contains(&report.hit_ratio()));
        let expected: &[_] = match (usage.cache_read(), usage.cache_write()) {
            (0, _) if report.points == 0 => &[CacheVerdict::NoCachePoints],
            (0, 0) => &[CacheVerdict::BelowMinimum],
            (0, _) => &[CacheVerdict::Written, CacheVerdict::Missed],
            _ => &[CacheVerdict::Hit],
        };
        assert!(expected.contains(&report.verdict), "{report:?}");
    }
}

/// A long prompt was sent twice, and then the next turn: written, read, read and written.
#[test]
fn a_recorded_conversation_reads_what_it_wrote() {
    let cached: Vec<_> =
        calls().into_iter().filter(|(request, usage)| CacheReport::of(request, usage).points > 0).collect();
    let report = |read, written| {
        let found =
            cached.iter().find(|(_, usage)| usage.cache_read() == read && usage.cache_write() == written);
        found.map(|(request, usage)| (CacheReport::of(request, usage).verdict, request))
    };
    // recordings 26a995088fff and 9775b0cf3c54, whose cache point moved on
    let (Some((wrote, before)), Some((read, after))) = (report(0, 1712), report(1712, 236)) else { return };
    assert_eq!((wrote, read), (CacheVerdict::Written, CacheVerdict::Hit));
    assert_eq!(first_difference(before, after), None);
    let (Some((wrote, before)), Some((read, after))) = (report(0, 2492), report(2492, 0)) else { return };
    assert_eq!((wrote, read), (CacheVerdict::Written, CacheVerdict::Hit));
    assert_eq!(first_difference(before, after), None);
}
