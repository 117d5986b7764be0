//! What the built-in profiles state against every recorded request that the service accepted.
//!
//! The recordings are other projects' data and lie outside the repository; without them this test says that it was
//! skipped.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::fmt::Debug;
use std::path::PathBuf;

use bedrock_llm_schema::content::ContentKind;
use bedrock_llm_schema::model::ModelProfile;
use bedrock_llm_schema::model::facts::{CachePlace, ReasoningStyle, ToolChoiceKind};
use bedrock_llm_schema::{CacheTtl, Catalog, ModelId, Operation};
use serde_json::{Value, json};

fn accepted(folder: &str) -> Vec<Value> {
    let default = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/recordings");
    let root =
        std::env::var_os("BEDROCK_LLM_RECORDINGS").map_or_else(|| PathBuf::from(default), PathBuf::from);
    let Ok(files) = std::fs::read_dir(root.join(folder)) else {
        println!("skipped: no recordings at {}", root.join(folder).display());
        return Vec::new();
    };
    let files =
        files.map(|file| file.unwrap().path()).filter(|path| path.extension().is_some_and(|e| e == "json"));
    files
        .map(|path| serde_json::from_str::<Value>(&std::fs::read_to_string(path).unwrap()).unwrap())
        .filter(|recording| recording["response"]["status"] == 200)
        .collect()
}

/// The places where a profile forbids what a request has.
struct Contradictions<'a> {
    profile: &'a ModelProfile,
    found: Vec<String>,
}

