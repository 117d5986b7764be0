//! Long conversations: the work for each turn does not grow, and neither does what is kept.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bedrock_llm_agent::memory::{Memory as _, MemoryContext, Strategy, TokenBudget, Window};
use bedrock_llm_local::{LocalBedrock, Reply};
use bedrock_llm_schema::context::Summary;
use bedrock_llm_schema::conversation::Measure;
use bedrock_llm_schema::{Conversation, Message, ModelId, ToolResultBlock, ToolUseBlock};
use serde_json::json;

use crate::common::{NOVA, SMALL, lonely, start};

/// Counts how often a function is called.
#[derive(Clone, Default)]
struct Counter(Arc<AtomicUsize>);

impl Counter {
    fn count(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    fn get(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

/// What became of a long conversation.
#[derive(Debug, Default, PartialEq)]
struct Life {
    messages: usize,
    /// Prunes that took something out, and the turns there were then: only these look at all turns.
    cuts: usize,
    in_cuts: usize,
    /// The most units and bytes at one time.
    units: usize,
    bytes: usize,
    removed: usize,
}

fn bytes(conversation: &Conversation) -> usize {
    serde_json::to_vec(conversation).unwrap().len()
}

/// So many questions, each with a tool round every third time; pruned before every answer.
async fn live(memory: &impl Strategy, questions: usize, client: &bedrock_llm_client::Client) -> Life {
    let profile = client.profile(&ModelId::from(NOVA));
    let context = MemoryContext::new(client, &profile);
    let mut conversation = Conversation::new();
    let mut life = Life::default();
    for number in 0..questions {
        let important = if number % 1_000 == 0 { "important" } else { "" };
        conversation.push(format!("question {number} {important} {}", "word ".repeat(number % 40))).unwrap();
        life.messages += 1;
        for round in 0..=usize::from(number % 3 == 0) {
            let before = conversation.messages().len();
            let updates = memory.prune(&mut conversation, &context).await.unwrap();
            let removed: usize = updates.iter().map(|update| update.removed).sum();
            if removed > 0 {
                life.cuts += 1;
                life.in_cuts += before;
                life.removed += removed;
            }
            life.units = life.units.max(conversation.unit_count());
            if number % 100 == 99 {
                life.bytes = life.bytes.max(bytes(&conversation));
            }
            if round == 0 && number % 3 == 0 {
                let id = format!("call_{number}");
                let call = ToolUseBlock::new(id.as_str(), "look", json!({"at": number}));
                conversation.push(Message::assistant(call)).unwrap();
                conversation.push_results([ToolResultBlock::text(id, "seen")]).unwrap();
                life.messages += 2;
            }
        }
        conversation.push(Message::assistant(format!("answer {number}"))).unwrap();
        life.messages += 1;
    }
    assert_eq!(life.messages - life.removed, conversation.messages().len(), "all that went was told");
    life
}

#[tokio::test]
async fn a_window_of_ten_thousand_turns_costs_each_turn_the_same() {
    let client = lonely().await;
    for questions in [1_000, 10_000] {
        let pins = Counter::default();
        let asked = pins.clone();
        let memory = Window::new(20).pin(move |message| {
            asked.count();
            message.text().contains("important")
        });
        let life = live(&memory, questions, &client).await;
        let pinned = questions.div_ceil(1_000);
        assert_eq!(
            pins.get(),
            life.messages - 1,
            "each turn is asked about once; nobody asks after the last answer"
        );
        assert!(life.units <= 30 + pinned, "{life:?}");
        assert!(life.cuts <= questions / 10, "{life:?}");
        // turns that are looked at in cuts, for each turn that comes
        assert!(life.in_cuts <= life.messages * 5, "{life:?}");
        assert!(life.bytes < 20_000 + pinned * 1_000, "{life:?}");
    }
}

#[tokio::test]
async fn a_budget_of_ten_thousand_turns_counts_each_turn_once() {
    let client = lonely().await;
    for questions in [1_000, 10_000] {
        let counter = Counter::default();
        let counted = counter.clone();
        let measure = Measure::by(move |message| {
            counted.count();
            message.text().len() as u64 + 1
        });
        let life = live(&TokenBudget::new(5_000).measured_by(measure), questions, &client).await;
        assert_eq!(counter.get(), life.messages - 1, "each turn is counted once");
        assert!(life.in_cuts <= life.messages * 5, "{life:?}");
        assert!(life.bytes < 20_000, "{life:?}");
        let by_tokens = live(&TokenBudget::new(2_000), questions, &client).await;
        assert!(by_tokens.in_cuts <= by_tokens.messages * 5 && by_tokens.bytes < 20_000, "{by_tokens:?}");
    }
}

#[tokio::test]
async fn scores_are_asked_for_in_cuts_alone() {
    let client = lonely().await;
    for questions in [1_000, 10_000] {
        let counter = Counter::default();
        let scored = counter.clone();
        let memory = Window::new(20).by_importance(move |unit| {
            scored.count();
            f64::from(u8::from(unit[0].text().contains("important")))
        });
        let life = live(&memory.recency(0.5), questions, &client).await;
        assert!(counter.get() <= questions * 3, "{} {life:?}", counter.get());
        assert!(life.units <= 30 && life.bytes < 20_000, "{life:?}");
    }
}

#[tokio::test]
async fn summaries_are_few_and_read_each_turn_once() {
    let (local, client) = start(LocalBedrock::builder().reply(Reply::text("They talked.").forever())).await;
    let memory = TokenBudget::new(4_000).summarize(Summary::by(SMALL).max_tokens(100));
    let life = live(&memory, 1_000, &client).await;
    let received = local.received();
    assert_eq!(received.len(), life.cuts);
    let told: usize = received
        .iter()
        .map(|request| {
            request.json["messages"][0]["content"][0]["text"].as_str().unwrap().matches("user:\n").count()
        })
        .sum();
    assert_eq!(told * 2, life.removed, "every other turn is the user's");
    assert!(life.bytes < 30_000, "{life:?}");
}

/// A run that is one question: nothing of it may go, and still no turn is counted twice.
#[tokio::test]
async fn a_question_with_ten_thousand_tool_rounds_is_counted_once() {
    let client = lonely().await;
    let profile = client.profile(&ModelId::from(NOVA));
    let context = MemoryContext::new(&client, &profile);
    let counter = Counter::default();
    let counted = counter.clone();
    let measure = Measure::by(move |_| {
        counted.count();
        1
    });
    let memory = TokenBudget::new(100_000).measured_by(measure).then(Window::new(3));
    let mut conversation = Conversation::new();
    conversation.push("Find it.").unwrap();
    for number in 0..10_000 {
        assert_eq!(memory.prune(&mut conversation, &context).await.unwrap(), vec![]);
        let id = format!("call_{number}");
        conversation.push(Message::assistant(ToolUseBlock::new(id.as_str(), "look", json!({})))).unwrap();
        conversation.push_results([ToolResultBlock::text(id, "nothing")]).unwrap();
    }
    assert_eq!(counter.get(), 19_999);
}
