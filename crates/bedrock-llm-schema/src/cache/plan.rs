//! [`CachePlan`]: where cache points go.

use super::{MIN_TOKENS, count_points};
use crate::content::ContentKind;
use crate::content::tool::Tool;
use crate::model::{CachePlace, ModelProfile};
use crate::normalize::{Change, ChangeKind, Changes};
use crate::tokens::Weights;
use crate::{CachePointBlock, CacheTtl, ChatRequest, ContentBlock, Role, SystemContentBlock};

/// The most points where the profile does not know: 4 for all families that have them.
const MAX_POINTS: usize = 4;

/// The blocks right after which no point stands where the profile does not know: Claude refuses one after reasoning
/// (<https://github.com/anomalyco/opencode/issues/36517>) and after documents other than PDF
/// (<https://github.com/strands-agents/harness-sdk/issues/1966>).
const NOT_AFTER: &[ContentKind] = &[ContentKind::ReasoningContent, ContentKind::Document];

/// Where cache points go in a request, within the limits of its model.
///
/// Points go to the end of the tools, to the end of the system prompt, and to the end of the user's last turns
/// (*history anchors*), as far as the model's [profile](ModelProfile) allows. Of two anchors the later one writes what
/// the next call reads, and the earlier one stands where the call before wrote, so that in a growing conversation each
/// call reads all but its newest turns. A point is placed only where the tokens before it, as estimated, are about as
/// many as the model wants; the estimate may be a quarter short, since the service passes over a point that comes too
/// early. None is placed right after a block where the family refuses it: such a turn's point moves in front of it.
///
/// A request that has a cache point of your own is left as it is. So apply the plan to the conversation as you keep it,
/// not to what the plan gave for an earlier call. Where the model cannot cache, or nobody knows, nothing is placed and
/// the list of changes says so.
///
/// Writing costs more than plain input: for a single call leave the history out by
/// [`history_anchors(0)`](Self::history_anchors).
///
/// ```
/// use bedrock_llm_schema::model::{CachePlace, ModelProfile};
/// use bedrock_llm_schema::{CachePlan, ChatRequest};
///
/// let mut claude = ModelProfile::new("anthropic.claude-sonnet-4-5-20250929-v1:0");
/// claude.features.prompt_caching = Some(true);
/// claude.cache.places = Some(vec![CachePlace::Tools, CachePlace::System, CachePlace::Messages]);
/// claude.cache.min_tokens = Some(1024);
///
/// let mut request = ChatRequest::new(claude.id.clone()).system("Answer as a pirate. ".repeat(500)).message("Hello!");
/// let changes = CachePlan::auto().apply(&mut request, &claude);
/// let paths: Vec<_> = changes.iter().map(|change| change.path.as_str()).collect();
/// assert_eq!(paths, ["system[1]", "messages[0].content[1]"]);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct CachePlan {
    /// Whether a point goes to the end of the tools.
    pub tools: bool,
    /// Whether a point goes to the end of the system prompt.
    pub system: bool,
    /// How many of the user's last turns get a point at their end.
    pub history_anchors: usize,
    /// How long entries live. `None` says nothing, which is five minutes.
    pub ttl: Option<CacheTtl>,
    /// How long entries of the history live, where not as long as the rest.
    pub history_ttl: Option<CacheTtl>,
}

impl Default for CachePlan {
    fn default() -> Self {
        Self { tools: true, system: true, history_anchors: 2, ttl: None, history_ttl: None }
    }
}

/// A place for a point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Spot {
    Tools,
    System,
    /// Behind this many blocks of this message.
    Message(usize, usize),
}

impl CachePlan {
    /// Points after tools and system prompt and at the user's last two turns, for five minutes.
    #[must_use]
    pub fn auto() -> Self {
        Self::default()
    }

    /// Sets whether a point goes to the end of the tools.
    #[must_use]
    pub fn tools(mut self, place: bool) -> Self {
        self.tools = place;
        self
    }

