//! Properties of normalising, over any request, what may be known of a model, and every choice.

use bedrock_llm_schema::content::media::{DocumentFormat, ImageFormat, SearchResultBlock};
use bedrock_llm_schema::content::tool::{SystemTool, Tool, ToolUseType};
use bedrock_llm_schema::content::{ContentKind, SystemContentBlock};
use bedrock_llm_schema::model::ModelProfile;
use bedrock_llm_schema::model::facts::{CachePlace, ToolChoiceKind};
use bedrock_llm_schema::normalize::{ChangeKind, Normalized};
use bedrock_llm_schema::{
    CachePointBlock, CacheTtl, Catalog, ChatRequest, ContentBlock, DocumentBlock, ImageBlock, Message,
    Normalizer, OnUnsupported, Role, ToolChoice, ToolResultBlock, ToolSpec, ToolUseBlock,
};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use serde_json::json;

fn text() -> impl Strategy<Value = String> {
    prop_oneof![4 => "[a-z]{1,8}", 1 => "[ \n]{0,2}", 1 => any::<String>()]
}

fn name() -> impl Strategy<Value = String> {
    prop_oneof![4 => "[ab]{1,2}[ ._-]?[ab]?", 1 => any::<String>(), 1 => "[ab]{190,210}"]
}

fn document() -> impl Strategy<Value = DocumentBlock> {
    prop_oneof![
        (name(), text()).prop_map(|(name, text)| DocumentBlock::from_text(name, text)),
        name().prop_map(|name| DocumentBlock::new(name, DocumentFormat::Pdf, &b"x"[..])),
    ]
}

fn image() -> impl Strategy<Value = ImageBlock> {
    prop_oneof![
        Just(ImageBlock::new(ImageFormat::Gif, &b"x"[..])),
        Just(ImageBlock::from_s3(ImageFormat::Png, "s3://bucket/key")),
    ]
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
        ("[12]", text()).prop_map(|(id, text)| ToolResultBlock::text(id, text)),
        ("[12]", text()).prop_map(|(id, text)| ToolResultBlock::error(id, text)),
        ("[12]", text()).prop_map(|(id, text)| ToolResultBlock::json(id, json!({"a": text}))),
        ("[12]", document()).prop_map(|(id, document)| ToolResultBlock::new(id, document)),
        ("[12]", image()).prop_map(|(id, image)| ToolResultBlock::new(id, image)),
        "[12]".prop_map(|id| ToolResultBlock::new(id, SearchResultBlock::default())),
    ]
}

fn block() -> impl Strategy<Value = ContentBlock> {
    prop_oneof![
        3 => text().prop_map(ContentBlock::Text),
        2 => ("[12]", name()).prop_map(|(id, name)| ToolUseBlock::new(id, name, json!({"q": 1})).into()),
        1 => Just(ToolUseBlock {
            r#type: Some(ToolUseType::ServerToolUse), ..ToolUseBlock::new("s", "a b", json!({}))
        }.into()),
        2 => result().prop_map(ContentBlock::ToolResult),
        1 => document().prop_map(ContentBlock::Document),
        1 => image().prop_map(ContentBlock::Image),
        1 => cache_point().prop_map(ContentBlock::CachePoint),
    ]
}

fn message() -> impl Strategy<Value = Message> {
    let role = prop_oneof![4 => Just(Role::User), 4 => Just(Role::Assistant), 1 => Just(Role::System)];
    (role, vec(block(), 0..4)).prop_map(|(role, content)| Message::new(role, content))
}

fn tool() -> impl Strategy<Value = Tool> {
    prop_oneof![
        3 => (name(), option::of(any::<bool>())).prop_map(|(name, strict)| Tool::ToolSpec(ToolSpec {
            strict, ..ToolSpec::new(name, "d", json!({"type": "object"}))
        })),
        1 => Just(Tool::SystemTool(SystemTool { name: "a b".into(), ..SystemTool::default() })),
        1 => cache_point().prop_map(Tool::CachePoint),
    ]
}

