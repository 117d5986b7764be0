//! Rules about cache points.

use super::place::{self, Place};
use super::rule::{RuleReport, Subject};
use super::tools::malformed;
use crate::model::facts::CachePlace;
use crate::{CachePointBlock, CacheTtl, ChatRequest, ContentBlock, SystemContentBlock, Tool};

/// Where a cache point stands.
#[derive(Debug, Clone, Copy)]
enum Stand {
    Tools(usize),
    System(usize),
    Messages(Place),
}

impl Stand {
    fn part(self) -> CachePlace {
        match self {
            Self::Tools(_) => CachePlace::Tools,
            Self::System(_) => CachePlace::System,
            Self::Messages(_) => CachePlace::Messages,
        }
    }

    fn path(self) -> String {
        match self {
            Self::Tools(index) => format!("toolConfig.tools[{index}].cachePoint"),
            Self::System(index) => format!("system[{index}].cachePoint"),
            Self::Messages(place) => format!("{}.cachePoint", place.path()),
        }
    }

    /// As a JSON pointer.
    fn pointer(self) -> String {
        match self {
            Self::Tools(index) => format!("/toolConfig/tools/{index}"),
            Self::System(index) => format!("/system/{index}"),
            Self::Messages(place) => format!("/messages/{}/content/{}", place.turn, place.block),
        }
    }
}

/// Every cache point, in the order in which the model reads.
fn points(request: &ChatRequest) -> impl Iterator<Item = (Stand, &CachePointBlock)> + Clone {
    let tools = request.tool_config.iter().flat_map(|config| config.tools.iter().enumerate());
    let tools = tools.filter_map(|(index, tool)| match tool {
        Tool::CachePoint(point) => Some((Stand::Tools(index), point)),
        _ => None,
    });
    let system = request.system.iter().flatten().enumerate().filter_map(|(index, block)| match block {
        SystemContentBlock::CachePoint(point) => Some((Stand::System(index), point)),
        _ => None,
    });
    let messages = place::blocks(request).filter_map(|(place, block)| match block {
        ContentBlock::CachePoint(point) => Some((Stand::Messages(place), point)),
        _ => None,
    });
    tools.chain(system).chain(messages)
}

pub(super) fn support(subject: &Subject<'_>, report: &mut RuleReport<'_>) {
    if subject.profile.features.prompt_caching == Some(false)
        && let Some((stand, _)) = points(subject.request).next()
    {
        report.add(stand.path(), "the model takes no cache points", "leave them out");
    }
}

pub(super) fn places(subject: &Subject<'_>, report: &mut RuleReport<'_>) {
    let (cache, request) = (&subject.profile.cache, subject.request);
    if subject.profile.features.prompt_caching == Some(false) {
        return; // said once by the rule before
    }
    for (stand, _) in points(request) {
        if cache.places.as_ref().is_some_and(|taken| !taken.contains(&stand.part())) {
            let says = subject.is_nova().then(|| malformed(&stand.pointer(), "cachePoint"));
            report.add_saying(stand.path(), "the model takes no cache point here", "leave it out", says);
            continue;
        }
        let Stand::Messages(at) = stand else { continue };
        let turn = request.messages.get(at.turn);
        let before = at.block.checked_sub(1).and_then(|block| turn?.content.get(block));
        if let Some(before) = before.filter(|before| cache.bars_points_after(before)) {
            let message = format!("the model takes no cache point right after this {}", before.kind());
            report.add_saying(stand.path(), message, "put it before that, or after the next block", None);
        }
    }
}

pub(super) fn count(subject: &Subject<'_>, report: &mut RuleReport<'_>) {
    let Some(most) = subject.profile.cache.max_points else { return };
    let points = points(subject.request);
    let Some((stand, _)) = usize::try_from(most).ok().and_then(|most| points.clone().nth(most)) else {
        return;
    };
    let found = points.count();
    let (path, message) = (stand.path(), format!("{found} cache points; the model takes {most}"));
    if subject.is_anthropic() {
        let values = [("limit", most.to_string()), ("found", found.to_string())];
        let [limit, found] = values.each_ref().map(|(name, value)| (*name, value.as_str()));
        report.add_with(path, message, "leave some out", &[limit, found]);
    } else {
        report.add_saying(path, message, "leave some out", None);
    }
}

/// Values that are not known are not refused.
pub(super) fn ttl(subject: &Subject<'_>, report: &mut RuleReport<'_>) {
    let mut shortest_before = None;
    for (stand, point) in points(subject.request) {
        let ttl = point.ttl.as_ref();
        let path = || format!("{}.ttl", stand.path());
        if let (Some(ttl), Some(taken)) = (ttl, &subject.profile.cache.ttls)
            && !matches!(ttl, CacheTtl::Unknown(_))
            && !taken.contains(ttl)
        {
            let message = format!("the model takes no cache points of {ttl}");
            report.add_saying(path(), message, "leave `ttl` out", None);
            continue;
        }
        match ttl {
            Some(CacheTtl::OneHour) if shortest_before == Some(CacheTtl::FiveMinutes) => {
                let message = "a longer life after a shorter one";
                let fix = "let lives only shorten in the order tools, system, messages";
                match stand {
                    Stand::Messages(at) if subject.is_anthropic() => {
                        let block = native_block(subject.request, at).to_string();
                        report.add_with(
                            path(),
                            message,
                            fix,
                            &[("turn", &at.turn.to_string()), ("block", &block)],
                        );
                    }
                    _ => report.add_saying(path(), message, fix, None),
                }
            }
            None | Some(CacheTtl::FiveMinutes) => shortest_before = Some(CacheTtl::FiveMinutes),
            _ => {}
        }
    }
}

/// The block that carries the point in Claude's own form, which has no blocks for points.
fn native_block(request: &ChatRequest, at: Place) -> usize {
    let blocks = request.messages.get(at.turn).map_or(&[][..], |turn| &turn.content);
    let before = blocks.iter().take(at.block).filter(|block| !matches!(block, ContentBlock::CachePoint(_)));
    before.count().saturating_sub(1)
}