    /// Sets whether a point goes to the end of the system prompt.
    #[must_use]
    pub fn system(mut self, place: bool) -> Self {
        self.system = place;
        self
    }

    /// Sets how many of the user's last turns get a point at their end; with fewer than two, models that look only at
    /// a request's own points never read the history.
    #[must_use]
    pub fn history_anchors(mut self, anchors: usize) -> Self {
        self.history_anchors = anchors;
        self
    }

    /// Sets how long entries live. Where the profile knows that the model does not offer this, nothing is said; nor are
    /// five minutes where an hour is not known to be offered, for they are what silence means.
    #[must_use]
    pub fn ttl(mut self, ttl: CacheTtl) -> Self {
        self.ttl = Some(ttl);
        self
    }

    /// Sets how long entries of the history live, if not as long as tools and system prompt. Longer lives must come
    /// first in a request: if this is the longer one, it holds for all.
    #[must_use]
    pub fn history_ttl(mut self, ttl: CacheTtl) -> Self {
        self.history_ttl = Some(ttl);
        self
    }

    /// Places the points, and says where. Paths count the points placed.
    ///
    /// Where the model allows fewer points than there are places, the system prompt comes first, then the newest two
    /// anchors, then the tools.
    pub fn apply(&self, request: &mut ChatRequest, profile: &ModelProfile) -> Vec<Change> {
        let mut changes = Changes::default();
        self.place(request, profile, &mut changes);
        changes.into_list()
    }

    pub(crate) fn place(&self, request: &mut ChatRequest, profile: &ModelProfile, changes: &mut Changes) {
        if count_points(request) > 0 {
            return;
        }
        let refusal = match profile.features.prompt_caching {
            Some(true) => None,
            Some(false) => Some("no cache points are placed: the model does not take them"),
            None => Some("no cache points are placed: whether the model takes them is unknown"),
        };
        if let Some(refusal) = refusal {
            changes.add("R-CACHE", "modelId", refusal, ChangeKind::Warned);
            return;
        }
        let (ttl, history_ttl) = self.ttls(profile, changes);
        let spots = self.spots(request, profile);
        // from the back, so that places further in front stay where they are
        let mut placed: Vec<_> =
            spots.into_iter().rev().map(|spot| insert(request, spot, &ttl, &history_ttl)).collect();
        placed.reverse();
        for path in placed.into_iter().flatten() {
            changes.add("R-CACHE-PLACE", path, "a cache point was placed", ChangeKind::Added);
        }
    }

    /// The lives of entries in front of the history and in it, none of them unknown to the model.
    fn ttls(&self, profile: &ModelProfile, changes: &mut Changes) -> (Option<CacheTtl>, Option<CacheTtl>) {
        let mut offered = |ttl: &Option<CacheTtl>| {
            let ttl = ttl.clone()?;
            let offers_one_hour =
                || profile.cache.ttls.iter().flatten().any(|known| *known == CacheTtl::OneHour);
            // five minutes is what saying nothing means, and models that offer nothing else refuse the word
            if ttl == CacheTtl::FiveMinutes && !offers_one_hour() {
                return None;
            }
            if profile.cache.ttls.as_ref().is_none_or(|known| known.contains(&ttl)) {
                return Some(ttl);
            }
            let message = format!("cache points say no ttl: the model does not offer {ttl}");
            changes.add("R-CACHE-TTL", "modelId", message, ChangeKind::Degraded);
            None
        };
        let front = offered(&self.ttl);
        let history = if self.history_ttl.is_some() { offered(&self.history_ttl) } else { front.clone() };
        let is_longer = |ttl: &Option<CacheTtl>| *ttl == Some(CacheTtl::OneHour);
        let front = if is_longer(&history) { history.clone() } else { front };
        (front, history)
    }