prop_compose! {
    fn request()(
        messages in vec(message(), 0..6),
        system in vec(prop_oneof![
            text().prop_map(SystemContentBlock::Text), cache_point().prop_map(SystemContentBlock::CachePoint)
        ], 0..3),
        tools in vec(tool(), 0..4),
        choice in option::of(prop_oneof![
            Just(ToolChoice::auto()), Just(ToolChoice::any()), name().prop_map(ToolChoice::tool)
        ]),
        settings in option::of((1..9999_u32, 0.0..1.0_f64)),
        top_k in option::of(select(vec!["top_k", "topK", "k", "inferenceConfig"])),
        is_json in any::<bool>(),
    ) -> ChatRequest {
        let mut request = ChatRequest::new("amazon.nova-lite-v1:0").messages(messages);
        request = system.into_iter().fold(request, ChatRequest::system);
        request = tools.into_iter().fold(request, ChatRequest::tool);
        if let Some(choice) = choice {
            request = request.tool_choice(choice);
        }
        if let Some((most, share)) = settings {
            request = request.max_tokens(most).temperature(share).top_p(share).stop_sequence("|").stop_sequence("#");
        }
        if let Some(name) = top_k {
            let value = if name == "inferenceConfig" { json!({"topK": 5}) } else { json!(5) };
            request = request.additional_field(name, value);
        }
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
fn any_profile() -> impl Strategy<Value = ModelProfile> {
    let all: Vec<ModelProfile> =
        Catalog::builtin().iter().map(|it| Catalog::builtin().profile(&it.id).into_owned()).collect();
    prop_oneof![3 => profile(), 1 => select(all)]
}

fn choice() -> impl Strategy<Value = OnUnsupported> {
    select(vec![OnUnsupported::Error, OnUnsupported::Degrade, OnUnsupported::Warn])
}

fn normalized(request: &ChatRequest, profile: &ModelProfile, choice: OnUnsupported) -> Normalized {
    Normalizer::new().on_unsupported(choice).normalize(request.clone(), profile)
}

/// Every text that someone said.
fn texts(request: &ChatRequest) -> Vec<&str> {
    let system = request.system.iter().flatten().filter_map(|block| match block {
        SystemContentBlock::Text(text) => Some(text.as_str()),
        _ => None,
    });
    let blocks = request.messages.iter().flat_map(|message| &message.content);
    let said = blocks
        .filter_map(|block| if let ContentBlock::Text(text) = block { Some(text.as_str()) } else { None });
    let mut texts: Vec<&str> = system.chain(said).filter(|text| !text.trim().is_empty()).collect();
    texts.sort_unstable();
    texts
}

fn document_names(request: &ChatRequest) -> Vec<&str> {
    let blocks = request.messages.iter().flat_map(|message| &message.content);
    blocks
        .filter_map(
            |block| if let ContentBlock::Document(it) = block { Some(it.name.as_str()) } else { None },
        )
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn normalising_is_idempotent(request in request(), profile in any_profile(), choice in choice()) {
        let once = normalized(&request, &profile, choice);
        let twice = normalized(&once.request, &profile, choice);
        let changed: Vec<_> = twice.changes.iter().filter(|change| change.kind != ChangeKind::Warned).collect();
        prop_assert!(changed.is_empty(), "{changed:?} after {:?}", once.changes);
        prop_assert!(twice.request == once.request);
        prop_assert!(twice.aliases.is_empty());
    }

    #[test]
    fn no_text_is_lost(request in request(), profile in any_profile(), choice in choice()) {
        let after = normalized(&request, &profile, choice).request;
        let mut left = texts(&after);
        for text in texts(&request) {
            let place = left.iter().position(|&it| it == text);
            prop_assert!(place.is_some(), "{text:?} is not in {left:?}");
            left.remove(place.unwrap());
        }
    }

    #[test]
    fn document_names_are_told_apart(request in request(), profile in any_profile()) {
        let after = normalized(&request, &profile, OnUnsupported::Error).request;
        let names = document_names(&after);
        let mut distinct = names.clone();
        distinct.sort_unstable();
        distinct.dedup();
        prop_assert_eq!(names.len(), distinct.len());
        prop_assert!(names.iter().all(|name| (1..=200).contains(&name.len())), "{names:?}");
    }

    #[test]
    fn a_request_that_is_right_is_not_touched(text in "[a-z]{1,9}", name in "[a-z_]{1,9}", choice in choice()) {
        let tool = ToolSpec::new(name.clone(), "d", json!({"type": "object", "properties": {}}));
        let request = ChatRequest::new("m")
            .system(text.clone())
            .tool(tool)
            .message(text.clone())
            .message(Message::assistant(ToolUseBlock::new("1", name, json!({}))))
            .message(Message::user(ToolResultBlock::text("1", text.clone())));
        let after = normalized(&request, &ModelProfile::new("m"), choice);
        prop_assert_eq!((after.request, after.changes), (request, vec![]));
    }
}