impl Contradictions<'_> {
    fn of(profile: &ModelProfile, body: &Value) -> Vec<String> {
        let mut this = Contradictions { profile, found: Vec::new() };
        this.request(body);
        this.found
    }

    /// Something of the request that one fact is about.
    fn uses(&mut self, what: &str, fact: Option<bool>) {
        if fact == Some(false) {
            self.found.push(format!("{what} is said not to be taken"));
        }
    }

    fn is_among<T: PartialEq + Debug>(&mut self, what: &str, used: &T, known: Option<&Vec<T>>) {
        if let Some(known) = known.filter(|known| !known.contains(used)) {
            self.found.push(format!("{what}: {used:?} is not among {known:?}"));
        }
    }

    fn request(&mut self, body: &Value) {
        let profile = self.profile;
        for block in items(&body["system"]) {
            self.uses("system", profile.features.system_messages);
            self.cache_point(block, CachePlace::System);
        }
        for (turn, message) in items(&body["messages"]).enumerate() {
            if turn == 0 && message["role"] == "assistant" {
                self.uses("a first turn of the assistant's", profile.turns.first_assistant);
            }
            if turn > 0 && body["messages"][turn - 1]["role"] == message["role"] {
                self.uses("two turns of one role", profile.turns.consecutive);
            }
            self.turn(message);
        }
        if items(&body["messages"]).next_back().is_some_and(|last| last["role"] == "assistant") {
            self.uses("a last turn of the assistant's", profile.features.assistant_prefill);
        }
        self.tools(&body["toolConfig"]);
        self.settings(body);
    }

    fn turn(&mut self, message: &Value) {
        let profile = self.profile;
        let kinds: Vec<ContentKind> = items(&message["content"]).map(kind).collect();
        for (place, block) in items(&message["content"]).enumerate() {
            self.cache_point(block, CachePlace::Messages);
            match kinds[place] {
                ContentKind::CachePoint if place > 0 => {
                    let before = kinds[place - 1];
                    if profile.cache.not_after.as_ref().is_some_and(|not| not.contains(&before)) {
                        self.found.push(format!("a cache point after {before}"));
                    }
                }
                ContentKind::ReasoningContent => self.uses("reasoning sent back", profile.reasoning.replay),
                ContentKind::ToolUse => self.uses("a tool call", profile.features.tool_use),
                ContentKind::ToolResult => {
                    for other in kinds.iter().filter(|kind| **kind != ContentKind::ToolResult) {
                        self.is_among("beside a tool result", other, profile.tools.result_company.as_ref());
                    }
                    let result = &block["toolResult"];
                    if !result["status"].is_null() {
                        self.uses("status", profile.tools.result_status);
                    }
                    for piece in items(&result["content"]) {
                        self.is_among("tool result", &kind(piece), profile.tools.result_content.as_ref());
                        self.media(piece, true);
                    }
                }
                _ => self.media(block, false),
            }
        }
    }

    fn media(&mut self, block: &Value, is_in_result: bool) {
        let profile = self.profile;
        let (kind, features) = (kind(block), &profile.features);
        let media = &block[kind.as_str()];
        let (can, s3) = match kind {
            ContentKind::Image => {
                let format = serde_json::from_value(media["format"].clone()).unwrap();
                self.is_among("image", &format, profile.images.formats.as_ref());
                (features.vision, profile.images.s3)
            }
            ContentKind::Document => {
                let format = serde_json::from_value(media["format"].clone()).unwrap();
                self.is_among("document", &format, profile.documents.formats.as_ref());
                (features.document_input, profile.documents.s3)
            }
            ContentKind::Video => (features.video_input, profile.videos.s3),
            ContentKind::Audio => (features.audio_input, None),
            _ => return,
        };
        self.uses(kind.as_str(), can);
        // in a tool result, Claude takes a document's URI and does not read it (recording 3b7528d4db95)
        let is_swallowed = is_in_result && kind == ContentKind::Document;
        if !media["source"]["s3Location"].is_null() && !is_swallowed {
            self.uses("an S3 location", s3);
        }
    }

    fn cache_point(&mut self, block: &Value, place: CachePlace) {
        let point = &block["cachePoint"];
        if !point.is_null() {
            self.is_among("cache point", &place, self.profile.cache.places.as_ref());
            self.uses("a cache point", self.profile.features.prompt_caching);
        }
        if let Some(ttl) = point["ttl"].as_str() {
            self.is_among("ttl", &CacheTtl::from(ttl), self.profile.cache.ttls.as_ref());
        }
    }

    fn tools(&mut self, config: &Value) {
        let tools = &self.profile.tools;
        for tool in items(&config["tools"]) {
            self.cache_point(tool, CachePlace::Tools);
            if let Some(name) = tool["systemTool"]["name"].as_str() {
                self.is_among("system tool", &name.to_owned(), tools.system_tools.as_ref());
            }
            let Some(spec) = tool["toolSpec"].as_object() else { continue };
            self.uses("a tool", self.profile.features.tool_use);
            if spec.get("strict").is_some_and(|strict| strict == true) {
                self.uses("strict", tools.strict);
            }
            let name = spec["name"].as_str().unwrap();
            if tools.name_alphabet.as_ref().is_some_and(|alphabet| !name.chars().all(|c| alphabet.has(c)))
                || tools.name_max.is_some_and(|most| name.len() > most as usize)
            {
                self.found.push("a tool's name".to_owned());
            }
        }
        if let Some(form) = config["toolChoice"].as_object().and_then(|choice| choice.keys().next()) {
            let form: ToolChoiceKind = serde_json::from_value(json!(form)).unwrap();
            self.is_among("toolChoice", &form, tools.choice.as_ref());
        }
    }

    fn settings(&mut self, body: &Value) {
        let (sampling, reasoning) = (&self.profile.sampling, &self.profile.reasoning);
        let [temperature, top_p] =
            ["temperature", "topP"].map(|name| !body["inferenceConfig"][name].is_null());
        if temperature {
            self.uses("temperature", sampling.temperature);
        }
        if top_p {
            self.uses("topP", sampling.top_p);
        }
        if temperature && top_p {
            self.uses("temperature with topP", sampling.temperature_with_top_p);
        }
        let stops = items(&body["inferenceConfig"]["stopSequences"]).count();
        if sampling.max_stop_sequences.is_some_and(|most| stops > most as usize) {
            self.found.push(format!("{stops} stop sequences"));
        }
        if !body["outputConfig"]["textFormat"].is_null() {
            self.uses("textFormat", self.profile.features.structured_output);
        }

        let extra = &body["additionalModelRequestFields"];
        for pointer in ["/top_k", "/inferenceConfig/topK", "/k"] {
            if extra.pointer(pointer).is_some() {
                self.is_among(
                    "top-k",
                    &pointer.to_owned(),
                    sampling.top_k.clone().map(|it| vec![it]).as_ref(),
                );
            }
        }
        let styles = [
            ("/thinking/budget_tokens", ReasoningStyle::ThinkingBudget),
            ("/output_config/effort", ReasoningStyle::ThinkingAdaptive),
            ("/reasoningConfig/maxReasoningEffort", ReasoningStyle::ReasoningConfigEffort),
            ("/reasoning_effort", ReasoningStyle::ReasoningEffort),
            ("/reasoning_config", ReasoningStyle::ReasoningConfigText),
        ];
        for (pointer, style) in styles {
            let Some(asked) = extra.pointer(pointer) else { continue };
            self.is_among("reasoning", &style, reasoning.request.map(|it| vec![it]).as_ref());
            if let Some(effort) = asked.as_str() {
                self.is_among("effort", &effort.to_owned(), reasoning.efforts.as_ref());
            }
            if reasoning.min_budget.is_some_and(|least| asked.as_u64().is_some_and(|it| it < least.into())) {
                self.found.push("a budget".to_owned());
            }
            if temperature && body["inferenceConfig"]["temperature"] != 1 {
                self.uses("temperature with reasoning", reasoning.with_sampling);
            }
            if !body["toolConfig"]["toolChoice"].is_null()
                && body["toolConfig"]["toolChoice"]["auto"].is_null()
            {
                self.uses("a forced tool with reasoning", reasoning.with_forced_tool);
            }
        }
    }
}

