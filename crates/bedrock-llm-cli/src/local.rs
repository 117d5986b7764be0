//! `bedrock-llm local`: serves the local endpoint until it is stopped.

use std::path::PathBuf;

use anyhow::Context as _;
use bedrock_llm_local::{FaultPlan, LocalBedrock};

use crate::{catalog, print};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Port on 127.0.0.1; 0 takes a free one.
    #[arg(long, default_value_t = 8080)]
    port: u16,
    /// Folder of recorded exchanges to answer from before anything else.
    #[arg(long)]
    replay: Option<PathBuf>,
    /// TOML with facts on models that correct or extend the built-in ones: what is refused goes by them.
    #[arg(long)]
    catalog: Option<PathBuf>,
    /// TOML with what goes wrong, when and for whom; `PUT /_local/faults` sets another plan while the endpoint runs.
    #[arg(long)]
    faults: Option<PathBuf>,
}

pub(crate) async fn run(args: Args) -> anyhow::Result<()> {
    // nobody asks a server what it received
    let mut builder = LocalBedrock::builder().port(args.port).keep_received(0);
    if let Some(file) = &args.catalog {
        builder = builder.catalog(catalog::extended_by(file)?);
    }
    if let Some(folder) = &args.replay {
        builder =
            builder.replay_dir(folder).with_context(|| format!("cannot replay {}", folder.display()))?;
    }
    if let Some(file) = &args.faults {
        let plan = FaultPlan::from_path(file)
            .with_context(|| format!("{} cannot be used as fault plan", file.display()))?;
        builder = builder.faults(plan);
    }
    let local = builder.start().await.with_context(|| format!("cannot listen on 127.0.0.1:{}", args.port))?;
    print::line(format_args!("listening on {}", local.endpoint()))?;
    eprintln!(
        "Rule-based answers, no language model. Point any Bedrock client here, for example:\n  \
         AWS_ENDPOINT_URL_BEDROCK_RUNTIME={} AWS_ACCESS_KEY_ID=local AWS_SECRET_ACCESS_KEY=local aws bedrock-runtime \
         converse --model-id us.amazon.nova-lite-v1:0 --messages '[{{\"role\":\"user\",\"content\":[{{\"text\":\"Hello\"}}]}}]'\n\
         Ctrl-C stops it.",
        local.endpoint()
    );
    tokio::signal::ctrl_c().await.context("cannot wait for Ctrl-C")?;
    local.shutdown().await;
    Ok(())
}
