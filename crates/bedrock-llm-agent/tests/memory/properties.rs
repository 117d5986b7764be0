//! Whatever strategies do to whatever conversation: it stays sound, the rules take it, and all that goes is told.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::LazyLock;

use bedrock_llm_agent::memory::{
    Draft, Memory as _, MemoryContext, OnFailure, Strategy as Forget, TokenBudget, Window,
};
use bedrock_llm_client::Client;
use bedrock_llm_local::{Exception, LocalBedrock, Reply};
use bedrock_llm_schema::context::Summary;
use bedrock_llm_schema::{
    ChatRequest, ContentBlock, Conversation, DocumentBlock, Error, ImageBlock, ImageFormat, Message, ModelId,
    Normalizer, OnUnsupported, ReasoningContentBlock, ReasoningTextBlock, Role, ToolResultBlock, ToolSpec,
    ToolUseBlock,
};
use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::json;
use tokio::runtime::Runtime;

use crate::common::{SMALL, client};

const MODELS: [&str; 5] = [
    "us.anthropic.claude-sonnet-4-20250514-v1:0",
    "us.amazon.nova-lite-v1:0",
    "us.meta.llama3-3-70b-instruct-v1:0",
    "us.meta.llama4-scout-17b-instruct-v1:0",
    "mistral.mistral-large-2402-v1:0",
];
/// A model that sums up nothing.
const BROKEN: &str = "us.amazon.nova-pro-v1:0";
const PINNED: &str = "pinned!";

/// One endpoint for all cases.
static WORLD: LazyLock<(Runtime, LocalBedrock, Client)> = LazyLock::new(|| {
    let runtime = Runtime::new().unwrap();
    let (local, client) = runtime.block_on(async {
        let broken = Reply::exception(Exception::new("ThrottlingException")).model(BROKEN).forever();
        let script = LocalBedrock::builder().reply(broken).reply(Reply::text("They talked.").forever());
        let local = script.start().await.unwrap();
        let client = client(&local.endpoint()).await;
        (local, client)
    });
    (runtime, local, client)
});

/// What happens in a conversation.
#[derive(Debug, Clone, Copy)]
enum Event {
    Ask(u8),
    Say(u8),
    /// So many calls side by side, after a thought or not.
    Call(u8, bool),
    /// The system says something.
    Rule,
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        4 => any::<u8>().prop_map(Event::Ask),
        4 => any::<u8>().prop_map(Event::Say),
        3 => (1_u8..4, any::<bool>()).prop_map(|(calls, thinks)| Event::Call(calls, thinks)),
        1 => Just(Event::Rule),
    ]
}

/// Makes it happen where it can; a model is asked after it where the user spoke last.
fn happen(conversation: &mut Conversation, event: Event, number: usize) {
    let pending: Vec<String> = conversation.pending().map(|call| call.tool_use_id.clone()).collect();
    if !pending.is_empty() {
        let results = pending.iter().enumerate().map(|(place, id)| match place {
            0 => ToolResultBlock::text(id.as_str(), format!("saw {number}")),
            1 => ToolResultBlock::error(id.as_str(), "no such city"),
            _ => ToolResultBlock {
                content: vec![json!({"n": number}).into()],
                ..ToolResultBlock::text(id.as_str(), "")
            },
        });
        conversation.push_results(results.collect::<Vec<_>>()).unwrap();
        return;
    }
    let thought = || ReasoningContentBlock::from(ReasoningTextBlock::new("hm").signed("c2ln"));
    let message = match event {
        Event::Ask(kind) => {
            let message =
                Message::user(format!("question {number} {}", "word ".repeat(usize::from(kind % 50))));
            match kind % 7 {
                0 => message.with(ImageBlock::new(ImageFormat::Png, png())),
                1 => message.with(DocumentBlock::from_text(format!("notes {number}"), "some notes")),
                2 => message.with(ContentBlock::cache_point()),
                3 => message.with(PINNED),
                _ => message,
            }
        }
        Event::Say(kind) if kind % 4 == 0 => Message::assistant(thought()).with(format!("answer {number}")),
        Event::Say(_) => Message::assistant(format!("answer {number}")),
        Event::Call(calls, thinks) => {
            let call =
                |place| ToolUseBlock::new(format!("call_{number}_{place}"), "look", json!({"at": place}));
            let calls = (0..calls).map(|place| ContentBlock::from(call(place)));
            let thought = thinks.then(|| thought().into());
            Message::new(Role::Assistant, thought.into_iter().chain(calls).collect::<Vec<_>>())
        }
        Event::Rule => Message::new(Role::System, [format!("rule {number}")]),
    };
    // an answer to nothing is refused
    let _ = conversation.push(message);
}