fn items(list: &Value) -> impl DoubleEndedIterator<Item = &Value> {
    list.as_array().into_iter().flatten()
}

fn kind(block: &Value) -> ContentKind {
    let name = block.as_object().unwrap().keys().next().unwrap();
    serde_json::from_value(json!(name)).unwrap_or(ContentKind::Unknown)
}

#[test]
fn profiles_contradict_no_recorded_request_that_was_accepted() {
    let mut all = Vec::new();
    for (folder, operation) in [
        ("converse", Operation::Converse),
        ("converse-stream", Operation::ConverseStream),
        ("invoke-model", Operation::InvokeModel),
        ("invoke-model-with-response-stream", Operation::InvokeModelWithResponseStream),
        ("count-tokens", Operation::CountTokens),
    ] {
        for recording in accepted(folder) {
            let id = ModelId::from(recording["model_id"].as_str().unwrap());
            let profile = Catalog::builtin().profile(&id);
            let mut found = match operation {
                Operation::Converse | Operation::ConverseStream => {
                    Contradictions::of(&profile, &recording["request"]["body"])
                }
                Operation::CountTokens => {
                    Contradictions::of(&profile, &recording["request"]["body"]["input"]["converse"])
                }
                _ => Vec::new(),
            };
            if profile.access.operations.as_ref().is_some_and(|known| !known.contains(&operation)) {
                found.push(format!("{operation} is not among its operations"));
            }
            let is_plain = !id.is_arn() && id.geography().is_none();
            if is_plain && operation != Operation::CountTokens && profile.access.on_demand == Some(false) {
                found.push("called by its plain id".to_owned());
            }
            let recorded = &recording["id"];
            all.extend(found.into_iter().map(|it| format!("{recorded} {id}: {it}")));
        }
    }
    assert!(all.is_empty(), "{}", all.join("\n"));
}

#[test]
fn a_contradiction_is_seen() {
    let profile = |id: &str| Catalog::builtin().profile(&ModelId::from(id)).into_owned();
    let (claude, nova, llama) = (
        profile("us.anthropic.claude-sonnet-4-5-20250929-v1:0"),
        profile("us.amazon.nova-micro-v1:0"),
        profile("us.meta.llama4-maverick-17b-instruct-v1:0"),
    );
    let text = json!({"text": "hi"});
    let image = json!({"image": {"format": "png", "source": {"s3Location": {"uri": "s3://b/k"}}}});
    let result = json!({"toolResult": {"toolUseId": "t", "content": [image.clone()]}});
    let point = json!({"cachePoint": {"type": "default", "ttl": "1h"}});
    let user = |content: Value| json!({"messages": [{"role": "user", "content": content}]});
    for (profile, body, count) in [
        (&claude, user(json!([text])), 0),
        (&claude, user(json!([image])), 1),
        (&nova, user(json!([image])), 1),
        (&nova, user(json!([text, point])), 1),
        (&nova, json!({"toolConfig": {"tools": [point]}}), 2),
        (&llama, user(json!([result, text])), 1),
        (&llama, json!({"toolConfig": {"tools": [], "toolChoice": {"any": {}}}}), 1),
        (&claude, json!({"inferenceConfig": {"temperature": 0.5, "topP": 0.5}}), 1),
        (&nova, json!({"additionalModelRequestFields": {"top_k": 5}}), 1),
        (
            &claude,
            json!({
                "additionalModelRequestFields": {"thinking": {"type": "enabled", "budget_tokens": 1000}},
                "inferenceConfig": {"temperature": 0.5},
                "toolConfig": {"tools": [], "toolChoice": {"any": {}}},
            }),
            3,
        ),
        (&profile("amazon.titan-text-lite-v1"), json!({"system": [text]}), 1),
        (&profile("openai.gpt-oss-20b-1:0"), json!({"inferenceConfig": {"stopSequences": ["x"]}}), 1),
    ] {
        let found = Contradictions::of(profile, &body);
        assert_eq!(found.len(), count, "{body}: {found:?}");
    }
}
