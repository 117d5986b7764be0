//! Any request, and what may be known of a model.

use bedrock_llm_schema::content::ContentKind;
use bedrock_llm_schema::content::SystemContentBlock;
use bedrock_llm_schema::content::media::{
    AudioFormat, DocumentFormat, ImageFormat, SearchResultBlock, VideoFormat,
};
use bedrock_llm_schema::content::tool::{SystemTool, Tool, ToolUseType};
use bedrock_llm_schema::model::ModelProfile;
use bedrock_llm_schema::model::facts::{CachePlace, ToolChoiceKind};
use bedrock_llm_schema::{
    AudioBlock, CachePointBlock, CacheTtl, Catalog, ChatRequest, ContentBlock, DocumentBlock, Effort,
    ImageBlock, Message, Reasoning, ReasoningContentBlock, ReasoningTextBlock, Role, ToolChoice,
    ToolResultBlock, ToolSpec, ToolUseBlock, VideoBlock,
};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use serde_json::{Value, json};

fn text() -> impl Strategy<Value = String> {
    prop_oneof![4 => "[a-z]{1,8}", 1 => "[ \n]{0,2}", 1 => any::<String>()]
}

fn name() -> impl Strategy<Value = String> {
    prop_oneof![4 => "[ab]{1,2}[ ._-]?[ab]?", 1 => any::<String>(), 1 => "[ab]{190,210}"]
}

fn document() -> impl Strategy<Value = DocumentBlock> {
    prop_oneof![
        (name(), text()).prop_map(|(name, text)| DocumentBlock::from_text(name, text)),
        (name(), select(vec![DocumentFormat::Pdf, DocumentFormat::Docx, DocumentFormat::Csv]))
            .prop_map(|(name, format)| DocumentBlock::new(name, format, &b"x"[..])),
        name().prop_map(|name| DocumentBlock::from_s3(name, DocumentFormat::Pdf, "s3://bucket/key")),
    ]
}

fn image() -> impl Strategy<Value = ImageBlock> {
    prop_oneof![
        Just(ImageBlock::new(ImageFormat::Gif, &b"x"[..])),
        Just(ImageBlock::new(ImageFormat::Unknown("tiff".into()), &b"x"[..])),
        Just(ImageBlock::from_s3(ImageFormat::Png, "s3://bucket/key")),
    ]
}

fn video() -> impl Strategy<Value = VideoBlock> {
    prop_oneof![
        Just(VideoBlock::new(VideoFormat::Mp4, &b"x"[..])),
        Just(VideoBlock::from_s3(VideoFormat::Mov, "s3://bucket/key")),
    ]
}

fn reasoning() -> impl Strategy<Value = ReasoningContentBlock> {
    prop_oneof![
        Just(ReasoningTextBlock::new("thought").into()),
        Just(ReasoningTextBlock::new("thought").signed("s").into()),
        Just(ReasoningContentBlock::RedactedContent(b"x".to_vec().into())),
    ]
}

/// Ids of tool calls: mostly few, that they meet, and some of other services.
fn id() -> impl Strategy<Value = String> {
    prop_oneof![6 => "[12]", 1 => "[12][| .]?", 1 => "[1]{60,70}"]
}

fn cache_point() -> impl Strategy<Value = CachePointBlock> {
    select(vec![
        CachePointBlock::default(),
        CachePointBlock::with_ttl(CacheTtl::FiveMinutes),
        CachePointBlock::with_ttl(CacheTtl::OneHour),
    ])
}

fn result() -> impl Strategy<Value = ToolResultBlock> {
    prop_oneof![
        (id(), text()).prop_map(|(id, text)| ToolResultBlock::text(id, text)),
        (id(), text()).prop_map(|(id, text)| ToolResultBlock::error(id, text)),
        (id(), text()).prop_map(|(id, text)| ToolResultBlock::json(id, json!({"a": text}))),
        (id(), document()).prop_map(|(id, document)| ToolResultBlock::new(id, document)),
        (id(), image()).prop_map(|(id, image)| ToolResultBlock::new(id, image)),
        (id(), video()).prop_map(|(id, video)| ToolResultBlock::new(id, video)),
        id().prop_map(|id| ToolResultBlock::new(id, SearchResultBlock::default())),
        id().prop_map(|id| ToolResultBlock { tool_use_id: id, ..ToolResultBlock::default() }),
    ]
}

