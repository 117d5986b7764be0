//! `bedrock-llm models`: what the catalog knows.

use bedrock_llm_schema::Catalog;
use bedrock_llm_schema::model::{Mode, ModelProfile, Price};

use crate::print;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Only models whose id contains this.
    filter: Option<String>,
    /// Print all facts as JSON, one model a line.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
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
