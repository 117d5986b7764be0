//! Prompt caching: points placed by plan, what each call read and wrote, and why a read failed to come.

use bedrock_llm::schema::cache::first_difference;
use bedrock_llm::schema::{CachePlan, CacheReport, Normalizer};
use bedrock_llm::{ChatRequest, Message};

const MODEL: &str = "us.anthropic.claude-sonnet-4-5-20250929-v1:0";

/// Long enough to be worth caching: models want 1,024 tokens or more before a cache point.
fn handbook(edition: &str) -> String {
    let rules = (1..=200)
        .map(|n| format!("Rule {n}: item number {n} is to be handled with care and written down.\n"));
    std::iter::once(format!("Handbook, {edition}.\n")).chain(rules).collect()
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let (builder, _local) = examples::connect().await?;
    let client = builder.normalizer(Normalizer::new().cache(CachePlan::auto())).build().await?;

    let mut first = ChatRequest::new(MODEL).system(handbook("first edition")).message("Name three moons.");
    first = first.max_tokens(100);
    let answer = client.chat(first.clone()).await?;
    for change in &answer.changes {
        println!("{change}");
    }
    tell("first call", &answer.cache_report(&first));

    let mut second = first.clone().message(answer.message).message("Which is the largest?");
    let answer = client.chat(second.clone()).await?;
    tell("second call", &answer.cache_report(&second));

    // somebody edits the beginning, and nothing can be read any more
    second.system = Some(vec![handbook("second edition").into()]);
    let third = second.message(Message::assistant("Titan.")).message("And the smallest?");
    let answer = client.chat(third.clone()).await?;
    tell("third call", &answer.cache_report(&third));
    if let Some(difference) = first_difference(&first, &third) {
        println!("why: {difference}");
    }
    Ok(())
}

fn tell(call: &str, report: &CacheReport) {
    println!(
        "{call}: {:?}, {} tokens read, {} written, {} beside the cache",
        report.verdict, report.read, report.written, report.uncached
    );
}
