/// What is added from one number to the next.
const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

/// The numbers of SplitMix64 (Steele et al. 2014): few lines, and the same everywhere for ever.
#[derive(Debug, Clone)]
pub struct SplitMix(u64);

impl SplitMix {
    /// Those of a seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next one, evenly in 0.0..1.0.
    pub fn unit(&mut self) -> f64 {
        let unit = unit(hash(self.0));
        self.0 = self.0.wrapping_add(STEP);
        unit
    }
}

/// The first number of a seed: a good hash of it.
pub(super) fn hash(seed: u64) -> u64 {
    let z = seed.wrapping_add(STEP);
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// Evenly in 0.0..1.0.
pub(super) fn unit(hash: u64) -> f64 {
    (hash >> 11) as f64 / (1_u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_are_those_of_the_reference() {
        // Of `splitmix64.c` by Vigna, seeded with 1234567.
        assert_eq!(hash(1_234_567), 6_457_827_717_110_365_317);
        assert_eq!(
            hash(1_234_567_u64.wrapping_add(STEP)),
            3_203_168_211_198_807_973
        );
        let mut numbers = SplitMix::new(1_234_567);
        assert_eq!(numbers.unit(), unit(6_457_827_717_110_365_317));
        assert_eq!(numbers.unit(), unit(3_203_168_211_198_807_973));
    }
}
