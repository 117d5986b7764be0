//! `bedrock-llm pipeline graph`: a drawing.

use std::io::Write as _;
use std::path::PathBuf;

use bedrock_llm_client::Client;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// TOML file that declares the pipeline.
    file: PathBuf,
    /// For which program.
    #[arg(long, value_enum, default_value = "mermaid")]
    format: Format,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum Format {
    Mermaid,
    /// For Graphviz: `| dot -Tsvg > pipeline.svg`.
    Dot,
}

pub(super) async fn run(args: &Args) -> anyhow::Result<()> {
    // kinds want a client; nothing is called
    let client = Client::builder().region("us-east-1").credentials("none", "none", None).build().await?;
    let pipeline = super::load(&args.file, client)?;
    let drawing = match args.format {
        Format::Mermaid => pipeline.to_mermaid(),
        Format::Dot => pipeline.to_dot(),
    };
    write!(std::io::stdout(), "{drawing}")?;
    Ok(())
}
