//! Tests of what a model cannot do: each kind under each choice.

use serde_json::{Value, json};

use super::*;
use crate::content::ContentKind;
use crate::content::media::{AudioFormat, DocumentFormat, ImageFormat, VideoFormat};
use crate::content::tool::{SystemTool, Tool};
use crate::model::facts::{CachePlace, ToolChoiceKind};
use crate::normalize::Change;
use crate::{
    AudioBlock, CachePointBlock, CacheTtl, ContentBlock, DocumentBlock, ImageBlock, Message, Role,
    ToolChoice, ToolResultBlock, ToolSpec, ToolUseBlock, VideoBlock,
};

fn profile(set: impl FnOnce(&mut ModelProfile)) -> ModelProfile {
    let mut profile = ModelProfile::new("m");
    set(&mut profile);
    profile
}

fn ask() -> ChatRequest {
    ChatRequest::new("m").message("hi")
}

fn spec(name: &str) -> ToolSpec {
    ToolSpec::new(name, "d", json!({"type": "object"}))
}

fn settled(
    mut request: ChatRequest,
    profile: &ModelProfile,
    choice: OnUnsupported,
) -> (ChatRequest, Vec<Change>) {
    let mut changes = Changes::default();
    settle(&mut request, profile, choice, &mut changes);
    (request, changes.into_list())
}

fn kinds(changes: &[Change]) -> Vec<(&str, ChangeKind)> {
    changes.iter().map(|change| (change.rule, change.kind)).collect()
}

/// Refused as it is, sent as it is with a warning, and degraded: the request that is left, as JSON.
#[track_caller]
fn degraded(request: &ChatRequest, profile: &ModelProfile, rules: &[&str]) -> Value {
    let (same, changes) = settled(request.clone(), profile, OnUnsupported::Error);
    assert_eq!((&same, changes), (request, vec![]));
    let (same, changes) = settled(request.clone(), profile, OnUnsupported::Warn);
    assert_eq!(&same, request);
    assert_eq!(kinds(&changes), rules.iter().map(|&rule| (rule, ChangeKind::Warned)).collect::<Vec<_>>());
    let (after, changes) = settled(request.clone(), profile, OnUnsupported::Degrade);
    assert_eq!(kinds(&changes), rules.iter().map(|&rule| (rule, ChangeKind::Degraded)).collect::<Vec<_>>());
    assert_eq!(settled(after.clone(), profile, OnUnsupported::Degrade), (after.clone(), vec![]));
    serde_json::to_value(after).unwrap()
}

/// Mended whatever the choice.
#[track_caller]
fn mended(request: &ChatRequest, profile: &ModelProfile, rules: &[&str]) -> Value {
    let mut all = [OnUnsupported::Error, OnUnsupported::Warn, OnUnsupported::Degrade].map(|choice| {
        let (after, changes) = settled(request.clone(), profile, choice);
        assert_eq!(kinds(&changes), rules.iter().map(|&rule| (rule, ChangeKind::Mended)).collect::<Vec<_>>());
        assert_eq!(settled(after.clone(), profile, choice), (after.clone(), vec![]));
        serde_json::to_value(after).unwrap()
    });
    assert!(all[0] == all[1] && all[1] == all[2]);
    all[0].take()
}

#[test]
fn what_is_unknown_stays() {
    let request = ask()
        .system("s")
        .temperature(0.5)
        .top_p(0.5)
        .max_tokens(1_000_000)
        .stop_sequence("|")
        .tool(spec("t").strict(true))
        .tool_choice(ToolChoice::any())
        .additional_field("top_k", 5)
        .json_schema("s", &json!({}))
        .message(Message::new(Role::System, ["now"]))
        .message(
            Message::user(ContentBlock::cache_point()).with(ImageBlock::new(ImageFormat::Gif, &b"x"[..])),
        )
        .message(Message::assistant("{"));
    for choice in [OnUnsupported::Error, OnUnsupported::Degrade, OnUnsupported::Warn] {
        assert_eq!(settled(request.clone(), &ModelProfile::new("m"), choice), (request.clone(), vec![]));
    }
}

