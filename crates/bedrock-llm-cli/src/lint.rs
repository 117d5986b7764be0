//! `bedrock-llm lint`: what Bedrock would refuse in a request, offline.

use std::borrow::Cow;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use bedrock_llm_schema::model::ModelProfile;
use bedrock_llm_schema::rules::{RULES, check_chat};
use bedrock_llm_schema::{
    Catalog, Change, ChatRequest, Family, ModelId, Normalizer, OnUnsupported, Operation, Violation,
};
use clap::ValueEnum;

use crate::{catalog, print};

/// Exit codes: the request broke rules; it could not be read.
const BROKEN: u8 = 1;
const UNREADABLE: u8 = 2;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// A Converse request body as JSON; - reads standard input.
    #[arg(required_unless_present = "rules")]
    file: Option<PathBuf>,
    /// The model it is for, where the body has no `modelId` or another one is meant.
    #[arg(long)]
    model: Option<ModelId>,
    /// Check it as a stream's request.
    #[arg(long)]
    stream: bool,
    /// Mend what can be mended: rewrites the file, or prints the request where it came from standard input.
    #[arg(long)]
    fix: bool,
    /// With --fix, what to do about something the model cannot do.
    #[arg(long, value_enum, default_value_t, requires = "fix")]
    on_unsupported: Unsupported,
    /// TOML with facts on models that correct or extend the built-in ones.
    #[arg(long)]
    catalog: Option<PathBuf>,
    /// Report as JSON.
    #[arg(long)]
    json: bool,
    /// List the rules instead.
    #[arg(long, conflicts_with_all = ["file", "model", "stream", "fix", "catalog"])]
    rules: bool,
}

#[derive(Clone, Copy, Default, ValueEnum)]
enum Unsupported {
    /// Report it.
    #[default]
    Error,
    /// Leave it out, or put the nearest thing in its place.
    Degrade,
}

/// What was found.
#[derive(serde::Serialize)]
struct Report {
    violations: Vec<Violation>,
    changes: Vec<Change>,
}

/// Exit code 0 where the request keeps all rules, 1 where it does not, 2 where there is no request to check.
pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    if args.rules {
        return rules(args.json).map(|()| ExitCode::SUCCESS);
    }
    let file = args.file.as_deref().unwrap_or(Path::new("-"));
    match read(file) {
        Ok(request) => lint(request, file, args),
        Err(error) => {
            eprintln!("error: {}", print::explain(&error));
            Ok(ExitCode::from(UNREADABLE))
        }
    }
}

fn lint(mut request: ChatRequest, file: &Path, args: &Args) -> anyhow::Result<ExitCode> {
    if let Some(model) = &args.model {
        request.model = model.clone();
    }
    anyhow::ensure!(!request.model.is_empty(), "the request names no model: give --model ID");
    let catalog = match &args.catalog {
        Some(file) => Cow::Owned(catalog::extended_by(file)?),
        None => Cow::Borrowed(Catalog::builtin()),
    };
    let profile = catalog.profile(&request.model);

    let mut changes = Vec::new();
    if args.fix {
        let on_unsupported = match args.on_unsupported {
            Unsupported::Error => OnUnsupported::Error,
            Unsupported::Degrade => OnUnsupported::Degrade,
        };
        let normalized = Normalizer::new().on_unsupported(on_unsupported).normalize(request, &profile);
        (request, changes) = (normalized.request, normalized.changes);
        write(file, &request, !changes.is_empty())?;
    }
    let report = Report { violations: violations(&request, &profile, args.stream), changes };
    print_report(&report, args, file, &request.model, is_unknown(&catalog, &request.model))?;
    Ok(if report.violations.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(BROKEN) })
}

fn is_unknown(catalog: &Catalog, model: &ModelId) -> bool {
    catalog.get(model).is_none() && matches!(model.family(), Family::Unknown | Family::Other(_))
}

fn violations(request: &ChatRequest, profile: &ModelProfile, stream: bool) -> Vec<Violation> {
    let operation = if stream { Operation::ConverseStream } else { Operation::Converse };
    check_chat(request, profile, operation).err().map(|violations| violations.0).unwrap_or_default()
}

fn is_stdin(file: &Path) -> bool {
    file == Path::new("-")
}

fn read(file: &Path) -> anyhow::Result<ChatRequest> {
    let text = if is_stdin(file) {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text).context("standard input cannot be read")?;
        text
    } else {
        std::fs::read_to_string(file).with_context(|| format!("{} cannot be read", file.display()))?
    };
    let json = &mut serde_json::Deserializer::from_str(&text);
    serde_path_to_error::deserialize(json)
        .with_context(|| format!("{} holds no Converse request", file.display()))
}

fn write(file: &Path, request: &ChatRequest, is_changed: bool) -> anyhow::Result<()> {
    let text = serde_json::to_string_pretty(request)?;
    if is_stdin(file) {
        print::line(text)?;
    } else if is_changed {
        std::fs::write(file, text + "\n").with_context(|| format!("{} cannot be written", file.display()))?;
    }
    Ok(())
}

fn print_report(
    report: &Report,
    args: &Args,
    file: &Path,
    model: &ModelId,
    is_unknown: bool,
) -> anyhow::Result<()> {
    // the mended request has standard output for itself
    let say = |line: String| {
        if args.fix && is_stdin(file) {
            eprintln!("{line}");
            Ok(())
        } else {
            print::line(line)
        }
    };
    if args.json {
        return Ok(say(serde_json::to_string_pretty(report)?)?);
    }
    for change in &report.changes {
        say(format!("changed  {change}"))?;
    }
    for violation in &report.violations {
        say(format!("refused  {violation}"))?;
        if let Some(sentence) = &violation.service_message {
            say(format!("         Bedrock says: {sentence}"))?;
        }
    }
    if report.violations.is_empty() {
        say(format!("{model}: keeps all {} rules", RULES.len()))?;
    }
    if is_unknown {
        say(format!(
            "nothing is known of {model}: only what holds for every model was checked (see --catalog)"
        ))?;
    }
    Ok(())
}

fn rules(json: bool) -> anyhow::Result<()> {
    if json {
        return Ok(print::line(serde_json::to_string_pretty(RULES)?)?);
    }
    for rule in RULES {
        print::line(format_args!("{:<18} {} ({})", rule.id, rule.checks, rule.applies_to))?;
        print::line(format_args!("{:<18} mend: {}; source: {}", "", rule.mend, rule.source))?;
    }
    Ok(())
}