fn png() -> Vec<u8> {
    let mut png = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x20\0\0\0\x20".to_vec();
    png.resize(100, 7);
    png
}

/// Any strategy.
#[derive(Debug, Clone)]
enum Any {
    Window(usize, usize),
    Budget(u64, f64),
    Important(usize, u64, f64),
    ImportantTokens(u64, u64),
    Then(Box<Any>, Box<Any>),
    Pin(Box<Any>, u8),
    First(Box<Any>, usize),
    Summarize(Box<Any>, bool),
}

fn any_strategy() -> impl Strategy<Value = Any> {
    let leaf = prop_oneof![
        (0_usize..6, 0_usize..9).prop_map(|(low, high)| Any::Window(low, high)),
        (0_u64..600, 0.0..1.0).prop_map(|(tokens, share)| Any::Budget(tokens, share)),
        (0_usize..6, any::<u64>(), 0.0..2.0)
            .prop_map(|(low, seed, recency)| Any::Important(low, seed, recency)),
        (0_u64..600, any::<u64>()).prop_map(|(tokens, seed)| Any::ImportantTokens(tokens, seed)),
    ];
    leaf.prop_recursive(3, 8, 2, |inner| {
        let boxed = inner.prop_map(Box::new);
        prop_oneof![
            (boxed.clone(), boxed.clone()).prop_map(|(one, other)| Any::Then(one, other)),
            (boxed.clone(), 1_u8..5).prop_map(|(inner, kind)| Any::Pin(inner, kind)),
            (boxed.clone(), 0_usize..3).prop_map(|(inner, units)| Any::First(inner, units)),
            (boxed, any::<bool>()).prop_map(|(inner, works)| Any::Summarize(inner, works)),
        ]
    })
}

fn scored(seed: u64) -> impl Fn(&[Message]) -> f64 + Send + Sync + 'static {
    move |unit| (seed.rotate_left(u32::try_from(unit[0].text().len()).unwrap()) % 100) as f64
}

type Planned<'a> = Pin<Box<dyn Future<Output = Result<(), Error>> + Send + 'a>>;

impl Any {
    fn planned<'a>(self, draft: &'a mut Draft<'_>, context: &'a MemoryContext<'_>) -> Planned<'a> {
        async fn plan(
            strategy: impl Forget,
            draft: &mut Draft<'_>,
            context: &MemoryContext<'_>,
        ) -> Result<(), Error> {
            strategy.plan(draft, context).await
        }
        match self {
            Self::Window(low, high) => Box::pin(plan(Window::new(low).grow_to(high), draft, context)),
            Self::Budget(tokens, share) => {
                Box::pin(plan(TokenBudget::new(tokens).trim_to(share), draft, context))
            }
            Self::Important(low, seed, recency) => {
                Box::pin(plan(Window::new(low).by_importance(scored(seed)).recency(recency), draft, context))
            }
            Self::ImportantTokens(tokens, seed) => {
                Box::pin(plan(TokenBudget::new(tokens).by_importance(scored(seed)), draft, context))
            }
            Self::Then(one, other) => Box::pin(plan(one.then(*other), draft, context)),
            Self::Pin(inner, kind) => {
                let pin = move |message: &Message| message.content.len() % usize::from(kind) == 1;
                Box::pin(plan(inner.pin(pin), draft, context))
            }
            Self::First(inner, units) => Box::pin(plan(inner.keep_first(units), draft, context)),
            Self::Summarize(inner, works) => {
                let summary = Summary::by(if works { SMALL } else { BROKEN }).max_tokens(30);
                Box::pin(plan(inner.summarize(summary), draft, context))
            }
        }
    }
}

impl Forget for Any {
    async fn plan(&self, draft: &mut Draft<'_>, context: &MemoryContext<'_>) -> Result<(), Error> {
        self.clone().planned(draft, context).await
    }
}

impl Forget for Box<Any> {
    async fn plan(&self, draft: &mut Draft<'_>, context: &MemoryContext<'_>) -> Result<(), Error> {
        Any::clone(self).planned(draft, context).await
    }
}

fn request(model: &str, conversation: &Conversation) -> ChatRequest {
    let look = ToolSpec::new("look", "Looks at a place.", json!({"type": "object"}));
    ChatRequest::new(model).messages(conversation.clone()).tool(look)
}

/// How often each rule is broken, before and after the client has made the request fit.
fn broken(model: &str, conversation: &Conversation, client: &Client) -> [BTreeMap<&'static str, usize>; 2] {
    let profile = client.profile(&ModelId::from(model));
    let count = |request: &ChatRequest| {
        let mut rules = BTreeMap::new();
        for violation in request.check(&profile).err().map_or_else(Vec::new, |violations| violations.0) {
            *rules.entry(violation.rule).or_default() += 1;
        }
        rules
    };
    let written = request(model, conversation);
    let normalizer = Normalizer::new().on_unsupported(OnUnsupported::Degrade);
    [count(&written), count(&normalizer.normalize(written, &profile).request)]
}

