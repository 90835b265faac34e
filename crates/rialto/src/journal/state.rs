//! `rialto journal state`: what a journal comes to, as a hash for each service and as lines.

use clap::Args;
use engine::{Engine, StateHash};
use node::journal::{Chain, JournalError};

use super::place::Source;
use super::progress_bar;
use crate::cli::Failure;
use crate::output::say;

/// Options of `rialto journal state`.
#[derive(Args)]
pub(crate) struct StateOptions {
    #[command(flatten)]
    source: Source,
    /// Print what is hashed too, a fact a line, to compare two states with.
    #[arg(long, conflicts_with = "json")]
    facts: bool,
    /// Answer as JSON.
    #[arg(long)]
    json: bool,
}

/// Folds the journal in and says what it comes to.
pub(super) fn run(options: &StateOptions) -> Result<(), Failure> {
    let reader = options.source.reader()?;
    let hosts = options.source.hosts()?;
    let wrong = |error: JournalError| Failure::Wrong(error.to_string());
    let stated = reader.tail().map_err(wrong)?;
    let bar = progress_bar(stated.next_position - 1, "folding in");
    let mut engine = Engine::new(hosts);
    let chain = node::follow_to_end(reader.as_ref(), Chain::genesis(reader.shard()), |record| {
        engine.apply(&record);
        bar.inc(1);
        Ok(())
    });
    bar.finish_and_clear();
    chain.map_err(|error| Failure::Wrong(error.to_string()))?;
    let hashes = engine.state().hashes(hosts);
    let whole = StateHash::of_all(&hashes);
    let position = engine.last().map_or(0, |moment| moment.position);
    if options.json {
        let services: serde_json::Map<_, _> =
            hashes.iter().map(|(context, hash)| (context.to_string(), hash.to_string().into())).collect();
        say!(
            "{}",
            serde_json::json!({ "position": position, "state": whole.to_string(), "services": services })
        );
        return Ok(());
    }
    for (context, hash) in &hashes {
        say!("{:<11} {hash}", context.to_string());
        if options.facts {
            engine.state().tell(*context, &mut |line| say!("  {line}"));
        }
    }
    say!("{:<11} {whole}", "state");
    say!("at position {position}");
    Ok(())
}
