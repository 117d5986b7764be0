//! Mixing of bits, the same on every machine and in every version.

/// The golden ratio in 64 bits, by which `SplitMix64` goes on.
pub(crate) const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

/// The finisher of `SplitMix64` (Steele, Lea and Flood, 2014): every bit of the outcome depends on every bit given.
pub(crate) fn mix(mut bits: u64) -> u64 {
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}