#[test]
fn the_user_says_what_the_system_cannot() {
    let no_system = profile(|it| it.features.system_messages = Some(false));
    let after = degraded(&ask().system("a").system("b"), &no_system, &["R-SYSTEM"]);
    let wanted = json!([{"role": "user", "content": [{"text": "a"}, {"text": "b"}, {"text": "hi"}]}]);
    assert_eq!((&after["messages"], &after["system"]), (&wanted, &Value::Null));
    let alone = degraded(&ChatRequest::new("m").system("a"), &no_system, &["R-SYSTEM"]);
    assert_eq!(alone["messages"], json!([{"role": "user", "content": [{"text": "a"}]}]));

    let no_turns = profile(|it| it.features.mid_conversation_system = Some(false));
    let request = ask().message(Message::assistant("yes")).message(Message::new(Role::System, ["now"]));
    assert_eq!(degraded(&request, &no_turns, &["R-SYSTEM-ROLE"])["messages"][2]["role"], "user");
}

#[test]
fn without_tools_every_word_stays() {
    let mut failed = ToolResultBlock::error("1", "no net");
    failed.content.push(json!({"code": 7}).into());
    failed.content.push(ImageBlock::new(ImageFormat::Png, &b"x"[..]).into());
    let request = ask()
        .tool(spec("t"))
        .message(Message::assistant(ToolUseBlock::new("1", "t", json!({"q": "x"}))))
        .message(failed);
    let no_tools = profile(|it| it.features.tool_use = Some(false));
    let after = degraded(&request, &no_tools, &["R-TOOL-USE", "R-TOOL-USE", "R-TOOL-USE"]);
    assert_eq!(after["toolConfig"], Value::Null);
    assert_eq!(after["messages"][1]["content"], json!([{"text": "[tool call t: {\"q\":\"x\"}]"}]));
    assert_eq!(after["messages"][2]["content"][0], json!({"text": "[tool error: no net\n{\"code\":7}]"}));
    assert!(after["messages"][2]["content"][1]["image"].is_object());
}

#[test]
fn a_choice_of_tools_becomes_the_nearest_one() {
    let takes = |choice: &[ToolChoiceKind]| profile(|it| it.tools.choice = Some(choice.to_vec()));
    let two = ask().tool(spec("a")).tool(spec("b"));
    let choice = |after: &Value| after["toolConfig"]["toolChoice"].clone();
    let (auto, any) = (json!({"auto": {}}), json!({"any": {}}));

    let forced = two.clone().tool_choice(ToolChoice::tool("a"));
    let rule = ["R-TOOL-CHOICE"];
    assert_eq!(choice(&degraded(&forced, &takes(&[ToolChoiceKind::Auto, ToolChoiceKind::Any]), &rule)), any);
    assert_eq!(choice(&degraded(&forced, &takes(&[ToolChoiceKind::Auto]), &rule)), auto);
    let some = two.clone().tool_choice(ToolChoice::any());
    assert_eq!(choice(&degraded(&some, &takes(&[ToolChoiceKind::Auto]), &rule)), auto);
    let no_choice = profile(|it| it.features.tool_choice = Some(false));
    assert_eq!(choice(&degraded(&some, &no_choice, &rule)), Value::Null);

    assert_eq!(choice(&mended(&two.tool_choice(ToolChoice::auto()), &no_choice, &rule)), Value::Null);
    let none = degraded(&ask().tool_choice(ToolChoice::any()), &no_choice, &rule);
    assert_eq!(none["toolConfig"], Value::Null);
    let only = ask().tool(spec("a")).tool(CachePointBlock::default()).tool_choice(ToolChoice::tool("a"));
    assert_eq!(choice(&mended(&only, &takes(&[ToolChoiceKind::Any]), &rule)), any);
}

#[test]
fn strict_and_system_tools_go() {
    let lax = profile(|it| it.tools.strict = Some(false));
    let after = degraded(&ask().tool(spec("a").strict(true)), &lax, &["R-TOOL-STRICT"]);
    assert_eq!(after["toolConfig"]["tools"][0]["toolSpec"]["strict"], Value::Null);
    mended(&ask().tool(spec("a").strict(false)), &lax, &["R-TOOL-STRICT"]);

    let system = |name: &str| Tool::SystemTool(SystemTool { name: name.into(), ..SystemTool::default() });
    let one = profile(|it| it.tools.system_tools = Some(vec!["search".into()]));
    let request = ask().tool(system("search")).tool(system("run")).tool_choice(ToolChoice::tool("run"));
    let after = degraded(&request, &one, &["R-SYSTEM-TOOL"]);
    assert_eq!(after["toolConfig"], json!({"tools": [{"systemTool": {"name": "search"}}]}));
    assert_eq!(degraded(&ask().tool(system("run")), &one, &["R-SYSTEM-TOOL"])["toolConfig"], Value::Null);
}

