//! Reads a text into values of a type, whole and as they grow.

use bedrock_llm::ChatRequest;
use bedrock_llm::client::extract::ExtractError;
use bedrock_llm::local::{LocalBedrock, Reply};

/// A person who is named in the text.
#[derive(Debug, serde::Deserialize, schemars::JsonSchema)]
struct Person {
    /// First and last name.
    name: String,
    /// In whole years.
    #[schemars(range(max = 150))]
    age: Option<u8>,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let (builder, local) = examples::connect().await?;
    // no model is at hand offline: these answers are given, the first one with a mistake in it
    let script = local.is_some().then(|| {
        let mistaken = r#"{"value": [{"name": "Ada Lovelace", "age": 360}]}"#;
        let right = r#"{"value": [{"name": "Ada Lovelace", "age": 36}, {"name": "Charles Babbage"}]}"#;
        LocalBedrock::builder().reply(Reply::text(mistaken)).reply(Reply::text(right).forever())
    });
    let scripted = match script {
        Some(script) => Some(script.start().await?),
        None => None,
    };
    let client = match &scripted {
        Some(scripted) => builder.endpoint_url(scripted.endpoint()),
        None => builder,
    };
    let client = client.build().await?;
    let request = ChatRequest::new("us.amazon.nova-lite-v1:0")
        .message("Who is named here? Ada Lovelace was 36 when Charles Babbage last wrote to her.")
        .max_tokens(500);

    let people = client.extract::<Vec<Person>>(request.clone()).await.inspect_err(|error| {
        if let Some(why) = ExtractError::of(error) {
            eprintln!("{} answers did not fit; the last was: {}", why.attempts, why.raw);
        }
    })?;
    println!("{} tokens, {} answers:", people.usage.total(), people.attempts);
    for person in people.value {
        println!("{}, {}", person.name, person.age.map_or("?".to_owned(), |age| age.to_string()));
    }

    let mut stream = client.extract_stream::<Vec<Person>>(request).await?;
    while let Some(partial) = stream.next().await {
        println!("reading: {}", partial?.json);
    }
    Ok(())
}