fn block() -> impl Strategy<Value = ContentBlock> {
    prop_oneof![
        3 => text().prop_map(ContentBlock::Text),
        2 => (id(), name()).prop_map(|(id, name)| ToolUseBlock::new(id, name, json!({"q": 1})).into()),
        1 => Just(ToolUseBlock {
            r#type: Some(ToolUseType::ServerToolUse), ..ToolUseBlock::new("s", "search", json!({}))
        }.into()),
        2 => result().prop_map(ContentBlock::ToolResult),
        1 => document().prop_map(ContentBlock::Document),
        1 => image().prop_map(ContentBlock::Image),
        1 => video().prop_map(ContentBlock::Video),
        1 => Just(ContentBlock::Audio(AudioBlock::new(AudioFormat::Mp3, &b"x"[..]))),
        1 => Just(ContentBlock::SearchResult(SearchResultBlock::default())),
        1 => reasoning().prop_map(ContentBlock::ReasoningContent),
        2 => cache_point().prop_map(ContentBlock::CachePoint),
    ]
}

fn message() -> impl Strategy<Value = Message> {
    let role = prop_oneof![4 => Just(Role::User), 4 => Just(Role::Assistant), 1 => Just(Role::System)];
    (role, vec(block(), 0..4)).prop_map(|(role, mut content)| {
        // none but the model reasons
        content.retain(|block| role == Role::Assistant || block.kind() != ContentKind::ReasoningContent);
        Message::new(role, content)
    })
}

fn schema() -> impl Strategy<Value = Value> {
    select(vec![
        json!({"type": "object", "properties": {"q": {"type": "string"}}}),
        json!({"type": "object", "properties": {"q": {"$ref": "#/$defs/q"}}, "$defs": {"q": {"type": "string"}}}),
        json!({}),
    ])
}

/// Names by which families are asked for what Converse has no name for.
fn field() -> impl Strategy<Value = (&'static str, Value)> {
    select(vec![
        ("top_k", json!(5)),
        ("topK", json!(5)),
        ("k", json!(5)),
        ("inferenceConfig", json!({"topK": 5})),
        ("inferenceConfig", json!(5)),
        ("thinking", json!({"type": "enabled", "budget_tokens": 2000})),
        ("thinking", json!({"type": "enabled", "budget_tokens": 20})),
        ("thinking", json!({"type": "adaptive"})),
        ("output_config", json!({"effort": "high"})),
        ("reasoningConfig", json!({"type": "enabled", "maxReasoningEffort": "high"})),
        ("reasoning_effort", json!("high")),
        ("reasoning_config", json!("none")),
        ("anthropic_beta", json!(["interleaved-thinking-2025-05-14"])),
    ])
}

fn asked() -> impl Strategy<Value = Reasoning> {
    prop_oneof![
        Just(Reasoning::Off),
        Just(Reasoning::Adaptive),
        select(Effort::ALL.to_vec()).prop_map(Reasoning::Effort),
        (0..50_000_u32).prop_map(Reasoning::Budget),
    ]
}

fn tool() -> impl Strategy<Value = Tool> {
    prop_oneof![
        3 => (name(), option::of(any::<bool>()), "d?", schema()).prop_map(|(name, strict, description, schema)| {
            Tool::ToolSpec(ToolSpec { strict, ..ToolSpec::new(name, description, schema) })
        }),
        1 => Just(Tool::SystemTool(SystemTool { name: "ab".into(), ..SystemTool::default() })),
        1 => cache_point().prop_map(Tool::CachePoint),
    ]
}

prop_compose! {
    pub(crate) fn request()(
        messages in vec(message(), 0..6),
        system in vec(prop_oneof![
            text().prop_map(SystemContentBlock::Text), cache_point().prop_map(SystemContentBlock::CachePoint)
        ], 0..3),
        tools in vec(tool(), 0..4),
        choice in option::of(prop_oneof![
            Just(ToolChoice::auto()), Just(ToolChoice::any()), name().prop_map(ToolChoice::tool)
        ]),
        most in option::of(prop_oneof![1..3000_u32, 3000..300_000_u32]),
        shares in (option::of(0.0..1.0_f64), option::of(0.9..1.0_f64)),
        stops in vec("[a-z]", 0..6),
        fields in vec(field(), 0..3),
        reasoning in option::of(asked()),
        is_json in any::<bool>(),
    ) -> ChatRequest {
        let mut request = ChatRequest::new("amazon.nova-lite-v1:0").messages(messages);
        request = system.into_iter().fold(request, ChatRequest::system);
        let mut names = std::collections::BTreeSet::new();
        let is_new = |tool: &Tool| !matches!(tool, Tool::ToolSpec(spec) if !names.insert(spec.name.clone()));
        request = tools.into_iter().filter(is_new).fold(request, ChatRequest::tool);
        if let Some(choice) = choice {
            request = request.tool_choice(choice);
        }
        request = stops.into_iter().fold(request, ChatRequest::stop_sequence);
        request = fields.into_iter().fold(request, |it, (name, value)| it.additional_field(name, value));
        let config = request.inference_config.get_or_insert_default();
        (config.max_tokens, config.temperature, config.top_p) = (most, shares.0, shares.1);
        request.reasoning = reasoning;
        if is_json {
            request = request.json_schema("s", &json!({"type": "object"}));
        }
        request
    }
}