    /// The places in the order in which the model reads them.
    fn spots(&self, request: &ChatRequest, profile: &ModelProfile) -> Vec<Spot> {
        // Nova refuses points among the tools, so they need a profile that knows.
        let allows = |place| match &profile.cache.places {
            Some(places) => places.contains(&place),
            None => place != CachePlace::Tools,
        };
        let min = profile.cache.min_tokens.unwrap_or(MIN_TOKENS);
        let is_enough = |tokens: u64| tokens.saturating_mul(4) >= min.saturating_mul(3);
        let is_barred = |block: &ContentBlock| {
            let by_guess = profile.cache.not_after.is_none() && NOT_AFTER.contains(&block.kind());
            by_guess || profile.cache.bars_points_after(block)
        };

        let mut spots = Vec::new();
        let tools = request.tool_config.as_ref().map_or(&[][..], |config| &config.tools);
        let weights = Weights::of(&request.model);
        let mut tokens: u64 = tools.iter().map(|tool| weights.tool(tool)).sum();
        if self.tools && allows(CachePlace::Tools) && is_enough(tokens) && !tools.is_empty() {
            spots.push(Spot::Tools);
        }
        let system = request.system.as_deref().unwrap_or_default();
        tokens += system.iter().map(|block| weights.system(block)).sum::<u64>();
        let can_follow = !system.is_empty();
        if self.system && allows(CachePlace::System) && is_enough(tokens) && can_follow {
            spots.push(Spot::System);
        }
        if allows(CachePlace::Messages) {
            let mut anchors = Vec::new();
            for (turn, message) in request.messages.iter().enumerate() {
                let last = message.content.iter().rposition(|block| !is_barred(block));
                if let Some(last) = last.filter(|_| message.role == Role::User) {
                    let before: u64 =
                        message.content.iter().take(last + 1).map(|block| weights.block(block)).sum();
                    if is_enough(tokens + before) {
                        anchors.push(Spot::Message(turn, last + 1));
                    }
                }
                tokens += weights.turn(message);
            }
            spots.extend(anchors.split_off(anchors.len().saturating_sub(self.history_anchors)));
        }
        let max =
            profile.cache.max_points.map_or(MAX_POINTS, |max| usize::try_from(max).unwrap_or(usize::MAX));
        within(spots, max)
    }
}

/// The most useful of the places, still in order.
fn within(mut spots: Vec<Spot>, max: usize) -> Vec<Spot> {
    let anchors = |spots: &[Spot]| spots.iter().filter(|spot| matches!(spot, Spot::Message(..))).count();
    while spots.len() > max {
        let least = match anchors(&spots) {
            3.. => spots.iter().position(|spot| matches!(spot, Spot::Message(..))),
            _ if spots.first() == Some(&Spot::Tools) => Some(0),
            1.. => spots.iter().position(|spot| matches!(spot, Spot::Message(..))),
            0 => None,
        };
        spots.remove(least.unwrap_or(0));
    }
    spots
}

/// Puts a point in its place, and says where that is.
fn insert(
    request: &mut ChatRequest,
    spot: Spot,
    ttl: &Option<CacheTtl>,
    history_ttl: &Option<CacheTtl>,
) -> Option<String> {
    let point = |ttl: &Option<CacheTtl>| CachePointBlock { ttl: ttl.clone(), ..CachePointBlock::default() };
    Some(match spot {
        Spot::Tools => {
            let tools = &mut request.tool_config.as_mut()?.tools;
            tools.push(Tool::CachePoint(point(ttl)));
            format!("toolConfig.tools[{}]", tools.len() - 1)
        }
        Spot::System => {
            let system = request.system.as_mut()?;
            system.push(SystemContentBlock::CachePoint(point(ttl)));
            format!("system[{}]", system.len() - 1)
        }
        Spot::Message(turn, at) => {
            let content = &mut request.messages.get_mut(turn)?.content;
            let at = at.min(content.len());
            content.insert(at, ContentBlock::CachePoint(point(history_ttl)));
            format!("messages[{turn}].content[{at}]")
        }
    })
}

#[cfg(test)]
mod tests;
