//! Prompt caching: where cache points go, what they brought, and why nothing was read.
//!
//! The service keeps what a model has read up to a cache point, and a later request whose beginning is the same, byte
//! for byte, reads it back for a tenth of the price. [`CachePlan`] places the points, [`CacheReport`] says what a call
//! read and wrote, and [`first_difference`] finds what keeps two requests from sharing their beginning.

mod difference;
mod plan;
mod report;

pub use difference::{DifferenceKind, PrefixDifference, PrefixPart, first_difference};
pub use plan::CachePlan;
pub use report::{CacheReport, CacheVerdict};

use crate::content::tool::Tool;
use crate::{ChatRequest, ContentBlock, SystemContentBlock};

/// The fewest tokens before a point where nobody knows: what most Claude and Nova models want.
const MIN_TOKENS: u64 = 1024;

/// How many cache points there are in a request.
fn count_points(request: &ChatRequest) -> usize {
    let tools = request.tool_config.iter().flat_map(|config| &config.tools);
    let blocks = request.messages.iter().flat_map(|message| &message.content);
    tools.filter(|tool| matches!(tool, Tool::CachePoint(_))).count()
        + request
            .system
            .iter()
            .flatten()
            .filter(|block| matches!(block, SystemContentBlock::CachePoint(_)))
            .count()
        + blocks.filter(|block| matches!(block, ContentBlock::CachePoint(_))).count()
}