fn known() -> impl Strategy<Value = Option<bool>> {
    option::of(any::<bool>())
}

fn some_of<T: Clone + std::fmt::Debug + 'static>(all: Vec<T>) -> impl Strategy<Value = Option<Vec<T>>> {
    let most = all.len();
    option::of(subsequence(all, 0..=most))
}

prop_compose! {
    fn profile()(
        features in [known(), known(), known(), known(), known(), known(), known(), known()],
        sampling in (known(), known(), option::of(0..3_u32), option::of(select(vec!["", "/top_k", "/inferenceConfig/topK"]))),
        tools in (known(), known(), option::of(select(vec!["a-z", "a-zA-Z0-9_"])), option::of(5..80_u32)),
        choice in some_of(vec![ToolChoiceKind::Auto, ToolChoiceKind::Any, ToolChoiceKind::Tool]),
        content in some_of(vec![ContentKind::Text, ContentKind::Json, ContentKind::Image]),
        company in some_of(vec![ContentKind::Text, ContentKind::Document, ContentKind::Image]),
        places in some_of(vec![CachePlace::Tools, CachePlace::System, CachePlace::Messages]),
        cache in (option::of(0..4_u32), some_of(vec![CacheTtl::FiveMinutes, CacheTtl::OneHour])),
        not_after in some_of(vec![ContentKind::Document, ContentKind::Text]),
        s3 in known(),
    ) -> ModelProfile {
        let mut profile = ModelProfile::new("amazon.nova-lite-v1:0");
        let known = &mut profile.features;
        [
            known.system_messages, known.mid_conversation_system, known.tool_use, known.vision,
            known.document_input, known.structured_output, known.assistant_prefill, known.prompt_caching,
        ] = features;
        (profile.sampling.temperature, profile.sampling.temperature_with_top_p) = (sampling.0, sampling.1);
        profile.sampling.max_stop_sequences = sampling.2;
        profile.sampling.top_k = sampling.3.map(str::to_owned);
        (profile.tools.strict, profile.tools.result_status) = (tools.0, tools.1);
        profile.tools.name_alphabet = tools.2.map(Into::into);
        profile.tools.name_max = tools.3;
        profile.tools.choice = choice;
        profile.tools.system_tools = s3.map(|_| vec![]);
        (profile.tools.result_content, profile.tools.result_company) = (content, company);
        (profile.cache.places, profile.cache.not_after) = (places, not_after);
        (profile.cache.max_points, profile.cache.ttls) = cache;
        (profile.images.s3, profile.max_output_tokens) = (s3, s3.map(|_| 500));
        profile
    }
}

/// Any profile, or one of the catalog's.
pub(crate) fn any_profile() -> impl Strategy<Value = ModelProfile> {
    let all: Vec<ModelProfile> =
        Catalog::builtin().iter().map(|it| Catalog::builtin().profile(&it.id).into_owned()).collect();
    prop_oneof![3 => profile(), 1 => select(all)]
}

/// Models of the built-in catalog that differ in what they can do, and one of which nothing is known.
const MODELS: [&str; 25] = [
    "us.amazon.nova-lite-v1:0",
    "amazon.nova-micro-v1:0",
    "us.amazon.nova-2-lite-v1:0",
    "amazon.titan-text-express-v1",
    "anthropic.claude-v2:1",
    "us.anthropic.claude-3-5-sonnet-20240620-v1:0",
    "us.anthropic.claude-3-7-sonnet-20250219-v1:0",
    "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
    "us.anthropic.claude-sonnet-4-6",
    "us.anthropic.claude-opus-4-7",
    "us.anthropic.claude-fable-5",
    "us.anthropic.claude-opus-5",
    "ai21.jamba-1-5-large-v1:0",
    "cohere.command-r-plus-v1:0",
    "us.deepseek.r1-v1:0",
    "deepseek.v3-v1:0",
    "google.gemma-3-12b-it",
    "meta.llama3-8b-instruct-v1:0",
    "us.meta.llama4-maverick-17b-instruct-v1:0",
    "mistral.mistral-7b-instruct-v0:2",
    "mistral.mistral-large-3-675b-instruct",
    "openai.gpt-oss-120b-1:0",
    "qwen.qwen3-32b-v1:0",
    "global.xai.grok-4.6",
    "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/abc",
];

/// Any request to a model of the catalog, with what is known of the model.
pub(crate) fn request_to_a_model() -> impl Strategy<Value = (ChatRequest, ModelProfile)> {
    (request(), select(MODELS.to_vec())).prop_map(|(request, model)| {
        let request = ChatRequest { model: model.into(), ..request };
        let profile = Catalog::builtin().profile(&request.model).into_owned();
        (request, profile)
    })
}
