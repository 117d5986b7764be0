//! Estimated tokens and cache reports against what the service counted.
//!
//! The recordings are other projects' data and lie outside the repository; without them these tests say that
//! they were skipped.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::collections::BTreeMap;
use std::path::PathBuf;

use bedrock_llm_schema::{
    CacheReport, CacheVerdict, ChatRequest, ContentBlock, CountTokensRequest, ModelId,
    ToolResultContentBlock, Usage, first_difference,
};
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

/// Whether all content is text: pixels and pages are counted in ways of their own.
fn is_text(request: &ChatRequest) -> bool {
    request.messages.iter().flat_map(|message| &message.content).all(|block| match block {
        ContentBlock::Image(_) | ContentBlock::Document(_) | ContentBlock::Video(_) => false,
        ContentBlock::ToolResult(result) => result
            .content
            .iter()
            .all(|piece| matches!(piece, ToolResultContentBlock::Text(_) | ToolResultContentBlock::Json(_))),
        _ => true,
    })
}

fn median(ratios: &mut [f64]) -> f64 {
    ratios.sort_by(f64::total_cmp);
    ratios[ratios.len() / 2]
}

#[test]
fn estimates_are_near_what_the_service_counts() {
    let mut by_family: BTreeMap<String, Vec<f64>> = BTreeMap::new();
    let mut all = Vec::new();
    let mut add = |model: &ModelId, estimated: u64, counted: u64| {
        let ratio = estimated as f64 / counted as f64;
        let is_second = model.as_str().contains("nova-2");
        let family = if is_second { "amazon-nova-2".to_owned() } else { model.family().to_string() };
        by_family.entry(family).or_default().push(ratio);
        all.push(ratio);
    };
    for (request, usage) in calls() {
        if is_text(&request) && usage.total_input() > 0 {
            add(&request.model, request.estimate_tokens().tokens(), usage.total_input());
        }
    }
    for recording in recordings("count-tokens") {
        let mut request: CountTokensRequest =
            serde_json::from_value(recording["request"]["body"].clone()).unwrap();
        request.model = recording["model_id"].as_str().unwrap().into();
        let counted = recording["response"]["body"]["inputTokens"].as_u64().unwrap();
        add(&request.model, request.estimate_tokens().tokens(), counted);
    }
    if all.is_empty() {
        return;
    }
    for (family, ratios) in &mut by_family {
        let middle = median(ratios);
        let (least, most) = (ratios[0], ratios[ratios.len() - 1]);
        println!("{family}: {} calls, median {middle:.2}, {least:.2} to {most:.2}", ratios.len());
        // single calls of a family may be off, many may not
        assert!(ratios.len() < 5 || (0.67..=1.5).contains(&middle), "{family}: {middle}");
    }
    let is_near = |ratio: &f64| (0.67..=1.5).contains(ratio);
    let near = all.iter().filter(|ratio| is_near(ratio)).count();
    let close = all.iter().filter(|ratio| (0.85..=1.15).contains(*ratio)).count();
    println!(
        "all: {} calls, median {:.2}, {close} within 15 %, {near} within a factor of 1.5",
        all.len(),
        median(&mut all)
    );
    assert!(near * 10 >= all.len() * 7, "{near} of {}", all.len());
    assert!(close * 2 >= all.len(), "{close} of {}", all.len());
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