fn with_result(result: ToolResultBlock) -> ChatRequest {
    ask().tool(spec("t")).message(Message::assistant(ToolUseBlock::new("1", "t", json!({})))).message(result)
}

#[test]
fn a_status_that_is_not_taken_is_put_in_words() {
    let none = profile(|it| it.tools.result_status = Some(false));
    let after = mended(&with_result(ToolResultBlock::error("1", "no net")), &none, &["R-TOOL-STATUS"]);
    let wanted = json!({"toolUseId": "1", "content": [{"text": "The tool failed:"}, {"text": "no net"}]});
    assert_eq!(after["messages"][2]["content"][0]["toolResult"], wanted);
}

#[test]
fn results_take_the_form_that_is_taken() {
    let only = |kinds: &[ContentKind]| profile(|it| it.tools.result_content = Some(kinds.to_vec()));
    let content = |after: &Value| after["messages"][2]["content"][0]["toolResult"]["content"].clone();
    let json_result = with_result(ToolResultBlock::json("1", json!({"a": 1})));
    let after = mended(&json_result, &only(&[ContentKind::Text]), &["R-TOOL-RESULT"]);
    assert_eq!(content(&after), json!([{"text": "{\"a\":1}"}]));
    let blank = with_result(ToolResultBlock::json("1", " "));
    let after = mended(&blank, &only(&[ContentKind::Text]), &["R-TOOL-RESULT"]);
    assert_eq!(content(&after), json!([{"text": "(empty)"}]));
    let after = mended(
        &with_result(ToolResultBlock::text("1", "x")),
        &only(&[ContentKind::Json]),
        &["R-TOOL-RESULT"],
    );
    assert_eq!(content(&after), json!([{"json": {"text": "x"}}]));
}

#[test]
fn images_move_beside_a_result_or_leave_a_note() {
    let image = with_result(ToolResultBlock::new("1", ImageBlock::new(ImageFormat::Png, &b"x"[..])));
    let mut text_only = profile(|it| it.tools.result_content = Some(vec![ContentKind::Text]));
    let after = mended(&image, &text_only, &["R-TOOL-RESULT"]);
    let turn = &after["messages"][2]["content"];
    assert_eq!(turn[0]["toolResult"]["content"], json!([{"text": "See the attached image."}]));
    assert_eq!(turn[1]["image"]["format"], "png");

    let document =
        with_result(ToolResultBlock::new("1", DocumentBlock::new("d", DocumentFormat::Pdf, &b"x"[..])));
    let turn = &mended(&document, &text_only, &["R-TOOL-RESULT"])["messages"][2]["content"];
    assert!(turn[1]["document"].is_object());

    text_only.tools.result_company = Some(vec![]);
    let after = degraded(&image, &text_only, &["R-TOOL-RESULT"]);
    let note = &after["messages"][2]["content"][0]["toolResult"]["content"][0]["text"];
    assert!(note.as_str().unwrap().starts_with("[image left out: "), "{note}");
}

#[test]
fn a_note_stands_for_what_is_not_taken() {
    let blind = profile(|it| {
        it.features.vision = Some(false);
        it.features.document_input = Some(false);
        it.features.video_input = Some(false);
        it.features.audio_input = Some(false);
    });
    let all = Message::user(ImageBlock::new(ImageFormat::Png, &b"x"[..]))
        .with(DocumentBlock::new("d", DocumentFormat::Pdf, &b"x"[..]))
        .with(DocumentBlock::from_text("notes", "as written"))
        .with(VideoBlock::new(VideoFormat::Mp4, &b"x"[..]))
        .with(AudioBlock::new(AudioFormat::Mp3, &b"x"[..]));
    let after = degraded(&ChatRequest::new("m").message(all), &blind, &["R-MODALITY"; 5]);
    let wanted = json!([
        {"text": "[image left out: the model does not take images]"},
        {"text": "[document left out: the model does not take documents]"},
        {"text": "[document notes]\nas written"},
        {"text": "[video left out: the model does not take videos]"},
        {"text": "[audio left out: the model does not take sound]"},
    ]);
    assert_eq!(after["messages"][0]["content"], wanted);
}

