//! `cargo xtask deps`: the floors of the house, checked on what cargo resolves, and what each crate costs.
//!
//! `rooms` says who may know whom, `graph` asks cargo what is the case, `check` compares the two.

mod check;
mod graph;
mod rooms;

use anyhow::{Result, bail};

use crate::ci::Outcome;
use crate::table::Table;
use graph::Graph;

/// Check who depends on whom, and count the dependencies of each crate.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {}

impl Args {
    /// Prints the table and fails on any violation.
    pub(crate) fn run(self) -> Result<()> {
        step().map(drop)
    }
}

/// A step of CI.
pub(crate) fn step() -> Result<Outcome> {
    let graph = Graph::load()?;
    println!("{}", table(&graph));
    println!(
        "Normal dependencies: direct ones as declared, optional ones too; transitive ones as built on this machine."
    );
    println!(
        "C code: packages among normal and build dependencies that need a C toolchain or a system library."
    );
    let violations = check::check(&graph);
    for violation in &violations {
        println!("VIOLATION {violation}");
    }
    if !violations.is_empty() {
        bail!("{} violations of the floors", violations.len());
    }
    Ok(Outcome::Passed)
}

fn table(graph: &Graph) -> Table {
    let mut table = Table::new(["crate", "direct", "transitive", "with all features", "C code"]);
    for member in &graph.members {
        let c = member.c_code();
        let c = if c.is_empty() { "no".to_owned() } else { format!("yes: {}", c.join(" ")) };
        let [direct, default, all] =
            [member.direct(), member.default_features, member.all_features].map(|count| count.to_string());
        table.row([member.name.clone(), direct, default, all, c]);
    }
    table
}