/// Turns without those of the system, and without a summary.
fn turns(conversation: &Conversation) -> Vec<Message> {
    let mut own = conversation.clone();
    own.take_summary();
    own.into_messages().into_iter().filter(|message| message.role != Role::System).collect()
}

fn rules(conversation: &Conversation) -> String {
    let system = conversation.messages().iter().filter(|message| message.role == Role::System);
    system.map(Message::text).collect()
}

fn is_pinned(message: &Message) -> bool {
    message.text().contains(PINNED)
}

/// Whether a list has another's items in their order.
fn has_in_order(list: &[Message], part: &[Message]) -> bool {
    let mut list = list.iter();
    part.iter().all(|wanted| list.any(|message| message == wanted))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    #[test]
    fn a_conversation_that_is_pruned_as_it_grows_stays_what_can_be_sent(
        events in vec(event(), 1..70),
        strategy in any_strategy(),
        first in 0_usize..2,
        model in 0..MODELS.len(),
    ) {
        let (runtime, _, client) = &*WORLD;
        let memory = strategy.keep_first(first).pin(is_pinned);
        let model = MODELS[model];
        let profile = client.profile(&ModelId::from(model));
        let context = MemoryContext::new(client, &profile);
        let mut conversation = Conversation::new();
        for (number, event) in events.into_iter().enumerate() {
            happen(&mut conversation, event, number);
            let before = conversation.clone();
            let updates = runtime.block_on(memory.prune(&mut conversation, &context)).unwrap();

            let (had, has) = (turns(&before), turns(&conversation));
            let removed: usize = updates.iter().map(|update| update.removed).sum();
            prop_assert_eq!(had.len() - has.len(), removed, "what goes is told");
            prop_assert!(has_in_order(&had, &has), "turns are as they were");
            let pinned: Vec<Message> = had.iter().filter(|message| is_pinned(message)).cloned().collect();
            prop_assert!(has_in_order(&has, &pinned), "pins stay");
            let firsts = before.units().take(first).flatten().filter(|it| it.role != Role::System).count();
            if before.summary().is_none() && conversation.summary().is_none() {
                prop_assert!(has.starts_with(&had[..firsts]), "the first units stay");
            }
            let last = before.units().last().map(|unit| unit.iter().filter(|it| it.role != Role::System).count());
            prop_assert!(has.ends_with(&had[had.len() - last.unwrap_or_default()..]), "the last unit stays");
            prop_assert_eq!(rules(&before), rules(&conversation), "turns of the system stay");
            if removed == 0 {
                prop_assert_eq!(&conversation, &before, "nothing changes where nothing goes");
            }
            if before.summary().is_some() {
                prop_assert!(conversation.summary().is_some(), "a summary is not lost");
            }
            for update in &updates {
                prop_assert_eq!(update.failed.is_none() && update.strategy == "summarize", update.summarized > 0);
            }

            let anew = Conversation::try_from(conversation.messages().to_vec());
            prop_assert_eq!(anew.as_ref(), Ok(&conversation));
            if conversation.pending().count() > 0 {
                conversation = before; // what is asked comes after the results
                continue;
            }
            let [was, was_sent] = broken(model, &before, client);
            let [is, is_sent] = broken(model, &conversation, client);
            prop_assert!(is.iter().all(|(rule, times)| was.get(rule) >= Some(times)), "{was:?} {is:?}");
            prop_assert!(is_sent.iter().all(|(rule, times)| was_sent.get(rule) >= Some(times)), "{is_sent:?}");
            let is_asked = conversation.messages().last().is_some_and(|last| last.role == Role::User);
            prop_assert!(!is_asked || is_sent.is_empty(), "{is_sent:?}");
        }
    }

    #[test]
    fn what_fails_leaves_a_conversation_as_it_was(events in vec(event(), 1..40), strategy in any_strategy()) {
        let (runtime, _, client) = &*WORLD;
        let profile = client.profile(&ModelId::from(MODELS[0]));
        let memory = strategy.then(Window::new(1)).summarize(BROKEN).on_failure(OnFailure::Fail);
        let mut conversation = Conversation::new();
        for (number, event) in events.into_iter().enumerate() {
            happen(&mut conversation, event, number);
        }
        let before = conversation.clone();
        let outcome = runtime.block_on(memory.prune(&mut conversation, &MemoryContext::new(client, &profile)));
        match outcome {
            Ok(_) => prop_assert!(conversation.unit_count() <= 2, "nothing had to go"),
            Err(error) => prop_assert!(error.is_throttled()),
        }
        prop_assert_eq!(conversation, before);
    }
}