#[test]
fn formats_and_s3_are_asked_for_too() {
    let facts = profile(|it| {
        it.images.formats = Some(vec![ImageFormat::Png]);
        it.images.s3 = Some(false);
    });
    let turn = |image: ImageBlock| ChatRequest::new("m").message(image);
    degraded(&turn(ImageBlock::from_s3(ImageFormat::Png, "s3://b/k")), &facts, &["R-S3"]);
    degraded(&turn(ImageBlock::new(ImageFormat::Gif, &b"x"[..])), &facts, &["R-FORMAT"]);
    for taken in [ImageFormat::Png, "image/png".into()] {
        degraded(&turn(ImageBlock::new(taken, &b"x"[..])), &facts, &[]);
    }
}

#[test]
fn settings_that_are_not_taken_go() {
    let facts = profile(|it| {
        it.sampling.temperature_with_top_p = Some(false);
        it.sampling.max_stop_sequences = Some(1);
        it.max_output_tokens = Some(100);
    });
    let request = ask().temperature(0.5).top_p(0.5).stop_sequence("a").stop_sequence("b").max_tokens(101);
    let after = degraded(&request, &facts, &["R-SAMPLING-BOTH", "R-STOP", "R-MAX-TOKENS"]);
    assert_eq!(
        after["inferenceConfig"],
        json!({"maxTokens": 100, "temperature": 0.5, "stopSequences": ["a"]})
    );
    let none = profile(|it| {
        it.sampling.temperature = Some(false);
        it.sampling.top_p = Some(false);
        it.sampling.max_stop_sequences = Some(0);
    });
    let after = degraded(&request, &none, &["R-SAMPLING", "R-SAMPLING", "R-STOP"]);
    assert_eq!(after["inferenceConfig"], json!({"maxTokens": 101}));
}

#[test]
fn top_k_goes_where_the_family_has_it() {
    let at = |pointer: &str| profile(|it| it.sampling.top_k = Some(pointer.to_owned()));
    let fields = |after: &Value| after["additionalModelRequestFields"].clone();
    let claude = ask().additional_field("top_k", 5).additional_field("thinking", json!({}));
    let nova = ask().additional_field("inferenceConfig", json!({"topK": 5}));
    let rule = ["R-TOP-K"];
    let after = mended(&claude, &at("/inferenceConfig/topK"), &rule);
    assert_eq!(fields(&after), json!({"thinking": {}, "inferenceConfig": {"topK": 5}}));
    assert_eq!(fields(&mended(&nova, &at("/top_k"), &rule)), json!({"top_k": 5}));
    mended(&nova, &at("/inferenceConfig/topK"), &[]);
    let both = claude.clone().additional_field("k", 7);
    assert_eq!(fields(&mended(&both, &at("/k"), &rule)), json!({"thinking": {}, "k": 7}));
    assert_eq!(fields(&degraded(&nova, &at(""), &rule)), Value::Null);
    let blocked = ask().additional_field("top_k", 5).additional_field("inferenceConfig", 3);
    assert_eq!(
        fields(&degraded(&blocked, &at("/inferenceConfig/topK"), &rule)),
        json!({"inferenceConfig": 3})
    );
}

#[test]
fn a_schema_becomes_an_instruction() {
    let free = profile(|it| it.features.structured_output = Some(false));
    let request = ask().system("Be brief.").json_schema("s", &json!({"type": "object"}));
    let after = degraded(&request, &free, &["R-JSON-SCHEMA"]);
    assert_eq!((&after["outputConfig"], &after["system"][0]["text"]), (&Value::Null, &json!("Be brief.")));
    assert!(after["system"][1]["text"].as_str().unwrap().ends_with("{\"type\":\"object\"}"));
    assert_eq!(
        degraded(&request.effort("low"), &free, &["R-JSON-SCHEMA"])["outputConfig"],
        json!({"effort": "low"})
    );
}

