//! `bedrock-llm models`: what the catalog knows.

use bedrock_llm_schema::model::{KnownFact, Mode, ModelIdKind, ModelProfile, Price};
use bedrock_llm_schema::{Catalog, ModelId};

use crate::print;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Only models whose id contains this; with --facts, the whole id or ARN of one model.
    filter: Option<String>,
    /// Print all facts as JSON, one model a line; with --facts, one fact a line.
    #[arg(long)]
    json: bool,
    /// Print every known fact of one model: what it takes and refuses, and where and when that was learned.
    #[arg(long, requires = "filter")]
    facts: bool,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    if let Some(id) = args.filter.as_deref().filter(|_| args.facts) {
        return facts(&ModelId::from(id), args.json);
    }
    let part = args.filter.as_deref().unwrap_or_default().to_lowercase();
    let wanted = |model: &&ModelProfile| model.id.as_str().to_lowercase().contains(&part);
    let models: Vec<&ModelProfile> = Catalog::builtin().iter().filter(wanted).collect();
    anyhow::ensure!(
        !models.is_empty(),
        "no model id contains {:?}",
        args.filter.as_deref().unwrap_or_default()
    );
    if args.json {
        for model in models {
            print::line(serde_json::to_string(model)?)?;
        }
        return Ok(());
    }
    let width = models.iter().map(|model| model.id.as_str().len()).max().unwrap_or_default();
    print::line(format_args!(
        "{:<width$}  {:<16} {:>10} {:>8}  {:>9} {:>9}  features",
        "model id", "mode", "input", "output", "$/M in", "$/M out"
    ))?;
    for model in models {
        print::line(format_args!(
            "{:<width$}  {:<16} {:>10} {:>8}  {:>9} {:>9}  {}",
            model.id.as_str(),
            mode(model),
            number(model.max_input_tokens),
            number(model.max_output_tokens),
            per_million(model, model.prices.input),
            per_million(model, model.prices.output),
            features(model).join(" "),
        ))?;
    }
    eprintln!(
        "Limits in tokens; prices on demand, in US dollars per million tokens, as of {}. - is unknown, or paid otherwise.",
        Catalog::builtin().taken()
    );
    Ok(())
}

/// Every fact of one model, which need not be listed: its family's facts hold for it too.
fn facts(id: &ModelId, json: bool) -> anyhow::Result<()> {
    let catalog = Catalog::builtin();
    anyhow::ensure!(
        catalog.get(id).is_some() || id.kind() != ModelIdKind::Unknown,
        "`{id}` is no id of a model; `bedrock-llm models {id}` lists those whose id contains it"
    );
    let facts = catalog.sources(id);
    anyhow::ensure!(!facts.is_empty(), "nothing is known of `{id}`: its id does not tell which model it is");
    if json {
        for fact in facts {
            print::line(serde_json::to_string(&fact)?)?;
        }
        return Ok(());
    }
    let width = |column: fn(&KnownFact) -> usize| facts.iter().map(column).max().unwrap_or_default();
    let paths = width(|fact| fact.path.len());
    let values = width(|fact| fact.value.to_string().len()).min(40);
    for fact in &facts {
        let (source, date) = (fact.source.as_deref().unwrap_or("price map"), fact.date.as_deref());
        print::line(format_args!(
            "{:<paths$}  {:<values$}  {}  {source}",
            fact.path,
            fact.value.to_string(),
            date.unwrap_or(&format!("{:<10}", catalog.taken())),
        ))?;
    }
    Ok(())
}

fn number(value: Option<u64>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| value.to_string())
}

/// Dollars per million tokens; nothing where a model is paid for otherwise, as rerankers are by the query.
fn per_million(model: &ModelProfile, price: Option<Price>) -> String {
    let price = price.filter(|_| model.prices.query.is_none() && model.mode != Some(Mode::Rerank));
    // a display of a price, not a sum: three digits are enough
    let dollars = price.and_then(|price| price.to_string().parse::<f64>().ok()).map(|dollars| dollars * 1e6);
    dollars.map_or_else(|| "-".to_owned(), |dollars| format!("{dollars:.3}"))
}

fn features(model: &ModelProfile) -> Vec<&'static str> {
    let features = &model.features;
    let known = [
        ("tools", features.tool_use),
        ("vision", features.vision),
        ("pdf", features.pdf_input),
        ("reasoning", features.reasoning),
        ("caching", features.prompt_caching),
        ("json-schema", features.structured_output),
    ];
    known.into_iter().filter_map(|(name, has)| (has == Some(true)).then_some(name)).collect()
}

/// The mode by its name in the catalog.
fn mode(model: &ModelProfile) -> String {
    let name = serde_json::to_value(model.mode).ok();
    name.as_ref().and_then(serde_json::Value::as_str).unwrap_or("-").to_owned()
}
