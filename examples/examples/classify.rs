//! Classifies 10 000 lines with a model, which is down: others answer in its place. A budget ends the second run.

use std::collections::{BTreeMap, BTreeSet};

use bedrock_llm::client::layers::{FailoverConfig, FailoverTarget};
use bedrock_llm::local::Reply;
use bedrock_llm::pipeline::{BoxError, Pipeline};
use bedrock_llm::schema::model::Cost;
use bedrock_llm::{ChatRequest, Client, ModelId};
use futures_util::{StreamExt as _, stream};

/// Offline this model is down.
const MODEL: &str = "us.amazon.nova-micro-v1:0";
const FALLBACK: &str = "us.amazon.nova-lite-v1:0";
const LINES: usize = 10_000;

/// What a customer wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Topic {
    Refund,
    Delivery,
    Invoice,
    Password,
}

/// The answer that the model is to give.
#[derive(serde::Deserialize, schemars::JsonSchema)]
struct Classified {
    /// What the customer's message is about.
    topic: Topic,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let (builder, local) = examples::connect().await?;
    if let Some(local) = &local {
        local.add_reply(Reply::exception("ServiceUnavailableException").model(MODEL).forever());
    }
    let failover = FailoverConfig::default().model(MODEL, [FailoverTarget::model(FALLBACK)]);
    let client = builder.failover(failover).build().await?;

    let pipeline = classifying(client);
    for budget in ["1.00", "0.02"] {
        let budget: Cost = budget.parse()?;
        let mut results = pipeline.run(stream::iter(lines()));
        let handle = results.handle();
        let (mut spent, mut topics, mut models) = (Cost::default(), BTreeMap::new(), BTreeSet::new());
        while let Some(line) = results.next().await {
            let line = line.map_err(|error| anyhow::anyhow!("{error}: {}", error.cause()))?;
            spent += line.cost;
            models.insert(line.model.to_string());
            *topics.entry(line.topic).or_insert(0) += 1;
            if spent >= budget {
                // no more lines are taken; those under way are finished and paid
                handle.drain();
            }
        }
        let classified: i32 = topics.values().sum();
        println!(
            "{classified} of {LINES} lines for {spent:.4} of {budget:.2} dollars, by {models:?}: {topics:?}"
        );
    }
    println!("\n{}", pipeline.stats());
    Ok(())
}

/// A line's topic, which model told it, and what that cost.
struct Line {
    topic: Topic,
    model: ModelId,
    cost: Cost,
}

fn classifying(client: Client) -> Pipeline<String, Line> {
    let request = ChatRequest::new(MODEL).system("Say what a customer's message is about.").max_tokens(100);
    Pipeline::new()
        .then(move |line: String| {
            let (client, request) = (client.clone(), request.clone().message(line));
            async move {
                let answer = client.extract::<Classified>(request.clone()).await?;
                let by = answer.response.answered_by.as_ref();
                let model = by.map_or(&request.model, |by| &by.model).clone();
                let cost = client.profile(&model).prices.cost(&answer.usage, None);
                let cost = cost.ok_or_else(|| format!("the price of {model} is not known"))?;
                Ok::<_, BoxError>(Line { topic: answer.value.topic, model, cost })
            }
        })
        .named("classify")
        .parallel(16)
        .boxed()
}

fn lines() -> impl Iterator<Item = String> {
    let wishes = [
        "I would like a refund, please.",
        "When does the delivery come? It is late.",
        "There is no invoice in the parcel.",
        "I forgot my password and cannot log in.",
    ];
    wishes.into_iter().cycle().take(LINES).enumerate().map(|(number, wish)| format!("Order {number}: {wish}"))
}