#[test]
fn a_prefill_is_asked_for() {
    let none = profile(|it| it.features.assistant_prefill = Some(false));
    let after = degraded(&ask().message(Message::assistant("{")), &none, &["R-PREFILL"]);
    assert_eq!(after["messages"][1]["content"][0]["text"], "{");
    assert_eq!(after["messages"][2]["role"], "user");
}

#[test]
fn cache_points_that_are_not_taken_go() {
    let request = ChatRequest::new("m")
        .system("s")
        .system(CachePointBlock::default())
        .tool(spec("t"))
        .tool(CachePointBlock::default())
        .message(
            Message::user("a").with(ContentBlock::cache_point()).with("b").with(ContentBlock::cache_point()),
        );
    let points = |after: &Value| after.to_string().matches("cachePoint").count();
    let none = profile(|it| it.features.prompt_caching = Some(false));
    assert_eq!(points(&degraded(&request, &none, &["R-CACHE"; 4])), 0);
    let elsewhere = profile(|it| it.cache.places = Some(vec![CachePlace::System, CachePlace::Messages]));
    let after = degraded(&request, &elsewhere, &["R-CACHE-PLACE"]);
    assert_eq!((points(&after), &after["toolConfig"]["tools"][1]), (3, &Value::Null));

    let two = profile(|it| it.cache.max_points = Some(3));
    let after = degraded(&request, &two, &["R-CACHE-COUNT"]);
    let wanted = json!([{"text": "a"}, {"text": "b"}, {"cachePoint": {"type": "default"}}]);
    assert_eq!(after["messages"][0]["content"], wanted, "the last one reaches furthest");
    let one = profile(|it| it.cache.max_points = Some(1));
    let after = degraded(&request, &one, &["R-CACHE-COUNT"; 3]);
    assert!(after["toolConfig"]["tools"][1]["cachePoint"].is_object());

    let not_after = profile(|it| it.cache.not_after = Some(vec![ContentKind::Text]));
    degraded(&request, &not_after, &["R-CACHE-PLACE"; 2]);
}

#[test]
fn a_life_that_is_not_taken_becomes_the_default() {
    let five = profile(|it| it.cache.ttls = Some(vec![CacheTtl::FiveMinutes]));
    let none = profile(|it| it.cache.ttls = Some(vec![]));
    let request =
        |ttl| ChatRequest::new("m").message(Message::user("a").with(CachePointBlock::with_ttl(ttl)));
    let rising = request(CacheTtl::OneHour).system("s").system(CachePointBlock::default());
    let after = degraded(&rising, &ModelProfile::default(), &["R-CACHE-TTL"]);
    assert_eq!(after["messages"][0]["content"][1], json!({"cachePoint": {"type": "default"}}));
    let after = degraded(&request(CacheTtl::OneHour), &five, &["R-CACHE-TTL"]);
    assert_eq!(after["messages"][0]["content"][1], json!({"cachePoint": {"type": "default"}}));
    mended(&request(CacheTtl::FiveMinutes), &none, &["R-CACHE-TTL"]);
    mended(&request(CacheTtl::FiveMinutes), &five, &[]);
}

#[test]
fn no_change_shows_what_was_said() {
    let cannot = profile(|it| {
        it.features.system_messages = Some(false);
        it.features.tool_use = Some(false);
        it.features.structured_output = Some(false);
    });
    let secret = "secret words";
    let request =
        with_result(ToolResultBlock::text("1", secret)).system(secret).json_schema("s", &json!({secret: 1}));
    let (_, changes) = settled(request, &cannot, OnUnsupported::Degrade);
    assert!(changes.len() > 3 && !format!("{changes:?}").contains(secret), "{changes:?}");
}

#[test]
fn what_may_not_stand_beside_a_result_goes_into_it() {
    let alone = profile(|it| it.tools.result_company = Some(vec![]));
    let call = Message::assistant(ToolUseBlock::new("1", "t", json!({})));
    let answer =
        Message::user(ToolResultBlock::text("1", "x")).with("and?").with(ContentBlock::cache_point());
    let after = degraded(&ask().message(call).message(answer), &alone, &["R-TOOL-COMPANY"]);
    let content = &after["messages"][2]["content"];
    assert_eq!(content[0]["toolResult"]["content"], json!([{"text": "x"}, {"text": "and?"}]));
    assert!(content[1]["cachePoint"].is_object() && content[2].is_null());
}
