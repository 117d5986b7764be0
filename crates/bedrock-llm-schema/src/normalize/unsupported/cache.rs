//! Cache points that a model does not take. They change what a call costs, never what it means.

use super::Settler;
use crate::content::tool::Tool;
use crate::content::{CachePointBlock, ContentKind};
use crate::model::facts::{CacheFacts, CachePlace};
use crate::{CacheTtl, ChatRequest, ContentBlock, SystemContentBlock};

pub(super) fn settle(request: &mut ChatRequest, settler: &mut Settler<'_>) {
    places(request, settler);
    count(request, settler);
    ttls(request, settler);
}

/// A cache point and where it stands.
struct Point<'a> {
    place: CachePlace,
    path: String,
    /// The kind of the block before it in its turn, if no point may stand right after that.
    barred_by: Option<ContentKind>,
    point: &'a mut CachePointBlock,
}

/// Visits every cache point, in the order in which the model reads; one for which `keep` is false goes.
fn retain(request: &mut ChatRequest, facts: &CacheFacts, mut keep: impl FnMut(Point<'_>) -> bool) {
    if let Some(config) = &mut request.tool_config {
        let mut index = 0..;
        config.tools.retain_mut(|tool| {
            let path = format!("toolConfig.tools[{}].cachePoint", index.next().unwrap_or(0));
            let Tool::CachePoint(point) = tool else { return true };
            keep(Point { place: CachePlace::Tools, path, barred_by: None, point })
        });
    }
    if let Some(blocks) = request.system.as_mut().filter(|blocks| !blocks.is_empty()) {
        let mut index = 0..;
        blocks.retain_mut(|block| {
            let path = format!("system[{}].cachePoint", index.next().unwrap_or(0));
            let SystemContentBlock::CachePoint(point) = block else { return true };
            keep(Point { place: CachePlace::System, path, barred_by: None, point })
        });
        if blocks.is_empty() {
            request.system = None;
        }
    }
    for (turn, message) in request.messages.iter_mut().enumerate() {
        let (mut index, mut before) = (0.., None);
        message.content.retain_mut(|block| {
            let index = index.next().unwrap_or(0);
            let bar = facts.bars_points_after(block).then(|| block.kind());
            let barred_by = std::mem::replace(&mut before, bar);
            let ContentBlock::CachePoint(point) = block else { return true };
            let path = format!("messages[{turn}].content[{index}].cachePoint");
            let is_kept = keep(Point { place: CachePlace::Messages, path, barred_by, point });
            if !is_kept {
                before = barred_by;
            }
            is_kept
        });
    }
}

fn places(request: &mut ChatRequest, settler: &mut Settler<'_>) {
    let profile = settler.profile;
    let takes_none = profile.features.prompt_caching == Some(false);
    let facts = &profile.cache;
    retain(request, facts, |point| {
        let is_elsewhere = facts.places.as_ref().is_some_and(|places| !places.contains(&point.place));
        let (rule, cannot) = match point.barred_by {
            _ if takes_none => ("R-CACHE", "the model takes no cache points".to_owned()),
            _ if is_elsewhere => ("R-CACHE-PLACE", "the model takes no cache points here".to_owned()),
            Some(kind) => ("R-CACHE-PLACE", format!("the model takes no cache point after this {kind}")),
            None => return true,
        };
        !settler.degrades(rule, point.path, &cannot, "left out")
    });
}

/// Keeps those of tools and system, which the most requests share, and of the messages' the last, which reach
/// furthest.
fn count(request: &mut ChatRequest, settler: &mut Settler<'_>) {
    let Some(max) = settler.profile.cache.max_points.and_then(|max| usize::try_from(max).ok()) else {
        return;
    };
    let mut places = Vec::new();
    retain(request, &settler.profile.cache, |point| {
        places.push(point.place);
        true
    });
    if places.len() <= max || settler.profile.features.prompt_caching == Some(false) {
        return;
    }
    let cannot = format!("the model takes {max} cache points, not {}", places.len());
    let mut order: Vec<usize> = (0..places.len()).collect();
    order.sort_by_key(|&index| (std::cmp::Reverse(places.get(index)), index));
    order.truncate(places.len() - max);
    let mut index = 0..;
    retain(request, &settler.profile.cache, |point| {
        let is_too_many = index.next().is_some_and(|index| order.contains(&index));
        !is_too_many || !settler.degrades("R-CACHE-COUNT", point.path, &cannot, "left out")
    });
}

/// A life that is not taken becomes the default one, and so does one that is longer than one before it.
fn ttls(request: &mut ChatRequest, settler: &mut Settler<'_>) {
    let profile = settler.profile;
    let mut is_shortened = false;
    retain(request, &profile.cache, |Point { path, point, .. }| {
        let is_known = |ttl: &&CacheTtl| !matches!(ttl, CacheTtl::Unknown(_));
        let taken = profile.cache.ttls.as_ref();
        let refused =
            point.ttl.as_ref().filter(is_known).filter(|ttl| taken.is_some_and(|it| !it.contains(ttl)));
        let cannot = match (refused, &point.ttl) {
            (Some(CacheTtl::FiveMinutes), _) => {
                settler.mended("R-CACHE-TTL", format!("{path}.ttl"), "left out: it is so anyway");
                point.ttl = None;
                None
            }
            (Some(ttl), _) => Some(format!("the model keeps no cache for {ttl}")),
            (None, Some(CacheTtl::OneHour)) if is_shortened => {
                Some("a longer life after a shorter one is refused".to_owned())
            }
            _ => None,
        };
        if let Some(cannot) = cannot
            && settler.degrades("R-CACHE-TTL", format!("{path}.ttl"), &cannot, "the default in its place")
        {
            point.ttl = None;
        }
        is_shortened |= matches!(point.ttl, None | Some(CacheTtl::FiveMinutes));
        true
    });
}
